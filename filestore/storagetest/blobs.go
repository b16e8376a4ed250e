// Package storagetest holds the tests that every engine of filestore passes.
package storagetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"sealpost/filestore"
)

// Blobs runs the suite. open returns an engine over what belongs to t: the first
// time for one t it is empty, and when it is called again for the same t, after
// the engine was closed if it has a Close method, it holds what was put before.
func Blobs(t *testing.T, open func(t *testing.T) filestore.Blobs) {
	for name, test := range map[string]func(*testing.T, func(*testing.T) filestore.Blobs){
		"round trip":     roundTrip,
		"sources":        sources,
		"failing source": failingSource,
		"cancelled":      cancelled,
		"not found":      notFound,
		"delete":         deletes,
		"open stays":     openStays,
		"list":           list,
		"ids":            ids,
		"strange ids":    strangeIDs,
		"reads":          reads,
		"concurrency":    concurrency,
		"reopen":         reopen,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open)
		})
	}
}

// Content makes n bytes that are the same for the same seed.
func Content(seed uint64, n int) []byte {
	b := make([]byte, n)
	rng := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), byte(seed >> 16), byte(seed >> 24)})
	rng.Read(b)
	return b
}

// Source is content as Put takes it.
func Source(b []byte) io.WriterTo { return bytes.NewReader(b) }

// Check is the store's invariant for one blob: it reads back unchanged.
func Check(t testing.TB, b filestore.Blobs, ref filestore.Ref, want []byte) {
	t.Helper()
	got, err := Read(b, ref.ID)
	if err != nil {
		t.Errorf("blob of %d bytes: %v", len(want), err)
	} else if !bytes.Equal(got, want) {
		t.Errorf("blob of %d bytes reads back as %d others", len(want), len(got))
	}
	if ref.Size != int64(len(want)) {
		t.Errorf("blob of %d bytes has Size %d", len(want), ref.Size)
	}
}

// Read reads a whole blob.
func Read(b filestore.Blobs, id filestore.ID) ([]byte, error) {
	blob, err := b.Open(context.Background(), id)
	if err != nil {
		return nil, err
	}
	defer blob.Close()
	return io.ReadAll(io.NewSectionReader(blob, 0, blob.Size()))
}

func put(t *testing.T, b filestore.Blobs, contents ...[]byte) []filestore.Ref {
	t.Helper()
	var sources []io.WriterTo
	for _, c := range contents {
		sources = append(sources, Source(c))
	}
	refs, err := b.Put(t.Context(), sources...)
	if err != nil {
		t.Fatalf("Put: %v", err)
	}
	if len(refs) != len(contents) {
		t.Fatalf("Put of %d sources returned %d refs", len(contents), len(refs))
	}
	return refs
}

func listed(t *testing.T, b filestore.Blobs) map[filestore.ID]filestore.Info {
	t.Helper()
	m := map[filestore.ID]filestore.Info{}
	for info, err := range b.All(t.Context()) {
		if err != nil {
			t.Fatalf("All: %v", err)
		}
		if _, twice := m[info.ID]; twice {
			t.Errorf("blob %s is listed twice", info.ID)
		}
		m[info.ID] = info
	}
	return m
}

func closed(t *testing.T, b filestore.Blobs) {
	t.Helper()
	if c, ok := b.(io.Closer); ok {
		if err := c.Close(); err != nil {
			t.Fatalf("Close: %v", err)
		}
	}
}

// sizes are those at which an engine changes its mind: chunks of 64 KiB, and
// files of their own beyond 1 MiB.
var sizes = []int{0, 1, 100, 4 << 10, 64<<10 - 1, 64 << 10, 64<<10 + 1, 200 << 10,
	1<<20 - 1, 1 << 20, 1<<20 + 1, 2<<20 + 5}

func roundTrip(t *testing.T, open func(*testing.T) filestore.Blobs) {
	b := open(t)
	defer closed(t, b)
	for i, n := range sizes {
		c := Content(uint64(i), n)
		Check(t, b, put(t, b, c)[0], c)
	}
	if refs := put(t, b); len(refs) != 0 {
		t.Error("nothing was put, something came back")
	}
}

// drip writes its content in pieces of odd lengths.
type drip []byte

func (d drip) WriteTo(w io.Writer) (n int64, err error) {
	for step := 1; len(d) > 0; step = step*3%70_001 + 1 {
		c, err := w.Write(d[:min(step, len(d))])
		n += int64(c)
		if err != nil {
			return n, err
		}
		d = d[c:]
	}
	return n, nil
}

func sources(t *testing.T, open func(*testing.T) filestore.Blobs) {
	b := open(t)
	defer closed(t, b)
	var all []io.WriterTo
	var contents [][]byte
	for i, n := range sizes {
		contents = append(contents, Content(uint64(i), n))
		all = append(all, drip(contents[i]))
	}
	refs, err := b.Put(t.Context(), all...)
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range contents {
		Check(t, b, refs[i], c)
	}
}

var errSource = errors.New("source failed")

// failing writes n bytes and fails.
type failing int

func (n failing) WriteTo(w io.Writer) (int64, error) {
	c, err := w.Write(make([]byte, n))
	return int64(c), errors.Join(err, errSource)
}

func failingSource(t *testing.T, open func(*testing.T) filestore.Blobs) {
	b := open(t)
	defer closed(t, b)
	for _, n := range []failing{0, 10, 100 << 10, 2 << 20} {
		before := Source(Content(1, 100))
		large := Source(Content(1, 2<<20))
		if _, err := b.Put(t.Context(), before, large, n); !errors.Is(err, errSource) {
			t.Errorf("a source that failed after %d bytes: %v", n, err)
		}
	}
	if got := listed(t, b); len(got) != 0 {
		t.Errorf("failed Puts left %d blobs", len(got))
	}
}

// canceling cancels the context while it is read.
type canceling struct {
	cancel context.CancelFunc
	n      int
}

func (c canceling) WriteTo(w io.Writer) (int64, error) {
	c.cancel()
	n, err := w.Write(make([]byte, c.n))
	return int64(n), err
}

func cancelled(t *testing.T, open func(*testing.T) filestore.Blobs) {
	b := open(t)
	defer closed(t, b)
	ctx, cancel := context.WithCancel(t.Context())
	if _, err := b.Put(ctx, canceling{cancel, 2 << 20}); !errors.Is(err, context.Canceled) {
		t.Errorf("Put = %v", err)
	}
	if _, err := b.Put(ctx, Source([]byte("x"))); !errors.Is(err, context.Canceled) {
		t.Errorf("Put after the end = %v", err)
	}
	if _, err := b.Open(ctx, filestore.ID{}); !errors.Is(err, context.Canceled) {
		t.Errorf("Open = %v", err)
	}
	if got := listed(t, b); len(got) != 0 {
		t.Errorf("cancelled Puts left %d blobs", len(got))
	}
}

func notFound(t *testing.T, open func(*testing.T) filestore.Blobs) {
	b := open(t)
	defer closed(t, b)
	ref := put(t, b, []byte("one"))[0]
	for i := range ref.ID {
		id := ref.ID
		id[i] ^= 1
		if _, err := b.Open(t.Context(), id); !errors.Is(err, filestore.ErrNotFound) {
			t.Errorf("id with byte %d changed: %v", i, err)
		}
		if err := b.Delete(t.Context(), id); err != nil {
			t.Errorf("deleting what is not there: %v", err)
		}
	}
	Check(t, b, ref, []byte("one"))
}

func deletes(t *testing.T, open func(*testing.T) filestore.Blobs) {
	b := open(t)
	small, large := Content(1, 5000), Content(2, 2<<20)
	refs := put(t, b, small, large, small, large)
	for range 2 {
		if err := b.Delete(t.Context(), refs[0].ID, refs[1].ID); err != nil {
			t.Fatal(err)
		}
	}
	gone := func() {
		t.Helper()
		for _, ref := range refs[:2] {
			if _, err := b.Open(t.Context(), ref.ID); !errors.Is(err, filestore.ErrNotFound) {
				t.Errorf("a deleted blob: %v", err)
			}
		}
		if got := listed(t, b); len(got) != 2 {
			t.Errorf("%d blobs are listed, want 2", len(got))
		}
		Check(t, b, refs[2], small)
		Check(t, b, refs[3], large)
	}
	gone()
	closed(t, b)
	b = open(t)
	defer closed(t, b)
	gone()
}

func openStays(t *testing.T, open func(*testing.T) filestore.Blobs) {
	b := open(t)
	defer closed(t, b)
	for _, n := range []int{100, 500 << 10, 2 << 20} {
		c := Content(1, n)
		ref := put(t, b, c)[0]
		blob, err := b.Open(t.Context(), ref.ID)
		if err != nil {
			t.Fatal(err)
		}
		if err := b.Delete(t.Context(), ref.ID); err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(io.NewSectionReader(blob, 0, blob.Size()))
		if err != nil || !bytes.Equal(got, c) {
			t.Errorf("blob of %d bytes, deleted while open: %d bytes, %v", n, len(got), err)
		}
		if err := blob.Close(); err != nil {
			t.Error(err)
		}
	}
}

func list(t *testing.T, open func(*testing.T) filestore.Blobs) {
	b := open(t)
	before := time.Now().Add(-time.Second).Truncate(time.Second)
	refs := put(t, b, Content(1, 100), Content(2, 2<<20), nil)
	check := func() {
		t.Helper()
		got := listed(t, b)
		if len(got) != len(refs) {
			t.Errorf("%d blobs are listed, want %d", len(got), len(refs))
		}
		for _, ref := range refs {
			info, ok := got[ref.ID]
			if !ok || info.Ref != ref || info.Stored.Before(before) || info.Stored.After(time.Now()) {
				t.Errorf("blob of %d bytes is listed as %+v", ref.Size, info)
			}
		}
	}
	check()
	closed(t, b)
	b = open(t)
	defer closed(t, b)
	check()
	for range b.All(t.Context()) {
		break // which must not hang or panic
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, err := range b.All(ctx) {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("All after the end: %v", err)
		}
	}
}

func ids(t *testing.T, open func(*testing.T) filestore.Blobs) {
	b := open(t)
	defer closed(t, b)
	if err := checkIDs(t.Context(), b); err != nil {
		t.Error(err)
	}
}

// checkIDs puts the same content twice in one Put, again, and again after one of
// them was deleted: the ids are unrelated (ATTACKS E02).
func checkIDs(ctx context.Context, b filestore.Blobs) error {
	for _, n := range []int{0, 1000, 2 << 20} {
		c := Content(1, n)
		var refs []filestore.Ref
		for range 3 {
			two, err := b.Put(ctx, Source(c), Source(c))
			if err != nil {
				return err
			}
			refs = append(refs, two...)
			if err := b.Delete(ctx, refs[0].ID); err != nil {
				return err
			}
		}
		if err := unrelated(refs); err != nil {
			return fmt.Errorf("%d bytes, put again and again: %w", n, err)
		}
	}
	return nil
}

func unrelated(refs []filestore.Ref) error {
	for i, x := range refs {
		for _, y := range refs[:i] {
			if sharedBytes(x.ID, y.ID) > 12 {
				return fmt.Errorf("ids %s and %s are not random", x.ID, y.ID)
			}
		}
	}
	return nil
}

// sharedBytes counts the places at which two ids agree. Four bytes may say in
// which part of a store a blob is; that of the 12 random ones more than 8 agree
// by chance happens once in 10^19 times.
func sharedBytes(a, b filestore.ID) (n int) {
	for i := range a {
		if a[i] == b[i] {
			n++
		}
	}
	return n
}

func strangeIDs(t *testing.T, open func(*testing.T) filestore.Blobs) {
	b := open(t)
	defer closed(t, b)
	ref := put(t, b, []byte("one"))[0]
	if err := checkStrangeIDs(t.Context(), b); err != nil {
		t.Error(err)
	}
	Check(t, b, ref, []byte("one"))
	c := Content(1, 10)
	Check(t, b, put(t, b, c)[0], c)
}

// checkStrangeIDs looks for ids that would be paths if they were ever joined into
// one as they are (ATTACKS D11): nothing is found, and nothing breaks.
func checkStrangeIDs(ctx context.Context, b filestore.Blobs) error {
	for _, s := range []string{"", "../../../../etc/", "/etc/passwd\x00\x00\x00\x00", "../lock\x00\x00\x00\x00\x00\x00\x00\x00\x00",
		"\x00\x00\x00\x00../../../lock", "\x00\x00\x00\x01../lock\x00", "..\\..\\..\\..\\..\\x", strings.Repeat("\xff", 16)} {
		var id filestore.ID
		copy(id[:], s)
		if _, err := b.Open(ctx, id); !errors.Is(err, filestore.ErrNotFound) {
			return fmt.Errorf("open id %x: %w", id, err)
		}
		if err := b.Delete(ctx, id); err != nil {
			return fmt.Errorf("delete id %x: %w", id, err)
		}
	}
	return nil
}

func reads(t *testing.T, open func(*testing.T) filestore.Blobs) {
	b := open(t)
	defer closed(t, b)
	for _, n := range []int{0, 1, 70_000, 300_000, 2 << 20} {
		c := Content(1, n)
		blob, err := b.Open(t.Context(), put(t, b, c)[0].ID)
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for seed := range uint64(4) {
			wg.Go(func() { readAnywhere(t, blob, c, seed) })
		}
		wg.Wait()
		if err := blob.Close(); err != nil {
			t.Error(err)
		}
	}
}

func readAnywhere(t *testing.T, blob filestore.Blob, c []byte, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 1))
	want := bytes.NewReader(c)
	for range 30 {
		off, n := rng.Int64N(int64(len(c))+10), 1+rng.IntN(150_000)
		x, y := make([]byte, n), make([]byte, n)
		nx, errx := blob.ReadAt(x, off)
		ny, erry := want.ReadAt(y, off)
		if nx != ny || !errors.Is(errx, erry) || !bytes.Equal(x, y) {
			t.Errorf("ReadAt(%d bytes, %d) of %d = %d, %v; want %d, %v", n, off, len(c), nx, errx, ny, erry)
			return
		}
	}
}

func concurrency(t *testing.T, open func(*testing.T) filestore.Blobs) {
	b := open(t)
	defer closed(t, b)
	var wg sync.WaitGroup
	for worker := range uint64(8) {
		wg.Go(func() {
			if err := work(t.Context(), b, worker); err != nil {
				t.Errorf("worker %d: %v", worker, err)
			}
		})
	}
	for range 3 {
		for _, err := range b.All(t.Context()) {
			if err != nil {
				t.Error(err)
			}
		}
	}
	wg.Wait()
	if n := len(listed(t, b)); n != 8*8 {
		t.Errorf("%d blobs are left, want %d", n, 8*8)
	}
}

// work puts, reads and deletes, and leaves 8 blobs.
func work(ctx context.Context, b filestore.Blobs, seed uint64) error {
	rng := rand.New(rand.NewPCG(seed, 2))
	for i := range uint64(8) {
		keep, drop := Content(seed<<8|i, rng.IntN(9000)), Content(seed<<8|i, sizes[rng.IntN(len(sizes))])
		refs, err := b.Put(ctx, Source(keep), Source(drop))
		if err != nil {
			return err
		}
		if got, err := Read(b, refs[1].ID); err != nil || !bytes.Equal(got, drop) {
			return fmt.Errorf("read back %d of %d bytes: %w", len(got), len(drop), err)
		}
		if err := b.Delete(ctx, refs[1].ID); err != nil {
			return err
		}
		if got, err := Read(b, refs[0].ID); err != nil || !bytes.Equal(got, keep) {
			return fmt.Errorf("read back %d of %d bytes: %w", len(got), len(keep), err)
		}
	}
	return nil
}

func reopen(t *testing.T, open func(*testing.T) filestore.Blobs) {
	b := open(t)
	want := map[filestore.Ref][]byte{}
	for round := range 4 {
		for i, n := range []int{10, 4000, 100_000, 1200_000} {
			c := Content(uint64(round*10+i), n)
			want[put(t, b, c)[0]] = c
		}
		closed(t, b)
		b = open(t)
		for ref, c := range want {
			Check(t, b, ref, c)
		}
	}
	if n := len(listed(t, b)); n != len(want) {
		t.Errorf("%d blobs are listed, want %d", n, len(want))
	}
	closed(t, b)
}
