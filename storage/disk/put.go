package disk

import (
	"context"
	"fmt"
	"io"

	"sealpost/filestore"
)

// maxSources bounds one Put, and with it how far a segment outgrows its length.
const maxSources = 1024

// frame is one blob on its way to the disk.
type frame struct {
	id     filestore.ID // of a small one: the appender stamps the segment
	length int64
	buf    []byte // of a small one: the frame, its header still empty
	large  bool   // it is a file already
}

// Put stores each source as one blob. Large ones become files first, then all
// small ones are committed at once, so a crash between leaves files for the sweeper.
func (b *Blobs) Put(ctx context.Context, sources ...io.WriterTo) ([]filestore.Ref, error) {
	if len(sources) > maxSources {
		return nil, fmt.Errorf("store blobs: more than %d at once", maxSources)
	}
	if err := b.usable(ctx); err != nil {
		return nil, err
	}
	refs, err := b.put(ctx, sources)
	if err != nil {
		return nil, fmt.Errorf("store blobs: %w", filestore.MarkFull(err))
	}
	return refs, nil
}

func (b *Blobs) put(ctx context.Context, sources []io.WriterTo) (_ []filestore.Ref, err error) {
	r := &renderer{ctx: ctx, b: b}
	defer func() {
		if err != nil {
			r.removeLarge()
		}
	}()
	for _, src := range sources {
		if err := r.render(src); err != nil {
			r.release()
			return nil, err
		}
	}
	if err := b.appends.store(ctx, r); err != nil {
		return nil, err
	}
	refs := make([]filestore.Ref, len(r.frames))
	for i, f := range r.frames {
		refs[i] = filestore.Ref{ID: f.id, Size: f.length}
	}
	return refs, nil
}
