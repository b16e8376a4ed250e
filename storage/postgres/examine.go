package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Health is what an operator wants to know of a database.
type Health struct {
	Version  string   // of PostgreSQL: 17.2
	Number   int      // the same to compare: 170002
	Encoding string   // has to be UTF8
	ReadOnly bool     // a standby answers, and not the primary
	Lossy    []string // settings by which a crash loses what was committed
	Standby  bool     // commits wait for one
	Done     int      // migrations; 0: nobody filled this database with tables yet
	Known    int      // migrations that this program has
	Oldest   int      // that a program must know to work with it
}

// Examine asks a database how it is, and changes nothing in it.
func Examine(ctx context.Context, database string, o Options) (h Health, err error) {
	config, err := pgxpool.ParseConfig(database)
	if err != nil {
		return h, errors.New("database is not a connection string") // pgx would quote it
	}
	if o.Password != "" {
		config.ConnConfig.Password = o.Password
	}
	conn, err := pgx.ConnectConfig(ctx, config.ConnConfig)
	if err != nil {
		return h, fmt.Errorf("connect: %w", quiet(err))
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if err := h.ask(ctx, conn); err != nil {
		return h, fmt.Errorf("ask database: %w", quiet(err))
	}
	all, err := migrations(migrationFiles)
	h.Known = len(all)
	return h, err
}

func (h *Health) ask(ctx context.Context, conn *pgx.Conn) error {
	var tables bool
	err := conn.QueryRow(ctx, `select current_setting('server_version'), current_setting('server_version_num')::int, current_setting('server_encoding'),
		pg_is_in_recovery(), current_setting('synchronous_standby_names') <> '', to_regclass('migrations') is not null`).
		Scan(&h.Version, &h.Number, &h.Encoding, &h.ReadOnly, &h.Standby, &tables)
	if err != nil {
		return err
	}
	rows, err := conn.Query(ctx, `select name from pg_settings where name in ('fsync', 'full_page_writes') and setting = 'off' order by name`)
	if err != nil {
		return err
	}
	if h.Lossy, err = pgx.CollectRows(rows, pgx.RowTo[string]); err != nil || !tables {
		return err
	}
	return conn.QueryRow(ctx, "select coalesce(max(number), 0), coalesce(max(oldest), 0) from migrations").Scan(&h.Done, &h.Oldest)
}
