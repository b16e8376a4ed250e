package postgres

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sealpost/filestore"
	"sealpost/filestore/nodekey"
	"sealpost/mail"
	"sealpost/smtp"
	"sealpost/smtp/outbound/queue"
	"sealpost/smtp/outbound/queue/storagetest"
	"sealpost/storage/disk"
	"sealpost/storage/postgres/pgtest"
)

func TestQueue(t *testing.T) {
	t.Parallel()
	for _, isolation := range []string{"read committed", "serializable"} {
		t.Run(isolation, func(t *testing.T) {
			t.Parallel()
			var mu sync.Mutex
			databases, key := map[*testing.T]*pgtest.Database{}, nodekey.Random()
			storagetest.Store(t, func(t *testing.T) queue.Store {
				mu.Lock()
				defer mu.Unlock()
				if databases[t] == nil {
					databases[t] = pgtest.Take(t)
				}
				d := openAt(t, databases[t], Options{Isolation: isolation, Connections: 8})
				q := queueOf(t, d, key)
				q.played = new(atomic.Int64)
				end := sync.OnceFunc(func() {
					checkRows(t, d)
					d.Close()
				})
				t.Cleanup(end)
				return suited{q, end}
			})
		})
	}
}

// suited is a queue that goes with its database.
type suited struct {
	*Queue
	end func()
}

func (s suited) Close() error {
	s.end()
	return nil
}

func queueOf(t testing.TB, d *DB, k *nodekey.Key) *Queue {
	t.Helper()
	q, err := d.Queue(context.Background(), "queue", k)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

// dueRow makes a row that is due by everybody's clock.
func dueRow(n int) queue.Row { return storagetest.Row(n, fmt.Sprint(n%7), time.Unix(1_000_000_000, 0)) }

func insertRows(t testing.TB, q *Queue, rows ...queue.Row) {
	t.Helper()
	for _, r := range rows {
		if err := q.Insert(context.Background(), r); err != nil {
			t.Fatal(err)
		}
	}
}

// takeRows leases for a while.
func takeRows(t testing.TB, q *Queue, n int, long time.Duration) []queue.Row {
	t.Helper()
	now := q.Now()
	rows, err := q.Lease(context.Background(), now, now.Add(long), n, nil)
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// Two queues in one database do not see each other, and one whose key is another's is not opened.
func TestQueuesApart(t *testing.T) {
	t.Parallel()
	d := openAt(t, pgtest.Take(t), Options{})
	defer d.Close()
	key := nodekey.Random()
	q := queueOf(t, d, key)
	if _, err := d.Queue(t.Context(), "queue", nodekey.Random()); !errors.Is(err, ErrOtherKey) {
		t.Errorf("another key: %v", err)
	}
	outbox, err := d.Queue(t.Context(), "outbox", key)
	if err != nil {
		t.Fatal(err)
	}
	insertRows(t, q, dueRow(1), dueRow(2))
	insertRows(t, outbox, dueRow(1))
	if rows := takeRows(t, outbox, 9, time.Minute); len(rows) != 1 {
		t.Errorf("%d rows were taken from the outbox", len(rows))
	}
	if err := outbox.Delete(t.Context(), dueRow(1).ID, 1); err != nil {
		t.Error(err)
	}
	if rows := takeRows(t, q, 9, time.Minute); len(rows) != 2 || rows[0].Fence != 1 {
		t.Errorf("rows of the queue are %+v", rows)
	}
	if _, err := d.pool.Exec(t.Context(), "delete from queues where queue = 'queue'"); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Queue(t.Context(), "queue", key); !errors.Is(err, ErrDamaged) {
		t.Errorf("rows without a mark: %v", err)
	}
}

// One damaged row is logged and harms no others; nobody sweeps texts while it does not say
// which is its, and it can be dropped.
func TestQueueDamagedRow(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	d := openAt(t, pgtest.Take(t), Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
	defer d.Close()
	q := queueOf(t, d, nodekey.Random())
	insertRows(t, q, dueRow(1), dueRow(2))
	if _, err := d.pool.Exec(t.Context(), `update queue set body = '\x01' where id = $1`, string(dueRow(1).ID)); err != nil {
		t.Fatal(err)
	}
	rows := takeRows(t, q, 9, time.Minute)
	if len(rows) != 2 || rows[0].Data != nil || rows[1].Data == nil || rows[0].Body == (filestore.Ref{}) {
		t.Errorf("took %+v", rows)
	}
	if _, err := q.Blobs(t.Context()); !errors.Is(err, ErrDamaged) {
		t.Errorf("blobs: %v", err)
	}
	if !strings.Contains(log.String(), "damaged") {
		t.Errorf("the log says %q", log.String())
	}
	if err := q.Delete(t.Context(), dueRow(1).ID, rows[0].Fence); err != nil {
		t.Error(err)
	}
	if ids, err := q.Blobs(t.Context()); err != nil || len(ids) != 1 {
		t.Errorf("%d blobs, %v", len(ids), err)
	}
}

// What no id can be is not there, and no error of the database.
func TestQueueOddIDs(t *testing.T) {
	t.Parallel()
	d := openAt(t, pgtest.Take(t), Options{})
	defer d.Close()
	q := queueOf(t, d, nodekey.Random())
	for _, id := range []queue.ID{"", "a\x00", "\xff", queue.ID(strings.Repeat("x", 256))} {
		r := dueRow(1)
		r.ID = id
		if err := q.Insert(t.Context(), r); err == nil {
			t.Errorf("%q was inserted", id)
		}
		_, err := q.Get(t.Context(), id)
		for _, err := range []error{err, q.Update(t.Context(), r, 0), q.Delete(t.Context(), id, 0)} {
			if !errors.Is(err, queue.ErrNoSuch) {
				t.Errorf("%q: %v", id, err)
			}
		}
	}
}

// Of many rows the number of all is a second old at most, and that of the group is exact.
func TestQueueCountsMany(t *testing.T) {
	t.Parallel()
	var at atomic.Int64
	d := openAt(t, pgtest.Take(t), Options{Now: func() time.Time { return time.Unix(at.Load(), 0) }})
	defer d.Close()
	q := queueOf(t, d, nodekey.Random())
	fillQueue(t, d, manyRows)
	check := func(all, group int) {
		t.Helper()
		c, err := q.Count(t.Context(), "1")
		if want := (queue.Count{All: all, Group: group, Bytes: c.Bytes}); err != nil || c != want {
			t.Errorf("%+v, %v; want %+v", c, err, want)
		}
	}
	check(manyRows, 0)
	insertRows(t, q, dueRow(1), dueRow(8))
	check(manyRows, 2)
	at.Add(1)
	check(manyRows+2, 2)
}

// fillQueue makes rows by SQL, of 20 groups, due one second after the other.
func fillQueue(t testing.TB, d *DB, n int) {
	t.Helper()
	_, err := d.pool.Exec(context.Background(), `insert into queue select 'queue', 'fill' || n, convert_to('group' || n % 20, 'UTF8'), n * 1000000000::bigint, 0, 0, false,
		1000, decode(md5('b' || n), 'hex'), convert_to(repeat('d', 900), 'UTF8'), '\x0000000000000000' from generate_series(1, $1) n`, n)
	if err != nil {
		t.Fatal(err)
	}
}

const queueWord = "zebrafinch"

// F01 over the queue: no column of it holds a word of a mail's text or its envelope.
func TestQueueIsSealed(t *testing.T) {
	t.Parallel()
	d := openAt(t, pgtest.Take(t), Options{})
	defer d.Close()
	key := nodekey.Random()
	rows := queueOf(t, d, key)
	q := mailQueue(t, rows, key, queue.Limits{})
	for range 3 {
		putMail(t, q)
	}
	dump := func() string {
		t.Helper()
		var all []byte
		err := d.pool.QueryRow(t.Context(), `select string_agg(convert_to(id, 'UTF8') || grp || data, '\x00') from queue`).Scan(&all)
		if err != nil {
			t.Fatal(err)
		}
		return string(all)
	}
	l, err := q.Take(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	l.Mail.Recipient[0].Last.Text = queueWord
	l.Mail.Recipient[0].Next = q.Now().Add(time.Hour)
	if err := l.Save(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := q.Hold(t.Context(), l.Mail.ID, true); err != nil {
		t.Fatal(err)
	}
	text := dump()
	if strings.Contains(text, queueWord) || !strings.Contains(text, string(l.Mail.ID)) {
		t.Error("the rows hold it, or were not read")
	}
	m, err := q.Get(t.Context(), l.Mail.ID)
	if err != nil || !m.Held || m.Recipient[0].Last.Text != queueWord { // the control: it is all there
		t.Errorf("%+v, %v", m, err)
	}
}

// mailQueue is a queue as cmd builds one; nodes may share its texts.
func mailQueue(t testing.TB, rows *Queue, k *nodekey.Key, limits queue.Limits) *queue.Queue {
	t.Helper()
	blobs, err := disk.Open(filepath.Join(t.TempDir(), "texts"), disk.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { blobs.Close() })
	return &queue.Queue{Store: rows, Blobs: blobs, Key: k, Limits: limits, Now: rows.Now}
}

func putMail(t testing.TB, q *queue.Queue) queue.ID {
	t.Helper()
	from := mail.Address{Local: queueWord, Domain: "example.org"}
	to := smtp.Recipient{Address: mail.Address{Local: queueWord, Domain: "example.net"}}
	id, err := q.Put(context.Background(), queue.Mail{
		Envelope: smtp.Envelope{From: &from, EnvID: queueWord}, Account: queueWord, Recipient: []queue.State{{Recipient: to}},
	}, strings.NewReader("Subject: "+queueWord+"\r\n\r\n"+queueWord+"\r\n"))
	if err != nil {
		t.Fatal(err)
	}
	return id
}
