package drive

import (
	"context"
	"fmt"
	"io"
	"sync"

	"sealpost/filestore"
)

// Content reads an object that is whole, at any offset. It holds one part open at a
// time. Close releases it.
type Content struct {
	ctx    context.Context
	drive  *Drive
	owner  Owner
	object Object
	may    func(context.Context) error // asked before each part; nil: it may

	mu   sync.Mutex
	n    int // of the part that is open
	open filestore.Blob
}

// Open opens an object of an owner that is whole.
func (d *Drive) Open(ctx context.Context, o Owner, id ID) (*Content, error) {
	found, err := d.Object(ctx, By{Owner: o}, id)
	if err != nil {
		return nil, err
	}
	if !found.Whole {
		return nil, ErrNone
	}
	return &Content{ctx: ctx, drive: d, owner: o, object: found}, nil
}

func (c *Content) Size() int64 { return c.object.Size }

// ReadAt is that of io.ReaderAt.
func (c *Content) ReadAt(p []byte, at int64) (read int, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(p) > 0 {
		if at < 0 || at >= c.object.Size {
			return read, io.EOF
		}
		b, err := c.part(int(at / PartSize))
		if err != nil {
			return read, err
		}
		within := at % PartSize
		n, err := b.ReadAt(p[:min(int64(len(p)), b.Size()-within)], within)
		read, at, p = read+n, at+int64(n), p[n:]
		if err != nil && err != io.EOF {
			return read, fmt.Errorf("read part: %w", err)
		}
		if n == 0 {
			return read, io.ErrUnexpectedEOF
		}
	}
	return read, nil
}

// part opens one part, in the place of the one that was open. Called with mu held.
func (c *Content) part(n int) (filestore.Blob, error) {
	if c.open != nil && c.n == n {
		return c.open, nil
	}
	if c.may != nil {
		if err := c.may(c.ctx); err != nil {
			return nil, err
		}
	}
	some, err := c.drive.Store.Parts(c.ctx, c.owner, c.object.ID, n, 1)
	if err != nil {
		return nil, fmt.Errorf("find part: %w", err)
	}
	if len(some) != 1 || some[0].N != n { // deleted meanwhile
		return nil, ErrNone
	}
	b, err := c.drive.Blobs.Open(c.ctx, some[0].Blob.ID)
	if err != nil {
		return nil, fmt.Errorf("open part: %w", err)
	}
	if b.Size() != c.object.PartLength(n) {
		b.Close()
		return nil, fmt.Errorf("open part: %w", filestore.ErrCorrupt)
	}
	if c.open != nil {
		c.open.Close()
	}
	c.n, c.open = n, b
	return b, nil
}

// Close is that of io.Closer.
func (c *Content) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open == nil {
		return nil
	}
	err := c.open.Close()
	c.open = nil
	return err
}
