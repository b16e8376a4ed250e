package account

import (
	"crypto/tls"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/xdg-go/scram"

	"sealpost/pgp"
)

// TestScopes: an app password opens the doors it was made for, by PLAIN and by
// SCRAM, and those made before there were scopes open what they opened.
func TestScopes(t *testing.T) {
	t.Parallel()
	b, _, _ := newBook(t)
	alice := add(t, b, "alice@demo.test")
	made := map[string]AppPassword{}
	for name, scopes := range map[string][]string{"old": nil, "api": {"api"}, "mail": {"smtp", "imap"}, "imap": {"imap", "imap"}} {
		word, err := b.MakePassword(t.Context(), alice.ID, NewPassword{Name: name, Scopes: scopes})
		if err != nil {
			t.Fatal(err)
		}
		made[name] = word
	}
	if _, err := b.MakePassword(t.Context(), alice.ID, NewPassword{Name: "x", Scopes: []string{"imap", "root"}}); !errors.Is(err, ErrScope) {
		t.Errorf("a scope that is none: %v", err)
	}
	for scope, opens := range map[string]string{
		"": "old api mail imap", ScopeIMAP: "old mail imap", ScopeSMTP: "old mail", ScopeAPI: "api",
	} {
		d := Door{Book: b, Scope: scope}
		for name, word := range made {
			want := slices.Contains(strings.Fields(opens), name)
			e, err := d.Login(t.Context(), Caller{TLS: &tls.ConnectionState{}}, "alice@demo.test", word.Reveal())
			if (err == nil) != want || want && e.Password != name || !want && !errors.Is(err, ErrLogin) {
				t.Errorf("%s at door %q: %v, %v", name, scope, e.Password, err)
			}
			step, err := d.Begin(Caller{TLS: &tls.ConnectionState{}}, scramBare)
			if err != nil {
				t.Fatal(err)
			}
			client, err := scram.SHA256.NewClient("alice@demo.test", word.Reveal(), "")
			if err != nil {
				t.Fatal(err)
			}
			if by, err := converse(t.Context(), step, client.NewConversation()); (by != nil) != want || want == (err != nil) {
				t.Errorf("%s at door %q by SCRAM: %v", name, scope, err)
			}
		}
	}
}

// TestChosenID: an id that a client chose never takes the place of another account.
func TestChosenID(t *testing.T) {
	t.Parallel()
	b, _, _ := newBook(t)
	alice := add(t, b, "alice@demo.test")
	n := New{Address: address(t, "bob@demo.test"), Cert: cert(t), Profile: pgp.Compat, ID: alice.ID}
	if _, err := b.Add(t.Context(), n); !errors.Is(err, ErrTaken) {
		t.Errorf("alice's id was given again: %v", err)
	}
	for _, id := range []ID{"short", "0123456789ABCDEF", "0123456789abcdeg", "0123456789abcdef00"} {
		n.ID = id
		if _, err := b.Add(t.Context(), n); !errors.Is(err, ErrID) {
			t.Errorf("%q: %v", id, err)
		}
	}
	n.ID = "0123456789abcdef"
	if a, err := b.Add(t.Context(), n); err != nil || a.ID != n.ID {
		t.Errorf("%q, %v", a.ID, err)
	}
	if a, err := b.Account(t.Context(), alice.ID); err != nil || a.Addresses[0].Local != "alice" {
		t.Errorf("alice is %v, %v", a.Addresses, err)
	}
}
