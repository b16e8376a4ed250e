package api

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"
	"sealpost/account"
	"sealpost/account/signin"
	"sealpost/mail"
	"sealpost/pgp"
)

func (p *person) alias(address string) *httptest.ResponseRecorder {
	p.w.t.Helper()
	return p.ask("POST", "/account/aliases", map[string]string{"address": address})
}

func TestAliases(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Own = OwnRules{Aliases: 2}
	alice, bob := w.attach(w.alice), w.attach(w.bob)
	for address, word := range map[string]string{
		"postmaster@demo.test": "reserved", "Abuse@demo.test": "reserved", "webmaster@demo.test": "reserved", "al+x@demo.test": "reserved",
		"bob@demo.test": "taken", "BOB@demo.test": "taken", "x@elsewhere.example": "domain",
		"аlice@demo.test": "alias", "a..b@demo.test": "alias", "-a@demo.test": "alias", "no address": "alias", "o'b@demo.test": "alias",
	} {
		status := map[string]int{"taken": 409}[word]
		if status == 0 {
			status = 422
		}
		expect(t, alice.alias(address), status, word)
	}
	_, _, err := w.SignIns.Invite(t.Context(), "carol@demo.test", false, 0, time.Hour)
	must(0, err)
	expect(t, alice.alias("carol@demo.test"), 409, "taken") // somebody is invited to it
	got := read[AccountSettings](t, alice.alias("Shop@demo.test"), 201)
	if !slices.Equal(got.Account.Addresses, []string{"alice@demo.test", "shop@demo.test"}) || got.Aliases != 2 {
		t.Errorf("%+v", got)
	}
	read[AccountSettings](t, alice.alias("shop@demo.test"), 201) // it is hers already
	if to := must(w.Book.Resolve(t.Context(), must(mail.ParseAddress("shop+x@demo.test")))); to.ID != w.alice.ID {
		t.Error("mail to an alias with a detail is not hers")
	}
	expect(t, bob.alias("shop@demo.test"), 409, "taken")
	read[AccountSettings](t, alice.alias("two@demo.test"), 201)
	expect(t, alice.alias("three@demo.test"), 409, "too-many")

	// Given up, it is nobody's, and nobody else gets it; she may take it back.
	del := func(p *person, a string) *httptest.ResponseRecorder {
		return p.ask("DELETE", "/account/aliases/"+a, nil)
	}
	expect(t, del(alice, "alice@demo.test"), 409, "name")
	got = read[AccountSettings](t, del(alice, "shop@demo.test"), 200)
	if !slices.Equal(got.Former, []string{"shop@demo.test"}) || len(got.Account.Addresses) != 2 {
		t.Errorf("%+v", got)
	}
	if _, err := w.Book.Resolve(t.Context(), must(mail.ParseAddress("shop@demo.test"))); err == nil {
		t.Error("mail to what was given up is taken")
	}
	expect(t, bob.alias("shop@demo.test"), 409, "taken")
	if _, _, err := w.SignIns.Invite(t.Context(), "shop@demo.test", false, 0, time.Hour); err == nil {
		t.Error("somebody else was invited to it")
	}
	read[AccountSettings](t, alice.alias("shop@demo.test"), 201)
	read[AccountSettings](t, del(alice, "shop@demo.test"), 200)

	// Names are not used up without end.
	worn := 0
	for n := range 20 {
		rec := alice.alias(fmt.Sprintf("n%d@demo.test", n))
		if rec.Code == 409 {
			break
		}
		worn++
		read[AccountSettings](t, del(alice, fmt.Sprintf("n%d@demo.test", n)), 200)
	}
	if worn > 4 {
		t.Errorf("%d names were used up", worn)
	}
	minus := -1
	must(w.Book.Set(t.Context(), w.bob.ID, account.Settings{Aliases: &minus}))
	expect(t, bob.alias("bobby@demo.test"), 409, "too-many")
	w.mustNotLog("shop@", "carol@", "bobby@")
}

// TestAliasesOfOthers: another's alias is not there, like one that is nowhere (D12).
func TestAliasesOfOthers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Own = OwnRules{Aliases: 3}
	alice, bob := w.attach(w.alice), w.attach(w.bob)
	read[AccountSettings](t, alice.alias("shop@demo.test"), 201)
	var answers []string
	for _, address := range []string{"shop@demo.test", "alice@demo.test", "nobody@demo.test", "none", "x@elsewhere.example"} {
		rec := bob.ask("DELETE", "/account/aliases/"+address, nil)
		expect(t, rec, 404, "not-found")
		answers = append(answers, rec.Body.String()+fmt.Sprint(rec.Header()))
	}
	if len(slices.Compact(answers)) != 1 {
		t.Errorf("%q", answers)
	}
	if a := must(w.Book.Account(t.Context(), w.alice.ID)); len(a.Addresses) != 2 {
		t.Errorf("%v", a.Addresses)
	}
	key := w.password(w.alice, "script", "api")
	for _, c := range [][2]string{{"GET", "/account"}, {"PATCH", "/account"}, {"POST", "/account/aliases"}, {"DELETE", "/account/aliases/shop@demo.test"}, {"PUT", "/account/certificate"}} {
		expect(t, w.ask(c[0], c[1], map[string]any{"address": "x@demo.test", "certificate": "", "level": "open"}, basic("alice@demo.test", key)), 403, "forbidden")
	}
}

// TestAddressesOutliveAccounts: who was removed leaves addresses that nobody gets by
// themselves, and the operator only by saying so.
func TestAddressesOutliveAccounts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Own = OwnRules{Aliases: 3}
	alice, bob := w.attach(w.alice), w.attach(w.bob)
	read[AccountSettings](t, alice.alias("shop@demo.test"), 201)
	must(0, w.Book.Remove(t.Context(), w.alice.ID))
	for _, address := range []string{"alice@demo.test", "shop@demo.test"} {
		expect(t, bob.alias(address), 409, "taken")
		a := must(mail.ParseAddress(address))
		_, err := w.Book.AddAlias(t.Context(), w.bob.ID, a)
		if err == nil || !strings.Contains(err.Error(), "another account's") {
			t.Errorf("%s: %v", address, err)
		}
		must(0, w.Book.Free(t.Context(), a))
		must(w.Book.AddAlias(t.Context(), w.bob.ID, a))
	}
}

func TestOwnPolicy(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.attach(w.alice)
	set := func(change AccountChange) *httptest.ResponseRecorder { return p.ask("PATCH", "/account", change) }
	woken, end := w.Store.Bus.Subscribe(AccountTopic(p.id))
	defer end()
	got := read[AccountSettings](t, set(AccountChange{Level: "shy", Encrypt: "require"}), 200).Account
	if got.Level != "shy" || got.Encrypt != "require" {
		t.Errorf("%+v", got)
	}
	select {
	case <-woken:
	case <-time.After(5 * time.Second):
		t.Error("other browsers are not told")
	}
	if got := read[AccountSettings](t, set(AccountChange{Encrypt: "never"}), 200).Account; got.Level != "shy" || got.Encrypt != "never" {
		t.Errorf("%+v", got)
	}
	if a := must(w.Book.Account(t.Context(), w.alice.ID)); a.Level != pgp.Shy || a.Encrypt != account.EncryptNever {
		t.Errorf("%v %v", a.Level, a.Encrypt)
	}
	expect(t, set(AccountChange{Level: "naked"}), 422, "bad-input")
	w.Own.Locked = []string{"headers"}
	expect(t, set(AccountChange{Level: "open"}), 403, "locked")
	expect(t, set(AccountChange{Level: "open", Encrypt: "require"}), 403, "locked")
	now := read[AccountSettings](t, p.ask("GET", "/account", nil), 200)
	if now.Account.Level != "shy" || now.Account.Encrypt != "never" || !slices.Equal(now.Locked, []string{"headers"}) {
		t.Errorf("%+v", now)
	}
	read[AccountSettings](t, set(AccountChange{Encrypt: "when-all-have-keys"}), 200)
}

// TestCertificateGrows: a user id is added by who has the key and proved it; another key
// is not taken, and a revocation never taken back.
func TestCertificateGrows(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	entity, err := openpgp.NewEntity("Carol", "", "carol@demo.test", nil)
	must(entity, err)
	cert := func() []byte {
		var b strings.Builder
		must(0, entity.Serialize(&b))
		return []byte(b.String())
	}
	p := w.attach(w.open("carol@demo.test", cert()))
	must(0, entity.AddUserId("Carol", "", "shop@demo.test", nil))
	put := func(raw []byte) *httptest.ResponseRecorder {
		return p.ask("PUT", "/account/certificate", map[string]any{"certificate": base64.StdEncoding.EncodeToString(raw)})
	}
	expect(t, put(cert()), 403, "proof")
	p.prove()
	got := read[AccountSettings](t, put(cert()), 200).Account
	if ids := must(pgp.ParseCert(got.Certificate)).Identities(); got.Fingerprint != p.session.Account.Fingerprint || len(ids) != 2 {
		t.Errorf("%v", ids)
	}
	expect(t, put(w.bob.Cert), 422, "no-key")
	expect(t, put([]byte("no certificate")), 422, "no-key")
}

// countedStore counts what is looked up.
type countedStore struct {
	signin.Store
	n *atomic.Int64
}

func (c countedStore) Record(ctx context.Context, id account.ID) (signin.Record, error) {
	c.n.Add(1)
	return c.Store.Record(ctx, id)
}

// TestStrangersCostTheSame: the work for an address with a sign-in, one without, an alias
// and one that nobody has is the same: not by the clock, but by what is looked up and
// opened (ATTACKS D14). The answers are the same bytes.
func TestStrangersCostTheSame(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Own = OwnRules{Aliases: 3}
	p := w.attach(w.alice)
	read[AccountSettings](t, p.alias("shop@demo.test"), 201)
	var looked, opened atomic.Int64
	w.SignIns.Store = countedStore{w.SignIns.Store, &looked}
	w.SignIns.Opened = func() { opened.Add(1) }
	wrong := func(address string) *httptest.ResponseRecorder {
		return p.signIn(func(s *SignIn) { s.Address, s.Proof = address, bytesOf(32, 1) })
	}
	for name, ask := range map[string]func(address string) *httptest.ResponseRecorder{
		"begin": func(a string) *httptest.ResponseRecorder {
			return w.ask("POST", "/sign-in/begin", map[string]string{"address": a})
		},
		"passphrase": wrong,
		"kit": func(a string) *httptest.ResponseRecorder {
			return p.signIn(func(s *SignIn) { s.Address, s.Method, s.Proof = a, "kit", bytesOf(32, 1) })
		},
		"another device": func(a string) *httptest.ResponseRecorder {
			return w.ask("POST", "/sign-in/requests", map[string]any{"address": a, "public_key": bytesOf(32, 1), "device": "x"})
		},
	} {
		costs := map[string][]string{}
		for _, address := range []string{"alice@demo.test", "bob@demo.test", "shop@demo.test", "nobody@demo.test", "x@else.example"} {
			looked.Store(0)
			opened.Store(0)
			w.pass(time.Minute)
			rec := ask(address)
			cost := fmt.Sprintf("%d looked up, %d opened, status %d, %d bytes", looked.Load(), opened.Load(), rec.Code, rec.Body.Len())
			costs[cost] = append(costs[cost], address)
		}
		if len(costs) != 1 {
			t.Errorf("%s: %v", name, costs)
		}
	}
}
