package submission

import (
	"regexp"
	"strings"
	"testing"

	"sealpost/account"
)

func TestPlainMail(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	alice, bob := w.account("alice@demo.test"), w.account("bob@demo.test")
	w.password(alice, account.NewPassword{Name: "laptop", FileSent: true})
	a := w.send(sending{as: alice, password: "laptop", to: []string{"bob@demo.test", "carol@example.org", "Carol@example.org", "nobody@demo.test"},
		data: letterOf("From: Alice <alice@demo.test>", "To: bob@demo.test, carol@example.org", "Bcc: dave@example.net", "Subject: canary", "User-Agent: Thunderbird 140")})
	if !strings.HasPrefix(a.data, "250 2.0.0 queued as ") {
		t.Fatalf("%+v", a)
	}
	if a.rcpt[0] != "" || a.rcpt[1] != "" || a.rcpt[2] != "" || !strings.HasPrefix(a.rcpt[3], "550 5.1.1") {
		t.Errorf("recipients: %q", a.rcpt)
	}
	q := w.only()
	if got := q.to(); len(got) != 1 || got[0] != "carol@example.org" {
		t.Errorf("queued for %q", got)
	}
	if q.Account != string(alice.ID) || q.Envelope.From.String() != "alice@demo.test" || q.Envelope.UTF8 || q.Envelope.EightBit {
		t.Errorf("envelope %+v of %s", q.Envelope, q.Account)
	}
	want := regexp.MustCompile(`^Received: by mx.demo.test with ESMTPSA id [0-9a-z]+;\r\n\t[^\r]+\r\n(Autocrypt: [^:]+\r\n)?` +
		`Date: [^\r]+\r\nMessage-ID: <[0-9a-z]+@demo.test>\r\n` +
		`From: Alice <alice@demo.test>\r\nTo: bob@demo.test, carol@example.org\r\nSubject: canary\r\n\r\nHello canary.\r\n$`)
	if !want.MatchString(q.text) {
		t.Errorf("text that leaves:\n%s", q.text)
	}
	in := w.box(bob, "INBOX", true)
	if len(in) != 1 || in[0].text != q.text {
		t.Errorf("bob has %d mails: %+v", len(in), in)
	}
	sent := w.box(alice, "Sent", true)
	if len(sent) != 1 || !strings.Contains(sent[0].text, "Bcc: dave@example.net\r\n") || !strings.Contains(sent[0].text, "User-Agent") || strings.Contains(sent[0].text, "Received:") {
		t.Errorf("Sent copy: %+v", sent)
	}
	if len(sent[0].Flags) != 1 || sent[0].Flags[0] != `\Seen` {
		t.Errorf("flags of the Sent copy: %q", sent[0].Flags)
	}
}
