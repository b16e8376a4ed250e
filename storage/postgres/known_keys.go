package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Kinds of rows and their bounds: keys stand below the kind that a program gives them.
const (
	kindKeys = "keys"
	maxKey   = 1 << 20
)

// Keys are octets under names that all nodes use and any of them may change: private keys and
// certificates of one kind.
type Keys struct {
	known *Known
	kind  string
}

// Keys are those of a kind, such as "dkim". Kinds are few and chosen by programs.
func (x *Known) Keys(kind string) Keys { return Keys{x, kind} }

func (k Keys) prefix() []byte { return k.known.name("keys", k.kind) }

func (k Keys) key(name string) []byte {
	return append(k.prefix(), k.known.name("keys "+k.kind, name)...)
}

// Get returns what was put last under a name, or nil.
func (k Keys) Get(ctx context.Context, name string) ([]byte, error) {
	plain, err := k.known.read(ctx, kindKeys, k.kind, k.key(name))
	if err != nil {
		return nil, fmt.Errorf("read keys of %s: %w", k.kind, err)
	}
	return plain, nil
}

// All returns those of the kind, in no order that means anything. A damaged one is an error:
// who goes on without it would sign with another.
func (k Keys) All(ctx context.Context) (all [][]byte, err error) {
	names, rows, err := k.known.rows(ctx, kindKeys, k.prefix())
	for i := 0; err == nil && i < len(rows); i++ {
		var plain []byte
		plain, err = k.known.unseal(kindKeys, k.kind, names[i], rows[i])
		all = append(all, plain)
	}
	if err != nil {
		return nil, fmt.Errorf("list keys of %s: %w", k.kind, err)
	}
	return all, nil
}

// Put stores up to 1 MiB, durably, in the place of what was there; nil removes it.
func (k Keys) Put(ctx context.Context, name string, value []byte) error {
	err := errTooLarge
	if len(value) <= maxKey {
		err = k.known.put(ctx, kindKeys, k.kind, k.key(name), value)
	}
	if err != nil {
		return fmt.Errorf("store keys of %s: %w", k.kind, err)
	}
	return nil
}

var errTooLarge = errors.New("more than 1 MiB")

// Change puts what change makes of the octets of a name, nil where there are none, in their
// place; nil removes them. Nobody else changes them meanwhile. An error of change's own is
// returned, and nothing is changed. change may be called more than once.
func (k Keys) Change(ctx context.Context, name string, change func(was []byte) ([]byte, error)) error {
	c := keyChange{k: k, key: k.key(name), change: change, left: map[string]bool{}}
	if err := k.known.d.alter(ctx, c.attempt); err != nil {
		return fmt.Errorf("change keys of %s: %w", k.kind, err)
	}
	return nil
}

type keyChange struct {
	k      Keys
	key    []byte
	change func([]byte) ([]byte, error)
	left   map[string]bool // rows that attempts would leave, each with a nonce of its own; empty: none
}

func (c *keyChange) attempt(ctx context.Context, tx pgx.Tx, unsure bool) error {
	x := c.k.known
	var row, was []byte
	err := tx.QueryRow(ctx, `select row_ from sealed where kind = $1 and key = $2 for update`, kindKeys, c.key).Scan(&row)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
	case err != nil:
		return err
	default:
		if was, err = x.unseal(kindKeys, c.k.kind, c.key, row); err != nil {
			return refusal{err}
		}
	}
	if unsure && c.left[string(row)] { // it was committed
		return nil
	}
	now, err := c.change(was)
	switch {
	case err != nil:
		return refusal{err}
	case len(now) > maxKey:
		return refusal{errTooLarge}
	}
	return c.write(ctx, tx, row, now)
}

// write puts octets in the place of a row. Who puts one where there was none meets whoever did
// so meanwhile as an error that is tried again.
func (c *keyChange) write(ctx context.Context, tx pgx.Tx, row, now []byte) (err error) {
	x := c.k.known
	if now == nil {
		c.left[""] = true
		_, err = tx.Exec(ctx, `delete from sealed where kind = $1 and key = $2`, kindKeys, c.key)
		return err
	}
	sealed := x.key.Seal(c.k.kind, string(c.key), now)
	c.left[string(sealed)] = true
	sql := `update sealed set row_ = $3 where kind = $1 and key = $2`
	if row == nil {
		sql = `insert into sealed (kind, key, row_) values ($1, $2, $3)`
	}
	_, err = tx.Exec(ctx, sql, kindKeys, c.key, sealed)
	return err
}
