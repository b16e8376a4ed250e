package disk_test

import (
	"io"
	"runtime"
	"testing"

	"sealpost/filestore"
	"sealpost/filestore/storagetest"
	"sealpost/storage/disk"
)

// TestMemory is not parallel: it weighs the whole process. A blob at rest must
// cost next to nothing, so that a server with a million of them stays small.
func TestMemory(t *testing.T) {
	dir := t.TempDir()
	b := open(t, dir, disk.Options{Segment: 4 << 20})
	const blobs = 100_000
	sources := make([]io.WriterTo, 1000)
	var some []filestore.ID
	for range blobs / len(sources) {
		for i := range sources {
			sources[i] = storagetest.Source([]byte("a hundred thousand of these"))
		}
		refs, err := b.Put(ctx, sources...)
		if err != nil {
			t.Fatal(err)
		}
		some = append(some, refs[0].ID)
	}
	b.Close()
	before := heap()
	b = open(t, dir, disk.Options{})
	for _, id := range some { // touches every segment
		if _, err := storagetest.Read(b, id); err != nil {
			t.Fatal(err)
		}
	}
	if n := count(t, b); n != blobs {
		t.Errorf("%d blobs are listed, want %d", n, blobs)
	}
	if grown := int64(heap() - before); grown > 4<<20 {
		t.Errorf("%d blobs cost %d KiB at rest", blobs, grown>>10)
	} else {
		t.Logf("%d blobs cost %d KiB at rest", blobs, grown>>10)
	}
}

func heap() uint64 {
	runtime.GC()
	runtime.GC() // the second empties the pools
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
