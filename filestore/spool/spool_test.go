package spool

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"runtime"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"sealpost/filestore"
	"sealpost/mail"
)

var _ mail.Bytes = (*Spool)(nil)

// noise is n bytes that are the same in every run.
func noise(n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{1}).Read(b)
	return b
}

func filled(t testing.TB, memory int64, content []byte) *Spool {
	s := New(t.TempDir(), memory, 64<<20)
	t.Cleanup(func() { s.Close() })
	if n, err := s.Write(content); n != len(content) || err != nil {
		t.Fatalf("Write = %d, %v", n, err)
	}
	return s
}

func TestReadsLikeBytesReader(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	content := noise(700 << 10)
	rapid.Check(t, func(t *rapid.T) {
		s := New(dir, rapid.Int64Range(0, 300<<10).Draw(t, "memory"), 1<<20)
		defer s.Close()
		size := 0
		for _, n := range rapid.SliceOfN(rapid.IntRange(0, 70<<10), 0, 10).Draw(t, "writes") {
			if w, err := s.Write(content[size : size+n]); w != n || err != nil {
				t.Fatalf("Write(%d bytes) = %d, %v", n, w, err)
			}
			size += n
		}
		want := bytes.NewReader(content[:size])
		if s.Size() != want.Size() {
			t.Fatalf("Size = %d, want %d", s.Size(), want.Size())
		}
		for range 8 {
			off := rapid.Int64Range(0, int64(size)+2).Draw(t, "offset")
			n := rapid.IntRange(0, 200<<10).Draw(t, "length")
			sameRead(t, s, want, off, n)
		}
	})
}

func sameRead(t *rapid.T, got, want io.ReaderAt, off int64, n int) {
	a, b := make([]byte, n), make([]byte, n)
	ga, ea := got.ReadAt(a, off)
	gb, eb := want.ReadAt(b, off)
	if n == 0 {
		return // bytes.Reader and files differ here, and nobody asks
	}
	if ga != gb || !errors.Is(ea, eb) || !bytes.Equal(a[:ga], b[:gb]) {
		t.Fatalf("ReadAt(%d bytes, %d) = %d, %v; want %d, %v", n, off, ga, ea, gb, eb)
	}
}

// Memory says what is really taken.
func TestMemoryTaken(t *testing.T) {
	t.Parallel()
	for _, size := range []int{0, 1, smallestChunk, smallestChunk + 1, 3 * smallestChunk, 2 << 20} {
		s, taken := filled(t, 64<<20, noise(size)), int64(0)
		for _, c := range s.ram {
			taken += int64(cap(c))
		}
		if got := Memory(int64(size)); got != taken {
			t.Errorf("%d bytes take %d, said to be %d", size, taken, got)
		}
	}
}

func TestMaximum(t *testing.T) {
	t.Parallel()
	for _, memory := range []int64{0, 50, 1000} {
		s := New(t.TempDir(), memory, 100)
		defer s.Close()
		if _, err := s.Write(noise(100)); err != nil {
			t.Fatalf("memory %d: exactly the maximum: %v", memory, err)
		}
		if _, err := s.Write([]byte("x")); !errors.Is(err, ErrTooLarge) {
			t.Errorf("memory %d: one byte more: %v", memory, err)
		}
		if _, err := s.Write(nil); !errors.Is(err, ErrTooLarge) {
			t.Errorf("memory %d: a spool that failed took more: %v", memory, err)
		}
	}
}

func TestConcurrentReads(t *testing.T) {
	t.Parallel()
	content := noise(1 << 20)
	for _, memory := range []int64{0, 2 << 20} {
		s := filled(t, memory, content)
		var wg sync.WaitGroup
		for seed := range uint64(8) {
			wg.Go(func() {
				rng := rand.New(rand.NewPCG(seed, 1))
				p := make([]byte, 30<<10)
				for range 60 {
					off := rng.IntN(len(content) - len(p))
					if _, err := s.ReadAt(p, int64(off)); err != nil || !bytes.Equal(p, content[off:off+len(p)]) {
						t.Errorf("memory %d: ReadAt(%d): %v", memory, off, err)
						return
					}
				}
			})
		}
		wg.Wait()
	}
}

// TestClose runs alone: it looks at buffers that Close has given back to pools,
// which a parallel test would fill again.
func TestClose(t *testing.T) {
	for _, memory := range []int64{0, 1 << 20} {
		s := filled(t, memory, noise(100<<10))
		chunks := s.ram
		if memory == 0 {
			s.ReadAt(make([]byte, 1), 0)
			chunks = [][]byte{s.vault.tail[:], s.vault.opened[:]}
		}
		for range 2 {
			if err := s.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
		}
		for i, c := range chunks {
			if !bytes.Equal(c, make([]byte, len(c))) {
				t.Errorf("memory %d: buffer %d was not wiped", memory, i)
			}
		}
		if _, err := s.ReadAt(make([]byte, 1), 0); !errors.Is(err, os.ErrClosed) {
			t.Errorf("memory %d: read after Close: %v", memory, err)
		}
		if _, err := s.Write([]byte("x")); !errors.Is(err, os.ErrClosed) {
			t.Errorf("memory %d: write after Close: %v", memory, err)
		}
	}
}

// TestFull writes to a device that is full from the start.
func TestFull(t *testing.T) {
	t.Parallel()
	device, err := os.OpenFile("/dev/full", os.O_RDWR, 0)
	if err != nil {
		t.Skip("no /dev/full here")
	}
	s := filled(t, 0, []byte("x"))
	s.vault.file.Close()
	s.vault.file = device
	if _, err := s.Write(noise(2 * blockSize)); !errors.Is(err, filestore.ErrFull) {
		t.Fatalf("Write = %v, want ErrFull", err)
	}
	if _, err := s.Write([]byte("x")); !errors.Is(err, filestore.ErrFull) {
		t.Errorf("the next Write = %v, want the same", err)
	}
	if _, err := s.ReadAt(make([]byte, 1), 0); !errors.Is(err, filestore.ErrFull) {
		t.Errorf("half a mail could be read: %v", err)
	}
}

func TestNoFolder(t *testing.T) {
	t.Parallel()
	s := New(t.TempDir()+"/missing", 0, 100)
	defer s.Close()
	if _, err := s.Write([]byte("x")); err == nil {
		t.Error("a spool without a folder took a byte")
	}
}

// TestMemory is not parallel: it counts what the whole process allocates.
func TestMemory(t *testing.T) {
	content := noise(1 << 20)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	s := New(t.TempDir(), 1<<20, 64<<20)
	for range 50 {
		if _, err := s.Write(content); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := io.Copy(io.Discard, io.NewSectionReader(s, 0, s.Size())); n != 50<<20 || err != nil {
		t.Fatalf("read %d bytes: %v", n, err)
	}
	s.Close()
	runtime.ReadMemStats(&after)
	if got := after.TotalAlloc - before.TotalAlloc; got > 4<<20 {
		t.Errorf("a spool of 50 MiB allocated %d KiB", got>>10)
	}
}

func BenchmarkSpool(b *testing.B) {
	for name, size := range map[string]int{"4K": 4 << 10, "1M": 1 << 20, "10M": 10 << 20} {
		content, dir := noise(size), b.TempDir()
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				s := New(dir, 1<<20, 64<<20)
				s.Write(content)
				io.Copy(io.Discard, io.NewSectionReader(s, 0, s.Size()))
				s.Close()
			}
		})
	}
}
