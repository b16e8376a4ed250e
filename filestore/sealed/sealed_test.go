package sealed

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"
)

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// content is n octets that look random and are the same every time.
func content(seed uint64, n int) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{byte(seed)})
	_, _ = r.Read(b)
	return b
}

func seal(t testing.TB, plain []byte) (Head, []byte) {
	t.Helper()
	h := Head{Name: "a.bin", Length: int64(len(plain)), Secret: NewSecret()}
	var out bytes.Buffer
	w, err := Seal(&out, h.Secret)
	check(t, err)
	_, err = w.Write(plain)
	check(t, err)
	check(t, w.Close())
	return h, out.Bytes()
}

// read opens a file by ranges and as a stream. Both must say the same.
func read(t testing.TB, h Head, file []byte) ([]byte, error) {
	t.Helper()
	var ranged []byte
	f, err := Open(bytes.NewReader(file), int64(len(file)), h)
	if err == nil {
		ranged, err = io.ReadAll(f)
	}
	if err == nil {
		err = f.Check()
	}
	var streamed bytes.Buffer
	serr := Receive(&streamed, bytes.NewReader(file), h)
	if (err == nil) != (serr == nil) || err == nil && !bytes.Equal(ranged, streamed.Bytes()) {
		t.Fatalf("by ranges %v, as a stream %v", err, serr)
	}
	for _, err := range []error{err, serr} {
		if err != nil && err != ErrClosed {
			t.Fatalf("expected ErrClosed as it is, got %v", err)
		}
	}
	return ranged, err
}

func TestSealAndOpen(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, 1023, 1024, 1025, chunkSize - 1, chunkSize, chunkSize + 1, 3*chunkSize + 17} {
		plain := content(1, n)
		h, file := seal(t, plain)
		if int64(len(file)) != Size(h.Length) {
			t.Errorf("%d bytes: %d sealed, Size says %d", n, len(file), Size(h.Length))
		}
		got, err := read(t, h, file)
		check(t, err)
		if !bytes.Equal(got, plain) {
			t.Errorf("%d bytes come back as others", n)
		}
	}
}

// What a server sees of a length is a bucket (ATTACKS A11).
func TestSizesAreBuckets(t *testing.T) {
	t.Parallel()
	seen := map[int64]bool{}
	for n := int64(0); n < 1<<20; n += 37 {
		p := PaddedLength(n)
		if p < n || p > max(leastSize, n+n/8) || PaddedLength(p) != p {
			t.Fatalf("%d bytes are padded to %d", n, p)
		}
		seen[p] = true
	}
	if len(seen) > 300 {
		t.Errorf("%d sizes up to 1 MiB", len(seen))
	}
	for n, want := range map[int64]int64{2<<30 + 1: 2<<30 + 64<<20, MaxLength: MaxLength} {
		if got := PaddedLength(n); got != want {
			t.Errorf("%d is padded to %d, want %d", n, got, want)
		}
	}
	for _, plain := range [][]byte{{}, content(1, 1000)} {
		if _, file := seal(t, plain); len(file) != headerSize+nonceSize+leastSize+chunkTag {
			t.Errorf("%d bytes: %d", len(plain), len(file))
		}
	}
}

func TestRanges(t *testing.T) {
	t.Parallel()
	plain := content(1, 3*chunkSize+1000)
	h, file := seal(t, plain)
	f, err := Open(bytes.NewReader(file), int64(len(file)), h)
	check(t, err)
	short, small := seal(t, plain[:1500])
	g, err := Open(bytes.NewReader(small), int64(len(small)), short)
	check(t, err)
	check(t, iotest.TestReader(g, plain[:1500]))
	rapid.Check(t, func(rt *rapid.T) {
		at := rapid.IntRange(0, len(plain)).Draw(rt, "at")
		p := make([]byte, rapid.IntRange(0, 2*chunkSize).Draw(rt, "length"))
		n, err := f.ReadAt(p, int64(at))
		if err != nil && (err != io.EOF || at+len(p) < len(plain)) || !bytes.Equal(p[:n], plain[at:at+n]) || n != min(len(p), len(plain)-at) {
			rt.Fatalf("%d bytes at %d: %d, %v", len(p), at, n, err)
		}
	})
}

// Truncation at every byte, and every byte changed: refused (ATTACKS A05, A06).
func TestEveryByteCounts(t *testing.T) {
	t.Parallel()
	h, file := seal(t, content(1, 700))
	for i := 0; i < len(file); i += stride {
		if _, err := read(t, h, file[:i]); err != ErrClosed {
			t.Fatalf("cut at %d it opens", i)
		}
		for _, bit := range []byte{1, 0x80} {
			if bit > 1 && i > headerSize {
				continue
			}
			changed := bytes.Clone(file)
			changed[i] ^= bit
			if _, err := read(t, h, changed); err != ErrClosed {
				t.Fatalf("with byte %d changed it opens", i)
			}
		}
	}
	if _, err := read(t, h, append(bytes.Clone(file), 0)); err != ErrClosed {
		t.Error("with a byte more it opens")
	}
	other := h
	other.Secret = NewSecret()
	if _, err := read(t, other, file); err != ErrClosed {
		t.Error("it opens under another secret")
	}
	for _, n := range []int64{-1, 0, 699, 701, 1024, MaxLength + 1} {
		other := h
		other.Length = n
		if got, err := read(t, other, file); err == nil && (n > 1024 || n < 700) {
			t.Errorf("as %d bytes it opens: %d", n, len(got))
		}
	}
}

// A file of whole chunks, cut between them, is no file: also not for who asks for its
// beginning only.
func TestTheTrueEnd(t *testing.T) {
	t.Parallel()
	plain := content(1, 4*chunkSize)
	h, file := seal(t, plain)
	const head, step = headerSize + nonceSize, chunkSize + chunkTag
	for n := range 4 {
		cut := file[:head+n*step]
		for _, length := range []int64{h.Length, int64(n) * chunkSize} {
			forged := h
			forged.Length = length
			if _, err := Open(bytes.NewReader(cut), int64(len(cut)), forged); err != ErrClosed {
				t.Errorf("%d chunks, said to be %d bytes: %v", n, length, err)
			}
			if err := Receive(io.Discard, bytes.NewReader(cut), forged); err != ErrClosed {
				t.Errorf("%d chunks, said to be %d bytes, streamed: %v", n, length, err)
			}
		}
	}
	// An end that was damaged closes the whole file.
	changed := bytes.Clone(file)
	changed[len(file)-1] ^= 1
	if _, err := Open(bytes.NewReader(changed), int64(len(file)), h); err != ErrClosed {
		t.Errorf("with a damaged end: %v", err)
	}
}

// All permutations of six chunks, each drop and repetition, and splices with another
// file and with another sealing of the same content (ATTACKS A06).
func TestChunksStayInPlace(t *testing.T) {
	t.Parallel()
	const n = 6
	plain := content(1, n*chunkSize)
	h, file := seal(t, plain)
	_, again := seal(t, plain)
	chunks := [2][]byte{file[headerSize+nonceSize:], again[headerSize+nonceSize:]}
	const step = chunkSize + chunkTag
	put := func(order []int) []byte {
		out := bytes.Clone(file[:headerSize+nonceSize])
		for _, i := range order {
			out = append(out, chunks[i/n][i%n*step:(i%n+1)*step]...)
		}
		return out
	}
	same := []int{0, 1, 2, 3, 4, 5}
	tried := 0
	refuse := func(order []int) {
		t.Helper()
		tried++
		if slices.Equal(order, same) || tried%stride != 0 {
			return
		}
		if tried%9 == 0 { // as a stream, too
			if _, err := read(t, h, put(order)); err != ErrClosed {
				t.Fatalf("chunks %v open", order)
			}
		}
		forged := put(order)
		f, err := Open(bytes.NewReader(forged), int64(len(forged)), h)
		if err == nil {
			_, err = io.Copy(io.Discard, f)
		}
		if err != ErrClosed {
			t.Fatalf("chunks %v open", order)
		}
	}
	if _, err := read(t, h, put(same)); err != nil {
		t.Fatal(err)
	}
	permute(same, refuse)
	for i := range n {
		refuse(slices.Delete(slices.Clone(same), i, i+1))
		for j := range 2 * n {
			refuse(slices.Insert(slices.Clone(same), i, j)) // repeated, or of the other
			spliced := slices.Clone(same)
			spliced[i] = j
			refuse(spliced)
		}
		refuse(append(slices.Clone(same[:i]), []int{6, 7, 8, 9, 10, 11}[i:]...))
	}
	if tried < 720+6*26 {
		t.Errorf("%d arrangements", tried)
	}
	// The other's header over these chunks.
	if _, err := read(t, h, append(bytes.Clone(again[:headerSize+nonceSize]), chunks[0]...)); err != ErrClosed {
		t.Error("under another header they open")
	}
	if stride > 1 {
		return
	}
	rapid.Check(t, func(rt *rapid.T) {
		order := rapid.SliceOfN(rapid.IntRange(0, 2*n-1), 0, n).Draw(rt, "order")
		if _, err := read(t, h, put(order)); !slices.Equal(order, same) && err != ErrClosed {
			rt.Fatalf("chunks %v open", order)
		}
	})
}

func permute(a []int, visit func([]int)) {
	var walk func(k int)
	walk = func(k int) {
		if k == len(a) {
			visit(slices.Clone(a))
			return
		}
		for i := k; i < len(a); i++ {
			a[k], a[i] = a[i], a[k]
			walk(k + 1)
			a[k], a[i] = a[i], a[k]
		}
	}
	walk(0)
}

// Padding that hides something is refused by who reads the whole file.
func TestPaddingIsZeros(t *testing.T) {
	t.Parallel()
	h, file := seal(t, content(1, 1000))
	h.Length = 990 // the last ten bytes of the content would be padding
	f, err := Open(bytes.NewReader(file), int64(len(file)), h)
	check(t, err)
	if err := f.Check(); err != ErrClosed {
		t.Errorf("by ranges: %v", err)
	}
	if err := Receive(io.Discard, bytes.NewReader(file), h); err != ErrClosed {
		t.Errorf("as a stream: %v", err)
	}
}

// A device that fails is no forgery, and says what it is.
func TestDevicesFail(t *testing.T) {
	t.Parallel()
	h, file := seal(t, content(1, 3*chunkSize))
	broken := errors.New("device is gone")
	if err := Receive(io.Discard, io.MultiReader(bytes.NewReader(file[:chunkSize]), iotest.ErrReader(broken)), h); !errors.Is(err, broken) {
		t.Errorf("read: %v", err)
	}
	if err := Receive(writerFunc(func([]byte) (int, error) { return 0, broken }), bytes.NewReader(file), h); !errors.Is(err, broken) {
		t.Errorf("write: %v", err)
	}
	at := &breaking{Reader: bytes.NewReader(file)}
	f, err := Open(at, int64(len(file)), h)
	check(t, err)
	at.err = broken
	if _, err := f.ReadAt(make([]byte, 10), 0); !errors.Is(err, broken) {
		t.Errorf("range: %v", err)
	}
	at.err = nil
	if _, err := f.ReadAt(make([]byte, 10), 0); err != nil {
		t.Errorf("a range after that: %v", err)
	}
	if _, err := Seal(writerFunc(func([]byte) (int, error) { return 0, broken }), h.Secret); !errors.Is(err, broken) {
		t.Errorf("seal: %v", err)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

type breaking struct {
	*bytes.Reader
	err error
}

func (b *breaking) ReadAt(p []byte, at int64) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	return b.Reader.ReadAt(p, at)
}

func TestSecretsHideThemselves(t *testing.T) {
	t.Parallel()
	s, l := NewSecret(), NewLinkSecret()
	h := Head{Name: "canary", Secret: s}
	for _, text := range []string{fmt.Sprint(s), fmt.Sprintf("%#v", s), fmt.Sprintf("%+v", h.Secret), fmt.Sprint(l), fmt.Sprintf("%#v", l), h.LogValue().String()} {
		if text != "[withheld]" {
			t.Errorf("it shows %q", text)
		}
	}
}

// The age command opens what we seal, with its zeros.
func TestAgeCommandOpens(t *testing.T) {
	t.Parallel()
	command, err := exec.LookPath("age")
	if err != nil {
		t.Skip("there is no age command")
	}
	plain := content(1, chunkSize+1)
	h, file := seal(t, plain)
	dir := t.TempDir()
	key := filepath.Join(dir, "key")
	check(t, writeFile(key, []byte(h.Secret.Identity()+"\n")))
	c := exec.Command(command, "-d", "-i", key)
	c.Stdin = bytes.NewReader(file)
	out, err := c.Output()
	check(t, err)
	if want := append(plain, make([]byte, PaddedLength(h.Length)-h.Length)...); !bytes.Equal(out, want) {
		t.Error("it opens to something else")
	}
}

func FuzzOpen(f *testing.F) {
	h, file := seal(f, content(1, 700))
	f.Add(file, int64(700))
	f.Add(file[:headerSize], int64(0))
	f.Fuzz(func(t *testing.T, file []byte, length int64) {
		head := h
		head.Length = length
		if got, err := read(t, head, file); err == nil && (len(file) != int(Size(length)) || int64(len(got)) != length) {
			t.Errorf("%d bytes open as %d", len(file), len(got))
		}
	})
}
