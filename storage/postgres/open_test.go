package postgres

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"sealpost/mailstore"
	"sealpost/storage/postgres/pgtest"
)

func parse(t testing.TB, url string) *pgxpool.Config {
	t.Helper()
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	return config
}

// Nodes that start at once on a new database do not meet.
func TestOpenTogether(t *testing.T) {
	t.Parallel()
	for range 3 {
		database := pgtest.Take(t)
		database.Exec(t, "drop schema public cascade; create schema public")
		var all sync.WaitGroup
		for range 6 {
			all.Go(func() {
				d, err := Open(context.Background(), database.URL, Options{Connections: 1})
				if err != nil {
					t.Errorf("open: %v", err)
					return
				}
				defer d.Close()
			})
		}
		all.Wait()
		d := openAt(t, database, Options{})
		begin(t, d, "o")
		checkRows(t, d)
		d.Close()
		database.Release()
	}
}

// A node that knows more migrations runs those that are missing while older ones are at
// work; those start again beside it until a migration says that they must not.
func TestMigrations(t *testing.T) {
	t.Parallel()
	database := pgtest.Take(t)
	database.Exec(t, "drop schema public cascade; create schema public")
	old := openAt(t, database, Options{})
	defer old.Close()
	inbox, _ := begin(t, old, "o")
	known, err := migrations(migrationFiles)
	if err != nil {
		t.Fatal(err)
	}
	next := len(known) + 1
	more := append(known, migration{next, 1, "create table later (n bigint); alter table entries add column later bigint; -- a; comment"})
	for range 2 {
		if err := old.migrateTo(t.Context(), more); err != nil {
			t.Fatal(err)
		}
	}
	apply(t, old, "o", appends(inbox, 1)...)
	again := openAt(t, database, Options{})
	apply(t, again, "o", appends(inbox, 1)...)
	again.Close()

	broken := append(more, migration{next + 1, 1, "create table half (n bigint); create table later (n bigint)"})
	if err := old.migrateTo(t.Context(), broken); err == nil {
		t.Error("a migration that fails was run")
	}
	if done, _, err := old.migrated(t.Context()); err != nil || done != next {
		t.Errorf("%d migrations are noted, %v", done, err)
	}
	narrower := append(more, migration{next + 1, next + 1, "alter table entries drop column later"})
	if err := old.migrateTo(t.Context(), narrower); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), database.URL, Options{}); !errors.Is(err, ErrNewer) {
		t.Errorf("an older program opened it: %v", err)
	}
	database.Exec(t, "drop schema public cascade; create schema public")
}

func TestMigrationFiles(t *testing.T) {
	t.Parallel()
	all, err := migrations(migrationFiles)
	if err != nil || len(all) == 0 {
		t.Fatalf("%d migrations, %v", len(all), err)
	}
	for _, bad := range []string{"2_gap.sql", "0001_first.sql", "x.sql"} {
		text := "-- oldest: 1\n"
		if bad == "0001_first.sql" {
			text = "create table x ();\n"
		}
		if _, err := migrations(fstest.MapFS{"migrations/" + bad: {Data: []byte(text)}}); err == nil {
			t.Errorf("%s was taken", bad)
		}
	}
}

func TestOpenFails(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, url := range []string{"postgres://u:secret-word@h:bad/", "host=/nowhere dbname=x password=secret-word"} {
		_, err := Open(ctx, url, Options{})
		if err == nil || strings.Contains(err.Error(), "secret-word") {
			t.Errorf("%s: %v", url, err)
		}
	}
	cluster := pgtest.Start(t)
	d := openWith(t, parse(t, cluster.URL("postgres")), Options{})
	if _, err := d.pool.Exec(t.Context(), "create database narrow encoding 'LATIN1' locale 'C' template template0"); err != nil {
		t.Fatal(err)
	}
	d.Close()
	if _, err := Open(t.Context(), cluster.URL("narrow"), Options{}); err == nil || !strings.Contains(err.Error(), "UTF8") {
		t.Errorf("a database of another encoding: %v", err)
	}
	var log strings.Builder
	config := parse(t, cluster.URL("postgres"))
	config.ConnConfig.RuntimeParams["synchronous_commit"] = "off"
	d = openWith(t, config, Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
	d.Close()
	for _, word := range []string{"synchronous_commit", "standby"} {
		if !strings.Contains(log.String(), word) {
			t.Errorf("nothing was said of %s:\n%s", word, log.String())
		}
	}
}

// What PostgreSQL says may quote rows; what we say does not.
func TestErrorsAreQuiet(t *testing.T) {
	t.Parallel()
	e := &pgconn.PgError{Severity: "ERROR", Code: "22P02", Message: `invalid input: "secret-word"`, Detail: "secret-word", ConstraintName: "owners_pkey"}
	if err := quiet(e); strings.Contains(err.Error(), "secret") || !strings.Contains(err.Error(), "22P02") || !errors.Is(err, error(e)) {
		t.Errorf("got %v", err)
	}
	d := openAt(t, pgtest.Take(t), Options{})
	defer d.Close()
	err := d.view(t.Context(), func(b *pgx.Batch) {
		b.Queue("select $1::text::bigint", "secret-word").QueryRow(func(row pgx.Row) error { var n int; return row.Scan(&n) })
	})
	if err == nil || strings.Contains(err.Error(), "secret-word") || mailstore.Refused(err) {
		t.Errorf("got %v", err)
	}
}
