package queue

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strings"

	"sealpost/filestore"
	"sealpost/filestore/spool"
	"sealpost/mail"
)

// newID makes an id of 60 random bits, to be read and typed.
func newID() ID { return ID(strings.ToLower(rand.Text()[:12])) }

// Put takes a mail. It is durable when it returns; m.ID is given. It fails with
// ErrFull, filestore.ErrFull or another error of ours, all temporary, and with
// ErrLater. An Envelope.Hold puts off recipients that say no time themselves.
func (q *Queue) Put(ctx context.Context, m Mail, content mail.Bytes) (ID, error) {
	group := q.group(m.Account)
	if err := q.room(ctx, m.Account, group, content.Size()); err != nil {
		return "", err
	}
	if err := q.complete(&m, content.Size()); err != nil {
		return "", err
	}
	r, err := q.row(m, group)
	if err != nil {
		return "", err
	}
	if q.Strict {
		err = q.putInMemory(ctx, r, content)
	} else {
		err = q.putSealed(ctx, r, m.Account, content)
	}
	if err != nil {
		return "", fmt.Errorf("queue mail %s: %w", m.ID, err)
	}
	q.stir()
	return m.ID, nil
}

// room refuses what would be too much. The server's own notices count in all
// only: those who made them necessary were counted.
func (q *Queue) room(ctx context.Context, account, group string, size int64) error {
	c, err := q.Store.Count(ctx, group)
	if err != nil {
		return fmt.Errorf("count queue: %w", err)
	}
	if q.Strict {
		size = spool.Memory(size)
	}
	q.mu.Lock()
	c.Bytes += q.shares[group]
	q.mu.Unlock()
	full := account != "" && (c.Group >= q.Limits.each() || c.Bytes+size > q.Limits.eachBytes(q.Strict))
	if full || c.All >= q.Limits.mails() {
		return ErrFull
	}
	return nil
}

// complete fills what its sender left to the queue.
func (q *Queue) complete(m *Mail, size int64) error {
	now := q.now()
	m.ID, m.Size = newID(), size
	if m.Created.IsZero() {
		m.Created = now
	}
	start := m.Created
	if hold := m.Envelope.Hold; hold.After(now) {
		if q.Strict {
			return ErrLater
		}
		start = hold
	}
	if m.Expires.IsZero() {
		m.Expires = start.Add(q.Limits.age())
	}
	m.Recipient = append([]State(nil), m.Recipient...) // the caller's stays as it is
	for i := range m.Recipient {
		if m.Recipient[i].Next.IsZero() {
			m.Recipient[i].Next = start
		}
	}
	return nil
}

// putSealed stores the text, then the row that points at it: a crash between
// leaves a blob for the sweeper.
func (q *Queue) putSealed(ctx context.Context, r Row, account string, content mail.Bytes) error {
	var err error
	if r.Body, err = q.storeText(ctx, r.ID, account, content); err != nil {
		return fmt.Errorf("store text: %w", err)
	}
	defer q.setFlying(r.Body.ID, false)
	// After a failure the row may be there all the same, so the text stays until
	// the sweeper knows better.
	return q.Store.Insert(ctx, r)
}

func (q *Queue) storeText(ctx context.Context, id ID, account string, content mail.Bytes) (filestore.Ref, error) {
	q.landing.RLock()
	defer q.landing.RUnlock()
	refs, err := filestore.PutFor(ctx, q.Blobs, account, sealing{q, id, content})
	if err != nil {
		return filestore.Ref{}, err
	}
	q.setFlying(refs[0].ID, true)
	return refs[0], nil
}

func (q *Queue) putInMemory(ctx context.Context, r Row, content mail.Bytes) error {
	if err := q.remember(r.ID, r.Group, content); err != nil {
		return err
	}
	err := q.Store.Insert(ctx, r)
	if err != nil {
		q.forget(r.ID)
	}
	return err
}

// sealing writes a text as it is stored.
type sealing struct {
	q       *Queue
	id      ID
	content mail.Bytes
}

func (s sealing) WriteTo(w io.Writer) (int64, error) {
	c := &counted{Writer: w}
	sealed := s.q.Key.NewWriter(c, s.q.purpose("text"), string(s.id))
	// Closed in any case, so that its memory is wiped; what fails here is no blob.
	err := errors.Join(copyText(sealed, s.content), sealed.Close())
	return c.n, err
}

type counted struct {
	io.Writer
	n int64
}

func (c *counted) Write(p []byte) (int, error) {
	n, err := c.Writer.Write(p)
	c.n += int64(n)
	return n, err
}

func (q *Queue) setFlying(id filestore.ID, on bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.flying == nil {
		q.flying = map[filestore.ID]bool{}
	}
	if on {
		q.flying[id] = true
	} else {
		delete(q.flying, id)
	}
}
