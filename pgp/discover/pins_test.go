package discover

import (
	"context"
	"errors"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"

	"sealpost/mail"
	"sealpost/pgp"
)

// serving is a world whose WKD holds these keys, each time what they are then.
func serving(t *testing.T, keys ...*openpgp.Entity) *world {
	return newWorld(t, func(w http.ResponseWriter, r *http.Request) {
		for _, e := range keys {
			w.Write(exported(t, e))
		}
	})
}

func (w *world) expect(t *testing.T, want *openpgp.Entity, s Source, changed bool) {
	t.Helper()
	f, err := w.Find(t.Context(), "alice", address("bob@example.org"))
	if err != nil {
		t.Fatal(err)
	}
	if f.Cert.Fingerprint() != cert(t, want).Fingerprint() || f.Source != s || f.Changed != changed {
		t.Errorf("found %s from %s, changed %v", f.Cert.Fingerprint(), f.Source, f.Changed)
	}
}

func (w *world) refuses(t *testing.T, want error) {
	t.Helper()
	if f, err := w.Find(t.Context(), "alice", address("bob@example.org")); !errors.Is(err, want) || f.Cert != nil {
		t.Errorf("found %+v, %v; want %v", f, err, want)
	}
}

// TestPinsAtFirstUse is ATTACKS B08: who takes over the web server later changes
// nothing but a note.
func TestPinsAtFirstUse(t *testing.T) {
	t.Parallel()
	first, other := entity("bob@example.org"), entity("bob@example.org")
	keys := []*openpgp.Entity{first}
	w := newWorld(t, func(w http.ResponseWriter, r *http.Request) {
		for _, e := range keys {
			w.Write(exported(t, e))
		}
	})
	w.expect(t, first, WKD, false)
	keys = []*openpgp.Entity{other}
	w.expect(t, first, WKD, false)
	if n := w.asked.Load(); n != 1 {
		t.Errorf("asked %d times on one day", n) // the pin was made by an answer a moment ago
	}
	w.later(25 * time.Hour)
	w.expect(t, first, WKD, true)
	w.later(25 * time.Hour)
	w.expect(t, first, WKD, true)
	p := must(w.Peers.Peer(t.Context(), "alice", address("bob@example.org")))
	if len(p.Changes) != 1 || p.Changes[0].Source != WKD || p.Changes[0].Fingerprint != cert(t, other).Fingerprint() {
		t.Errorf("noted %+v", p.Changes)
	}
	if list := must(w.List(t.Context(), "alice")); len(list) != 1 {
		t.Errorf("%d peers", len(list))
	}
	if err := w.Accept(t.Context(), "alice", address("bob@example.org"), "ABCD"); !errors.Is(err, ErrNoChange) {
		t.Errorf("accepted a key that was not offered: %v", err)
	}
	if err := w.Accept(t.Context(), "alice", address("bob@example.org"), cert(t, other).Fingerprint()); err != nil {
		t.Fatal(err)
	}
	w.expect(t, other, WKD, false)
}

func TestKeepingTheOldKey(t *testing.T) {
	t.Parallel()
	mine, other := entity("whoever@else.example"), entity("bob@example.org")
	w := serving(t, other)
	if err := w.Pin(t.Context(), "alice", address("bob@example.org"), cert(t, mine)); err != nil {
		t.Fatal(err)
	}
	w.expect(t, mine, Manual, true)
	w.later(time.Minute)
	if err := w.Accept(t.Context(), "alice", address("bob@example.org"), cert(t, mine).Fingerprint()); err != nil {
		t.Fatal(err)
	}
	w.expect(t, mine, Manual, false)
	w.later(25 * time.Hour)
	w.expect(t, mine, Manual, false) // the same key is offered again: no news
	if err := w.Forget(t.Context(), "alice", address("bob@example.org")); err != nil {
		t.Fatal(err)
	}
	w.expect(t, other, WKD, false)
	if err := w.Accept(t.Context(), "alice", address("nobody@example.org"), "ABCD"); !errors.Is(err, ErrNoChange) {
		t.Errorf("accepted for an address nobody knows: %v", err)
	}
}

// TestRevoked: a pinned key that its owner revokes is never used again, and its mail
// never becomes plaintext, whatever is served later.
func TestRevoked(t *testing.T) {
	t.Parallel()
	bob := entity("bob@example.org")
	before := exported(t, bob)
	next := entity("bob@example.org")
	answer := before
	w := newWorld(t, func(w http.ResponseWriter, _ *http.Request) { w.Write(answer) })
	w.expect(t, bob, WKD, false)
	if err := bob.Revoke(packet.KeyCompromised, "", keyConfig(testTime.AddDate(0, 0, -1))); err != nil {
		t.Fatal(err)
	}
	w.later(25 * time.Hour)
	answer = append(exported(t, bob), exported(t, next)...)
	w.refuses(t, ErrRevoked)
	w.later(25 * time.Hour)
	answer = before // an old copy
	w.refuses(t, ErrRevoked)
	w.later(25 * time.Hour)
	answer = nil
	w.refuses(t, ErrRevoked)
	if err := w.Accept(t.Context(), "alice", address("bob@example.org"), cert(t, next).Fingerprint()); err != nil {
		t.Errorf("the new key was not noted: %v", err)
	}
	w.expect(t, next, WKD, false)
	if err := w.Pin(t.Context(), "alice", address("bob@example.org"), cert(t, bob)); !errors.Is(err, ErrRevoked) {
		t.Errorf("pinned a revoked key: %v", err)
	}
}

// TestRevokedAtFirst: one who never had a usable key has none.
func TestRevokedAtFirst(t *testing.T) {
	t.Parallel()
	bob := entity("bob@example.org")
	if err := bob.Revoke(packet.KeyRetired, "", keyConfig(testTime.AddDate(0, 0, -1))); err != nil {
		t.Fatal(err)
	}
	w := serving(t, bob)
	w.refuses(t, ErrNoKey)
	second := entity("bob@example.org")
	serving(t, bob, second).expect(t, second, WKD, false)
}

func TestExpired(t *testing.T) {
	t.Parallel()
	year := uint32(366 * 24 * 3600)
	cfg := keyConfig(testTime.AddDate(-1, 0, 0))
	cfg.KeyLifetimeSecs = year
	bob := must(openpgp.NewEntity("", "", "bob@example.org", cfg))
	answer := exported(t, bob)
	w := newWorld(t, func(w http.ResponseWriter, _ *http.Request) { w.Write(answer) })
	w.expect(t, bob, WKD, false)
	w.later(72 * time.Hour)
	w.refuses(t, ErrExpired)
	fresh := newWorld(t, w.web)
	fresh.later(72 * time.Hour)
	fresh.refuses(t, ErrNoKey)

	later := keyConfig(testTime)
	for name, id := range bob.Identities {
		sig := *id.SelfCertifications[0].Packet
		sig.CreationTime, sig.KeyLifetimeSecs = testTime, ptr(3*year)
		must(0, sig.SignUserId(name, bob.PrimaryKey, bob.PrivateKey, later))
		id.SelfCertifications = append(id.SelfCertifications, packet.NewVerifiableSig(&sig))
	}
	sub := &bob.Subkeys[0]
	sig := *sub.Bindings[0].Packet
	sig.CreationTime, sig.KeyLifetimeSecs = testTime, ptr(3*year)
	must(0, sig.SignKey(sub.PublicKey, bob.PrivateKey, later))
	sub.Bindings = append(sub.Bindings, packet.NewVerifiableSig(&sig))
	answer = exported(t, bob)
	w.later(25 * time.Hour)
	w.expect(t, bob, WKD, false)
}

// A pinned key whose owner says that it encrypts no more is not "no key": what was
// encrypted so far would become plaintext without a word.
func TestPinnedKeyThatEncryptsNoMore(t *testing.T) {
	t.Parallel()
	bob := entity("bob@example.org")
	answer := exported(t, bob)
	w := newWorld(t, func(w http.ResponseWriter, _ *http.Request) { w.Write(answer) })
	w.expect(t, bob, WKD, false)
	sub := &bob.Subkeys[0]
	sig := *sub.Bindings[0].Packet
	sig.CreationTime, sig.FlagEncryptCommunications, sig.FlagEncryptStorage = testTime, false, false
	must(0, sig.SignKey(sub.PublicKey, bob.PrivateKey, keyConfig(testTime)))
	sub.Bindings = append(sub.Bindings, packet.NewVerifiableSig(&sig))
	answer = exported(t, bob)
	w.later(25 * time.Hour)
	w.refuses(t, ErrExpired)
	fresh := newWorld(t, w.web)
	fresh.refuses(t, ErrNoKey)
}

func ptr[V any](v V) *V { return &v }

// TestOwnPeople come first, with the key they have now.
func TestOwnPeople(t *testing.T) {
	t.Parallel()
	own := cert(t, entity("bob@example.org"))
	w := serving(t, entity("bob@example.org"))
	fault := error(nil)
	w.Own = func(context.Context, mail.Address) (*pgp.Cert, error) { return own, fault }
	f, err := w.Find(t.Context(), "alice", address("bob@example.org"))
	if err != nil || f.Source != Local || f.Cert != own || w.asked.Load() != 0 || w.peers.puts != 0 {
		t.Errorf("found %+v, %v", f, err)
	}
	own, fault = nil, io.ErrUnexpectedEOF
	w.refuses(t, io.ErrUnexpectedEOF)
	fault = ErrNoKey
	if f, err := w.Find(t.Context(), "alice", address("bob@example.org")); err != nil || f.Source != WKD {
		t.Errorf("not one of ours: %+v, %v", f, err)
	}
}

func TestChangesAreBounded(t *testing.T) {
	t.Parallel()
	w := serving(t)
	if err := w.Pin(t.Context(), "alice", address("bob@example.org"), cert(t, entity("bob@example.org"))); err != nil {
		t.Fatal(err)
	}
	var last string
	for i := range maxChanges + 3 {
		e := entity("bob@example.org")
		last = cert(t, e).Fingerprint()
		if err := w.Learn(t.Context(), "alice", address("bob@example.org"), header(autocryptOf(e, "bob@example.org", "")), testTime.Add(time.Duration(i-60)*time.Minute)); err != nil {
			t.Fatal(err)
		}
	}
	p := must(w.Peers.Peer(t.Context(), "alice", address("bob@example.org")))
	if len(p.Changes) != maxChanges || p.Changes[maxChanges-1].Fingerprint != last {
		t.Errorf("%d changes are kept", len(p.Changes))
	}
}
