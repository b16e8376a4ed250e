package bolt

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"go.etcd.io/bbolt"

	"sealpost/account"
	"sealpost/account/signin"
)

// Rows of sign-ins.
//
//	signins      account id   row: JSON (signInRow)
//	tokens       SHA-256 (32) account id
//	invitations  SHA-256 (32) row: JSON (invitationRow)
type signIns struct{ d *DB }

// SignIns is the file as account/signin sees it.
func (d *DB) SignIns() signin.Store { return signIns{d} }

// signInRow is the JSON of a record in bucket signins; its names are the format.
type signInRow struct {
	Revision uint64          `json:"revision"`
	Tokens   [][]byte        `json:"tokens,omitempty"`
	Keys     json.RawMessage `json:"keys"`
	Sealed   []byte          `json:"sealed"`
}

type invitationRow struct {
	Expires time.Time `json:"expires"`
	Sealed  []byte    `json:"sealed"`
}

func encodeSignIn(r signin.Record) ([]byte, error) {
	row := signInRow{Revision: r.Revision, Keys: r.Keys, Sealed: r.Sealed}
	for _, t := range r.Tokens {
		row.Tokens = append(row.Tokens, t[:])
	}
	body, err := json.Marshal(row)
	if err != nil {
		return nil, fmt.Errorf("encode sign-in of account %s: %w", r.Account, err)
	}
	return sealRow(tableSignIns, []byte(r.Account), append(newRow(len(body)), body...)), nil
}

func decodeSignIn(key, value []byte) (r signin.Record, err error) {
	body, ok := unsealRow(tableSignIns, key, value)
	var row signInRow
	if !ok || json.Unmarshal(body, &row) != nil { // the error would quote the row
		return r, damaged(tableSignIns, key)
	}
	r = signin.Record{Account: account.ID(key), Revision: row.Revision, Keys: row.Keys, Sealed: row.Sealed}
	for _, t := range row.Tokens {
		if len(t) != len(signin.Token{}) {
			return r, damaged(tableSignIns, key)
		}
		r.Tokens = append(r.Tokens, signin.Token(t))
	}
	return r, nil
}

// readSignIn reads a record; a file that was written before there were any, and that
// is not to be written, has no bucket.
func readSignIn(b *bbolt.Bucket, id []byte) (signin.Record, error) {
	if b == nil || len(id) == 0 {
		return signin.Record{}, signin.ErrNone
	}
	value := b.Get(id)
	if value == nil {
		return signin.Record{}, signin.ErrNone
	}
	return decodeSignIn(bytes.Clone(id), value)
}

func (x signIns) Record(ctx context.Context, id account.ID) (r signin.Record, err error) {
	err = x.d.view(ctx, func(tx *bbolt.Tx) error {
		r, err = readSignIn(tx.Bucket(tableNames[tableSignIns]), []byte(id))
		return err
	})
	return r, err
}

func (x signIns) ByToken(ctx context.Context, t signin.Token) (r signin.Record, err error) {
	err = x.d.view(ctx, func(tx *bbolt.Tx) error {
		tokens := tx.Bucket(tableNames[tableTokens])
		if tokens == nil {
			return signin.ErrNone
		}
		r, err = readSignIn(tx.Bucket(tableNames[tableSignIns]), tokens.Get(t[:]))
		return err
	})
	return r, err
}

func (x signIns) Records(ctx context.Context) (ids []account.ID, err error) {
	err = x.d.view(ctx, func(tx *bbolt.Tx) error {
		b := tx.Bucket(tableNames[tableSignIns])
		if b == nil {
			return nil
		}
		for k := range under(b, nil) {
			ids = append(ids, account.ID(k))
		}
		return nil
	})
	return ids, err
}

func (x signIns) Put(ctx context.Context, r signin.Record) error {
	if len(r.Account) == 0 || len(r.Account) > 255 {
		return errors.New("account has no id a row can have")
	}
	value, err := encodeSignIn(r)
	if err != nil {
		return err
	}
	return x.d.submit(ctx, newCall(func(t *tables) (func() error, error) {
		old, err := readSignIn(t.in(tableSignIns), []byte(r.Account))
		if err != nil && !errors.Is(err, signin.ErrNone) {
			return nil, err
		}
		if old.Revision+1 != r.Revision {
			return nil, signin.ErrConflict
		}
		for _, token := range r.Tokens {
			if id := t.get(tableTokens, token[:]); id != nil && !bytes.Equal(id, []byte(r.Account)) {
				return nil, signin.ErrConflict
			}
		}
		return func() error {
			p := put{}
			for _, token := range old.Tokens {
				p.delete(t.in(tableTokens), token[:])
			}
			for _, token := range r.Tokens {
				p.put(t.in(tableTokens), token[:], []byte(r.Account))
			}
			p.put(t.in(tableSignIns), []byte(r.Account), value)
			return p.err
		}, nil
	}, nil))
}

func (x signIns) Delete(ctx context.Context, id account.ID) error {
	return x.d.submit(ctx, newCall(func(t *tables) (func() error, error) {
		old, err := readSignIn(t.in(tableSignIns), []byte(id))
		if errors.Is(err, signin.ErrNone) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		return func() error {
			p := put{}
			for _, token := range old.Tokens {
				p.delete(t.in(tableTokens), token[:])
			}
			p.delete(t.in(tableSignIns), []byte(id))
			return p.err
		}, nil
	}, nil))
}

func (x signIns) Invite(ctx context.Context, i signin.Invited) error {
	body, err := json.Marshal(invitationRow{i.Expires.UTC(), i.Sealed})
	if err != nil {
		return fmt.Errorf("encode invitation: %w", err)
	}
	value := sealRow(tableInvitations, i.Token[:], append(newRow(len(body)), body...))
	return x.d.submit(ctx, newCall(func(t *tables) (func() error, error) {
		return func() error { return t.in(tableInvitations).Put(i.Token[:], value) }, nil
	}, nil))
}

func decodeInvitation(key, value []byte) (i signin.Invited, err error) {
	body, ok := unsealRow(tableInvitations, key, value)
	var row invitationRow
	if !ok || len(key) != len(i.Token) || json.Unmarshal(body, &row) != nil {
		return i, damaged(tableInvitations, key)
	}
	return signin.Invited{Token: signin.Token(key), Expires: row.Expires, Sealed: row.Sealed}, nil
}

func (x signIns) Invitation(ctx context.Context, token signin.Token) (i signin.Invited, err error) {
	err = x.d.view(ctx, func(tx *bbolt.Tx) error {
		b := tx.Bucket(tableNames[tableInvitations])
		if b == nil {
			return signin.ErrNone
		}
		value := b.Get(token[:])
		if value == nil {
			return signin.ErrNone
		}
		i, err = decodeInvitation(token[:], value)
		return err
	})
	return i, err
}

func (x signIns) Uninvite(ctx context.Context, token signin.Token) error {
	return x.d.submit(ctx, newCall(func(t *tables) (func() error, error) {
		if t.get(tableInvitations, token[:]) == nil {
			return nil, signin.ErrNone
		}
		return func() error { return t.in(tableInvitations).Delete(token[:]) }, nil
	}, nil))
}

func (x signIns) Invitations(ctx context.Context) (all []signin.Invited, err error) {
	err = x.d.view(ctx, func(tx *bbolt.Tx) error {
		b := tx.Bucket(tableNames[tableInvitations])
		if b == nil {
			return nil
		}
		for k, v := range under(b, nil) {
			i, err := decodeInvitation(k, v)
			if err != nil {
				return err
			}
			all = append(all, i)
		}
		return nil
	})
	return all, err
}
