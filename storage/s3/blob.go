package s3

import (
	"context"
	"fmt"
	"os"
	"sync"

	"sealpost/filestore"
	"sealpost/filestore/packs"
)

// blob reads one frame, a window of chunks at a time. Windows double while reads follow each
// other, so that a long blob costs a request for each MiB and a look into it costs little.
type blob struct {
	b      *Blobs
	found  packs.Found
	ctx    context.Context // ends with Close, for ReadAt has none of its own
	cancel context.CancelFunc

	mu     sync.Mutex
	closed bool
	window []byte // content that was checked
	from   int64  // chunk it begins with
	to     int64  // and ends before
	ahead  int64  // chunks to read when the next read goes on where the window ends
}

const (
	firstChunks = 4  // that Open reads
	mostChunks  = 16 // of a window: 1 MiB
)

// openBlob makes a blob of which the first chunks, with their tags, were read.
func (b *Blobs) openBlob(ctx context.Context, f packs.Found) *blob {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	return &blob{b: b, found: f, ctx: ctx, cancel: cancel, ahead: 2 * firstChunks}
}

func (b *blob) Size() int64 { return b.found.Size }

// Held is the content of a blob that one window holds.
func (b *blob) Held() []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed || int64(len(b.window)) != b.found.Size {
		return nil
	}
	return b.window
}

func (b *blob) ReadAt(p []byte, off int64) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return 0, os.ErrClosed
	}
	return filestore.ReadWindows(p, off, b.found.Size, func(off, wanted int64) ([]byte, error) {
		if err := b.load(off/chunkSize, wanted); err != nil {
			return nil, fmt.Errorf("read blob %s: %w", b.found.ID, err)
		}
		return b.window[off-b.from*chunkSize:], nil
	})
}

// load makes the window hold a chunk, of which and what follows that many octets are wanted.
func (b *blob) load(chunk, wanted int64) error {
	if chunk >= b.from && chunk < b.to {
		return nil
	}
	n := (wanted+chunkSize-1)/chunkSize + 1
	if chunk == b.to {
		n = max(n, b.ahead)
		b.ahead = min(2*b.ahead, mostChunks)
	} else {
		b.ahead = firstChunks
	}
	from, to := chunk, min(chunk+min(n, mostChunks), chunks(b.found.Size))
	content, err := b.b.window(b.ctx, b.found, from, to)
	if err != nil {
		return err
	}
	b.window, b.from, b.to = content, from, to
	return nil
}

// window reads and checks chunks of a blob.
func (b *Blobs) window(ctx context.Context, f packs.Found, from, to int64) (content []byte, err error) {
	if from == to {
		return nil, nil
	}
	raw := make([]byte, chunksSize(f.Size, from, to))
	tags := newTagger(b.store.Secret, f.ID)
	err = b.fetch(ctx, f.Object, f.Off+from*(chunkSize+tagSize), raw, func() (err error) {
		content, err = tags.openChunks(from, raw)
		return err
	})
	return content, err
}

// Close may be called twice.
func (b *blob) Close() error {
	b.cancel() // a read that is under way
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed, b.window = true, nil
	return nil
}
