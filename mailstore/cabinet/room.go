package cabinet

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"

	"sealpost/filestore"
	"sealpost/mailstore"
	"sealpost/mailstore/notify"
	"sealpost/pgp"
)

// Cabinet joins rows and blobs. Its fields are set once, and none is left out. Blobs
// are those of mailstore.Store: its sweeper knows what both point at.
type Cabinet struct {
	Store Store
	Blobs filestore.Blobs
	Bus   *notify.Bus
	Log   *slog.Logger
}

// Topic is where a change of an owner's cabinet is published; see notify.Bus.
func Topic(o mailstore.Owner) string { return "cabinet " + string(o) }

// around is what a box has around its content: version, salt, commitment, tag.
const around = 1 + 32 + 32 + 16

// Shaped says whether octets have the shape of a box (docs/formats.md): its version,
// and a length that only padded content has. It cannot say more without a key.
func Shaped(box []byte) bool {
	return len(box) >= around && box[0] == 1 && pgp.Padded(int64(len(box)-around))
}

// Put stores a box in the place of version was, durably before it returns.
func (c *Cabinet) Put(ctx context.Context, o mailstore.Owner, p Place, was Version, box []byte) (Box, error) {
	switch {
	case !p.Valid():
		return Box{}, ErrName
	case len(box) > maxBox:
		return Box{}, ErrLarge
	case !Shaped(box):
		return Box{}, ErrShape
	}
	if err := c.expect(ctx, o, p, was); err != nil { // before its octets are written
		return Box{}, err
	}
	refs, err := filestore.PutFor(ctx, c.Blobs, string(o), bytes.NewReader(box))
	if err != nil {
		return Box{}, fmt.Errorf("store blob: %w", err)
	}
	b, err := c.apply(ctx, o, Wish{Place: p, Was: was, Blob: &refs[0]})
	if err != nil && Refused(err) { // otherwise a row may point at it: the sweeper will know
		c.discard(ctx, []filestore.ID{refs[0].ID})
	}
	return b, err
}

// Remove removes a box that is at version was.
func (c *Cabinet) Remove(ctx context.Context, o mailstore.Owner, p Place, was Version) (Box, error) {
	if !p.Valid() {
		return Box{}, ErrNoBox
	}
	return c.apply(ctx, o, Wish{Place: p, Was: was})
}

func (c *Cabinet) apply(ctx context.Context, o mailstore.Owner, w Wish) (Box, error) {
	b, freed, err := c.Store.Apply(ctx, o, w)
	if err != nil {
		return Box{}, fmt.Errorf("change cabinet: %w", err)
	}
	c.discard(ctx, freed)
	c.Bus.Publish(Topic(o))
	return b, nil
}

// expect refuses what the store would refuse as things stand.
func (c *Cabinet) expect(ctx context.Context, o mailstore.Owner, p Place, was Version) error {
	b, err := c.Store.Box(ctx, o, p)
	if err != nil && !errors.Is(err, ErrNoBox) {
		return fmt.Errorf("read box: %w", err)
	}
	if b.Version != was {
		return Conflict{b.Version}
	}
	return nil
}

// Open opens a box that is there, or fails with ErrNoBox.
func (c *Cabinet) Open(ctx context.Context, o mailstore.Owner, p Place) (Box, filestore.Blob, error) {
	if !p.Valid() {
		return Box{}, nil, ErrNoBox
	}
	for try := 0; ; try++ {
		b, err := c.Store.Box(ctx, o, p)
		switch {
		case err != nil:
			return Box{}, nil, fmt.Errorf("read box: %w", err)
		case b.Gone:
			return Box{}, nil, ErrNoBox
		}
		blob, err := c.Blobs.Open(ctx, b.Blob.ID)
		if errors.Is(err, filestore.ErrNotFound) && try < 3 {
			continue // replaced since its row was read
		}
		if err != nil {
			return Box{}, nil, fmt.Errorf("open box: %w", err)
		}
		return b, blob, nil
	}
}

// discard deletes blobs that no row points at. What fails here is left to the sweeper.
func (c *Cabinet) discard(ctx context.Context, blobs []filestore.ID) {
	if len(blobs) == 0 {
		return
	}
	if err := c.Blobs.Delete(context.WithoutCancel(ctx), blobs...); err != nil {
		c.Log.Warn("blobs left to the sweeper", "count", len(blobs), "error", err)
	}
}
