package account

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"sealpost/mailstore/notify"
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

// nodes are two books on one store, of which each hears what the other one publishes.
func nodes(t *testing.T) (here, there *Book) {
	t.Helper()
	here, s, c := newBook(t)
	there = NewBook(s, []string{"demo.test"}, here.secret, c.Now)
	here.Bus = new(notify.Bus)
	there.Bus = here.Bus
	return here, there
}

// What is revoked on one node is told on another one that follows: an app password, also if
// another one has its name by then, and a whole account; and nobody else is told.
func TestWatchHearsOtherNodes(t *testing.T) {
	t.Parallel()
	here, there := nodes(t)
	alice := add(t, here, "alice@demo.test")
	told := map[string]func() bool{}
	for _, name := range []string{"phone", "laptop", "tablet"} {
		addPassword(t, here, alice.ID, name)
		gone, was := bell()
		told[name] = was
		if err := there.Watch(t.Context(), alice.ID, name, gone); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"phone", "laptop"} {
		if err := here.RemovePassword(t.Context(), alice.ID, name); err != nil {
			t.Fatal(err)
		}
	}
	addPassword(t, here, alice.ID, "phone") // before the other node looks
	go there.Follow(t.Context())
	await := func(name string) {
		t.Helper()
		for deadline := time.Now().Add(5 * time.Second); !told[name](); time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("nobody on the other node was told of %q", name)
			}
		}
	}
	await("phone")
	await("laptop")
	later, laterGone := bell()
	if err := there.Watch(t.Context(), alice.ID, "phone", later); err != nil {
		t.Fatal(err)
	}
	here.Bus.Publish(Topic(alice.ID)) // without a reason: as at each minute's look
	time.Sleep(50 * time.Millisecond)
	if told["tablet"]() || laterGone() {
		t.Error("told, although the app password is good")
	}
	if err := here.Remove(t.Context(), alice.ID); err != nil {
		t.Fatal(err)
	}
	await("tablet")
}

// A book that cannot read an account now asks again, and tells nobody meanwhile.
func TestFollowAsksAgain(t *testing.T) {
	t.Parallel()
	b, s, _ := newBook(t)
	b.Bus = new(notify.Bus)
	alice := add(t, b, "alice@demo.test")
	addPassword(t, b, alice.ID, "phone")
	gone, told := bell()
	if err := b.Watch(t.Context(), alice.ID, "phone", gone); err != nil {
		t.Fatal(err)
	}
	failing := &failing{Store: s}
	failing.fail.Store(true)
	b.store = failing
	go b.Follow(t.Context())
	b.Bus.Publish(Topic(alice.ID))
	time.Sleep(50 * time.Millisecond)
	if told() {
		t.Error("a store that fails is taken for a revoked password")
	}
	a, _ := s.Account(t.Context(), alice.ID)
	a.Passwords = nil
	if err := s.Put(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	failing.fail.Store(false)
	for deadline := time.Now().Add(5 * time.Second); !told(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("nobody asked again")
		}
	}
}

// failing is a store that does not answer for a while.
type failing struct {
	Store
	fail atomic.Bool
}

func (f *failing) Account(ctx context.Context, id ID) (Account, error) {
	if f.fail.Load() {
		return Account{}, errors.New("no answer")
	}
	return f.Store.Account(ctx, id)
}

// A watch that ends leaves nothing on the bus.
func TestWatchLeavesTheBus(t *testing.T) {
	t.Parallel()
	b, _, _ := newBook(t)
	b.Bus = new(notify.Bus)
	alice := add(t, b, "alice@demo.test")
	addPassword(t, b, alice.ID, "phone")
	ctx, cancel := context.WithCancel(t.Context())
	for range 3 {
		if err := b.Watch(ctx, alice.ID, "phone", func() {}); err != nil {
			t.Fatal(err)
		}
	}
	cancel()
	for deadline := time.Now().Add(5 * time.Second); b.watched.any(alice.ID); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the watches stay for ever")
		}
	}
	b.Bus.Publish(Topic(alice.ID))
	b.stale.Mark("none")
	looked := make(chan ID, 10)
	go b.stale.Run(t.Context(), func(_ context.Context, id ID) error { looked <- id; return nil })
	if id := <-looked; id != "none" {
		t.Errorf("somebody still looks after %q", id)
	}
}
