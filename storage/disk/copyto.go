package disk

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"sealpost/filestore"
)

// Copied says what CopyTo did.
type Copied struct {
	Blobs, Bytes int64 // copied now
	Had          int64 // blobs that were there before
	Mended       int64 // of Blobs: were there, and damaged
	Missing      []filestore.ID
	Damaged      []filestore.ID // not copied: their bytes are not what was stored
}

// CopyTo adds blobs to another folder of this kind, which nobody has open. Ids
// stay as they are, so what points at them does too. What was copied is durable
// when it returns; a copy that was broken off is gone on with by the next one.
// Deletions and compactions may run meanwhile. progress may be nil; it gets the
// number of blobs done.
func (b *Blobs) CopyTo(ctx context.Context, dir string, ids []filestore.ID, progress func(done int)) (Copied, error) {
	return b.copyTo(ctx, dir, ids, progress, false)
}

// MendTo is CopyTo that reads what is there as well, and copies anew what is damaged.
func (b *Blobs) MendTo(ctx context.Context, dir string, ids []filestore.ID, progress func(done int)) (Copied, error) {
	return b.copyTo(ctx, dir, ids, progress, true)
}

func (b *Blobs) copyTo(ctx context.Context, dir string, ids []filestore.ID, progress func(done int), mend bool) (Copied, error) {
	if err := b.usable(ctx); err != nil {
		return Copied{}, err
	}
	t, err := b.openTarget(dir)
	if err != nil {
		return Copied{}, fmt.Errorf("open folder to copy to: %w", filestore.MarkFull(err))
	}
	defer t.close()
	t.mend = mend
	if progress == nil {
		progress = func(int) {}
	}
	err = t.copyAll(ctx, ids, progress)
	if err == nil {
		err = errors.Join(t.fs.SyncDir(t.handles.dir), t.fs.SyncDir(t.large.dir))
	}
	if err != nil {
		return t.done, fmt.Errorf("copy blobs: %w", filestore.MarkFull(err))
	}
	return t.done, nil
}

// target is the folder of a copy.
type target struct {
	from    *Blobs
	fs      FS
	lock    io.Closer
	handles *handles
	large   large
	mend    bool
	done    Copied
	buf     []byte
}

func (b *Blobs) openTarget(dir string) (*target, error) {
	if err := makeFolders(b.o.FS, dir); err != nil {
		return nil, err
	}
	lock, err := b.o.FS.Lock(filepath.Join(dir, "lock"))
	if err != nil {
		return nil, err
	}
	t := &target{
		from: b, fs: b.o.FS, lock: lock,
		handles: newHandles(b.o.FS, filepath.Join(dir, "segments")),
		buf:     make([]byte, chunkSize+sumSize),
	}
	t.large = large{fs: b.o.FS, dir: filepath.Join(dir, "large"), now: b.o.Now, room: func(int64) error { return nil }}
	return t, nil
}

func (t *target) close() {
	t.handles.close()
	t.lock.Close()
}

func (t *target) copyAll(ctx context.Context, ids []filestore.ID, progress func(int)) error {
	segments, files := map[uint32][]tail{}, []filestore.ID{}
	for _, id := range ids {
		if n, tail := split(id); n == noSegment {
			files = append(files, id)
		} else {
			segments[n] = append(segments[n], tail)
		}
	}
	at := 0
	for _, n := range slices.Sorted(maps.Keys(segments)) {
		if err := t.segment(ctx, n, segments[n]); err != nil {
			return fmt.Errorf("segment %d: %w", n, err)
		}
		at += len(segments[n])
		progress(at)
	}
	for _, id := range files {
		if err := t.file(ctx, id); err != nil {
			return fmt.Errorf("blob %s: %w", id, err)
		}
		at++
		progress(at)
	}
	return nil
}

// segment copies frames behind those that are in the target's segment.
func (t *target) segment(ctx context.Context, n uint32, tails []tail) error {
	list, end, err := t.present(n)
	if err != nil {
		return err
	}
	had, hurt, err := t.had(n, list)
	if err != nil {
		return err
	}
	wanted, h, err := t.wanted(n, tails, had)
	if err != nil || len(wanted) == 0 {
		return err
	}
	defer t.from.handles.release(h)
	for _, e := range wanted {
		if hurt[e.tail] {
			t.done.Mended++
			list = slices.DeleteFunc(list, func(old entry) bool { return old.tail == e.tail })
		}
	}
	f, err := t.fs.OpenFile(t.handles.path(segmentName(n)), os.O_RDWR|os.O_CREATE)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Truncate(end); err != nil { // its index; a crash here leaves one to be scanned
		return err
	}
	w := &copier{ctx: ctx, from: h, to: f, end: end}
	for i := range wanted {
		if err := w.copy(&wanted[i].place); err != nil {
			return err
		}
		t.done.Blobs, t.done.Bytes = t.done.Blobs+1, t.done.Bytes+int64(wanted[i].length)
	}
	if err := w.flush(); err != nil {
		return err
	}
	return writeFooter(f, append(list, wanted...), n, w.end)
}

// had says which of the blobs in the target's segment are not to be copied, and, when
// it is to be mended, which are damaged.
func (t *target) had(n uint32, list []entry) (had, hurt map[tail]bool, err error) {
	had, hurt = make(map[tail]bool, len(list)), map[tail]bool{}
	for _, e := range list {
		had[e.tail] = true
	}
	if !t.mend || len(list) == 0 {
		return had, hurt, nil
	}
	f, err := t.fs.OpenFile(t.handles.path(segmentName(n)), os.O_RDONLY)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	for _, e := range list {
		if !t.sound(f, n, e.tail, e.place) {
			had[e.tail], hurt[e.tail] = false, true
		}
	}
	return had, hurt, nil
}

// present lists what the target's segment has, and where its frames end.
func (t *target) present(n uint32) ([]entry, int64, error) {
	f, err := t.fs.OpenFile(t.handles.path(segmentName(n)), os.O_RDONLY)
	if errors.Is(err, os.ErrNotExist) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, err
	}
	defer f.Close()
	s := &segment{number: n, handles: t.handles, log: t.from.o.Log}
	x, end, err := s.readIndex(f)
	if err != nil {
		return nil, 0, err
	}
	list, err := x.entries(f)
	return list, end, err
}

// wanted finds the frames of tails that are still to be copied, in the order they
// lie in, and the file they are in, which the caller releases if there are any.
func (t *target) wanted(n uint32, tails []tail, had map[tail]bool) ([]entry, *handle, error) {
	s := t.from.segment(n)
	if s == nil {
		t.missing(n, tails, had)
		return nil, nil, nil
	}
	list, h, err := s.view()
	if err != nil {
		return nil, nil, err
	}
	known := make(map[tail]place, len(list))
	for _, e := range list {
		known[e.tail] = e.place
	}
	var wanted []entry
	for _, tl := range tails {
		p, ok := known[tl]
		switch {
		case had[tl]:
			t.done.Had++
		case !ok:
			t.done.Missing = append(t.done.Missing, join(n, tl))
		case t.sound(h, n, tl, p):
			wanted = append(wanted, entry{tl, p})
		default:
			t.done.Damaged = append(t.done.Damaged, join(n, tl))
		}
		had[tl] = true // whoever asks twice gets one
	}
	slices.SortFunc(wanted, func(a, b entry) int { return cmp.Compare(a.off, b.off) })
	if len(wanted) == 0 && h != nil {
		t.from.handles.release(h)
		h = nil
	}
	return wanted, h, nil
}

func (t *target) missing(n uint32, tails []tail, had map[tail]bool) {
	for _, tl := range tails {
		if had[tl] {
			t.done.Had++
		} else {
			t.done.Missing = append(t.done.Missing, join(n, tl))
		}
	}
}

// sound reads a frame once and says whether it is what was stored.
func (t *target) sound(f io.ReaderAt, n uint32, tl tail, p place) bool {
	b := t.buf[:headerSize]
	if _, err := f.ReadAt(b, int64(p.off)); err != nil {
		return false
	}
	h, err := parseHeader(b)
	return err == nil && h.id == join(n, tl) && h.length == int64(p.length) &&
		checkChunks(f, int64(p.off)+headerSize, h, t.buf) == nil
}

// view lists the blobs there are and holds the file they are in. A segment that
// is gone has neither.
func (s *segment) view() ([]entry, *handle, error) {
	if err := s.load(); err != nil {
		return nil, nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.gone {
		return nil, nil, nil
	}
	h, err := s.handles.acquire(s.number)
	if err != nil {
		return nil, nil, err
	}
	list, err := s.index.entries(h)
	if err != nil {
		s.handles.release(h)
		return nil, nil, err
	}
	return list, h, nil
}

// file copies a large blob.
func (t *target) file(ctx context.Context, id filestore.ID) error {
	there, err := t.hasFile(id)
	if there && err == nil {
		t.done.Had++
		return nil
	}
	from, err := t.fs.OpenFile(t.from.large.path(id), os.O_RDONLY)
	if errors.Is(err, os.ErrNotExist) {
		t.done.Missing = append(t.done.Missing, id)
		return nil
	}
	if err != nil {
		return err
	}
	defer from.Close()
	b := t.buf[:headerSize]
	if _, err := from.ReadAt(b, 0); err != nil && err != io.EOF {
		return err
	}
	h, err := parseHeader(b)
	if err != nil || h.id != id || checkChunks(from, headerSize, h, t.buf) != nil {
		t.done.Damaged = append(t.done.Damaged, id)
		return nil
	}
	if err := t.writeFile(ctx, from, h); err != nil {
		return err
	}
	t.done.Blobs, t.done.Bytes = t.done.Blobs+1, t.done.Bytes+h.length
	if there {
		t.done.Mended++
	}
	return nil
}

// hasFile says whether the target has a large blob; the error is that it cannot be
// read, or, when it is to be mended, what is wrong with it.
func (t *target) hasFile(id filestore.ID) (there bool, err error) {
	if _, err := t.large.info(id); err != nil {
		return !errors.Is(err, filestore.ErrNotFound), err
	}
	if !t.mend {
		return true, nil
	}
	f, err := t.fs.OpenFile(t.large.path(id), os.O_RDONLY)
	if err != nil {
		return true, err
	}
	defer f.Close()
	b := t.buf[:headerSize]
	if _, err := f.ReadAt(b, 0); err != nil {
		return true, err
	}
	h, err := parseHeader(b)
	if err == nil && h.id != id {
		err = filestore.ErrCorrupt
	}
	if err == nil {
		err = checkChunks(f, headerSize, h, t.buf)
	}
	return true, err
}

func (t *target) writeFile(ctx context.Context, from io.ReaderAt, h header) error {
	if err := t.fs.Remove(t.large.temp(h.id)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	w, err := t.large.create(h.id)
	if err != nil {
		return err
	}
	c := &copier{ctx: ctx, from: from, to: w.file, pending: frameSize(h.length), end: frameSize(h.length)}
	err = c.flush()
	if err == nil {
		err = w.finish(h)
	}
	if err != nil {
		w.abandon()
	}
	return err
}
