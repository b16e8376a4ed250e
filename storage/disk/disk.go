// Package disk keeps blobs in a folder: small ones appended to segment files
// and committed in groups, large ones as files of their own.
//
// It never knows what a blob is; see filestore.
//
// Invariants: what Put returned was synced before; an id says in which segment
// its blob is, and nothing else; a segment only grows at its end until it is
// closed, and is replaced whole or not at all after that; a power cut at any
// moment needs no repair.
//
//	DIR/lock                   held while a process has the folder open
//	DIR/segments/0000002a.seg  frames, and once it is closed the index of them
//	DIR/segments/0000002a.dead ids deleted from it, not yet compacted away
//	DIR/large/3f/HEX           one frame; HEX is its id, 3f the id's fifth byte
//
// An id is the number of its segment in 4 bytes, 0 for a large file, then 12
// random bytes. Names ending in .tmp are unfinished and removed by Open.
package disk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"sealpost/filestore"
)

// ErrInUse says that another process has the folder open.
var ErrInUse = errors.New("storage folder is in use by another process")

// Options change what the zero value decides.
type Options struct {
	Segment int64            // length at which a segment is closed and the next begun; 64 MiB, at most 1 GiB
	Small   int64            // larger blobs become files; 1 MiB, at most that
	FS      FS               // the machine's
	Log     *slog.Logger     // none
	Now     func() time.Time // time.Now
}

// Blobs is a filestore.Blobs in one folder.
type Blobs struct {
	o       Options
	lock    io.Closer
	handles *handles
	appends *appender
	large   large
	tokens  chan struct{} // held by a Put that renders more than a pooled buffer

	mu       sync.RWMutex
	segments map[uint32]*segment

	compacting sync.Mutex
	closed     atomic.Bool
}

var _ filestore.Blobs = (*Blobs)(nil)

// Open opens the folder, making it if need be, and cuts off what a crash left
// half written. It fails with ErrInUse while another process has it open.
func Open(dir string, o Options) (*Blobs, error) {
	o = o.withDefaults()
	if err := makeFolders(o.FS, dir); err != nil {
		return nil, fmt.Errorf("make storage folder: %w", filestore.MarkFull(err))
	}
	lock, err := o.FS.Lock(filepath.Join(dir, "lock"))
	if err != nil {
		return nil, fmt.Errorf("lock storage folder: %w", err)
	}
	b := &Blobs{
		o: o, lock: lock,
		handles:  newHandles(o.FS, filepath.Join(dir, "segments")),
		tokens:   make(chan struct{}, bigRenders),
		segments: map[uint32]*segment{},
	}
	b.large = large{fs: o.FS, dir: filepath.Join(dir, "large"), now: o.Now, room: b.room}
	if err := b.recover(); err != nil {
		lock.Close()
		return nil, fmt.Errorf("open storage folder: %w", err)
	}
	go b.appends.run()
	return b, nil
}

func (o Options) withDefaults() Options {
	if o.Segment <= 0 {
		o.Segment = 64 << 20
	}
	if o.Small <= 0 {
		o.Small = 1 << 20
	}
	o.Segment, o.Small = min(o.Segment, maxSegment), min(o.Small, 1<<20)
	if o.FS == nil {
		o.FS = OS{}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

// makeFolders makes dir and the folders in it, and makes sure of every name that
// is there: one that was made by a process that died may still be in memory only.
func makeFolders(fs FS, dir string) error {
	for _, d := range []string{dir, filepath.Join(dir, "segments"), filepath.Join(dir, "large")} {
		if err := makeFolder(fs, d); err != nil {
			return err
		}
	}
	return fs.SyncDir(filepath.Join(dir, "segments"))
}

func makeFolder(fs FS, dir string) error {
	parent := filepath.Dir(dir)
	err := fs.Mkdir(dir)
	if errors.Is(err, os.ErrNotExist) && parent != dir {
		if err = makeFolder(fs, parent); err == nil {
			err = fs.Mkdir(dir)
		}
	}
	if err != nil {
		return err
	}
	if err := fs.SyncDir(parent); !errors.Is(err, os.ErrPermission) {
		return err
	}
	return nil // a parent that is not ours to read was there before us
}

// recover finds the segments and makes ready to append to the last of them.
func (b *Blobs) recover() error {
	if _, err := b.tidy(b.large.dir); err != nil {
		return err
	}
	names, err := b.tidy(b.handles.dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		if n, ok := segmentNumber(name); ok {
			b.segments[n] = b.newSegment(n)
		}
	}
	b.appends = newAppender(b)
	b.appends.resume()
	return nil
}

// tidy lists a folder and removes what was being written when the process ended.
func (b *Blobs) tidy(dir string) ([]string, error) {
	names, err := b.o.FS.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if filepath.Ext(name) != ".tmp" {
			continue
		}
		if err := b.o.FS.Remove(filepath.Join(dir, name)); err != nil {
			b.o.Log.Warn("unfinished file was not removed", "error", err)
		}
	}
	return names, nil
}

// Close finishes what was queued and leaves the folder to others. Blobs that
// are open stay readable.
func (b *Blobs) Close() error {
	if b.closed.Swap(true) {
		return nil
	}
	b.appends.close()
	b.compacting.Lock()
	defer b.compacting.Unlock()
	return errors.Join(b.handles.close(), b.lock.Close())
}

// room refuses to take n bytes when little would be left: a segment's length, or
// a twentieth of a small disk. Without that a full disk could never be emptied
// again, for compaction writes before it frees, and so does the index.
func (b *Blobs) room(n int64) error {
	free, total, err := b.o.FS.Room(b.handles.dir)
	if err != nil {
		return nil // the write will tell
	}
	if free-n < min(b.o.Segment, total/20) {
		return fmt.Errorf("%d bytes are left: %w", free, filestore.ErrFull)
	}
	return nil
}

// usable says whether a call may begin.
func (b *Blobs) usable(ctx context.Context) error {
	if b.closed.Load() {
		return os.ErrClosed
	}
	return ctx.Err()
}

// Open opens a blob for reading. One of up to 64 KiB was read and checked when
// Open returns; of a longer one the beginning was.
func (b *Blobs) Open(ctx context.Context, id filestore.ID) (filestore.Blob, error) {
	if err := b.usable(ctx); err != nil {
		return nil, err
	}
	blob, err := b.open(id)
	if err != nil {
		return nil, fmt.Errorf("open blob %s: %w", id, err)
	}
	return blob, nil
}

func (b *Blobs) open(id filestore.ID) (filestore.Blob, error) {
	n, t := split(id)
	if n == noSegment {
		return b.large.open(id)
	}
	s := b.segment(n)
	if s == nil {
		return nil, filestore.ErrNotFound
	}
	return s.read(t)
}

// Delete forgets blobs. What a crash makes it forget to forget, the sweeper finds.
func (b *Blobs) Delete(ctx context.Context, ids ...filestore.ID) error {
	if err := b.usable(ctx); err != nil {
		return err
	}
	tails := map[uint32][]tail{}
	var errs []error
	for _, id := range ids {
		n, t := split(id)
		if n == noSegment {
			errs = append(errs, b.large.remove(id))
		} else {
			tails[n] = append(tails[n], t)
		}
	}
	for n, ts := range tails {
		if s := b.segment(n); s != nil {
			errs = append(errs, s.kill(ts))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("delete blobs: %w", err)
	}
	return nil
}

func (b *Blobs) segment(n uint32) *segment {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.segments[n]
}

// sorted lists the segments from the oldest on.
func (b *Blobs) sorted() []*segment {
	b.mu.RLock()
	defer b.mu.RUnlock()
	var list []*segment
	for _, n := range slices.Sorted(maps.Keys(b.segments)) {
		list = append(list, b.segments[n])
	}
	return list
}

// All lists every blob. What cannot be read of the folder ends the list with an
// error; a blob that is damaged does not.
func (b *Blobs) All(ctx context.Context) iter.Seq2[filestore.Info, error] {
	return func(yield func(filestore.Info, error) bool) {
		for info, err := range b.all(ctx) {
			if err != nil {
				err = fmt.Errorf("list blobs: %w", err)
			}
			if !yield(info, err) || err != nil {
				return
			}
		}
	}
}

func (b *Blobs) all(ctx context.Context) iter.Seq2[filestore.Info, error] {
	return func(yield func(filestore.Info, error) bool) {
		if err := b.usable(ctx); err != nil {
			yield(filestore.Info{}, err)
			return
		}
		for _, s := range b.sorted() {
			list, err := s.entries()
			if err = errors.Join(err, ctx.Err()); err != nil {
				yield(filestore.Info{}, err)
				return
			}
			for _, e := range list {
				if !yield(e.info(s.number), nil) {
					return
				}
			}
		}
		b.large.all(ctx, yield)
	}
}

func (e entry) info(segment uint32) filestore.Info {
	ref := filestore.Ref{ID: join(segment, e.tail), Size: int64(e.length)}
	return filestore.Info{Ref: ref, Stored: time.Unix(int64(e.stored), 0)}
}

// keep makes a segment known.
func (b *Blobs) keep(s *segment) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.segments[s.number] = s
}

// drop removes a segment that holds nothing.
func (b *Blobs) drop(s *segment) {
	if !s.remove() {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.segments, s.number)
}
