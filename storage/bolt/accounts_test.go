package bolt

import (
	"errors"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"go.etcd.io/bbolt"

	"sealpost/account"
	"sealpost/account/storagetest"
)

func newAccounts(t *testing.T) (*DB, account.Store) {
	d := openAt(t, filepath.Join(t.TempDir(), "index"), Options{})
	t.Cleanup(func() { d.Close() })
	return d, d.Accounts()
}

func TestAccounts(t *testing.T) {
	t.Parallel()
	storagetest.Store(t, func(t *testing.T) account.Store {
		_, s := newAccounts(t)
		return s
	})
}

func TestDamagedAccount(t *testing.T) {
	t.Parallel()
	d, s := newAccounts(t)
	if err := s.Put(t.Context(), storagetest.Person("aa", "alice-canary")); err != nil {
		t.Fatal(err)
	}
	damage(t, d, tableAccounts, []byte("aa"))
	for _, read := range []func() error{
		func() error { _, err := s.Account(t.Context(), "aa"); return err },
		func() error { _, err := s.Accounts(t.Context()); return err },
		func() error { return s.Put(t.Context(), storagetest.Person("aa", "alice-canary")) },
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
	old := storagetest.Person("bb", "bob")
	old.Passwords = []account.Password{{Name: "phone", StoredKey: []byte{1}, ServerKey: []byte{2}}}
	row, err := encodeAccount(old)
	if err != nil || strings.Contains(string(row), "encrypt") || strings.Contains(string(row), "file_sent") || strings.Contains(string(row), "limit") || strings.Contains(string(row), "revision") {
		t.Errorf("a row without the fields names them: %v", err)
	}
	if got, err := decodeAccount([]byte("bb"), row); err != nil || !reflect.DeepEqual(got, old) {
		t.Errorf("got %+v, %v", got, err)
	}
}

func fillValue(t *testing.T, v reflect.Value) { storagetest.Fill(t, v) }
