package submission

import (
	"errors"
	"strings"
	"testing"
	"time"

	"sealpost/account"
	"sealpost/mailstore"
	"sealpost/smtp"
	"sealpost/smtp/outbound/queue"
	"sealpost/smtp/outbound/queue/memqueue"
)

// strict makes the world's queue keep texts in memory only.
func (w *world) strict() *memqueue.Store {
	rows := memqueue.New()
	w.rows.Store = rows
	w.handler.Queue.Strict = true
	return rows
}

// restart loses what the process had in memory.
func (w *world) restart(rows *memqueue.Store) {
	q := w.handler.Queue
	w.rows.Store = rows.Reopen()
	w.handler.Queue = &queue.Queue{Store: w.rows, Blobs: q.Blobs, Key: q.Key, Strict: true, Now: q.Now}
}

// TestStrict: before 250 a sealed notice waits in Outbox. When the mail has left it
// goes; when a restart loses the text it comes to INBOX, unread.
func TestStrict(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	rows := w.strict()
	alice := w.account("alice@demo.test")
	for _, subject := range []string{"one", "two"} {
		a := w.send(sending{as: alice, to: []string{"carol@example.org"}, data: letterOf("From: alice@demo.test", "To: carol@example.org", "Bcc: x@example.org", "Subject: canary "+subject)})
		if !strings.HasPrefix(a.data, "250") {
			t.Fatalf("%+v", a)
		}
	}
	waiting := w.box(alice, "Outbox", true)
	if len(waiting) != 2 {
		t.Fatalf("%d notices", len(waiting))
	}
	for i, m := range waiting {
		if strings.Contains(m.outer, "not sent") || strings.Contains(m.outer, "canary") {
			t.Errorf("what the notice shows:\n%s", m.outer)
		}
		for _, word := range []string{"Subject: Your mail was not sent\r\n", "Content-Type: message/rfc822", "Subject: canary " + []string{"one", "two"}[i], "Bcc: x@example.org", "Hello canary.", "  carol@example.org\r\n"} {
			if !strings.Contains(m.text, word) {
				t.Errorf("the notice lacks %q:\n%s", word, m.text)
			}
		}
	}
	for _, q := range w.queued() {
		if strings.Contains(q.text, "canary one") {
			w.forget(q)
			w.handler.Sent(t.Context(), q.Mail)
		}
	}
	if left := w.box(alice, "Outbox", true); len(left) != 1 || !strings.Contains(left[0].text, "canary two") {
		t.Fatalf("%d notices are left", len(left))
	}
	w.restart(rows)
	lost, err := w.handler.Queue.Lost(t.Context())
	w.must(err)
	if len(lost) != 1 {
		t.Fatalf("%d mails are lost", len(lost))
	}
	for range 2 { // a crash between Return and Forget
		w.must(w.handler.Return(t.Context(), lost[0]))
	}
	w.must(w.handler.Queue.Forget(t.Context(), lost[0].ID))
	back := w.box(alice, "INBOX", true)
	if len(back) != 1 || len(back[0].Flags) != 0 || !strings.Contains(back[0].text, "canary two") || len(w.box(alice, "Outbox", true)) != 0 {
		t.Errorf("INBOX has %+v", back)
	}
}

// TestTidy: notices that a crash left behind go, and nothing else that their owner
// keeps in Outbox does.
func TestTidy(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	rows := w.strict()
	alice := w.account("alice@demo.test")
	if n, err := w.handler.Tidy(t.Context(), alice.ID); n != 0 || err != nil {
		t.Errorf("without an Outbox: %d, %v", n, err)
	}
	for range 3 {
		w.send(sending{as: alice, to: []string{"carol@example.org"}, data: letterOf("From: alice@demo.test")})
	}
	own := w.box(alice, "Outbox", true)[1]
	boxes, err := w.handler.Store.Index.Mailboxes(t.Context(), mailstore.Owner(alice.ID))
	w.must(err)
	for _, b := range boxes {
		if b.Name == "Outbox" { // as a mail program's own would be
			_, err := w.handler.Store.Apply(t.Context(), mailstore.Owner(alice.ID),
				mailstore.SetFlags{Box: b.ID, UIDs: []mailstore.UID{own.UID}, Op: mailstore.Clear, Flags: []string{unsent}})
			w.must(err)
		}
	}
	w.restart(rows)
	n, err := w.handler.Tidy(t.Context(), alice.ID)
	left := w.box(alice, "Outbox", true)
	if err != nil || n != 2 || len(left) != 1 || left[0].UID != own.UID {
		t.Errorf("%d removed, %d left, %v", n, len(left), err)
	}
}

// TestStrictFails: no notice stays for a mail that was not taken.
func TestStrictFails(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.strict()
	alice := w.account("alice@demo.test")
	s := sending{as: alice, to: []string{"carol@example.org"}, data: letterOf("From: alice@demo.test")}
	w.rows.fault = func(int) error { return errors.New("the disk is broken") }
	if a := w.send(s); !strings.HasPrefix(a.data, "451") {
		t.Errorf("%+v", a)
	}
	if n := len(w.box(alice, "Outbox", true)); n != 0 {
		t.Errorf("%d notices", n)
	}
	w.rows.fault = nil
	w.index.fail(alice, errors.New("the disk is broken"))
	if a := w.send(s); !strings.HasPrefix(a.data, "451") || len(w.queued()) != 0 {
		t.Errorf("without a notice: %+v", a)
	}
	s.opts = smtp.MailOptions{Hold: time.Now().Add(time.Hour)}
	if a := w.send(s); !strings.HasPrefix(a.begin, "550 5.7.0") {
		t.Errorf("held back: %+v", a)
	}
}

// TestGoneMeanwhile: notices that their owner deleted, mailboxes that are gone and
// accounts that are no more are no reason to stop.
func TestGoneMeanwhile(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.strict()
	alice := w.account("alice@demo.test")
	send := func() queue.Mail {
		w.send(sending{as: alice, to: []string{"carol@example.org"}, data: letterOf("From: alice@demo.test")})
		q := w.only()
		w.forget(q)
		return q.Mail
	}
	check := func(what string, m queue.Mail) {
		t.Helper()
		w.handler.Sent(t.Context(), m)
		if err := w.handler.Return(t.Context(), m); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	apply := func(c mailstore.Change) {
		t.Helper()
		_, err := w.handler.Store.Apply(t.Context(), mailstore.Owner(alice.ID), c)
		w.must(err)
	}
	m := send()
	w.empty(alice, outbox)
	check("notice deleted", m)
	m = send()
	apply(mailstore.Remove{Name: outbox})
	check("mailbox deleted", m)
	m = send()
	apply(mailstore.Forget{})
	check("account removed", m)
	check("no notice", queue.Mail{Account: string(alice.ID)})
	for _, place := range []string{"x", "1", "1/", "/", "-1/2", "1/2/3", "99999999999999999999999/1"} {
		check(place, queue.Mail{Account: string(alice.ID), Outbox: place})
	}
	if strings.Contains(w.logs.String(), "stays in Outbox") {
		t.Error("a notice is said to stay")
	}
	var none account.ID
	check("of the server", queue.Mail{Account: string(none), Outbox: ""})
}
