package postgres

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"sealpost/account"
	"sealpost/mail"
)

// links are the keys by which an account is found, each once and in an order that all nodes
// have: two that want the same ones wait for each other and do not meet.
type links struct {
	addresses []string
	sums      [][]byte // of the addresses
	former    [][]byte // of those it gave up
	domains   []string
}

func linksOf(a account.Account) (l links, err error) {
	keys := func(all []mail.Address) (keys []string) {
		for _, ad := range all {
			keys = append(keys, ad.Key())
		}
		return keys
	}
	l.addresses, l.domains = unique(keys(a.Addresses)), unique(a.CatchAll)
	l.sums, l.former = sums(l.addresses), sums(unique(keys(a.Former)))
	for _, key := range slices.Concat(l.addresses, l.domains) {
		if !keyFits(key, maxAddress) {
			return l, fmt.Errorf("account %s has an address or domain that is no key", a.ID)
		}
	}
	return l, nil
}

// unique sorts keys; it gives no nil, which would be NULL.
func unique(keys []string) []string {
	keys = append([]string{}, keys...)
	slices.Sort(keys)
	return slices.Compact(keys)
}

func sums(keys []string) [][]byte {
	all := make([][]byte, 0, len(keys))
	for _, key := range keys {
		sum := account.FormerSum(key)
		all = append(all, sum[:])
	}
	return all
}

// link makes the keys of an account those of l, or refuses. Who wants a key that another transaction
// gives up waits for its end; then the last statement sees what became of it.
func (l links) link(ctx context.Context, tx pgx.Tx, id account.ID) error {
	b := &pgx.Batch{}
	b.Queue(`delete from addresses where account = $1 and address <> all($2::text[])`, id, l.addresses)
	b.Queue(`delete from domains where account = $1 and domain <> all($2::text[])`, id, l.domains)
	b.Queue(`delete from former where account = $1 and sum <> all($2::bytea[])`, id, l.former)
	b.Queue(`insert into addresses (address, account) select unnest($2::text[]), $1 on conflict do nothing`, id, l.addresses)
	b.Queue(`insert into domains (domain, account) select unnest($2::text[]), $1 on conflict do nothing`, id, l.domains)
	b.Queue(`insert into former (sum, account) select unnest($2::bytea[]), $1 on conflict do nothing`, id, l.former)
	var addresses, domains, former int
	b.Queue(`select (select count(*) from addresses where account = $1 and address = any($2::text[])),
		(select count(*) from domains where account = $1 and domain = any($3::text[])),
		(select count(*) from former where account <> $1 and sum = any($4::bytea[]))`, id, l.addresses, l.domains, l.sums).
		QueryRow(func(row pgx.Row) error { return row.Scan(&addresses, &domains, &former) })
	if err := tx.SendBatch(ctx, b).Close(); err != nil {
		return err
	}
	switch {
	case addresses < len(l.addresses) || domains < len(l.domains):
		return refusal{account.ErrTaken}
	case former > 0:
		return refusal{account.ErrFormer}
	}
	return nil
}

// unlink takes all keys of an account away, and remembers its addresses as nobody's.
func unlink(ctx context.Context, tx pgx.Tx, id account.ID) error {
	found, err := tx.Query(ctx, `delete from addresses where account = $1 returning address`, id)
	if err != nil {
		return err
	}
	had, err := pgx.CollectRows(found, pgx.RowTo[string])
	if err != nil {
		return err
	}
	b := &pgx.Batch{}
	b.Queue(`delete from domains where account = $1`, id)
	b.Queue(`update former set account = '' where account = $1`, id)
	b.Queue(`insert into former (sum, account) select unnest($1::bytea[]), '' on conflict do nothing`, sums(had))
	return tx.SendBatch(ctx, b).Close()
}
