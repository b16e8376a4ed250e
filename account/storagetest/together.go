package storagetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sealpost/account"
	"sealpost/mail"
)

// oneAddress: of many who want one address one gets it.
func oneAddress(t *testing.T, s account.Store) {
	var won atomic.Int32
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			switch err := s.Put(context.WithoutCancel(t.Context()), Person(account.ID('a'+rune(i)), "same")); {
			case err == nil:
				won.Add(1)
			case !errors.Is(err, account.ErrTaken):
				t.Error(err)
			}
		})
	}
	all.Wait()
	if won.Load() != 1 {
		t.Errorf("%d accounts have one address", won.Load())
	}
}

// oneAccount: of many who change the same thing one does, and the others learn of it;
// also when the account is new.
func oneAccount(t *testing.T, s account.Store) {
	for revision := range uint64(3) {
		var won atomic.Int64
		var all sync.WaitGroup
		for i := range 12 {
			all.Go(func() {
				a := Person("aa", fmt.Sprint("name", i))
				a.Revision, a.Quota = revision, int64(i)
				switch err := s.Put(context.WithoutCancel(t.Context()), a); {
				case err == nil:
					won.Add(1000 + int64(i))
				case !errors.Is(err, account.ErrConflict):
					t.Error(err)
				}
			})
		}
		all.Wait()
		a := stored(t, s, "aa")
		if won.Load() != 1000+a.Quota || a.Revision != revision+1 {
			t.Errorf("%d wrote, the last one is revision %d", won.Load()/1000, a.Revision)
		}
		is(t, "aa")(s.ByAddress(t.Context(), a.Addresses[0].Key()))
	}
	if all, err := s.Accounts(t.Context()); err != nil || len(all) != 1 {
		t.Errorf("%d accounts, %v", len(all), err)
	}
}

// many people take addresses and domains from few, give them up, and go: each is one
// person's at most, whoever wins.
func many(t *testing.T, s account.Store) {
	var all sync.WaitGroup
	for i := range 6 {
		all.Go(func() {
			p := &player{t: t, s: s, id: account.ID(fmt.Sprintf("%016x", i)), dice: rand.New(rand.NewPCG(1, uint64(i)))}
			for range 40 {
				p.move(context.WithoutCancel(t.Context()))
			}
		})
	}
	all.Wait()
	agrees(t, s)
}

// What they play for.
func pool() []string { return []string{"p", "q", "r", "s", "t", "u"} }

type player struct {
	t    *testing.T
	s    account.Store
	id   account.ID
	dice *rand.Rand
}

// move changes what is the player's own, which nobody else does.
func (p *player) move(ctx context.Context) {
	a, err := p.s.Account(ctx, p.id)
	if errors.Is(err, account.ErrUnknown) {
		a, err = account.Account{ID: p.id}, nil
	}
	if err != nil {
		p.t.Error(err)
		return
	}
	one := address(pool()[p.dice.IntN(len(pool()))])
	here := func(ad mail.Address) bool { return ad.Key() == one.Key() }
	switch p.dice.IntN(10) {
	case 0:
		p.leave(ctx, a)
		return
	case 1, 2:
		a.CatchAll = []string{one.Local + ".test"}
	case 3:
		a.Addresses = nil
	case 4, 5:
		if slices.ContainsFunc(a.Addresses, here) {
			a.Former = append(a.Former, one)
		}
		a.Addresses = slices.DeleteFunc(a.Addresses, here)
	case 6:
		a.Former, a.CatchAll = nil, nil
	default:
		a.Former = slices.DeleteFunc(a.Former, here)
		a.Addresses = append(slices.DeleteFunc(a.Addresses, here), one)
	}
	err = p.s.Put(ctx, a)
	switch {
	case err == nil:
		p.has(ctx, a)
	case !errors.Is(err, account.ErrTaken):
		p.t.Errorf("of one player's moves two were at once: %v", err)
	}
}

// has: what was given is there at once.
func (p *player) has(ctx context.Context, a account.Account) {
	for _, ad := range a.Addresses {
		if found, err := p.s.ByAddress(ctx, ad.Key()); err != nil || found.ID != p.id {
			p.t.Errorf("an address that was given is %q's, %v", found.ID, err)
		}
	}
	for _, d := range a.CatchAll {
		if found, err := p.s.ByCatchAll(ctx, d); err != nil || found.ID != p.id {
			p.t.Errorf("a domain that was given is %q's, %v", found.ID, err)
		}
	}
}

func (p *player) leave(ctx context.Context, a account.Account) {
	if a.Revision == 0 {
		return
	}
	if err := p.s.Delete(ctx, p.id); err != nil {
		p.t.Error(err)
	}
	for _, ad := range slices.Concat(a.Addresses, a.Former) {
		if _, err := p.s.Former(ctx, ad.Key()); err != nil {
			p.t.Errorf("an address of who left: %v", err)
		}
		if err := p.s.Free(ctx, ad.Key()); err != nil {
			p.t.Error(err)
		}
	}
}

// agrees: what is looked up is what accounts say.
func agrees(t *testing.T, s account.Store) {
	t.Helper()
	all, err := s.Accounts(t.Context())
	do(t, err)
	addresses, domains, gone := map[string]account.ID{}, map[string]account.ID{}, map[string]account.ID{}
	claim := func(in map[string]account.ID, key string, id account.ID) {
		if other, taken := in[key]; taken {
			t.Errorf("%s and %s have the same", other, id)
		}
		in[key] = id
	}
	for _, a := range all {
		for _, ad := range a.Addresses {
			claim(addresses, ad.Key(), a.ID)
		}
		for _, d := range a.CatchAll {
			claim(domains, d, a.ID)
		}
		for _, ad := range a.Former {
			claim(gone, ad.Key(), a.ID)
		}
	}
	for _, local := range pool() {
		is(t, addresses[key(local)])(s.ByAddress(t.Context(), key(local)))
		is(t, domains[local+".test"])(s.ByCatchAll(t.Context(), local+".test"))
		was, err := s.Former(t.Context(), key(local))
		if was != gone[key(local)] || was != "" && addresses[key(local)] != "" {
			t.Errorf("an address was %q's, and by the accounts %q's, %v", was, gone[key(local)], err)
		}
	}
}

// newBooks are the books of several processes on one store.
func newBooks(s account.Store) (all []*account.Book) {
	for range 4 {
		all = append(all, account.NewBook(s, []string{domain}, make([]byte, 32), time.Now))
	}
	return all
}

// books: what one process changes about an account no other one undoes.
func books(t *testing.T, s account.Store) {
	do(t, s.Put(t.Context(), Person("aa", "alice")))
	var all sync.WaitGroup
	const each = 5
	nodes := newBooks(s)
	for i, b := range nodes {
		all.Go(func() {
			for n := range each {
				if _, err := b.AddAlias(context.WithoutCancel(t.Context()), "aa", address(fmt.Sprintf("a%d-%d", i, n))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if a := stored(t, s, "aa"); len(a.Addresses) != 1+each*len(nodes) || a.Revision != 1+each*uint64(len(nodes)) {
		t.Errorf("%d addresses, revision %d", len(a.Addresses), a.Revision)
	}
}

// removed: who is removed by one process is not brought back by another's change.
func removed(t *testing.T, s account.Store) {
	ctx := context.WithoutCancel(t.Context())
	do(t, s.Put(ctx, Person("aa", "alice")))
	var all sync.WaitGroup
	var busy sync.WaitGroup
	nodes := newBooks(s)
	for i, b := range nodes[1:] {
		busy.Add(1)
		all.Go(func() {
			begun := sync.OnceFunc(busy.Done)
			for n := 0; ; n++ {
				_, err := b.AddAlias(ctx, "aa", address(fmt.Sprintf("a%d-%d", i, n)))
				begun()
				if err != nil {
					fails(t, err, account.ErrUnknown)
					return
				}
			}
		})
	}
	busy.Wait()
	do(t, nodes[0].Remove(ctx, "aa"))
	all.Wait()
	is(t, "")(s.Account(ctx, "aa"))
	is(t, "")(s.ByAddress(ctx, key("alice")))
	is(t, "")(s.ByAddress(ctx, key("a0-0")))
}
