package bolt

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"

	"go.etcd.io/bbolt"

	"sealpost/cmd/sealpost/prove"
	"sealpost/filestore/kept"
	rowstest "sealpost/filestore/kept/storagetest"
	"sealpost/filestore/nodekey"
	"sealpost/mail"
	"sealpost/pgp/discover"
	"sealpost/pgp/discover/storagetest"
	"sealpost/smtp/outbound/route"
	policytest "sealpost/smtp/outbound/route/storagetest"
)

// The word that no file may hold: letters and digits, as prove wants them.
const word = "Canary7f3a91c2d4e6"

func openKnownAt(t testing.TB, path string, k *nodekey.Key, o Options) *Known {
	t.Helper()
	x, err := OpenKnown(path, k, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { x.Close() })
	return x
}

func newKnown(t testing.TB) *Known {
	return openKnownAt(t, filepath.Join(t.TempDir(), "known.db"), nodekey.Random(), Options{})
}

// closingPeers closes their file.
type closingPeers struct {
	discover.Kept
	known *Known
}

func (c closingPeers) Close() error { return c.known.Close() }

func TestPeers(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	paths, key := map[*testing.T]string{}, nodekey.Random()
	storagetest.Peers(t, func(t *testing.T) discover.Peers {
		mu.Lock()
		defer mu.Unlock()
		if paths[t] == "" {
			paths[t] = filepath.Join(t.TempDir(), "known.db")
		}
		x := openKnownAt(t, paths[t], key, Options{})
		return closingPeers{discover.Keep(sealedRows{x}), x}
	})
}

// Everything that Peer comes to hold is stored: a field that the row does not
// carry fails here.
func TestPeerRowCarriesEverything(t *testing.T) {
	t.Parallel()
	var full discover.Peer
	fillValue(t, reflect.ValueOf(&full).Elem())
	p := newKnown(t).Peers()
	if err := p.PutPeer(t.Context(), "a", full); err != nil {
		t.Fatal(err)
	}
	if got, err := p.Peer(t.Context(), "a", full.Address); err != nil || !reflect.DeepEqual(got, full) {
		t.Errorf("%v\nstored %+v\nread   %+v", err, full, got)
	}
}

func TestPolicies(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	paths, key := map[*testing.T]string{}, nodekey.Random()
	policytest.Policies(t, func(t *testing.T, l policytest.Limits) (route.PolicyStore, func() error) {
		mu.Lock()
		defer mu.Unlock()
		if paths[t] == "" {
			paths[t] = filepath.Join(t.TempDir(), "known.db")
		}
		x := openKnownAt(t, paths[t], key, Options{})
		return route.Kept{Rows: sealedRows{x}, Max: l.Max, Aside: l.Aside, Now: l.Now}, x.Close
	})
}

func TestValues(t *testing.T) {
	t.Parallel()
	path, key := filepath.Join(t.TempDir(), "known.db"), nodekey.Random()
	rowstest.Values(t, func(t *testing.T) (kept.Rows, func() error) {
		x := openKnownAt(t, path, key, Options{})
		return x.Values().Rows, x.Close
	})
}

func TestPeersBounded(t *testing.T) {
	t.Parallel()
	storagetest.Bounded(t, sealedRows{newKnown(t)})
}

func peerKey(x *Known, account string, a mail.Address) []byte {
	return append(x.name("peer account", account), x.name("peer address "+account, a.Key())...)
}

// F01: neither an address nor a key, a domain nor a value can be read in the file,
// and F03: what is forgotten is not in it at all after a compaction.
func TestKnownIsSealed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path, key := filepath.Join(dir, "known.db"), nodekey.Random()
	x := openKnownAt(t, path, key, Options{})
	p := discover.Peer{Address: mail.Address{Local: word, Domain: strings.ToLower(word) + ".example"}, Cert: []byte(word), Source: discover.Manual}
	for i := range 50 {
		p.Changes = append(p.Changes[:0], discover.Change{Fingerprint: word, Cert: []byte(fmt.Sprint(word, i))})
		if err := x.Peers().PutPeer(t.Context(), word+fmt.Sprint(i%2), p); err != nil {
			t.Fatal(err)
		}
	}
	if err := x.Policies().KeepPolicy(t.Context(), route.Policy{Domain: word, MX: []string{word}}); err != nil {
		t.Fatal(err)
	}
	if err := x.Values().Put(t.Context(), word, []byte(word)); err != nil {
		t.Fatal(err)
	}
	r, err := prove.Scan(t.Context(), []string{dir}, []string{word, strings.ToLower(word)})
	if err != nil || len(r.Hits) > 0 || r.Files == 0 {
		t.Errorf("%v, %d files: %v", err, r.Files, r.Hits)
	}
	var row []byte
	peerKey := peerKey(x, word+"1", p.Address)
	x.view(t.Context(), func(tx *bbolt.Tx) error {
		row = bytes.Clone(tx.Bucket(tableNames[tablePeers]).Get(peerKey))
		return nil
	})
	if err := x.Peers().ForgetPeers(t.Context(), word+"1"); err != nil {
		t.Fatal(err)
	}
	if !fileHolds(t, path, string(row[100:140])) { // the control
		t.Error("free pages hold nothing before the compaction")
	}
	if err := x.Compact(t.Context()); err != nil {
		t.Fatal(err)
	}
	x.retired.Wait()
	if fileHolds(t, path, string(row[100:140])) || fileHolds(t, path, string(peerKey[:16])) {
		t.Error("the file holds what was forgotten")
	}
	if _, err := x.Peers().Peer(t.Context(), word+"0", p.Address); err != nil {
		t.Errorf("the other account's peer: %v", err)
	}
	if _, err := x.Peers().Peer(t.Context(), word+"1", p.Address); !errors.Is(err, discover.ErrNoKey) {
		t.Errorf("the forgotten one: %v", err)
	}
}

// A file says that it is under another key; it is never taken for empty.
func TestOtherKey(t *testing.T) {
	t.Parallel()
	path, key := filepath.Join(t.TempDir(), "known.db"), nodekey.Random()
	openKnownAt(t, path, key, Options{}).Close()
	if _, err := OpenKnown(path, nodekey.Random(), Options{}); !errors.Is(err, ErrOtherKey) {
		t.Errorf("known, another key: %v", err)
	}
	openKnownAt(t, path, key, Options{}).Close()
	path = filepath.Join(t.TempDir(), "queue.db")
	openQueueAt(t, path, key).Close()
	if _, err := OpenQueue(path, nodekey.Random(), Options{}); !errors.Is(err, ErrOtherKey) {
		t.Errorf("queue, another key: %v", err)
	}
	if _, err := OpenKnown(path, key, Options{}); !errors.Is(err, ErrDamaged) {
		t.Errorf("a queue as what is known: %v", err)
	}
	openQueueAt(t, path, key).Close()
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

// A row that was changed, or put in another's place, is an error, and no word of
// it is in the error's text; a list goes on without it.
func TestKnownDamaged(t *testing.T) {
	t.Parallel()
	x := newKnown(t)
	p := discover.Peer{Address: mail.Address{Local: word, Domain: "example.org"}, Cert: []byte(word), Source: discover.Manual}
	q := p
	q.Address.Local = "other"
	for _, peer := range []discover.Peer{p, q} {
		if err := x.Peers().PutPeer(t.Context(), "a", peer); err != nil {
			t.Fatal(err)
		}
	}
	a, b := peerKey(x, "a", p.Address), peerKey(x, "a", q.Address)
	err := x.submit(t.Context(), newCall(func(t *tables) (func() error, error) {
		body, _ := unsealRow(tablePeers, b, t.get(tablePeers, b))
		moved := sealRow(tablePeers, a, append(newRow(len(body)), body...)) // with a checksum that is right
		return func() error { return t.in(tablePeers).Put(a, moved) }, nil
	}, nil))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := x.Peers().Peer(t.Context(), "a", p.Address); !errors.Is(err, nodekey.ErrSeal) || strings.Contains(err.Error(), word) {
		t.Errorf("moved: %v", err)
	}
	damage(t, x.DB, tablePeers, b)
	if _, err := x.Peers().Peer(t.Context(), "a", q.Address); !errors.Is(err, ErrDamaged) {
		t.Errorf("damaged: %v", err)
	}
	if list, err := x.Peers().Peers(t.Context(), "a"); err != nil || len(list) != 0 {
		t.Errorf("%v, %v", list, err)
	}
	if err := x.Peers().PutPeer(t.Context(), "a", p); err != nil {
		t.Fatal(err)
	}
	if list, err := x.Peers().Peers(t.Context(), "a"); err != nil || len(list) != 1 {
		t.Errorf("mended: %v, %v", list, err)
	}
}
