package packs

import (
	"fmt"
	"strings"
	"testing"
)

// Names of objects are what ParseKey reads, and others' are not taken for ours.
func TestParseKey(t *testing.T) {
	t.Parallel()
	k := Key{0xab, 15: 0x01}
	if got, ok := ParseKey(k.String()); !ok || got != k {
		t.Errorf("ParseKey(%s) = %s, %v", k, got, ok)
	}
	for _, s := range []string{"", "ab", strings.ToUpper(k.String()), k.String() + "00", "../" + k.String()[3:], strings.Repeat("g", 32)} {
		if _, ok := ParseKey(s); ok {
			t.Errorf("%q was taken for a key", s)
		}
	}
}

func TestSecretHidesItself(t *testing.T) {
	t.Parallel()
	s := Store{Secret: Secret{1, 2, 3}}
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		if text := fmt.Sprintf(format, s.Secret); !strings.Contains(text, "withheld") {
			t.Errorf("%s shows %s", format, text)
		}
	}
}
