// Package prove looks for canary words in files, in every form a program might
// write them by accident.
//
// It never knows what wrote a file or what a mail is. It reports where a word
// stands, never what stands around it.
package prove

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// A Hit is one place in which a canary stands.
type Hit struct {
	File   string
	Offset int64  // of its first octet; -1: in the file's name
	Form   string // "raw", "base64", "hex in a zlib stream at 4711", ...
}

func (h Hit) String() string {
	if h.Offset < 0 {
		return fmt.Sprintf("%s: %s in its name", h.File, h.Form)
	}
	return fmt.Sprintf("%s: %s at octet %d", h.File, h.Form, h.Offset)
}

// Report is what was looked at and found.
type Report struct {
	Files    int
	Older    int   // left out, see Options.Since
	Bytes    int64 // as stored
	Inflated int64 // octets that came out of compressed streams
	Hits     []Hit // at most hitsPerFile of each file
	Unread   []string
}

const hitsPerFile = 20

// Options change what the zero value decides.
type Options struct {
	Since time.Time                    // leave out files that were not changed since; zero: look at all
	Tell  func(files int, bytes int64) // how far the scan is; called often, from many goroutines
}

// Scan looks for words in all regular files at and below roots. A file that
// cannot be read is listed in Unread; one that vanishes meanwhile is not there.
// Words should be at least 12 letters and digits, so that chance writes none.
func Scan(ctx context.Context, roots, words []string) (Report, error) {
	return ScanWith(ctx, roots, words, Options{})
}

// ScanWith is Scan with options.
func ScanWith(ctx context.Context, roots, words []string, o Options) (Report, error) {
	if len(words) == 0 || slices.Contains(words, "") {
		return Report{}, errors.New("no word to look for")
	}
	s := &scan{find: newFinder(words), o: o}
	files := make(chan string)
	var readers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		readers.Go(func() {
			for name := range files {
				s.file(ctx, name)
			}
		})
	}
	err := s.walk(ctx, roots, files)
	close(files)
	readers.Wait()
	slices.SortFunc(s.report.Hits, func(a, b Hit) int {
		return 4*strings.Compare(a.File, b.File) + 2*compare(a.Offset, b.Offset) + strings.Compare(a.Form, b.Form)
	})
	return s.report, errors.Join(err, ctx.Err())
}

func compare(a, b int64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

type scan struct {
	find   *finder
	o      Options
	bytes  atomic.Int64
	mu     sync.Mutex
	report Report
}

// walk sends every regular file to files. Links in folders are not followed:
// what they lead to is looked at where it is, if that is below a root.
func (s *scan) walk(ctx context.Context, roots []string, files chan<- string) error {
	seen := make(map[string]bool)
	for _, root := range roots {
		if info, err := os.Stat(root); err == nil && info.Mode().IsRegular() {
			if !seen[root] { // a link that was named is followed
				seen[root] = true
				files <- root
			}
			continue
		}
		err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
			switch {
			case ctx.Err() != nil:
				return ctx.Err()
			case errors.Is(err, fs.ErrNotExist) && name != root:
				return nil
			case err != nil && name == root:
				return fmt.Errorf("look into %s: %w", root, err)
			case err != nil:
				s.unread(name, err)
				return nil
			case !d.Type().IsRegular() || seen[name]:
				return nil
			}
			seen[name] = true
			files <- name
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *scan) unread(name string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.report.Unread = append(s.report.Unread, fmt.Sprintf("%s: %v", name, errors.Unwrap(err)))
}

func (s *scan) file(ctx context.Context, name string) {
	f, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err != nil {
		s.unread(name, err)
		return
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.ModTime().Before(s.o.Since) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.report.Older++
		return
	}
	l := look{find: s.find, file: name, at: f, window: window, told: func(n int64) { s.progress(n) }}
	l.name()
	err = l.all(ctx)
	if err != nil && ctx.Err() == nil {
		s.unread(name, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.report.Files++
	s.report.Bytes += l.size
	s.report.Inflated += l.inflated
	s.report.Hits = append(s.report.Hits, l.hits...)
}

func (s *scan) progress(n int64) {
	total := s.bytes.Add(n)
	if s.o.Tell == nil {
		return
	}
	s.mu.Lock()
	files := s.report.Files
	s.mu.Unlock()
	s.o.Tell(files, total)
}

// Read looks for words in what is not a file, such as a log that is kept in
// memory. name is what hits call it.
func Read(ctx context.Context, name string, r io.ReaderAt, words []string) (Report, error) {
	if len(words) == 0 || slices.Contains(words, "") {
		return Report{}, errors.New("no word to look for")
	}
	l := look{find: newFinder(words), file: name, at: r, window: window, told: func(int64) {}}
	err := l.all(ctx)
	return Report{Files: 1, Bytes: l.size, Inflated: l.inflated, Hits: l.hits}, err
}
