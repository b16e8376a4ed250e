package disk

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"os"
)

// Beside a segment lies a file with the ids deleted from it, each without the
// segment's number and with a CRC-32C that has it. It is never synced: what a
// crash takes from it, the sweeper deletes again.
const deadSize = 12 + 4

func (s *segment) deadRecord(t tail) []byte {
	id := join(s.number, t)
	return binary.BigEndian.AppendUint32(t[:], crc32.Checksum(id[:], castagnoli))
}

// writeDead appends to the dead. A failure is no error of the deletion, which
// holds as long as this process lives.
func (s *segment) writeDead(tails []tail) {
	if len(tails) == 0 {
		return
	}
	var b []byte
	for _, t := range tails {
		b = append(b, s.deadRecord(t)...)
	}
	s.deadMu.Lock()
	defer s.deadMu.Unlock()
	if err := s.appendDead(b); err != nil {
		s.log.Warn("deletions were not written down", "segment", s.number, "blobs", len(tails), "error", err)
	}
}

func (s *segment) appendDead(b []byte) error {
	f, err := s.handles.fs.OpenFile(s.handles.path(deadName(s.number)), os.O_RDWR|os.O_CREATE)
	if err != nil {
		return err
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return err
	}
	_, err = f.WriteAt(b, size-size%deadSize)
	return err
}

// readDead takes the dead from the index; s.mu is held.
func (s *segment) readDead(h *handle) error {
	f, err := s.handles.fs.OpenFile(s.handles.path(deadName(s.number)), os.O_RDONLY)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return err
	}
	b := make([]byte, 256*deadSize)
	for off := int64(0); off+deadSize <= size; off += int64(len(b)) {
		n, err := f.ReadAt(b, off)
		if err != nil && err != io.EOF {
			return err
		}
		if err := s.applyDead(h, b[:n]); err != nil {
			return err
		}
	}
	return nil
}

func (s *segment) applyDead(h *handle, b []byte) error {
	for ; len(b) >= deadSize; b = b[deadSize:] {
		t := tail(b)
		if string(s.deadRecord(t)) != string(b[:deadSize]) {
			continue // torn
		}
		if _, _, err := s.index.remove(h, t); err != nil {
			return err
		}
	}
	return nil
}

// hasDead reports whether there may be such a file.
func (s *segment) hasDead() bool {
	f, err := s.handles.fs.OpenFile(s.handles.path(deadName(s.number)), os.O_RDONLY)
	if err == nil {
		f.Close()
	}
	return !errors.Is(err, os.ErrNotExist)
}

// removeDead removes the file when nothing in it is in the segment any more. One
// that stays is of no harm.
func (s *segment) removeDead() {
	s.handles.fs.Remove(s.handles.path(deadName(s.number)))
}
