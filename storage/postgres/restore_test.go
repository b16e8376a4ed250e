package postgres

import (
	"context"
	"flag"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"sealpost/filestore/nodekey"
	"sealpost/mailstore"
	"sealpost/storage/postgres/pgtest"
)

var long = flag.Bool("long", false, "put a database back to an earlier moment, with a base backup and an archive")

// A cluster is lost and put back to a moment by a base backup and its WAL: what was committed by
// then is there and opens under the node key, what came later is not, and no number that clients
// saw of what is lost is given again. The first node to start sees to that by itself.
func TestPutBackToAMoment(t *testing.T) {
	t.Parallel()
	if !*long {
		t.Skip("needs -long")
	}
	ctx, key := context.Background(), nodekey.Random()
	lost := pgtest.StartArchived(t)
	d := openCluster(t, lost.Cluster, nil)
	inbox, _ := begin(t, d, "o")
	apply(t, d, "o", appends(inbox, 3)...)
	lost.Backup(t)
	kept := apply(t, d, "o", appends(inbox, 2)...)
	secret, err := knownOf(t, d, key).Secret(ctx)
	must(t, err)
	time.Sleep(50 * time.Millisecond)
	moment := lost.Moment(t)
	time.Sleep(50 * time.Millisecond)
	var gone []mailstore.Event
	for range 20 {
		gone = apply(t, d, "o", appends(inbox, 5)...)
	}
	seen := apply(t, d, "o", mailstore.Create{Name: "Lost"})[0]
	last := inboxOf(t, d, "o")
	must(t, d.Close())
	lost.Lose(t)

	again := lost.Restore(t, moment)
	var log strings.Builder
	d = openCluster(t, again, &log)
	defer d.Close()
	now := inboxOf(t, d, "o")
	if now.Messages != 5 || now.UIDValidity != last.UIDValidity {
		t.Errorf("INBOX is %+v", now)
	}
	if now.UIDNext <= last.UIDNext || now.UIDNext <= gone[4].UIDs[0] {
		t.Errorf("it goes on at UID %d, and clients have seen %d", now.UIDNext, last.UIDNext-1)
	}
	more := apply(t, d, "o", append(appends(inbox, 1), mailstore.Create{Name: "New"})...)
	if more[0].Modseq <= last.Modseq || more[0].UIDs[0] <= gone[4].UIDs[0] {
		t.Errorf("a mail has UID %d and MODSEQ %d, and clients have seen %d and %d", more[0].UIDs[0], more[0].Modseq, gone[4].UIDs[0], last.Modseq)
	}
	if more[1].Box <= seen.Box {
		t.Errorf("a new mailbox is %d, and clients have seen %d", more[1].Box, seen.Box)
	}
	for _, uid := range kept[1].UIDs {
		if found := collectMails(t, d, inbox, uid); found != 1 {
			t.Errorf("UID %d, which was there at the moment: %d mails", uid, found)
		}
	}
	if s, err := knownOf(t, d, key).Secret(ctx); err != nil || string(s) != string(secret) {
		t.Errorf("the nodes' secret is another one: %v", err)
	}
	if !strings.Contains(log.String(), "put back") {
		t.Errorf("the log says %q", log.String())
	}
	checkRows(t, d)
	was := inboxOf(t, d, "o").UIDNext
	openCluster(t, again, nil).Close()
	if next := inboxOf(t, d, "o").UIDNext; next != was {
		t.Errorf("the second node goes on at UID %d, the first at %d", next, was)
	}
}

func openCluster(t *testing.T, c *pgtest.Cluster, log *strings.Builder) *DB {
	t.Helper()
	config, err := pgxpool.ParseConfig(c.URL("postgres"))
	must(t, err)
	o := Options{Connections: 2}
	if log != nil {
		o.Log = slog.New(slog.NewTextHandler(log, nil))
	}
	return openWith(t, config, o)
}

func collectMails(t *testing.T, d *DB, box mailstore.MailboxID, uid mailstore.UID) (n int) {
	t.Helper()
	for _, err := range d.Index().Mails(context.Background(), "o", box, []mailstore.UID{uid}) {
		must(t, err)
		n++
	}
	return n
}
