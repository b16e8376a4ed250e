// Package storagetest checks that an engine keeps accounts as package account needs it.
// It knows nothing of any engine.
package storagetest

import (
	"errors"
	"reflect"
	"slices"
	"testing"
	"time"

	"sealpost/account"
	"sealpost/mail"
)

// Store runs every check, each on a store of its own. What open gives may be several nodes
// that take turns.
func Store(t *testing.T, open func(t *testing.T) account.Store) {
	for name, check := range map[string]func(*testing.T, account.Store){
		"found": found, "refused": refused, "revisions": revisions, "former": former, "everything": everything,
		"one address at once": oneAddress, "one account at once": oneAccount, "many at once": many,
		"books": books, "removed": removed,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			check(t, open(t))
		})
	}
}

const domain = "demo.test"

func address(local string) mail.Address { return mail.Address{Local: local, Domain: domain} }

func key(local string) string { return address(local).Key() }

// Person is an account that was not stored yet.
func Person(id account.ID, locals ...string) account.Account {
	a := account.Account{ID: id, Cert: []byte{1}, Created: time.Unix(1_700_000_000, 0).UTC()}
	for _, local := range locals {
		a.Addresses = append(a.Addresses, address(local))
	}
	return a
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

// stored is an account as it is now, to be changed.
func stored(t *testing.T, s account.Store, id account.ID) account.Account {
	t.Helper()
	a, err := s.Account(t.Context(), id)
	do(t, err)
	return a
}

// is wants an account, or ErrUnknown where id is empty.
func is(t *testing.T, id account.ID) func(account.Account, error) {
	return func(a account.Account, err error) {
		t.Helper()
		if a.ID != id || (id == "") != errors.Is(err, account.ErrUnknown) || id != "" && err != nil {
			t.Errorf("got %q, %v, want %q", a.ID, err, id)
		}
	}
}

func found(t *testing.T, s account.Store) {
	ctx := t.Context()
	alice := Person("aa", "alice", "al")
	alice.CatchAll = []string{domain}
	do(t, s.Put(ctx, alice))
	do(t, s.Put(ctx, Person("bb", "bob")))
	is(t, "aa")(s.ByAddress(ctx, key("al")))
	is(t, "aa")(s.ByAddress(ctx, key("AL")))
	is(t, "aa")(s.ByCatchAll(ctx, domain))
	is(t, "bb")(s.Account(ctx, "bb"))
	is(t, "bb")(s.ByAddress(ctx, key("bob")))
	for _, nobody := range []string{"carol", "", "a\x00b", "\xff"} {
		is(t, "")(s.ByAddress(ctx, nobody))
		is(t, "")(s.ByCatchAll(ctx, nobody))
		is(t, "")(s.Account(ctx, account.ID(nobody)))
	}
	if all, err := s.Accounts(ctx); err != nil || len(all) != 2 || !reflect.DeepEqual(all[slices.IndexFunc(all, func(a account.Account) bool { return a.ID == "aa" })], stored(t, s, "aa")) {
		t.Errorf("listed %v, %v", all, err)
	}
	do(t, s.Delete(ctx, "bb"))
	fails(t, s.Delete(ctx, "bb"), account.ErrUnknown)
	fails(t, s.Delete(ctx, ""), account.ErrUnknown)
	is(t, "")(s.Account(ctx, "bb"))
	is(t, "")(s.ByAddress(ctx, key("bob")))
	is(t, "aa")(s.ByAddress(ctx, key("alice")))
	do(t, s.Delete(ctx, "aa"))
	is(t, "")(s.ByCatchAll(ctx, domain))
	if all, err := s.Accounts(ctx); err != nil || len(all) > 0 {
		t.Errorf("%d are left, %v", len(all), err)
	}
}

// refused: what is another's, and then nothing else of it is stored either.
func refused(t *testing.T, s account.Store) {
	ctx := t.Context()
	alice := Person("aa", "alice", "al")
	alice.CatchAll = []string{domain}
	do(t, s.Put(ctx, alice))
	do(t, s.Put(ctx, Person("bb", "bob")))
	thief := stored(t, s, "bb")
	thief.Addresses = append(thief.Addresses, address("mine"), address("AL")) // looked up without case
	thief.Quota = 7
	fails(t, s.Put(ctx, thief), account.ErrTaken)
	thief.Addresses, thief.CatchAll = thief.Addresses[:2], []string{"other.test", domain}
	fails(t, s.Put(ctx, thief), account.ErrTaken)
	fails(t, s.Put(ctx, Person("cc", "carol", "alice")), account.ErrTaken)
	is(t, "")(s.ByAddress(ctx, key("mine")))
	is(t, "")(s.ByCatchAll(ctx, "other.test"))
	is(t, "")(s.ByAddress(ctx, key("carol")))
	is(t, "")(s.Account(ctx, "cc"))
	is(t, "aa")(s.ByAddress(ctx, key("al")))
	is(t, "aa")(s.ByCatchAll(ctx, domain))
	if b := stored(t, s, "bb"); b.Quota != 0 || b.Revision != 1 {
		t.Errorf("a refused change left %+v", b)
	}
	for _, bad := range []account.Account{Person("", "nobody"), {ID: "dd", CatchAll: []string{""}}} {
		if s.Put(ctx, bad) == nil {
			t.Errorf("%+v was stored", bad)
		}
	}
	// What an account gives up, and nobody remembers, another may have.
	alice = stored(t, s, "aa")
	alice.Addresses, alice.CatchAll = alice.Addresses[:1], nil
	do(t, s.Put(ctx, alice))
	thief.Addresses[1] = address("al")
	do(t, s.Put(ctx, thief))
	is(t, "bb")(s.ByAddress(ctx, key("al")))
	is(t, "bb")(s.ByCatchAll(ctx, domain))
}

// revisions: nobody undoes what somebody else did since they read.
func revisions(t *testing.T, s account.Store) {
	ctx := t.Context()
	do(t, s.Put(ctx, Person("aa", "alice")))
	fails(t, s.Put(ctx, Person("aa", "other")), account.ErrConflict)
	first := stored(t, s, "aa")
	second := stored(t, s, "aa")
	first.Quota = 1
	second.Quota = 2
	second.Addresses = append(second.Addresses, address("al"))
	do(t, s.Put(ctx, first))
	fails(t, s.Put(ctx, second), account.ErrConflict)
	second.Revision = 9
	fails(t, s.Put(ctx, second), account.ErrConflict)
	is(t, "")(s.ByAddress(ctx, key("al")))
	is(t, "")(s.ByAddress(ctx, key("other")))
	now := stored(t, s, "aa")
	if now.Quota != 1 || now.Revision != 2 {
		t.Errorf("stored %+v", now)
	}
	// Who is removed does not come back by a change that began before.
	do(t, s.Delete(ctx, "aa"))
	fails(t, s.Put(ctx, now), account.ErrConflict)
	is(t, "")(s.Account(ctx, "aa"))
	is(t, "")(s.ByAddress(ctx, key("alice")))
}

// former: an address that was somebody's is nobody else's, whether they gave it up or
// are gone, until it is free.
func former(t *testing.T, s account.Store) {
	ctx := t.Context()
	was := func(local string, want account.ID) {
		t.Helper()
		id, err := s.Former(ctx, key(local))
		if want == "" {
			fails(t, err, account.ErrUnknown)
		} else if id != want || err != nil {
			t.Errorf("%s was %q's, %v, want %q's", local, id, err, want)
		}
	}
	do(t, s.Put(ctx, Person("aa", "alice", "al")))
	was("al", "")
	giveUp := func() {
		t.Helper()
		a := stored(t, s, "aa")
		a.Addresses, a.Former = a.Addresses[:1], []mail.Address{address("al")}
		do(t, s.Put(ctx, a))
	}
	giveUp()
	was("al", "aa")
	was("AL", "aa")
	is(t, "")(s.ByAddress(ctx, key("al")))
	fails(t, s.Put(ctx, Person("bb", "bob", "al")), account.ErrFormer)
	is(t, "")(s.Account(ctx, "bb"))
	do(t, s.Free(ctx, key("al"))) // not of who is still there
	was("al", "aa")
	back := stored(t, s, "aa")
	back.Addresses, back.Former = append(back.Addresses, address("al")), nil
	do(t, s.Put(ctx, back))
	was("al", "")
	giveUp()
	do(t, s.Delete(ctx, "aa"))
	for _, local := range []string{"alice", "al"} {
		if _, err := s.Former(ctx, key(local)); err != nil {
			t.Errorf("%s was nobody's: %v", local, err)
		}
		fails(t, s.Put(ctx, Person("bb", "bob", local)), account.ErrFormer)
		fails(t, s.Put(ctx, Person("aa", local)), account.ErrFormer)
	}
	do(t, s.Free(ctx, key("al")))
	do(t, s.Free(ctx, key("nobody")))
	was("al", "")
	do(t, s.Put(ctx, Person("bb", "bob", "al")))
	fails(t, s.Put(ctx, Person("cc", "alice")), account.ErrFormer)
}

// everything: whatever account.Account comes to hold is stored.
func everything(t *testing.T, s account.Store) {
	var full account.Account
	Fill(t, reflect.ValueOf(&full).Elem())
	full.ID, full.Revision = "0123456789abcdef", 0
	for range 2 {
		do(t, s.Put(t.Context(), full))
		full.Revision++
		if got := stored(t, s, full.ID); !reflect.DeepEqual(got, full) {
			t.Errorf("stored %+v\nread   %+v", full, got)
		}
	}
}

// Fill sets every field to something that is not zero.
func Fill(t *testing.T, v reflect.Value) {
	switch {
	case v.Type() == reflect.TypeFor[time.Time]():
		v.Set(reflect.ValueOf(time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)))
	case v.Kind() == reflect.String:
		v.SetString("word")
	case v.CanInt():
		v.SetInt(7)
	case v.CanUint():
		v.SetUint(7)
	case v.Kind() == reflect.Bool:
		v.SetBool(true)
	case v.Kind() == reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range v.Len() {
			Fill(t, v.Index(i))
		}
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			Fill(t, v.Field(i))
		}
	default:
		t.Fatalf("no filling for %s", v.Type())
	}
}
