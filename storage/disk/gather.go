package disk

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"sealpost/filestore"
)

const (
	gatherRun = 256 << 10 // read at once
	gatherGap = 16 << 10  // read and thrown away rather than reading twice
)

var runBuffers = sync.Pool{New: func() any { return new([gatherRun]byte) }}

// wanted is a blob that is to be opened, and where it was found.
type wanted struct {
	place
	at   int // in what was asked for
	id   filestore.ID
	file *handle // to be released once for each
}

// run is neighbouring frames that were read together; it is given back when all
// of their blobs are closed.
type run struct {
	buf  *[gatherRun]byte
	open atomic.Int32
}

func (r *run) leave() {
	if r.open.Add(-1) == 0 {
		runBuffers.Put(r.buf)
	}
}

// OpenAll opens blobs, and reads those that lie close together in one go.
func (b *Blobs) OpenAll(ctx context.Context, ids []filestore.ID) []filestore.Opened {
	all := make([]filestore.Opened, len(ids))
	near := make([]wanted, 0, len(ids))
	for i, id := range ids {
		n, t := split(id)
		if s := b.segment(n); s != nil && n != noSegment && b.usable(ctx) == nil {
			if p, h, err := s.locate(t); err != nil {
				all[i].Err = fmt.Errorf("open blob %s: %w", id, err)
			} else {
				near = append(near, wanted{p, i, id, h})
			}
			continue
		}
		all[i].Blob, all[i].Err = b.Open(ctx, id)
	}
	slices.SortFunc(near, func(x, y wanted) int {
		return cmp.Or(cmp.Compare(x.file.number, y.file.number), cmp.Compare(x.off, y.off))
	})
	for len(near) > 0 {
		n := runLength(near)
		b.openRun(near[:n], all)
		near = near[n:]
	}
	return all
}

// runLength is how many of the first are worth one read.
func runLength(near []wanted) (n int) {
	start, end := int64(near[0].off), near[0].end()
	for n = 1; n < len(near) && near[0].length <= chunkSize; n++ {
		w := &near[n]
		if w.file != near[0].file || w.length > chunkSize || int64(w.off)-end > gatherGap || w.end()-start > gatherRun {
			break
		}
		end = w.end()
	}
	return n
}

// openRun opens neighbours by one read. Where that fails each is read by itself, so
// that what cannot be read concerns that blob alone.
func (b *Blobs) openRun(near []wanted, all []filestore.Opened) {
	defer func() {
		for i := range near {
			if o := all[near[i].at]; o.Err != nil {
				all[near[i].at] = filestore.Opened{Err: fmt.Errorf("open blob %s: %w", near[i].id, o.Err)}
			}
		}
	}()
	if len(near) > 1 && b.readRun(near, all) {
		return
	}
	for i := range near {
		w := &near[i]
		release := func() { b.handles.release(w.file) }
		blob, err := openBlob(w.file, int64(w.off), w.id, int64(w.length), release)
		if err != nil {
			release()
			all[w.at].Err = err
			continue
		}
		all[w.at].Blob = blob
	}
}

func (b *Blobs) readRun(near []wanted, all []filestore.Opened) bool {
	start, end := int64(near[0].off), near[len(near)-1].end()
	r := &run{buf: runBuffers.Get().(*[gatherRun]byte)}
	r.open.Store(1) // this function
	defer r.leave()
	if _, err := near[0].file.ReadAt(r.buf[:end-start], start); err != nil {
		return false
	}
	blobs := make([]blob, len(near))
	for i := range near {
		w := &near[i]
		all[w.at] = r.take(&blobs[i], w, r.buf[int64(w.off)-start:w.end()-start])
		b.handles.release(w.file)
	}
	return true
}

// take makes b the blob of a frame of the run.
func (r *run) take(b *blob, w *wanted, frame []byte) filestore.Opened {
	if err := b.begin(frame, w.id, int64(w.length)); err != nil {
		return filestore.Opened{Err: err}
	}
	r.open.Add(1)
	b.buf, b.run = frame, r
	return filestore.Opened{Blob: b}
}
