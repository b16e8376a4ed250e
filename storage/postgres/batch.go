package postgres

import (
	"context"
	"sync/atomic"

	"github.com/jackc/pgx/v5"

	"sealpost/mailstore"
)

// maxBatch bounds the callers of one transaction, and maxBatchBytes what they want to
// have written together: the wait of the first one.
const (
	maxBatch      = 256
	maxBatchBytes = 4 << 20
)

// call is what one caller wants done: changes of mailboxes, or something else of the owner's.
type call struct {
	changes []mailstore.Change
	own     own // nil: changes
	size    int
	state   atomic.Int32
	answer  mailstore.Answer
	done    chan struct{}
}

const (
	waiting int32 = iota
	taken
	withdrawn
)

// own is a wish about an owner's files or cabinet, which has a transaction of its own. It is
// asked again for each attempt.
type own interface {
	// ask queues what is read together with the owner's lock.
	ask(r *rows, b *pgx.Batch)
	// stamp queues what the wish changes, or refuses it.
	stamp(b *pgx.Batch, by token) error
}

// line are the callers that wait for one owner. While there is one, a goroutine serves them:
// all who queue while a transaction commits go into the next one.
type line struct{ calls []*call }

// submit queues a call and waits for its end. Until it is taken the caller may give up;
// after that the outcome is worth waiting for.
func (d *DB) submit(ctx context.Context, o mailstore.Owner, c *call) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := d.queue(ctx, o, c); err != nil {
		return err
	}
	for gone := ctx.Done(); ; {
		select {
		case <-c.done:
			return c.answer.Err
		case <-gone:
			if c.state.CompareAndSwap(waiting, withdrawn) {
				return ctx.Err()
			}
			gone = nil
		}
	}
}

func (d *DB) queue(ctx context.Context, o mailstore.Owner, c *call) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return ErrClosed
	}
	l := d.busy[o]
	if l == nil {
		l = &line{}
		d.busy[o] = l
		ctx = context.WithoutCancel(ctx) // it serves others too
		d.writers.Go(func() { d.serve(ctx, o, l) })
	}
	l.calls = append(l.calls, c)
	return nil
}

// serve commits what waits for an owner, and ends when nobody does.
func (d *DB) serve(ctx context.Context, o mailstore.Owner, l *line) {
	for d.waits(o, l) {
		d.round(ctx, o, l)
	}
}

// waits says whether somebody does. If not, the line is taken down.
func (d *DB) waits(o mailstore.Owner, l *line) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(l.calls) == 0 {
		delete(d.busy, o)
		return false
	}
	return true
}

// gather takes those who wait, up to a batch, or one whose transaction is its own.
func (d *DB) gather(l *line) (batch []*call) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n, size := 0, 0
	for n < len(l.calls) && len(batch) < maxBatch && size < maxBatchBytes {
		c := l.calls[n]
		if len(batch) > 0 && (c.own != nil || batch[0].own != nil) {
			break
		}
		n++
		if c.state.CompareAndSwap(waiting, taken) {
			batch, size = append(batch, c), size+c.size
		}
	}
	l.calls = l.calls[n:]
	return batch
}

// sizeOf is about what a call writes and holds.
func sizeOf(changes []mailstore.Change) (size int) {
	for _, c := range changes {
		switch c := c.(type) {
		case mailstore.Append:
			size += len(c.Mail.Outer) + len(c.Mail.Envelope)
		case mailstore.SetFlags:
			size += 100 * len(c.UIDs)
		case mailstore.Copy:
			size += 200 * len(c.UIDs)
		case mailstore.Move:
			size += 200 * len(c.UIDs)
		case mailstore.Expunge:
			size += 200 * len(c.UIDs)
		case mailstore.Note:
			size += len(c.Now)
		case mailstore.Remove, mailstore.Rename, mailstore.Forget:
			size += maxBatchBytes
		}
		size += 200
	}
	return size
}
