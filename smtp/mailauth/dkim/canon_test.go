package dkim_test

import (
	"bytes"
	"crypto/sha256"
	"regexp"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"sealpost/smtp/mailauth/dkim"
)

var (
	loneLF = regexp.MustCompile(`\r?\n`)
	runs   = regexp.MustCompile(`[ \t]+`)
)

// slowly is the canonical form of a body as RFC 6376, section 3.4, words it.
func slowly(c dkim.Canon, body string) string {
	body = loneLF.ReplaceAllString(body, "\r\n")
	if !strings.HasSuffix(body, "\r\n") {
		body += "\r\n"
	}
	if c == dkim.Relaxed {
		body = runs.ReplaceAllString(body, " ")
		body = strings.ReplaceAll(body, " \r\n", "\r\n")
	}
	body = strings.TrimSuffix(body, "\r\n")
	for strings.HasSuffix(body, "\r\n") {
		body = strings.TrimSuffix(body, "\r\n")
	}
	if body == "" && c == dkim.Relaxed {
		return ""
	}
	return body + "\r\n"
}

// However a body is cut into pieces, its forms are those of the RFC.
func TestBodyForms(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.SampledFrom([]string{"a", "bc", " ", "  ", "\t", "\r\n", "\r\n\r\n", "\n", "\r", strings.Repeat("long ", 80), strings.Repeat(" ", 300)})
		body := strings.Join(rapid.SliceOf(words).Draw(t, "body"), "")
		var pieces [][]byte
		for rest := []byte(body); len(rest) > 0; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "cut")
			pieces = append(pieces, rest[:n])
			rest = rest[n:]
		}
		for _, c := range []dkim.Canon{dkim.Simple, dkim.Relaxed} {
			want := slowly(c, body)
			sum := sha256.Sum256([]byte(want))
			if got, length := dkim.HashPieces(c, pieces); !bytes.Equal(got, sum[:]) || length != int64(len(want)) {
				t.Fatalf("relaxed %t: %q in %d pieces is not %q (%d bytes)", c, body, len(pieces), want, length)
			}
		}
	})
}

// RFC 6376, section 3.4.5.
func TestHeaderForms(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ raw, simple, relaxed string }{
		{"A: X\r\n", "A: X\r\n", "a:X\r\n"},
		{"B : Y\t\r\n\tZ  \r\n", "B : Y\t\r\n\tZ  \r\n", "b:Y Z\r\n"},
		{"C:\r\n", "C:\r\n", "c:\r\n"},
		{"D: \r\n x\r\n", "D: \r\n x\r\n", "d:x\r\n"},
		{"E: lone\n line\n", "E: lone\r\n line\r\n", "e:lone line\r\n"},
		{"F: no end", "F: no end\r\n", "f:no end\r\n"},
		{"G: a: b\r\n", "G: a: b\r\n", "g:a: b\r\n"},
	} {
		if got := string(dkim.Simple.AppendField(nil, []byte(test.raw))); got != test.simple {
			t.Errorf("simple %q: %q", test.raw, got)
		}
		if got := string(dkim.Relaxed.AppendField(nil, []byte(test.raw))); got != test.relaxed {
			t.Errorf("relaxed %q: %q", test.raw, got)
		}
	}
}

func TestWithoutB(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		"D: a=1; b=xyz; bh=abc\r\n":       "D: a=1; b=; bh=abc",
		"D: a=1; bh=b=c; b = x\r\n y\r\n": "D: a=1; bh=b=c; b =",
		"D:b=x;\r\n b2=y\r\n":             "D:b=;\r\n b2=y",
		"D: a=1":                          "D: a=1",
	} {
		if got := string(dkim.WithoutB([]byte(raw))); got != want {
			t.Errorf("%q: %q, want %q", raw, got, want)
		}
	}
}

// A line made to be slow takes no longer than its length.
func TestHostileBodyIsLinear(t *testing.T) {
	t.Parallel()
	for _, unit := range []string{"a  b", "a\tb", "\r\n", " ", "\r"} {
		line := bytes.Repeat([]byte(unit), 1<<20/len(unit))
		start := time.Now()
		dkim.HashPieces(dkim.Relaxed, [][]byte{line})
		if took := time.Since(start); took > 4*time.Second {
			t.Errorf("a mebibyte of %q takes %s", unit, took)
		}
	}
}
