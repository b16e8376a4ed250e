package disk_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"testing"

	"sealpost/filestore"
	"sealpost/filestore/storagetest"
	"sealpost/storage/disk"
	"sealpost/storage/disk/faultfs"
)

// A world is a disk, the engine on it and what the engine has promised.
type world struct {
	fs    *faultfs.FS
	blobs *disk.Blobs
	lies  faultfs.Faults // of a disk that is not what the engine needs

	mu    sync.Mutex
	rng   *rand.Rand
	acked map[filestore.ID][]byte
	given map[filestore.ID]bool // every id ever returned
	wrong []error               // broken promises
}

var ctx = context.Background()

func newWorld(seed uint64) *world {
	return &world{
		fs:    faultfs.New(seed),
		rng:   rand.New(rand.NewPCG(seed, 1)),
		acked: map[filestore.ID][]byte{},
		given: map[filestore.ID]bool{},
	}
}

// options make everything happen often: segments of a few blobs, and blobs over
// 3 KB in files of their own.
var tinyOptions = disk.Options{Segment: 10_000, Small: 3000}

func (w *world) open() error {
	o := tinyOptions
	o.FS = w.fs
	b, err := disk.Open("/mail/blobs", o)
	if err != nil {
		return fmt.Errorf("open needs repair: %w", err)
	}
	w.blobs = b
	return nil
}

func (w *world) intn(n int) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.rng.IntN(n)
}

func (w *world) broken(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.wrong = append(w.wrong, fmt.Errorf(format, args...))
}

// act does one random thing.
func (w *world) act() {
	switch n := w.intn(100); {
	case n < 55:
		w.put()
	case n < 75:
		w.delete()
	case n < 95:
		w.read()
	default:
		w.blobs.Compact(ctx, []float64{0, 0.3}[w.intn(2)])
	}
}

func (w *world) put() {
	var contents [][]byte
	var sources []io.WriterTo
	for range 1 + w.intn(3) {
		c := storagetest.Content(uint64(w.intn(1<<30)), []int{0, 10, 400, 2000, 4000}[w.intn(5)])
		contents = append(contents, c)
		sources = append(sources, storagetest.Source(c))
	}
	refs, err := w.blobs.Put(ctx, sources...)
	if err != nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, ref := range refs {
		if w.given[ref.ID] {
			w.wrong = append(w.wrong, fmt.Errorf("id %s was given twice", ref.ID))
		}
		w.given[ref.ID] = true
		w.acked[ref.ID] = contents[i]
	}
}

// pick takes a random acknowledged blob.
func (w *world) pick(forget bool) (id filestore.ID, c []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for id, c = range w.acked {
		break
	}
	if forget {
		delete(w.acked, id)
	}
	return id, c
}

func (w *world) delete() {
	id, _ := w.pick(true)
	if err := w.blobs.Delete(ctx, id); err != nil {
		return
	}
	if _, err := w.blobs.Open(ctx, id); err == nil {
		w.broken("a deleted blob is there")
	}
}

func (w *world) read() {
	id, want := w.pick(false)
	if want == nil {
		return
	}
	got, err := storagetest.Read(w.blobs, id)
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, still := w.acked[id]; !still || w.fs.Off() {
		return // deleted meanwhile
	}
	if err != nil || !bytes.Equal(got, want) {
		w.wrong = append(w.wrong, fmt.Errorf("blob %s while running: %d of %d bytes, %v", id, len(got), len(want), err))
	}
}

// check compares everything that was promised with what is there.
func (w *world) check() {
	there := map[filestore.ID]int64{}
	for info, err := range w.blobs.All(ctx) {
		if err != nil {
			w.broken("list: %w", err)
			return
		}
		if _, twice := there[info.ID]; twice {
			w.broken("blob %s is listed twice", info.ID)
		}
		there[info.ID] = info.Size
	}
	for id, want := range w.acked {
		if size, ok := there[id]; !ok || size != int64(len(want)) {
			w.broken("blob %s is listed: %v, with %d of %d bytes", id, ok, size, len(want))
		}
	}
	for id := range there {
		w.checkBlob(id)
	}
}

// checkBlob reads a blob. One that nobody was promised is an orphan: it may be
// damaged, and some are swept.
func (w *world) checkBlob(id filestore.ID) {
	got, err := storagetest.Read(w.blobs, id)
	want, promised := w.acked[id]
	switch {
	case promised && (err != nil || !bytes.Equal(got, want)):
		w.broken("blob %s: %d of %d bytes, %v", id, len(got), len(want), err)
	case !promised && err != nil && !errors.Is(err, filestore.ErrCorrupt):
		w.broken("orphan %s: %w", id, err)
	case !promised && w.intn(2) == 0:
		w.blobs.Delete(ctx, id)
	}
}

// round is one life of the engine: it works under faults, dies, and is checked
// in the next.
func (w *world) round() error {
	if err := w.open(); err != nil {
		return err
	}
	w.check()
	for len(w.acked) > 30 {
		w.delete()
	}
	w.fs.SetFaults(w.someFaults())
	if w.intn(4) == 0 {
		w.fs.SetCapacity(int64(w.intn(300_000)))
	}
	if w.intn(8) > 0 {
		w.fs.CutAfter(1 + w.intn(120))
	}
	var wg sync.WaitGroup
	for range 1 + w.intn(4) {
		wg.Go(func() {
			for range 12 {
				w.act()
			}
		})
	}
	wg.Wait()
	w.fs.SetCapacity(-1)
	w.blobs.Close()
	if w.intn(3) == 0 {
		w.fs.Kill()
	} else {
		w.fs.PowerCut()
	}
	w.fs.SetFaults(faultfs.Faults{})
	return errors.Join(w.wrong...)
}

// someFaults are rare in most rounds, so that much is stored that can be lost.
func (w *world) someFaults() faultfs.Faults {
	f := w.lies
	f.HideRoom = w.intn(2) == 0
	p := []float64{0, 0.02, 0.1, 0.3}[w.intn(4)]
	for _, fault := range []*float64{&f.Write, &f.Sync, &f.SyncDir, &f.Create, &f.Rename, &f.Remove} {
		if w.intn(3) == 0 {
			*fault = p
		}
	}
	return f
}

// TestCrash lets engines live and die, thousands of times, on disks that fail. Its
// goroutines make every run another one; the seed only says where to look again.
func TestCrash(t *testing.T) {
	t.Parallel()
	worlds, rounds := 20, 100
	if *long {
		worlds = 20_000
	}
	for seed := range worlds {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			t.Parallel()
			w := newWorld(uint64(seed))
			for round := range rounds {
				if err := w.round(); err != nil {
					t.Fatalf("round %d: %v", round, err)
				}
			}
		})
	}
}

// TestCrashNotices shows that the crash test sees loss: on a disk that says yes
// and syncs nothing, promises break.
func TestCrashNotices(t *testing.T) {
	t.Parallel()
	for name, lies := range map[string]faultfs.Faults{
		"content": {LieSync: true},
		"names":   {LieSyncDir: true},
	} {
		noticed := false
		for seed := uint64(0); seed < 20 && !noticed; seed++ {
			w := newWorld(seed)
			w.lies = lies
			w.fs.SetFaults(lies)
			for round := 0; round < 20 && !noticed; round++ {
				noticed = w.round() != nil
				w.fs.SetFaults(lies)
			}
		}
		if !noticed {
			t.Errorf("a disk that lies about syncing %s went unnoticed", name)
		}
	}
}
