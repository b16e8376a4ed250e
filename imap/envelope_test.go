package imap_test

import (
	"strings"
	"testing"

	"sealpost/mail"
	"sealpost/mailstore"
)

// An old source route is told where RFC 9051, section 7.5.2, has a place for it;
// Sender and Reply-To are From.
func TestEnvelopeTellsRoutes(t *testing.T) {
	t.Parallel()
	h := build(t)
	envelope, err := mail.Envelope{From: []mail.Mailbox{{Local: "user", Domain: "domain", Route: "@one,@two"}}, To: []mail.Mailbox{{Local: "a", Domain: "b"}}}.MarshalBinary()
	h.must(err)
	h.row(mailstore.Append{Mail: mailstore.Mail{Envelope: envelope}})
	l := h.line(t, true)
	l.signIn(h.alice)
	l.say("a SELECT INBOX\r\nb FETCH 1 ENVELOPE\r\n")
	got := l.until("* 1 FETCH")
	if want := `((NIL "@one,@two" "user" "domain"))`; strings.Count(got, want) != 3 || !strings.Contains(got, `((NIL NIL "a" "b"))`) {
		t.Errorf("it shows %q", got)
	}
}
