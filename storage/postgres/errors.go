package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

var (
	// ErrNewer says that the database needs a newer program than this one.
	ErrNewer = errors.New("database needs a newer sealpost")
	// ErrDamaged says that a row is not what this program wrote.
	ErrDamaged = errors.New("index is damaged")
	// ErrClosed says that the engine was closed.
	ErrClosed = errors.New("index is closed")
	// ErrUnsettled says that the connection broke while a transaction was committed, and
	// that nobody can say any more whether it was.
	ErrUnsettled = errors.New("connection broke in a commit")
)

// damaged names a row by ids only.
func damaged(table string, ids ...any) error {
	return fmt.Errorf("%w: %s row %v", ErrDamaged, table, ids)
}

// fault is an error of the database without what it quotes: messages of PostgreSQL
// may hold values of rows.
type fault struct{ *pgconn.PgError }

func (f fault) Error() string {
	text := "database: SQLSTATE " + f.Code
	for _, name := range []string{f.TableName, f.ConstraintName, f.Routine} {
		if name != "" {
			text += " " + name
		}
	}
	return text
}

func (f fault) Unwrap() error { return f.PgError }

// quiet is an error as it may be shown.
func quiet(err error) error {
	var f fault
	if errors.As(err, &f) {
		return err
	}
	if e := (*pgconn.PgError)(nil); errors.As(err, &e) {
		return fault{e}
	}
	return err
}

// code is the SQLSTATE of an error, or empty.
func code(err error) string {
	if e := (*pgconn.PgError)(nil); errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// The codes of appendix A of PostgreSQL's manual that an engine acts on.
const (
	codeSerialization = "40001"
	codeDeadlock      = "40P01"
	codeUnique        = "23505"
)

// lost says whether a transaction lost against another one and did nothing: it may be
// tried again. Two rows of one key are only ever made by two nodes that make the same
// owner at once.
func lost(err error) bool {
	switch code(err) {
	case codeSerialization, codeDeadlock, codeUnique:
		return true
	}
	return false
}

// broken says whether the connection or the server went away, so that what was under
// way may have happened or not.
func broken(err error) bool {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) ||
		errors.Is(err, ErrClosed) || errors.Is(err, ErrDamaged) || errors.Is(err, ErrUnsettled) || errors.Is(err, pgx.ErrNoRows) {
		return false
	}
	if scan := (pgx.ScanArgError{}); errors.As(err, &scan) {
		return false
	}
	if c := code(err); c != "" {
		// Classes: 08 connection, 57P the server stops or starts, 25P03 a node that slept in
		// a transaction, 25006 the server became a standby.
		return strings.HasPrefix(c, "08") || strings.HasPrefix(c, "57P") || c == "25P03" || c == "25006"
	}
	return true
}

// At serializable who meets others on a busy owner wins one time in as many as there are
// nodes; and while any transaction of the server is at work for long, of whatever database,
// PostgreSQL takes those that ended since for concurrent. So there are many tries, the first
// ones soon. A server that went away comes back within seconds, or later than anybody waits.
const (
	maxLost   = 160
	soonLost  = 40
	maxBroken = 12
	maxTrying = 30 * time.Second // while connections break one after the other, each slowly
)

// tries counts what did not work.
type tries struct {
	trying       time.Duration // 0: maxTrying
	lost, broken int
	until        time.Time // when the first broke, and some
}

// more waits before another try, if there is to be one after err: who lost, up to 16 ms at
// first and a quarter of a second later; over broken connections up to half a second.
func (t *tries) more(ctx context.Context, err error) bool {
	switch {
	case lost(err):
		t.lost++
		step := min(t.lost, 3)
		if t.lost > soonLost {
			step = 7
		}
		return t.lost < maxLost && pause(ctx, step) == nil
	case broken(err):
		if t.broken++; t.broken == 1 {
			t.until = time.Now().Add(cmp.Or(t.trying, maxTrying))
		}
		return t.broken < maxBroken && time.Now().Before(t.until) && pause(ctx, t.broken) == nil
	}
	return false
}

// pause waits 2 ms, twice as long for each step up to half a second, and by chance up to
// half of it less, so that two who met do not meet again.
func pause(ctx context.Context, step int) error {
	longest := min(2*time.Millisecond<<step, 500*time.Millisecond)
	t := time.NewTimer(longest - rand.N(longest/2))
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// again runs what can be done twice until it neither lost nor met a broken connection.
func again(ctx context.Context, fn func() error) error { return againFor(ctx, 0, fn) }

func againFor(ctx context.Context, trying time.Duration, fn func() error) error {
	t := tries{trying: trying}
	err := fn()
	for t.more(ctx, err) {
		err = fn()
	}
	return quiet(err)
}
