package postgres

import (
	"time"

	"github.com/jackc/pgx/v5"

	"sealpost/filestore"
	"sealpost/mailstore"
	"sealpost/smtp/outbound/queue"
)

// queueColumns are what collect reads of queue as q.
const queueColumns = `q.id, q.grp, q.due, q.fence, q.until, q.held, q.size, q.body, q.data`

// collect reads rows. One that is damaged is logged and has no data, so that nobody can send
// it and it holds nobody up; an operator sees it and can drop it.
func (q *Queue) collect(answer pgx.Rows) (rows []queue.Row, err error) {
	var id string
	var group, body, data []byte
	var due, fence, until, size int64
	var held bool
	_, err = pgx.ForEachRow(answer, []any{&id, &group, &due, &fence, &until, &held, &size, &body, &data}, func() error {
		r := queue.Row{
			ID: queue.ID(id), Group: string(group), Due: instant(due), Fence: uint64(fence), Held: held, Data: data,
		}
		if until != 0 {
			r.Until = instant(until)
		}
		switch {
		case size == 0 && body == nil:
		case size > 0 && len(body) == len(r.Body.ID):
			r.Body = filestore.Ref{ID: filestore.ID(body), Size: size}
		default:
			q.d.o.Log.Error("a row of the queue is damaged", "mail", id)
			r.Body.Size, r.Data = size, nil // not one whose text is in memory
		}
		rows = append(rows, r)
		return nil
	})
	return rows, err
}

// bodyOf is the column body: nothing, if the text is in memory.
func bodyOf(r queue.Row) []byte {
	if r.Body.Size == 0 {
		return nil
	}
	return r.Body.ID[:]
}

// queueIDFits says whether an id can be a key.
func queueIDFits(id queue.ID) bool { return ownerFits(mailstore.Owner(id)) }

// farthest bounds times, so that they fit their column with whatever is added to them.
var farthest = time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)

// nanoseconds is a time as columns have it; times before 1970 are 1970.
func nanoseconds(t time.Time) int64 {
	switch {
	case t.After(farthest):
		t = farthest
	case t.Unix() < 0:
		return 0
	}
	return t.UnixNano()
}

func instant(ns int64) time.Time { return time.Unix(0, ns).UTC() }
