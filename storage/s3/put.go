package s3

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"time"

	"sealpost/filestore"
	"sealpost/filestore/packs"
)

// maxSources bounds one Put.
const maxSources = 1024

// late is how old an object may be when it is told to the index, from when its first octets were
// sent: the sweep takes objects for orphans that are older than a grace, and a node may have slept.
const late = 24 * time.Hour

// put stores each source as one blob. Large ones are sent as they come, and so are packs that
// are full; the rest is packed with what others put at the same time. All is told to the index
// at once.
func (b *Blobs) put(ctx context.Context, r *rule, space byte, sources []io.WriterTo) ([]filestore.Ref, error) {
	if len(sources) > maxSources {
		return nil, fmt.Errorf("store blobs: more than %d at once", maxSources)
	}
	if err := b.usable(ctx); err != nil {
		return nil, err
	}
	o := &order{ctx: ctx, b: b, rule: r, space: space}
	defer o.release()
	err := o.take(sources)
	if err != nil {
		b.discard(ctx, o.objects)
	} else {
		err = b.packers[r.name].store(ctx, o)
	}
	if err != nil {
		return nil, fmt.Errorf("store blobs: %w", err)
	}
	return o.refs, nil
}

// order is one Put on its way.
type order struct {
	ctx     context.Context // of the one call that this lives for
	b       *Blobs
	rule    *rule
	space   byte
	refs    []filestore.Ref
	pending []frame // small ones, in no object yet
	octets  int     // of those
	token   bool    // one of b.tokens is ours

	objects []packs.Object // stored, not in the index
	entries []packs.Entry  // in those
}

// frame is a small blob, laid out. Where it will lie the packer says.
type frame struct {
	entry packs.Entry
	bytes []byte
}

// little is how much a Put may have in memory without a token.
const little = 64 << 10

func (o *order) take(sources []io.WriterTo) error {
	for _, src := range sources {
		if err := o.render(src); err != nil {
			return err
		}
		if o.octets < o.b.o.Pack {
			continue
		}
		if err := o.sendPack(); err != nil {
			return err
		}
	}
	return nil
}

// sendPack stores what is pending as a pack of its own.
func (o *order) sendPack() error {
	object, entries, err := o.b.sendPack(o.ctx, o.rule, o.pending)
	if err != nil {
		return err
	}
	o.objects = append(o.objects, object)
	o.entries = append(o.entries, entries...)
	o.pending, o.octets = nil, 0
	return nil
}

// sendPack stores frames as one object.
func (b *Blobs) sendPack(ctx context.Context, r *rule, frames []frame) (packs.Object, []packs.Entry, error) {
	key, err := newKey()
	if err != nil {
		return packs.Object{}, nil, err
	}
	made := b.now()
	entries := make([]packs.Entry, len(frames))
	pieces := make([][]byte, len(frames))
	var off, content int64
	for i, f := range frames {
		pieces[i], entries[i] = f.bytes, f.entry
		entries[i].Key, entries[i].Off = key, off
		off += int64(len(f.bytes))
		content += f.entry.Size
	}
	body := pieces[0]
	if len(pieces) > 1 {
		body = bytes.Join(pieces, nil)
	}
	copies, err := b.place(ctx, r, key, body)
	object := b.object(r, key, int64(len(body)), content, copies, made)
	if err != nil {
		b.discard(ctx, []packs.Object{object})
		return object, nil, err
	}
	return object, entries, nil
}

// ask waits for a token, if the order is about to hold more than a little.
func (o *order) ask(octets int) error {
	if o.token || octets <= little {
		return nil
	}
	select {
	case o.b.tokens <- struct{}{}:
		o.token = true
		return nil
	case <-o.ctx.Done():
		return o.ctx.Err()
	}
}

func (o *order) release() {
	if o.token {
		<-o.b.tokens
	}
}

// render makes a frame of what src writes, or an object if it is long.
func (o *order) render(src io.WriterTo) error {
	id, err := newID(o.space)
	if err != nil {
		return err
	}
	w := &writer{order: o, entry: packs.Entry{ID: id, Stored: o.b.now()}}
	w.framer = newFramer(o.b.store.Secret, id, w.emit)
	_, err = src.WriteTo(w)
	if err == nil {
		err = o.ctx.Err()
	}
	if err == nil {
		err = w.framer.finish(w.entry.Stored)
	}
	if err == nil {
		err = w.finish()
	}
	if err != nil && w.upload != nil {
		w.upload.abandon()
	}
	return err
}

// writer takes one source's content.
type writer struct {
	order  *order
	entry  packs.Entry
	framer *framer
	buf    bytes.Buffer // of a small one
	upload *upload      // of a large one
}

func (w *writer) Write(p []byte) (int, error) {
	if err := w.order.ctx.Err(); err != nil {
		return 0, err
	}
	length := w.framer.length + int64(len(p))
	if length > maxLength {
		return 0, fmt.Errorf("blob is longer than %d bytes", int64(maxLength))
	}
	if err := w.order.ask(w.order.octets + w.buf.Len() + len(p)); err != nil {
		return 0, err
	}
	if w.upload == nil && length > int64(w.order.b.o.Small) {
		if err := w.enlarge(); err != nil {
			return 0, err
		}
	}
	return w.framer.Write(p)
}

func (w *writer) emit(p []byte) error {
	if w.upload != nil {
		return w.upload.write(p)
	}
	w.buf.Write(p)
	return nil
}

// enlarge sends what is there, and what follows, as an object.
func (w *writer) enlarge() (err error) {
	if err := w.order.ask(partSize); err != nil {
		return err
	}
	key, err := newKey()
	if err != nil {
		return err
	}
	w.upload = newUpload(w.order.ctx, w.order.b, w.order.rule, key)
	err = w.upload.write(w.buf.Bytes())
	w.buf = bytes.Buffer{}
	return err
}

// finish adds the blob to its order.
func (w *writer) finish() error {
	w.entry.Size = w.framer.length
	w.order.refs = append(w.order.refs, filestore.Ref{ID: w.entry.ID, Size: w.entry.Size})
	if w.upload == nil {
		w.order.pending = append(w.order.pending, frame{w.entry, w.buf.Bytes()})
		w.order.octets += w.buf.Len()
		return nil
	}
	object, err := w.upload.finish(w.entry.Size)
	if err != nil {
		return err
	}
	w.entry.Key = object.Key
	w.order.objects = append(w.order.objects, object)
	w.order.entries = append(w.order.entries, w.entry)
	w.upload = nil
	return nil
}
