package disk_test

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sealpost/filestore"
	"sealpost/filestore/storagetest"
	"sealpost/storage/disk"
	"sealpost/storage/disk/faultfs"
)

func put(t testing.TB, b filestore.Blobs, contents ...[]byte) []filestore.Ref {
	t.Helper()
	var sources []io.WriterTo
	for _, c := range contents {
		sources = append(sources, storagetest.Source(c))
	}
	refs, err := b.Put(ctx, sources...)
	if err != nil {
		t.Fatalf("Put: %v", err)
	}
	return refs
}

func count(t testing.TB, b filestore.Blobs) (n int) {
	t.Helper()
	for _, err := range b.All(ctx) {
		if err != nil {
			t.Fatalf("All: %v", err)
		}
		n++
	}
	return n
}

func segment(id filestore.ID) uint32 { return binary.BigEndian.Uint32(id[:]) }

// TestFailureIsFinal refuses one group and shows that its segment is never
// written to again, that nothing of the group is visible, and that nothing
// stored before or after is lost.
func TestFailureIsFinal(t *testing.T) {
	t.Parallel()
	for name, faults := range map[string]faultfs.Faults{"sync": {Sync: 1}, "write": {Write: 1}} {
		for seed := range uint64(20) {
			fs := faultfs.New(seed)
			b := open(t, "/blobs", disk.Options{FS: fs})
			old := storagetest.Content(1, 3000)
			before := put(t, b, old)[0]

			fs.SetFaults(faults)
			if _, err := b.Put(ctx, storagetest.Source(old), storagetest.Source(old)); err == nil {
				t.Fatalf("%s fails, and Put did not", name)
			}
			if n := count(t, b); n != 1 {
				t.Errorf("%s failed: %d blobs are visible, want 1", name, n)
			}
			fs.SetFaults(faultfs.Faults{})
			after := put(t, b, old)[0]
			if segment(after.ID) == segment(before.ID) {
				t.Errorf("%s failed, and its segment is still appended to", name)
			}
			fs.PowerCut()
			b.Close()
			b = open(t, "/blobs", disk.Options{FS: fs})
			storagetest.Check(t, b, before, old)
			storagetest.Check(t, b, after, old)
		}
	}
}

// TestFull fills the disk, and frees it again, without a restart between. The
// engine finds out in advance, or only when it writes.
func TestFull(t *testing.T) {
	t.Parallel()
	for _, hidden := range []bool{false, true} {
		fs := faultfs.New(1)
		fs.SetFaults(faultfs.Faults{HideRoom: hidden})
		o := disk.Options{FS: fs, Small: 10_000}
		b := open(t, "/blobs", o)
		c := storagetest.Content(1, 4000)
		kept := put(t, b, c, storagetest.Content(2, 30_000))
		fs.SetCapacity(36_000)
		for range 50 {
			for _, n := range []int{4000, 30_000} {
				if _, err := b.Put(ctx, storagetest.Source(storagetest.Content(3, n))); !errors.Is(err, filestore.ErrFull) {
					t.Fatalf("Put of %d bytes on a full disk: %v", n, err)
				}
			}
		}
		storagetest.Check(t, b, kept[0], c)
		names, err := fs.ReadDir("/blobs/segments")
		if err != nil || len(names) > 2 {
			t.Errorf("a full disk left %d segments: %v", len(names), err)
		}
		b.Close()
		b = open(t, "/blobs", o) // while it is full
		storagetest.Check(t, b, kept[0], c)
		if err := b.Delete(ctx, kept[1].ID); err != nil {
			t.Errorf("Delete on a full disk: %v", err)
		}
		storagetest.Check(t, b, put(t, b, c)[0], c)
		storagetest.Check(t, b, kept[0], c)
		if n := count(t, b); n != 2 {
			t.Errorf("%d blobs are visible, want 2", n)
		}
	}
}

// TestFullCanBeEmptied fills the disk with small blobs and deletes some: their
// room comes back, although compaction needs room itself.
func TestFullCanBeEmptied(t *testing.T) {
	t.Parallel()
	fs := faultfs.New(1)
	fs.SetCapacity(1 << 20)
	b := open(t, "/blobs", disk.Options{FS: fs, Segment: 200_000})
	var refs []filestore.Ref
	for i := 0; ; i++ {
		r, err := b.Put(ctx, storagetest.Source(storagetest.Content(uint64(i), 3000)))
		if errors.Is(err, filestore.ErrFull) {
			break
		}
		if err != nil || i > 1000 {
			t.Fatalf("the disk does not fill up: %v", err)
		}
		refs = append(refs, r...)
	}
	for i, ref := range refs {
		if i%5 > 0 {
			if err := b.Delete(ctx, ref.ID); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := b.Compact(ctx, 0.3); err != nil {
		t.Errorf("Compact on a full disk: %v", err)
	}
	if free, _, _ := fs.Room("/"); free < 500_000 {
		t.Errorf("four fifths were deleted, and %d bytes are free", free)
	}
	for i := 0; i < len(refs); i += 5 {
		storagetest.Check(t, b, refs[i], storagetest.Content(uint64(i), 3000))
	}
}

// gated is a file system whose syncs of files wait for a gate and are counted.
type gated struct {
	disk.FS
	gate  sync.RWMutex
	syncs atomic.Int64
	seen  atomic.Int64
}

type gatedFile struct {
	disk.File
	fs *gated
}

func (g *gated) OpenFile(name string, flag int) (disk.File, error) {
	f, err := g.FS.OpenFile(name, flag)
	if err != nil {
		return nil, err
	}
	return gatedFile{f, g}, nil
}

func (f gatedFile) Sync() error {
	f.fs.seen.Add(1)
	f.fs.gate.RLock()
	defer f.fs.gate.RUnlock()
	f.fs.syncs.Add(1)
	return f.File.Sync()
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

// TestGroup shows what makes it fast: all who come while a sync runs share the next.
func TestGroup(t *testing.T) {
	t.Parallel()
	fs := &gated{FS: faultfs.New(1)}
	b := open(t, "/blobs", disk.Options{FS: fs})
	fs.gate.Lock()
	var wg sync.WaitGroup
	store := func() {
		wg.Go(func() { put(t, b, []byte("x")) })
	}
	store()
	eventually(t, "the first sync", func() bool { return fs.seen.Load() == 1 })
	for range 50 {
		store()
	}
	eventually(t, "50 in the queue", func() bool { return disk.Queued(b) == 50 })
	fs.gate.Unlock()
	wg.Wait()
	if n := fs.syncs.Load(); n != 2 {
		t.Errorf("51 Puts took %d syncs, want 2", n)
	}
}

// TestLeave gives up on a disk that hangs, once while the blob is being synced
// and once while it waits for that.
func TestLeave(t *testing.T) {
	t.Parallel()
	fs := &gated{FS: faultfs.New(1)}
	b := open(t, "/blobs", disk.Options{FS: fs, Small: 1000})
	fs.gate.Lock()
	ctx, cancel := context.WithCancel(t.Context())
	failed := make(chan error, 2)
	store := func() {
		_, err := b.Put(ctx, storagetest.Source([]byte("x")))
		failed <- err
	}
	go store()
	eventually(t, "the first sync", func() bool { return fs.seen.Load() == 1 })
	go store()
	eventually(t, "one in the queue", func() bool { return disk.Queued(b) == 1 })
	cancel()
	for range 2 {
		if err := <-failed; !errors.Is(err, context.Canceled) {
			t.Errorf("Put = %v", err)
		}
	}
	fs.gate.Unlock()
	ref := put(t, b, []byte("y"))[0]
	storagetest.Check(t, b, ref, []byte("y"))
	if n := count(t, b); n != 1 {
		t.Errorf("%d blobs are visible, want 1", n)
	}
	fs.FS.(*faultfs.FS).Kill() // without Close, so that the frames are scanned
	b.Close()
	b = open(t, "/blobs", disk.Options{FS: fs})
	if n := count(t, b); n != 1 {
		t.Errorf("after a crash %d blobs are visible, want 1", n)
	}
	storagetest.Check(t, b, ref, []byte("y"))
}

func TestInUse(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	b := open(t, dir, disk.Options{})
	if _, err := disk.Open(dir, disk.Options{}); !errors.Is(err, disk.ErrInUse) {
		t.Errorf("a second Open: %v", err)
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	if _, err := b.Put(ctx, storagetest.Source([]byte("x"))); err == nil {
		t.Error("Put after Close")
	}
	if _, err := b.Open(ctx, filestore.ID{3: 1}); err == nil || errors.Is(err, filestore.ErrNotFound) {
		t.Errorf("Open after Close: %v", err)
	}
	open(t, dir, disk.Options{})
}

// TestReopenContinues opens a folder again and again: its last segment goes on,
// so restarts do not leave a file each.
func TestReopenContinues(t *testing.T) {
	t.Parallel()
	for _, kill := range []bool{false, true} {
		fs := faultfs.New(1)
		var refs []filestore.Ref
		c := storagetest.Content(1, 500)
		for range 10 {
			b := open(t, "/blobs", disk.Options{FS: fs})
			for _, ref := range refs {
				storagetest.Check(t, b, ref, c)
			}
			refs = append(refs, put(t, b, c)...)
			if kill {
				fs.Kill()
			}
			b.Close()
		}
		names, err := fs.ReadDir("/blobs/segments")
		if err != nil || len(names) != 1 {
			t.Errorf("kill %v: segments are %v, %v", kill, names, err)
		}
	}
}

// TestForeignNames leaves alone what is not its own, and tidies what is.
func TestForeignNames(t *testing.T) {
	t.Parallel()
	fs := faultfs.New(1)
	b := open(t, "/blobs", disk.Options{FS: fs, Small: 100})
	put(t, b, []byte("x"), make([]byte, 200))
	b.Close()
	foreign := []string{"segments/00000000.seg", "segments/0000000A.seg", "segments/1.seg", "segments/x", "segments/000000001.seg",
		"large/00", "large/x"}
	unfinished := []string{"segments/00000001.seg.tmp", "large/00000000000000000000000000000000.tmp"}
	for _, name := range append(foreign, unfinished...) {
		write(t, fs, "/blobs/"+name, []byte("not a segment"))
	}
	b = open(t, "/blobs", disk.Options{FS: fs})
	put(t, b, []byte("x"))
	for _, name := range unfinished {
		if exists(t, fs, "/blobs/"+name) {
			t.Errorf("%s is still there", name)
		}
	}
	for _, name := range foreign {
		if !exists(t, fs, "/blobs/"+name) {
			t.Errorf("%s was removed", name)
		}
	}
}

func exists(t *testing.T, fs disk.FS, name string) bool {
	t.Helper()
	names, err := fs.ReadDir(filepath.Dir(name))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Contains("\n"+strings.Join(names, "\n")+"\n", "\n"+filepath.Base(name)+"\n")
}
