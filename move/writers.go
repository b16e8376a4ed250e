package move

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// A Writer keeps messages in files. Text is CRLF lines.
type Writer interface {
	Write(m Message, text io.Reader) error
	Close() error
}

// fileName makes one path element of a mailbox name's level: names are data, and
// nothing in them may lead out of a folder (ATTACKS D11).
func fileName(level string) string {
	var b strings.Builder
	for _, r := range level {
		if r < ' ' || r == 0x7f || strings.ContainsRune(`/\.%:*?"<>|`, r) {
			fmt.Fprintf(&b, "%%%02X", r)
		} else {
			b.WriteRune(r)
		}
	}
	if b.Len() == 0 {
		return "%"
	}
	return b.String()
}

// What a writer leaves is known by these, so that import reads names as they were.
const (
	ownSuffix = ".sealpost"
	ownFrom   = "From sealpost "
)

// MaildirWriter writes a Maildir++: INBOX is the folder itself, others lie below
// it as ".Work.2026".
type MaildirWriter struct {
	Dir string
	// Nameless counts keywords of messages that are not written: a folder names 26.
	Nameless int

	made     map[string]bool
	keywords map[string][]string // by folder, each at the place of its letter
	count    int
}

func (w *MaildirWriter) Write(m Message, text io.Reader) error {
	dir, err := w.folder(m.Mailbox)
	if err != nil {
		return err
	}
	at := m.Received
	if at.IsZero() {
		at = time.Unix(0, 0)
	}
	w.count++
	var unique [8]byte
	rand.Read(unique[:])
	name := fmt.Sprintf("%d.%d_%s"+ownSuffix, at.Unix(), w.count, hex.EncodeToString(unique[:]))
	temp := filepath.Join(dir, "tmp", name)
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, text)
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(temp))
	}
	if err := os.Chtimes(temp, at, at); err != nil {
		return err
	}
	letters, err := w.letters(dir, m.Flags)
	if err != nil {
		return err
	}
	return os.Rename(temp, filepath.Join(dir, "cur", name+":2,"+maildirInfo(m.Flags)+letters))
}

// letters are those of a message's keywords in a folder, which learns new ones.
func (w *MaildirWriter) letters(dir string, flags []string) (string, error) {
	var all []byte
	for _, k := range keywords(flags) {
		known := w.keywords[dir]
		n := slices.IndexFunc(known, func(other string) bool { return strings.EqualFold(k, other) })
		switch {
		case strings.EqualFold(k, "$Forwarded"): // has a letter of its own
			continue
		case n < 0 && len(known) == maxKeywords:
			w.Nameless++
			continue
		case n < 0:
			if w.keywords == nil {
				w.keywords = map[string][]string{}
			}
			n, w.keywords[dir] = len(known), append(known, k)
			if err := addKeyword(dir, n, k); err != nil {
				return "", err
			}
		}
		all = append(all, byte('a'+n))
	}
	slices.Sort(all)
	return string(all), nil
}

// maildirInfo are the letters of flags, in the order of the alphabet.
func maildirInfo(flags []string) string {
	letters := map[string]string{`\draft`: "D", `\flagged`: "F", "$forwarded": "P", `\answered`: "R", `\seen`: "S", `\deleted`: "T"}
	has := map[string]bool{}
	for _, f := range flags {
		has[letters[strings.ToLower(f)]] = true
	}
	var b strings.Builder
	for _, l := range []string{"D", "F", "P", "R", "S", "T"} {
		if has[l] {
			b.WriteString(l)
		}
	}
	return b.String()
}

func (w *MaildirWriter) folder(mailbox string) (string, error) {
	dir := w.Dir
	if mailbox != "INBOX" {
		var levels []string
		for level := range strings.SplitSeq(mailbox, "/") {
			levels = append(levels, fileName(level))
		}
		dir = filepath.Join(w.Dir, "."+strings.Join(levels, "."))
	}
	if w.made[dir] {
		return dir, nil
	}
	for _, sub := range []string{"cur", "new", "tmp"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o700); err != nil {
			return "", err
		}
	}
	if w.made == nil {
		w.made = map[string]bool{}
	}
	w.made[dir] = true
	return dir, nil
}

func (w *MaildirWriter) Close() error { return nil }

// MboxWriter writes a file for each mailbox, as mboxrd: lines "From ", quoted or
// not, get one ">" in front.
type MboxWriter struct {
	Dir   string
	files map[string]*os.File
}

func (w *MboxWriter) Write(m Message, text io.Reader) error {
	f, err := w.file(m.Mailbox)
	if err != nil {
		return err
	}
	out := bufio.NewWriterSize(f, 64<<10)
	fmt.Fprintf(out, ownFrom+"%s\n", m.Received.UTC().Format(time.ANSIC))
	if s := mboxStatus(m.Flags); s != "" {
		out.WriteString(s)
	}
	lines := bufio.NewReaderSize(text, 64<<10)
	for mid := false; ; {
		line, err := lines.ReadSlice('\n')
		if !mid && bytes.HasPrefix(bytes.TrimLeft(line, ">"), []byte("From ")) {
			out.WriteByte('>')
		}
		mid = errors.Is(err, bufio.ErrBufferFull)
		if end, ok := bytes.CutSuffix(line, []byte("\r\n")); ok {
			out.Write(end)
			out.WriteByte('\n')
		} else {
			out.Write(line)
		}
		if err != nil && !mid {
			if err != io.EOF {
				return err
			}
			break
		}
	}
	out.WriteByte('\n')
	return out.Flush()
}

// mboxStatus are header lines that say the flags, as mutt and Dovecot read them.
func mboxStatus(flags []string) string {
	seen, others := "", ""
	for _, f := range flags {
		switch strings.ToLower(f) {
		case `\seen`:
			seen = "Status: RO\n"
		case `\answered`:
			others += "A"
		case `\flagged`:
			others += "F"
		case `\deleted`:
			others += "D"
		case `\draft`:
			others += "T"
		}
	}
	if others != "" {
		others = "X-Status: " + others + "\n"
	}
	if k := keywords(flags); len(k) > 0 {
		others += "X-Keywords: " + strings.Join(k, " ") + "\n"
	}
	return seen + others
}

func (w *MboxWriter) file(mailbox string) (*os.File, error) {
	if f := w.files[mailbox]; f != nil {
		return f, nil
	}
	var levels []string
	for level := range strings.SplitSeq(mailbox, "/") {
		levels = append(levels, fileName(level))
	}
	if err := os.MkdirAll(w.Dir, 0o700); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(w.Dir, strings.Join(levels, ".")+".mbox"), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	if w.files == nil {
		w.files = map[string]*os.File{}
	}
	w.files[mailbox] = f
	return f, nil
}

// Close makes sure of what was written.
func (w *MboxWriter) Close() error {
	var errs []error
	for _, f := range w.files {
		errs = append(errs, f.Sync(), f.Close())
	}
	return errors.Join(errs...)
}
