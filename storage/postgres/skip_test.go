package postgres

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"testing"
	"time"

	"sealpost/filestore/packs"
	"sealpost/mailstore"
	"sealpost/storage/postgres/pgtest"
)

// inboxOf is the INBOX of an owner.
func inboxOf(t *testing.T, d *DB, o mailstore.Owner) mailstore.Mailbox {
	t.Helper()
	all, err := d.Index().Mailboxes(context.Background(), o)
	if err != nil || len(all) == 0 || all[0].Name != "INBOX" {
		t.Fatalf("mailboxes %+v, %v", all, err)
	}
	return all[0]
}

// tamper changes rows in a way that the engine does not.
func tamper(t *testing.T, d *DB, sql string) {
	t.Helper()
	if done, err := d.pool.Exec(context.Background(), sql); err != nil || done.RowsAffected() != 1 {
		t.Fatalf("%s: %d rows, %v", sql, done.RowsAffected(), err)
	}
}

// Near the end of the numbers there is still something left; versions of a cabinet are compared
// anew; and who held a lease is no longer taken for its holder.
func TestSkipEverything(t *testing.T) {
	t.Parallel()
	d := openAt(t, pgtest.Take(t), Options{Connections: 4})
	defer d.Close()
	begin(t, d, "full")
	begin(t, d, "o")
	tamper(t, d, `update mailboxes set uidnext = 4294967295 - 11 where owner = 'full' and name = 'INBOX'`)
	if _, err := put(d, "main", 0); err != nil {
		t.Fatal(err)
	}
	was, err := d.Cabinet().Shelf(t.Context(), "o")
	if err != nil {
		t.Fatal(err)
	}
	token, err := d.Packs().Lease(t.Context(), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Skip(t.Context()); err != nil {
		t.Fatal(err)
	}
	if m := inboxOf(t, d, "full"); m.UIDNext != math.MaxUint32-11+5 {
		t.Errorf("a mailbox that is nearly full goes on at UID %d", m.UIDNext)
	}
	now, err := d.Cabinet().Shelf(t.Context(), "o")
	if err != nil || now.Change < was.Change+skipStep || now.Floor != now.Change || now.Bytes != was.Bytes {
		t.Errorf("a shelf was %+v, and is %+v, %v", was, now, err)
	}
	if err := d.Packs().Renew(t.Context(), token, time.Hour); !errors.Is(err, packs.ErrFenced) {
		t.Errorf("who held a lease before: %v", err)
	}
	checkRows(t, d)
}

// Nodes that start at once on a database that was put back skip once, and those that start
// later not at all.
func TestSkipWhenPutBack(t *testing.T) {
	t.Parallel()
	for _, isolation := range []string{"read committed", "serializable"} {
		t.Run(isolation, func(t *testing.T) {
			t.Parallel()
			database := pgtest.Take(t)
			o := Options{Isolation: isolation, Connections: 2}
			d := openAt(t, database, o)
			defer d.Close()
			for i := range 2*skipPage + 1 {
				begin(t, d, mailstore.Owner(fmt.Sprintf("o%03d", i)))
			}
			ends := []mailstore.Owner{"o000", "o199", "o200", "o400"}
			was := map[mailstore.Owner]mailstore.UID{}
			for _, end := range ends {
				was[end] = inboxOf(t, d, end).UIDNext
			}
			openAt(t, database, o).Close() // as it was
			for _, end := range ends {
				if now := inboxOf(t, d, end).UIDNext; now != was[end] {
					t.Fatalf("%s went on at UID %d without a cause", end, now)
				}
			}
			tamper(t, d, `update history set server = '7/00000001'`)
			var all sync.WaitGroup
			for range 4 {
				all.Go(func() { openAt(t, database, o).Close() })
			}
			all.Wait()
			openAt(t, database, o).Close()
			for _, end := range ends {
				if now := inboxOf(t, d, end).UIDNext; now != was[end]+skipStep {
					t.Errorf("%s goes on at UID %d, and was at %d", end, now, was[end])
				}
			}
			checkRows(t, d)
		})
	}
}

// What a node that died had not skipped the next one skips, and nothing twice.
func TestSkipGoesOn(t *testing.T) {
	t.Parallel()
	database := pgtest.Take(t)
	d := openAt(t, database, Options{Connections: 2})
	defer d.Close()
	begin(t, d, "ann")
	begin(t, d, "bob")
	tamper(t, d, `update history set after_ = 'ann'`)
	openAt(t, database, Options{Connections: 2}).Close()
	if ann, bob := inboxOf(t, d, "ann").UIDNext, inboxOf(t, d, "bob").UIDNext; ann != 1 || bob != 1+skipStep {
		t.Errorf("mailboxes go on at %d and %d", ann, bob)
	}
	var after *string
	if err := d.pool.QueryRow(t.Context(), `select after_ from history`).Scan(&after); err != nil || after != nil {
		t.Errorf("a skip is under way: %v", err)
	}
}
