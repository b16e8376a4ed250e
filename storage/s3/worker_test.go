package s3_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"sealpost/filestore"
	"sealpost/filestore/packs"
	"sealpost/filestore/storagetest"
	"sealpost/storage/s3"
)

const day = 24 * time.Hour

func (h *house) mustRound(t testing.TB) {
	t.Helper()
	if err := h.round(t); err != nil {
		t.Fatal(err)
	}
}

// TestGrace: what is deleted cannot be read from then on, its octets stay for the grace, and
// then they are gone.
func TestGrace(t *testing.T) {
	t.Parallel()
	h := build(t, quick, two, "east", "west")
	refs := put(t, h, storagetest.Content(1, 5000), storagetest.Content(2, 2<<20))
	if err := h.Delete(t.Context(), refs[0].ID, refs[1].ID); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		after time.Duration
		left  int
	}{{0, 2}, {7 * day, 2}, {2 * day, 0}} {
		h.clock.forward(step.after)
		h.mustRound(t)
		for _, p := range h.providers {
			if n := len(p.objects(t)); n != step.left {
				t.Errorf("%v later: %s has %d objects, want %d", step.after, p.Name, n, step.left)
			}
		}
		if _, err := h.Open(t.Context(), refs[0].ID); !errors.Is(err, filestore.ErrNotFound) {
			t.Errorf("a deleted blob: %v", err)
		}
	}
	if n := len(h.all(t)); n != 0 {
		t.Errorf("the index names %d objects that are gone", n)
	}
}

// TestRemovalWaitsForProvider: an endpoint that does not answer keeps its copies until it does.
func TestRemovalWaitsForProvider(t *testing.T) {
	t.Parallel()
	h := build(t, quick, two, "east", "west")
	ref := put(t, h, []byte("x"))[0]
	if err := h.Delete(t.Context(), ref.ID); err != nil {
		t.Fatal(err)
	}
	h.clock.forward(9 * day)
	h.providers[1].fails(drops)
	if err := h.round(t); err == nil {
		t.Error("a removal that had to wait was called done")
	}
	if o := h.all(t); len(o) != 1 || !o[0].Doomed {
		t.Errorf("the index is\n%+v", o)
	}
	h.providers[1].fails(nil)
	time.Sleep(200 * time.Millisecond)
	h.mustRound(t)
	if n := len(h.all(t)) + len(h.providers[1].objects(t)); n != 0 {
		t.Errorf("%d are left", n)
	}
}

// TestMostlyDeadPack: a pack of which most is dead is written anew, and the old one goes after
// another grace.
func TestMostlyDeadPack(t *testing.T) {
	t.Parallel()
	h := build(t, quick, two, "east", "west")
	var contents [][]byte
	for i := range 20 {
		contents = append(contents, storagetest.Content(uint64(i), 5000+i))
	}
	refs := put(t, h, contents...)
	for _, ref := range refs[3:] {
		if err := h.Delete(t.Context(), ref.ID); err != nil {
			t.Fatal(err)
		}
	}
	h.clock.forward(9 * day)
	h.mustRound(t)
	check := func() {
		t.Helper()
		for i, ref := range refs[:3] {
			storagetest.Check(t, h, ref, contents[i])
		}
	}
	check()
	if n := len(h.providers[0].objects(t)); n != 2 {
		t.Errorf("%d objects after the merge, want the old and the new", n)
	}
	h.clock.forward(9 * day)
	h.mustRound(t)
	check()
	if n := len(h.providers[0].objects(t)); n != 1 {
		t.Errorf("%d objects after another grace, want 1", n)
	}
	if info, err := os.Stat(h.providers[0].file(h.providers[0].objects(t)[0])); err != nil || info.Size() > 17_000 {
		t.Errorf("the new pack has %v octets, %v", info.Size(), err)
	}
}

// TestDeletedLeavesInTheEnd: what is deleted does not stay for ever because its neighbours live.
func TestDeletedLeavesInTheEnd(t *testing.T) {
	t.Parallel()
	h := build(t, quick, s3.Rule{}, "east")
	contents := [][]byte{storagetest.Content(1, 5000), storagetest.Content(2, 5000), storagetest.Content(3, 5000)}
	refs := put(t, h, contents...)
	if err := h.Delete(t.Context(), refs[1].ID); err != nil {
		t.Fatal(err)
	}
	left := func() (n int) {
		p := h.providers[0]
		for _, name := range p.objects(t) {
			b, err := os.ReadFile(p.file(name))
			if err != nil {
				t.Fatal(err)
			}
			n += bytes.Count(b, contents[1][:100])
		}
		return n
	}
	for _, step := range []struct {
		after time.Duration
		left  int
	}{{9 * day, 1}, {20 * day, 1}, {10 * day, 1}, {9 * day, 0}} { // written anew, and a grace
		h.clock.forward(step.after)
		h.mustRound(t)
		if n := left(); n != step.left {
			t.Errorf("%v later: the octets stand %d times with the provider, want %d", step.after, n, step.left)
		}
	}
	storagetest.Check(t, h, refs[0], contents[0])
	storagetest.Check(t, h, refs[2], contents[2])
}

// TestQuietHours: many packs of one mail become one, and one by one they are not written
// again and again.
func TestQuietHours(t *testing.T) {
	t.Parallel()
	h := build(t, quick, s3.Rule{}, "east")
	contents := map[filestore.Ref][]byte{}
	for i := range 10 {
		c := storagetest.Content(uint64(i), 2000+i)
		contents[put(t, h, c)[0]] = c
		time.Sleep(5 * time.Millisecond)
	}
	if n := len(h.all(t)); n != 10 {
		t.Fatalf("%d packs, want 10", n)
	}
	h.clock.forward(2 * time.Hour)
	h.mustRound(t)
	living := func() (n int) {
		for _, o := range h.all(t) {
			if o.Retired.IsZero() {
				n++
			}
		}
		return n
	}
	if n := living(); n != 1 {
		t.Errorf("%d packs after the merge, want 1", n)
	}
	puts := h.providers[0].requests("PUT")
	h.clock.forward(2 * time.Hour)
	h.mustRound(t)
	if n := h.providers[0].requests("PUT") - puts; n != 0 {
		t.Error("a small pack was written anew for nothing")
	}
	for ref, c := range contents {
		storagetest.Check(t, h, ref, c)
	}
}

// TestPutBack: a database that is put back to any moment of the grace finds all it names, and
// what was stored since is swept up.
func TestPutBack(t *testing.T) {
	t.Parallel()
	h := build(t, quick, two, "east", "west")
	contents := map[filestore.Ref][]byte{}
	add := func(n int) (ids []filestore.ID) {
		for i := range n {
			c := storagetest.Content(uint64(len(contents)*100+i), 3000)
			ref := put(t, h, c)[0]
			contents[ref] = c
			ids = append(ids, ref.ID)
		}
		return ids
	}
	first := add(10)
	h.clock.forward(2 * time.Hour)
	backup := h.index.Copy()
	if err := h.Delete(t.Context(), first[:7]...); err != nil {
		t.Fatal(err)
	}
	h.mustRound(t) // merges the ten packs
	for range 3 {
		h.clock.forward(2 * day)
		h.mustRound(t)
	}
	later := map[filestore.Ref]bool{}
	for _, ref := range put(t, h, []byte("after the backup")) {
		later[ref] = true
	}
	h.index = backup
	h.open(t)
	for ref, c := range contents {
		storagetest.Check(t, h, ref, c)
	}
	for ref := range later {
		if _, err := h.Open(t.Context(), ref.ID); !errors.Is(err, filestore.ErrNotFound) {
			t.Errorf("what was stored since: %v", err)
		}
	}
	h.clock.forward(20 * day)
	h.mustRound(t)
	h.clock.forward(20 * day)
	h.mustRound(t)
	for ref, c := range contents {
		storagetest.Check(t, h, ref, c)
	}
	named := map[string]bool{}
	for _, o := range h.all(t) {
		named[o.Key.String()] = true
	}
	for _, name := range h.providers[0].objects(t) {
		if !named[name[strings.LastIndex(name, "/")+1:]] {
			t.Error("an orphan was not swept up")
		}
	}
}

// TestSweep: orphans go when they are older than the grace; what is not ours stays; what the
// index names and a provider lost is repaired.
func TestSweep(t *testing.T) {
	t.Parallel()
	h := build(t, quick, two, "east", "west")
	east := h.providers[0]
	c := storagetest.Content(1, 3000)
	ref := put(t, h, c)[0]
	ours := east.objects(t)[0]
	prefix := ours[:strings.LastIndex(ours, "/")+1]
	orphan := prefix + strings.Repeat("ab", 16)
	for _, name := range []string{orphan, prefix + "README", strings.Repeat("0", 32) + "/" + strings.Repeat("cd", 16)} {
		if _, err := east.client.PutObject(t.Context(), east.Bucket, name, bytes.NewReader(c), int64(len(c)), minio.PutObjectOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	core := minio.Core{Client: east.client}
	if _, err := core.NewMultipartUpload(t.Context(), east.Bucket, prefix+strings.Repeat("ef", 16), minio.PutObjectOptions{}); err != nil {
		t.Fatal(err)
	}
	h.clock.forward(time.Hour)
	h.mustRound(t)
	if n := len(east.objects(t)); n != 4 {
		t.Errorf("%d objects, want 4: the orphan is younger than the grace", n)
	}
	east.lose(t, ours)
	h.clock.forward(9 * day)
	h.mustRound(t) // sweeps
	h.mustRound(t) // repairs
	left := east.objects(t)
	if len(left) != 3 || strings.Contains(fmt.Sprint(left), orphan) || !strings.Contains(fmt.Sprint(left), ours) {
		t.Errorf("left are %v", left)
	}
	if n := h.short(t); n != 0 {
		t.Errorf("%d notes are left", n)
	}
	uploads, err := core.ListMultipartUploads(t.Context(), east.Bucket, prefix, "", "", "", 10)
	if err != nil || len(uploads.Uploads) != 0 {
		t.Errorf("%d uploads are left, %v", len(uploads.Uploads), err)
	}
	storagetest.Check(t, h, ref, c)
	lists := east.requests("GET")
	h.mustRound(t)
	if n := east.requests("GET") - lists; n != 0 {
		t.Error("swept again within the week")
	}
}

// TestManyObjects: the comparison goes over the pages of a list.
func TestManyObjects(t *testing.T) {
	t.Parallel()
	h := build(t, quick, s3.Rule{}, "east")
	p := h.providers[0]
	put(t, h, []byte("x"))
	ours := p.objects(t)[0]
	dir := p.file(ours[:strings.LastIndex(ours, "/")])
	for i := range 1200 { // as if stored by an index that is gone
		write(t, fmt.Sprintf("%s/%032x", dir, i), []byte("orphan"))
	}
	h.clock.forward(9 * day)
	if err := h.round(t); !errors.Is(err, s3.ErrManyOrphans) {
		t.Errorf("1,200 orphans beside one object: %v", err)
	}
	if n := len(p.objects(t)); n != 1201 {
		t.Errorf("%d objects are left, want all", n)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries[:900] {
		if !strings.HasSuffix(ours, e.Name()) {
			os.Remove(dir + "/" + e.Name())
		}
	}
	h.mustRound(t)
	if n := len(p.objects(t)); n != 1 {
		t.Errorf("%d objects are left, want 1", n)
	}
}

// TestPausedWorker: a worker that slept while its lease passed on changes nothing, and what it
// removes late was doomed.
func TestPausedWorker(t *testing.T) {
	t.Parallel()
	h := build(t, quick, s3.Rule{}, "east")
	c := storagetest.Content(1, 3000)
	ref := put(t, h, []byte("x"))[0]
	if err := h.Delete(t.Context(), ref.ID); err != nil {
		t.Fatal(err)
	}
	h.clock.forward(9 * day)
	kept := put(t, h, c)[0]
	h.providers[0].fails(first(1, func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != "DELETE" {
			return false
		}
		h.clock.forward(time.Hour) // it sleeps, and another takes the lease
		token, err := h.index.Lease(t.Context(), time.Hour)
		if err == nil {
			err = h.index.Release(t.Context(), token)
		}
		if err != nil {
			t.Error(err)
		}
		return false
	}))
	if err := h.round(t); !errors.Is(err, packs.ErrFenced) {
		t.Errorf("a paused worker's round: %v", err)
	}
	storagetest.Check(t, h, kept, c)
	h.mustRound(t)
	if n := len(h.all(t)); n != 1 {
		t.Errorf("%d objects are named, want 1", n)
	}
	token, err := h.index.Lease(t.Context(), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.round(t); !errors.Is(err, packs.ErrHeld) {
		t.Errorf("a round while another works: %v", err)
	}
	if err := h.index.Release(t.Context(), token); err != nil {
		t.Fatal(err)
	}
}

// TestRun: a worker goes on by itself until its context ends, and holds the lease for longer
// than it asked for at first.
func TestRun(t *testing.T) {
	t.Parallel()
	h := build(t, quick, s3.Rule{}, "east")
	if err := h.Delete(t.Context(), put(t, h, []byte("x"))[0].ID); err != nil {
		t.Fatal(err)
	}
	h.clock.forward(9 * day)
	h.providers[0].fails(func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == "DELETE" {
			h.clock.forward(40 * time.Millisecond) // twice what the lease was taken for
			time.Sleep(40 * time.Millisecond)
			_, err := h.index.Lease(t.Context(), time.Hour)
			if !errors.Is(err, packs.ErrHeld) {
				t.Errorf("a lease in use: %v", err)
			}
		}
		return false
	})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	over := make(chan error)
	w := &s3.Worker{Blobs: h.Blobs, Leases: h.index, Every: 5 * time.Millisecond, Held: 60 * time.Millisecond}
	go func() { over <- w.Run(ctx) }()
	for range 1000 {
		if len(h.all(t)) == 0 {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	cancel()
	if err := <-over; !errors.Is(err, context.Canceled) {
		t.Errorf("Run = %v", err)
	}
	if n := len(h.all(t)); n != 0 {
		t.Errorf("%d objects are left", n)
	}
}

// TestLateTelling: an object that took so long that a sweep may take it for an orphan is not
// told to the index.
func TestLateTelling(t *testing.T) {
	t.Parallel()
	h := build(t, quick, s3.Rule{}, "east")
	_, err := h.Put(t.Context(), sleeper{h.clock})
	if err == nil {
		t.Error("a Put that slept for two days was acknowledged")
	}
	if n := len(h.all(t)); n != 0 {
		t.Errorf("%d objects are named", n)
	}
}

// sleeper writes more than a blob of a pack and then sleeps.
type sleeper struct{ clock *clock }

func (s sleeper) WriteTo(w io.Writer) (int64, error) {
	n, err := w.Write(make([]byte, 2<<20))
	s.clock.forward(2 * day)
	return int64(n), err
}
