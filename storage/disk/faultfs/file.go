package faultfs

import (
	"fmt"
	"io"
	"os"
	"syscall"
)

// sector is what a disk writes whole or not at all.
const sector = 512

// node is a file's content: as programs see it, as it is on the disk, and the
// writes between.
type node struct {
	seen, kept []byte
	pending    []write
}

// write is one write, or with nil data a change of length to off.
type write struct {
	off  int64
	data []byte
}

func (w write) apply(b []byte) []byte {
	if w.data == nil {
		return resize(b, w.off)
	}
	b = resize(b, max(int64(len(b)), w.off+int64(len(w.data))))
	copy(b[w.off:], w.data)
	return b
}

func resize(b []byte, n int64) []byte {
	if n <= int64(len(b)) {
		return b[:n]
	}
	return append(b, make([]byte, n-int64(len(b)))...)
}

func (n *node) write(w write) {
	n.seen = w.apply(n.seen)
	n.pending = append(n.pending, w)
}

func (n *node) truncate(size int64) { n.write(write{off: size}) }

func (n *node) sync() {
	for _, w := range n.pending {
		n.kept = w.apply(n.kept)
	}
	n.pending = nil
}

// tear keeps some of what was not synced, and forgets that the rest was not.
func (n *node) tear(fs *FS) {
	share := []float64{0, 0.2, 0.8, 1}[fs.rng.IntN(4)]
	for _, w := range n.pending {
		if w.data == nil {
			if fs.chance(share) {
				n.kept = w.apply(n.kept)
			}
			continue
		}
		for _, piece := range w.sectors() {
			if fs.chance(share) {
				n.kept = piece.apply(n.kept)
			} else if fs.chance(0.2) { // the length without the content
				n.kept = resize(n.kept, max(int64(len(n.kept)), piece.off+int64(len(piece.data))))
			}
		}
	}
	n.pending = nil
}

// sectors cuts a write where the disk's sectors end.
func (w write) sectors() (list []write) {
	for len(w.data) > 0 {
		c := min(int64(len(w.data)), sector-w.off%sector)
		list = append(list, write{w.off, w.data[:c]})
		w.off, w.data = w.off+c, w.data[c:]
	}
	return list
}

func (n *node) powerCut(fs *FS) {
	n.tear(fs)
	n.seen = append([]byte(nil), n.kept...)
}

// file is an open node.
type file struct {
	fs     *FS
	node   *node
	life   int
	closed bool
}

// begin locks the file system for a call; the caller unlocks it.
func (f *file) begin() error {
	f.fs.mu.Lock()
	switch {
	case f.closed:
		return os.ErrClosed
	case f.life != f.fs.life || f.fs.off:
		return ErrPower
	}
	return nil
}

func (f *file) ReadAt(p []byte, off int64) (int, error) {
	err := f.begin()
	defer f.fs.mu.Unlock()
	if err != nil {
		return 0, err
	}
	if f.fs.chance(f.fs.faults.Read) {
		return 0, fmt.Errorf("read: %w", syscall.EIO)
	}
	if off >= int64(len(f.node.seen)) {
		return 0, io.EOF
	}
	n := copy(p, f.node.seen[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (f *file) WriteAt(p []byte, off int64) (int, error) {
	err := f.begin()
	defer f.fs.mu.Unlock()
	if err != nil {
		return 0, err
	}
	n := len(p)
	err = f.fs.call(f.fs.faults.Write, "write")
	if err != nil {
		n = f.fs.rng.IntN(n + 1)
	} else if more := off + int64(n) - int64(len(f.node.seen)); more > 0 {
		if missing := more - f.fs.room(more); missing > 0 {
			n, err = int(max(0, int64(n)-missing)), fmt.Errorf("write: %w", syscall.ENOSPC)
		}
	}
	if n > 0 {
		f.node.write(write{off, append([]byte(nil), p[:n]...)})
	}
	return n, err
}

func (f *file) Size() (int64, error) {
	err := f.begin()
	defer f.fs.mu.Unlock()
	return int64(len(f.node.seen)), err
}

func (f *file) Truncate(size int64) error {
	err := f.begin()
	defer f.fs.mu.Unlock()
	if err == nil {
		err = f.fs.call(f.fs.faults.Write, "truncate")
	}
	if err == nil {
		f.node.truncate(size)
	}
	return err
}

func (f *file) Sync() error {
	err := f.begin()
	defer f.fs.mu.Unlock()
	if err != nil {
		return err
	}
	switch err = f.fs.call(f.fs.faults.Sync, "sync"); {
	case f.fs.off:
	case err != nil:
		f.node.tear(f.fs)
	case !f.fs.faults.LieSync:
		f.node.sync()
	}
	return err
}

func (f *file) Allocate(int64, int64) error { return nil }

func (f *file) Close() error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	f.closed = true
	return nil
}
