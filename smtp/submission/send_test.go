package submission

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"sealpost/account"
	"sealpost/mail"
	"sealpost/mailstore"
	"sealpost/smtp"
)

// TestNeighboursOnly: mail between people of this server is never in the queue, and
// nobody outside hears of it.
func TestNeighboursOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	alice, bob := w.account("alice@demo.test"), w.account("bob@demo.test")
	_, err := w.book.AddAlias(t.Context(), bob.ID, w.address("robert@bücher.test"))
	w.must(err)
	for _, to := range [][]string{{"bob@demo.test"}, {"BOB@DEMO.TEST", "bob+x@demo.test", "robert@bücher.test"}, {"robert@xn--bcher-kva.test"}} {
		if a := w.send(sending{as: alice, to: to, data: letterOf("From: alice@demo.test", "Sealpost-Encrypt: require")}); !strings.HasPrefix(a.data, "250") {
			t.Errorf("%q: %+v", to, a)
		}
	}
	if got := len(w.box(bob, "INBOX", true)); got != 3 {
		t.Errorf("bob has %d mails of 3", got)
	}
	if w.rows.n != 0 {
		t.Errorf("%d mails went through the queue", w.rows.n)
	}
}

// TestRetry: when a copy fails the mail is put off, and sent again it reaches each
// recipient once, whichever copy failed.
func TestRetry(t *testing.T) {
	t.Parallel()
	broken := errors.New("the disk is broken")
	faults := map[string]func(w *world, alice, bob account.Account, on bool){
		"a neighbour's copy": func(w *world, _, bob account.Account, on bool) { w.index.fail(bob, when(on, broken)) },
		"a full mailbox":     func(w *world, _, bob account.Account, on bool) { w.index.fail(bob, when(on, mailstore.ErrOverQuota)) },
		"the first text": func(w *world, _, _ account.Account, on bool) {
			w.rows.fault = func(n int) error { return when(on && n == 1, broken) }
		},
		"the second text": func(w *world, _, _ account.Account, on bool) {
			w.rows.fault = func(n int) error { return when(on && n == 2, broken) }
		},
		"the Sent copy": func(w *world, alice, _ account.Account, on bool) { w.index.fail(alice, when(on, broken)) },
	}
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.handler.Limits = Limits{Hour: 4}
			alice, bob, eve := w.account("alice@demo.test"), w.account("bob@demo.test"), w.account("eve@demo.test")
			w.correspondent(alice, "carol@example.org")
			w.correspondent(alice, "dave@example.org")
			s := sending{as: alice, to: []string{"carol@example.org", "bob@demo.test", "dave@example.org", "eve@demo.test"},
				data: letterOf("From: alice@demo.test", "To: carol@example.org")}
			fault(w, alice, bob, true)
			if a := w.send(s); !strings.HasPrefix(a.data, "45") {
				t.Fatalf("%+v", a)
			}
			fault(w, alice, bob, false)
			for range 2 { // the second is a new mail with the same words
				if a := w.send(s); !strings.HasPrefix(a.data, "250") {
					t.Fatalf("%+v", a)
				}
				for who, box := range map[string]int{"bob": len(w.box(bob, "INBOX", true)), "eve": len(w.box(eve, "INBOX", true)), "Sent": len(w.box(alice, "Sent", true)), "others": len(w.queued())} {
					if want := map[string]int{"others": 2}[who]; box != max(want, 1) {
						t.Errorf("%s: %d copies", who, box)
					}
				}
				for _, q := range w.queued() {
					w.forget(q)
				}
				for a, box := range map[*account.Account]string{&alice: "Sent", &bob: "INBOX", &eve: "INBOX"} {
					w.empty(*a, box)
				}
			}
		})
	}
}

func when(on bool, err error) error {
	if on {
		return err
	}
	return nil
}

func (w *world) empty(a account.Account, name string) {
	w.t.Helper()
	boxes, err := w.index.Mailboxes(w.t.Context(), mailstore.Owner(a.ID))
	w.must(err)
	for _, b := range boxes {
		if b.Name == name {
			_, err := w.handler.Store.Apply(w.t.Context(), mailstore.Owner(a.ID), mailstore.Expunge{Box: b.ID})
			w.must(err)
		}
	}
}

// TestOverQuota: a sender whose mailbox is full hears so before anything leaves.
func TestOverQuota(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	alice, bob := w.account("alice@demo.test"), w.account("bob@demo.test")
	w.must(w.handler.Store.Welcome(t.Context(), mailstore.Owner(alice.ID), 10))
	a := w.send(sending{as: alice, to: []string{"bob@demo.test", "carol@example.org"}, data: letterOf("From: alice@demo.test")})
	if !strings.HasPrefix(a.data, "452 4.2.2 your mailbox is full") || len(w.queued()) != 0 || len(w.box(bob, "INBOX", true)) != 0 {
		t.Errorf("%+v; %d queued", a, len(w.queued()))
	}
}

// TestWhoFilesSent: the server files the Sent copy, sealed, for app passwords that say
// so, in the mailbox with that use, and for no other.
func TestWhoFilesSent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	alice := w.account("alice@demo.test")
	w.password(alice, account.NewPassword{Name: "files", FileSent: true})
	w.password(alice, account.NewPassword{Name: "own"})
	_, err := w.handler.Store.Apply(t.Context(), mailstore.Owner(alice.ID), mailstore.Rename{From: "Sent", To: "Gesendet"})
	w.must(err)
	for _, password := range []string{"own", "files"} {
		w.send(sending{as: alice, password: password, to: []string{"carol@example.org"}, data: letterOf("From: alice@demo.test", "Bcc: carol@example.org", "Sealpost-Encrypt: no")})
	}
	sent := w.box(alice, "Gesendet", true)
	if len(sent) != 1 {
		t.Fatalf("%d Sent copies", len(sent))
	}
	if text := sent[0].text; !strings.Contains(text, "Bcc: carol@example.org\r\n") || strings.Contains(text, "Received") || strings.Contains(text, "Return-Path") || strings.Contains(text, "Sealpost-Encrypt") {
		t.Errorf("Sent copy:\n%s", text)
	}
	if n := len(w.box(alice, "Sent", true)); n != 0 {
		t.Errorf("%d copies elsewhere", n)
	}
}

// TestNoBackscatter: what is refused is refused in the dialogue, and nobody is written
// to about it, neither the sender nor who stands in From (ATTACKS D17).
func TestNoBackscatter(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	alice, bob := w.account("alice@demo.test"), w.account("bob@demo.test")
	w.handler.Message = 5000
	for name, s := range map[string]sending{
		"unknown":        {to: []string{"nobody@demo.test"}},
		"percent hack":   {to: []string{"carol%example.org@demo.test"}},
		"quoted route":   {to: []string{`"carol@example.org"@demo.test`}},
		"literal":        {to: []string{"carol@[127.0.0.1]"}},
		"no key":         {to: []string{"carol@example.org", "bob@demo.test"}, data: letterOf("From: alice@demo.test", "Sealpost-Encrypt: require")},
		"too large":      {to: []string{"bob@demo.test"}, data: letterOf("From: alice@demo.test", "X: "+strings.Repeat("x", 5000))},
		"another's name": {to: []string{"bob@demo.test"}, data: letterOf("From: bob@demo.test")},
		"a loop":         {to: []string{"bob@demo.test"}, data: strings.Repeat("Received: x\r\n", maxHops+1) + letterOf("From: alice@demo.test")},
		"held back":      {to: []string{"bob@demo.test"}, opts: smtp.MailOptions{Hold: time.Now().Add(time.Hour)}},
	} {
		if s.data == "" {
			s.data = letterOf("From: alice@demo.test")
		}
		s.as = alice
		a := w.send(s)
		if replies := strings.Join(append(a.rcpt, a.begin, a.data), " "); !strings.Contains(replies, "55") || strings.Contains(replies, "250") {
			t.Errorf("%s: %+v", name, a)
		}
	}
	for _, who := range []account.Account{alice, bob} {
		usage, err := w.index.Usage(t.Context(), mailstore.Owner(who.ID))
		w.must(err)
		if usage.Messages != 0 {
			t.Errorf("somebody was written to: %d mails", usage.Messages)
		}
	}
	if w.rows.n != 0 {
		t.Errorf("%d mails were queued", w.rows.n)
	}
}

// TestEnvelope: what is asked of the way out is asked of it.
func TestEnvelope(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	alice := w.account("alice@demo.test")
	from, hold := alice.Addresses[0], time.Now().Add(time.Hour).Truncate(time.Second)
	tx, err := w.handler.Begin(t.Context(), smtp.Peer{User: &smtp.Identity{Account: string(alice.ID)}}, &from,
		smtp.MailOptions{RequireTLS: true, Hold: hold, EnvID: "id", Ret: "HDRS"})
	w.must(err)
	defer tx.Close()
	w.must(tx.Rcpt(t.Context(), w.address("carol@example.org"), smtp.RcptOptions{Notify: []string{"SUCCESS", "DELAY"}, ORcpt: "c@example.org"}))
	if err := tx.Rcpt(t.Context(), w.address("alice@demo.test"), smtp.RcptOptions{}); err == nil {
		t.Error("mail to a neighbour is held back, which only the queue could do")
	}
	_, err = tx.Data(t.Context(), strings.NewReader(letterOf("From: alice@demo.test")))
	w.must(err)
	e, r := w.only().Envelope, w.only().Recipient[0]
	if !e.RequireTLS || !e.Hold.Equal(hold) || e.EnvID != "id" || e.Ret != "HDRS" || !slices.Equal(r.Notify, []string{"SUCCESS", "DELAY"}) || r.ORcpt != "c@example.org" {
		t.Errorf("%+v, %+v", e, r)
	}
}

// TestAnyTLS: a field of RFC 8689 rather than a word in the dialogue.
func TestAnyTLS(t *testing.T) {
	t.Parallel()
	for field, want := range map[string]bool{"TLS-Required: No": true, "tls-required:  no ": true, "TLS-Required: Yes": false, "X-TLS: No": false} {
		for _, require := range []bool{false, true} {
			w := newWorld(t)
			a := w.send(sending{
				as: w.account("alice@demo.test"), to: []string{"carol@example.org"},
				data: letterOf("From: alice@demo.test", field), opts: smtp.MailOptions{RequireTLS: require},
			})
			if !strings.HasPrefix(a.data, "250") {
				t.Fatalf("%+v", a)
			}
			if q := w.only(); q.Envelope.AnyTLS != (want && !require) || !strings.Contains(q.text, field) {
				t.Errorf("%s, REQUIRETLS %v: %+v", field, require, q.Envelope)
			}
		}
	}
}

// TestCapped: recipients of one mail are bounded.
func TestCapped(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.handler.Recipients = 5
	alice := w.account("alice@demo.test")
	to := append(many(4), "r0@example.org", "alice@demo.test", "alice+x@demo.test", "one@example.org")
	a := w.send(sending{as: alice, to: to, data: letterOf("From: alice@demo.test")})
	for i, r := range a.rcpt {
		if over := i >= 6; over != strings.HasPrefix(r, "452 4.5.3") || !over && r != "" {
			t.Errorf("%s: %q", to[i], r)
		}
	}
}

// panicking is a way in that has a bug.
type panicking struct{ smtp.Handler }

func (p panicking) Begin(ctx context.Context, peer smtp.Peer, from *mail.Address, o smtp.MailOptions) (smtp.Transaction, error) {
	tx, err := p.Handler.Begin(ctx, peer, from, o)
	return panickingData{tx}, err
}

type panickingData struct{ smtp.Transaction }

func (panickingData) Data(context.Context, io.Reader) (*smtp.Reply, error) { panic("canary") }

// TestPanic: a bug in making one copy puts the mail off and ends nothing else.
func TestPanic(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	alice := w.account("alice@demo.test")
	w.handler.Local = panicking{w.handler.Local}
	if a := w.send(sending{as: alice, to: []string{"alice@demo.test"}, data: letterOf("From: alice@demo.test")}); !strings.HasPrefix(a.data, "451 4.3.0") {
		t.Errorf("%+v", a)
	}
}
