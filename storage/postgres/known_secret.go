package postgres

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
)

// secretSize is how many random octets all nodes share.
const secretSize = 32

// Secret is 32 random octets that are the same for every node and every time: the first node
// that asks makes them.
func (x *Known) Secret(ctx context.Context) ([]byte, error) {
	fresh := make([]byte, secretSize)
	rand.Read(fresh)
	return x.ShareSecret(ctx, fresh)
}

// ShareSecret offers the 32 octets that a server had so far, and returns those that hold: its own,
// unless some were there before. What strangers are told of addresses that do not exist depends on
// them, so who moves here brings them along.
func (x *Known) ShareSecret(ctx context.Context, mine []byte) ([]byte, error) {
	if len(mine) != secretSize {
		return nil, fmt.Errorf("share secret: it has %d octets, and has to have %d", len(mine), secretSize)
	}
	secret, err := x.keep(ctx, kindSecret, purposeSecret, nil, mine)
	if err == nil && len(secret) != secretSize {
		err = damaged("sealed", kindSecret)
	}
	if err != nil {
		return nil, fmt.Errorf("read or make secret: %w", err)
	}
	return secret, nil
}

// errGone says that a row went while it was kept.
var errGone = errors.New("row was removed meanwhile")

// keep seals a row where there is none, and returns the octets of the one that stands: of nodes
// that do so at once all get the same.
func (x *Known) keep(ctx context.Context, kind, purpose string, key, plain []byte) ([]byte, error) {
	err := x.d.write(ctx, `insert into sealed (kind, key, row_) values ($1, $2, $3) on conflict do nothing`,
		kind, nonNil(key), x.key.Seal(purpose, string(key), plain))
	if err != nil {
		return nil, err
	}
	kept, err := x.read(ctx, kind, purpose, key)
	if err == nil && kept == nil {
		err = errGone
	}
	return kept, err
}
