package move

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Maildir is a folder with cur and new in it; others lie below, as ".Work.2026"
// (Maildir++) or as folders of folders.
type Maildir struct {
	Folder  string
	Mailbox string // of the topmost folder
}

func (m Maildir) Total(ctx context.Context) (n int64, unit string) {
	boxes, err := m.boxes()
	if err != nil {
		return 0, "messages"
	}
	for _, b := range boxes {
		for _, sub := range []string{"cur", "new"} {
			names, _ := os.ReadDir(filepath.Join(b.dir, sub))
			n += int64(len(names))
		}
	}
	return n, "messages"
}

type maildirBox struct{ dir, name string }

// Messages lists each folder's messages by the time in their names.
func (m Maildir) Messages(ctx context.Context, j *Journal) iter.Seq2[Message, error] {
	return func(yield func(Message, error) bool) {
		boxes, err := m.boxes()
		if err == nil && len(boxes) == 0 {
			err = fmt.Errorf("%w: found no folder with cur and new in it", ErrSource)
		}
		if err != nil {
			yield(Message{}, fmt.Errorf("read Maildir: %w", err))
			return
		}
		for _, b := range boxes {
			if !m.box(ctx, b, j, yield) {
				return
			}
		}
	}
}

func (m Maildir) boxes() (boxes []maildirBox, err error) {
	err = filepath.WalkDir(m.Folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		if name := d.Name(); path != m.Folder && (name == "cur" || name == "new" || name == "tmp") {
			return filepath.SkipDir
		}
		if info, err := os.Stat(filepath.Join(path, "cur")); err == nil && info.IsDir() {
			rel, err := filepath.Rel(m.Folder, path)
			if err != nil {
				return err
			}
			boxes = append(boxes, maildirBox{path, m.nameOf(path, rel)})
		}
		return nil
	})
	return boxes, err
}

func (m Maildir) nameOf(dir, rel string) string {
	if levels, plus := strings.CutPrefix(rel, "."); plus && levels != "" && ownMaildir(dir) {
		return ownName(levels)
	}
	return m.name(rel)
}

// name makes a mailbox name of a path below the topmost folder.
func (m Maildir) name(rel string) string {
	if rel == "." {
		return m.Mailbox
	}
	var levels []string
	for level := range strings.SplitSeq(filepath.ToSlash(rel), "/") {
		if inner, plus := strings.CutPrefix(level, "."); plus {
			levels = append(levels, strings.Split(inner, ".")...)
		} else {
			levels = append(levels, level)
		}
	}
	for i, l := range levels {
		levels[i] = decodeUTF7(l)
	}
	return standardName(strings.Join(levels, "/"))
}

// standardName maps names that other servers use to those of this one.
func standardName(name string) string {
	switch strings.ToLower(strings.TrimPrefix(name, "INBOX/")) {
	case "sent", "sent items", "sent messages", "sent mail":
		return "Sent"
	case "trash", "deleted items", "deleted messages", "bin":
		return "Trash"
	case "junk", "spam", "junk e-mail", "bulk mail":
		return "Junk"
	case "drafts", "draft":
		return "Drafts"
	case "archive", "archives", "all mail":
		return "Archive"
	}
	return name
}

func (m Maildir) box(ctx context.Context, b maildirBox, j *Journal, yield func(Message, error) bool) bool {
	var found []maildirFile
	for _, sub := range []string{"cur", "new"} {
		names, err := os.ReadDir(filepath.Join(b.dir, sub))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return yield(Message{}, fmt.Errorf("read Maildir: %w", err))
		}
		for _, n := range names {
			if n.Type().IsRegular() && !strings.HasPrefix(n.Name(), ".") {
				found = append(found, newMaildirFile(b.dir, sub, n.Name()))
			}
		}
	}
	slices.SortFunc(found, func(x, y maildirFile) int {
		if c := x.time.Compare(y.time); c != 0 {
			return c
		}
		return strings.Compare(x.unique, y.unique)
	})
	names := readKeywords(b.dir)
	for _, f := range found {
		at := Position{Part: b.dir, Name: f.unique}
		if j.Has(at) {
			continue
		}
		if ctx.Err() != nil {
			return yield(Message{}, ctx.Err()) && false
		}
		if !yield(f.message(b.name, names, at)) {
			return false
		}
	}
	return true
}

type maildirFile struct {
	path, unique, info string
	time               time.Time
}

// newMaildirFile reads a name: seconds since 1970, a dot, what makes it unique, and
// ":2," with a letter for each flag.
func newMaildirFile(dir, sub, name string) maildirFile {
	f := maildirFile{path: filepath.Join(dir, sub, name)}
	f.unique, f.info, _ = strings.Cut(name, ":2,")
	if seconds, _, ok := strings.Cut(name, "."); ok {
		if n, err := strconv.ParseInt(seconds, 10, 64); err == nil && n > 0 && n < 1<<34 {
			f.time = time.Unix(n, 0)
		}
	}
	return f
}

func (f maildirFile) message(box string, names [maxKeywords]string, at Position) (Message, error) {
	info, err := os.Stat(f.path)
	if err != nil {
		return Message{}, &Bad{at, err}
	}
	m := Message{Mailbox: box, Received: info.ModTime(), Position: at, Size: 1}
	letters := map[rune]string{'S': `\Seen`, 'R': `\Answered`, 'F': `\Flagged`, 'T': `\Deleted`, 'D': `\Draft`, 'P': "$Forwarded"}
	for _, c := range f.info {
		if flag, ok := letters[c]; ok {
			m.Flags = append(m.Flags, flag)
		}
		if c >= 'a' && c <= 'z' && names[c-'a'] != "" {
			m.Flags = append(m.Flags, names[c-'a'])
		}
	}
	m.Open = func(context.Context) (io.ReadCloser, error) {
		if info.Size() > MaxMessage {
			return nil, ErrTooLarge
		}
		file, err := os.Open(f.path)
		if err != nil {
			return nil, err
		}
		return struct {
			io.Reader
			io.Closer
		}{newWireLines(file), file}, nil
	}
	return m, nil
}
