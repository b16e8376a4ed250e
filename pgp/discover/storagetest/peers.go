// Package storagetest holds the tests that every engine of discover.Peers passes,
// and an engine in memory for other rooms' tests.
package storagetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"sealpost/mail"
	"sealpost/pgp/discover"
)

// Peers runs the suite. open returns an engine over what belongs to t: the first
// time for one t it is empty, and when it is called again for the same t, after
// the engine was closed if it has a Close method, it holds what was put before.
func Peers(t *testing.T, open func(t *testing.T) discover.Peers) {
	for name, test := range map[string]func(*testing.T, func(*testing.T) discover.Peers){
		"round trip":  roundTrip,
		"unknown":     unknown,
		"case":        caseFolded,
		"replace":     replace,
		"own copies":  ownCopies,
		"accounts":    accounts,
		"delete":      deletes,
		"strange":     strange,
		"concurrency": concurrency,
		"reopen":      reopen,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open)
		})
	}
}

// Sample is a peer with every field set; times are whole seconds.
func Sample(address string) discover.Peer {
	at := time.Date(2026, 11, 22, 10, 20, 30, 0, time.UTC)
	return discover.Peer{
		Address:     addr(address),
		Cert:        bytes.Repeat([]byte{0x98, 0, 0xff}, 700),
		Source:      discover.WKD,
		Pinned:      at,
		Prefer:      true,
		AutocryptAt: at.Add(-time.Hour),
		SeenAt:      at.Add(-time.Minute),
		Changes: []discover.Change{
			{At: at.Add(time.Hour), Source: discover.Autocrypt, Fingerprint: "ABCD", Cert: []byte{1, 2, 0}},
			{At: at.Add(2 * time.Hour), Source: discover.Manual, Fingerprint: "EF01"},
		},
	}
}

func addr(s string) mail.Address {
	a, err := mail.ParseAddress(s)
	if err != nil {
		panic(err) // a test's own mistake
	}
	return a
}

func roundTrip(t *testing.T, open func(*testing.T) discover.Peers) {
	p := open(t)
	full := Sample("Bob@example.org")
	empty := discover.Peer{Address: addr("carol@example.org"), Source: discover.Autocrypt}
	put(t, p, "alice", full)
	put(t, p, "alice", empty)
	expect(t, p, "alice", full)
	expect(t, p, "alice", empty)
	list, err := p.Peers(t.Context(), "alice")
	if err != nil || len(list) != 2 {
		t.Fatalf("listed %d peers, %v", len(list), err)
	}
	same(t, list[0], full) // in the order of their addresses
	same(t, list[1], empty)
}

func unknown(t *testing.T, open func(*testing.T) discover.Peers) {
	p := open(t)
	ctx := t.Context()
	gone(t, p, "alice", "bob@example.org")
	if list, err := p.Peers(ctx, "alice"); err != nil || len(list) != 0 {
		t.Errorf("nobody's peers: %d, %v", len(list), err)
	}
	if err := p.DeletePeer(ctx, "alice", addr("bob@example.org")); err != nil {
		t.Errorf("deleted nothing: %v", err)
	}
	if err := p.ForgetPeers(ctx, "alice"); err != nil {
		t.Errorf("forgot nothing: %v", err)
	}
}

func caseFolded(t *testing.T, open func(*testing.T) discover.Peers) {
	p := open(t)
	put(t, p, "alice", Sample("Bob@Example.org"))
	if _, err := p.Peer(t.Context(), "alice", addr("bOB@example.ORG")); err != nil {
		t.Errorf("the same address in other letters: %v", err)
	}
	put(t, p, "alice", Sample("BOB@example.org"))
	if list, _ := p.Peers(t.Context(), "alice"); len(list) != 1 {
		t.Errorf("one address became %d peers", len(list))
	}
}

func replace(t *testing.T, open func(*testing.T) discover.Peers) {
	p := open(t)
	put(t, p, "alice", Sample("bob@example.org"))
	next := Sample("bob@example.org")
	next.Cert, next.Changes, next.Prefer, next.Pinned = []byte{7}, nil, false, time.Time{}
	put(t, p, "alice", next)
	expect(t, p, "alice", next)
}

// ownCopies: what a caller does to its values does not reach the store.
func ownCopies(t *testing.T, open func(*testing.T) discover.Peers) {
	p := open(t)
	in := Sample("bob@example.org")
	put(t, p, "alice", in)
	in.Cert[0], in.Changes[0].Cert[0], in.Changes[1].Fingerprint = 0, 0, "x"
	got, err := p.Peer(t.Context(), "alice", in.Address)
	if err != nil {
		t.Fatal(err)
	}
	got.Cert[1], got.Changes[0].Cert[1] = 9, 9
	expect(t, p, "alice", Sample("bob@example.org"))
}

func accounts(t *testing.T, open func(*testing.T) discover.Peers) {
	p := open(t)
	for _, account := range []string{"a", "ab", "a\x00b", "A"} {
		peer := Sample("bob@example.org")
		peer.Cert = []byte(account)
		put(t, p, account, peer)
	}
	gone(t, p, "b", "bob@example.org")
	if err := p.ForgetPeers(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	gone(t, p, "a", "bob@example.org")
	for _, account := range []string{"ab", "a\x00b", "A"} {
		got, err := p.Peer(t.Context(), account, addr("bob@example.org"))
		if err != nil || string(got.Cert) != account {
			t.Errorf("account %q: %q, %v", account, got.Cert, err)
		}
		if list, _ := p.Peers(t.Context(), account); len(list) != 1 {
			t.Errorf("account %q has %d peers", account, len(list))
		}
	}
}

func deletes(t *testing.T, open func(*testing.T) discover.Peers) {
	p := open(t)
	put(t, p, "alice", Sample("bob@example.org"))
	put(t, p, "alice", Sample("bob@example.org.uk"))
	if err := p.DeletePeer(t.Context(), "alice", addr("BOB@example.org")); err != nil {
		t.Fatal(err)
	}
	gone(t, p, "alice", "bob@example.org")
	expect(t, p, "alice", Sample("bob@example.org.uk"))
}

func strange(t *testing.T, open func(*testing.T) discover.Peers) {
	p := open(t)
	for _, a := range []string{`"a b/../c@d"@example.org`, "jürgen@bücher.example", "a@[192.0.2.1]", "x+y@example.org"} {
		put(t, p, "alice", Sample(a))
		expect(t, p, "alice", Sample(a))
	}
	large := Sample("large@example.org")
	large.Cert = bytes.Repeat([]byte("0123456789abcdef"), 64<<10/16)
	put(t, p, "alice", large)
	expect(t, p, "alice", large)
}

func concurrency(t *testing.T, open func(*testing.T) discover.Peers) {
	p := open(t)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for j := range 5 {
				peer := Sample(fmt.Sprintf("p%d-%d@example.org", i, j))
				if err := p.PutPeer(t.Context(), "alice", peer); err != nil {
					t.Errorf("put: %v", err)
				}
				if _, err := p.Peers(t.Context(), "alice"); err != nil {
					t.Errorf("list: %v", err)
				}
			}
		})
	}
	all.Wait()
	if list, err := p.Peers(t.Context(), "alice"); err != nil || len(list) != 40 {
		t.Errorf("%d peers, %v", len(list), err)
	}
}

// reopen says nothing about an engine without Close: it keeps nothing.
func reopen(t *testing.T, open func(*testing.T) discover.Peers) {
	p := open(t)
	put(t, p, "alice", Sample("bob@example.org"))
	closer, ok := p.(interface{ Close() error })
	if !ok {
		return
	}
	if err := closer.Close(); err != nil {
		t.Fatal(err)
	}
	expect(t, open(t), "alice", Sample("bob@example.org"))
}

func put(t *testing.T, p discover.Peers, account string, peer discover.Peer) {
	t.Helper()
	if err := p.PutPeer(t.Context(), account, peer); err != nil {
		t.Fatalf("put a peer: %v", err)
	}
}

func gone(t *testing.T, p discover.Peers, account, address string) {
	t.Helper()
	if _, err := p.Peer(context.WithoutCancel(t.Context()), account, addr(address)); !errors.Is(err, discover.ErrNoKey) {
		t.Errorf("account %q, peer that is not there: %v, want ErrNoKey", account, err)
	}
}

func expect(t *testing.T, p discover.Peers, account string, want discover.Peer) {
	t.Helper()
	got, err := p.Peer(t.Context(), account, want.Address)
	if err != nil {
		t.Fatalf("get a peer: %v", err)
	}
	same(t, got, want)
}

func same(t *testing.T, got, want discover.Peer) {
	t.Helper()
	ok := got.Address == want.Address && bytes.Equal(got.Cert, want.Cert) && got.Source == want.Source &&
		got.Pinned.Equal(want.Pinned) && got.Prefer == want.Prefer && got.AutocryptAt.Equal(want.AutocryptAt) &&
		got.SeenAt.Equal(want.SeenAt) && len(got.Changes) == len(want.Changes)
	for i := 0; ok && i < len(want.Changes); i++ {
		g, w := got.Changes[i], want.Changes[i]
		ok = g.At.Equal(w.At) && g.Source == w.Source && g.Fingerprint == w.Fingerprint && bytes.Equal(g.Cert, w.Cert)
	}
	if !ok {
		t.Errorf("peer came back as %+v, want %+v", got, want)
	}
	if got.Pinned.IsZero() != want.Pinned.IsZero() || got.AutocryptAt.IsZero() != want.AutocryptAt.IsZero() {
		t.Error("no time became a time, or a time none")
	}
}
