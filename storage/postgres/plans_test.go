package postgres

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"sealpost/filestore/drive"
	"sealpost/mailstore"
	"sealpost/mailstore/cabinet"
	"sealpost/storage/postgres/pgtest"
)

// fill makes a mailbox of n messages by SQL, as Apply would have made it.
func fill(t testing.TB, d *DB, o mailstore.Owner, box mailstore.MailboxID, n int) {
	t.Helper()
	ctx := context.Background()
	for _, sql := range []string{
		`insert into entries select '%[1]s', %[2]d, n, n + 10, n, n, 1000, 1, '' from generate_series(1, %[3]d) n`,
		`insert into mails select '%[1]s', %[2]d, n, decode(md5('m' || n), 'hex'), 1, 1, '\x02'::bytea || decode(md5('l' || n), 'hex') || '\xe807'::bytea,
			convert_to(repeat('outer header ', 40), 'UTF8'), convert_to(repeat('envelope ', 20), 'UTF8') from generate_series(1, %[3]d) n`,
		`update mailboxes set uidnext = %[3]d + 1, modseq = %[3]d + 10, messages = %[3]d, bytes = 1000::bigint * %[3]d where owner = '%[1]s' and box = %[2]d`,
		`update owners set modseq = %[3]d + 10, messages = %[3]d, bytes = 1000::bigint * %[3]d where owner = '%[1]s'`,
	} {
		if _, err := d.pool.Exec(ctx, fmt.Sprintf(sql, o, box, n)); err != nil {
			t.Fatal(err)
		}
	}
	all := mailstore.UIDSpan(1, mailstore.UID(n))
	for page := range all.Pages() {
		if _, err := d.pool.Exec(ctx, `insert into sets values ($1, $2, 0, $3, $4)`, o, int64(box), page, all.AppendPage(nil, page)); err != nil {
			t.Fatal(err)
		}
	}
}

// No statement goes through a table, however many owners it has, and whatever the
// planner knows of it.
func TestPlans(t *testing.T) {
	t.Parallel()
	database := pgtest.Take(t)
	looker := openAt(t, database, Options{Connections: 1})
	defer looker.Close()
	for i := range 20 {
		o := mailstore.Owner(fmt.Sprint("other", i))
		inbox, _ := begin(t, looker, o)
		fill(t, looker, o, inbox, 1000)
	}
	for _, analyzed := range []bool{false, true} {
		if analyzed {
			if _, err := looker.pool.Exec(t.Context(), "analyze"); err != nil {
				t.Fatal(err)
			}
		}
		d := openAt(t, database, Options{Connections: 1})
		before := scans(t, looker)
		everything(t, d)
		end(t, d, looker)
		for table, n := range scans(t, looker) {
			if n != before[table] {
				t.Errorf("%s was gone through %d times (analyzed: %v)", table, n-before[table], analyzed)
			}
		}
	}
	d, before := openAt(t, database, Options{Connections: 1}), scans(t, looker)
	for _, err := range d.Index().Blobs(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
	}
	end(t, d, looker)
	after := scans(t, looker)
	for _, table := range []string{"mails", "drive_parts", "boxes"} {
		if after[table] == before[table] {
			t.Errorf("the list of all blobs, which goes through %s, was not counted", table)
		}
	}
}

// end closes a node and waits until its connections have ended on the server: by then what
// they did is counted.
func end(t *testing.T, d, looker *DB) {
	t.Helper()
	d.Close()
	for left := 1; left > 0; {
		const others = `select count(*) from pg_stat_activity where datname = current_database() and backend_type = 'client backend' and pid <> pg_backend_pid()`
		if err := looker.pool.QueryRow(t.Context(), others).Scan(&left); err != nil {
			t.Fatal(err)
		}
	}
}

// everything does what there is to do with an owner, of few messages and of many.
func everything(t *testing.T, d *DB) {
	x, ctx := d.Index(), t.Context()
	inbox, other := begin(t, d, "o")
	for _, n := range []int{1, 700} {
		first := apply(t, d, "o", appends(inbox, n)...)[0].UIDs[0]
		uids := span(first, first+mailstore.UID(n)-1)
		apply(t, d, "o", mailstore.SetFlags{Box: inbox, UIDs: uids, Op: mailstore.Add, Flags: []string{mailstore.Deleted, "x"}})
		apply(t, d, "o", mailstore.Copy{From: inbox, To: other, UIDs: uids})
		apply(t, d, "o", mailstore.Shed{Box: inbox, UIDs: uids})
		apply(t, d, "o", mailstore.Subscribe{Name: "x", On: true}, mailstore.Note{Box: inbox, Now: []byte("n")}, mailstore.Note{Box: inbox, Was: []byte("n")})
		for _, err := range x.List(ctx, "o", inbox, mailstore.UIDSpan(1, 1<<31), mailstore.Columns{Whole: true}) {
			if err != nil {
				t.Fatal(err)
			}
		}
		for _, err := range x.Mails(ctx, "o", inbox, uids) {
			if err != nil {
				t.Fatal(err)
			}
		}
		for since := range mailstore.Modseq(2) {
			for _, err := range x.Entries(ctx, "o", inbox, since) {
				if err != nil {
					t.Fatal(err)
				}
			}
			if _, err := x.Changes(ctx, "o", inbox, since); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := x.Roster(ctx, "o", inbox); err != nil {
			t.Fatal(err)
		}
		if _, err := x.Mailboxes(ctx, "o"); err != nil {
			t.Fatal(err)
		}
		apply(t, d, "o", mailstore.Expunge{Box: inbox, UIDs: uids}, mailstore.Move{From: other, To: inbox, UIDs: uids})
		apply(t, d, "o", mailstore.Expunge{Box: other}, mailstore.Expunge{Box: inbox, OnlyDeleted: true})
	}
	files(t, d)
	boxes(t, d)
	apply(t, d, "o", mailstore.Remove{Name: "Other"}, mailstore.Forget{})
}

// files does what there is to do with files, of few and of many.
func files(t *testing.T, d *DB) {
	t.Helper()
	x, ctx := d.Drive(), t.Context()
	l, end := link(t, d, "o", 0), soon()
	q := wish(t, d, "o", drive.AddRequest{Request: drive.Request{ID: drive.NewID(), Expires: end, MostFiles: 9, MostBytes: 9}}).Request
	on, left := drive.Begin{ID: drive.NewID(), Request: q.ID, Size: 1}, drive.Begin{ID: drive.NewID(), Request: q.ID, Size: 1}
	for _, w := range []drive.Wish{
		drive.Download{Link: l.ID}, drive.ChangeLink{ID: l.ID, Expires: &end}, drive.ChangeRequest{ID: q.ID, Expires: &end}, on, left,
		drive.Put{Object: on.ID, Request: q.ID, Part: small(1, 1).Whole[0].Part}, drive.Complete{Object: on.ID, Request: q.ID},
		drive.Take{Object: on.ID}, drive.Remove{Object: left.ID}, drive.RemoveLink{ID: l.ID}, drive.RemoveRequest{ID: q.ID},
	} {
		wish(t, d, "o", w)
	}
	many := small(drive.MaxBatch, 1)
	wish(t, d, "o", many)
	var ids []drive.ID
	for _, w := range many.Whole {
		ids = append(ids, w.ID)
	}
	for range 2 {
		var errs [9]error
		_, errs[0] = x.Totals(ctx, "o")
		_, errs[1] = x.Object(ctx, "o", on.ID)
		_, errs[2] = x.Objects(ctx, "o", drive.ID{}, 100, false)
		_, errs[3] = x.Objects(ctx, "o", drive.ID{}, 100, true)
		_, errs[4] = x.Parts(ctx, "o", on.ID, 0, 100)
		_, errs[5] = x.Left(ctx, end)
		_, errs[6] = x.Links(ctx, "o")
		_, errs[7] = x.Requests(ctx, "o")
		_, errs[8] = x.Link(ctx, link(t, d, "o", 0).ID)
		if err := errors.Join(errs[:]...); err != nil {
			t.Fatal(err)
		}
		wish(t, d, "o", drive.RemoveMany{Objects: ids})
	}
}

// boxes does what there is to do with a cabinet.
func boxes(t *testing.T, d *DB) {
	t.Helper()
	x, ctx := d.Cabinet(), t.Context()
	d.o.RememberBoxes = 1
	for i := range 6 {
		b, err := put(d, fmt.Sprint(i), 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := x.Apply(ctx, "o", cabinet.Wish{Place: b.Place, Was: 1}); err != nil {
			t.Fatal(err)
		}
	}
	var errs [5]error
	_, errs[0] = x.List(ctx, "o", 0)
	_, errs[1] = x.List(ctx, "o", 3)
	_, errs[2] = x.Box(ctx, "o", cabinet.Place{Drawer: "drafts", Name: "5"})
	_, errs[3] = x.Shelf(ctx, "o")
	_, errs[4] = x.Drawer(ctx, "o", "drafts")
	if err := errors.Join(errs[:]...); err != nil {
		t.Fatal(err)
	}
}

// scans is how often each table of the index was gone through.
func scans(t *testing.T, d *DB) map[string]int {
	t.Helper()
	found := map[string]int{}
	for _, table := range append(ownerTables(), "owners") {
		var n int
		if err := d.pool.QueryRow(t.Context(), "select seq_scan from pg_stat_user_tables where relname = $1", table).Scan(&n); err != nil {
			t.Fatal(err)
		}
		found[table] = n
	}
	return found
}

// A list looks each mail up once, also where nothing was analyzed yet: in a mailbox that came all
// at once, as one that was carried here.
func TestListReadsEachMailOnce(t *testing.T) {
	t.Parallel()
	const n = 4000
	database := pgtest.Take(t)
	looker := openAt(t, database, Options{Connections: 1})
	defer looker.Close()
	for _, table := range []string{"entries", "mails"} {
		if _, err := looker.pool.Exec(t.Context(), `alter table `+table+` set (autovacuum_enabled = off)`); err != nil {
			t.Fatal(err)
		}
	}
	inbox, _ := begin(t, looker, "o")
	fill(t, looker, "o", inbox, n)
	read := func() (rows int64) {
		if err := looker.pool.QueryRow(t.Context(), `select idx_tup_fetch from pg_stat_user_tables where relname = 'mails'`).Scan(&rows); err != nil {
			t.Fatal(err)
		}
		return rows
	}
	d, before := openAt(t, database, Options{Connections: 1}), read()
	for _, err := range d.Index().List(t.Context(), "o", inbox, mailstore.UIDSpan(1, n), mailstore.Columns{Whole: true}) {
		if err != nil {
			t.Fatal(err)
		}
	}
	end(t, d, looker)
	if rows := read() - before; rows < n || rows > 2*n {
		t.Errorf("%d mails were read for a list of %d", rows, n)
	}
}
