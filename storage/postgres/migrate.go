package postgres

import (
	"cmp"
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// A migration is a file NNNN_name.sql. It only ever adds, so that programs that do not know
// it go on working beside it. Its first line, "-- oldest: N", names the lowest
// migration that a program must know to work with the database afterwards: what takes
// something away comes a release after the last program that needs it, and raises it.
//
//go:embed migrations/*.sql
var migrationFiles embed.FS

type migration struct {
	number, oldest int
	sql            string
}

// migrations are all files, in their order.
func migrations(files fs.FS) (all []migration, err error) {
	names, err := fs.Glob(files, "migrations/*.sql")
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, err
		}
		number, _, _ := strings.Cut(strings.TrimPrefix(name, "migrations/"), "_")
		head, _, _ := strings.Cut(string(text), "\n")
		m := migration{sql: string(text)}
		var wrong [2]error
		m.number, wrong[0] = strconv.Atoi(number)
		m.oldest, wrong[1] = strconv.Atoi(strings.TrimPrefix(head, "-- oldest: "))
		if errors.Join(wrong[:]...) != nil || m.number != len(all)+1 || m.oldest > m.number {
			return nil, fmt.Errorf("migration %s is out of order", name)
		}
		all = append(all, m)
	}
	return all, nil
}

const tableOfMigrations = `create table if not exists migrations (
	number bigint primary key,
	oldest bigint not null, -- the lowest that a program must know
	at     timestamptz not null default now()
)`

func (d *DB) migrate(ctx context.Context) error {
	all, err := migrations(migrationFiles)
	if err != nil {
		return err
	}
	return d.migrateTo(ctx, all)
}

// migrateTo runs the migrations that were not. Nodes that start at once wait for each
// other at the row of the migration.
func (d *DB) migrateTo(ctx context.Context, all []migration) error {
	done, oldest, err := d.migrated(ctx)
	if err != nil {
		return err
	}
	known := all[len(all)-1].number
	if oldest > known {
		return fmt.Errorf("%w: it needs migration %d, and this one knows %d", ErrNewer, oldest, known)
	}
	for _, m := range all[min(done, len(all)):] {
		err := again(ctx, func() error {
			return d.with(ctx, func(c *pgxpool.Conn) error { return m.run(ctx, c) })
		})
		if err != nil {
			return fmt.Errorf("migration %d: %w", m.number, err)
		}
	}
	return nil
}

// migrated says which migration was run last, and which a program must know.
func (d *DB) migrated(ctx context.Context) (done, oldest int, err error) {
	ask := func() error {
		return d.with(ctx, func(c *pgxpool.Conn) error {
			return c.QueryRow(ctx, "select coalesce(max(number), 0), coalesce(max(oldest), 0) from migrations").Scan(&done, &oldest)
		})
	}
	err = again(ctx, ask)
	if code(err) != codeNoTable {
		return done, oldest, err
	}
	err = again(ctx, func() error {
		return d.with(ctx, func(c *pgxpool.Conn) error {
			_, err := c.Exec(ctx, tableOfMigrations)
			if c := code(err); c == codeTableThere || c == codeTypeThere { // another node made it meanwhile
				return nil
			}
			return err
		})
	})
	return done, oldest, cmp.Or(err, again(ctx, ask))
}

const (
	codeNoTable    = "42P01"
	codeTableThere = "42P07"
	codeTypeThere  = "42710" // that of the table's rows, of which 23505 may tell too
)

func (m migration) run(ctx context.Context, c *pgxpool.Conn) error {
	return pgx.BeginFunc(ctx, c, func(tx pgx.Tx) error {
		put, err := tx.Exec(ctx, "insert into migrations (number, oldest) values ($1, $2) on conflict do nothing", m.number, m.oldest)
		if err != nil || put.RowsAffected() == 0 {
			return err
		}
		for _, sql := range statements(m.sql) {
			if _, err := tx.Exec(ctx, sql); err != nil {
				return err
			}
		}
		return nil
	})
}

// statements are those of a file: what stands between semicolons. No literal has one.
func statements(sql string) (all []string) {
	var text strings.Builder
	for line := range strings.Lines(sql) {
		code, _, _ := strings.Cut(line, "--")
		text.WriteString(code)
		text.WriteString("\n")
	}
	for part := range strings.SplitSeq(text.String(), ";") {
		if part = strings.TrimSpace(part); part != "" {
			all = append(all, part)
		}
	}
	return all
}
