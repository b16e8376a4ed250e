package queue

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Lease is one mail in one sender's hands. What Save or Done could not write may be
// tried again by the same method, and the mail stays leased as long as it is
// renewed; once somebody else has it they fail with ErrLease.
type Lease struct {
	Mail Mail

	q      *Queue
	mu     sync.Mutex // guards what follows
	row    Row
	inHand bool
}

// Content opens the text.
func (l *Lease) Content(ctx context.Context) (Content, error) {
	c, err := l.q.open(ctx, l.row)
	if err != nil {
		return nil, fmt.Errorf("open text of mail %s: %w", l.row.ID, err)
	}
	return c, nil
}

// Renew keeps the lease for another while. It may run beside the other methods.
func (l *Lease) Renew(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.inHand {
		return ErrLease
	}
	r := l.row
	r.Until = l.q.now().Add(l.q.Limits.lease())
	if err := l.q.Store.Update(ctx, r, r.Fence); err != nil {
		return fmt.Errorf("renew lease of mail %s: %w", r.ID, err)
	}
	l.row = r
	return nil
}

// Save stores the mail's new states and gives it back. A mail without recipients
// is done.
func (l *Lease) Save(ctx context.Context) error {
	if len(l.Mail.Recipient) == 0 {
		return l.Done(ctx)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	data, err := l.q.sealMail(l.Mail)
	if err != nil {
		return err
	}
	r := l.row
	r.Data, r.Due, r.Held = data, l.Mail.due(), l.Mail.Held
	return l.giveBack(ctx, r)
}

// Release gives the mail back unchanged. If that fails it is free when the lease
// ends.
func (l *Lease) Release(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer l.letGo(nil)
	return l.giveBack(ctx, l.row)
}

// giveBack raises the fence, so that this lease changes nothing any more.
func (l *Lease) giveBack(ctx context.Context, r Row) error {
	fence := r.Fence
	r.Fence, r.Until = fence+1, time.Time{}
	err := l.q.Store.Update(ctx, r, fence)
	l.letGo(err)
	if err != nil {
		return fmt.Errorf("give back mail %s: %w", r.ID, err)
	}
	return nil
}

// Done removes the mail: first the row, so that a crash leaves at worst a text
// for the sweeper.
func (l *Lease) Done(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	err := l.q.Store.Delete(ctx, l.row.ID, l.row.Fence)
	l.letGo(err)
	if err != nil {
		return fmt.Errorf("remove mail %s: %w", l.row.ID, err)
	}
	l.q.drop(ctx, l.row)
	return nil
}

// letGo counts the lease as ended, once, unless err says that it goes on.
func (l *Lease) letGo(err error) {
	over := err == nil || errors.Is(err, ErrLease) || errors.Is(err, ErrNoSuch)
	if l.inHand && over {
		l.inHand = false
		l.q.unhand(l.row.Group)
	}
}

// drop removes the text of a row that is gone.
func (q *Queue) drop(ctx context.Context, r Row) {
	if r.inMemory() {
		q.forget(r.ID)
		return
	}
	if err := q.Blobs.Delete(ctx, r.Body.ID); err != nil {
		q.log().Warn("text of a mail that has left stays for the sweeper", "mail", r.ID, "error", err)
	}
}

// Mark writes a note down, durably, and keeps the lease.
func (l *Lease) Mark(ctx context.Context, note string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	m := l.Mail
	m.Note = note
	data, err := l.q.sealMail(m)
	if err != nil {
		return err
	}
	r := l.row
	r.Data = data
	if err := l.q.Store.Update(ctx, r, r.Fence); err != nil {
		return fmt.Errorf("mark mail %s: %w", r.ID, err)
	}
	l.row, l.Mail.Note = r, note
	return nil
}
