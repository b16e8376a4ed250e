package cabinet_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"sync"
	"testing"
	"time"

	"sealpost/filestore"
	"sealpost/mailstore"
	"sealpost/mailstore/cabinet"
	"sealpost/mailstore/notify"
	"sealpost/storage/disk"
)

// memory is a store of one owner in memory.
type memory struct {
	mu     sync.Mutex
	shelf  cabinet.Shelf
	boxes  map[cabinet.Place]cabinet.Box
	before func() // runs before Apply looks
	broken error
}

func (m *memory) List(context.Context, mailstore.Owner, cabinet.Change) (cabinet.List, error) {
	return cabinet.List{}, nil
}

func (m *memory) Box(_ context.Context, _ mailstore.Owner, p cabinet.Place) (cabinet.Box, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if b, ok := m.boxes[p]; ok {
		return b, nil
	}
	return cabinet.Box{}, cabinet.ErrNoBox
}

func (m *memory) Shelf(context.Context, mailstore.Owner) (cabinet.Shelf, error) { return m.shelf, nil }

func (m *memory) Drawer(context.Context, mailstore.Owner, string) ([]cabinet.Box, error) {
	return nil, nil
}

func (m *memory) Apply(ctx context.Context, o mailstore.Owner, w cabinet.Wish) (cabinet.Box, []filestore.ID, error) {
	if m.before != nil {
		m.before()
	}
	if m.broken != nil {
		return cabinet.Box{}, nil, m.broken
	}
	writes, err := cabinet.Clerk{Now: time.Unix(1, 0), Remember: 10}.Stamp(memoryRows{m, ctx, o}, w)
	if err != nil {
		return cabinet.Box{}, nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.shelf, m.boxes[w.Place] = writes.Shelf, writes.Box
	if writes.Before.Version != 0 && !writes.Before.Gone {
		return writes.Box, []filestore.ID{writes.Before.Blob.ID}, nil
	}
	return writes.Box, nil, nil
}

type memoryRows struct {
	*memory
	ctx context.Context
	o   mailstore.Owner
}

func (r memoryRows) Shelf() (cabinet.Shelf, error)            { return r.shelf, nil }
func (r memoryRows) Quota() int64                             { return 0 }
func (r memoryRows) Box(p cabinet.Place) (cabinet.Box, error) { return r.memory.Box(r.ctx, r.o, p) }
func (r memoryRows) Forgettable(int) ([]cabinet.Box, error)   { return nil, nil }
func place(name string) cabinet.Place                         { return cabinet.Place{Drawer: "drafts", Name: name} }
func count(t *testing.T, b filestore.Blobs) (n int) {
	for _, err := range b.All(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	return n
}

// box is what has the shape of one, with n bytes of content.
func box(n int) []byte { return append([]byte{1}, make([]byte, 80+n)...) }

func newCabinet(t *testing.T) (*cabinet.Cabinet, *memory) {
	m := &memory{boxes: map[cabinet.Place]cabinet.Box{}}
	blobs, err := disk.Open(t.TempDir(), disk.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { blobs.Close() })
	return &cabinet.Cabinet{Store: m, Blobs: blobs, Bus: &notify.Bus{}, Log: slog.New(slog.DiscardHandler)}, m
}

func TestPutAndOpen(t *testing.T) {
	t.Parallel()
	c, _ := newCabinet(t)
	woken, end := c.Bus.Subscribe(cabinet.Topic("a"))
	defer end()
	for v := range 3 {
		want := box(16 * v)
		b, err := c.Put(t.Context(), "a", place("x"), cabinet.Version(v), want)
		if err != nil || b.Version != cabinet.Version(v+1) || b.Blob.Size != int64(len(want)) {
			t.Fatalf("box is %+v, %v", b, err)
		}
		<-woken
		found, blob, err := c.Open(t.Context(), "a", place("x"))
		if err != nil || found.Version != b.Version {
			t.Fatalf("opened %+v, %v", found, err)
		}
		got, err := io.ReadAll(io.NewSectionReader(blob, 0, blob.Size()))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("version %d came back changed: %v", b.Version, err)
		}
		blob.Close()
	}
	if n := count(t, c.Blobs); n != 1 {
		t.Errorf("%d blobs are there for one box", n)
	}
	if _, err := c.Remove(t.Context(), "a", place("x"), 3); err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.Open(t.Context(), "a", place("x")); !errors.Is(err, cabinet.ErrNoBox) {
		t.Errorf("a removed box: %v", err)
	}
	if n := count(t, c.Blobs); n != 0 {
		t.Errorf("%d blobs are left", n)
	}
}

// What is refused leaves nothing behind, whether it is known before or after its octets
// were written; what may have been stored keeps them.
func TestPutRefused(t *testing.T) {
	t.Parallel()
	c, m := newCabinet(t)
	for what, put := range map[string]func() error{
		"conflict":  func() error { _, err := c.Put(t.Context(), "a", place("x"), 1, box(0)); return err },
		"name":      func() error { _, err := c.Put(t.Context(), "a", place("../x"), 0, box(0)); return err },
		"too large": func() error { _, err := c.Put(t.Context(), "a", place("x"), 0, box(16<<20)); return err },
		"plaintext": func() error { _, err := c.Put(t.Context(), "a", place("x"), 0, []byte(`{"v":1}`)); return err },
		"late": func() error {
			m.before = func() {
				m.mu.Lock()
				defer m.mu.Unlock()
				m.boxes[place("x")] = cabinet.Box{Place: place("x"), Version: 4}
			}
			_, err := c.Put(t.Context(), "a", place("x"), 0, box(0))
			return err
		},
	} {
		if err := put(); !cabinet.Refused(err) {
			t.Errorf("%s: %v", what, err)
		}
		m.before = nil
		clear(m.boxes)
	}
	if n := count(t, c.Blobs); n != 0 {
		t.Errorf("%d blobs are left", n)
	}
	m.broken = errors.New("the disk went away")
	if _, err := c.Put(t.Context(), "a", place("x"), 0, box(0)); err == nil || count(t, c.Blobs) != 1 {
		t.Errorf("%v, and %d blobs: a row may point at it", err, count(t, c.Blobs))
	}
}

func TestShaped(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, 16, 128, 1024, 1088, 16 << 10, 1 << 20} {
		if !cabinet.Shaped(box(n)) {
			t.Errorf("a box of %d bytes is refused", n)
		}
	}
	other := box(16)
	other[0] = 2
	for what, b := range map[string][]byte{
		"nothing": nil, "short": box(0)[:80], "another version": other, "not padded": box(1001), "text": []byte("Subject: hello\r\n"),
		"json": append([]byte(`{"v":1}`), make([]byte, 90)...),
	} {
		if cabinet.Shaped(b) {
			t.Errorf("%s is taken for a box", what)
		}
	}
}

// A cabinet holds 100,000 boxes.
func TestTooManyBoxes(t *testing.T) {
	t.Parallel()
	_, m := newCabinet(t)
	m.shelf.Boxes = 100_000
	ref := filestore.Ref{Size: 81}
	if _, _, err := m.Apply(t.Context(), "a", cabinet.Wish{Place: place("x"), Blob: &ref}); !errors.Is(err, cabinet.ErrFull) {
		t.Errorf("one box too many: %v", err)
	}
	m.boxes[place("y")] = cabinet.Box{Place: place("y"), Version: 1}
	if _, _, err := m.Apply(t.Context(), "a", cabinet.Wish{Place: place("y"), Was: 1, Blob: &ref}); err != nil {
		t.Errorf("the last one may be replaced: %v", err)
	}
}
