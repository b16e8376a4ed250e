package disk_test

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"testing"

	"sealpost/filestore"
	"sealpost/filestore/storagetest"
	"sealpost/storage/disk"
	"sealpost/storage/disk/faultfs"
)

// Blobs opened together are those that were asked for, each in its place and until it
// is closed, however they lie.
func TestOpenAll(t *testing.T) {
	t.Parallel()
	b := open(t, t.TempDir(), disk.Options{Segment: 2 << 20})
	var refs []filestore.Ref
	var contents [][]byte
	for i, size := range slices.Repeat([]int{4000, 0, 1, 65_535, 65_536, 65_537, 5000, 200_000, 30_000}, 30) {
		contents = append(contents, storagetest.Content(uint64(i), size))
	}
	contents = append(contents, storagetest.Content(1000, 3<<20)) // a file of its own
	for part := range slices.Chunk(contents, 20) {
		refs = append(refs, put(t, b, part...)...)
	}
	var held [][]filestore.Opened
	for range 3 {
		order := rand.Perm(len(refs))
		order = append(order, order[0]) // twice
		var ids []filestore.ID
		for _, k := range order {
			ids = append(ids, refs[k].ID)
		}
		all := filestore.OpenAll(t.Context(), b, append(ids, filestore.ID{1, 2, 3}, filestore.ID{0, 0, 0, 1, 9}))
		for _, o := range all[len(ids):] {
			if !errors.Is(o.Err, filestore.ErrNotFound) || o.Blob != nil {
				t.Errorf("a blob that is not there: %v", o.Err)
			}
		}
		held = append(held, all[:len(ids)])
		for i, o := range all[:len(ids)] {
			same(t, o, contents[order[i]])
			if i%2 == 0 {
				o.Blob.Close()
				o.Blob.Close()
			}
		}
		for i, o := range all[:len(ids)] {
			if i%2 == 1 {
				same(t, o, contents[order[i]]) // although others of its run are closed
			}
		}
	}
	for _, all := range held {
		for _, o := range all {
			o.Blob.Close()
		}
	}
}

func same(t *testing.T, o filestore.Opened, want []byte) {
	t.Helper()
	if o.Err != nil {
		t.Fatalf("blob of %d bytes: %v", len(want), o.Err)
	}
	got, err := io.ReadAll(io.NewSectionReader(o.Blob, 0, int64(len(want))+10))
	if err != nil || o.Blob.Size() != int64(len(want)) || !bytes.Equal(got, want) {
		t.Fatalf("blob of %d bytes reads back as %d, %v", len(want), len(got), err)
	}
	if h := o.Blob.(filestore.Held).Held(); (h != nil) != (len(want) > 0 && len(want) <= 64<<10) || h != nil && !bytes.Equal(h, want) {
		t.Fatalf("blob of %d bytes holds %d", len(want), len(h))
	}
}

// What is damaged concerns one blob, although its neighbours are read with it.
func TestOpenAllWithDamage(t *testing.T) {
	t.Parallel()
	fs := faultfs.New(1)
	b := open(t, "/blobs", disk.Options{FS: fs})
	contents := [][]byte{storagetest.Content(1, 5000), storagetest.Content(2, 5000), storagetest.Content(3, 5000)}
	refs := put(t, b, contents...)
	b.Close()
	file := read(t, fs, firstSegment)
	file[bytes.Index(file, contents[1][:100])+50] ^= 1
	write(t, fs, firstSegment, file)
	b = open(t, "/blobs", disk.Options{FS: fs})
	all := filestore.OpenAll(t.Context(), b, []filestore.ID{refs[2].ID, refs[1].ID, refs[0].ID})
	same(t, all[0], contents[2])
	same(t, all[2], contents[0])
	if !errors.Is(all[1].Err, filestore.ErrCorrupt) {
		t.Errorf("a damaged blob: %v", all[1].Err)
	}
}
