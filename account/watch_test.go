package account

import (
	"context"
	"errors"
	"testing"
	"time"
)

// bell is a gone function, and what says whether it was called.
func bell() (ring func(), rang func() bool) {
	called := make(chan struct{})
	return func() { close(called) }, func() bool {
		select {
		case <-called:
			return true
		default:
			return false
		}
	}
}

// Who watches knows before who revokes is answered.
func TestWatchTellsOfRevoking(t *testing.T) {
	t.Parallel()
	b, _, _ := newBook(t)
	alice, bob := add(t, b, "alice@demo.test"), add(t, b, "bob@demo.test")
	for _, name := range []string{"phone", "laptop"} {
		addPassword(t, b, alice.ID, name)
	}
	addPassword(t, b, bob.ID, "phone")
	watch := func(id ID, name string, gone func()) {
		t.Helper()
		if err := b.Watch(t.Context(), id, name, gone); err != nil {
			t.Fatal(err)
		}
	}
	never := func() { t.Error("somebody else was told") }
	phone, phoneGone := bell()
	watch(alice.ID, "phone", phone)
	watch(bob.ID, "phone", never)
	laptop, laptopGone := bell()
	watch(alice.ID, "laptop", laptop)

	// Another change is no reason.
	if _, err := b.AddAlias(t.Context(), alice.ID, address(t, "al@demo.test")); err != nil {
		t.Fatal(err)
	}
	if err := b.RemovePassword(t.Context(), alice.ID, "phone"); err != nil {
		t.Fatal(err)
	}
	if !phoneGone() {
		t.Error("nobody was told that the phone's password is revoked")
	}
	addPassword(t, b, alice.ID, "phone") // a new one of that name: told once is enough
	if err := b.Remove(t.Context(), alice.ID); err != nil {
		t.Fatal(err)
	}
	if !laptopGone() {
		t.Error("nobody was told that the account is removed")
	}
	late, lateGone := bell()
	watch(alice.ID, "laptop", late)
	if !lateGone() {
		t.Error("who comes too late is not told")
	}
}

func TestWatchEnds(t *testing.T) {
	t.Parallel()
	b, s, _ := newBook(t)
	alice := add(t, b, "alice@demo.test")
	addPassword(t, b, alice.ID, "phone")
	ctx, cancel := context.WithCancel(t.Context())
	if err := b.Watch(ctx, alice.ID, "phone", func() { t.Error("told after the end") }); err != nil {
		t.Fatal(err)
	}
	cancel()
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(time.Millisecond) {
		b.watched.mu.Lock()
		left := len(b.watched.all)
		b.watched.mu.Unlock()
		if left == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the watch stays for ever")
		}
	}
	if err := b.RemovePassword(t.Context(), alice.ID, "phone"); err != nil {
		t.Fatal(err)
	}
	s.fail = errors.New("disk on fire")
	if err := b.Watch(t.Context(), alice.ID, "phone", func() {}); err == nil {
		t.Error("nobody can tell whether the password is good, and that is no error")
	}
}
