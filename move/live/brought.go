package live

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"sealpost/filestore"
	"sealpost/mailstore"
	"sealpost/move/carry"
)

// brought is what one write points at: blobs that were put at the other end before the owner went from
// there are here under other ids.
type brought struct {
	r     *Router
	at    *carry.End
	named []filestore.ID
	ids   map[filestore.ID]filestore.ID // that were put elsewhere, and what they are called here
}

// bring has all that a write names be at the end where it is written.
func (r *Router) bring(ctx context.Context, o mailstore.Owner, s Side, named []filestore.ID) (brought, error) {
	b := brought{r: r, at: r.ends[s], named: named}
	away, err := r.elsewhere(ctx, s, named)
	if err != nil || len(away) == 0 {
		return b, err
	}
	b.ids = make(map[filestore.ID]filestore.ID)
	for part := range slices.Chunk(away, 64) {
		if err := b.copy(ctx, o, r.ends[s.other()], part); err != nil {
			b.end(ctx, true)
			return b, fmt.Errorf("bring blobs of account %s after it: %w", o, err)
		}
	}
	return b, nil
}

// elsewhere are the blobs that are not at that end, or may not be.
func (r *Router) elsewhere(ctx context.Context, s Side, ids []filestore.ID) (away []filestore.ID, err error) {
	var unknown []filestore.ID
	for _, id := range ids {
		switch at, known := r.put.side(id); {
		case !known:
			unknown = append(unknown, id)
		case at != s:
			away = append(away, id)
		}
	}
	for part := range slices.Chunk(unknown, 64) {
		for i, o := range filestore.OpenAll(ctx, r.ends[s].Blobs, part) {
			switch {
			case o.Err == nil:
				err = errors.Join(err, o.Blob.Close())
			case errors.Is(o.Err, filestore.ErrNotFound):
				away = append(away, part[i])
			default:
				err = errors.Join(err, o.Err)
			}
		}
	}
	return away, err
}

// copy copies blobs from another end. What is not there either is named as it is, as it would be without two ends.
func (b *brought) copy(ctx context.Context, o mailstore.Owner, from *carry.End, ids []filestore.ID) (err error) {
	var sources []io.WriterTo
	var old []filestore.ID
	opened := filestore.OpenAll(ctx, from.Blobs, ids)
	defer func() {
		for _, o := range opened {
			if o.Blob != nil {
				err = errors.Join(err, o.Blob.Close())
			}
		}
	}()
	for i, o := range opened {
		switch {
		case o.Err == nil:
			sources, old = append(sources, whole{o.Blob}), append(old, ids[i])
		case !errors.Is(o.Err, filestore.ErrNotFound):
			return o.Err
		}
	}
	if len(sources) == 0 {
		return nil
	}
	refs, err := filestore.PutFor(ctx, b.at.Blobs, string(o), sources...)
	if err != nil {
		return err
	}
	for i, ref := range refs {
		b.ids[old[i]] = ref.ID
	}
	return nil
}

// whole is a blob as a source.
type whole struct{ filestore.Blob }

func (w whole) WriteTo(to io.Writer) (int64, error) {
	return io.Copy(to, io.NewSectionReader(w, 0, w.Size()))
}

// end is told whether nothing points at what was brought.
func (b brought) end(ctx context.Context, unused bool) {
	if !unused {
		b.r.put.forget(b.named)
		return
	}
	var copies []filestore.ID
	for _, id := range b.ids {
		copies = append(copies, id)
	}
	if err := deleteAt(context.WithoutCancel(ctx), b.at, copies); err != nil {
		b.r.Log.Warn("blobs left to the sweeper", "count", len(copies), "error", err)
	}
}

// ref is where a blob is here.
func (b brought) ref(r filestore.Ref) filestore.Ref {
	if id, ok := b.ids[r.ID]; ok {
		r.ID = id
	}
	return r
}

func (b brought) letters(all []mailstore.Stored) []mailstore.Stored {
	all = slices.Clone(all)
	for i := range all {
		all[i].Ref = b.ref(all[i].Ref)
	}
	return all
}

// named are the blobs that changes point at.
func named(changes []mailstore.Change) (ids []filestore.ID) {
	for _, c := range changes {
		for _, l := range lettersOf(c) {
			ids = append(ids, l.ID)
		}
	}
	return ids
}

func lettersOf(c mailstore.Change) []mailstore.Stored {
	switch c := c.(type) {
	case mailstore.Append:
		return c.Mail.Letters
	case mailstore.PutLetters:
		return c.Letters
	case mailstore.Reseal:
		return c.Letters
	}
	return nil
}

// renamed are the changes with the ids that blobs have here.
func (b brought) renamed(changes []mailstore.Change) []mailstore.Change {
	if len(b.ids) == 0 {
		return changes
	}
	changes = slices.Clone(changes)
	for i, c := range changes {
		switch c := c.(type) {
		case mailstore.Append:
			c.Mail.Letters = b.letters(c.Mail.Letters)
			changes[i] = c
		case mailstore.PutLetters:
			c.Letters = b.letters(c.Letters)
			changes[i] = c
		case mailstore.Reseal:
			c.Letters = b.letters(c.Letters)
			changes[i] = c
		}
	}
	return changes
}
