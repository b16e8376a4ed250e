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
	plan *queue.Schedule
}

// OpenQueue opens or makes the file. It fails with ErrInUse, ErrNewer, ErrDamaged
// or ErrOtherKey. One damaged row is logged and left where it is.
func OpenQueue(path string, k *nodekey.Key, o Options) (*Queue, error) {
	d, err := openSealed(path, k, o, queueFile)
	if err != nil {
		return nil, fmt.Errorf("open queue: %w", err)
	}
	q := &Queue{d, new(queue.Schedule)}
	if err := d.file.View(q.load); err != nil {
		return nil, errors.Join(fmt.Errorf("read queue: %w", err), d.Close())
	}
	return q, nil
}

func (q *Queue) load(tx *bbolt.Tx) error {
	for k, v := range under(tx.Bucket(tableNames[tableQueue]), nil) {
		r, ok := decodeQueued(k, v)
		if !ok {
			q.o.Log.Error("a row of the queue is damaged", "mail", fmt.Sprintf("%q", k))
			continue
		}
		q.plan.Add(r)
	}
	return nil
}

// write runs fn in the batcher, with others who write at the same time.
func (q *Queue) write(ctx context.Context, fn func(*bbolt.Bucket) error) error {
	err := q.submit(ctx, newCall(func(t *tables) (func() error, error) {
		return func() error { return fn(t.in(tableQueue)) }, nil
	}, nil))
	return filestore.MarkFull(err)
}

func (q *Queue) Insert(ctx context.Context, r queue.Row) error {
	if !queueIDFits(r.ID) {
		return errors.New("mail has no id a row can have")
	}
	key, value := []byte(r.ID), encodeQueued(r)
	err := q.submit(ctx, newCall(func(t *tables) (func() error, error) {
		if t.get(tableQueue, key) != nil {
			return nil, fmt.Errorf("there is a mail %s", r.ID)
		}
		return func() error { return t.in(tableQueue).Put(key, value) }, nil
	}, nil))
	if err != nil {
		return filestore.MarkFull(err)
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
		err = q.write(ctx, func(b *bbolt.Bucket) error { return b.Put(key, value) })
	}
	if err != nil {
		q.plan.Cancel(old.ID)
		return err
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

func (q *Queue) Delete(ctx context.Context, id queue.ID, fence uint64) error {
	if _, err := q.plan.Begin(id, fence); err != nil {
		return err
	}
	if err := q.write(ctx, func(b *bbolt.Bucket) error { return b.Delete([]byte(id)) }); err != nil {
		q.plan.Cancel(id)
		return err
	}
	q.plan.Remove(id)
	return nil
}

func (q *Queue) Get(ctx context.Context, id queue.ID) (queue.Row, error) {
	r, ok := q.plan.Get(id)
	if !ok {
		return queue.Row{}, queue.ErrNoSuch
	}
	err := q.view(ctx, func(tx *bbolt.Tx) (err error) {
		r.Data, err = dataOf(tx, r.ID)
		return err
	})
	return r, err
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
			q.plan.Update(r)
		}
	}
}

func (q *Queue) Next(context.Context) (time.Time, error) { return q.plan.Next(), nil }

func (q *Queue) List(ctx context.Context, after queue.ID, n int) (rows []queue.Row, err error) {
	err = q.view(ctx, func(tx *bbolt.Tx) error {
		c := tx.Bucket(tableNames[tableQueue]).Cursor()
		k, v := c.Seek([]byte(after))
		if string(k) == string(after) {
			k, v = c.Next()
		}
		for ; k != nil && len(rows) < n; k, v = c.Next() {
			if r, ok := q.plan.Get(queue.ID(k)); ok { // not one that is being put
				found, _ := decodeQueued(k, v)
				r.Data = bytes.Clone(found.Data)
				rows = append(rows, r)
			}
		}
		return nil
	})
	return rows, err
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

func (q *Queue) Count(_ context.Context, group string) (all, of int, err error) {
	all, of = q.plan.Count(group)
	return all, of, nil
}

func (q *Queue) Depth(_ context.Context, now time.Time) (queue.Depth, error) {
	return q.plan.Depth(now), nil
}
