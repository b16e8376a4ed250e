package s3

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"

	"sealpost/filestore"
	"sealpost/filestore/packs"
)

const (
	gatherRun   = 1 << 20   // read at once
	gatherGap   = 128 << 10 // read and thrown away rather than asking twice
	gatherAtOne = 8         // runs that are read at the same time
)

// wanted is a blob that is to be opened.
type wanted struct {
	at   int // in what was asked for
	blob *blob
}

// first is how much of its frame is read before the blob is given out.
func (w wanted) first() int64 {
	return chunksSize(w.blob.found.Size, 0, min(chunks(w.blob.found.Size), firstChunks))
}

func (w wanted) end() int64 { return w.blob.found.Off + w.first() }

// OpenAll opens blobs by one look into the index, and reads those that lie close together in
// one go.
func (b *Blobs) OpenAll(ctx context.Context, ids []filestore.ID) []filestore.Opened {
	all := make([]filestore.Opened, len(ids))
	found, err := b.find(ctx, ids)
	var near []wanted
	for i, id := range ids {
		switch {
		case err != nil:
			all[i].Err = err
		case found[i].Key == packs.Key{}:
			all[i].Err = filestore.ErrNotFound
		default:
			near = append(near, wanted{i, b.openBlob(ctx, found[i])})
		}
		if all[i].Err != nil {
			all[i].Err = fmt.Errorf("open blob %s: %w", id, all[i].Err)
		}
	}
	b.openNear(ctx, near, all)
	return all
}

func (b *Blobs) find(ctx context.Context, ids []filestore.ID) ([]packs.Found, error) {
	if err := b.usable(ctx); err != nil {
		return nil, err
	}
	timed, cancel := context.WithTimeout(ctx, indexTime)
	defer cancel()
	found, err := b.index.Find(timed, ids)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return found, err
}

// openNear opens what was found, a few runs of neighbours at a time.
func (b *Blobs) openNear(ctx context.Context, near []wanted, all []filestore.Opened) {
	slices.SortFunc(near, func(x, y wanted) int {
		a, b := x.blob.found, y.blob.found
		return cmp.Or(bytes.Compare(a.Key[:], b.Key[:]), cmp.Compare(a.Off, b.Off))
	})
	slots := make(chan struct{}, gatherAtOne)
	var wg sync.WaitGroup
	for len(near) > 0 {
		n := runLength(near)
		run := near[:n]
		near = near[n:]
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			b.openRun(ctx, run, all)
		})
	}
	wg.Wait()
}

// runLength is how many of the first are worth one request.
func runLength(near []wanted) (n int) {
	first := near[0].blob.found
	end := near[0].end()
	for n = 1; n < len(near); n++ {
		f := near[n].blob.found
		if f.Key != first.Key || f.Off-end > gatherGap || near[n].end()-first.Off > gatherRun {
			break
		}
		end = max(end, near[n].end())
	}
	return n
}

// openRun opens neighbours by one request. Where that fails each is read by itself, so that
// what is wrong with one concerns it alone.
func (b *Blobs) openRun(ctx context.Context, run []wanted, all []filestore.Opened) {
	if len(run) > 1 && b.readRun(ctx, run) == nil {
		for _, w := range run {
			all[w.at].Blob = w.blob
		}
		return
	}
	for _, w := range run {
		w.blob.to = min(chunks(w.blob.found.Size), firstChunks)
		content, err := b.window(ctx, w.blob.found, 0, w.blob.to)
		if err != nil {
			w.blob.Close()
			all[w.at].Err = fmt.Errorf("open blob %s: %w", w.blob.found.ID, err)
			continue
		}
		w.blob.window = content
		all[w.at].Blob = w.blob
	}
}

func (b *Blobs) readRun(ctx context.Context, run []wanted) error {
	start := run[0].blob.found.Off
	end := int64(0)
	for _, w := range run {
		end = max(end, w.end())
	}
	raw := make([]byte, end-start)
	if len(raw) == 0 {
		return nil
	}
	return b.fetch(ctx, run[0].blob.found.Object, start, raw, func() error {
		for _, w := range run {
			f := w.blob.found
			mine := slices.Clone(raw[f.Off-start : w.end()-start])
			content, err := newTagger(b.store.Secret, f.ID).openChunks(0, mine)
			if err != nil {
				return err
			}
			w.blob.window, w.blob.to = content, min(chunks(f.Size), firstChunks)
		}
		return nil
	})
}
