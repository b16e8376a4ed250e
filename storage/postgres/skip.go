package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// A database that is put back to an earlier moment has forgotten numbers that clients have
// seen. Skip leaves out as many as a later state may have given. It goes through the owners a
// page at a time, each page a transaction, and the row of history says how far it has come:
// nodes that start at once do it together, and what a node leaves the next one goes on with.

const (
	// skipStep is more than a mailbox or an owner uses up of a number in the time that is lost.
	skipStep = 1 << 20
	// skipPage is how many owners are locked at a time.
	skipPage = 200

	endModseq = "9223372036854775807"
	endUID    = "4294967295"
	endBox    = "4294967294"
)

// whichServer names the server and its timeline, which is a new one after each recovery to a
// moment and each promotion.
const whichServer = `select system_identifier::text || '/' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) from pg_control_system()`

// beginSkip has numbers left out from the first owner on, if the server is another one, or if
// that is wanted ($2) and not under way.
const beginSkip = `insert into history as h (server, after_) values ($1, $2) on conflict (only_) do update set server = $1, after_ = ''
	where h.server <> $1 or h.after_ is null and $2 is not null`

// What is left out of a page of owners.
var skipPages = []string{
	`update owners set modseq = ` + raised("modseq", endModseq) + `, valid = ` + raised("valid", endUID) + `, box = ` + raised("box", endBox) + ` where owner = any($1)`,
	`update mailboxes set uidnext = ` + raised("uidnext", endUID) + ` where owner = any($1)`,
	// Clients of a cabinet compare all: the versions they know may be of the state that was lost.
	`update shelves set change = ` + raised("change", endModseq) + `, floor = ` + raised("change", endModseq) + ` where owner = any($1) and change > 0`,
}

// skipLeases has nobody who held a lease in the state that was lost taken for its holder.
var skipLeases = `update leases set token = ` + raised("token", endModseq)

// raised is a column after the step; near its end the step is half of what is left, so that it
// never comes to that.
func raised(column, end string) string {
	return fmt.Sprintf(`%[1]s + greatest(0, least(%[3]d, (%[2]s - %[1]s) / 2))`, column, end, skipStep)
}

// Skip leaves out the numbers that a later state of this database may have given, as
// storage/bolt does in a copy that was put back: what comes next has a UID that no client has
// seen in its mailbox, and a new mailbox an id and a UIDVALIDITY of its own (RFC 9051, section
// 2.3.1.1). Numbers that were given stay. Mail may come meanwhile.
func (d *DB) Skip(ctx context.Context) error {
	server, err := d.server(ctx)
	if err == nil {
		err = d.skip(ctx, server, new(string))
	}
	if err != nil {
		return fmt.Errorf("skip numbers: %w", err)
	}
	return nil
}

// skipIfPutBack skips where the server is not the one, or not on the timeline, that numbers
// were given on. Who has a server that does not say so has to do it by hand.
func (d *DB) skipIfPutBack(ctx context.Context) error {
	server, err := d.server(ctx)
	if err != nil || server == "" {
		return err
	}
	return d.skip(ctx, server, nil)
}

// server is whichServer, or empty where the database has no answer, as others that speak
// PostgreSQL's protocol may not.
func (d *DB) server(ctx context.Context) (server string, err error) {
	err = again(ctx, func() error {
		return d.with(ctx, func(c *pgxpool.Conn) error { return c.QueryRow(ctx, whichServer).Scan(&server) })
	})
	if c := code(err); c != "" {
		d.o.Log.Info("the database does not tell its timeline: when it was put back, numbers have to be skipped by hand", "sqlstate", c)
		return "", nil
	}
	return server, err
}

func (d *DB) skip(ctx context.Context, server string, wanted *string) error {
	if err := d.write(ctx, beginSkip, server, wanted); err != nil {
		return err
	}
	for pages := 0; ; pages++ {
		done := false
		err := d.alter(ctx, func(ctx context.Context, tx pgx.Tx, _ bool) (err error) {
			done, err = skipOnePage(ctx, tx)
			return err
		})
		if err != nil || done {
			return err
		}
		if pages == 0 {
			d.o.Log.Warn("the database was put back, or promoted: numbers that it may have given since are left out")
		}
	}
}

// skipOnePage is a transaction that may be tried again: what it did stands in history.
func skipOnePage(ctx context.Context, tx pgx.Tx) (done bool, err error) {
	var after *string
	if err := tx.QueryRow(ctx, `select after_ from history for update`).Scan(&after); err != nil || after == nil {
		return true, err
	}
	found, err := tx.Query(ctx, `select owner from owners where owner > $1 order by owner limit $2 for update`, *after, skipPage)
	if err != nil {
		return false, err
	}
	owners, err := pgx.CollectRows(found, pgx.RowTo[string])
	if err != nil {
		return false, err
	}
	if len(owners) == 0 {
		_, err := tx.Exec(ctx, skipLeases)
		if err == nil {
			_, err = tx.Exec(ctx, `update history set after_ = null`)
		}
		return false, err
	}
	for _, sql := range skipPages {
		if _, err := tx.Exec(ctx, sql, owners); err != nil {
			return false, err
		}
	}
	_, err = tx.Exec(ctx, `update history set after_ = $1`, owners[len(owners)-1])
	return false, err
}
