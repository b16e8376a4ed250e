package submission

import (
	"context"
	"strings"
	"testing"
	"time"

	"sealpost/account"
	"sealpost/pgp"
	"sealpost/pgp/discover"
)

// shownIn is the Autocrypt field that alice's next mail leaves with.
func (w *world) shownIn(as account.Account, from string) string {
	w.t.Helper()
	w.send(sending{as: as, from: from, to: []string{"carol@example.org"}, data: letterOf("From: "+from, "To: carol@example.org")})
	all := w.queued()
	_, rest, _ := strings.Cut(all[len(all)-1].text, "\r\nAutocrypt: ")
	field, _, _ := strings.Cut(rest, "\r\nDate: ")
	for _, m := range all {
		l, err := w.handler.Queue.Drop(w.t.Context(), m.ID)
		w.must(err)
		w.must(l.Done(w.t.Context()))
	}
	return "Autocrypt: " + field + "\r\n"
}

// The field is remembered, and follows whatever it is made of: key, address, policy.
func TestAutocryptFollows(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	alice := w.account("alice@demo.test")
	_, err := w.book.AddAlias(t.Context(), alice.ID, w.address("al@demo.test"))
	w.must(err)
	expect := func(what, from string, mutual bool) {
		t.Helper()
		a, err := w.book.Account(context.Background(), alice.ID)
		w.must(err)
		to, err := w.book.Recipient(context.Background(), a)
		w.must(err)
		want, err := discover.Header(w.address(from), to.Cert, mutual)
		w.must(err)
		for range 2 {
			if got := w.shownIn(a, from); got != want {
				t.Errorf("%s: got\n%s\nwant\n%s", what, got, want)
			}
		}
	}
	expect("at first", "alice@demo.test", true)
	expect("from an alias", "al@demo.test", true)
	w.policy(alice, account.EncryptNever)
	expect("with encryption off", "alice@demo.test", false)
	_, public, err := pgp.GenerateKey("", "alice@demo.test", pgp.Compat, time.Now().Add(-time.Hour))
	w.must(err)
	cert, err := pgp.ParseCert(public)
	w.must(err)
	_, err = w.book.SetKey(t.Context(), alice.ID, cert)
	w.must(err)
	expect("with another key", "alice@demo.test", false)
}

func TestAutocryptIsMadeAnewInTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	to, err := w.book.Recipient(t.Context(), w.account("alice@demo.test"))
	w.must(err)
	var s shown
	what, start := showing{to.Cert, w.address("alice@demo.test"), true}, time.Now()
	at := func(d time.Duration) *byte {
		text, err := s.field(what, start.Add(d))
		w.must(err)
		return &text[0]
	}
	first := at(0)
	if at(shownFor-1) != first {
		t.Error("made twice within its time")
	}
	later := at(shownFor)
	if later == first {
		t.Error("not made again after its time")
	}
	if at(0) == later {
		t.Error("what the future made is used")
	}
}
