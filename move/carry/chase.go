package carry

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sealpost/mailstore"
	"sealpost/mailstore/cabinet"
)

// Chase is an account that is carried while its owner writes here: mail, boxes and files. The
// account itself stays, and so does the stage Begun until whoever closed the gate sets Served.
//
// All is brought once, and then in rounds what changed since. Each round reads again, at both ends, what the one before
// brought, and compares it record by record; so what is compared behind the gate is what changed last. Mail tells
// what changed by its MODSEQs and boxes by their changes, at the cost of what changed; of files, links, requests and
// shares both ends are listed. It keeps nothing that grows with the account.
type Chase struct {
	m       *Move
	o       mailstore.Owner
	begun   time.Time // of bringing rows
	brought marks     // up to which all was brought
	same    marks     // and up to which it was compared
	lost    map[string]int64
}

// marks are moments of an owner's mail and boxes.
type marks struct {
	mail  mailstore.Modseq
	boxes cabinet.Change
}

// errSlow says that blobs may be swept there that nothing pointed at for a while.
var errSlow = errors.New("carried for too long")

// Chase brings blobs and rows there, in place of what an attempt before left. The gate is open: its owner may write
// meanwhile.
func (m *Move) Chase(ctx context.Context, o mailstore.Owner) (*Chase, error) {
	stage, _, err := m.Journal.Stage(ctx, o)
	switch {
	case err != nil:
		return nil, err
	case stage == Here:
		if err := m.vacant(ctx, o); err != nil {
			return nil, fmt.Errorf("account %s: %w", o, err)
		}
		if err := m.Journal.SetStage(ctx, o, Begun, Digest{}); err != nil {
			return nil, err
		}
	case stage != Begun:
		return nil, fmt.Errorf("account %s was moved", o)
	}
	c := &Chase{m: m, o: o, lost: map[string]int64{}}
	if err := c.bring(ctx); err != nil {
		return nil, fmt.Errorf("account %s: %w", o, err)
	}
	return c, nil
}

// bring brings all, and compares all but what changed meanwhile.
func (c *Chase) bring(ctx context.Context) error {
	if err := c.m.Ahead(ctx, c.o); err != nil {
		return err
	}
	if err := c.m.To.Rows.RemoveHeavy(ctx, c.o); err != nil {
		return err
	}
	c.begun = time.Now()
	now, err := c.m.From.marks(ctx, c.o)
	if err != nil {
		return err
	}
	// What messages were born with must not fall as UIDs rise, and later ones are born after this moment.
	records := c.m.translated(ctx, c.o, c.m.From.running(ctx, c.o), &Moved{})
	if err := c.m.To.write(ctx, c.o, batches(records, now.mail)); err != nil {
		return err
	}
	c.brought = now
	_, err = c.round(ctx, false)
	return err
}

// marks are how far an owner's mail and boxes are.
func (x *End) marks(ctx context.Context, o mailstore.Owner) (at marks, err error) {
	if at.mail, err = x.Index.Modseq(ctx, o); err != nil {
		return at, err
	}
	shelf, err := x.Cabinet.Shelf(ctx, o)
	at.boxes = shelf.Change
	return at, err
}

// Again brings what changed since, with the gate open, and says how many records that were. With ErrDiffers it is to be
// begun anew; after any other error, too when ctx cut it off, it may be called again.
func (c *Chase) Again(ctx context.Context) (left int, err error) {
	if left, err = c.round(ctx, false); err != nil {
		return left, fmt.Errorf("account %s: %w", c.o, err)
	}
	return left, nil
}

// Finish brings the rest and compares; nobody writes meanwhile. With ErrDiffers it is to be begun anew; after any other
// error, too when ctx cut it off, the gate may be opened, and Again called.
func (c *Chase) Finish(ctx context.Context) (done Moved, err error) {
	begun := time.Now()
	since, left := c.same, 0
	for _, quiet := range []bool{false, true} {
		c.same = since // both look at the same
		n, err := c.round(ctx, quiet)
		if left += n; err != nil {
			c.same = since
			return done, fmt.Errorf("account %s: %w", c.o, err)
		}
	}
	usage, err := c.m.From.Index.Usage(ctx, c.o)
	done.Messages, done.Records = usage.Messages, int64(left)
	for _, n := range c.lost {
		done.Lost += n
	}
	done.Fenced = time.Since(begun)
	return done, err
}

// round brings what is not the same there. When quiet, nobody writes, and all must be.
func (c *Chase) round(ctx context.Context, quiet bool) (int, error) {
	if c.m.Young > 0 && time.Since(c.begun) > c.m.Young {
		return 0, fmt.Errorf("%w: %w", ErrDiffers, errSlow)
	}
	now, err := c.m.From.marks(ctx, c.o)
	if err != nil {
		return 0, err
	}
	r := &round{Chase: c, ctx: ctx, quiet: quiet, batch: &Batch{}}
	if err := r.run(); err != nil {
		return r.changes, err
	}
	c.same, c.brought = c.brought, now
	return r.changes, nil
}
