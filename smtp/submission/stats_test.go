package submission

import (
	"strings"
	"testing"

	"sealpost/mail"
	"sealpost/smtp"
)

// TestStats: what people send, what they may not, and what the server itself sends
// are counted apart.
func TestStats(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	alice := w.account("alice@demo.test")
	w.account("bob@demo.test")
	w.correspondent(alice, "carol@example.org")
	w.send(sending{as: alice, to: []string{"bob@demo.test", "carol@example.org", "dave@example.org"},
		data: letterOf("From: alice@demo.test", "To: bob@demo.test")})
	w.send(sending{as: alice, to: []string{"nobody@demo.test"}})
	w.send(sending{as: alice, to: []string{"dave@example.org"}, data: letterOf("From: bob@demo.test")})
	from := w.address("postmaster@demo.test")
	e := smtp.Envelope{From: &from, To: []smtp.Recipient{{Address: mail.Address{Local: "r", Domain: "example.org"}}}}
	w.must(w.handler.System(t.Context(), e, strings.NewReader(letterOf("From: postmaster@demo.test"))))
	if got, want := w.handler.Stats(), (Stats{Accepted: 1, Refused: 2, Local: 1, Remote: 2, System: 1}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}
