package postgres

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"sealpost/account"
)

// accounts is the database as account sees it.
type accounts struct{ d *DB }

// Accounts is the database as account sees it.
func (d *DB) Accounts() account.Store { return accounts{d} }

// How long keys may be, in octets.
const (
	maxAccountID = 255
	maxAddress   = 1 << 10
)

func decodeAccount(id account.ID, record []byte) (account.Account, error) {
	a, ok := account.DecodeRow(id, record)
	if !ok {
		return account.Account{}, damaged("accounts", id)
	}
	return a, nil
}

func (x accounts) Account(ctx context.Context, id account.ID) (account.Account, error) {
	return x.by(ctx, `select account, record from accounts where account = $1`, string(id), maxAccountID)
}

func (x accounts) ByAddress(ctx context.Context, key string) (account.Account, error) {
	return x.by(ctx, `select a.account, a.record from addresses x join accounts a on a.account = x.account where x.address = $1`, key, maxAddress)
}

func (x accounts) ByCatchAll(ctx context.Context, domain string) (account.Account, error) {
	return x.by(ctx, `select a.account, a.record from domains x join accounts a on a.account = x.account where x.domain = $1`, domain, maxAddress)
}

// by reads an account, or fails with ErrUnknown.
func (x accounts) by(ctx context.Context, sql, key string, most int) (account.Account, error) {
	if !keyFits(key, most) {
		return account.Account{}, cmp.Or(ctx.Err(), account.ErrUnknown)
	}
	var found bool
	var id account.ID
	var record []byte
	err := x.d.view(ctx, func(b *pgx.Batch) { one(b, &found, []any{&id, &record}, sql, key) })
	switch {
	case err != nil:
		return account.Account{}, fmt.Errorf("read account: %w", err)
	case !found:
		return account.Account{}, account.ErrUnknown
	}
	return decodeAccount(id, record)
}

func (x accounts) Accounts(ctx context.Context) (all []account.Account, err error) {
	err = x.d.view(ctx, func(b *pgx.Batch) {
		all = nil
		b.Queue(`select account, record from accounts order by account`).Query(func(found pgx.Rows) error {
			var id account.ID
			var record []byte
			_, err := pgx.ForEachRow(found, []any{&id, &record}, func() error {
				a, err := decodeAccount(id, record)
				all = append(all, a)
				return err
			})
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("read accounts: %w", err)
	}
	return all, nil
}

func (x accounts) Former(ctx context.Context, key string) (id account.ID, err error) {
	var found bool
	sum := account.FormerSum(key)
	err = x.d.view(ctx, func(b *pgx.Batch) {
		one(b, &found, []any{&id}, `select account from former where sum = $1`, sum[:])
	})
	switch {
	case err != nil:
		return "", fmt.Errorf("read former address: %w", err)
	case !found:
		return "", account.ErrUnknown
	}
	return id, nil
}

func (x accounts) Put(ctx context.Context, a account.Account) error {
	if !keyFits(string(a.ID), maxAccountID) {
		return errors.New("account has no id a row can have")
	}
	l, err := linksOf(a)
	if err != nil {
		return err
	}
	p := accountPut{id: a.ID, was: a.Revision, links: l}
	a.Revision++
	if p.record, err = account.EncodeRow(a); err != nil {
		return err
	}
	if err := x.d.alter(ctx, p.attempt); err != nil {
		return fmt.Errorf("store account %s: %w", a.ID, err)
	}
	return nil
}

// accountPut is an account on its way.
type accountPut struct {
	id     account.ID
	was    uint64 // the revision it replaces
	record []byte
	links
}

func (p accountPut) attempt(ctx context.Context, tx pgx.Tx, unsure bool) error {
	if p.was == 0 {
		put, err := tx.Exec(ctx, `insert into accounts (account, record) values ($1, $2) on conflict do nothing`, p.id, p.record)
		if err != nil {
			return err
		}
		if put.RowsAffected() == 1 {
			return p.link(ctx, tx, p.id)
		}
	}
	stored, err := lockAccount(ctx, tx, p.id)
	switch {
	case err != nil:
		return err
	case unsure && bytes.Equal(stored, p.record): // it was committed
		return nil
	case stored == nil:
		return refusal{account.ErrConflict}
	}
	old, err := decodeAccount(p.id, stored)
	switch {
	case err != nil:
		return err
	case unsure && old.Revision > p.was+1: // others wrote since, and it may have been before them
		return refusal{ErrUnsettled}
	case old.Revision != p.was:
		return refusal{account.ErrConflict}
	}
	if _, err := tx.Exec(ctx, `update accounts set record = $2 where account = $1`, p.id, p.record); err != nil {
		return err
	}
	return p.link(ctx, tx, p.id)
}

// lockAccount takes an account's lock and reads it; nil: there is none.
func lockAccount(ctx context.Context, tx pgx.Tx, id account.ID) (record []byte, err error) {
	err = tx.QueryRow(ctx, `select record from accounts where account = $1 for update`, id).Scan(&record)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	return record, err
}

func (x accounts) Delete(ctx context.Context, id account.ID) error {
	if !keyFits(string(id), maxAccountID) {
		return cmp.Or(ctx.Err(), account.ErrUnknown)
	}
	err := x.d.alter(ctx, func(ctx context.Context, tx pgx.Tx, unsure bool) error {
		stored, err := lockAccount(ctx, tx, id)
		switch {
		case err != nil:
			return err
		case stored == nil && unsure: // it was committed, or somebody else did the same
			return nil
		case stored == nil:
			return refusal{account.ErrUnknown}
		}
		if err := unlink(ctx, tx, id); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `delete from accounts where account = $1`, id)
		return err
	})
	if err != nil {
		return fmt.Errorf("delete account %s: %w", id, err)
	}
	return nil
}

func (x accounts) Free(ctx context.Context, key string) error {
	sum := account.FormerSum(key)
	err := x.d.alter(ctx, func(ctx context.Context, tx pgx.Tx, _ bool) error {
		_, err := tx.Exec(ctx, `delete from former where sum = $1 and account = ''`, sum[:])
		return err
	})
	if err != nil {
		return fmt.Errorf("free address: %w", err)
	}
	return nil
}
