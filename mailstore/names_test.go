package mailstore

import (
	"errors"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

func FuzzCleanName(f *testing.F) {
	for _, name := range []string{
		"INBOX", "inbox/a", "a/b", "../etc/passwd", "a/./b", "/", "", "e\u0301", "\xff", "nul\x00", "&AGE-", strings.Repeat("a/", 30),
		"\u1100\u1161", strings.Repeat("\u0300", 200), "ſtraße", "İNBOX", "ınbox",
	} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		clean, err := CleanName(name)
		if err != nil {
			if !errors.Is(err, ErrName) || clean != "" {
				t.Fatalf("got %q, %v", clean, err)
			}
			return
		}
		if again, err := CleanName(clean); err != nil || again != clean {
			t.Fatalf("cleaning %q again gives %q, %v", clean, again, err)
		}
		if !utf8.ValidString(clean) || !norm.NFC.IsNormalString(clean) || len(clean) > 255 || strings.ContainsFunc(clean, unicode.IsControl) {
			t.Fatalf("%q is not clean", clean)
		}
		levels := strings.Split(clean, "/")
		if len(levels) > 20 || strings.EqualFold(levels[0], "inbox") && levels[0] != "INBOX" {
			t.Fatalf("%q has the levels %q", clean, levels)
		}
		for _, level := range levels {
			if level == "" || level == "." || level == ".." {
				t.Fatalf("%q has the level %q", clean, level)
			}
		}
		for _, parent := range above(clean) {
			if again, err := CleanName(parent); err != nil || again != parent || !within(clean, parent) {
				t.Fatalf("%q is over %q and is not clean: %q, %v", parent, clean, again, err)
			}
		}
	})
}
