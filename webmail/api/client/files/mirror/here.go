package mirror

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"sealpost/filestore/sealed"
)

// here is a file or folder of this disk.
type here struct {
	key  string
	path string // from the top
	dir  bool
	size int64
	at   int64 // when it was modified, in nanoseconds
	hash []byte
}

// side is one side as it was seen: by key, which is one for names that systems take for
// one. Of what is blocked nothing is known, nor of what is below.
type side[T any] struct {
	all     map[string]*T
	blocked map[string]bool
}

func newSide[T any]() side[T] { return side[T]{map[string]*T{}, map[string]bool{}} }

// scan looks at this disk. It asks for the key of each name.
type scan struct {
	*Session
	side[here]
	keyOf func(dir, path string) string // of the folder's key and the whole path
	left  []Note
	stale []string // what a call that was ended left
}

func (s *scan) block(key, path, why string) {
	s.blocked[key] = true
	if why != "" {
		s.left = append(s.left, Note{path, why})
	}
}

var errMany = fmt.Errorf("expected at most %d files and folders", mostEntries)

// folder looks at one folder and those below.
func (s *scan) folder(ctx context.Context, key, path string, depth int) error {
	if err := context.Cause(ctx); err != nil {
		return err
	}
	names, err := s.names(path)
	if err != nil {
		if path == "" {
			return fmt.Errorf("read folder: %w", err)
		}
		delete(s.all, key)
		s.block(key, path, "cannot be read: "+plain(err))
		return nil
	}
	for _, e := range names {
		if strings.HasPrefix(e.Name(), Ours) {
			if strings.HasPrefix(e.Name(), part) {
				s.stale = append(s.stale, join(path, e.Name()))
			}
			continue
		}
		at := join(path, e.Name())
		k := s.keyOf(key, at)
		info, err := e.Info()
		switch {
		case errors.Is(err, fs.ErrNotExist): // gone since
			continue
		case err != nil:
			s.block(k, at, "cannot be read: "+plain(err))
			continue
		case s.skipped(at) || s.Ignore.Match(at, info.IsDir()):
			s.block(k, at, "")
			continue
		case !info.IsDir() && !info.Mode().IsRegular():
			s.block(k, at, "neither a file nor a folder (links and devices are not carried)")
			continue
		case info.IsDir() && depth >= sealed.MaxDepth:
			s.block(k, at, fmt.Sprintf("below more than %d folders", sealed.MaxDepth))
			continue
		case info.Size() > sealed.MaxLength && !info.IsDir():
			s.block(k, at, "too large")
			continue
		}
		if other, taken := s.all[k]; taken {
			s.left = append(s.left, Note{at, "has the name of " + other.path + ", but for case or form"})
			continue
		}
		if len(s.all) == mostEntries {
			return errMany
		}
		s.all[k] = &here{key: k, path: at, dir: info.IsDir(), size: info.Size(), at: info.ModTime().UnixNano()}
		if info.IsDir() {
			if err := s.folder(ctx, k, at, depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}

// names lists a folder, those first that were agreed on, so that of two names that are
// one in the drive always the same is carried.
func (s *scan) names(path string) ([]fs.DirEntry, error) {
	f, err := s.root.Open(orTop(path))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	all, err := f.ReadDir(-1)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(all, func(a, b fs.DirEntry) int {
		if ka, kb := s.state.here[join(path, a.Name())] != "", s.state.here[join(path, b.Name())] != ""; ka != kb {
			if ka {
				return -1
			}
			return 1
		}
		return strings.Compare(a.Name(), b.Name())
	})
	return all, nil
}

func orTop(path string) string {
	if path == "" {
		return "."
	}
	return path
}

func (s *Session) skipped(path string) bool {
	if len(s.Skip) == 0 {
		return false
	}
	whole := filepath.Join(s.Dir, path)
	return slices.ContainsFunc(s.Skip, func(p string) bool {
		return whole == p || strings.HasPrefix(whole, p+string(filepath.Separator))
	})
}

// plain is an error without the path, which stands beside it.
func plain(err error) string {
	var at *fs.PathError
	if errors.As(err, &at) {
		return at.Err.Error()
	}
	return err.Error()
}

// errMoving says that a file is not what it was when it was looked at.
var errMoving = errors.New("changed while it was looked at")

// same says whether a file is still as it was seen.
func (h *here) same(info os.FileInfo) bool {
	return info.Mode().IsRegular() && info.Size() == h.size && info.ModTime().UnixNano() == h.at
}

// hashHere reads a file's SHA-256, once.
func (s *Session) hashHere(h *here) ([]byte, error) {
	if h.hash != nil {
		return h.hash, nil
	}
	f, err := s.open(h)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, io.LimitReader(f, h.size+1)); err != nil {
		return nil, err
	}
	if info, err := f.Stat(); err != nil || !h.same(info) {
		return nil, errors.Join(err, errMoving)
	}
	h.hash = sum.Sum(nil)
	return h.hash, nil
}

// open opens a file that is as it was seen.
func (s *Session) open(h *here) (*os.File, error) {
	f, err := s.root.OpenFile(h.path, os.O_RDONLY|nonblock, 0)
	if err != nil {
		return nil, err
	}
	if info, err := f.Stat(); err != nil || !h.same(info) {
		return nil, errors.Join(err, errMoving, f.Close())
	}
	return f, nil
}
