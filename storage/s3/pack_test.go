package s3_test

import (
	"context"
	"errors"
	"io"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"sealpost/filestore"
	"sealpost/filestore/storagetest"
	"sealpost/storage/s3"
)

// put stores contents by one Put.
func put(t testing.TB, b filestore.Blobs, contents ...[]byte) []filestore.Ref {
	t.Helper()
	var sources []io.WriterTo
	for _, c := range contents {
		sources = append(sources, storagetest.Source(c))
	}
	refs, err := b.Put(t.Context(), sources...)
	if err != nil {
		t.Fatalf("Put: %v", err)
	}
	return refs
}

// TestManyPutsShareAPack: what comes at the same time is one object, and each Put is answered
// when its blob is in the index.
func TestManyPutsShareAPack(t *testing.T) {
	t.Parallel()
	o := quick
	o.Wait, o.Packs = 300*time.Millisecond, 1
	h := build(t, o, s3.Rule{}, "east")
	const puts = 40
	var wg sync.WaitGroup
	for i := range puts {
		wg.Go(func() {
			c := storagetest.Content(uint64(i), 3000+i)
			refs, err := h.Put(t.Context(), storagetest.Source(c), storagetest.Source(c[:100]))
			if err != nil {
				t.Error(err)
				return
			}
			storagetest.Check(t, h, refs[0], c)
			storagetest.Check(t, h, refs[1], c[:100])
		})
	}
	wg.Wait()
	if n := len(h.all(t)); n > 8 {
		t.Errorf("%d Puts at once made %d objects", puts, n)
	}
}

// TestFullPackDoesNotWait: a pack that is full is sent at once.
func TestFullPackDoesNotWait(t *testing.T) {
	t.Parallel()
	o := quick
	o.Wait, o.Pack = time.Second, 100_000
	h := build(t, o, s3.Rule{}, "east")
	var wg sync.WaitGroup
	late := time.Now().Add(900 * time.Millisecond)
	var sent bool
	for range 3 {
		wg.Go(func() { put(t, h, storagetest.Content(1, 40_000)) })
	}
	for time.Now().Before(late) && !sent {
		sent = h.providers[0].requests("PUT") > 1 // the first made the bucket
		time.Sleep(5 * time.Millisecond)
	}
	wg.Wait()
	if !sent {
		t.Error("a full pack waited for more")
	}
}

// TestOnePutOfMuch: a Put of more than a pack holds no more than a pack of it in memory, and
// becomes visible as a whole.
func TestOnePutOfMuch(t *testing.T) {
	t.Parallel()
	o := quick
	o.Pack = 100_000
	h := build(t, o, s3.Rule{}, "east")
	var contents [][]byte
	for i := range 10 {
		contents = append(contents, storagetest.Content(uint64(i), 30_000))
	}
	refs := put(t, h, contents...)
	for i, ref := range refs {
		storagetest.Check(t, h, ref, contents[i])
	}
	if n := len(h.all(t)); n != 3 {
		t.Errorf("300 KB in packs of 100 KB are %d objects", n)
	}
	before := len(h.providers[0].objects(t))
	sources := []io.WriterTo{}
	for _, c := range contents {
		sources = append(sources, storagetest.Source(c))
	}
	if _, err := h.Put(t.Context(), append(sources, broken{})...); !errors.Is(err, errBroken) {
		t.Fatalf("Put = %v", err)
	}
	if n := len(h.all(t)); n != 3 {
		t.Errorf("a Put that failed is in the index: %d objects", n)
	}
	if n := len(h.providers[0].objects(t)); n != before {
		t.Errorf("a Put that failed left %d objects behind", n-before)
	}
}

var errBroken = errors.New("source is broken")

type broken struct{}

func (broken) WriteTo(io.Writer) (int64, error) { return 0, errBroken }

// TestLookIntoAPack: reading a small blob does not bring its pack along, and opening many at
// once is a few requests.
func TestLookIntoAPack(t *testing.T) {
	t.Parallel()
	h := build(t, quick, s3.Rule{}, "east")
	contents := make([][]byte, 200)
	for i := range contents {
		contents[i] = storagetest.Content(uint64(i), 20_000)
	}
	refs := put(t, h, contents...)
	p := h.providers[0]
	octets, gets := p.sent, p.requests("GET")
	storagetest.Check(t, h, refs[100], contents[100])
	if n := p.sent - octets; n > 25_000 {
		t.Errorf("a blob of 20 KB took %d octets", n)
	}
	if n := p.requests("GET") - gets; n != 1 {
		t.Errorf("a small blob took %d requests", n)
	}
	gets = p.requests("GET")
	var ids []filestore.ID
	for _, ref := range refs {
		ids = append(ids, ref.ID)
	}
	for i, o := range h.OpenAll(t.Context(), append(ids, filestore.ID{1})) {
		if i == len(refs) {
			if !errors.Is(o.Err, filestore.ErrNotFound) {
				t.Errorf("an id that is not there: %v", o.Err)
			}
			continue
		}
		if o.Err != nil {
			t.Fatal(o.Err)
		}
		if got := o.Blob.(filestore.Held).Held(); string(got) != string(contents[i]) {
			t.Errorf("blob %d is another when it is opened with its neighbours", i)
		}
		o.Blob.Close()
	}
	if n := p.requests("GET") - gets; n > 6 {
		t.Errorf("200 blobs of 20 KB, neighbours, took %d requests", n)
	}
}

// TestLongBlobIsReadInWindows: a request for each MiB, not for each chunk.
func TestLongBlobIsReadInWindows(t *testing.T) {
	t.Parallel()
	h := build(t, quick, s3.Rule{}, "east")
	c := storagetest.Content(1, 6<<20)
	ref := put(t, h, c)[0]
	before := h.providers[0].requests("GET")
	storagetest.Check(t, h, ref, c)
	if n := h.providers[0].requests("GET") - before; n > 9 {
		t.Errorf("6 MiB took %d requests", n)
	}
}

// TestLargeGoesInParts: more than a part is sent in parts, to be read from anywhere.
func TestLargeGoesInParts(t *testing.T) {
	t.Parallel()
	h := build(t, quick, s3.Rule{Copies: 2}, "east", "west")
	c := storagetest.Content(1, 17<<20)
	ref := put(t, h, c)[0]
	for i, p := range h.providers {
		if n := p.requests("PUT"); n != 1+3 { // the bucket, and three parts
			t.Errorf("endpoint %d had %d PUT requests", i, n)
		}
	}
	storagetest.Check(t, h, ref, c)
	blob, err := h.Open(t.Context(), ref.ID)
	if err != nil {
		t.Fatal(err)
	}
	defer blob.Close()
	for _, off := range []int64{0, 8<<20 - 10, 8<<20 + 1, 16<<20 - 3, 17<<20 - 100} {
		b := make([]byte, 100)
		if n, err := blob.ReadAt(b, off); string(b[:n]) != string(c[off:min(off+100, int64(len(c)))]) {
			t.Errorf("at %d: %d octets, %v", off, n, err)
		}
	}
}

// flood writes zeros, and looks at the memory in use meanwhile.
type flood struct {
	t      *testing.T
	octets int
	most   *uint64
}

func (f flood) WriteTo(w io.Writer) (int64, error) {
	piece := make([]byte, 1<<20)
	for sent := 0; sent < f.octets; sent += len(piece) {
		if _, err := w.Write(piece); err != nil {
			return int64(sent), err
		}
		if sent%(8<<20) == 0 {
			*f.most = max(*f.most, heap())
		}
	}
	return int64(f.octets), nil
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// TestLargeTakesAPartsMemory is not parallel: it weighs the whole process.
func TestLargeTakesAPartsMemory(t *testing.T) {
	h := build(t, s3.Options{}, two, "east", "west")
	before, most := heap(), uint64(0)
	refs, err := h.Put(t.Context(), flood{t, 48 << 20, &most})
	if err != nil {
		t.Fatal(err)
	}
	if grown := int64(most - before); grown > 16<<20 {
		t.Errorf("a blob of 48 MiB took %d KiB of memory", grown>>10)
	}
	if refs[0].Size != 48<<20 {
		t.Errorf("it has %d octets", refs[0].Size)
	}
}

// TestGivenUp: a Put whose caller went while it waited leaves nothing in the index.
func TestGivenUp(t *testing.T) {
	t.Parallel()
	o := quick
	o.Wait = 200 * time.Millisecond
	h := build(t, o, s3.Rule{}, "east")
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := h.Put(ctx, storagetest.Source([]byte("x"))); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Put = %v", err)
	}
	ref := put(t, h, []byte("y"))[0] // of the same pack, perhaps
	storagetest.Check(t, h, ref, []byte("y"))
	n := 0
	for range h.All(t.Context()) {
		n++
	}
	if n != 1 {
		t.Errorf("%d blobs are listed, want 1", n)
	}
}

// TestClosed: nothing begins after Close, and what was open stays readable.
func TestClosed(t *testing.T) {
	t.Parallel()
	h := build(t, quick, s3.Rule{}, "east")
	c := storagetest.Content(1, 2<<20)
	ref := put(t, h, c)[0]
	blob, err := h.Open(t.Context(), ref.ID)
	if err != nil {
		t.Fatal(err)
	}
	h.Close()
	if got, err := io.ReadAll(io.NewSectionReader(blob, 0, blob.Size())); err != nil || len(got) != len(c) {
		t.Errorf("open over Close: %d octets, %v", len(got), err)
	}
	blob.Close()
	if _, err := blob.ReadAt(make([]byte, 1), 0); !errors.Is(err, os.ErrClosed) {
		t.Errorf("reading what was closed: %v", err)
	}
	if _, err := h.Put(t.Context(), storagetest.Source(c)); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Put = %v", err)
	}
	if _, err := h.Open(t.Context(), ref.ID); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Open = %v", err)
	}
}

// TestSpaces: each lists its own blobs alone, and any of them opens what its id names.
func TestSpaces(t *testing.T) {
	t.Parallel()
	h := build(t, quick, s3.Rule{}, "east")
	all := []filestore.Blobs{h.Blobs, h.Space(1), h.Space(254)}
	var own []filestore.ID
	for i, b := range all {
		c := storagetest.Content(uint64(i), 100)
		refs, err := b.Put(t.Context(), storagetest.Source(c))
		if err != nil {
			t.Fatal(err)
		}
		own = append(own, refs[0].ID)
		storagetest.Check(t, all[(i+1)%len(all)], refs[0], c)
	}
	for i, b := range all {
		for info, err := range b.All(t.Context()) {
			if err != nil || info.ID != own[i] {
				t.Errorf("space %d lists %v, %v", i, info.ID, err)
			}
		}
	}
}
