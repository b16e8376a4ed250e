package bolt

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"sealpost/filestore/nodekey"
	"sealpost/smtp/outbound/queue"
)

// crashCopy is the queue's file as a crash at this moment leaves it.
func crashCopy(t *testing.T, s *spot, k *nodekey.Key) *Queue {
	t.Helper()
	path := filepath.Join(t.TempDir(), "queue.db")
	if err := os.WriteFile(path, read(t, s.rows.path), 0o600); err != nil {
		t.Fatal(err)
	}
	return openQueueAt(t, path, k)
}

func marks(t *testing.T, q *Queue) (n int) {
	t.Helper()
	err := q.view(t.Context(), func(tx *bbolt.Tx) error {
		for range under(tx.Bucket(tableNames[tableHands]), nil) {
			n++
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func untilMarks(t *testing.T, q *Queue, want int) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); marks(t, q) != want; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d marks, want %d", marks(t, q), want)
		}
	}
}

// What was being sent at a crash is counted: it may arrive twice.
func TestQueueInterrupted(t *testing.T) {
	t.Parallel()
	key := nodekey.Random()
	s := openSpot(t, t.TempDir(), key, true)
	put := func() {
		t.Helper()
		if _, err := s.Put(t.Context(), wordMail(1), strings.NewReader("x")); err != nil {
			t.Fatal(err)
		}
	}
	var leases []*queue.Lease
	for range 3 {
		put()
		l, err := s.Take(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		leases = append(leases, l)
	}
	untilMarks(t, s.rows, 3) // though nothing else is written
	if after := crashCopy(t, s, key); after.Interrupted() != 3 {
		t.Errorf("%d of 3 were interrupted", after.Interrupted())
	} else {
		untilMarks(t, after, 0)
	}
	leases[0].Mail.Recipient[0].Next = time.Now().Add(time.Hour)
	for _, err := range []error{leases[0].Save(t.Context()), leases[1].Done(t.Context()), leases[2].Release(t.Context())} {
		if err != nil {
			t.Fatal(err)
		}
	}
	put() // takes along what is due
	untilMarks(t, s.rows, 0)
	if after := crashCopy(t, s, key); after.Interrupted() != 0 {
		t.Errorf("%d were interrupted of none", after.Interrupted())
	}
	l, err := s.Take(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	put()
	untilMarks(t, s.rows, 1)
	if err := l.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	path := s.rows.path
	s.close(t) // writes what is due
	if again := openQueueAt(t, path, key); again.Interrupted() != 0 {
		t.Errorf("%d were interrupted by an orderly end", again.Interrupted())
	}
}
