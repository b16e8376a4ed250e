package bolt

import (
	"context"
	"iter"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"sealpost/filestore"
	"sealpost/mailstore"
	"sealpost/mailstore/storagetest"
)

// oneOwner lists only one owner's blobs, for checks of a single owner.
type oneOwner struct {
	mailstore.Index
	d *DB
	o mailstore.Owner
}

func (x oneOwner) Blobs(ctx context.Context) iter.Seq2[filestore.ID, error] {
	return func(yield func(filestore.ID, error) bool) {
		err := index{x.d}.read(ctx, x.o, func(r *rows) error {
			for k, v := range under(r.in(tableMails), ownerKey(r.num)) {
				m, ok := decodeMail(k, v)
				if !ok {
					return damaged(tableMails, k)
				}
				for _, l := range m.Letters {
					if !yield(l.ID, nil) {
						return nil
					}
				}
			}
			return nil
		})
		if err != nil {
			yield(filestore.ID{}, err)
		}
	}
}

// A power cut in a commit leaves any of its pages written, or half-written, in
// any order; its meta page only after them. Whatever is left, the index opens
// at the commit before, or at this one when its meta page was written.
func TestPowerCut(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "index")
	d := openAt(t, path, Options{})
	box := openOwner(t, d, "o")
	appendTo(t, d, "o", box, 40)
	for round := range 5 {
		before := read(t, path)
		messages := len(collectEntries(t, d, "o", box))
		change := []mailstore.Change{mailstore.Append{Box: box, Mail: mailOf(3000), Size: 1}, mailstore.Expunge{Box: box, UIDs: []mailstore.UID{mailstore.UID(round + 1)}},
			mailstore.Append{Box: box, Mail: mailOf(30), Size: 1}}
		if _, err := d.Index().Apply(t.Context(), "o", change); err != nil {
			t.Fatal(err)
		}
		after := read(t, path)
		for range 4 {
			cutAndOpen(t, tear(before, after, false), messages)
		}
		cutAndOpen(t, after, messages+1)
		cutAndOpen(t, tear(before, after, true), messages)
	}
	d.Close()
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// tear makes the file of a cut commit: some of its data pages are new, some
// old, some half; with meta, all data pages are new and the meta page is half
// written, which its checksum tells.
func tear(before, after []byte, meta bool) []byte {
	page := os.Getpagesize()
	torn := slices.Clone(after)
	before = append(slices.Clone(before), make([]byte, max(0, len(after)-len(before)))...)
	for at := 0; at < len(after); at += page {
		isMeta := at < 2*page
		switch {
		case isMeta && meta: // 16 bytes of page header, then the meta: cut in its transaction id
			copy(torn[at+16+48+4:at+page], before[at+16+48+4:at+page])
		case isMeta:
			copy(torn[at:at+page], before[at:at+page])
		case meta:
		case rand.IntN(3) == 0:
			copy(torn[at:at+page], before[at:at+page])
		case rand.IntN(3) == 0:
			cut := rand.IntN(page)
			copy(torn[at+cut:at+page], before[at+cut:at+page])
		}
	}
	return torn
}

func cutAndOpen(t *testing.T, file []byte, messages int) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "cut")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	d := openAt(t, path, Options{})
	defer d.Close()
	if n := len(collectEntries(t, d, "o", 1)); n != messages {
		t.Errorf("%d messages after the cut, want %d", n, messages)
	}
	appendTo(t, d, "o", 1, 1) // and goes on
	storagetest.Check(t, d.Index(), "o")
	checkRows(t, d)
}

// After a failed fsync of the meta page the kernel shows what the disk may not
// have. Opening writes both meta pages once more, so the next commit, which
// overwrites the older of them, rests on one that is surely there.
func TestOpenSettles(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "index")
	d := openAt(t, path, Options{})
	openOwner(t, d, "o")
	before := read(t, path)
	d.Close()
	if err := settle(path, os.Getpagesize()); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(before, read(t, path)) {
		t.Error("settling changed the file")
	}
	os.Remove(path)
	if err := settle(path, os.Getpagesize()); err == nil {
		t.Error("settling nothing gave no error")
	}
}
