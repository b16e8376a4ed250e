package webmail

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"sealpost/mail"
	"sealpost/pgp"
	"sealpost/pgp/discover"
)

// Index finds published keys by their WKD names. Its fields are set once, before
// use. It holds addresses, not keys, and asks for them again every Every: a minute
// if that is zero.
type Index struct {
	// List gives every address whose key is published: of hosted domains, of accounts
	// that are not unlisted.
	List func(ctx context.Context) ([]mail.Address, error)
	// Cert gives the certificate of one of them, or discover.ErrNoKey.
	Cert  func(ctx context.Context, a mail.Address) (*pgp.Cert, error)
	Every time.Duration
	Now   func() time.Time

	mu     sync.Mutex
	names  map[string]mail.Address // by domain and hash
	read   time.Time
	listed bool
}

// Certificate is for Door.Certificate. What is not in the list takes one look into
// the same table, whatever the reason.
func (x *Index) Certificate(ctx context.Context, domain, hash, _ string) ([]byte, error) {
	names, err := x.current(ctx)
	if err != nil {
		return nil, err
	}
	a, ok := names[domain+"/"+hash]
	if !ok {
		return nil, ErrNoKey
	}
	cert, err := x.Cert(ctx, a)
	if errors.Is(err, discover.ErrNoKey) { // removed meanwhile
		return nil, ErrNoKey
	}
	if err != nil {
		return nil, fmt.Errorf("read published key: %w", err)
	}
	raw, err := discover.ForAddress(cert, a)
	if errors.Is(err, discover.ErrNoKey) { // the key does not say that it is this address'
		return nil, ErrNoKey
	}
	return raw, err
}

// Changed says that accounts changed: the next request reads the list again.
func (x *Index) Changed() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.listed = false
}

// current is the table, read again when it is old. Who comes meanwhile waits.
func (x *Index) current(ctx context.Context) (map[string]mail.Address, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	every := x.Every
	if every == 0 {
		every = time.Minute
	}
	now := x.Now()
	if age := now.Sub(x.read); x.listed && age >= 0 && age < every {
		return x.names, nil
	}
	list, err := x.List(ctx)
	if err != nil {
		return nil, fmt.Errorf("list published addresses: %w", err)
	}
	names := make(map[string]mail.Address, len(list))
	for _, a := range list {
		names[a.Domain+"/"+discover.Hash(a.Local)] = a
	}
	x.names, x.read, x.listed = names, now, true
	return names, nil
}
