package postgres

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"sealpost/filestore/kept"
	rowstest "sealpost/filestore/kept/storagetest"
	"sealpost/filestore/nodekey"
	"sealpost/mail"
	"sealpost/pgp/discover"
	"sealpost/pgp/discover/storagetest"
	"sealpost/smtp/outbound/route"
	policytest "sealpost/smtp/outbound/route/storagetest"
	"sealpost/storage/postgres/pgtest"
)

// word stands in no row.
const word = "Canary7f3a91c2d4e6"

func newKnown(t *testing.T, key *nodekey.Key) *Known {
	t.Helper()
	d := openAt(t, pgtest.Take(t), Options{Connections: 4})
	t.Cleanup(func() { d.Close() })
	return knownOf(t, d, key)
}

func knownOf(t *testing.T, d *DB, key *nodekey.Key) *Known {
	t.Helper()
	x, err := d.Known(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// closingPeers closes their database.
type closingPeers struct {
	discover.Kept
	d *DB
}

func (c closingPeers) Close() error { return c.d.Close() }

func TestKnownPeers(t *testing.T) {
	t.Parallel()
	for _, isolation := range []string{"read committed", "serializable"} {
		t.Run(isolation, func(t *testing.T) {
			t.Parallel()
			var mu sync.Mutex
			databases, key := map[*testing.T]*pgtest.Database{}, nodekey.Random()
			storagetest.Peers(t, func(t *testing.T) discover.Peers {
				mu.Lock()
				defer mu.Unlock()
				if databases[t] == nil {
					databases[t] = pgtest.Take(t)
				}
				d := openAt(t, databases[t], Options{Isolation: isolation, Connections: 4})
				t.Cleanup(func() { d.Close() })
				return closingPeers{discover.Keep(sealedRows{knownOf(t, d, key)}), d}
			})
		})
	}
}

func TestKnownPeersBounded(t *testing.T) {
	t.Parallel()
	storagetest.Bounded(t, sealedRows{newKnown(t, nodekey.Random())})
}

func TestKnownPolicies(t *testing.T) {
	t.Parallel()
	for _, isolation := range []string{"read committed", "serializable"} {
		t.Run(isolation, func(t *testing.T) {
			t.Parallel()
			var mu sync.Mutex
			databases, key := map[*testing.T]*pgtest.Database{}, nodekey.Random()
			policytest.Policies(t, func(t *testing.T, l policytest.Limits) (route.PolicyStore, func() error) {
				mu.Lock()
				defer mu.Unlock()
				if databases[t] == nil {
					databases[t] = pgtest.Take(t)
				}
				d := openAt(t, databases[t], Options{Isolation: isolation, Connections: 4})
				t.Cleanup(func() { d.Close() })
				return route.Kept{Rows: sealedRows{knownOf(t, d, key)}, Max: l.Max, Aside: l.Aside, Now: l.Now}, d.Close
			})
		})
	}
}

// Nodes that start at once agree on their secret, and none is ever made again; who moves in
// with one of its own has it hold only where there is none.
func TestKnownSecret(t *testing.T) {
	t.Parallel()
	for _, isolation := range []string{"read committed", "serializable"} {
		t.Run(isolation, func(t *testing.T) {
			t.Parallel()
			database, key := pgtest.Take(t), nodekey.Random()
			secrets := make([][]byte, 8)
			var all sync.WaitGroup
			for i := range secrets {
				d := openAt(t, database, Options{Isolation: isolation, Connections: 2})
				defer d.Close()
				x := knownOf(t, d, key)
				all.Go(func() {
					var err error
					if secrets[i], err = x.Secret(context.Background()); err != nil {
						t.Errorf("node %d: %v", i, err)
					}
				})
			}
			all.Wait()
			for i, s := range secrets {
				if !bytes.Equal(s, secrets[0]) || len(s) != secretSize || bytes.Equal(s, make([]byte, secretSize)) {
					t.Errorf("node %d has a secret of %d octets that is another one: %v", i, len(s), !bytes.Equal(s, secrets[0]))
				}
			}
			d := openAt(t, database, Options{})
			defer d.Close()
			if s, err := knownOf(t, d, key).ShareSecret(t.Context(), bytes.Repeat([]byte{1}, secretSize)); err != nil || !bytes.Equal(s, secrets[0]) {
				t.Errorf("who came later has its own: %v", err)
			}
		})
	}
	mine := bytes.Repeat([]byte{1}, secretSize)
	x := newKnown(t, nodekey.Random())
	if _, err := x.ShareSecret(t.Context(), mine[1:]); err == nil {
		t.Error("a short secret is shared")
	}
	for range 2 {
		if s, err := x.ShareSecret(t.Context(), mine); err != nil || !bytes.Equal(s, mine) {
			t.Errorf("who came first has another one: %v", err)
		}
	}
	if s, err := x.Secret(t.Context()); err != nil || !bytes.Equal(s, mine) {
		t.Errorf("another node has another one: %v", err)
	}
}

func TestKnownRows(t *testing.T) {
	t.Parallel()
	for name, suite := range map[string]func(*testing.T, rowstest.Open){"values": rowstest.Values, "papers": rowstest.Papers} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			key := nodekey.Random()
			var mu sync.Mutex
			databases := map[*testing.T]*pgtest.Database{}
			suite(t, func(t *testing.T) (kept.Rows, func() error) {
				mu.Lock()
				defer mu.Unlock()
				if databases[t] == nil {
					databases[t] = pgtest.Take(t)
				}
				d := openAt(t, databases[t], Options{Connections: 4})
				t.Cleanup(func() { d.Close() })
				return sealedRows{knownOf(t, d, key)}, d.Close
			})
		})
	}
}

// F03: what is forgotten of an account has no row any more, and what is another's stays.
func TestKnownForgets(t *testing.T) {
	t.Parallel()
	x := newKnown(t, nodekey.Random())
	rowstest.FillPapers(t, x.Papers(), word)
	for _, account := range []string{"alice", "bob"} {
		if err := x.Peers().PutPeer(t.Context(), account, storagetest.Sample("carol@example.org")); err != nil {
			t.Fatal(err)
		}
	}
	before := countSealed(t, x.d)
	if err := errors.Join(x.Papers().Forget(t.Context(), "alice"), x.Peers().ForgetPeers(t.Context(), "alice")); err != nil {
		t.Fatal(err)
	}
	if n := before - countSealed(t, x.d); n != 4 {
		t.Errorf("%d rows went, want 4", n)
	}
	if got, err := x.Papers().Drawer("rules").Get(t.Context(), "bob", ""); err != nil || got == nil {
		t.Errorf("another's paper: %q, %v", got, err)
	}
}

func countSealed(t *testing.T, d *DB) (n int) {
	t.Helper()
	if err := d.pool.QueryRow(t.Context(), `select count(*) from sealed`).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// F01: neither an address nor a key, an account nor a value can be read in the rows.
func TestKnownIsSealed(t *testing.T) {
	t.Parallel()
	x := newKnown(t, nodekey.Random())
	rowstest.FillPapers(t, x.Papers(), word)
	p := discover.Peer{Address: mail.Address{Local: word, Domain: strings.ToLower(word) + ".example"}, Cert: []byte(word), Source: discover.Manual}
	policy := route.Policy{Domain: word, ID: word, MX: []string{word}}
	_, err := x.ShareSecret(t.Context(), []byte(word + word)[:secretSize])
	if err := errors.Join(err, x.Peers().PutPeer(t.Context(), word, p), x.Values().Put(t.Context(), word, []byte(word)), x.Policies().KeepPolicy(t.Context(), policy),
		x.Keys("dkim").Put(t.Context(), word, []byte(word))); err != nil {
		t.Fatal(err)
	}
	found, err := x.d.pool.Query(t.Context(), `select kind || encode(key, 'escape') || encode(row_, 'escape') from sealed`)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := pgx.CollectRows(found, pgx.RowTo[string])
	if err != nil || len(rows) != 12 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	for _, row := range rows {
		for _, name := range []string{word, strings.ToLower(word), "alice", "carol", "dkim"} {
			if strings.Contains(row, name) {
				t.Errorf("a row can be read: it has %s", name)
			}
		}
	}
}

// A row that was changed, or put in another's place, is an error that quotes nothing of it;
// a list goes on without it.
func TestKnownDamaged(t *testing.T) {
	t.Parallel()
	x := newKnown(t, nodekey.Random())
	p := x.Peers()
	one, two := storagetest.Sample("one@example.org"), storagetest.Sample("two@example.org")
	for _, peer := range []discover.Peer{one, two} {
		if err := p.PutPeer(t.Context(), "a", peer); err != nil {
			t.Fatal(err)
		}
	}
	at := func(p discover.Peer) []byte {
		return append(x.name("peer account", "a"), x.name("peer address a", p.Address.Key())...)
	}
	moved, err := x.row(t.Context(), string(kept.TablePeers), at(two))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := x.d.pool.Exec(t.Context(), `update sealed set row_ = $2 where key = $1`, at(one), moved); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Peer(t.Context(), "a", one.Address); !errors.Is(err, nodekey.ErrSeal) || !errors.Is(err, ErrDamaged) || strings.Contains(err.Error(), "example") {
		t.Errorf("a row in another's place: %v", err)
	}
	if list, err := p.Peers(t.Context(), "a"); err != nil || len(list) != 1 {
		t.Errorf("%d peers are listed, %v", len(list), err)
	}
}

// Nodes that start at once on a new database agree on its key, and a node with another one is
// told so.
func TestKnownOtherKey(t *testing.T) {
	t.Parallel()
	d := openAt(t, pgtest.Take(t), Options{Connections: 8})
	defer d.Close()
	keys := []*nodekey.Key{nodekey.Random(), nodekey.Random()}
	errs := make([]error, 12)
	var all sync.WaitGroup
	for i := range errs {
		all.Go(func() { _, errs[i] = d.Known(context.Background(), keys[i%2]) })
	}
	all.Wait()
	refused := 0
	for i, err := range errs {
		if (err == nil) != (errs[i%2] == nil) || err != nil && !errors.Is(err, ErrOtherKey) {
			t.Errorf("node %d: %v", i, err)
		}
		if err != nil {
			refused++
		}
	}
	if refused != len(errs)/2 {
		t.Errorf("%d of %d nodes were refused", refused, len(errs))
	}
}

func TestPrefixes(t *testing.T) {
	t.Parallel()
	for prefix, want := range map[string]string{"\x00": "\x01", "a\xff": "b", "a\xfe\xff\xff": "a\xff"} {
		if got := after([]byte(prefix)); string(got) != want {
			t.Errorf("after %x is %x, want %x", prefix, got, want)
		}
	}
	if got := after([]byte{0xff, 0xff}); bytes.Compare(got, bytes.Repeat([]byte{0xff}, 32)) <= 0 {
		t.Errorf("after the last is %s", fmt.Sprintf("%x", got))
	}
}
