package queue

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"time"

	"sealpost/filestore/nodekey"
)

// page is how many rows are read at once.
const page = 500

// rows yields all rows, page by page: each is as it was at some moment.
func (q *Queue) rows(ctx context.Context) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		for after := ID(""); ; {
			rows, err := q.Store.List(ctx, after, page)
			if err != nil {
				yield(Row{}, fmt.Errorf("list queue: %w", err))
				return
			}
			for _, r := range rows {
				if !yield(r, nil) {
					return
				}
				after = r.ID
			}
			if len(rows) < page {
				return
			}
		}
	}
}

// read opens a row. One that cannot be opened has its id, and no recipients.
func (q *Queue) read(r Row) Mail {
	m, err := q.openMail(r)
	if err != nil {
		q.log().Error("queued mail cannot be read", "mail", r.ID, "error", err)
		m = Mail{ID: r.ID, Held: r.Held, Size: r.Body.Size}
	}
	m.Sending = r.Until.After(q.now())
	return m
}

// For an operator: List shows what waits, Get one of it. A mail that cannot be
// read has its ID and no Recipient.
func (q *Queue) List(ctx context.Context) ([]Mail, error) {
	var all []Mail
	for r, err := range q.rows(ctx) {
		if err != nil {
			return nil, err
		}
		all = append(all, q.read(r))
	}
	return all, nil
}

func (q *Queue) Get(ctx context.Context, id ID) (Mail, error) {
	r, err := q.Store.Get(ctx, id)
	if err != nil {
		return Mail{}, fmt.Errorf("look up mail %s: %w", id, err)
	}
	return q.read(r), nil
}

// ErrEarly says that a mail's sender asked for a later time (RFC 4865).
var ErrEarly = errors.New("the mail is to be sent later")

// Retry makes every recipient of a mail due now, or fails with ErrNoSuch, ErrBusy or
// ErrEarly.
func (q *Queue) Retry(ctx context.Context, id ID) error {
	q.ask()
	return q.change(ctx, id, q.dueNow)
}

// RetryAll makes every mail due now that is neither held nor being sent nor to be
// sent later, and returns how many. A page of rows is rewritten at once, so that an engine can
// commit them together.
func (q *Queue) RetryAll(ctx context.Context) (n int, err error) {
	q.ask()
	defer q.stir()
	var waiting []Row
	for r, err := range q.rows(ctx) {
		if err != nil {
			return n, err
		}
		if !r.Held && !r.Until.After(q.now()) {
			waiting = append(waiting, r)
		}
		if len(waiting) == page {
			done, err := q.retry(ctx, waiting)
			if n += done; err != nil {
				return n, err
			}
			waiting = nil
		}
	}
	done, err := q.retry(ctx, waiting)
	return n + done, err
}

// Asked is when an operator last wanted something tried now. What a sender learned
// before, of destinations that failed, must not keep it back.
func (q *Queue) Asked() time.Time {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.asked
}

func (q *Queue) ask() {
	now := q.now()
	q.mu.Lock()
	defer q.mu.Unlock()
	q.asked = now
}

func (q *Queue) retry(ctx context.Context, rows []Row) (n int, err error) {
	var all sync.WaitGroup
	results := make([]error, len(rows))
	for i, r := range rows {
		all.Go(func() { results[i] = q.rewrite(ctx, r, q.dueNow) })
	}
	all.Wait()
	for _, result := range results {
		switch {
		case result == nil:
			n++
		case errors.Is(result, ErrEarly):
		case errors.Is(result, ErrBusy), errors.Is(result, ErrNoSuch), errors.Is(result, nodekey.ErrSeal): // somebody was faster, or nobody can
		default:
			err = errors.Join(err, result)
		}
	}
	return n, err
}

func (q *Queue) dueNow(m *Mail) error {
	now := q.now()
	if m.Envelope.Hold.After(now) {
		return ErrEarly
	}
	m.dueAt(now)
	return nil
}

func (m *Mail) dueAt(t time.Time) {
	for i := range m.Recipient {
		m.Recipient[i].Next = t
	}
}

// Hold holds a mail back, or frees it, or fails with ErrNoSuch or ErrBusy.
func (q *Queue) Hold(ctx context.Context, id ID, hold bool) error {
	return q.change(ctx, id, func(m *Mail) error {
		m.Held = hold
		return nil
	})
}

func (q *Queue) change(ctx context.Context, id ID, fn func(*Mail) error) error {
	r, err := q.idle(ctx, id)
	if err == nil {
		err = q.rewrite(ctx, r, fn)
	}
	if err != nil {
		return fmt.Errorf("change mail %s: %w", id, err)
	}
	q.stir()
	return nil
}

// rewrite changes a row that nobody has leased, unless fn fails.
func (q *Queue) rewrite(ctx context.Context, r Row, fn func(*Mail) error) error {
	m, err := q.openMail(r)
	if err != nil {
		return err
	}
	if err := fn(&m); err != nil {
		return err
	}
	if r.Data, err = q.sealMail(m); err != nil {
		return err
	}
	fence := r.Fence
	r.Due, r.Held, r.Fence, r.Until = m.due(), m.Held, fence+1, time.Time{}
	return busy(q.Store.Update(ctx, r, fence))
}

// idle reads a row that nobody has leased.
func (q *Queue) idle(ctx context.Context, id ID) (Row, error) {
	r, err := q.Store.Get(ctx, id)
	if err == nil && r.Until.After(q.now()) {
		err = ErrBusy
	}
	return r, err
}

// busy says of a lost race that a sender won it.
func busy(err error) error {
	if errors.Is(err, ErrLease) {
		return ErrBusy
	}
	return err
}

// Drop takes a mail, due or not, held or not, so that it can be removed: the
// caller tells its sender, then calls Done. It fails with ErrNoSuch or ErrBusy.
func (q *Queue) Drop(ctx context.Context, id ID) (*Lease, error) {
	r, err := q.idle(ctx, id)
	if err == nil {
		fence := r.Fence
		r.Fence, r.Until = fence+1, q.now().Add(q.Limits.lease())
		err = busy(q.Store.Update(ctx, r, fence))
	}
	if err != nil {
		return nil, fmt.Errorf("take mail %s: %w", id, err)
	}
	q.mu.Lock()
	q.hand(r.Group)
	q.mu.Unlock()
	return &Lease{Mail: q.read(r), q: q, row: r, inHand: true}, nil
}

// Lost lists the mails of an earlier process whose text was in its memory: their
// owners get the notices that wait in Outbox, and then Forget ends each.
func (q *Queue) Lost(ctx context.Context) ([]Mail, error) {
	var lost []Mail
	for r, err := range q.rows(ctx) {
		if err != nil {
			return nil, err
		}
		if !r.inMemory() || q.has(r.ID) || q.gone(ctx, r.ID) {
			continue
		}
		if m := q.read(r); len(m.Recipient) > 0 { // what cannot be read is an operator's
			lost = append(lost, m)
		}
	}
	return lost, nil
}

// gone says that a row that was listed is not there any more: its mail was sent
// while the list was read.
func (q *Queue) gone(ctx context.Context, id ID) bool {
	_, err := q.Store.Get(ctx, id)
	return errors.Is(err, ErrNoSuch)
}

// Forget tries so often, with pauses between: each time somebody else must have been
// changing the row, and their disk may be slow.
const (
	forgetting    = 1500
	pauseToForget = 20 * time.Millisecond
)

// Forget removes a mail that Lost listed. Whatever an operator, or who looks for
// mail that is due, does with it meanwhile does not keep it.
func (q *Queue) Forget(ctx context.Context, id ID) error {
	err := q.forgetRow(ctx, id)
	for n := 1; errors.Is(err, ErrLease) && n < forgetting && ctx.Err() == nil; n++ {
		select {
		case <-ctx.Done():
		case <-time.After(pauseToForget):
		}
		err = q.forgetRow(ctx, id)
	}
	if err != nil && !errors.Is(err, ErrNoSuch) {
		return fmt.Errorf("forget mail %s: %w", id, err)
	}
	return nil
}

func (q *Queue) forgetRow(ctx context.Context, id ID) error {
	r, err := q.Store.Get(ctx, id)
	if err != nil {
		return err
	}
	if !r.inMemory() || q.has(id) {
		return errors.New("its text is not lost")
	}
	return q.Store.Delete(ctx, id, r.Fence)
}

// Depth is how much waits.
func (q *Queue) Depth(ctx context.Context) (Depth, error) {
	d, err := q.Store.Depth(ctx, q.now())
	if err != nil {
		return Depth{}, fmt.Errorf("measure queue: %w", err)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	d.Bytes += q.memory
	return d, nil
}

// Of lists what waits of one account.
func (q *Queue) Of(ctx context.Context, account string) ([]Mail, error) {
	var own []Mail
	group := q.group(account)
	for r, err := range q.rows(ctx) {
		if err != nil {
			return nil, err
		}
		if r.Group == group {
			own = append(own, q.read(r))
		}
	}
	return own, nil
}
