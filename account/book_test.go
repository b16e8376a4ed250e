package account

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"

	"sealpost/mail"
	"sealpost/pgp"
)

// shelf is a Store in memory.
type shelf struct {
	mu   sync.Mutex
	all  map[ID]Account
	gone map[string]ID // addresses of accounts that are no more
	puts int
	fail error
	slow time.Duration // to find somebody
}

func (s *shelf) find(match func(Account) bool) (Account, error) {
	a, err := s.look(match)
	if err == nil {
		time.Sleep(s.slow) // without the lock: others are not slow because of this
	}
	return a, err
}

func (s *shelf) look(match func(Account) bool) (Account, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		return Account{}, s.fail
	}
	for _, a := range s.all {
		if match(a) {
			return a, nil
		}
	}
	return Account{}, ErrUnknown
}

func (s *shelf) Account(_ context.Context, id ID) (Account, error) {
	return s.find(func(a Account) bool { return a.ID == id })
}

func (s *shelf) ByAddress(_ context.Context, key string) (Account, error) {
	return s.find(func(a Account) bool {
		return slices.ContainsFunc(a.Addresses, func(m mail.Address) bool { return m.Key() == key })
	})
}

func (s *shelf) ByCatchAll(_ context.Context, domain string) (Account, error) {
	return s.find(func(a Account) bool { return slices.Contains(a.CatchAll, domain) })
}

func (s *shelf) Accounts(context.Context) ([]Account, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := []Account{}
	for _, a := range s.all {
		all = append(all, a)
	}
	return all, s.fail
}

func (s *shelf) Put(_ context.Context, a Account) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all[a.ID].Revision != a.Revision {
		return ErrConflict
	}
	for _, other := range s.all {
		for _, m := range a.Addresses {
			if other.ID != a.ID && slices.ContainsFunc(other.Addresses, sameAddress(m)) {
				return ErrTaken
			}
		}
	}
	for _, m := range a.Addresses {
		if id, err := s.former(m.Key()); err == nil && id != a.ID {
			return ErrFormer
		}
	}
	s.puts++
	a.Revision++
	s.all[a.ID] = a
	return s.fail
}

func (s *shelf) Delete(_ context.Context, id ID) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range slices.Concat(s.all[id].Addresses, s.all[id].Former) {
		if s.gone == nil {
			s.gone = map[string]ID{}
		}
		s.gone[a.Key()] = id
	}
	delete(s.all, id)
	return s.fail
}

func (s *shelf) Former(_ context.Context, key string) (ID, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.former(key)
}

func (s *shelf) former(key string) (ID, error) {
	for id, a := range s.all {
		if slices.ContainsFunc(a.Former, func(m mail.Address) bool { return m.Key() == key }) {
			return id, nil
		}
	}
	if id, ok := s.gone[key]; ok {
		return id, nil
	}
	return "", ErrUnknown
}

func (s *shelf) Free(_ context.Context, key string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.gone, key)
	return s.fail
}

// clock is a time that only tests move.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time { c.mu.Lock(); defer c.mu.Unlock(); return c.now }
func (c *clock) Add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func newBook(t testing.TB) (*Book, *shelf, *clock) {
	t.Helper()
	s := &shelf{all: map[ID]Account{}}
	c := &clock{now: time.Now()}
	b := NewBook(s, []string{"demo.test", "Bücher.test"}, bytes.Repeat([]byte{7}, 32), c.Now)
	b.pace = 0 // a test of time sets its own
	return b, s, c
}

func address(t testing.TB, s string) mail.Address {
	t.Helper()
	a, err := mail.ParseAddress(s)
	if err != nil {
		t.Fatalf("%q: %v", s, err)
	}
	return a
}

var certOnce = sync.OnceValues(func() ([]byte, error) {
	e, err := openpgp.NewEntity("Alice", "", "alice@demo.test", nil)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = e.Serialize(&b)
	return b.Bytes(), err
})

func cert(t testing.TB) *pgp.Cert {
	t.Helper()
	raw, err := certOnce()
	if err != nil {
		t.Fatal(err)
	}
	c, err := pgp.ParseCert(raw)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func add(t testing.TB, b *Book, name string) Account {
	t.Helper()
	a, err := b.Add(t.Context(), New{Address: address(t, name), Cert: cert(t), Profile: pgp.Compat, Level: pgp.Baseline})
	if err != nil {
		t.Fatalf("add %s: %v", name, err)
	}
	return a
}

func TestResolve(t *testing.T) {
	t.Parallel()
	b, _, clock := newBook(t)
	alice := add(t, b, "alice@demo.test")
	clock.Add(time.Hour)
	bob := add(t, b, "bob@demo.test")
	ctx := t.Context()
	for _, alias := range []string{"al@demo.test", "with+plus@demo.test", "info@bücher.test"} {
		if _, err := b.AddAlias(ctx, alice.ID, address(t, alias)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := b.SetCatchAll(ctx, bob.ID, "BÜCHER.test", true); err != nil {
		t.Fatal(err)
	}
	for to, want := range map[string]ID{
		"alice@demo.test":              alice.ID,
		"ALICE@Demo.Test":              alice.ID,
		"alice+shop@demo.test":         alice.ID,
		"alice+@demo.test":             alice.ID,
		"al@demo.test":                 alice.ID,
		"al+x+y@demo.test":             alice.ID,
		"with+plus@demo.test":          alice.ID,
		"with@demo.test":               "",
		"bob@demo.test":                bob.ID,
		"nobody@demo.test":             "",
		"info@xn--bcher-kva.test":      alice.ID,
		"nobody@bücher.test":           bob.ID,
		"nobody+x@xn--bcher-kva.test":  bob.ID,
		"alice@elsewhere.test":         "",
		"postmaster@demo.test":         alice.ID,
		"PostMaster@bücher.test":       alice.ID,
		"postmaster+x@demo.test":       alice.ID,
		"postmaster@elsewhere.test":    "",
		`"alice"@demo.test`:            alice.ID,
		`"alice@demo.test"@demo.test`:  "",
		"alice%demo.test@demo.test":    "",
		"alice@sub.demo.test":          "",
		"alice@demo.test.evil.example": "",
	} {
		got, err := b.Resolve(ctx, address(t, to))
		switch {
		case want == "" && !errors.Is(err, ErrUnknown):
			t.Errorf("%s: got %s, %v; want ErrUnknown", to, got.ID, err)
		case want != "" && (err != nil || got.ID != want):
			t.Errorf("%s: got %q, %v; want %q", to, got.ID, err, want)
		}
	}
}

func TestPostmaster(t *testing.T) {
	t.Parallel()
	b, _, clock := newBook(t)
	ctx, to := t.Context(), address(t, "postmaster@demo.test")
	if _, err := b.Resolve(ctx, to); !errors.Is(err, ErrUnknown) {
		t.Errorf("without accounts: %v", err)
	}
	alice := add(t, b, "alice@demo.test")
	clock.Add(time.Hour)
	bob := add(t, b, "bob@demo.test")
	for _, step := range []struct {
		do   func()
		want ID
	}{
		{func() {}, alice.ID},
		{func() { b.Postmaster = address(t, "bob@demo.test") }, bob.ID},
		{func() { b.Postmaster = address(t, "gone@demo.test") }, alice.ID},
		{func() { b.AddAlias(ctx, bob.ID, to) }, bob.ID},
	} {
		step.do()
		if got, err := b.Resolve(ctx, to); err != nil || got.ID != step.want {
			t.Errorf("postmaster is %q, %v; want %q", got.ID, err, step.want)
		}
	}
}

func TestStoreFailureIsNotUnknown(t *testing.T) {
	t.Parallel()
	b, s, _ := newBook(t)
	s.fail = errors.New("disk on fire")
	_, err := b.Resolve(t.Context(), address(t, "alice@demo.test"))
	if err == nil || errors.Is(err, ErrUnknown) {
		t.Errorf("resolve says %v: mail would bounce for a fault of ours", err)
	}
	_, err = b.Login(t.Context(), "alice@demo.test", "x")
	if err == nil || errors.Is(err, ErrLogin) {
		t.Errorf("login says %v", err)
	}
}

func TestAdd(t *testing.T) {
	t.Parallel()
	b, s, _ := newBook(t)
	alice := add(t, b, "Alice@demo.test")
	if len(alice.ID) != 16 || len(alice.Salt) != saltSize || len(alice.Pseudonym) != 32 {
		t.Errorf("account is %+v", alice)
	}
	ctx := t.Context()
	if _, err := b.Add(ctx, New{Address: address(t, "x@elsewhere.test"), Cert: cert(t)}); !errors.Is(err, ErrDomain) {
		t.Errorf("foreign domain: %v", err)
	}
	if _, err := b.Add(ctx, New{Address: address(t, "aLICE@demo.test"), Cert: cert(t), Profile: pgp.Compat}); !errors.Is(err, ErrTaken) {
		t.Errorf("taken: %v", err)
	}
	if len(s.all) != 1 {
		t.Errorf("%d accounts", len(s.all))
	}
}

func TestAliases(t *testing.T) {
	t.Parallel()
	b, _, _ := newBook(t)
	alice, bob := add(t, b, "alice@demo.test"), add(t, b, "bob@demo.test")
	ctx := t.Context()
	for _, step := range []struct {
		what string
		err  error
		want error
	}{
		{"add", second(b.AddAlias(ctx, alice.ID, address(t, "a@demo.test"))), nil},
		{"add again", second(b.AddAlias(ctx, alice.ID, address(t, "A@demo.test"))), nil},
		{"add bob's", second(b.AddAlias(ctx, alice.ID, address(t, "bob@demo.test"))), ErrTaken},
		{"bob adds alice's", second(b.AddAlias(ctx, bob.ID, address(t, "a@demo.test"))), ErrTaken},
		{"foreign", second(b.AddAlias(ctx, alice.ID, address(t, "a@x.test"))), ErrDomain},
		{"remove name", second(b.RemoveAlias(ctx, alice.ID, address(t, "alice@demo.test"))), ErrName},
		{"remove other's", second(b.RemoveAlias(ctx, alice.ID, address(t, "bob@demo.test"))), ErrNotFound},
		{"remove", second(b.RemoveAlias(ctx, alice.ID, address(t, "A@demo.test"))), nil},
		{"catch-all of a foreign domain", second(b.SetCatchAll(ctx, alice.ID, "x.test", true)), ErrDomain},
		{"no catch-all to end", second(b.SetCatchAll(ctx, alice.ID, "demo.test", false)), ErrNotFound},
		{"catch-all", second(b.SetCatchAll(ctx, alice.ID, "demo.test", true)), nil},
		{"catch-all ends", second(b.SetCatchAll(ctx, alice.ID, "demo.test", false)), nil},
		{"account that is not", second(b.AddAlias(ctx, "none", address(t, "z@demo.test"))), ErrUnknown},
	} {
		if !errors.Is(step.err, step.want) || (step.want == nil && step.err != nil) {
			t.Errorf("%s: %v, want %v", step.what, step.err, step.want)
		}
	}
	got, err := b.Find(ctx, address(t, "alice@demo.test"))
	if err != nil || len(got.Addresses) != 1 || len(got.CatchAll) != 0 {
		t.Errorf("in the end: %+v, %v", got, err)
	}
}

func second[A any](_ A, err error) error { return err }

func TestChangesDoNotLoseEachOther(t *testing.T) {
	t.Parallel()
	b, _, _ := newBook(t)
	alice := add(t, b, "alice@demo.test")
	var wg sync.WaitGroup
	for i := range maxPasswords {
		wg.Go(func() {
			if _, err := b.AddPassword(t.Context(), alice.ID, fmt.Sprint("device ", i)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	got, _ := b.Find(t.Context(), alice.Addresses[0])
	if len(got.Passwords) != maxPasswords {
		t.Errorf("%d passwords, want %d", len(got.Passwords), maxPasswords)
	}
	if _, err := b.AddPassword(t.Context(), alice.ID, "one more"); !errors.Is(err, ErrTooMany) {
		t.Errorf("one more: %v", err)
	}
}

func TestRecipient(t *testing.T) {
	t.Parallel()
	b, _, _ := newBook(t)
	alice := add(t, b, "alice@demo.test")
	r, err := b.Recipient(t.Context(), alice)
	if err != nil {
		t.Fatal(err)
	}
	if r.Cert == nil || r.Profile != pgp.Compat || r.Level != pgp.Baseline || !bytes.Equal(r.Pseudonym, alice.Pseudonym) {
		t.Errorf("recipient is %+v", r)
	}
	again, _ := b.Recipient(t.Context(), alice)
	if again.Cert != r.Cert {
		t.Error("the certificate was parsed twice")
	}
	alice.Cert = alice.Cert[:len(alice.Cert)/2]
	if _, err := b.Recipient(t.Context(), alice); err == nil {
		t.Error("half a certificate is taken, or the old one served from the cache")
	}
}
