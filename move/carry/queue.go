package carry

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"sealpost/filestore"
	"sealpost/smtp/outbound/queue"
)

// Waiting is where mail waits: its envelopes, and their sealed texts.
type Waiting struct {
	Rows  queue.Store
	Texts filestore.Blobs
	Whose map[queue.ID]string // the account that a mail is of, where it is known
}

// Queue carries mail that waits. Nobody sends meanwhile. It may be done again: a mail that is
// there is not put twice. What is in the sender's hands here is not there. It says how many
// it carried, and how many of those have lost their text here already.
func (m *Move) Queue(ctx context.Context, from, to Waiting) (carried, lost int64, err error) {
	for after := queue.ID(""); ; {
		rows, err := from.Rows.List(ctx, after, 100)
		if err != nil {
			return carried, lost, fmt.Errorf("list mail that waits: %w", err)
		}
		for _, r := range rows {
			gone, err := m.queued(ctx, from, to, r)
			if err != nil {
				return carried, lost, fmt.Errorf("carry mail %s: %w", r.ID, err)
			}
			if carried++; gone {
				lost++
			}
			after = r.ID
		}
		if len(rows) < 100 {
			return carried, lost, nil
		}
	}
}

// queued carries one mail.
func (m *Move) queued(ctx context.Context, from, to Waiting, r queue.Row) (lost bool, err error) {
	r.Until, r.Fence = time.Time{}, 0
	if r.Body.Size != 0 {
		if r.Body, lost, err = m.text(ctx, from, to, r); err != nil {
			return lost, err
		}
	}
	there, err := to.Rows.Get(ctx, r.ID)
	if errors.Is(err, queue.ErrNoSuch) {
		if err := to.Rows.Insert(ctx, r); err != nil {
			return lost, err
		}
		there, err = to.Rows.Get(ctx, r.ID)
	}
	if err == nil && !sameMail(r, there) {
		err = ErrDiffers
	}
	return lost, err
}

// sameMail says whether a mail arrived. Due is as exact as engines keep it.
func sameMail(a, b queue.Row) bool {
	return a.ID == b.ID && a.Group == b.Group && a.Due.Equal(b.Due) && a.Held == b.Held && a.Body == b.Body && bytes.Equal(a.Data, b.Data)
}

// text copies the text of a mail, unless the journal says that it was. One that cannot be read
// stays so: who sends the mail finds that out there.
func (m *Move) text(ctx context.Context, from, to Waiting, r queue.Row) (filestore.Ref, bool, error) {
	ref := r.Body
	known, err := m.Journal.Copies(ctx, []filestore.ID{ref.ID})
	if err != nil {
		return ref, false, err
	}
	c := known[0]
	if c.To == (filestore.ID{}) {
		if c, err = copyText(ctx, from, to, r); err == nil {
			err = m.Journal.Keep(ctx, []Copied{c})
		}
	}
	return filestore.Ref{ID: c.To, Size: ref.Size}, c.Lost, err
}

func copyText(ctx context.Context, from, to Waiting, r queue.Row) (Copied, error) {
	c := &copier{Move: &Move{From: &End{Blobs: from.Texts}, To: &End{Blobs: to.Texts}}, ctx: ctx, owner: from.Whose[r.ID]}
	copies, err := c.copyAll([]filestore.ID{r.Body.ID})
	if err != nil {
		return Copied{}, err
	}
	return copies[0], nil
}
