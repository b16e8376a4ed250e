package pgp

import (
	"bytes"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestBuckets(t *testing.T) {
	t.Parallel()
	last, buckets := int64(0), 0
	for n := int64(1); n < 200_000; n++ {
		b := bucket(n)
		if b != last {
			buckets++
		}
		switch {
		case b < n, b < last, b%3 == 0, bucket(b) != b:
			t.Fatalf("bucket of %d is %d, before it was %d", n, b, last)
		case n > 64 && float64(b) > 1.13*float64(n):
			t.Fatalf("bucket of %d is %d: more than 12 %%", n, b)
		}
		last = b
	}
	if buckets > 400 {
		t.Errorf("200,000 sizes fall into %d buckets: they hide little", buckets)
	}
	if b := bucket(40 << 20); b > 40<<20+16<<10+1 {
		t.Errorf("bucket of 40 MiB is %d", b)
	}
}

func TestPaddingFields(t *testing.T) {
	t.Parallel()
	for n := leastPadding; n < 4*paddedField; n++ {
		b := appendPadding(nil, n)
		if len(b) != n {
			t.Fatalf("%d bytes of padding are %d", n, len(b))
		}
		for line := range bytes.Lines(b) {
			text, ok := bytes.CutSuffix(line, []byte("\r\n"))
			if !ok || len(text) > 76 || len(bytes.TrimSpace(text)) == 0 || bytes.HasSuffix(text, []byte(": ")) {
				t.Fatalf("%d bytes: line %q", n, line)
			}
			if text[0] != ' ' && !strings.HasPrefix(string(text), paddingField) {
				t.Fatalf("%d bytes: line %q", n, line)
			}
		}
	}
}

// TestLettersFallOnBuckets is ATTACKS E03: no letter's size is the mail's own.
func TestLettersFallOnBuckets(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.OneOf(rapid.IntRange(1, 5000), rapid.IntRange(65_000, 67_000), rapid.IntRange(200_000, 400_000)).Draw(t, "size")
		p := rapid.SampledFrom([]Profile{Compat, Modern}).Draw(t, "profile")
		s, err := Seal(t.Context(), arrived(benchMail(size)), testOwners()[p].Recipient)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range s.Letters() {
			if n := l.Size(); l.Kind == KindCard && n%cardStep != 0 || l.Kind != KindCard && bucket(n) != n {
				t.Fatalf("letter %d of a mail of %d has %d bytes", l.Kind, size, n)
			}
		}
	})
}
