package submission

import (
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"net/netip"
	"strings"
	"testing"

	"sealpost/account"
	"sealpost/smtp"
	"sealpost/smtp/dns/dnstest"
	"sealpost/smtp/mailauth"
)

// signing makes a key for demo.test, whose record who checks can find, and signs as
// the sender does when a mail leaves.
func (w *world) signing() (c *mailauth.Checker, leaving func(q queued) string) {
	w.t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	w.must(err)
	record, err := mailauth.Record(private)
	w.must(err)
	signer := &mailauth.Signer{Domain: "demo.test", Keys: []mailauth.SigningKey{{Selector: "s", Private: private}}, Now: w.now}
	leaving = func(q queued) string {
		w.t.Helper()
		if q.Sign != signer.Domain {
			w.t.Errorf("it is to be signed for %q", q.Sign)
		}
		signature, err := signer.Sign(strings.NewReader(q.text))
		w.must(err)
		return string(signature) + q.text
	}
	zone := "s._domainkey.demo.test. TXT \"" + strings.ReplaceAll(record, ";", `\;`) + "\"\n_dmarc.demo.test. TXT \"v=DMARC1\\; p=reject\"\n"
	return &mailauth.Checker{DNS: dnstest.New(w.t, zone).Resolver(), Now: w.now}, leaving
}

func (w *world) verdict(c *mailauth.Checker, text string) mailauth.Verdict {
	w.t.Helper()
	h := headerOf(w.t, text)
	from := w.address("alice@demo.test")
	return c.Check(w.t.Context(), mailauth.Session{IP: netip.MustParseAddr("192.0.2.1"), From: &from}, h, strings.NewReader(text))
}

// TestSigned: every text that waits to leave says whose key is to sign it, encrypted
// ones too.
func TestSigned(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c, leaving := w.signing()
	alice := w.account("alice@demo.test")
	_, err := w.book.AddAlias(t.Context(), alice.ID, w.address("alice@bücher.test"))
	w.must(err)
	w.correspondent(alice, "carol@example.org")
	send := func(from, to string) queued {
		t.Helper()
		if a := w.send(sending{as: alice, to: []string{to}, data: letterOf("From: "+from, "Subject: x") + "no end"}); !strings.HasPrefix(a.data, "250") {
			t.Fatalf("%+v", a)
		}
		q := w.only()
		w.forget(q)
		return q
	}
	for _, to := range []string{"carol@example.org", "nokey@example.org"} {
		if v := w.verdict(c, leaving(send("alice@demo.test", to))); len(v.DKIM) != 1 || v.DKIM[0].Result != mailauth.Pass || v.DMARC.Result != "pass" || v.Reject != "" {
			t.Errorf("to %s: %+v", to, v)
		}
	}
	if q := send("alice@bücher.test", "nokey@example.org"); q.Sign != "bücher.test" {
		t.Errorf("to be signed for %q", q.Sign)
	}
}

// TestSubmit: another door of this server sends on the same path, and hears which
// recipient was refused.
func TestSubmit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	alice := w.account("alice@demo.test")
	peer := smtp.Peer{User: &smtp.Identity{Account: string(alice.ID)}}
	from := alice.Addresses[0]
	e := smtp.Envelope{From: &from, To: []smtp.Recipient{{Address: w.address("carol@example.org")}, {Address: w.address("alice@demo.test")}}}
	r, err := w.handler.Submit(t.Context(), peer, e, strings.NewReader(letterOf("From: alice@demo.test")))
	if err != nil || r.Code != 250 {
		t.Fatalf("%+v, %v", r, err)
	}
	if text := w.only().text; !strings.HasPrefix(text, "Received: by mx.demo.test id ") {
		t.Errorf("text:\n%s", text)
	}
	if len(w.box(alice, "Sent", true)) != 1 || len(w.box(alice, "INBOX", true)) != 1 {
		t.Error("a copy is missing")
	}
	w.forget(w.only())
	e.To = append(e.To, smtp.Recipient{Address: w.address("nobody@demo.test")})
	_, err = w.handler.Submit(t.Context(), peer, e, strings.NewReader(letterOf("From: alice@demo.test")))
	var refused *Refused
	var reply *smtp.Reply
	if !errors.As(err, &refused) || refused.To.Local != "nobody" || !errors.As(err, &reply) || reply.Code != 550 || strings.Contains(err.Error(), "nobody@") {
		t.Errorf("%v", err)
	}
	_, err = w.handler.Submit(t.Context(), peer, e, strings.NewReader(letterOf("From: bob@demo.test")))
	if err == nil || len(w.queued()) != 0 {
		t.Errorf("%v", err)
	}
	if _, err = w.handler.Submit(t.Context(), smtp.Peer{}, e, strings.NewReader("")); !errors.As(err, &reply) || reply.Code != 530 {
		t.Errorf("nobody signed in: %v", err)
	}
}

// TestSystem: the server's own mail is signed and queued, or goes to people here
// through their seal; nobody is counted and nobody else's name is used.
func TestSystem(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c, leaving := w.signing()
	w.strict()
	w.handler.Limits = Limits{Hour: 1, WarmUp: 1 << 60}
	alice := w.account("alice@demo.test")
	w.policy(alice, account.EncryptRequire)
	to := []smtp.Recipient{{Address: w.address("reports@example.org")}, {Address: w.address("alice@demo.test")}, {Address: w.address("more@example.net")}}
	w.must(w.handler.System(t.Context(), smtp.Envelope{To: to}, strings.NewReader(letterOf("From: postmaster@demo.test", "Subject: report"))))
	q := w.only()
	if v := w.verdict(c, leaving(q)); v.DMARC.Result != "pass" || q.Account != "" || q.Outbox != "" || q.Envelope.From != nil || len(q.to()) != 2 {
		t.Errorf("%+v, %+v", q.Mail, v)
	}
	if !strings.Contains(q.text, "\r\nMessage-ID: <") || strings.Contains(q.text, "Autocrypt") {
		t.Errorf("text:\n%s", q.text)
	}
	if in := w.box(alice, "INBOX", true); len(in) != 1 {
		t.Errorf("alice has %d mails", len(in))
	}
	for _, data := range []string{letterOf("From: ceo@example.org"), letterOf("Subject: x"), "\r\nx"} {
		if err := w.handler.System(t.Context(), smtp.Envelope{To: to}, strings.NewReader(data)); err == nil {
			t.Errorf("taken: %q", data)
		}
	}
	if err := w.handler.System(t.Context(), smtp.Envelope{To: []smtp.Recipient{{Address: w.address("nobody@demo.test")}}}, strings.NewReader(letterOf("From: postmaster@demo.test"))); err == nil {
		t.Error("a recipient that does not exist is taken")
	}
}
