package submission

import (
	"errors"
	"strings"
	"testing"

	"sealpost/smtp"
	"sealpost/smtp/outbound/dsn"
)

// Who asks hears that people of this server have their mail: once, of those who were
// asked for, also when some got it at an earlier try, and with nothing of the mail.
func TestArrivedHere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	alice := w.account("alice@demo.test")
	bob := w.account("bob@demo.test")
	w.account("carol@demo.test")
	w.account("dave@demo.test")
	mail := sending{
		as: alice, to: []string{"bob@demo.test", "carol@demo.test", "dave@demo.test", "erin@example.org"},
		data: letterOf("From: alice@demo.test", "To: bob@demo.test", "Subject: canary"),
		opts: smtp.MailOptions{EnvID: "envelope 1"},
		rcpt: []smtp.RcptOptions{{Notify: []string{"SUCCESS", "FAILURE"}, ORcpt: "robert@demo.test"}, {Notify: []string{"SUCCESS"}}, {Notify: []string{"FAILURE"}}, {Notify: []string{"SUCCESS"}}},
	}
	w.index.fail(bob, errors.New("disk on fire"))
	if a := w.send(mail); !strings.HasPrefix(a.data, "451") {
		t.Fatalf("%+v", a)
	}
	if n := len(w.box(alice, "INBOX", true)); n != 0 {
		t.Errorf("%d notices of a mail that did not go", n)
	}
	w.index.fail(bob, nil)
	if a := w.send(mail); !strings.HasPrefix(a.data, "250") {
		t.Fatalf("%+v", a)
	}
	in := w.box(alice, "INBOX", true)
	if len(in) != 1 {
		t.Fatalf("%d notices", len(in))
	}
	text := in[0].text
	text = text[strings.Index(text, "Date: "):] // behind our trace
	r, err := dsn.Parse(strings.NewReader(text))
	if err != nil || r.EnvID != "envelope 1" || len(r.Recipients) != 2 || !strings.HasSuffix(r.MessageID, "@demo.test>") {
		t.Fatalf("%+v, %v\n%s", r, err, text)
	}
	for i, who := range []string{"bob@demo.test", "carol@demo.test"} {
		if got := r.Recipients[i]; got.Address != who || got.Action != dsn.Delivered || got.Status != "2.0.0" {
			t.Errorf("%+v", got)
		}
	}
	if strings.Contains(in[0].text, "canary") {
		t.Errorf("the notice holds something of the mail:\n%s", in[0].text)
	}
}
