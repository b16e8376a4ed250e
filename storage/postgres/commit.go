package postgres

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"sealpost/mailstore"
)

// round commits one batch. Its callers are taken when there is a connection: who comes
// while all are in use waits no longer for it.
func (d *DB) round(ctx context.Context, o mailstore.Owner, l *line) {
	ctx, cancel := context.WithTimeout(ctx, d.o.Patience)
	defer cancel()
	t := &transaction{d: d, owner: o, take: func() []*call { return d.gather(l) }}
	err := t.run(ctx)
	if !t.took { // there was no connection
		t.batch = d.gather(l)
	}
	for i, c := range t.batch {
		if err != nil {
			c.answer.Err = fmt.Errorf("commit: %w", err)
		} else {
			c.answer = t.answers[i]
		}
		close(c.done)
	}
}

// transaction is a batch on its way to be committed.
type transaction struct {
	d       *DB
	owner   mailstore.Owner
	take    func() []*call
	took    bool
	batch   []*call
	answers []mailstore.Answer
	rows    *rows // of the last attempt
	token   token // and what it leaves in the owner's row
	sent    bool  // it was sent a commit
}

// run tries until the batch is committed or refused, or nothing more can be done.
func (t *transaction) run(ctx context.Context) error {
	var tried tries
	err := t.once(ctx)
	for tried.more(ctx, err) {
		err = t.once(ctx)
	}
	return quiet(err)
}

// once tries once, and finds out whether that succeeded.
func (t *transaction) once(ctx context.Context) error {
	t.sent = false
	err := t.d.with(ctx, func(c *pgxpool.Conn) error { return t.attempt(ctx, c) })
	if t.sent && err != nil && !lost(err) {
		var done bool
		if done, err = t.settle(ctx, err); done {
			return nil
		}
	}
	return err
}

// attempt is one transaction: a round trip that takes the owner's lock and reads what the
// changes are about, as a rule no other, and one that writes and commits.
func (t *transaction) attempt(ctx context.Context, c *pgxpool.Conn) (err error) {
	if !t.took {
		t.batch, t.took = t.take(), true
	}
	if len(t.batch) == 0 { // they gave up
		return nil
	}
	defer func() {
		if r := recover(); r != nil { // a bug of ours
			t.d.o.Log.Error("commit panicked", "stack", string(debug.Stack()))
			err = errors.New("commit panicked")
		}
		if !t.sent || lost(err) {
			c.Exec(ctx, "rollback") // if that fails the connection is not used again
		}
	}()
	t.rows = newRows(t.owner, func(b *pgx.Batch) error { return c.SendBatch(ctx, b).Close() })
	rand.Read(t.token[:])
	stamp := t.stamp
	if t.batch[0].own != nil {
		stamp = t.stampOwn
	}
	b, err := stamp()
	if err != nil || b == nil {
		return err
	}
	b.Queue("commit")
	t.sent = true
	return c.SendBatch(ctx, b).Close()
}

// stamp answers all calls of the batch. The round trip that writes what they come to is nil
// if that is nothing.
func (t *transaction) stamp() (*pgx.Batch, error) {
	calls := make([][]mailstore.Change, len(t.batch))
	for i, call := range t.batch {
		calls[i] = call.changes
	}
	if err := t.rows.begin(calls); err != nil {
		return nil, err
	}
	clerk := mailstore.Clerk{Now: t.d.o.Now(), Remember: t.d.o.Remember}
	writes, answers, err := clerk.StampEach(t.rows, calls)
	if err = errors.Join(t.rows.failed, err); err != nil {
		return nil, err
	}
	t.rows.free(calls, answers)
	t.answers = answers
	if writes.Empty() {
		return nil, nil
	}
	return t.rows.write(writes, t.token)
}

// stampOwn is stamp for a wish that is not about mailboxes.
func (t *transaction) stampOwn() (*pgx.Batch, error) {
	wish, b := t.batch[0].own, &pgx.Batch{}
	err := t.rows.ask(func(b *pgx.Batch) {
		b.Queue("begin")
		t.rows.askOwner(b)
		wish.ask(t.rows, b)
	})
	if err != nil {
		return nil, err
	}
	refused := wish.stamp(b, t.token)
	t.answers = []mailstore.Answer{{Err: refused}}
	if t.rows.failed != nil || refused != nil || b.Len() == 0 {
		return nil, t.rows.failed
	}
	return b, nil
}

// settle finds out what became of a transaction whose commit was not answered. It takes
// the owner's lock, so that one which is still at work, or on its way, has ended, and looks
// who wrote since. done: it was committed. An error that may be tried again: it was not.
func (t *transaction) settle(ctx context.Context, failure error) (done bool, err error) {
	if !broken(failure) && !errors.Is(failure, context.DeadlineExceeded) {
		return false, failure // the server refused it
	}
	look, cancel := context.WithTimeout(context.WithoutCancel(ctx), t.d.o.Patience)
	defer cancel()
	now := newRows(t.owner, nil)
	err = again(look, func() error {
		return t.d.with(look, func(c *pgxpool.Conn) error {
			b := &pgx.Batch{}
			now.askOwner(b)
			return c.SendBatch(look, b).Close()
		})
	})
	switch {
	case err != nil:
		return false, fmt.Errorf("%w, and what became of it cannot be read", ErrUnsettled)
	case now.tokens.has(t.token):
		return true, nil
	case now.there == t.rows.there && (!now.there || now.tokens.has(t.rows.tokens.last())):
		return false, failure
	}
	return false, ErrUnsettled
}
