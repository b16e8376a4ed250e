package submission

import (
	"cmp"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sealpost/mail"
	"sealpost/smtp"
)

// telling are fields that tell of the client, its network or its user, each with a
// canary, as programs write them.
var telling = []string{
	"Received: from canary-laptop.lan (unknown [10.0.0.7]) by demo.test; Mon, 1 Jan 2024 00:00:00 +0000",
	"X-Originating-IP: [10.0.0.7] canary", "X-Client-IP: canary", "X-Real-IP: canary", "X-Forwarded-For: canary",
	"X-Mailer: canary 1.0", "User-Agent: canary", "x-mailer: canary", "X-Newsreader: canary", "X-MimeOLE: canary",
	"X-MS-Exchange-Organization: canary", "X-MS-TNEF-Correlator: canary", "X-MSMail-Priority: canary",
	"X-Sender: canary", "X-Sender-IP: canary", "X-Apple-Mail-Remote-Attachments: canary", "X-Uniform-Type-Identifier: canary",
	"X-Universally-Unique-Identifier: canary", "X-Mozilla-Status: canary", "X-Identity-Key: canary", "X-Account-Key: canary",
	"X-Evolution-Source: canary", "X-KMail-Identity: canary", "X-Gm-Message-State: canary", "X-Google-Smtp-Source: canary",
	"X-PHP-Originating-Script: canary", "X-Authenticated-Sender: canary", "Status: canary", "X-Status: canary", "X-UID: canary",
	"Bcc: canary@example.org", "Resent-Bcc: canary@example.org", "Return-Path: <canary@example.org>", "Delivered-To: canary@example.org",
	"Authentication-Results: demo.test; dmarc=pass header.from=canary.test", "ARC-Seal: i=1; canary", "Received-SPF: pass canary",
	"X-Spam-Status: No, canary", "Sealpost-Encrypt: no", "Sealpost-Seal: canary", "SEALPOST-PADDING: canary",
	"MIME-Version: 1.0 (canary Mail 16.0)",
	"Bcc: one@example.org,\r\n\tcanary@example.org",
}

// TestTakenOff: no line that leaves tells the client's address or program, who was
// blind copied, or a verdict that its sender made up.
func TestTakenOff(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	alice := w.account("alice@demo.test")
	for _, line := range telling {
		header := "From: alice@demo.test\r\n" + line + "\r\nX-Kept: yes\r\n\r\nHello.\r\n"
		if a := w.send(sending{as: alice, to: []string{"carol@example.org", "alice@demo.test"}, data: header}); !strings.HasPrefix(a.data, "250") {
			t.Errorf("%s: %+v", line, a)
		}
	}
	var texts []string
	for _, q := range w.queued() {
		texts = append(texts, q.text)
	}
	for _, m := range w.box(alice, "INBOX", true) {
		texts = append(texts, m.text)
	}
	if len(texts) != 2*len(telling) {
		t.Fatalf("%d mails", len(texts))
	}
	for _, text := range texts {
		for _, word := range []string{"canary", "192.0.2.7", "laptop", "ealpost-", "EALPOST"} {
			if strings.Contains(text, word) {
				t.Errorf("what leaves says %q:\n%s", word, text)
			}
		}
		if !strings.Contains(text, "X-Kept: yes\r\n") {
			t.Errorf("a field is missing:\n%s", text)
		}
	}
}

// TestSealedTrace: what the way in puts before a copy inside its seal tells nothing
// of the client either.
func TestSealedTrace(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	alice := w.account("alice@demo.test")
	w.send(sending{as: alice, to: []string{"alice@demo.test"}, data: letterOf("From: alice@demo.test")})
	for _, m := range w.box(alice, "INBOX", false) {
		if strings.Contains(m.text, "192.0.2.7") || strings.Contains(m.text, "laptop") {
			t.Errorf("the copy tells of the client:\n%s", m.text)
		}
	}
}

// TestBodyStays: edits of the top header disturb nothing in a body.
func TestBodyStays(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	alice := w.account("alice@demo.test")
	body := "--b\r\nContent-Type: text/plain\r\nReceived: inside\r\nBcc: inside\r\n\r\n  Signed. \r\n\r\n--b\r\nContent-Type: application/pgp-signature\r\n\r\n-----BEGIN PGP SIGNATURE-----\r\n\r\nabc\r\n-----END PGP SIGNATURE-----\r\n--b--\r\nepilogue\t\r\n\r\n\r\n"
	head := "From: alice@demo.test\r\nContent-Type: multipart/signed; boundary=b;\r\n\tprotocol=\"application/pgp-signature\"\r\nDate: Mon, 1 Jan 2024 00:00:00 +0000\r\nMessage-ID: <laptop.lan@localhost>\r\n"
	w.send(sending{as: alice, to: []string{"carol@example.org"}, data: head + "\r\n" + body})
	q := w.only()
	if _, got, _ := strings.Cut(q.text, "\r\n\r\n"); got != body {
		t.Errorf("the body is now\n%q", got)
	}
	if !strings.HasSuffix(q.text, head+"\r\n"+body) {
		t.Errorf("the header is now\n%s", q.text)
	}
}

// TestAdded: what the server writes is whole lines, whatever an address looks like
// (ATTACKS D06).
func TestAdded(t *testing.T) {
	t.Parallel()
	h := &Handler{Hostname: "mx.demo.test"}
	at := time.Date(2024, 1, 1, 12, 0, 0, 0, time.FixedZone("", 7200))
	for _, s := range []string{"a@demo.test", `"a b\"\\<>,;:"@demo.test`, "ä@bücher.test", "a@[192.0.2.1]", "a@[ipv6:2001:db8::1]", `"x@y>"@demo.test`} {
		a, err := mail.ParseAddress(s)
		if err != nil {
			t.Fatal(err)
		}
		text := string(missing(mail.Header{}, a, at)) + string(h.received("id", "ESMTPSA", at)) + "\r\n"
		d := &draft{time: at}
		d.raw = h.newSpool(10)
		notice := h.lost(a, d, letter{to: []smtp.Recipient{{Address: a}}})
		b := make([]byte, notice.Size())
		notice.ReadAt(b, 0)
		for what, text := range map[string]string{"added": text, "notice": string(b)} {
			got := headerOf(t, text)
			want := map[string]int{"added": 3, "notice": 8}[what]
			if len(got.Fields) != want || !got.Clean {
				t.Errorf("%s for %s: %d fields\n%s", what, s, len(got.Fields), text)
			}
			var l lines
			l.Write([]byte(text))
			if l.broken() {
				t.Errorf("%s for %s: bare line ends", what, s)
			}
		}
	}
	if got := string(missing(mail.Header{}, mail.Address{Local: "a", Domain: "demo.test"}, at)); !strings.HasPrefix(got, "Date: Mon, 01 Jan 2024 10:00:00 +0000\r\nMessage-ID: <") {
		t.Errorf("added: %q", got)
	}
}

// TestDoubled: fields that must stand once are refused when they stand twice.
func TestDoubled(t *testing.T) {
	t.Parallel()
	for _, name := range once {
		text := "From: a@b.test\r\n" + name + ": x\r\n" + strings.ToUpper(name) + ": y\r\n\r\n"
		if shape(headerOf(t, text)) == nil {
			t.Errorf("two fields %s are taken", name)
		}
	}
	if err := shape(headerOf(t, "From: a@b.test\r\nX-A: 1\r\nX-A: 2\r\n\r\n")); err != nil {
		t.Error(err)
	}
}

// TestEightBit: the envelope says what the bytes need.
func TestEightBit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	alice := w.account("älice@demo.test")
	_, err := w.book.AddAlias(t.Context(), alice.ID, w.address("alice@bücher.test"))
	w.must(err)
	for _, c := range []struct {
		from, to, data string
		utf8, eight    bool
	}{
		{"alice@bücher.test", "carol@example.org", "From: alice@xn--bcher-kva.test\r\n\r\nx\r\n", false, false},
		{"alice@bücher.test", "carol@bücher.example", "From: alice@xn--bcher-kva.test\r\n\r\nx\r\n", false, false},
		{"alice@bücher.test", "carol@example.org", "From: alice@xn--bcher-kva.test\r\n\r\nä\r\n", false, true},
		{"alice@bücher.test", "carol@example.org", "From: alice@bücher.test\r\n\r\nx\r\n", true, true},
		{"alice@bücher.test", "cärol@example.org", "From: alice@xn--bcher-kva.test\r\n\r\nx\r\n", true, false},
		{"älice@demo.test", "carol@example.org", "From: alice@xn--bcher-kva.test\r\n\r\nx\r\n", true, false},
		{"alice@bücher.test", "carol@example.org", "From: alice@xn--bcher-kva.test\r\nUser-Agent: ä\r\n\r\nx\r\n", false, false},
	} {
		if a := w.send(sending{as: alice, from: c.from, to: []string{c.to}, data: c.data}); !strings.HasPrefix(a.data, "250") {
			t.Errorf("%q: %+v", c.data, a)
			continue
		}
		q := w.only()
		if q.Envelope.UTF8 != c.utf8 || q.Envelope.EightBit != c.eight {
			t.Errorf("%s to %s, %q: SMTPUTF8 %v, 8BITMIME %v", c.from, c.to, c.data, q.Envelope.UTF8, q.Envelope.EightBit)
		}
		l, err := w.handler.Queue.Drop(t.Context(), q.ID)
		w.must(err)
		w.must(l.Done(t.Context()))
	}
	w.send(sending{as: alice, from: "alice@bücher.test", to: []string{"cärol@example.org", "carol@example.org"}, data: "From: alice@xn--bcher-kva.test\r\n\r\nx\r\n"})
	for _, q := range w.queued() {
		if q.Envelope.UTF8 != (q.to()[0] == "cärol@example.org") {
			t.Errorf("SMTPUTF8 is %v for %q", q.Envelope.UTF8, q.to())
		}
	}
}

// TestCorpus: no mail of the corpus makes us panic or let something half through.
func TestCorpus(t *testing.T) {
	t.Parallel()
	dir := cmp.Or(os.Getenv("SEALPOST_CORPUS"), "../../../shared/corpus")
	var files []string
	filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".eml") {
			files = append(files, path)
		}
		return nil
	})
	if len(files) == 0 {
		t.Skip("the corpus is not here")
	}
	w := newWorld(t)
	alice := w.account("alice@demo.test")
	taken := 0
	for i, f := range files {
		if i%24 != 0 {
			continue
		}
		b, err := os.ReadFile(f)
		w.must(err)
		text := strings.ReplaceAll(strings.ReplaceAll(string(b), "\r\n", "\n"), "\n", "\r\n")
		head, body, _ := strings.Cut(text, "\r\n\r\n")
		var kept []string
		for _, line := range strings.Split(head, "\r\n") {
			if !strings.HasPrefix(strings.ToLower(line), "from:") && !strings.HasPrefix(strings.ToLower(line), "sender:") {
				kept = append(kept, line)
			}
		}
		data := "From: alice@demo.test\r\n" + strings.Join(kept, "\r\n") + "\r\n\r\n" + body
		if a := w.send(sending{as: alice, to: []string{"alice@demo.test"}, data: data}); strings.HasPrefix(a.data, "250") {
			taken++
		} else if !strings.HasPrefix(a.data, "55") {
			t.Errorf("%s: %+v", filepath.Base(f), a)
		}
	}
	t.Logf("%d mails taken", taken)
	if taken < 5 {
		t.Errorf("only %d mails were taken", taken)
	}
}

// TestUTF8 sends between addresses that are not ASCII (RFC 6531), here and elsewhere.
func TestUTF8(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	alice, bob := w.account("älice@bücher.test"), w.account("böb@demo.test")
	a := w.send(sending{as: alice, to: []string{"böb@demo.test", "cärol@example.org"}, opts: smtp.MailOptions{UTF8: true},
		data: "From: Älice <älice@bücher.test>\r\nTo: böb@demo.test\r\nSubject: Grüße\r\n\r\nHallö.\r\n"})
	if !strings.HasPrefix(a.data, "250") {
		t.Fatalf("%+v", a)
	}
	q := w.only()
	if !q.Envelope.UTF8 || !q.Envelope.EightBit || !strings.Contains(q.text, " with UTF8SMTPSA id ") || !strings.Contains(q.text, "@xn--bcher-kva.test>\r\n") {
		t.Errorf("%+v\n%s", q.Envelope, q.text)
	}
	if in := w.box(bob, "INBOX", true); len(in) != 1 || in[0].text != q.text {
		t.Errorf("bob has %+v", in)
	}
}

// TestLarge: a mail that does not stay in memory goes the same ways.
func TestLarge(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.handler.Memory = 4 << 10
	alice := w.account("alice@demo.test")
	carol := w.correspondent(alice, "carol@example.org")
	body := strings.Repeat("Hello, this is one of many lines.\r\n", 6_000)
	a := w.send(sending{as: alice, to: []string{"carol@example.org", "alice@demo.test"}, data: "From: alice@demo.test\r\n\r\n" + body})
	if !strings.HasPrefix(a.data, "250") {
		t.Fatalf("%+v", a)
	}
	text, err := w.opened(carol, w.only().text)
	if err != nil || !strings.HasSuffix(text, body) {
		t.Errorf("carol reads %d octets, %v", len(text), err)
	}
	if in := w.box(alice, "INBOX", true); len(in) != 1 || !strings.HasSuffix(in[0].text, body) {
		t.Error("alice reads something else")
	}
	if sent := w.box(alice, "Sent", true); len(sent) != 1 || !strings.HasSuffix(sent[0].text, body) {
		t.Error("the Sent copy is something else")
	}
	left, err := os.ReadDir(w.handler.Spool)
	if err != nil || len(left) != 0 {
		t.Errorf("%d files are left in the spool: %v", len(left), err)
	}
}
