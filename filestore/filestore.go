// Package filestore keeps opaque bytes under random ids.
//
// It never knows what the bytes mean or who may read them; what must not be readable was
// encrypted before it came here. Whose they are it hands on to a Placer, and keeps nothing
// of it. Engines live in storage/ and pass filestore/storagetest.
//
// Invariants: what Put returned is durable and reads back unchanged until
// Delete; an id is never given twice and says nothing about its content.
package filestore

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"iter"
	"syscall"
	"time"
)

// ID names one blob. It is chosen by the engine, at random, never from content.
type ID [16]byte

func (id ID) String() string { return hex.EncodeToString(id[:]) }

// ErrNotFound says that no blob has that id (any more).
var ErrNotFound = errors.New("no such blob")

// ErrCorrupt says that a blob is known but what the device gives back is not
// what was stored. It concerns that one blob.
var ErrCorrupt = errors.New("blob is damaged")

// ErrFull says that the device has no room; the caller tells its sender to come back.
var ErrFull = errors.New("no space for blobs")

// MarkFull adds ErrFull to an error by which a device says that it has no room.
func MarkFull(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fmt.Errorf("%w: %w", ErrFull, err)
	}
	return err
}

// Ref is a stored blob and its length in bytes.
type Ref struct {
	ID   ID
	Size int64
}

// Blob reads one stored blob at any offset, from many goroutines if need be.
// What it returns was checked; a damaged blob fails with ErrCorrupt when it is
// opened or when the damaged part is read. Close releases it.
type Blob interface {
	io.ReaderAt
	io.Closer
	Size() int64
}

// Info is what a sweeper needs to know of a blob.
type Info struct {
	Ref
	Stored time.Time // not younger than this
}

// Blobs is what the rooms above ask of an engine.
type Blobs interface {
	// Put stores each source as one blob; all are durable when it returns, and
	// none is visible if it fails. Sources may be large: they are streamed.
	Put(ctx context.Context, sources ...io.WriterTo) ([]Ref, error)
	// Open opens a blob for reading, or fails with ErrNotFound. It stays
	// readable until Close, even when it is deleted meanwhile.
	Open(ctx context.Context, id ID) (Blob, error)
	// Delete forgets blobs; unknown ids are no error. Space comes back later.
	Delete(ctx context.Context, ids ...ID) error
	// All lists every blob, for the orphan sweeper. What is put or deleted
	// while it runs may or may not be listed.
	All(ctx context.Context) iter.Seq2[Info, error]
}

// Placer places what is put by whose it is.
type Placer interface {
	// PutFor is Put of what belongs to an owner; of what belongs to nobody owner is empty. It
	// fails when it cannot be found out where that may lie.
	PutFor(ctx context.Context, owner string, sources ...io.WriterTo) ([]Ref, error)
}

// PutFor stores what belongs to an owner where that is to lie, if b knows of places, else as Put.
func PutFor(ctx context.Context, b Blobs, owner string, sources ...io.WriterTo) ([]Ref, error) {
	if p, ok := b.(Placer); ok {
		return p.PutFor(ctx, owner, sources...)
	}
	return b.Put(ctx, sources...)
}

// Opened is one of many blobs that were opened together, or why it was not.
type Opened struct {
	Blob Blob
	Err  error
}

// Gatherer is an engine that opens many small blobs for little more than one costs.
type Gatherer interface {
	// OpenAll opens blobs, in the order of ids. What is wrong with one concerns it alone.
	OpenAll(ctx context.Context, ids []ID) []Opened
}

// Held is a Blob that is in memory whole.
type Held interface {
	// Held is its content until Close, not to be changed; nil if it is not in memory.
	Held() []byte
}

// OpenAll opens blobs together where the engine can, else one after the other.
func OpenAll(ctx context.Context, b Blobs, ids []ID) []Opened {
	if g, ok := b.(Gatherer); ok {
		return g.OpenAll(ctx, ids)
	}
	all := make([]Opened, len(ids))
	for i, id := range ids {
		all[i].Blob, all[i].Err = b.Open(ctx, id)
	}
	return all
}

// ReadWindows is the ReadAt of what has size octets and is read and checked by windows: window
// returns what lies from an offset on, at least one octet, and may read more while that many are
// wanted.
func ReadWindows(p []byte, off, size int64, window func(off, wanted int64) ([]byte, error)) (n int, err error) {
	if off < 0 {
		return 0, errNegative
	}
	for n < len(p) {
		at := off + int64(n)
		if at >= size {
			return n, io.EOF
		}
		content, err := window(at, int64(len(p)-n))
		if err != nil {
			return n, err
		}
		n += copy(p[n:], content)
	}
	return n, nil
}

var errNegative = errors.New("read blob: negative offset")
