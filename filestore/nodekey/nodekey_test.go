package nodekey

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

// Each key, purpose and id opens what was sealed for it, and nothing else.
func TestSealOpen(t *testing.T) {
	t.Parallel()
	k, other := Random(), Random()
	for _, n := range []int{0, 1, 100, chunkSize - 1, chunkSize, chunkSize + 1, 2 * chunkSize, 2*chunkSize + 7} {
		plain := bytes.Repeat([]byte("canary-91c2"), n/11+1)[:n]
		sealed := k.Seal("queue", "id", plain)
		if int64(len(sealed)) != SealedSize(int64(n)) {
			t.Errorf("%d bytes: sealed to %d, SealedSize says %d", n, len(sealed), SealedSize(int64(n)))
		}
		if n > 10 && bytes.Contains(sealed, []byte("canary")) {
			t.Errorf("%d bytes: the sealing can be read", n)
		}
		if got, err := k.Open("queue", "id", sealed); err != nil || !bytes.Equal(got, plain) {
			t.Errorf("%d bytes: %v", n, err)
		}
		for what, open := range map[string]func() ([]byte, error){
			"key":     func() ([]byte, error) { return other.Open("queue", "id", sealed) },
			"purpose": func() ([]byte, error) { return k.Open("peer", "id", sealed) },
			"id":      func() ([]byte, error) { return k.Open("queue", "di", sealed) },
			"border":  func() ([]byte, error) { return k.Open("queu", "eid", sealed) },
		} {
			if got, err := open(); !errors.Is(err, ErrSeal) || got != nil {
				t.Errorf("%d bytes: another %s opens it: %v", n, what, err)
			}
		}
	}
}

func TestSealingsDiffer(t *testing.T) {
	t.Parallel()
	k := Random()
	seen := map[string]bool{}
	for range 100 {
		sealed := k.Seal("p", "i", []byte("the same"))
		if s := string(sealed[headerSize:]); seen[s] {
			t.Fatal("two sealings of one text are the same")
		} else {
			seen[s] = true
		}
	}
}

func TestPseudonym(t *testing.T) {
	t.Parallel()
	k := Random()
	if k.Pseudonym("group", "a") != k.Pseudonym("group", "a") {
		t.Error("one value has two names")
	}
	names := map[[16]byte]bool{
		k.Pseudonym("group", "a"): true, k.Pseudonym("group", "b"): true, k.Pseudonym("peer", "a"): true,
		k.Pseudonym("groupa", ""): true, Random().Pseudonym("group", "a"): true,
	}
	if len(names) != 5 {
		t.Error("two values share a name")
	}
}

// A key shows itself nowhere.
func TestWithheld(t *testing.T) {
	t.Parallel()
	k := new(Key)
	copy(k.secret[:], strings.Repeat("S", 32))
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "key", k)
	for _, shown := range []string{fmt.Sprint(k), fmt.Sprintf("%v %+v %#v %s", k, k, k, k), log.String()} {
		if strings.Contains(shown, "SSS") || strings.Contains(shown, "83 83") || strings.Contains(shown, "0x53") {
			t.Errorf("shown: %s", shown)
		}
	}
}

func TestZeroKey(t *testing.T) {
	t.Parallel()
	defer func() {
		if recover() == nil {
			t.Error("a key of zeros sealed something")
		}
	}()
	new(Key).Seal("p", "i", nil)
}

func FuzzOpen(f *testing.F) {
	k := new(Key)
	k.secret[0] = 1
	whole := k.Seal("p", "i", []byte("text"))
	f.Add(whole)
	f.Add(whole[:headerSize])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, sealed []byte) {
		plain, err := k.Open("p", "i", sealed)
		r, rerr := k.NewReader(bytes.NewReader(sealed), int64(len(sealed)), "p", "i")
		if rerr == nil {
			defer r.Close()
		}
		if (err == nil) != (rerr == nil) || err == nil && r.Size() != int64(len(plain)) {
			t.Errorf("Open says %v, NewReader %v", err, rerr)
		}
	})
}

func BenchmarkSealSmall(b *testing.B) {
	k, plain := Random(), make([]byte, 500)
	for b.Loop() {
		k.Seal("p", "i", plain)
	}
}

func BenchmarkWriter(b *testing.B) {
	for _, size := range []int{4 << 10, 1 << 20} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			k, plain := Random(), make([]byte, size)
			b.SetBytes(int64(size))
			for b.Loop() {
				w := k.NewWriter(new(nowhere), "p", "i")
				w.Write(plain)
				w.Close()
			}
		})
	}
}

type nowhere struct{}

func (nowhere) Write(p []byte) (int, error) { return len(p), nil }
