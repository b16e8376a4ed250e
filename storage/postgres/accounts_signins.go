package postgres

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/jackc/pgx/v5"

	"sealpost/account"
	"sealpost/account/signin"
)

// signIns is the database as account/signin sees it.
type signIns struct{ d *DB }

// SignIns is the database as account/signin sees it.
func (d *DB) SignIns() signin.Store { return signIns{d} }

const recordColumns = `s.account, s.revision, s.tokens, s.keys, s.sealed`

// recordRow is a row of signins on its way.
type recordRow struct {
	r      signin.Record
	tokens []byte
}

func (x *recordRow) scan() []any {
	return []any{&x.r.Account, &x.r.Revision, &x.tokens, &x.r.Keys, &x.r.Sealed}
}

func (x *recordRow) record() (signin.Record, error) {
	size := len(signin.Token{})
	if len(x.tokens)%size != 0 {
		return signin.Record{}, damaged("signins", x.r.Account)
	}
	r := x.r
	for t := range slices.Chunk(x.tokens, size) {
		r.Tokens = append(r.Tokens, signin.Token(t))
	}
	return r, nil
}

func (x signIns) Record(ctx context.Context, id account.ID) (signin.Record, error) {
	if !keyFits(string(id), maxAccountID) {
		return signin.Record{}, cmp.Or(ctx.Err(), signin.ErrNone)
	}
	return x.read(ctx, `select `+recordColumns+` from signins s where s.account = $1`, id)
}

func (x signIns) ByToken(ctx context.Context, t signin.Token) (signin.Record, error) {
	return x.read(ctx, `select `+recordColumns+` from tokens t join signins s on s.account = t.account where t.token = $1`, t[:])
}

func (x signIns) read(ctx context.Context, sql string, key any) (signin.Record, error) {
	var row recordRow
	var found bool
	err := x.d.view(ctx, func(b *pgx.Batch) { one(b, &found, row.scan(), sql, key) })
	switch {
	case err != nil:
		return signin.Record{}, fmt.Errorf("read sign-in: %w", err)
	case !found:
		return signin.Record{}, signin.ErrNone
	}
	return row.record()
}

func (x signIns) Records(ctx context.Context) (ids []account.ID, err error) {
	err = x.d.view(ctx, func(b *pgx.Batch) {
		b.Queue(`select account from signins order by account`).Query(func(found pgx.Rows) (err error) {
			ids, err = pgx.CollectRows(found, pgx.RowTo[account.ID])
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("read sign-ins: %w", err)
	}
	return ids, nil
}

func (x signIns) Put(ctx context.Context, r signin.Record) error {
	if !keyFits(string(r.Account), maxAccountID) {
		return errors.New("account has no id a row can have")
	}
	if r.Revision == 0 || r.Revision > math.MaxInt64 {
		return signin.ErrConflict
	}
	p := newRecordPut(r)
	if err := x.d.alter(ctx, p.attempt); err != nil {
		return fmt.Errorf("store sign-in of account %s: %w", r.Account, err)
	}
	return nil
}

// octets are never NULL.
func octets(b []byte) []byte { return append([]byte{}, b...) }

// recordPut is a record on its way.
type recordPut struct {
	signin.Record
	tokens []byte   // as a row has them
	each   [][]byte // each once, in an order that all nodes have
}

func newRecordPut(r signin.Record) recordPut {
	r.Keys, r.Sealed = octets(r.Keys), octets(r.Sealed)
	p := recordPut{Record: r, each: [][]byte{}, tokens: []byte{}}
	for _, t := range r.Tokens {
		p.tokens = append(p.tokens, t[:]...)
		p.each = append(p.each, t[:])
	}
	slices.SortFunc(p.each, bytes.Compare)
	p.each = slices.CompactFunc(p.each, bytes.Equal)
	return p
}

func (p recordPut) attempt(ctx context.Context, tx pgx.Tx, unsure bool) error {
	if p.Revision == 1 {
		put, err := tx.Exec(ctx, `insert into signins (account, revision, tokens, keys, sealed) values ($1, 1, $2, $3, $4) on conflict do nothing`,
			p.Account, p.tokens, p.Keys, p.Sealed)
		if err != nil {
			return err
		}
		if put.RowsAffected() == 1 {
			return p.link(ctx, tx)
		}
	}
	var stored recordRow
	err := tx.QueryRow(ctx, `select `+recordColumns+` from signins s where s.account = $1 for update`, p.Account).Scan(stored.scan()...)
	switch old := stored.r; {
	case errors.Is(err, pgx.ErrNoRows):
		return refusal{signin.ErrConflict}
	case err != nil:
		return err
	case unsure && old.Revision == p.Revision && bytes.Equal(stored.tokens, p.tokens) && bytes.Equal(old.Keys, p.Keys) && bytes.Equal(old.Sealed, p.Sealed):
		return nil // it was committed
	case unsure && old.Revision > p.Revision: // others wrote since, and it may have been before them
		return refusal{ErrUnsettled}
	case old.Revision+1 != p.Revision:
		return refusal{signin.ErrConflict}
	}
	_, err = tx.Exec(ctx, `update signins set revision = $2, tokens = $3, keys = $4, sealed = $5 where account = $1`,
		p.Account, int64(p.Revision), p.tokens, p.Keys, p.Sealed)
	if err != nil {
		return err
	}
	return p.link(ctx, tx)
}

// link makes the tokens of an account those of p, or refuses.
func (p recordPut) link(ctx context.Context, tx pgx.Tx) error {
	b := &pgx.Batch{}
	b.Queue(`delete from tokens where account = $1 and token <> all($2::bytea[])`, p.Account, p.each)
	b.Queue(`insert into tokens (token, account) select unnest($2::bytea[]), $1 on conflict do nothing`, p.Account, p.each)
	var own int
	b.Queue(`select count(*) from tokens where account = $1 and token = any($2::bytea[])`, p.Account, p.each).
		QueryRow(func(row pgx.Row) error { return row.Scan(&own) })
	if err := tx.SendBatch(ctx, b).Close(); err != nil {
		return err
	}
	if own < len(p.each) {
		return refusal{signin.ErrConflict}
	}
	return nil
}

func (x signIns) Delete(ctx context.Context, id account.ID) error {
	if !keyFits(string(id), maxAccountID) {
		return ctx.Err()
	}
	err := x.d.alter(ctx, func(ctx context.Context, tx pgx.Tx, _ bool) error {
		b := &pgx.Batch{}
		b.Queue(`delete from signins where account = $1`, id) // first: it is the lock
		b.Queue(`delete from tokens where account = $1`, id)
		return tx.SendBatch(ctx, b).Close()
	})
	if err != nil {
		return fmt.Errorf("delete sign-in of account %s: %w", id, err)
	}
	return nil
}

func (x signIns) Invite(ctx context.Context, i signin.Invited) error {
	err := x.d.alter(ctx, func(ctx context.Context, tx pgx.Tx, _ bool) error {
		_, err := tx.Exec(ctx, `insert into invitations (token, expires, sealed) values ($1, $2, $3)
			on conflict (token) do update set expires = excluded.expires, sealed = excluded.sealed`, i.Token[:], seconds(i.Expires), octets(i.Sealed))
		return err
	})
	if err != nil {
		return fmt.Errorf("store invitation: %w", err)
	}
	return nil
}

const invitationColumns = `token, expires, sealed`

// invitationRow is a row of invitations on its way.
type invitationRow struct {
	token   []byte
	expires int64
	sealed  []byte
}

func (x *invitationRow) scan() []any { return []any{&x.token, &x.expires, &x.sealed} }

func (x *invitationRow) invited() (i signin.Invited, err error) {
	if len(x.token) != len(i.Token) {
		return i, damaged("invitations")
	}
	return signin.Invited{Token: signin.Token(x.token), Expires: moment(x.expires), Sealed: x.sealed}, nil
}

func (x signIns) Invitation(ctx context.Context, t signin.Token) (signin.Invited, error) {
	var row invitationRow
	var found bool
	err := x.d.view(ctx, func(b *pgx.Batch) {
		one(b, &found, row.scan(), `select `+invitationColumns+` from invitations where token = $1`, t[:])
	})
	switch {
	case err != nil:
		return signin.Invited{}, fmt.Errorf("read invitation: %w", err)
	case !found:
		return signin.Invited{}, signin.ErrNone
	}
	return row.invited()
}

func (x signIns) Uninvite(ctx context.Context, t signin.Token) error {
	err := x.d.alter(ctx, func(ctx context.Context, tx pgx.Tx, unsure bool) error {
		gone, err := tx.Exec(ctx, `delete from invitations where token = $1`, t[:])
		switch {
		case err != nil || gone.RowsAffected() > 0:
			return err
		case unsure: // it was this call or another one, and an invitation serves once
			return refusal{ErrUnsettled}
		}
		return refusal{signin.ErrNone}
	})
	if err != nil {
		return fmt.Errorf("remove invitation: %w", err)
	}
	return nil
}

func (x signIns) Invitations(ctx context.Context) (all []signin.Invited, err error) {
	err = x.d.view(ctx, func(b *pgx.Batch) {
		all = nil
		b.Queue(`select ` + invitationColumns + ` from invitations order by token`).Query(func(found pgx.Rows) error {
			var row invitationRow
			_, err := pgx.ForEachRow(found, row.scan(), func() error {
				i, err := row.invited()
				all = append(all, i)
				return err
			})
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("read invitations: %w", err)
	}
	return all, nil
}
