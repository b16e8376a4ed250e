package bolt

import (
	"bytes"
	"slices"

	lru "github.com/hashicorp/golang-lru/v2"
	"go.etcd.io/bbolt"

	"sealpost/account"
)

// decodings keeps accounts beside the rows they were decoded from: each mail
// asks for its recipients, and their rows hardly ever change. What a row says is
// believed only while the file holds the same octets.
type decodings struct {
	kept *lru.Cache[string, decoding]
}

type decoding struct {
	row []byte
	account.Account
}

const keptAccounts = 512

func newDecodings() decodings {
	kept, err := lru.New[string, decoding](keptAccounts)
	if err != nil {
		panic(err) // only for a size below 1
	}
	return decodings{kept}
}

// read reads an account, or fails with ErrUnknown.
func (d decodings) read(b *bbolt.Bucket, id []byte) (account.Account, error) {
	row := b.Get(id)
	if row == nil {
		return account.Account{}, account.ErrUnknown
	}
	known, ok := d.kept.Get(string(id))
	if !ok || !bytes.Equal(known.row, row) {
		a, err := decodeAccount(id, row)
		if err != nil {
			return a, err
		}
		known = decoding{bytes.Clone(row), a}
		d.kept.Add(string(id), known)
	}
	a := known.Account // with lists of its own, since callers change them
	a.Addresses, a.Former = slices.Clone(a.Addresses), slices.Clone(a.Former)
	a.CatchAll, a.Passwords = slices.Clone(a.CatchAll), slices.Clone(a.Passwords)
	return a, nil
}
