// Package storagetest checks that an engine keeps sign-ins as account/signin needs it.
// It knows nothing of any engine.
package storagetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"sealpost/account"
	"sealpost/account/signin"
)

// Store runs every check, each on a store of its own.
func Store(t *testing.T, open func(t *testing.T) signin.Store) {
	for name, check := range map[string]func(*testing.T, signin.Store){
		"records": records, "revisions": revisions, "tokens": tokens, "invitations": invitations, "at once": atOnce,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			check(t, open(t))
		})
	}
}

func record(id account.ID, revision uint64, tokens ...byte) signin.Record {
	r := signin.Record{Account: id, Revision: revision, Keys: fmt.Appendf(nil, `{"n":%d}`, revision), Sealed: []byte{0, byte(revision)}}
	for _, t := range tokens {
		r.Tokens = append(r.Tokens, signin.Token{t})
	}
	return r
}

func same(a, b signin.Record) bool {
	return a.Account == b.Account && a.Revision == b.Revision && slices.Equal(a.Tokens, b.Tokens) && bytes.Equal(a.Keys, b.Keys) && bytes.Equal(a.Sealed, b.Sealed)
}

func do(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func fails(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%v, want %v", err, want)
	}
}

func records(t *testing.T, s signin.Store) {
	ctx := t.Context()
	_, err := s.Record(ctx, "a")
	fails(t, err, signin.ErrNone)
	_, err = s.ByToken(ctx, signin.Token{1})
	fails(t, err, signin.ErrNone)
	do(t, s.Delete(ctx, "a"))
	want := record("a", 1, 1, 2)
	do(t, s.Put(ctx, want))
	do(t, s.Put(ctx, record("b", 1)))
	for _, read := range []func() (signin.Record, error){
		func() (signin.Record, error) { return s.Record(ctx, "a") },
		func() (signin.Record, error) { return s.ByToken(ctx, signin.Token{1}) },
		func() (signin.Record, error) { return s.ByToken(ctx, signin.Token{2}) },
	} {
		if got, err := read(); err != nil || !same(got, want) {
			t.Errorf("%+v, %v", got, err)
		}
	}
	ids, err := s.Records(ctx)
	if slices.Sort(ids); err != nil || !slices.Equal(ids, []account.ID{"a", "b"}) {
		t.Errorf("%v, %v", ids, err)
	}
	do(t, s.Delete(ctx, "a"))
	_, err = s.ByToken(ctx, signin.Token{1})
	fails(t, err, signin.ErrNone)
	_, err = s.Record(ctx, "a")
	fails(t, err, signin.ErrNone)
	if _, err := s.Record(ctx, "b"); err != nil {
		t.Errorf("another account went too: %v", err)
	}
}

func revisions(t *testing.T, s signin.Store) {
	ctx := t.Context()
	fails(t, s.Put(ctx, record("a", 2)), signin.ErrConflict)
	do(t, s.Put(ctx, record("a", 1)))
	fails(t, s.Put(ctx, record("a", 1)), signin.ErrConflict)
	fails(t, s.Put(ctx, record("a", 3)), signin.ErrConflict)
	do(t, s.Put(ctx, record("a", 2)))
	if got, err := s.Record(ctx, "a"); err != nil || got.Revision != 2 {
		t.Errorf("%+v, %v", got, err)
	}
	do(t, s.Delete(ctx, "a"))
	do(t, s.Put(ctx, record("a", 1)))
}

func tokens(t *testing.T, s signin.Store) {
	ctx := t.Context()
	do(t, s.Put(ctx, record("a", 1, 1, 2)))
	fails(t, s.Put(ctx, record("b", 1, 2)), signin.ErrConflict)
	do(t, s.Put(ctx, record("a", 2, 2, 3)))
	_, err := s.ByToken(ctx, signin.Token{1})
	fails(t, err, signin.ErrNone)
	do(t, s.Put(ctx, record("b", 1, 1)))
	if r, err := s.ByToken(ctx, signin.Token{1}); err != nil || r.Account != "b" {
		t.Errorf("%v, %v", r.Account, err)
	}
}

func invitations(t *testing.T, s signin.Store) {
	ctx := t.Context()
	_, err := s.Invitation(ctx, signin.Token{1})
	fails(t, err, signin.ErrNone)
	fails(t, s.Uninvite(ctx, signin.Token{1}), signin.ErrNone)
	at := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	do(t, s.Invite(ctx, signin.Invited{Token: signin.Token{1}, Expires: at, Sealed: []byte("one")}))
	do(t, s.Invite(ctx, signin.Invited{Token: signin.Token{2}, Expires: at, Sealed: []byte("two")}))
	if i, err := s.Invitation(ctx, signin.Token{1}); err != nil || !i.Expires.Equal(at) || string(i.Sealed) != "one" || i.Token != (signin.Token{1}) {
		t.Errorf("%+v, %v", i, err)
	}
	do(t, s.Uninvite(ctx, signin.Token{1}))
	fails(t, s.Uninvite(ctx, signin.Token{1}), signin.ErrNone)
	if all, err := s.Invitations(ctx); err != nil || len(all) != 1 || string(all[0].Sealed) != "two" {
		t.Errorf("%+v, %v", all, err)
	}
}

// atOnce: of many who change the same thing one does, and the others learn of it.
func atOnce(t *testing.T, s signin.Store) {
	ctx := context.WithoutCancel(t.Context())
	do(t, s.Put(ctx, record("a", 1)))
	do(t, s.Invite(ctx, signin.Invited{Token: signin.Token{1}, Sealed: []byte("x")}))
	var mu sync.Mutex
	put, taken := 0, 0
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			p, u := s.Put(ctx, record("a", 2)), s.Uninvite(ctx, signin.Token{1})
			mu.Lock()
			defer mu.Unlock()
			if p == nil {
				put++
			} else if !errors.Is(p, signin.ErrConflict) {
				t.Error(p)
			}
			if u == nil {
				taken++
			} else if !errors.Is(u, signin.ErrNone) {
				t.Error(u)
			}
		})
	}
	all.Wait()
	if put != 1 || taken != 1 {
		t.Errorf("%d wrote, %d took the invitation", put, taken)
	}
}
