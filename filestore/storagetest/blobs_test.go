package storagetest

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"io"
	"iter"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"sealpost/filestore"
)

// inMemory is the smallest engine that keeps what filestore.Blobs says, but for
// being durable.
type inMemory struct {
	name  func(content []byte) filestore.ID
	mu    sync.Mutex
	blobs map[filestore.ID]stored
}

type stored struct {
	content []byte
	at      time.Time
}

type reading struct{ *bytes.Reader }

func (reading) Close() error { return nil }

// bound is a writer that ends with its context.
type bound struct {
	ctx context.Context
	bytes.Buffer
}

func (b *bound) Write(p []byte) (int, error) {
	if err := b.ctx.Err(); err != nil {
		return 0, err
	}
	return b.Buffer.Write(p)
}

func (m *inMemory) Put(ctx context.Context, sources ...io.WriterTo) (refs []filestore.Ref, err error) {
	var contents [][]byte
	for _, src := range sources {
		b := &bound{ctx: ctx}
		if _, err := src.WriteTo(b); err != nil {
			return nil, err
		}
		contents = append(contents, b.Bytes())
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, c := range contents {
		ref := filestore.Ref{ID: m.name(c), Size: int64(len(c))}
		m.blobs[ref.ID] = stored{c, time.Now().Truncate(time.Second)}
		refs = append(refs, ref)
	}
	return refs, ctx.Err()
}

func (m *inMemory) Open(ctx context.Context, id filestore.ID) (filestore.Blob, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, ok := m.blobs[id]
	if err := ctx.Err(); err != nil || !ok {
		if err == nil {
			err = filestore.ErrNotFound
		}
		return nil, err
	}
	return reading{bytes.NewReader(s.content)}, nil
}

func (m *inMemory) Delete(ctx context.Context, ids ...filestore.ID) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, id := range ids {
		delete(m.blobs, id)
	}
	return ctx.Err()
}

func (m *inMemory) All(ctx context.Context) iter.Seq2[filestore.Info, error] {
	m.mu.Lock()
	defer m.mu.Unlock()
	var list []filestore.Info
	for id, s := range m.blobs {
		list = append(list, filestore.Info{Ref: filestore.Ref{ID: id, Size: int64(len(s.content))}, Stored: s.at})
	}
	return func(yield func(filestore.Info, error) bool) {
		for _, info := range list {
			if !yield(info, ctx.Err()) {
				return
			}
		}
	}
}

func random([]byte) (id filestore.ID) {
	rand.Read(id[:])
	return id
}

func engine(name func([]byte) filestore.ID) *inMemory {
	return &inMemory{name: name, blobs: map[filestore.ID]stored{}}
}

// TestSuite shows that the suite asks nothing that only one engine can do.
func TestSuite(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	engines := map[*testing.T]*inMemory{}
	Blobs(t, func(t *testing.T) filestore.Blobs {
		mu.Lock()
		defer mu.Unlock()
		if engines[t] == nil {
			engines[t] = engine(random)
		}
		return engines[t]
	})
}

// TestIDsOfContent shows that the suite notices ids made of content.
func TestIDsOfContent(t *testing.T) {
	t.Parallel()
	hashed := engine(func(c []byte) filestore.ID {
		sum := sha256.Sum256(c)
		return filestore.ID(sum[:])
	})
	if checkIDs(t.Context(), hashed) == nil {
		t.Error("ids that are hashes of content went unnoticed")
	}
	if err := checkIDs(t.Context(), engine(random)); err != nil {
		t.Error(err)
	}
}

// joining is an engine that makes paths of ids as they are.
type joining struct {
	*inMemory
	dir string
}

type openFile struct {
	*os.File
	size int64
}

func (f openFile) Size() int64 { return f.size }

func (j joining) Open(_ context.Context, id filestore.ID) (filestore.Blob, error) {
	f, err := os.Open(filepath.Join(j.dir, string(bytes.TrimRight(id[:], "\x00"))))
	if err != nil {
		return nil, filestore.ErrNotFound
	}
	return openFile{f, 0}, nil
}

// TestJoinedIDs shows that the suite notices ids that are joined into paths.
func TestJoinedIDs(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "lock"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if checkStrangeIDs(t.Context(), joining{engine(random), filepath.Join(dir, "blobs")}) == nil {
		t.Error("ids that are joined into paths went unnoticed")
	}
}
