package mail

import (
	"bytes"
	"strings"
	"testing"
)

func TestLineEnds(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"a\r\nb\r\n": "a\r\nb\r\n",
		"a\nb\n":     "a\r\nb\r\n",
		"a\rb":       "a\r\nb",
		"a\r\r\nb":   "a\r\n\r\nb",
		"a\r":        "a\r\n",
		"\n\r\n\r":   "\r\n\r\n\r\n",
		"":           "",
	} {
		for _, step := range []int{1, 2, 100} {
			if got := cleaned(t, in, step); got != want {
				t.Errorf("%q in steps of %d became %q, want %q", in, step, got, want)
			}
		}
	}
	if _, err := NewLineEnds(&bytes.Buffer{}).Write([]byte("a\x00b")); err == nil {
		t.Error("a NUL went through")
	}
}

func cleaned(t *testing.T, in string, step int) string {
	t.Helper()
	var out bytes.Buffer
	l := NewLineEnds(&out)
	for at := 0; at < len(in); at += step {
		if _, err := l.Write([]byte(in[at:min(at+step, len(in))])); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// FuzzLineEnds: what comes out has only CRLF, does not depend on how it was cut,
// and is left alone by a second pass.
func FuzzLineEnds(f *testing.F) {
	f.Add("a\r\nb\nc\rd\r\r\n", 2)
	f.Fuzz(func(t *testing.T, in string, step int) {
		in = strings.ReplaceAll(in, "\x00", "0")
		whole := cleaned(t, in, len(in)+1)
		if cut := cleaned(t, in, 1+step&7); cut != whole {
			t.Fatalf("%q or %q", whole, cut)
		}
		if rest := strings.ReplaceAll(whole, "\r\n", ""); strings.ContainsAny(rest, "\r\n") {
			t.Fatalf("%q has bare line ends", whole)
		}
		if again := cleaned(t, whole, len(whole)+1); again != whole {
			t.Fatalf("%q became %q", whole, again)
		}
	})
}
