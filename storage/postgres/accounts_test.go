package postgres

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"sealpost/account"
	"sealpost/account/signin"
	signins "sealpost/account/signin/storagetest"
	people "sealpost/account/storagetest"
	"sealpost/mail"
	"sealpost/storage/postgres/pgtest"
)

// onNodes runs a suite on one node and on three that take turns, at both isolations.
func onNodes(t *testing.T, suite func(t *testing.T, open func(t *testing.T) *turns)) {
	for _, isolation := range []string{"read committed", "serializable"} {
		for _, nodes := range []int{1, 3} {
			t.Run(fmt.Sprint(isolation, " ", nodes), func(t *testing.T) {
				t.Parallel()
				suite(t, func(t *testing.T) *turns {
					database := pgtest.Take(t)
					x := &turns{}
					for range nodes {
						d := openAt(t, database, Options{Isolation: isolation, Connections: 4})
						t.Cleanup(func() { d.Close() })
						x.nodes = append(x.nodes, d)
					}
					t.Cleanup(func() { checkPeople(t, x.nodes[0]) })
					return x
				})
			})
		}
	}
}

func TestAccounts(t *testing.T) {
	t.Parallel()
	onNodes(t, func(t *testing.T, open func(*testing.T) *turns) {
		people.Store(t, func(t *testing.T) account.Store { return accountTurns{open(t)} })
	})
}

func TestSignIns(t *testing.T) {
	t.Parallel()
	onNodes(t, func(t *testing.T, open func(*testing.T) *turns) {
		signins.Store(t, func(t *testing.T) signin.Store { return signInTurns{open(t)} })
	})
}

// turns are nodes of which each call asks the next one.
type turns struct {
	nodes []*DB
	n     atomic.Uint64
}

func (x *turns) next() *DB { return x.nodes[x.n.Add(1)%uint64(len(x.nodes))] }

type accountTurns struct{ *turns }

func (x accountTurns) Account(ctx context.Context, id account.ID) (account.Account, error) {
	return x.next().Accounts().Account(ctx, id)
}

func (x accountTurns) ByAddress(ctx context.Context, key string) (account.Account, error) {
	return x.next().Accounts().ByAddress(ctx, key)
}

func (x accountTurns) ByCatchAll(ctx context.Context, domain string) (account.Account, error) {
	return x.next().Accounts().ByCatchAll(ctx, domain)
}

func (x accountTurns) Accounts(ctx context.Context) ([]account.Account, error) {
	return x.next().Accounts().Accounts(ctx)
}

func (x accountTurns) Put(ctx context.Context, a account.Account) error {
	return x.next().Accounts().Put(ctx, a)
}

func (x accountTurns) Delete(ctx context.Context, id account.ID) error {
	return x.next().Accounts().Delete(ctx, id)
}

func (x accountTurns) Former(ctx context.Context, key string) (account.ID, error) {
	return x.next().Accounts().Former(ctx, key)
}

func (x accountTurns) Free(ctx context.Context, key string) error {
	return x.next().Accounts().Free(ctx, key)
}

type signInTurns struct{ *turns }

func (x signInTurns) Record(ctx context.Context, id account.ID) (signin.Record, error) {
	return x.next().SignIns().Record(ctx, id)
}

func (x signInTurns) ByToken(ctx context.Context, t signin.Token) (signin.Record, error) {
	return x.next().SignIns().ByToken(ctx, t)
}

func (x signInTurns) Records(ctx context.Context) ([]account.ID, error) {
	return x.next().SignIns().Records(ctx)
}

func (x signInTurns) Put(ctx context.Context, r signin.Record) error {
	return x.next().SignIns().Put(ctx, r)
}

func (x signInTurns) Delete(ctx context.Context, id account.ID) error {
	return x.next().SignIns().Delete(ctx, id)
}

func (x signInTurns) Invite(ctx context.Context, i signin.Invited) error {
	return x.next().SignIns().Invite(ctx, i)
}

func (x signInTurns) Invitation(ctx context.Context, t signin.Token) (signin.Invited, error) {
	return x.next().SignIns().Invitation(ctx, t)
}

func (x signInTurns) Uninvite(ctx context.Context, t signin.Token) error {
	return x.next().SignIns().Uninvite(ctx, t)
}

func (x signInTurns) Invitations(ctx context.Context) ([]signin.Invited, error) {
	return x.next().SignIns().Invitations(ctx)
}

// pairs are the rows of a statement that has two columns.
func pairs(t *testing.T, d *DB, sql string) (all []string) {
	t.Helper()
	found, err := d.pool.Query(context.Background(), sql)
	if err == nil {
		var key, value string
		_, err = pgx.ForEachRow(found, []any{&key, &value}, func() error {
			all = append(all, key+" "+value)
			return nil
		})
	}
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	slices.Sort(all)
	return all
}

// checkPeople: the keys of accounts and sign-ins are those that their records have.
func checkPeople(t *testing.T, d *DB) {
	t.Helper()
	want := map[string][]string{}
	note := func(table, key string, id account.ID) { want[table] = append(want[table], key+" "+string(id)) }
	all, err := d.Accounts().Accounts(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range all {
		l, err := linksOf(a)
		if err != nil {
			t.Fatal(err)
		}
		for _, key := range l.addresses {
			note("addresses", key, a.ID)
		}
		for _, key := range l.domains {
			note("domains", key, a.ID)
		}
		for _, sum := range l.former {
			note("former", hex.EncodeToString(sum), a.ID)
		}
	}
	ids, err := d.SignIns().Records(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		r, err := d.SignIns().Record(context.Background(), id)
		if err != nil {
			t.Fatal(err)
		}
		for _, token := range r.Tokens {
			note("tokens", hex.EncodeToString(token[:]), id)
		}
	}
	for table, sql := range map[string]string{
		"addresses": `select address, account from addresses`,
		"domains":   `select domain, account from domains`,
		"former":    `select encode(sum, 'hex'), account from former where account <> ''`,
		"tokens":    `select encode(token, 'hex'), account from tokens`,
	} {
		slices.Sort(want[table])
		if got := pairs(t, d, sql); !slices.Equal(got, want[table]) {
			t.Errorf("%s are %v, and by the records %v", table, got, want[table])
		}
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Of who is removed no row says anything.
func TestRemovedAccountLeavesNothing(t *testing.T) {
	t.Parallel()
	d, ctx := openAt(t, pgtest.Take(t), Options{}), t.Context()
	defer d.Close()
	const id = "c0ffee0123456789"
	a := people.Person(id, "canary", "canary-alias")
	a.CatchAll = []string{"canary.test"}
	a.Passwords = []account.Password{{Name: "canary-phone"}}
	must(t, d.Accounts().Put(ctx, a))
	a.Revision, a.Addresses = 1, a.Addresses[:1]
	a.Former = []mail.Address{{Local: "canary-alias", Domain: "demo.test"}}
	must(t, d.Accounts().Put(ctx, a))
	must(t, d.SignIns().Put(ctx, signin.Record{Account: id, Revision: 1, Tokens: []signin.Token{{0xca, 0xfe, 0xca, 0xfe}}, Keys: []byte("canary"), Sealed: []byte("canary")}))
	words := []string{"canary", hex.EncodeToString([]byte("canary")), id, "cafecafe"}
	for i, word := range words {
		if n := rowsWith(t, d, word); n == 0 {
			t.Errorf("word %d is not found while it is there", i)
		}
	}
	must(t, d.SignIns().Delete(ctx, id))
	must(t, d.Accounts().Delete(ctx, id))
	for _, word := range words {
		if n := rowsWith(t, d, word); n > 0 {
			t.Errorf("%q is in %d rows", word, n)
		}
	}
	if n := len(pairs(t, d, `select encode(sum, 'hex'), account from former`)); n != 2 {
		t.Errorf("%d addresses are remembered, want 2", n)
	}
}

// rowsWith counts rows in which a word stands, of all tables.
func rowsWith(t *testing.T, d *DB, word string) (n int) {
	t.Helper()
	for _, table := range pairs(t, d, `select tablename, '' from pg_tables where schemaname = 'public'`) {
		var found int
		sql := `select count(*) from ` + strings.TrimSpace(table) + ` x where strpos(x::text, $1) > 0`
		if err := d.pool.QueryRow(t.Context(), sql, word).Scan(&found); err != nil {
			t.Fatal(err)
		}
		n += found
	}
	return n
}

func TestDamagedPeople(t *testing.T) {
	t.Parallel()
	d, ctx := openAt(t, pgtest.Take(t), Options{}), t.Context()
	defer d.Close()
	must(t, d.Accounts().Put(ctx, people.Person("aa", "alice-canary")))
	must(t, d.SignIns().Put(ctx, signin.Record{Account: "aa", Revision: 1, Tokens: []signin.Token{{1}}}))
	for _, sql := range []string{
		`update accounts set record = substr(record, 2)`, `update signins set tokens = substr(tokens, 2)`,
		`insert into invitations values ('short', 1, '')`,
	} {
		if _, err := d.pool.Exec(ctx, sql); err != nil {
			t.Fatal(err)
		}
	}
	again := people.Person("aa", "alice-canary")
	again.Revision = 1
	for what, read := range map[string]func() error{
		"account":     func() error { _, err := d.Accounts().Account(ctx, "aa"); return err },
		"address":     func() error { _, err := d.Accounts().ByAddress(ctx, again.Addresses[0].Key()); return err },
		"accounts":    func() error { _, err := d.Accounts().Accounts(ctx); return err },
		"put":         func() error { return d.Accounts().Put(ctx, again) },
		"sign-in":     func() error { _, err := d.SignIns().Record(ctx, "aa"); return err },
		"token":       func() error { _, err := d.SignIns().ByToken(ctx, signin.Token{1}); return err },
		"invitations": func() error { _, err := d.SignIns().Invitations(ctx); return err },
	} {
		if err := read(); !errors.Is(err, ErrDamaged) || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// No statement goes through a table but the lists of all.
func TestPlansOfPeople(t *testing.T) {
	t.Parallel()
	database := pgtest.Take(t)
	maker := openAt(t, database, Options{Connections: 1})
	looker := openAt(t, database, Options{Connections: 1})
	defer looker.Close()
	end(t, maker, looker) // making an index goes through its table
	scanned := func() (n int) {
		const sql = `select sum(seq_scan) from pg_stat_user_tables where relname in ('accounts', 'addresses', 'former', 'domains', 'signins', 'tokens', 'invitations')`
		must(t, looker.pool.QueryRow(t.Context(), sql).Scan(&n))
		return n
	}
	for _, analyzed := range []bool{false, true} {
		if analyzed {
			_, err := looker.pool.Exec(t.Context(), "analyze")
			must(t, err)
		}
		d, before := openAt(t, database, Options{Connections: 1}), scanned()
		for i := range 40 {
			everythingOfPeople(t, d, account.ID(fmt.Sprintf("%v%d", analyzed, i)))
		}
		end(t, d, looker)
		if n := scanned() - before; n != 0 {
			t.Errorf("tables were gone through %d times (analyzed: %v)", n, analyzed)
		}
	}
}

func everythingOfPeople(t *testing.T, d *DB, id account.ID) {
	t.Helper()
	ctx, s, in := t.Context(), d.Accounts(), d.SignIns()
	a := people.Person(id, string(id), "alias-"+string(id))
	a.CatchAll = []string{string(id) + ".test"}
	must(t, s.Put(ctx, a))
	a.Revision, a.Former, a.Addresses = 1, a.Addresses[1:], a.Addresses[:1]
	must(t, s.Put(ctx, a))
	for _, read := range []func() (account.Account, error){
		func() (account.Account, error) { return s.Account(ctx, id) },
		func() (account.Account, error) { return s.ByAddress(ctx, a.Addresses[0].Key()) },
		func() (account.Account, error) { return s.ByCatchAll(ctx, a.CatchAll[0]) },
	} {
		_, err := read()
		must(t, err)
	}
	_, err := s.Former(ctx, a.Former[0].Key())
	must(t, err)
	token := signin.TokenOf([]byte(id))
	must(t, in.Put(ctx, signin.Record{Account: id, Revision: 1, Tokens: []signin.Token{token}}))
	must(t, in.Put(ctx, signin.Record{Account: id, Revision: 2, Tokens: []signin.Token{token, {1}}}))
	_, err = in.ByToken(ctx, token)
	must(t, err)
	_, err = in.Record(ctx, id)
	must(t, err)
	must(t, in.Invite(ctx, signin.Invited{Token: token, Expires: time.Unix(1, 0)}))
	_, err = in.Invitation(ctx, token)
	must(t, err)
	must(t, in.Uninvite(ctx, token))
	must(t, in.Delete(ctx, id))
	if strings.HasSuffix(string(id), "1") { // the others stay
		must(t, s.Delete(ctx, id))
		must(t, s.Free(ctx, a.Former[0].Key()))
	}
}
