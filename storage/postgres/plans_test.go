package postgres

import (
	"context"
	"fmt"
	"testing"

	"sealpost/mailstore"
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
	d, before := openAt(t, database, Options{Connections: 1}), scans(t, looker)["mails"]
	for _, err := range d.Index().Blobs(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
	}
	end(t, d, looker)
	if scans(t, looker)["mails"] == before {
		t.Error("the list of all blobs, which goes through a table, was not counted")
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
	apply(t, d, "o", mailstore.Remove{Name: "Other"}, mailstore.Forget{})
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
