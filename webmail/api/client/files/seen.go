package files

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sys/unix"

	"sealpost/filestore/sealed"
)

// Seen is what this device has seen of folders: no server may show it older ones
// (ATTACKS A03). It survives in a file.
type Seen struct {
	file     string // empty: it does not survive
	mu       sync.Mutex
	versions map[string]uint64
	gone     map[string]bool // forgotten here
	together int             // callers who will say when it is to be written
	unsaved  bool            // by them
}

const mostSeen = 64 << 20

// OpenSeen reads what was seen before; a file that is not there is none.
func OpenSeen(file string) (*Seen, error) {
	s := &Seen{file: file, versions: map[string]uint64{}, gone: map[string]bool{}}
	return s, s.merge()
}

// merge takes over what another program of this device noted meanwhile.
func (s *Seen) merge() error {
	text, err := os.ReadFile(s.file)
	if errors.Is(err, fs.ErrNotExist) || s.file == "" {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read what was seen: %w", err)
	}
	var there map[string]uint64
	if err := json.Unmarshal(text, &there); err != nil || len(text) > mostSeen {
		return fmt.Errorf("read what was seen in %s: expected names of folders and their versions", s.file)
	}
	for name, version := range there {
		if !s.gone[name] {
			s.versions[name] = max(s.versions[name], version)
		}
	}
	return nil
}

func (s *Seen) version(id string) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.versions[id]
}

// note keeps the highest version of a folder.
func (s *Seen) note(id string, version uint64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch was := s.versions[id]; {
	case version < was:
		return fmt.Errorf("read folder: %w", sealed.ErrRolledBack)
	case version == was:
		return nil
	}
	s.versions[id] = version
	delete(s.gone, id)
	if s.unsaved = s.together > 0; s.unsaved {
		return nil
	}
	return s.save()
}

// Together notes many versions at once, which survive when end returns: who reads a tree
// does not wait for the disk at each folder of it.
func (s *Seen) Together() (end func() error) {
	s.mu.Lock()
	s.together++
	s.mu.Unlock()
	return sync.OnceValue(func() error {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.together--; !s.unsaved {
			return nil
		}
		s.unsaved = false
		return s.save()
	})
}

// Hold is Together for what do reads and writes.
func (s *Seen) Hold(do func() error) error {
	end := s.Together()
	return errors.Join(do(), end())
}

// forget is for a folder that is gone for good.
func (s *Seen) forget(id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gone[id] = true
	delete(s.versions, id)
	if s.unsaved = s.together > 0; s.unsaved {
		return nil
	}
	return s.save()
}

// save waits for other programs of this device that note something at the same time: what
// one of them read before another wrote would be forgotten.
func (s *Seen) save() error {
	if s.file == "" {
		return nil
	}
	turn, err := os.OpenFile(s.file+".lock", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("note what was seen: %w", err)
	}
	defer turn.Close() // and so lets go of it
	if err := unix.Flock(int(turn.Fd()), unix.LOCK_EX); err != nil && !errors.Is(err, unix.ENOTSUP) && !errors.Is(err, unix.ENOSYS) {
		return fmt.Errorf("note what was seen: %w", err)
	}
	if err := s.merge(); err != nil {
		return err
	}
	return s.write()
}

func (s *Seen) write() error {
	text, err := json.Marshal(s.versions)
	if err != nil {
		return fmt.Errorf("note what was seen: %w", err)
	}
	return writePrivate(s.file, text)
}

// writePrivate puts a file in the place of another, whole, for its owner only.
func writePrivate(file string, text []byte) error {
	dir, err := os.OpenRoot(filepath.Dir(file))
	if err != nil {
		return fmt.Errorf("write file: %w", err)
	}
	defer dir.Close()
	return writeIn(dir, filepath.Base(file), text)
}

// writeIn is writePrivate within a folder.
func writeIn(dir *os.Root, name string, text []byte) error {
	temp := ".sealpost-" + rand.Text()
	f, err := dir.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("write file: %w", err)
	}
	_, err = f.Write(text)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = dir.Rename(temp, name)
	}
	if err != nil {
		_ = dir.Remove(temp)
		return fmt.Errorf("write file: %w", err)
	}
	return nil
}
