package mirror

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"sealpost/filestore/sealed"
)

// agreed is what both sides last had under one key.
type agreed struct {
	Dir   bool   `json:"dir,omitempty"`
	Here  string `json:"here"` // path of this disk
	Name  string `json:"name"` // in the drive
	ID    string `json:"id"`   // of the object or folder
	Size  int64  `json:"size,omitempty"`
	At    int64  `json:"at,omitempty"`   // when it was modified here, in nanoseconds
	Hash  []byte `json:"hash,omitempty"` // SHA-256
	Fresh bool   `json:"fresh,omitempty"`
}

// entry is one line of a journal.
type entry struct {
	Top  string             `json:"top,omitempty"` // id of the drive's folder
	Set  map[string]*agreed `json:"set,omitempty"` // null: forgotten
	Sent []string           `json:"sent,omitempty"`
	Told bool               `json:"told,omitempty"` // what was sent stands where it belongs
}

// state is what was agreed on, as a journal of boxes: one for each step, numbered, so
// that a program that ends leaves at most one that is cut, which is not read.
type state struct {
	file    *os.File // nil: nothing is remembered
	top     string   // id of the drive's folder
	mu      sync.Mutex
	boxes   sealed.Boxes
	number  uint64
	all     map[string]*agreed
	here    map[string]string // key of each path of this disk
	pending map[string]bool   // objects that are stored, or may be, and stand in no folder
	earlier []string          // those of them that an earlier call left, and nobody could look after yet
}

const (
	journal     = "journal"
	journalName = "a mirror of this device" // such a name is not a box's at the server
	mostLine    = 64 << 20
	atOnce      = 5_000 // entries in one line
	oldLines    = 64    // after which a journal is written anew
)

// openState reads a journal. One of another folder of the drive counts for nothing: then
// both sides are put together, and nothing is deleted.
func openState(dir string, boxes sealed.Boxes, top string) (*state, error) {
	s := &state{boxes: boxes, top: top, all: map[string]*agreed{}, here: map[string]string{}, pending: map[string]bool{}}
	if dir == "" || top == "" {
		return s, nil
	}
	name := filepath.Join(dir, journal)
	b, err := os.ReadFile(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read what was agreed on: %w", err)
	}
	whole, of := s.replay(b)
	if of != top {
		clear(s.all)
		clear(s.here)
		whole = 0
	}
	if whole == 0 || s.number > oldLines {
		if err := s.anew(name, top); err != nil {
			return nil, err
		}
	} else if err := os.Truncate(name, int64(whole)); err != nil {
		return nil, fmt.Errorf("read what was agreed on: %w", err)
	}
	if s.file, err = os.OpenFile(name, os.O_WRONLY|os.O_APPEND, 0); err != nil {
		return nil, fmt.Errorf("read what was agreed on: %w", err)
	}
	return s, nil
}

// replay takes over lines as far as they are whole.
func (s *state) replay(b []byte) (whole int, top string) {
	for len(b)-whole >= 4 {
		n := int(binary.BigEndian.Uint32(b[whole:]))
		if n > mostLine || n > len(b)-whole-4 {
			break
		}
		text, err := s.boxes.OpenItem(sealed.Drawer, journalName, s.number+1, b[whole+4:whole+4+n])
		var e entry
		if err != nil || json.Unmarshal(text, &e) != nil {
			break
		}
		s.take(e)
		if e.Top != "" {
			top = e.Top
		}
		s.number++
		whole += 4 + n
	}
	return whole, top
}

func (s *state) take(e entry) {
	for key, a := range e.Set {
		if was := s.all[key]; was != nil && s.here[was.Here] == key {
			delete(s.here, was.Here)
		}
		if a == nil {
			delete(s.all, key)
			continue
		}
		s.all[key], s.here[a.Here] = a, key
	}
	if e.Told {
		clear(s.pending)
	}
	for _, id := range e.Sent {
		s.pending[id] = true
	}
}

// anew writes a journal in the place of another, whole.
func (s *state) anew(name, top string) (err error) {
	s.number = 0
	f, err := os.CreateTemp(filepath.Dir(name), journal+".*")
	if err != nil {
		return fmt.Errorf("write what was agreed on: %w", err)
	}
	s.file = f
	err = s.write(entry{Top: top})
	part := map[string]*agreed{}
	for key, a := range s.all {
		if part[key] = a; len(part) == atOnce && err == nil {
			err = s.write(entry{Set: part})
			part = map[string]*agreed{}
		}
	}
	sent := entry{Set: part}
	for id := range s.pending {
		sent.Sent = append(sent.Sent, id)
	}
	if err == nil {
		err = s.write(sent)
	}
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		os.Remove(f.Name())
		return fmt.Errorf("write what was agreed on: %w", err)
	}
	return nil
}

func (s *state) write(e entry) error {
	text, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("write what was agreed on: %w", err)
	}
	box, err := s.boxes.SealItem(sealed.Drawer, journalName, s.number+1, text)
	if err != nil {
		return fmt.Errorf("write what was agreed on: %w", err)
	}
	var b bytes.Buffer
	b.Write(binary.BigEndian.AppendUint32(nil, uint32(len(box))))
	b.Write(box)
	if _, err := s.file.Write(b.Bytes()); err != nil {
		return fmt.Errorf("write what was agreed on: %w", err)
	}
	s.number++
	return nil
}

// note agrees on something, durably.
func (s *state) note(e entry) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.take(e)
	if s.file == nil {
		return nil
	}
	if err := s.write(e); err != nil {
		return err
	}
	if err := s.file.Sync(); err != nil {
		return fmt.Errorf("write what was agreed on: %w", err)
	}
	return nil
}

// settle says that nothing is pending but what is of earlier calls.
func (s *state) settle() error {
	if len(s.pending) == len(s.earlier) {
		return nil
	}
	return s.note(entry{Told: true, Sent: s.earlier})
}

func (s *state) close() error {
	if s.file == nil {
		return nil
	}
	return s.file.Close()
}
