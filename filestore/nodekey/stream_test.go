package nodekey

import (
	"bytes"
	"errors"
	"io"
	"os"
	"slices"
	"sync"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"
)

func sealStream(t interface{ Fatal(...any) }, k *Key, plain []byte, pieces func() int) []byte {
	var out bytes.Buffer
	w := k.NewWriter(&out, "queue", "id")
	for rest := plain; len(rest) > 0; {
		n := min(len(rest), max(1, pieces()))
		if m, err := w.Write(rest[:n]); err != nil || m != n {
			t.Fatal("write: ", m, err)
		}
		rest = rest[n:]
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func readStream(k *Key, sealed []byte) ([]byte, error) {
	r, err := k.NewReader(bytes.NewReader(sealed), int64(len(sealed)), "queue", "id")
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(io.NewSectionReader(r, 0, r.Size()))
}

// pattern makes n bytes of which no two chunks are the same.
func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i ^ i>>8 ^ i>>16*17)
	}
	return b
}

// What was written reads back, anywhere, however it was cut into writes.
func TestStreamRoundTrip(t *testing.T) {
	t.Parallel()
	k := Random()
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.OneOf(rapid.IntRange(0, 3*chunkSize), rapid.SampledFrom([]int{0, chunkSize, 2 * chunkSize, chunkSize + 1})).Draw(t, "size")
		piece := rapid.IntRange(1000, 2*chunkSize).Draw(t, "piece")
		plain := pattern(n)
		sealed := sealStream(t, k, plain, func() int { return piece })
		r, err := k.NewReader(bytes.NewReader(sealed), int64(len(sealed)), "queue", "id")
		if err != nil || r.Size() != int64(n) {
			t.Fatal(r, err)
		}
		defer r.Close()
		for range 5 {
			off := rapid.IntRange(0, n+10).Draw(t, "off")
			p := make([]byte, rapid.IntRange(1, n+10).Draw(t, "length"))
			got, err := r.ReadAt(p, int64(off))
			want := plain[min(off, n):min(off+len(p), n)]
			if !bytes.Equal(p[:got], want) || (err == io.EOF) != (got < len(p)) {
				t.Fatalf("%d bytes at %d: %d, %v", len(p), off, got, err)
			}
		}
	})
}

// Every row of chunks that is not the whole one in its order is refused: moved,
// repeated, left out, cut off, put in from another sealing.
func TestEveryOrderOfChunks(t *testing.T) {
	t.Parallel()
	k := Random()
	const whole = 3
	plain := pattern(2*chunkSize + 100)
	split := func(sealed []byte) (header []byte, parts [][]byte) {
		return sealed[:headerSize], slices.Collect(slices.Chunk(sealed[headerSize:], sealedSize))
	}
	header, parts := split(sealStream(t, k, plain, func() int { return len(plain) }))
	_, foreign := split(sealStream(t, k, plain, func() int { return len(plain) }))
	parts = append(parts, foreign[1])
	tried, opened := 0, 0
	var try func(row []int)
	try = func(row []int) {
		sealed := slices.Clone(header)
		for _, i := range row {
			sealed = append(sealed, parts[i]...)
		}
		got, err := readStream(k, sealed)
		_, oerr := k.Open("queue", "id", sealed)
		tried++
		if right := slices.Equal(row, []int{0, 1, 2}); right != (err == nil) || right != (oerr == nil) || right && !bytes.Equal(got, plain) {
			t.Errorf("chunks %v: %v, %v", row, err, oerr)
		} else if right {
			opened++
		} else if !errors.Is(err, ErrSeal) || !errors.Is(oerr, ErrSeal) {
			t.Errorf("chunks %v: %v, %v", row, err, oerr)
		}
		for i := range parts {
			if len(row) <= whole {
				try(append(slices.Clone(row), i))
			}
		}
	}
	try(nil)
	if tried != 1+4+16+64+256 || opened != 1 {
		t.Errorf("%d rows tried, %d opened", tried, opened)
	}
}

// Any cut, any flipped bit, anything behind the end is refused, and no byte of a
// chunk that does not open is returned.
func TestStreamDamage(t *testing.T) {
	t.Parallel()
	k := Random()
	rapid.Check(t, func(t *rapid.T) {
		plain := pattern(rapid.SampledFrom([]int{0, 1, 500, chunkSize, chunkSize + 1, 2*chunkSize + 50}).Draw(t, "size"))
		whole := sealStream(t, k, plain, func() int { return len(plain) })
		sealed := slices.Clone(whole)
		switch rapid.SampledFrom([]string{"cut", "flip", "append", "border"}).Draw(t, "damage") {
		case "cut":
			sealed = sealed[:rapid.IntRange(0, len(sealed)-1).Draw(t, "at")]
		case "flip":
			sealed[rapid.IntRange(0, len(sealed)-1).Draw(t, "at")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		case "append":
			sealed = append(sealed, make([]byte, rapid.IntRange(1, 2*sealedSize).Draw(t, "more"))...)
		case "border": // cut between two chunks
			sealed = sealed[:headerSize+(len(sealed)-headerSize-1)/sealedSize*sealedSize]
		}
		got, err := readStream(k, sealed)
		if !errors.Is(err, ErrSeal) {
			t.Fatalf("opens: %v", err)
		}
		if !bytes.HasPrefix(plain, got) || len(got)%chunkSize != 0 {
			t.Fatal("something else than whole chunks was returned")
		}
	})
}

// A device that fails is not a sealing that is wrong, and one that knows less
// than it said is.
func TestReaderDevice(t *testing.T) {
	t.Parallel()
	k := Random()
	sealed := k.Seal("queue", "id", pattern(100))
	broken := errors.New("device is broken")
	if _, err := k.NewReader(failing{broken}, int64(len(sealed)), "queue", "id"); !errors.Is(err, broken) || errors.Is(err, ErrSeal) {
		t.Errorf("broken device: %v", err)
	}
	if _, err := k.NewReader(bytes.NewReader(sealed[:50]), int64(len(sealed)), "queue", "id"); !errors.Is(err, ErrSeal) {
		t.Errorf("short device: %v", err)
	}
	for _, size := range []int64{-1, 0, 1, headerSize, 1 << 62} {
		if _, err := k.NewReader(bytes.NewReader(sealed), size, "queue", "id"); !errors.Is(err, ErrSeal) {
			t.Errorf("size %d: %v", size, err)
		}
	}
}

type failing struct{ err error }

func (f failing) ReadAt([]byte, int64) (int, error) { return 0, f.err }

func TestReaderManyAtOnce(t *testing.T) {
	t.Parallel()
	k, plain := Random(), pattern(3*chunkSize)
	sealed := k.Seal("queue", "id", plain)
	r, err := k.NewReader(bytes.NewReader(sealed), int64(len(sealed)), "queue", "id")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			p := make([]byte, 1000)
			for at := i * 999; at < len(plain)-1000; at += 9999 {
				if _, err := r.ReadAt(p, int64(at)); err != nil || !bytes.Equal(p, plain[at:at+1000]) {
					t.Error(at, err)
				}
			}
		})
	}
	all.Wait()
	if err := iotest.TestReader(io.NewSectionReader(r, 0, r.Size()), plain); err != nil {
		t.Error(err)
	}
}

// After Close nothing is read, and the memory is wiped. Not parallel: nobody
// else takes the buffers meanwhile.
func TestClosed(t *testing.T) {
	k := Random()
	sealed := k.Seal("queue", "id", pattern(2000))
	r, err := k.NewReader(bytes.NewReader(sealed), int64(len(sealed)), "queue", "id")
	if err != nil {
		t.Fatal(err)
	}
	buf := r.buf
	r.Close()
	r.Close()
	if _, err := r.ReadAt(make([]byte, 1), 0); !errors.Is(err, os.ErrClosed) {
		t.Error(err)
	}
	checkWiped(t, buf)

	w := k.NewWriter(io.Discard, "queue", "id").(*writer)
	w.Write(pattern(3000))
	buf = w.buf
	if err := w.Close(); err != nil {
		t.Error(err)
	}
	checkWiped(t, buf)
	if _, err := w.Write([]byte("x")); !errors.Is(err, os.ErrClosed) {
		t.Error(err)
	}
}

func checkWiped(t *testing.T, buf *chunk) {
	t.Helper()
	if slices.ContainsFunc(buf[:4000], func(b byte) bool { return b != 0 }) {
		t.Error("the buffer holds what was in it")
	}
}

func TestWriterFails(t *testing.T) {
	t.Parallel()
	broken := errors.New("no space")
	w := Random().NewWriter(badWriter{broken}, "queue", "id")
	if _, err := w.Write(pattern(2 * chunkSize)); !errors.Is(err, broken) {
		t.Errorf("Write: %v", err)
	}
	if err := w.Close(); !errors.Is(err, broken) {
		t.Errorf("Close: %v", err)
	}
}

type badWriter struct{ err error }

func (b badWriter) Write([]byte) (int, error) { return 0, b.err }
