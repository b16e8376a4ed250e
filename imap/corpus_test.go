package imap_test

import (
	"bytes"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	goimap "github.com/emersion/go-imap/v2"

	"sealpost/account"
	"sealpost/pgp"
)

var long = flag.Bool("long", false, "take the whole corpus, not every twentieth mail")

// Real mail, and what was made to look like it, is appended, listed by a strict
// client at the level that shows most, and opened again.
func TestCorpusThroughAppend(t *testing.T) {
	t.Parallel()
	paths := corpus(t)
	h := build(t)
	open := pgp.Open
	_, err := h.book.Set(t.Context(), h.alice.id, account.Settings{Level: &open})
	h.must(err)
	c := h.client(h.alice, nil)
	_, err = c.Select("INBOX", nil).Wait()
	h.must(err)
	for _, path := range paths {
		raw, err := os.ReadFile(path)
		h.must(err)
		data, err := appendMail(t, c, "INBOX", string(raw), nil)
		if len(raw) == 0 || bytes.IndexByte(raw, 0) >= 0 {
			if err == nil {
				t.Errorf("%s was taken", path)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		section := &goimap.FetchItemBodySection{Peek: true}
		fields := &goimap.FetchItemBodySection{Peek: true, Specifier: goimap.PartSpecifierHeader, HeaderFields: []string{"Subject", "From"}}
		got, err := c.Fetch(goimap.UIDSetNum(data.UID), &goimap.FetchOptions{
			Envelope: true, BodyStructure: &goimap.FetchItemBodyStructure{Extended: true}, RFC822Size: true,
			BodySection: []*goimap.FetchItemBodySection{section, fields},
		}).Collect()
		if err != nil || len(got) != 1 {
			t.Fatalf("%s: %d messages, %v", path, len(got), err)
		}
		served := got[0].FindBodySection(section)
		if int64(len(served)) != got[0].RFC822Size {
			t.Errorf("%s: RFC822.SIZE is %d, the body has %d", path, got[0].RFC822Size, len(served))
		}
		if back := h.restore(h.alice, served); back != crlf(raw) {
			t.Errorf("%s: came back changed (%d bytes for %d)", path, len(back), len(raw))
		}
	}
}

// corpus lists real mails, or skips: they are not part of this repository.
func corpus(t *testing.T) (paths []string) {
	t.Helper()
	dir := os.Getenv("SEALPOST_CORPUS")
	if dir == "" {
		dir = filepath.Join("..", "..", "shared", "corpus")
	}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			paths = append(paths, path)
		}
		return err
	})
	if err != nil {
		t.Skip("no corpus of real mail here (set SEALPOST_CORPUS)")
	}
	if !*long {
		at := -1
		paths = slices.DeleteFunc(paths, func(string) bool { at++; return at%20 != 0 })
	}
	return paths
}

// crlf is what APPEND makes of line ends.
func crlf(raw []byte) string {
	s := strings.ReplaceAll(string(raw), "\r\n", "\n")
	return strings.ReplaceAll(strings.ReplaceAll(s, "\r", "\n"), "\n", "\r\n")
}
