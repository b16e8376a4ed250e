package prove

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"mime/quotedprintable"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf16"
)

// small is a window that makes words cross its edge.
const small = 1000

const word = "Wombat7Quokka3Numbat"

// testFinder is made once: it does not change.
var testFinder = sync.OnceValue(func() *finder { return newFinder([]string{"AnotherWordAltogether", word}) })

// noise is what ciphertext looks like, the same at each run.
func noise(n int, seed byte) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{seed}).Read(b)
	return b
}

func toUTF16(s string, swap bool) []byte {
	var b []byte
	for _, u := range utf16.Encode([]rune(s)) {
		if swap {
			b = append(b, byte(u>>8), byte(u))
		} else {
			b = append(b, byte(u), byte(u>>8))
		}
	}
	return b
}

func squeezed(text string, open func(io.Writer) io.WriteCloser) []byte {
	var b bytes.Buffer
	w := open(&b)
	io.WriteString(w, text)
	w.Close()
	return b.Bytes()
}

// wrapped breaks text into lines, as mail does.
func wrapped(text string, width int, end string) string {
	var b strings.Builder
	for len(text) > width {
		b.WriteString(text[:width] + end)
		text = text[width:]
	}
	return b.String() + text
}

// plants are all forms a word must be found in, and what they are called.
func plants(word string) map[string]struct {
	text []byte
	form string
} {
	plain := "a " + word + " b"
	b64 := base64.StdEncoding.EncodeToString
	var qp strings.Builder
	w := quotedprintable.NewWriter(&qp)
	io.WriteString(w, strings.Repeat("é", 23)+word)
	w.Close()
	all := map[string]struct {
		text []byte
		form string
	}{
		"raw":              {[]byte(plain), "raw"},
		"lower case":       {[]byte(strings.ToLower(plain)), "raw"},
		"upper case":       {[]byte(strings.ToUpper(plain)), "raw"},
		"UTF-16LE":         {toUTF16(plain, false), "UTF-16LE"},
		"UTF-16BE":         {toUTF16(plain, true), "UTF-16BE"},
		"hex":              {[]byte(hex.EncodeToString([]byte(plain))), "hex"},
		"HEX":              {[]byte(strings.ToUpper(hex.EncodeToString([]byte(plain)))), "hex"},
		"hex of UTF-16":    {[]byte(hex.EncodeToString(toUTF16(plain, false))), "hex of UTF-16LE"},
		"hex in lines":     {[]byte(wrapped(hex.EncodeToString([]byte(plain)), 16, "\n")), "hex, broken"},
		"soft line breaks": {[]byte(qp.String()), "raw, broken"},
		"all of it =XX":    {[]byte("=" + wrapped(strings.ToUpper(hex.EncodeToString([]byte(word))), 2, "=")), "raw, broken"},
		"percent":          {[]byte("%" + wrapped(hex.EncodeToString([]byte(word)), 2, "%")), "raw, broken"},
		"percent in part":  {[]byte(url.QueryEscape(word[:5]) + "%" + hex.EncodeToString([]byte(word[5:6])) + word[6:]), "raw, broken"},
		"base64 in lines":  {[]byte(wrapped(b64([]byte(plain)), 7, "\r\n")), "base64, broken"},
		"base64 of UTF-16": {[]byte(b64(toUTF16("x"+word, false))), "base64 of UTF-16LE"},
		"base64 for URLs":  {[]byte(base64.RawURLEncoding.EncodeToString([]byte(plain))), "base64"},
		"zlib":             {squeezed(strings.Repeat(plain, 3), func(w io.Writer) io.WriteCloser { return zlib.NewWriter(w) }), "raw in a zlib stream"},
		"gzip":             {squeezed(plain, func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) }), "raw in a gzip stream"},
		"gzip with a name": {squeezed(plain, func(w io.Writer) io.WriteCloser {
			z := gzip.NewWriter(w)
			z.Name, z.Extra = "x", []byte("yy")
			return z
		}), "raw in a gzip stream"},
		"deflate, own code":  {squeezed(longText()+plain, deflate), "raw in a deflate stream"},
		"deflate, its code":  {squeezed("x"+word, deflate), "raw in a deflate stream"},
		"cut zlib":           {cut(squeezed(longText()+plain+longText(), func(w io.Writer) io.WriteCloser { return zlib.NewWriter(w) })), "raw in a zlib stream"},
		"zlib of base64":     {squeezed(b64([]byte("xx"+word))+longText(), func(w io.Writer) io.WriteCloser { return zlib.NewWriter(w) }), "base64 in a zlib stream"},
		"quoted in encoding": {[]byte("=?utf-8?q?" + word + "?="), "raw"},
	}
	for i := range 3 {
		all[fmt.Sprintf("base64 at %d", i)] = struct {
			text []byte
			form string
		}{[]byte(b64([]byte(strings.Repeat("~", i) + word + "~"))), "base64"}
	}
	return all
}

func deflate(w io.Writer) io.WriteCloser { z, _ := flate.NewWriter(w, 9); return z }

func longText() string {
	var b strings.Builder
	r := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		fmt.Fprintf(&b, "%d sheep ", r.IntN(1000))
	}
	return b.String()
}

func cut(b []byte) []byte { return b[:len(b)-len(b)/20] }

// TestForms plants the word in each form, in the middle of noise and across the
// edges of what is read at once, and looks. It is the scanner's own control.
func TestForms(t *testing.T) {
	t.Parallel()
	for name, p := range plants(word) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, before := range []int{0, 1, 700, small - 7, small - len(p.text)%small + 1} {
				data := append(append(noise(before, 1), p.text...), noise(300, 2)...)
				l := look{find: testFinder(), file: "f", at: bytes.NewReader(data), window: small, told: func(int64) {}}
				if err := l.all(t.Context()); err != nil || l.size != int64(len(data)) {
					t.Fatal(l.size, err)
				}
				found := false
				for _, h := range l.hits {
					near := h.Offset >= int64(before)-64 && h.Offset <= int64(before+len(p.text))
					found = found || strings.HasPrefix(h.Form, p.form) && near
				}
				if !found {
					t.Errorf("%d octets in: found %v, want %s", before, l.hits, p.form)
				}
			}
		})
	}
}

// TestNothing: noise, text, other words, and words that are not whole are clean.
func TestNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, text := range map[string][]byte{
		"noise":  noise(64<<10, 3),
		"text":   []byte(strings.Repeat("A Wombat7Quokka3Numba and a wombat. =57=6F %57 \r\n", 100)),
		"base64": []byte(base64.StdEncoding.EncodeToString(noise(32<<10, 4))),
		"zeros":  make([]byte, 100<<10),
		"empty":  nil,
		"tiny":   []byte("="),
		"bomb":   squeezed(strings.Repeat("\x00", 1<<20), deflate),
		"zlib":   squeezed(longText(), func(w io.Writer) io.WriteCloser { return zlib.NewWriter(w) }),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r, err := Scan(t.Context(), []string{dir}, []string{word})
	if err != nil || len(r.Hits) != 0 || r.Files != 8 || len(r.Unread) != 0 {
		t.Errorf("%+v %v", r, err)
	}
	if r.Inflated < int64(len(longText())) {
		t.Errorf("only %d octets were inflated", r.Inflated)
	}
}

func TestNamesAndFolders(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	deep := filepath.Join(dir, "a", "b")
	if err := os.MkdirAll(deep, 0o700); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(deep, "x"+strings.ToLower(word)+".pdf")
	if err := os.WriteFile(name, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	outside := filepath.Join(t.TempDir(), "log")
	if err := os.WriteFile(outside, []byte(word), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	r, err := Scan(t.Context(), []string{dir, deep}, []string{word})
	if err != nil || len(r.Hits) != 1 || r.Hits[0].File != name || r.Hits[0].Offset != -1 {
		t.Errorf("%+v %v", r, err)
	}
	r, err = Scan(t.Context(), []string{outside}, []string{word})
	if err != nil || len(r.Hits) != 1 || r.Hits[0].String() != outside+": raw at octet 0" {
		t.Errorf("%+v %v", r, err)
	}
	if _, err := Scan(t.Context(), []string{filepath.Join(dir, "missing")}, []string{word}); err == nil {
		t.Error("a root that is not there was looked at")
	}
	if _, err := Scan(t.Context(), []string{dir}, []string{word, ""}); err == nil {
		t.Error("an empty word was looked for")
	}
}

func TestSince(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	now := time.Now()
	for name, at := range map[string]time.Time{"old": now.Add(-time.Hour), "new": now} {
		name = filepath.Join(dir, name)
		if err := errors.Join(os.WriteFile(name, []byte(word), 0o600), os.Chtimes(name, at, at)); err != nil {
			t.Fatal(err)
		}
	}
	told := 0
	r, err := ScanWith(t.Context(), []string{dir}, []string{word}, Options{Since: now.Add(-time.Minute), Tell: func(int, int64) { told++ }})
	if err != nil || r.Files != 1 || r.Older != 1 || len(r.Hits) != 1 || told == 0 {
		t.Errorf("%+v %v, told %d times", r, err, told)
	}
}

func TestHitsAreBoundedAndScansEnd(t *testing.T) {
	t.Parallel()
	r, err := Read(t.Context(), "log", strings.NewReader(strings.Repeat(word+" ", 10_000)), []string{word})
	if err != nil || len(r.Hits) != hitsPerFile {
		t.Errorf("%d hits %v", len(r.Hits), err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Scan(ctx, []string{t.TempDir()}, []string{word}); err == nil {
		t.Error("an ended scan says it is whole")
	}
}

// FuzzFind: a word planted anywhere in anything is found, whatever stands
// around it, as it is and in hex.
func FuzzFind(f *testing.F) {
	f.Add([]byte("Wombat7Quokka3Wombat"), []byte("=0"))
	f.Add([]byte("="), []byte("%%"))
	f.Fuzz(func(t *testing.T, before, after []byte) {
		for _, form := range []string{word, hex.EncodeToString([]byte(word))} {
			data := bytes.Join([][]byte{before, []byte(form), after}, nil)
			l := look{find: testFinder(), file: "x", at: bytes.NewReader(data), window: small, told: func(int64) {}}
			if err := l.all(t.Context()); err != nil {
				t.Fatal(err)
			}
			found := len(l.hits) == hitsPerFile
			for _, h := range l.hits {
				found = found || h.Offset == int64(len(before))
			}
			if !found {
				t.Errorf("%q: %v", data, l.hits)
			}
		}
	})
}

func BenchmarkScan(b *testing.B) {
	dir := b.TempDir()
	for i := range 2 {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprint(i)), noise(64<<20, byte(i)), 0o600); err != nil {
			b.Fatal(err)
		}
	}
	b.SetBytes(2 * 64 << 20)
	for b.Loop() {
		if _, err := Scan(b.Context(), []string{dir}, []string{word, "Wombat8Quokka4Numbat"}); err != nil {
			b.Fatal(err)
		}
	}
}
