package disk_test

import (
	"bytes"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"sealpost/filestore"
	"sealpost/filestore/storagetest"
	"sealpost/storage/disk"
	"sealpost/storage/disk/faultfs"
)

// TestCompact deletes half of what is stored and looks for it in the files, as a
// thief would: it is there before, and gone after, and the other half stays.
func TestCompact(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	b := open(t, dir, disk.Options{Segment: 200 << 10, Small: 50_000})
	const canary = "canary-9c1e"
	var secret []filestore.Ref
	content := func(i int) []byte { return storagetest.Content(uint64(i), 100+rand.IntN(9000)) }
	kept := map[filestore.Ref][]byte{}
	for i := range 200 {
		c := content(i)
		kept[put(t, b, c)[0]] = c
		s := append(content(i), canary...)
		if i%50 == 0 {
			s = append(make([]byte, 60_000), s...)
		}
		secret = append(secret, put(t, b, s)...)
	}
	reader, err := b.Open(ctx, secret[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	for _, ref := range secret {
		if err := b.Delete(ctx, ref.ID); err != nil {
			t.Fatal(err)
		}
	}
	size, hits := lookFor(t, dir, canary)
	if hits == 0 {
		t.Error("the canary is not even there before: the check sees nothing")
	}
	if err := b.Compact(ctx, 0); err != nil {
		t.Fatal(err)
	}
	smaller, hits := lookFor(t, dir, canary)
	if hits != 0 {
		t.Errorf("after Compact the canary is in %d files", hits)
	}
	if smaller > size*2/3 {
		t.Errorf("%d bytes before, %d after", size, smaller)
	}
	if _, err := io.ReadAll(io.NewSectionReader(reader, 0, reader.Size())); err != nil {
		t.Errorf("who held a deleted blob open: %v", err)
	}
	for range 2 {
		for ref, c := range kept {
			storagetest.Check(t, b, ref, c)
		}
		if n := count(t, b); n != len(kept) {
			t.Errorf("%d blobs are left, want %d", n, len(kept))
		}
		b.Close()
		b = open(t, dir, disk.Options{})
	}
}

func lookFor(t *testing.T, dir, canary string) (size int, hits int) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		size += len(b)
		if bytes.Contains(b, []byte(canary)) {
			hits++
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return size, hits
}

// TestCompactShare leaves alone what is not worth the work.
func TestCompactShare(t *testing.T) {
	t.Parallel()
	fs := faultfs.New(1)
	b := open(t, "/blobs", disk.Options{FS: fs, Segment: 10_000})
	var refs []filestore.Ref
	for i := range 20 {
		refs = append(refs, put(t, b, storagetest.Content(uint64(i), 2000))...)
	}
	before := read(t, fs, firstSegment)
	steps := []struct {
		share float64
		same  bool
	}{{0.5, true}, {0.1, false}}
	if err := b.Delete(ctx, refs[0].ID); err != nil {
		t.Fatal(err)
	}
	for _, step := range steps {
		if err := b.Compact(ctx, step.share); err != nil {
			t.Fatal(err)
		}
		if same := bytes.Equal(before, read(t, fs, firstSegment)); same != step.same {
			t.Errorf("a fifth is dead, Compact(%v): same %v", step.share, same)
		}
	}
	for i, ref := range refs[1:] {
		storagetest.Check(t, b, ref, storagetest.Content(uint64(i+1), 2000))
	}
	if err := b.Delete(ctx, refs[1].ID, refs[2].ID, refs[3].ID, refs[4].ID); err != nil {
		t.Fatal(err)
	}
	if err := b.Compact(ctx, 0.5); err != nil {
		t.Fatal(err)
	}
	if exists(t, fs, firstSegment) || exists(t, fs, "/blobs/segments/00000001.dead") {
		t.Error("a segment without blobs is still there")
	}
}

// TestRemovedForEver cuts the power after a compaction: nothing deleted comes back.
func TestRemovedForEver(t *testing.T) {
	t.Parallel()
	for seed := range uint64(30) {
		fs := faultfs.New(seed)
		o := disk.Options{FS: fs, Segment: 5000, Small: 3000}
		b := open(t, "/blobs", o)
		var ids []filestore.ID
		for range 3 {
			for _, ref := range put(t, b, make([]byte, 2000), make([]byte, 2000), make([]byte, 5000)) {
				ids = append(ids, ref.ID)
			}
		}
		kept := put(t, b, []byte("kept"))[0]
		if err := b.Delete(ctx, ids...); err != nil {
			t.Fatal(err)
		}
		if err := b.Compact(ctx, 0); err != nil {
			t.Fatal(err)
		}
		fs.PowerCut()
		b.Close()
		b = open(t, "/blobs", o)
		if n := count(t, b); n != 1 {
			t.Errorf("seed %d: %d blobs, want 1", seed, n)
		}
		storagetest.Check(t, b, kept, []byte("kept"))
	}
}

// TestCompactUnderLoad compacts while others never stop storing.
func TestCompactUnderLoad(t *testing.T) {
	t.Parallel()
	b := open(t, "/blobs", disk.Options{FS: faultfs.New(1), Segment: 1 << 20})
	var wg sync.WaitGroup
	stop := make(chan struct{})
	for range 8 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				b.Delete(ctx, put(t, b, make([]byte, 2000))[0].ID)
			}
		})
	}
	done := make(chan error, 1)
	go func() {
		for range 10 {
			if err := b.Compact(ctx, 0); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(20 * time.Second):
		t.Error("compaction waits for those who store to stop")
	}
	close(stop)
	wg.Wait()
}
