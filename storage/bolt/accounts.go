package bolt

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"go.etcd.io/bbolt"

	"sealpost/account"
)

// accounts is the file as account sees it.
type accounts struct{ d *DB }

func encodeAccount(a account.Account) ([]byte, error) {
	body, err := account.EncodeRow(a)
	if err != nil {
		return nil, err
	}
	return sealRow(tableAccounts, []byte(a.ID), append(newRow(len(body)), body...)), nil
}

func decodeAccount(key, value []byte) (account.Account, error) {
	if body, ok := unsealRow(tableAccounts, key, value); ok {
		if a, ok := account.DecodeRow(account.ID(key), body); ok {
			return a, nil
		}
	}
	return account.Account{}, damaged(tableAccounts, key)
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
	was := a.Revision
	a.Revision++
	value, err := encodeAccount(a)
	if err != nil {
		return err
	}
	return x.d.submit(ctx, newCall(func(t *tables) (func() error, error) {
		old, err := x.d.decoded.read(t.in(tableAccounts), []byte(a.ID))
		if err != nil && !errors.Is(err, account.ErrUnknown) {
			return nil, err
		}
		if old.Revision != was {
			return nil, account.ErrConflict
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

// formerKey is where it stands whose an address was. No address begins with NUL.
func formerKey(key string) []byte {
	sum := account.FormerSum(key)
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
		if !bytes.Equal(t.get(tableAddresses, formerKey(key)), nobodys) {
			return nil, nil
		}
		return func() error { return t.in(tableAddresses).Delete(formerKey(key)) }, nil
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
