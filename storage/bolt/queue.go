package bolt

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"go.etcd.io/bbolt"

	"sealpost/filestore"
	"sealpost/filestore/nodekey"
	"sealpost/smtp/outbound/queue"
)

// Queue keeps the rows of a queue in one file. It is a queue.Store.
type Queue struct {
	*DB
	plan        *queue.Schedule
	hands       *hands
	interrupted int
}

// OpenQueue opens or makes the file. It fails with ErrInUse, ErrNewer, ErrDamaged
// or ErrOtherKey. One damaged row is logged, and held.
func OpenQueue(path string, k *nodekey.Key, o Options) (*Queue, error) {
	d, err := openSealed(path, k, o, queueFile)
	if err != nil {
		return nil, fmt.Errorf("open queue: %w", err)
	}
	q := &Queue{DB: d, plan: new(queue.Schedule), hands: new(hands)}
	q.hands.flush = q.flush
	if err := d.file.View(q.load); err != nil {
		return nil, errors.Join(fmt.Errorf("read queue: %w", err), d.Close())
	}
	if q.interrupted > 0 {
		d.o.Log.Warn("mails were being sent when the last process ended, and may arrive twice", "count", q.interrupted)
	}
	return q, nil
}

// Interrupted is how many mails were in a sender's hands when the last process
// ended: each may reach its recipients twice. It is a little less than all of
// them when a sending took no longer than a blink.
func (q *Queue) Interrupted() int { return q.interrupted }

// Close is that of DB.
func (q *Queue) Close() error {
	if !q.hands.idle() {
		q.flush()
	}
	return q.DB.Close()
}

func (q *Queue) load(tx *bbolt.Tx) error {
	for k, v := range under(tx.Bucket(tableNames[tableQueue]), nil) {
		r, ok := decodeQueued(k, v)
		if !ok { // held, so that an operator sees it and can drop it
			q.o.Log.Error("a row of the queue is damaged", "mail", fmt.Sprintf("%q", k))
			r = queue.Row{ID: queue.ID(k), Held: true}
		}
		q.plan.Add(r)
	}
	for k := range under(tx.Bucket(tableNames[tableHands]), nil) {
		q.interrupted++
		q.hands.found(queue.ID(k))
	}
	return nil
}

// write runs fn in the batcher, with others who write at the same time, and
// takes along what is due of hands.
func (q *Queue) write(ctx context.Context, check func(*bbolt.Bucket) error, fn func(*bbolt.Bucket) error) error {
	return filestore.MarkFull(q.submit(ctx, q.change(check, fn)))
}

func (q *Queue) change(check func(*bbolt.Bucket) error, fn func(*bbolt.Bucket) error) *call {
	return newCall(func(t *tables) (func() error, error) {
		if err := check(t.in(tableQueue)); err != nil {
			return nil, err
		}
		return func() error { return errors.Join(fn(t.in(tableQueue)), q.hands.write(t.in(tableHands))) }, nil
	}, nil)
}

func unchecked(*bbolt.Bucket) error { return nil }

// flush writes what is due of hands by itself. Nobody waits for that.
func (q *Queue) flush() {
	c := newCall(func(t *tables) (func() error, error) {
		return func() error { return q.hands.write(t.in(tableHands)) }, nil
	}, nil)
	select {
	case q.calls <- c:
	case <-q.quit:
	}
}

func (q *Queue) Insert(ctx context.Context, r queue.Row) error {
	if !queueIDFits(r.ID) {
		return errors.New("mail has no id a row can have")
	}
	key, value := []byte(r.ID), encodeQueued(r)
	vacant := func(b *bbolt.Bucket) error {
		if b.Get(key) != nil {
			return fmt.Errorf("there is a mail %s", r.ID)
		}
		return nil
	}
	if err := q.write(ctx, vacant, func(b *bbolt.Bucket) error { return b.Put(key, value) }); err != nil {
		return err
	}
	q.plan.Add(r)
	return nil
}

// Update writes nothing to the disk when only the lease changes.
func (q *Queue) Update(ctx context.Context, r queue.Row, fence uint64) error {
	old, err := q.plan.Begin(r.ID, fence)
	if err != nil {
		return err
	}
	key, value := []byte(r.ID), encodeQueued(r)
	same, err := q.holds(ctx, key, value)
	if err == nil && !same {
		err = q.write(ctx, unchecked, func(b *bbolt.Bucket) error { return b.Put(key, value) })
	}
	if err != nil {
		q.plan.Cancel(old.ID)
		return err
	}
	if r.Until.IsZero() {
		q.hands.leave(r.ID)
	}
	q.plan.Update(r)
	return nil
}

func (q *Queue) holds(ctx context.Context, key, value []byte) (same bool, err error) {
	err = q.view(ctx, func(tx *bbolt.Tx) error {
		same = bytes.Equal(tx.Bucket(tableNames[tableQueue]).Get(key), value)
		return nil
	})
	return same, err
}

// removeWithin is how long a row of a mail that has left waits for a commit that
// takes its removal along. Who submits waits for a commit, and should not wait for
// two; a crash within this time sends the mail again.
const removeWithin = 5 * time.Millisecond

func (q *Queue) Delete(ctx context.Context, id queue.ID, fence uint64) error {
	if _, err := q.plan.Begin(id, fence); err != nil {
		return err
	}
	q.hands.leave(id)
	remove := q.change(unchecked, func(b *bbolt.Bucket) error { return b.Delete([]byte(id)) })
	if err := q.submitLater(ctx, remove, removeWithin); err != nil {
		q.plan.Cancel(id)
		return filestore.MarkFull(err)
	}
	q.plan.Remove(id)
	return nil
}

// Get returns a damaged row without its data.
func (q *Queue) Get(ctx context.Context, id queue.ID) (queue.Row, error) {
	rows, err := q.whole(ctx, id)
	switch {
	case err != nil:
		return queue.Row{}, err
	case len(rows) == 0:
		return queue.Row{}, queue.ErrNoSuch
	}
	return rows[0], nil
}

// whole reads those rows that are there. The plan comes first, the file after it: a
// fence that is newer than the data beside it would let somebody write them back over
// what a sender has saved meanwhile.
func (q *Queue) whole(ctx context.Context, ids ...queue.ID) (rows []queue.Row, err error) {
	planned := make([]queue.Row, 0, len(ids))
	for _, id := range ids {
		if r, ok := q.plan.Get(id); ok { // not one that is being put
			planned = append(planned, r)
		}
	}
	err = q.view(ctx, func(tx *bbolt.Tx) (err error) {
		for _, r := range planned {
			r.Data, err = dataOf(tx, r.ID)
			if errors.Is(err, queue.ErrNoSuch) {
				continue // it left just now
			}
			if err != nil {
				q.o.Log.Error("a row of the queue cannot be read", "mail", r.ID, "error", err)
			}
			rows = append(rows, r)
		}
		return nil
	})
	return rows, err
}

// dataOf reads what the plan does not hold of a row.
func dataOf(tx *bbolt.Tx, id queue.ID) ([]byte, error) {
	key := []byte(id)
	value := tx.Bucket(tableNames[tableQueue]).Get(key)
	if value == nil {
		return nil, queue.ErrNoSuch
	}
	r, ok := decodeQueued(key, value)
	if !ok {
		return nil, damaged(tableQueue, key)
	}
	return bytes.Clone(r.Data), nil
}

// Lease hands a damaged row out without its data, so that it holds nobody up.
func (q *Queue) Lease(ctx context.Context, now, until time.Time, n int, skip map[string]bool) ([]queue.Row, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	taken := q.plan.Lease(now, until, n, skip)
	if len(taken) == 0 {
		return nil, nil
	}
	err := q.view(ctx, func(tx *bbolt.Tx) (err error) {
		for i := range taken {
			q.hands.take(taken[i].ID)
			if taken[i].Data, err = dataOf(tx, taken[i].ID); err != nil {
				q.o.Log.Error("a row of the queue cannot be read", "mail", taken[i].ID, "error", err)
			}
		}
		return nil
	})
	if err != nil { // the file, not a row
		q.giveBack(taken)
		return nil, err
	}
	return taken, nil
}

func (q *Queue) giveBack(rows []queue.Row) {
	for _, r := range rows {
		if _, err := q.plan.Begin(r.ID, r.Fence); err == nil {
			r.Until = time.Time{}
			q.hands.leave(r.ID)
			q.plan.Update(r)
		}
	}
}

func (q *Queue) Next(context.Context) (time.Time, error) { return q.plan.Next(), nil }

// List goes on until it has n rows: fewer are the last.
func (q *Queue) List(ctx context.Context, after queue.ID, n int) (rows []queue.Row, err error) {
	for len(rows) < n {
		ids, err := q.after(ctx, after, n-len(rows))
		if err != nil || len(ids) == 0 {
			return rows, err
		}
		some, err := q.whole(ctx, ids...)
		if err != nil {
			return nil, err
		}
		rows, after = append(rows, some...), ids[len(ids)-1]
	}
	return rows, nil
}

// after are up to n ids that come behind one.
func (q *Queue) after(ctx context.Context, id queue.ID, n int) (ids []queue.ID, err error) {
	err = q.view(ctx, func(tx *bbolt.Tx) error {
		c := tx.Bucket(tableNames[tableQueue]).Cursor()
		k, _ := c.Seek([]byte(id))
		if string(k) == string(id) {
			k, _ = c.Next()
		}
		for ; k != nil && len(ids) < n; k, _ = c.Next() {
			ids = append(ids, queue.ID(k))
		}
		return nil
	})
	return ids, err
}

// Blobs reads the file, not the plan: a row whose commit failed may be there.
func (q *Queue) Blobs(ctx context.Context) (ids []filestore.ID, err error) {
	err = q.view(ctx, func(tx *bbolt.Tx) error {
		for k, v := range under(tx.Bucket(tableNames[tableQueue]), nil) {
			r, ok := decodeQueued(k, v)
			if !ok {
				return damaged(tableQueue, k)
			}
			if r.Body.Size != 0 {
				ids = append(ids, r.Body.ID)
			}
		}
		return nil
	})
	return ids, err
}

func (q *Queue) Count(_ context.Context, group string) (queue.Count, error) {
	return q.plan.Count(group), nil
}

func (q *Queue) Depth(_ context.Context, now time.Time) (queue.Depth, error) {
	return q.plan.Depth(now), nil
}
