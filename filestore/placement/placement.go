// Package placement puts blobs under the placement rule of whose they are.
//
// It never knows what a rule says, where anything lies, or what a blob is: to it a rule is
// a name, and an owner one who has addresses.
//
// Invariant: while it is not known under which rule an owner is, nothing of that owner is put.
package placement

import (
	"context"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/hashicorp/golang-lru/v2"

	"sealpost/filestore"
)

// Ruled is an engine that places by rules. The one called "" is for what no other was named for.
type Ruled interface {
	filestore.Blobs
	filestore.Gatherer
	// Under is the same blobs, but what is put is placed by the rule of that name.
	Under(rule string) (filestore.Blobs, error)
}

// Blobs is an engine that places what is put by whose it is.
type Blobs struct {
	Ruled
	addresses Addresses
	now       func() time.Time
	lists     atomic.Pointer[Lists]
	known     *lru.Cache[string, known]
}

var _ filestore.Placer = (*Blobs)(nil)

// Addresses says which addresses an owner has, as look-ups compare them (mail.Address.Key), the
// first one first.
type Addresses func(ctx context.Context, owner string) ([]string, error)

// known is what was found out of one owner.
type known struct {
	rule  string
	lists *Lists // by which it was
	until time.Time
}

// Rules are asked again after this time: another node may have changed the owner's addresses.
const remember = time.Minute

// New makes Blobs over an engine, with lists that can be exchanged.
func New(r Ruled, addresses Addresses, lists *Lists, now func() time.Time) (*Blobs, error) {
	cache, err := lru.New[string, known](100_000) // some 10 MB
	if err != nil {
		return nil, err
	}
	b := &Blobs{Ruled: r, addresses: addresses, now: now, known: cache}
	return b, b.SetLists(lists)
}

// SetLists exchanges the lists for what is put from now on. It fails when the engine has not got
// a rule that they name; then the old ones stay.
func (b *Blobs) SetLists(lists *Lists) error {
	for _, rule := range lists.named {
		if _, err := b.Under(rule); err != nil {
			return err
		}
	}
	b.lists.Store(lists)
	return nil
}

// Rule is the name of the rule that an owner is under.
func (b *Blobs) Rule(ctx context.Context, owner string) (string, error) {
	lists := b.lists.Load()
	if owner == "" || len(lists.named) == 0 {
		return "", nil
	}
	if k, ok := b.known.Get(owner); ok && k.lists == lists && b.now().Before(k.until) {
		return k.rule, nil
	}
	until := b.now().Add(remember)
	addresses, err := b.addresses(ctx, owner)
	if err != nil {
		return "", fmt.Errorf("find the placement rule of an owner: %w", err)
	}
	rule := lists.Rule(addresses)
	b.known.Add(owner, known{rule, lists, until})
	return rule, nil
}

// PutFor stores under the rule of that owner.
func (b *Blobs) PutFor(ctx context.Context, owner string, sources ...io.WriterTo) ([]filestore.Ref, error) {
	rule, err := b.Rule(ctx, owner)
	if err != nil {
		return nil, err
	}
	under, err := b.Under(rule)
	if err != nil {
		return nil, err
	}
	return under.Put(ctx, sources...)
}
