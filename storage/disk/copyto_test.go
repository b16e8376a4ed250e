package disk_test

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"

	"sealpost/filestore"
	"sealpost/filestore/storagetest"
	"sealpost/storage/disk"
)

// TestCopyTo copies twice, with more stored, deleted and compacted in between,
// and reads the copy by itself.
func TestCopyTo(t *testing.T) {
	t.Parallel()
	o := disk.Options{Segment: 100 << 10, Small: 50_000}
	b, to := open(t, t.TempDir(), o), filepath.Join(t.TempDir(), "copy")
	want := map[filestore.ID][]byte{}
	store := func(from, n int) (ids []filestore.ID) {
		for i := range n {
			c := storagetest.Content(uint64(from+i), 100+i*37%60_000)
			id := put(t, b, c)[0].ID
			want[id] = c
			ids = append(ids, id)
		}
		return ids
	}
	first := store(0, 120)
	done := 0
	got, err := b.CopyTo(ctx, to, first, func(n int) { done = n })
	if err != nil || got.Blobs != 120 || got.Had != 0 || done != 120 {
		t.Fatalf("first copy: %+v, %v, progress to %d", got, err, done)
	}
	second := store(120, 60)
	if err := b.Delete(ctx, first[:40]...); err != nil {
		t.Fatal(err)
	}
	if err := b.Compact(ctx, 0); err != nil {
		t.Fatal(err)
	}
	stranger := filestore.ID{3: 1, 4: 9}
	got, err = b.CopyTo(ctx, to, append(append(first[:], second...), stranger), nil)
	if err != nil || got.Blobs != 60 || got.Had != 120 || len(got.Missing) != 1 || got.Missing[0] != stranger {
		t.Fatalf("second copy: %+v, %v", got, err)
	}
	sameBlobs(t, open(t, to, o), want)
}

func sameBlobs(t *testing.T, b *disk.Blobs, want map[filestore.ID][]byte) {
	t.Helper()
	n := 0
	for _, err := range b.All(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	if n != len(want) {
		t.Errorf("%d blobs in the copy, want %d", n, len(want))
	}
	for id, content := range want {
		blob, err := b.Open(ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(io.NewSectionReader(blob, 0, blob.Size()))
		if blob.Close(); err != nil || !bytes.Equal(got, content) {
			t.Errorf("blob %s differs: %v", id, err)
		}
	}
}

// TestCopyToLeavesDamageBehind flips a byte of a small and of a large blob: they
// are named, and what is sound is copied.
func TestCopyToLeavesDamageBehind(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	b := open(t, dir, disk.Options{Small: 50_000})
	small := bytes.Repeat([]byte("small-7d"), 50)
	big := bytes.Repeat([]byte("large-7d"), 50_000)
	ids := []filestore.ID{put(t, b, small)[0].ID, put(t, b, []byte("sound"))[0].ID, put(t, b, big)[0].ID}
	err := filepath.WalkDir(dir, func(name string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		if at := bytes.Index(text, []byte("-7d")); at >= 0 {
			text[at] ^= 1
			return os.WriteFile(name, text, 0o600)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	got, err := b.CopyTo(ctx, filepath.Join(t.TempDir(), "copy"), ids, nil)
	if err != nil || got.Blobs != 1 || len(got.Damaged) != 2 {
		t.Errorf("copied %+v, %v; want one blob and two damaged", got, err)
	}
}

// TestCopyToIsGoneOnWith breaks a copy off in the middle of a segment's file, as a
// crash would, and copies again.
func TestCopyToIsGoneOnWith(t *testing.T) {
	t.Parallel()
	b, to := open(t, t.TempDir(), disk.Options{}), filepath.Join(t.TempDir(), "copy")
	want := map[filestore.ID][]byte{}
	var ids []filestore.ID
	for i := range 50 {
		c := storagetest.Content(uint64(i), 3000)
		ids = append(ids, put(t, b, c)[0].ID)
		want[ids[i]] = c
	}
	if _, err := b.CopyTo(ctx, to, ids[:30], nil); err != nil {
		t.Fatal(err)
	}
	names, err := filepath.Glob(filepath.Join(to, "segments", "*.seg"))
	if err != nil || len(names) != 1 {
		t.Fatal(names, err)
	}
	if err := os.Truncate(names[0], 20_000); err != nil {
		t.Fatal(err)
	}
	if got, err := b.CopyTo(ctx, to, ids, nil); err != nil || got.Had >= 30 || got.Had == 0 {
		t.Fatalf("copied %+v, %v", got, err)
	}
	sameBlobs(t, open(t, to, disk.Options{}), want)
}

// TestMendTo damages a small and a large blob of a copy: another copy takes them for
// good, and one that mends brings them again, unless the source has lost them too.
func TestMendTo(t *testing.T) {
	t.Parallel()
	dir, to := t.TempDir(), filepath.Join(t.TempDir(), "copy")
	b := open(t, dir, disk.Options{Small: 50_000})
	small, big, lost := bytes.Repeat([]byte("small-7d"), 50), bytes.Repeat([]byte("large-7d"), 50_000), []byte("lost-7d")
	want := map[filestore.ID][]byte{}
	var ids []filestore.ID
	for _, c := range [][]byte{small, []byte("sound"), big, lost} {
		id := put(t, b, c)[0].ID
		ids, want[id] = append(ids, id), c
	}
	if _, err := b.CopyTo(ctx, to, ids, nil); err != nil {
		t.Fatal(err)
	}
	if err := b.Delete(ctx, ids[3]); err != nil {
		t.Fatal(err)
	}
	turn(t, to, "-7d")
	if got, err := b.CopyTo(ctx, to, ids, nil); err != nil || got.Had != 4 || got.Blobs != 0 {
		t.Errorf("a copy that does not mend: %+v, %v", got, err)
	}
	got, err := b.MendTo(ctx, to, ids, nil)
	if err != nil || got.Had != 1 || got.Blobs != 2 || got.Mended != 2 || len(got.Missing) != 1 {
		t.Errorf("mended %+v, %v", got, err)
	}
	if got, err := b.MendTo(ctx, to, ids, nil); err != nil || got.Had != 3 || got.Blobs != 0 {
		t.Errorf("mended again: %+v, %v", got, err)
	}
	copied := open(t, to, disk.Options{})
	if blob, err := copied.Open(ctx, ids[3]); err == nil {
		if text, err := io.ReadAll(io.NewSectionReader(blob, 0, blob.Size())); err == nil {
			t.Errorf("what was lost in both reads as %q", text)
		}
	}
	if err := copied.Delete(ctx, ids[3]); err != nil {
		t.Fatal(err)
	}
	delete(want, ids[3])
	sameBlobs(t, copied, want)
}

// turn changes the first octet of word wherever it stands in files under dir.
func turn(t *testing.T, dir, word string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(name string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		return os.WriteFile(name, bytes.ReplaceAll(text, []byte(word), []byte("+"+word[1:])), 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
}
