package account

import (
	"context"
	"crypto/tls"
	"errors"
	"testing"
	"time"

	"github.com/xdg-go/scram"
)

// TestSignInsAreCounted once each, by whichever mechanism, with how they ended.
func TestSignInsAreCounted(t *testing.T) {
	t.Parallel()
	b, _, _ := newBook(t)
	word := addPassword(t, b, add(t, b, "alice@demo.test").ID, "phone")
	th := NewThrottle(Paces{Pace{time.Hour, 9}, Pace{time.Hour, 3}, Pace{time.Hour, 9}, Pace{time.Hour, 9}, Pace{time.Hour, 9}}, time.Now)
	d := Door{Book: b, Throttle: th, hurry: true}
	home := Caller{Host: ip("198.51.100.7"), TLS: handshake(t, tls.VersionTLS13)}
	plain := func(from Caller, word string) {
		t.Helper()
		step, err := d.Begin(from, "PLAIN")
		if err != nil {
			t.Fatal(err)
		}
		step(t.Context(), nil)
		step(t.Context(), []byte("\x00alice@demo.test\x00"+word))
	}
	plain(home, word)
	d.Login(t.Context(), home, "alice@demo.test", word)
	client, err := scram.SHA256.NewClientUnprepped("alice@demo.test", word, "")
	if err != nil {
		t.Fatal(err)
	}
	step, err := d.Begin(home, scramBare)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := converse(t.Context(), step, client.NewConversation()); err != nil {
		t.Fatal(err)
	}
	thief := Caller{Host: ip("192.0.2.9"), TLS: home.TLS}
	for range 3 {
		plain(thief, "guess")
	}
	plain(thief, "guess") // the fourth from there
	if got := th.SignIns(); got != (SignIns{Good: 3, Wrong: 3, Slowed: 1}) {
		t.Errorf("%+v", got)
	}
	d.count(context.Canceled)
	d.count(errors.New("the disk is gone"))
	if got := th.SignIns(); got != (SignIns{Good: 3, Wrong: 3, Slowed: 1, Faulted: 1}) {
		t.Errorf("%+v", got)
	}
}
