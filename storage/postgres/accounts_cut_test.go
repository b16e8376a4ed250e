package postgres

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"sealpost/account"
	"sealpost/account/signin"
	people "sealpost/account/storagetest"
	"sealpost/mail"
	"sealpost/storage/postgres/pgtest"
)

// A cutCase makes what a call is about, gives the call, and looks at what became of it.
type cutCase struct {
	prepare func(id account.ID) (call func() error)
	check   func(id account.ID) error
	unsure  error // where its commit is not answered
}

// A connection that breaks at any round trip of a write costs time, and does it neither
// twice nor not at all; where nobody can tell any more, the call says so.
func TestPeopleCut(t *testing.T) {
	t.Parallel()
	d, w := watched(t, pgtest.Take(t), Options{Connections: 1})
	n := 0
	next := func() account.ID { n++; return account.ID(fmt.Sprintf("%016x", n)) }
	for what, c := range cutCases(t, d) {
		must(t, c.prepare(next())())
		call := c.prepare(next())
		trips := w.count(func() { must(t, call()) })
		for _, late := range []bool{false, true} {
			for trip := 1; trip <= trips; trip++ {
				must(t, c.prepare(next())()) // a connection that knows the statements
				id := next()
				call := c.prepare(id)
				w.cut(trip, late)
				err, want := call(), error(nil)
				if late && trip == trips {
					want = c.unsure
				}
				if !errors.Is(err, want) {
					t.Errorf("%s, cut at %d of %d (late: %v): %v, want %v", what, trip, trips, late, err, want)
				}
				if err := c.check(id); err != nil {
					t.Errorf("%s, cut at %d of %d (late: %v): %v", what, trip, trips, late, err)
				}
			}
		}
	}
	checkPeople(t, d)
}

func cutCases(t *testing.T, d *DB) map[string]cutCase {
	ctx, s, in := context.Background(), d.Accounts(), d.SignIns()
	person := func(id account.ID) account.Account { return people.Person(id, "name-"+string(id)) }
	alias := func(id account.ID) mail.Address {
		return mail.Address{Local: "alias-" + string(id), Domain: "demo.test"}
	}
	record := func(id account.ID, revision uint64) signin.Record {
		return signin.Record{Account: id, Revision: revision, Tokens: []signin.Token{signin.TokenOf([]byte(id))}, Sealed: []byte{byte(revision)}}
	}
	revision := func(want uint64) func(account.ID) error {
		return func(id account.ID) error {
			r, err := in.Record(ctx, id)
			if err == nil && r.Revision != want {
				err = fmt.Errorf("revision %d", r.Revision)
			}
			return err
		}
	}
	token := func(id account.ID) signin.Token { return signin.TokenOf([]byte(id)) }
	invited := func(id account.ID, want error) error {
		if _, err := in.Invitation(ctx, token(id)); !errors.Is(err, want) {
			return fmt.Errorf("invitation: %w", err)
		}
		return nil
	}
	return map[string]cutCase{
		"new account": {
			prepare: func(id account.ID) func() error { return func() error { return s.Put(ctx, person(id)) } },
			check:   func(id account.ID) error { return isRevision(s, id, 1, person(id).Addresses[0]) },
		},
		"changed account": {
			prepare: func(id account.ID) func() error {
				a := person(id)
				must(t, s.Put(ctx, a))
				a.Revision, a.Addresses = 1, append(a.Addresses, alias(id))
				return func() error { return s.Put(ctx, a) }
			},
			check: func(id account.ID) error { return isRevision(s, id, 2, alias(id)) },
		},
		"deleted account": {
			prepare: func(id account.ID) func() error {
				must(t, s.Put(ctx, person(id)))
				return func() error { return s.Delete(ctx, id) }
			},
			check: func(id account.ID) error {
				_, err := s.Former(ctx, person(id).Addresses[0].Key())
				return err
			},
		},
		"new sign-in": {
			prepare: func(id account.ID) func() error { return func() error { return in.Put(ctx, record(id, 1)) } },
			check:   revision(1),
		},
		"changed sign-in": {
			prepare: func(id account.ID) func() error {
				must(t, in.Put(ctx, record(id, 1)))
				return func() error { return in.Put(ctx, record(id, 2)) }
			},
			check: revision(2),
		},
		"invite": {
			prepare: func(id account.ID) func() error {
				return func() error { return in.Invite(ctx, signin.Invited{Token: token(id), Expires: time.Unix(1, 0)}) }
			},
			check: func(id account.ID) error { return invited(id, nil) },
		},
		"uninvite": {
			prepare: func(id account.ID) func() error {
				must(t, in.Invite(ctx, signin.Invited{Token: token(id)}))
				return func() error { return in.Uninvite(ctx, token(id)) }
			},
			check:  func(id account.ID) error { return invited(id, signin.ErrNone) },
			unsure: ErrUnsettled,
		},
	}
}

// isRevision says whether an account is stored so often, and has an address.
func isRevision(s account.Store, id account.ID, revision uint64, address mail.Address) error {
	a, err := s.ByAddress(context.Background(), address.Key())
	if err == nil && (a.ID != id || a.Revision != revision) {
		err = fmt.Errorf("account %s of revision %d", a.ID, a.Revision)
	}
	return err
}

// attemptUnsure is an attempt after one whose commit was not answered.
func attemptUnsure(do attempt) attempt {
	return func(ctx context.Context, tx pgx.Tx, _ bool) error { return do(ctx, tx, true) }
}

// Somebody else's change between a commit that was not answered and the look at it: the
// node does not say that it was first.
func TestPeopleUnsettled(t *testing.T) {
	t.Parallel()
	database := pgtest.Take(t)
	d := openAt(t, database, Options{})
	defer d.Close()
	ctx := t.Context()
	a := people.Person("aa", "alice")
	must(t, d.Accounts().Put(ctx, a))
	a.Revision = 1
	must(t, d.Accounts().Put(ctx, a))
	a.Revision = 2
	must(t, d.Accounts().Put(ctx, a))
	for was, want := range []error{ErrUnsettled, ErrUnsettled, account.ErrConflict} {
		p := accountPut{id: "aa", was: uint64(was), record: []byte("of a node that lost its connection")}
		if err := d.alter(ctx, attemptUnsure(p.attempt)); !errors.Is(err, want) {
			t.Errorf("over revision %d: %v, want %v", was, err, want)
		}
	}
	r := signin.Record{Account: "aa"}
	for r.Revision = 1; r.Revision <= 3; r.Revision++ {
		must(t, d.SignIns().Put(ctx, r))
	}
	for revision, want := range map[uint64]error{1: ErrUnsettled, 2: ErrUnsettled, 3: signin.ErrConflict} {
		p := recordPut{Record: signin.Record{Account: "aa", Revision: revision, Keys: []byte("others"), Sealed: []byte{}}, tokens: []byte{}, each: [][]byte{}}
		if err := d.alter(ctx, attemptUnsure(p.attempt)); !errors.Is(err, want) {
			t.Errorf("sign-in of revision %d: %v, want %v", revision, err, want)
		}
	}
}
