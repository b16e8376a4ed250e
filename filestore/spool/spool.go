// Package spool holds one arriving mail while it is being judged and sealed:
// in memory up to a threshold, beyond it in an unlinked file encrypted under a
// key that exists only in this process (DESIGN 1, rule 1).
//
// It never knows what a mail is. Nothing readable reaches the disk, and
// nothing at all stays after Close or a crash.
package spool

import (
	"errors"
	"io"
	"os"
)

// ErrTooLarge says that more than the spool's maximum was written.
var ErrTooLarge = errors.New("message is larger than this server takes")

// Spool is filled by Write and then read any number of times; it is a mail.Bytes.
// Reads may run concurrently once writing is over. Close comes last.
type Spool struct {
	dir         string
	memory, max int64
	size        int64
	err         error // first failure of Write; there is no way on from it

	ram   [][]byte // chunks, all full but the last; empty once file is set
	vault *vault   // where everything is when memory was not enough
}

// New makes an empty spool: memory bytes stay in RAM, more goes to an encrypted,
// unlinked file in dir; beyond max Write fails with ErrTooLarge.
func New(dir string, memory, max int64) *Spool {
	return &Spool{dir: dir, memory: memory, max: max}
}

// Size is how many bytes were written.
func (s *Spool) Size() int64 { return s.size }

// Write appends p. After an error the spool takes nothing more: the mail in it
// is not whole. A full device is filestore.ErrFull.
func (s *Spool) Write(p []byte) (int, error) {
	if s.err != nil {
		return 0, s.err
	}
	n, err := s.write(p)
	s.size += int64(n)
	s.err = err
	return n, err
}

func (s *Spool) write(p []byte) (int, error) {
	switch total := s.size + int64(len(p)); {
	case total > s.max:
		return 0, ErrTooLarge
	case s.vault != nil:
		return s.vault.write(p)
	case total > s.memory:
		if err := s.leaveMemory(); err != nil {
			return 0, err
		}
		return s.vault.write(p)
	}
	s.keep(p)
	return len(p), nil
}

// keep appends p to the chunks in memory.
func (s *Spool) keep(p []byte) {
	for len(p) > 0 {
		last := len(s.ram) - 1
		if last < 0 || len(s.ram[last]) == cap(s.ram[last]) {
			s.ram = append(s.ram, getChunk(len(s.ram)))
			last++
		}
		c := s.ram[last]
		n := copy(c[len(c):cap(c)], p)
		s.ram[last] = c[:len(c)+n]
		p = p[n:]
	}
}

// leaveMemory moves everything to an encrypted file.
func (s *Spool) leaveMemory() error {
	v, err := newVault(s.dir)
	if err != nil {
		return err
	}
	s.vault = v
	for _, c := range s.ram {
		if _, err := v.write(c); err != nil {
			return err
		}
	}
	s.dropMemory()
	return nil
}

func (s *Spool) dropMemory() {
	for i, c := range s.ram {
		putChunk(i, c)
	}
	s.ram = nil
}

// ReadAt reads what was written. What the file gives back is authenticated: a
// changed file is an error, never changed bytes.
func (s *Spool) ReadAt(p []byte, off int64) (int, error) {
	switch {
	case s.err != nil:
		return 0, s.err
	case off < 0:
		return 0, errors.New("spool: negative offset")
	case off >= s.size:
		return 0, io.EOF
	}
	want := p[:min(int64(len(p)), s.size-off)]
	n, err := s.read(want, off)
	if err == nil && n < len(p) {
		err = io.EOF
	}
	return n, err
}

func (s *Spool) read(p []byte, off int64) (int, error) {
	if s.vault != nil {
		return s.vault.read(p, off)
	}
	n := 0
	for _, c := range s.ram {
		if off < int64(len(c)) {
			n += copy(p[n:], c[off:])
			off = 0
		} else {
			off -= int64(len(c))
		}
		if n == len(p) {
			break
		}
	}
	return n, nil
}

// Close wipes and releases everything. It may be called twice.
func (s *Spool) Close() error {
	s.dropMemory()
	s.err = os.ErrClosed
	if s.vault == nil {
		return nil
	}
	v := s.vault
	s.vault = nil
	return v.close()
}
