package bolt

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.etcd.io/bbolt"

	"sealpost/account"
	"sealpost/mail"
	"sealpost/pgp"
)

// accounts is the file as account sees it.
type accounts struct{ d *DB }

// accountRow is the JSON of an account in bucket accounts. Its names are the
// format: those of account.Account may change, these may not. Byte strings are
// base64, times RFC 3339.
type accountRow struct {
	Addresses []addressRow  `json:"addresses"`
	Former    []addressRow  `json:"former,omitempty"`
	CatchAll  []string      `json:"catch_all,omitempty"`
	Cert      []byte        `json:"cert"`
	Profile   string        `json:"profile"`
	Level     string        `json:"headers"`
	Encrypt   string        `json:"encrypt,omitempty"`
	ListKey   []byte        `json:"list_key,omitempty"`
	Pseudonym []byte        `json:"pseudonym,omitempty"`
	Quota     int64         `json:"quota"`
	Created   time.Time     `json:"created"`
	Salt      []byte        `json:"salt,omitempty"`
	Passwords []passwordRow `json:"passwords,omitempty"`
	Operator  bool          `json:"operator,omitempty"`
	Aliases   int           `json:"aliases,omitempty"`
	Files     *filesRow     `json:"attachments,omitempty"`
}

type filesRow struct {
	Over     int64  `json:"over,omitempty"`
	Outgoing string `json:"outgoing,omitempty"`
	Incoming string `json:"incoming,omitempty"`
	Drops    []byte `json:"drops,omitempty"`
}

type addressRow struct {
	Local  string `json:"local"`
	Domain string `json:"domain"`
}

type passwordRow struct {
	Name      string    `json:"name"`
	StoredKey []byte    `json:"stored_key"`
	ServerKey []byte    `json:"server_key"`
	Created   time.Time `json:"created"`
	Used      time.Time `json:"used"`
	FileSent  bool      `json:"file_sent,omitempty"`
	Limit     int       `json:"limit,omitempty"`
	Scopes    []string  `json:"scopes,omitempty"`
}

func encodeAccount(a account.Account) ([]byte, error) {
	row := accountRow{
		CatchAll: a.CatchAll, Cert: a.Cert, Profile: string(a.Profile), Level: string(a.Level), Encrypt: string(a.Encrypt), ListKey: a.ListKey,
		Pseudonym: a.Pseudonym, Quota: a.Quota, Created: a.Created, Salt: a.Salt, Operator: a.Operator, Aliases: a.Aliases,
	}
	for _, ad := range a.Addresses {
		row.Addresses = append(row.Addresses, addressRow(ad))
	}
	for _, ad := range a.Former {
		row.Former = append(row.Former, addressRow(ad))
	}
	for _, p := range a.Passwords {
		row.Passwords = append(row.Passwords, passwordRow(p))
	}
	if f := a.Files; f.Over != 0 || f.Outgoing != "" || f.Incoming != "" || len(f.Drops) > 0 {
		row.Files = &filesRow{f.Over, string(f.Outgoing), string(f.Incoming), f.Drops}
	}
	body, err := json.Marshal(row)
	if err != nil {
		return nil, fmt.Errorf("encode account %s: %w", a.ID, err)
	}
	return sealRow(tableAccounts, []byte(a.ID), append(newRow(len(body)), body...)), nil
}

func decodeAccount(key, value []byte) (account.Account, error) {
	body, ok := unsealRow(tableAccounts, key, value)
	var row accountRow
	if !ok || json.Unmarshal(body, &row) != nil { // the error would quote the row
		return account.Account{}, damaged(tableAccounts, key)
	}
	a := account.Account{
		ID: account.ID(key), CatchAll: row.CatchAll, Cert: row.Cert, Profile: pgp.Profile(row.Profile), Level: pgp.Level(row.Level),
		Encrypt: account.EncryptPolicy(row.Encrypt), ListKey: row.ListKey, Pseudonym: row.Pseudonym, Quota: row.Quota, Created: row.Created, Salt: row.Salt, Operator: row.Operator, Aliases: row.Aliases,
	}
	if f := row.Files; f != nil {
		a.Files = account.Attachments{Over: f.Over, Outgoing: account.OutgoingPolicy(f.Outgoing), Incoming: account.IncomingPolicy(f.Incoming), Drops: f.Drops}
	}
	for _, ad := range row.Addresses {
		a.Addresses = append(a.Addresses, mail.Address(ad))
	}
	for _, ad := range row.Former {
		a.Former = append(a.Former, mail.Address(ad))
	}
	for _, p := range row.Passwords {
		a.Passwords = append(a.Passwords, account.Password(p))
	}
	return a, nil
}

func (x accounts) Account(ctx context.Context, id account.ID) (a account.Account, err error) {
	err = x.d.view(ctx, func(tx *bbolt.Tx) error {
		a, err = x.d.decoded.read(tx.Bucket(tableNames[tableAccounts]), []byte(id))
		return err
	})
	return a, err
}

func (x accounts) ByAddress(ctx context.Context, key string) (account.Account, error) {
	return x.by(ctx, tableAddresses, key)
}

func (x accounts) ByCatchAll(ctx context.Context, domain string) (account.Account, error) {
	return x.by(ctx, tableDomains, domain)
}

func (x accounts) by(ctx context.Context, in table, key string) (a account.Account, err error) {
	err = x.d.view(ctx, func(tx *bbolt.Tx) error {
		id := tx.Bucket(tableNames[in]).Get([]byte(key))
		if id == nil {
			return account.ErrUnknown
		}
		a, err = x.d.decoded.read(tx.Bucket(tableNames[tableAccounts]), id)
		return err
	})
	return a, err
}

func (x accounts) Accounts(ctx context.Context) (all []account.Account, err error) {
	err = x.d.view(ctx, func(tx *bbolt.Tx) error {
		for k, v := range under(tx.Bucket(tableNames[tableAccounts]), nil) {
			a, err := decodeAccount(k, v)
			if err != nil {
				return err
			}
			all = append(all, a)
		}
		return nil
	})
	return all, err
}

func (x accounts) Put(ctx context.Context, a account.Account) error {
	if len(a.ID) == 0 || len(a.ID) > 255 {
		return errors.New("account has no id a row can have")
	}
	value, err := encodeAccount(a)
	if err != nil {
		return err
	}
	return x.d.submit(ctx, newCall(func(t *tables) (func() error, error) {
		old, err := x.d.decoded.read(t.in(tableAccounts), []byte(a.ID))
		if err != nil && !errors.Is(err, account.ErrUnknown) {
			return nil, err
		}
		if err := t.vacant(a); err != nil {
			return nil, err
		}
		return func() error {
			p := put{}
			t.unlink(&p, old)
			t.link(&p, a)
			p.put(t.in(tableAccounts), []byte(a.ID), value)
			return p.err
		}, nil
	}, nil))
}

func (x accounts) Delete(ctx context.Context, id account.ID) error {
	return x.d.submit(ctx, newCall(func(t *tables) (func() error, error) {
		old, err := x.d.decoded.read(t.in(tableAccounts), []byte(id))
		if err != nil {
			return nil, err
		}
		return func() error {
			p := put{}
			t.unlink(&p, old)
			for _, ad := range slices.Concat(old.Addresses, old.Former) {
				p.put(t.in(tableAddresses), formerKey(ad.Key()), nobodys)
			}
			p.delete(t.in(tableAccounts), []byte(id))
			return p.err
		}, nil
	}, nil))
}

// formerKey is where it stands whose an address was, by its hash: of who was removed
// nothing readable is left. No address begins with NUL.
func formerKey(key string) []byte {
	sum := sha256.Sum256([]byte("sealpost former address v1\x00" + key))
	return append([]byte{0}, sum[:]...)
}

// nobodys is in the place of the id of an account that is gone.
var nobodys = []byte{0}

func (x accounts) Former(ctx context.Context, key string) (id account.ID, err error) {
	err = x.d.view(ctx, func(tx *bbolt.Tx) error {
		was := tx.Bucket(tableNames[tableAddresses]).Get(formerKey(key))
		if was == nil {
			return account.ErrUnknown
		}
		id = account.ID(was)
		return nil
	})
	return id, err
}

func (x accounts) Free(ctx context.Context, key string) error {
	return x.d.submit(ctx, newCall(func(t *tables) (func() error, error) {
		return func() error {
			p := put{}
			p.delete(t.in(tableAddresses), formerKey(key))
			return p.err
		}, nil
	}, nil))
}

// vacant refuses addresses and domains that are another account's, or no key, and
// addresses that were.
func (t *tables) vacant(a account.Account) error {
	free := func(b *bbolt.Bucket, key string) error {
		if key == "" || len(key) > 1<<10 {
			return fmt.Errorf("account %s has an address or domain that is no key", a.ID)
		}
		if id := b.Get([]byte(key)); id != nil && !bytes.Equal(id, []byte(a.ID)) {
			return account.ErrTaken
		}
		return nil
	}
	for _, ad := range a.Addresses {
		if err := free(t.in(tableAddresses), ad.Key()); err != nil {
			return err
		}
		if was := t.in(tableAddresses).Get(formerKey(ad.Key())); was != nil && !bytes.Equal(was, []byte(a.ID)) {
			return account.ErrFormer
		}
	}
	for _, domain := range a.CatchAll {
		if err := free(t.in(tableDomains), domain); err != nil {
			return err
		}
	}
	return nil
}

func (t *tables) link(p *put, a account.Account) {
	for _, ad := range a.Addresses {
		p.put(t.in(tableAddresses), []byte(ad.Key()), []byte(a.ID))
	}
	for _, ad := range a.Former {
		p.put(t.in(tableAddresses), formerKey(ad.Key()), []byte(a.ID))
	}
	for _, domain := range a.CatchAll {
		p.put(t.in(tableDomains), []byte(domain), []byte(a.ID))
	}
}

func (t *tables) unlink(p *put, a account.Account) {
	for _, ad := range a.Addresses {
		p.delete(t.in(tableAddresses), []byte(ad.Key()))
	}
	for _, ad := range a.Former {
		p.delete(t.in(tableAddresses), formerKey(ad.Key()))
	}
	for _, domain := range a.CatchAll {
		p.delete(t.in(tableDomains), []byte(domain))
	}
}
