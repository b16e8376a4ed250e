package bolt

import (
	"errors"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"sealpost/account"
	"sealpost/mail"
)

func newAccounts(t *testing.T) (*DB, account.Store) {
	d := openAt(t, filepath.Join(t.TempDir(), "index"), Options{})
	t.Cleanup(func() { d.Close() })
	return d, d.Accounts()
}

func person(id account.ID, locals ...string) account.Account {
	a := account.Account{ID: id, Cert: []byte{1}, Created: time.Unix(1_700_000_000, 0).UTC()}
	for _, local := range locals {
		a.Addresses = append(a.Addresses, mail.Address{Local: local, Domain: "demo.test"})
	}
	return a
}

func TestAccounts(t *testing.T) {
	t.Parallel()
	_, s := newAccounts(t)
	ctx := t.Context()
	key := func(local string) string { return mail.Address{Local: local, Domain: "demo.test"}.Key() }
	find := func(want account.ID, wantErr error, a account.Account, err error) {
		t.Helper()
		if a.ID != want || !errors.Is(err, wantErr) {
			t.Errorf("got %q, %v, want %q, %v", a.ID, err, want, wantErr)
		}
	}
	alice := person("aa", "alice", "al")
	alice.CatchAll = []string{"demo.test"}
	for _, a := range []account.Account{alice, person("bb", "bob")} {
		if err := s.Put(ctx, a); err != nil {
			t.Fatal(err)
		}
	}
	a, err := s.ByAddress(ctx, key("al"))
	find("aa", nil, a, err)
	a, err = s.ByCatchAll(ctx, "demo.test")
	find("aa", nil, a, err)
	a, err = s.Account(ctx, "bb")
	find("bb", nil, a, err)
	a, err = s.ByAddress(ctx, key("carol"))
	find("", account.ErrUnknown, a, err)
	a, err = s.ByCatchAll(ctx, "other.test")
	find("", account.ErrUnknown, a, err)
	a, err = s.Account(ctx, "cc")
	find("", account.ErrUnknown, a, err)

	thief := person("bb", "bob", "AL") // looked up without case
	if err := s.Put(ctx, thief); !errors.Is(err, account.ErrTaken) {
		t.Errorf("an alias was taken twice: %v", err)
	}
	thief = person("bb", "bob")
	thief.CatchAll = []string{"demo.test"}
	if err := s.Put(ctx, thief); !errors.Is(err, account.ErrTaken) {
		t.Errorf("a catch-all was taken twice: %v", err)
	}

	// What an account gives up, another may have.
	if err := s.Put(ctx, person("aa", "alice")); err != nil {
		t.Fatal(err)
	}
	thief.Addresses = append(thief.Addresses, mail.Address{Local: "al", Domain: "demo.test"})
	if err := s.Put(ctx, thief); err != nil {
		t.Fatal(err)
	}
	a, err = s.ByAddress(ctx, key("al"))
	find("bb", nil, a, err)

	if all, err := s.Accounts(ctx); err != nil || len(all) != 2 {
		t.Errorf("listed %v, %v", all, err)
	}
	if err := s.Delete(ctx, "bb"); err != nil {
		t.Fatal(err)
	}
	if err := s.Delete(ctx, "bb"); !errors.Is(err, account.ErrUnknown) {
		t.Errorf("deleted twice: %v", err)
	}
	a, err = s.ByAddress(ctx, key("bob"))
	find("", account.ErrUnknown, a, err)
	a, err = s.ByCatchAll(ctx, "demo.test")
	find("", account.ErrUnknown, a, err)
}

func TestAddressRace(t *testing.T) {
	t.Parallel()
	_, s := newAccounts(t)
	var won atomic.Int32
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			switch err := s.Put(t.Context(), person(account.ID('a'+rune(i)), "same")); {
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

// Whatever account.Account comes to hold is stored: a field that the row does
// not carry fails here.
func TestAccountRowCarriesEverything(t *testing.T) {
	t.Parallel()
	var full account.Account
	fillValue(t, reflect.ValueOf(&full).Elem())
	full.ID = "0123456789abcdef"
	d, s := newAccounts(t)
	if err := s.Put(t.Context(), full); err != nil {
		t.Fatal(err)
	}
	path := d.path
	d.Close()
	d = openAt(t, path, Options{})
	defer d.Close()
	got, err := d.Accounts().Account(t.Context(), full.ID)
	if err != nil || !reflect.DeepEqual(got, full) {
		t.Errorf("%v\nstored %+v\nread   %+v", err, full, got)
	}
}

// fillValue sets every field to something that is not zero.
func fillValue(t *testing.T, v reflect.Value) {
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
			fillValue(t, v.Index(i))
		}
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			fillValue(t, v.Field(i))
		}
	default:
		t.Fatalf("no filling for %s", v.Type())
	}
}

func TestDamagedAccount(t *testing.T) {
	t.Parallel()
	d, s := newAccounts(t)
	if err := s.Put(t.Context(), person("aa", "alice-canary")); err != nil {
		t.Fatal(err)
	}
	damage(t, d, tableAccounts, []byte("aa"))
	for _, read := range []func() error{
		func() error { _, err := s.Account(t.Context(), "aa"); return err },
		func() error { _, err := s.Accounts(t.Context()); return err },
		func() error { return s.Put(t.Context(), person("aa", "alice-canary")) },
	} {
		if err := read(); !errors.Is(err, ErrDamaged) || strings.Contains(err.Error(), "canary") {
			t.Errorf("got %v", err)
		}
	}
}

// damage flips a bit in the middle of a stored row.
func damage(t *testing.T, d *DB, in table, key []byte) {
	t.Helper()
	err := d.submit(t.Context(), newCall(func(tables *tables) (func() error, error) {
		row := append([]byte(nil), tables.get(in, key)...)
		if len(row) == 0 {
			return nil, errors.New("no such row")
		}
		row[len(row)/2] ^= 4
		return func() error { return tables.in(in).Put(key, row) }, nil
	}, nil))
	if err != nil {
		t.Fatal(err)
	}
}

// firstKey is the first key of a bucket.
func firstKey(t *testing.T, d *DB, in table) (key []byte) {
	t.Helper()
	err := d.view(t.Context(), func(tx *bbolt.Tx) error {
		k, _ := tx.Bucket(tableNames[in]).Cursor().First()
		key = append(key, k...)
		return nil
	})
	if err != nil || key == nil {
		t.Fatal("no row", err)
	}
	return key
}

// A row from before a field was known reads as if that were empty.
func TestOldAccountRow(t *testing.T) {
	t.Parallel()
	old := person("bb", "bob")
	old.Passwords = []account.Password{{Name: "phone", StoredKey: []byte{1}, ServerKey: []byte{2}}}
	row, err := encodeAccount(old)
	if err != nil || strings.Contains(string(row), "encrypt") || strings.Contains(string(row), "file_sent") || strings.Contains(string(row), "limit") {
		t.Errorf("a row without the fields names them: %v", err)
	}
	if got, err := decodeAccount([]byte("bb"), row); err != nil || !reflect.DeepEqual(got, old) {
		t.Errorf("got %+v, %v", got, err)
	}
}
