package account

import (
	"errors"
	"testing"
)

func TestOwns(t *testing.T) {
	t.Parallel()
	b, s, _ := newBook(t)
	alice, bob := add(t, b, "alice@demo.test"), add(t, b, "bob@demo.test")
	if _, err := b.AddAlias(t.Context(), alice.ID, address(t, "al@demo.test")); err != nil {
		t.Fatal(err)
	}
	if _, err := b.SetCatchAll(t.Context(), alice.ID, "bücher.test", true); err != nil {
		t.Fatal(err)
	}
	if _, err := b.AddAlias(t.Context(), bob.ID, address(t, "sales@bücher.test")); err != nil {
		t.Fatal(err)
	}
	for from, want := range map[string]ID{
		"alice@demo.test":                alice.ID,
		"ALICE@Demo.Test":                alice.ID,
		"al@demo.test":                   alice.ID,
		"alice+list@demo.test":           alice.ID,
		"al+x+y@demo.test":               alice.ID,
		"anything@bücher.test":           alice.ID,
		"any+thing@xn--bcher-kva.test":   alice.ID,
		"sales@bücher.test":              bob.ID,
		"sales+x@bücher.test":            bob.ID,
		"bob@demo.test":                  bob.ID,
		"nobody@demo.test":               "",
		"alice@elsewhere.test":           "",
		`"alice@demo.test"@demo.test`:    "",
		`"alice "@demo.test`:             "",
		"alice%demo.test@elsewhere.test": "",
	} {
		for _, a := range []Account{alice, bob} {
			if owns, err := b.Owns(t.Context(), a, address(t, from)); err != nil || owns != (want == a.ID) {
				t.Errorf("%s writes as %s: %v, %v", a.Addresses[0].Local, from, owns, err)
			}
		}
	}
	s.fail = errors.New("disk on fire")
	if owns, err := b.Owns(t.Context(), alice, alice.Addresses[0]); owns || err == nil {
		t.Errorf("nobody can tell, and it is %v, %v", owns, err)
	}
}

func TestPolicyAndPasswordSettings(t *testing.T) {
	t.Parallel()
	b, _, _ := newBook(t)
	alice := add(t, b, "alice@demo.test")
	for policy, ok := range map[EncryptPolicy]bool{"": true, EncryptWhenKeys: true, EncryptRequire: true, EncryptNever: true, "maybe": false} {
		a, err := b.Set(t.Context(), alice.ID, Settings{Encrypt: &policy})
		if ok && (err != nil || a.Encrypt != policy) || !ok && !errors.Is(err, ErrPolicy) {
			t.Errorf("%q: %q, %v", policy, a.Encrypt, err)
		}
	}
	if _, err := b.MakePassword(t.Context(), alice.ID, NewPassword{Name: "phone", FileSent: true, Limit: 20}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.MakePassword(t.Context(), alice.ID, NewPassword{Name: "tablet", Limit: -1}); !errors.Is(err, ErrLimit) {
		t.Errorf("a limit of -1: %v", err)
	}
	a, _ := b.Find(t.Context(), alice.Addresses[0])
	if p := a.Passwords[0]; len(a.Passwords) != 1 || p.Name != "phone" || !p.FileSent || p.Limit != 20 {
		t.Errorf("%+v", a.Passwords)
	}
}

func TestAttachmentSettings(t *testing.T) {
	t.Parallel()
	b, _, _ := newBook(t)
	alice := add(t, b, "alice@demo.test")
	if alice.Files.Limit() != UsualOver {
		t.Errorf("who never chose has %d", alice.Files.Limit())
	}
	good := Attachments{Over: LeastOver, Outgoing: OutgoingLink, Incoming: IncomingStub, Drops: make([]byte, 32)}
	for name, f := range map[string]Attachments{
		"small": {Over: LeastOver - 1}, "large": {Over: MostOver + 1}, "out": {Outgoing: "x"}, "in": {Incoming: "x"}, "key": {Drops: []byte{1}},
	} {
		if _, err := b.Set(t.Context(), alice.ID, Settings{Files: &f}); !errors.Is(err, ErrAttachments) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := b.Set(t.Context(), alice.ID, Settings{Files: &good}); err != nil {
		t.Fatal(err)
	}
	a, err := b.Set(t.Context(), alice.ID, Settings{Files: &Attachments{Over: MostOver}})
	if err != nil || a.Files.Over != MostOver || a.Files.Outgoing != "" || len(a.Files.Drops) != 32 {
		t.Errorf("%+v, %v", a.Files, err)
	}
}
