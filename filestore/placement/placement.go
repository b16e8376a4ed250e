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

// Finder finds the rules of owners, for as many engines as there are.
type Finder struct {
	addresses Addresses
	now       func() time.Time
	lists     atomic.Pointer[Lists]
	known     *lru.Cache[string, known]
}

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

// NewFinder makes a finder, with lists that can be exchanged.
func NewFinder(addresses Addresses, lists *Lists, now func() time.Time) (*Finder, error) {
	cache, err := lru.New[string, known](100_000) // some 10 MB
	if err != nil {
		return nil, err
	}
	f := &Finder{addresses: addresses, now: now, known: cache}
	f.SetLists(lists)
	return f, nil
}

// SetLists exchanges the lists, for what is put from now on.
func (f *Finder) SetLists(lists *Lists) { f.lists.Store(lists) }

// Rule is the name of the rule that an owner is under.
func (f *Finder) Rule(ctx context.Context, owner string) (string, error) {
	lists := f.lists.Load()
	if owner == "" || len(lists.rules) == 0 {
		return "", nil
	}
	if k, ok := f.known.Get(owner); ok && k.lists == lists && f.now().Before(k.until) {
		return k.rule, nil
	}
	until := f.now().Add(remember)
	addresses, err := f.addresses(ctx, owner)
	if err != nil {
		return "", fmt.Errorf("find the placement rule of an owner: %w", err)
	}
	rule := lists.Rule(addresses)
	f.known.Add(owner, known{rule, lists, until})
	return rule, nil
}

// Blobs is an engine that places what is put by whose it is.
type Blobs struct {
	Ruled
	Finder *Finder
}

var (
	_ filestore.Placer   = Blobs{}
	_ filestore.Gatherer = Blobs{}
)

// PutFor stores under the rule of that owner, and nothing while the engine has no such rule.
func (b Blobs) PutFor(ctx context.Context, owner string, sources ...io.WriterTo) ([]filestore.Ref, error) {
	rule, err := b.Finder.Rule(ctx, owner)
	if err != nil {
		return nil, err
	}
	under, err := b.Under(rule)
	if err != nil {
		return nil, err
	}
	return under.Put(ctx, sources...)
}
