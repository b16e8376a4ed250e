package main

import (
	"crypto/tls"
	"log/slog"
	"os"
	"slices"
	"testing"

	"sealpost/account"
	"sealpost/account/signin"
	"sealpost/pgp"
	"sealpost/pgp/keyring"
)

// TestDemoSignsIn: with what demo.json says, and nothing else, a client gets in, opens
// the keyring and finds the keys that the demo's files hold; starting again keeps it.
func TestDemoSignsIn(t *testing.T) {
	t.Parallel()
	d, err := newDemo(t.TempDir(), 0)
	if err != nil {
		t.Fatal(err)
	}
	settings, err := d.settings()
	if err != nil {
		t.Fatal(err)
	}
	var before []person
	for range 2 {
		o, err := openOffice(t.Context(), settings, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		d.people = nil
		if err := d.prepare(t.Context(), o); err != nil {
			t.Fatal(err)
		}
		for _, p := range d.people {
			checkSignIn(t, o, p)
		}
		if before != nil && !slices.Equal(before, d.people) {
			t.Errorf("%+v\n%+v", before, d.people)
		}
		before = d.people
		if err := o.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func checkSignIn(t *testing.T, o *office, p person) {
	t.Helper()
	caller := account.Caller{TLS: &tls.ConnectionState{}}
	kit, err := keyring.ParseKit(p.Kit)
	if err != nil {
		t.Fatal(err)
	}
	e, err := o.desk.SignIn(t.Context(), caller, signin.Attempt{Address: p.Address, Method: signin.ByKit, Proof: kit.Proof(), Device: "test"})
	if err != nil {
		t.Fatal(err)
	}
	k := e.Keyring
	ring := keyring.Ring{Version: k.Version, Salt: k.Salt, KDF: keyring.KDF{
		Name: k.KDF.Name, Memory: uint32(k.KDF.Memory), Iterations: uint32(k.KDF.Iterations), Lanes: uint32(k.KDF.Lanes),
	}, Containers: k.Containers}
	owner, err := keyring.OpenByKit(kit, keyring.Identity{Account: string(e.ID), Address: p.Address, Fingerprint: p.Fingerprint}, ring)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(p.ListKey)
	if err != nil {
		t.Fatal(err)
	}
	list, err := pgp.ParseListKey(text)
	if err != nil || !slices.Equal(list.Public(), owner.ListKey().Public()) || owner.Keys().Fingerprint() != p.Fingerprint {
		t.Errorf("%s: the keyring has other keys, %v", p.Address, err)
	}
	halves, err := keyring.Derive(keyring.Passphrase(p.Passphrase), owner.Secret(), ring.Salt, ring.KDF)
	if err != nil {
		t.Fatal(err)
	}
	e, err = o.desk.SignIn(t.Context(), caller, signin.Attempt{Address: p.Address, Method: signin.ByPassphrase, Proof: halves.Proof(), Device: "test"})
	if err != nil || e.Operator != (p.Address == "alice@demo.test") {
		t.Errorf("%s by passphrase: operator %v, %v", p.Address, e.Operator, err)
	}
}
