package api

import (
	"bytes"
	"math"
	"net/http/httptest"
	"testing"
	"time"

	"sealpost/account"
	"sealpost/account/limit/limittest"
	"sealpost/account/signin"
)

// nodes are desks of so many nodes over the same store; at says which one is asked from now on.
func (w *world) nodes(n int) (at func(int)) {
	first := w.SignIns
	var desks []*signin.Desk
	for _, l := range limittest.Nodes(n) {
		desks = append(desks, &signin.Desk{
			Store: first.Store, Book: first.Book, Key: first.Key, Secret: first.Secret, Welcome: first.Welcome, Log: first.Log, Now: first.Now, Bus: first.Bus,
			Throttle: account.SharedThrottle(account.DefaultPaces(), w.now, l, "sign-in"), Limits: l,
		})
	}
	at = func(i int) { w.SignIns = desks[i]; w.Throttle = desks[i].Throttle; w.handler = w.Handler() }
	at(0)
	return at
}

// What a sign-in needs for minutes is the same at all nodes: what was begun at one is finished
// at another, and what served at one serves at no other (ATTACKS C08).
func TestSignInAcrossNodes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	at := w.nodes(3)
	p := w.attach(w.alice)

	at(1)
	p.prove()
	at(2) // what the session proved at one node counts at another
	k := newSoftKey(p.id)
	k.count = 0
	begun := read[map[string]any](t, p.ask("POST", "/passkeys/begin", nil), 200)
	at(0)
	made := k.register(begun)
	read[PasskeyLine](t, p.ask("POST", "/passkeys", map[string]any{"name": "synced", "credential": made, "container": container(2), "version": 2}), 201)
	k.count = math.MaxUint32 // sign makes it 0
	options := w.requestOptions()
	once := map[string]any{"credential": k.sign(options), "device": "x"}
	at(1)
	read[Session](t, w.ask("POST", "/sign-in/passkey", once), 200)
	for i := range 3 {
		at(i)
		expect(t, w.ask("POST", "/sign-in/passkey", once), 401, "wrong-sign-in")
	}

	at(0)
	r := read[AccessRequest](t, w.ask("POST", "/sign-in/requests", map[string]any{"address": "alice@demo.test", "public_key": bytesOf(32, 1), "device": "Phone"}), 201)
	come := func(at func(int), node int) *httptest.ResponseRecorder {
		at(node)
		return w.ask("POST", "/sign-in/requests/"+r.ID, map[string]any{"secret": r.Secret})
	}
	for i := range 3 {
		if rec := come(at, i); rec.Code != 202 {
			t.Errorf("a device that waits, at node %d: %d", i, rec.Code)
		}
	}
	at(1)
	if rec := p.ask("POST", "/access-requests/"+r.ID+"/grant", map[string]any{"sealed": bytesOf(80, 2)}); rec.Code != 204 {
		t.Fatalf("%d %s", rec.Code, rec.Body)
	}
	if g := read[Granted](t, come(at, 2), 200); !bytes.Equal(g.Sealed, bytesOf(80, 2)) {
		t.Errorf("%+v", g)
	}
	for i := range 3 {
		expect(t, come(at, i), 404, "not-found")
	}
}

// A device that asks for an address that nobody has waits as others do, at each node, until its
// time is over; a secret of its own making is none.
func TestStrangersWaitAcrossNodes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	at := w.nodes(2)
	w.attach(w.alice)
	for _, address := range []string{"alice@demo.test", "nobody@demo.test"} {
		at(0)
		r := read[AccessRequest](t, w.ask("POST", "/sign-in/requests", map[string]any{"address": address, "public_key": bytesOf(32, 1), "device": "x"}), 201)
		come := func(id string, secret []byte) int {
			return w.ask("POST", "/sign-in/requests/"+id, map[string]any{"secret": secret}).Code
		}
		at(1)
		w.pass(14 * time.Minute)
		if code := come(r.ID, r.Secret); code != 202 {
			t.Errorf("%s at another node: %d", address, code)
		}
		forged := bytes.Clone(r.Secret)
		forged[7]++ // later
		for what, code := range map[string]int{
			"another secret": come(r.ID, bytesOf(32, 1)), "later": come(r.ID, forged), "another id": come("0123456789abcdef", r.Secret), "short": come(r.ID, r.Secret[1:]),
		} {
			if code != 404 && code != 422 {
				t.Errorf("%s, %s: %d", address, what, code)
			}
		}
		w.pass(2 * time.Minute)
		if code := come(r.ID, r.Secret); code != 404 {
			t.Errorf("%s after its time: %d", address, code)
		}
	}
}

// A record that nobody joins with any more goes; one of a moment ago stays: at another node its
// account may be on its way.
func TestTidyLeavesWhoJoins(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.attach(w.alice)
	r := must(w.db.SignIns().Record(t.Context(), w.alice.ID))
	r.Account, r.Revision, r.Tokens = "00000000000000aa", 1, nil
	if err := w.db.SignIns().Put(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		pass time.Duration
		want int
	}{{0, 2}, {59 * time.Minute, 2}, {2 * time.Minute, 1}} {
		w.pass(c.pass)
		if err := w.SignIns.Tidy(t.Context()); err != nil {
			t.Fatal(err)
		}
		if ids := must(w.db.SignIns().Records(t.Context())); len(ids) != c.want {
			t.Errorf("after %v %d records are left, want %d", c.pass, len(ids), c.want)
		}
	}
}
