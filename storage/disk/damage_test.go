package disk_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"sealpost/filestore"
	"sealpost/filestore/storagetest"
	"sealpost/storage/disk"
	"sealpost/storage/disk/faultfs"
)

func write(t testing.TB, fs disk.FS, name string, b []byte) {
	t.Helper()
	f, err := fs.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt(b, 0); err != nil {
		t.Fatal(err)
	}
}

func read(t testing.TB, fs disk.FS, name string) []byte {
	t.Helper()
	f, err := fs.OpenFile(name, os.O_RDONLY)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	n, _ := f.Size()
	b := make([]byte, n)
	if _, err := f.ReadAt(b, 0); err != nil && err != io.EOF {
		t.Fatal(err)
	}
	return b
}

const firstSegment = "/blobs/segments/00000001.seg"

// damaged stores three blobs in one segment, ends the engine with or without
// Close, changes the segment and opens it again.
func damaged(t *testing.T, killed bool, change func(b []byte, contents [][]byte) []byte) (*disk.Blobs, []filestore.Ref, [][]byte) {
	fs := faultfs.New(1)
	b := open(t, "/blobs", disk.Options{FS: fs})
	contents := [][]byte{storagetest.Content(1, 1000), storagetest.Content(2, 100_000), storagetest.Content(3, 1000)}
	refs := put(t, b, contents...)
	if killed {
		fs.Kill()
	}
	b.Close()
	write(t, fs, firstSegment, change(read(t, fs, firstSegment), contents))
	return open(t, "/blobs", disk.Options{FS: fs}), refs, contents
}

// TestDamage changes one blob's frame in every part of it, in a segment that was
// closed and in one that a crash left open: that blob is reported, the others read.
func TestDamage(t *testing.T) {
	t.Parallel()
	parts := map[string]int{"first byte": 0, "last byte of the first chunk": 65_535, "second chunk": 70_000, "last byte": 99_999,
		"checksum": 65_536, "magic": -44, "length": -30, "id": -20, "time": -5, "header checksum": -1}
	for part, offset := range parts {
		for _, killed := range []bool{false, true} {
			b, refs, contents := damaged(t, killed, func(b []byte, contents [][]byte) []byte {
				b[bytes.Index(b, contents[1][:100])+offset] ^= 1
				return b
			})
			storagetest.Check(t, b, refs[0], contents[0])
			storagetest.Check(t, b, refs[2], contents[2])
			want := filestore.ErrCorrupt
			if killed && offset < 0 {
				want = filestore.ErrNotFound // nothing says any more that it was there
			}
			if _, err := storagetest.Read(b, refs[1].ID); !errors.Is(err, want) {
				t.Errorf("%s damaged, killed %v: %v", part, killed, err)
			}
			compactAround(t, b, refs, contents[2])
			if _, err := storagetest.Read(b, refs[1].ID); !errors.Is(err, want) {
				t.Errorf("%s damaged, killed %v, compacted: %v", part, killed, err)
			}
		}
	}
}

// compactAround deletes the first blob and compacts what is left.
func compactAround(t *testing.T, b *disk.Blobs, refs []filestore.Ref, last []byte) {
	t.Helper()
	if err := errors.Join(b.Delete(ctx, refs[0].ID), b.Compact(ctx, 0)); err != nil {
		t.Error(err)
	}
	storagetest.Check(t, b, refs[2], last)
	if _, err := b.Open(ctx, refs[0].ID); !errors.Is(err, filestore.ErrNotFound) {
		t.Errorf("the deleted blob: %v", err)
	}
}

// TestIndexDamage changes or loses the index of a closed segment: it is made anew.
func TestIndexDamage(t *testing.T) {
	t.Parallel()
	for _, back := range []int{1, 10, 32, 33, 60, 100} {
		b, refs, contents := damaged(t, false, func(b []byte, _ [][]byte) []byte {
			b[len(b)-back] ^= 1
			return b
		})
		for i, ref := range refs {
			storagetest.Check(t, b, ref, contents[i])
		}
	}
	b, refs, contents := damaged(t, false, func(b []byte, _ [][]byte) []byte { return b[:len(b)-32-3*24] })
	for i, ref := range refs {
		storagetest.Check(t, b, ref, contents[i])
	}
}

// TestTornTail ends a segment in every way a crash can: what was acknowledged
// before reads back, and what follows is stored and found.
func TestTornTail(t *testing.T) {
	t.Parallel()
	tails := map[string]func(last []byte) []byte{
		"nothing":       func([]byte) []byte { return nil },
		"zeros":         func([]byte) []byte { return make([]byte, 5000) },
		"noise":         func([]byte) []byte { return storagetest.Content(9, 5000) },
		"half a header": func(last []byte) []byte { return last[:20] },
		"half a frame":  func(last []byte) []byte { return last[:500] },
		"zeroed frame":  func(last []byte) []byte { return append(bytes.Clone(last[:44]), make([]byte, 1004)...) },
	}
	for name, tail := range tails {
		b, refs, contents := damaged(t, true, func(b []byte, contents [][]byte) []byte {
			last := bytes.Index(b, contents[2]) - 44
			return append(b[:last:last], tail(b[last:])...)
		})
		storagetest.Check(t, b, refs[0], contents[0])
		storagetest.Check(t, b, refs[1], contents[1])
		if n := count(t, b); n != 2 {
			t.Errorf("%s: %d blobs, want 2", name, n)
		}
		c := storagetest.Content(4, 2000)
		ref := put(t, b, c)[0]
		storagetest.Check(t, b, ref, c)
		if segment(ref.ID) != 1 {
			t.Errorf("%s: the segment was not cut but left", name)
		}
	}
}

// TestLargeDamage does the same to a blob in a file of its own.
func TestLargeDamage(t *testing.T) {
	t.Parallel()
	const chunk = 64<<10 + 4
	changes := map[string]struct {
		change func(b []byte) []byte
		reads  bool // its first 64 KiB
	}{
		"header":         {func(b []byte) []byte { b[20] ^= 1; return b }, false},
		"first chunk":    {func(b []byte) []byte { b[100] ^= 1; return b }, false},
		"later chunk":    {func(b []byte) []byte { b[len(b)-100] ^= 1; return b }, true},
		"cut short":      {func(b []byte) []byte { return b[:len(b)-1] }, true},
		"cut to nothing": {func([]byte) []byte { return nil }, false},
		"chunks swapped": {func(b []byte) []byte {
			second := bytes.Clone(b[44+chunk : 44+2*chunk])
			copy(b[44+chunk:], b[44+2*chunk:44+3*chunk])
			copy(b[44+2*chunk:], second)
			return b
		}, true},
	}
	for name, test := range changes {
		fs := faultfs.New(1)
		b := open(t, "/blobs", disk.Options{FS: fs})
		ref := put(t, b, storagetest.Content(1, 1_200_000))[0]
		path := filepath.Join("/blobs/large", hex.EncodeToString(ref.ID[4:5]), ref.ID.String())
		write(t, fs, path, test.change(read(t, fs, path)))
		if _, err := storagetest.Read(b, ref.ID); !errors.Is(err, filestore.ErrCorrupt) {
			t.Errorf("%s: %v", name, err)
		}
		blob, err := b.Open(ctx, ref.ID)
		if (err == nil) != test.reads {
			t.Errorf("%s: Open = %v", name, err)
		}
		if err == nil {
			if _, err := blob.ReadAt(make([]byte, 64<<10), 0); err != nil {
				t.Errorf("%s: what is not damaged: %v", name, err)
			}
			blob.Close()
		}
		if n := count(t, b); n != 1 {
			t.Errorf("%s: %d blobs are listed, want 1", name, n)
		}
		if err := b.Delete(ctx, ref.ID); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
