package carry

import (
	"context"
	"fmt"

	"sealpost/filestore"
	"sealpost/mailstore"
)

// An account whose mail, boxes and files are served there already (stage Served) has little left here.

// light brings the account, its sign-in and what is sealed to where the rest of it is, in place of
// what an attempt before left, reads it back and compares. Nobody writes it.
func (m *Move) light(ctx context.Context, o mailstore.Owner) (done Moved, err error) {
	if err := m.To.Rows.RemoveLight(ctx, o); err != nil {
		return done, err
	}
	if err := m.To.Import(ctx, o, m.From.Light(ctx, o)); err != nil {
		return done, fmt.Errorf("account %s: %w", o, err)
	}
	sent, err := DigestOf(m.From.Light(ctx, o))
	if err != nil {
		return done, err
	}
	arrived := digester{}
	for r, err := range m.To.Light(ctx, o) {
		if err != nil {
			return done, err
		}
		arrived.add(r)
	}
	if sent != arrived.Digest {
		return done, fmt.Errorf("account %s: %w: what is sealed has digest %s, and %s there", o, ErrDiffers, sent, arrived.Digest)
	}
	done.Records = arrived.records
	return done, m.Journal.SetStage(ctx, o, There, sent)
}

// BringBack carries mail, boxes and files of an account that is served there (stage Served) back over what
// was left of them here: what came since comes along. Nobody writes it. back remembers which blobs came.
// Broken off, it is done again; until it has ended they are there.
func (m *Move) BringBack(ctx context.Context, o mailstore.Owner, back Journal) (done Moved, err error) {
	stage, _, err := m.Journal.Stage(ctx, o)
	if err != nil || stage != Served {
		return done, err
	}
	home := &Move{From: m.To, To: m.From, Journal: back, Workers: m.Workers, Tell: m.Tell}
	if err = m.stillHere(ctx, o, back); err == nil {
		done, err = home.heavy(ctx, o)
	}
	if err != nil {
		return done, fmt.Errorf("account %s: %w", o, err)
	}
	return done, m.Journal.SetStage(ctx, o, Begun, Digest{})
}

// stillHere has a way back know the blobs that were left here: they are not copied again.
func (m *Move) stillHere(ctx context.Context, o mailstore.Owner, back Journal) error {
	var left []filestore.ID
	keep := func() error {
		went, err := m.Journal.Copies(ctx, left)
		if err != nil {
			return err
		}
		var home []Copied
		for _, c := range went {
			if c.To != (filestore.ID{}) && !c.Lost {
				home = append(home, Copied{From: c.To, To: c.From, Sum: c.Sum, At: c.At})
			}
		}
		left = left[:0]
		return back.Keep(ctx, home)
	}
	for r, err := range m.From.Heavy(ctx, o) {
		if err != nil {
			return err
		}
		for _, ref := range Blobs(r) {
			left = append(left, ref.ID)
		}
		if len(left) >= groupBlobs {
			if err := keep(); err != nil {
				return err
			}
		}
	}
	return keep()
}
