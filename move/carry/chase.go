package carry

import (
	"context"
	"fmt"
	"time"

	"sealpost/mailstore"
)

// Chase is an account that is carried while its owner writes here: mail, boxes and files. The
// account itself stays, and so does the stage Begun until whoever closed the gate sets Served.
type Chase struct {
	m *Move
	o mailstore.Owner
}

// Chase brings blobs there. The gate is open: its owner may write meanwhile.
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
	return &Chase{m, o}, m.copyBlobs(ctx, o, m.From.Heavy(ctx, o))
}

// Again brings what came since, with the gate open, and says how many records that were.
func (c *Chase) Again(ctx context.Context) (left int, err error) {
	return 0, c.m.copyBlobs(ctx, c.o, c.m.From.Heavy(ctx, c.o))
}

// Finish brings the rest and compares; nobody writes meanwhile. With ErrDiffers it is to be begun anew.
func (c *Chase) Finish(ctx context.Context) (done Moved, err error) {
	begun := time.Now()
	done, err = c.m.heavy(ctx, c.o)
	done.Fenced = time.Since(begun)
	return done, err
}
