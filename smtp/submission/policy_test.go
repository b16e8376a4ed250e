package submission

import (
	"bytes"
	"encoding/base64"
	"errors"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"

	"sealpost/account"
	"sealpost/pgp"
	"sealpost/pgp/discover"
)

// policy sets an account's.
func (w *world) policy(a account.Account, p account.EncryptPolicy) {
	w.t.Helper()
	_, err := w.book.Set(w.t.Context(), a.ID, account.Settings{Encrypt: &p})
	w.must(err)
}

// TestEncrypted: when all have keys one text leaves for those who are named, opened
// by each of them, and one for each who is not, opened by them alone.
func TestEncrypted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	alice, bob := w.account("alice@demo.test"), w.account("bob@demo.test")
	carol, dave := w.correspondent(alice, "carol@example.org"), w.correspondent(alice, "dave@example.net")
	eve, fred := w.correspondent(alice, "eve@example.org"), w.correspondent(alice, "fred@example.com")
	a := w.send(sending{as: alice, to: []string{"carol@example.org", "eve@example.org", "bob@demo.test", "dave@example.net", "fred@example.com"},
		data: letterOf("From: Alice <alice@demo.test>", "To: carol@example.org, bob@demo.test", "Cc: Dave <Dave@example.net>", "Bcc: eve@example.org, fred@example.com", "Subject: canary", "User-Agent: x")})
	if !strings.HasPrefix(a.data, "250") {
		t.Fatalf("%+v", a)
	}
	all := w.queued()
	if len(all) != 3 {
		t.Fatalf("%d texts", len(all))
	}
	people := map[string]*pgp.SecretKeys{"carol@example.org": carol, "dave@example.net": dave, "eve@example.org": eve, "fred@example.com": fred}
	for _, q := range all {
		to := strings.Join(q.to(), " ")
		if strings.Contains(q.text, "canary") || !strings.Contains(q.text, "Content-Type: multipart/encrypted") || q.Envelope.EightBit || q.Envelope.UTF8 {
			t.Errorf("text for %s:\n%s", to, q.text)
		}
		if !strings.HasPrefix(q.text, "Received: by mx.demo.test") || !strings.Contains(q.text, "Autocrypt: addr=alice@demo.test; prefer-encrypt=mutual;") {
			t.Errorf("header for %s:\n%.800s", to, q.text)
		}
		for name, keys := range people {
			text, err := w.opened(keys, q.text)
			if got, want := err == nil, strings.Contains(to, name); got != want {
				t.Errorf("%s opens the text for %s: %v, %v", name, to, got, err)
			}
			if err == nil && (!strings.Contains(text, "Subject: canary\r\n") || !strings.Contains(text, "Hello canary.") || strings.Contains(text, "eve@") || strings.Contains(text, "User-Agent")) {
				t.Errorf("%s reads:\n%s", name, text)
			}
		}
		if n := keyIDs(t, q.text); n != len(q.to()) {
			t.Errorf("%d key ids in the text for %s", n, to)
		}
	}
	if in := w.box(bob, "INBOX", true); len(in) != 1 || !strings.Contains(in[0].text, "Hello canary.") {
		t.Errorf("bob has %+v", in)
	}
}

// keyIDs counts the keys that an encrypted text names.
func keyIDs(t *testing.T, text string) (n int) {
	t.Helper()
	block, err := armor.Decode(strings.NewReader(text[strings.Index(text, "-----BEGIN PGP MESSAGE"):]))
	if err != nil {
		t.Fatal(err)
	}
	for r := packet.NewReader(block.Body); ; {
		p, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := p.(*packet.EncryptedKey); !ok {
			return n
		}
		n++
	}
}

// TestPolicy: what leaves, by the account's policy, the mail's own word, and whether
// all, some or none have keys. Plaintext never leaves where encryption is demanded.
func TestPolicy(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	alice, bob := w.account("alice@demo.test"), w.account("bob@demo.test")
	w.correspondent(alice, "carol@example.org")
	const keys, some = "carol@example.org", "carol@example.org nokey@example.org nobody@example.net"
	for _, c := range []struct {
		policy account.EncryptPolicy
		wish   string
		to     string
		want   string // sealed, plain or the beginning of the refusal
	}{
		{"", "", keys, "sealed"},
		{"", "", some, "plain"},
		{"", "yes", keys, "sealed"},
		{"", "yes", some, "550 5.7.5 no key for 2 of 3 recipients: nokey@example.org, nobody@example.net; nothing was sent"},
		{"", "Require", some, "550 5.7.5"},
		{"", "no", keys, "plain"},
		{"", "maybe", keys, "554 5.6.0"},
		{account.EncryptWhenKeys, "", keys, "sealed"},
		{account.EncryptRequire, "", keys, "sealed"},
		{account.EncryptRequire, "", some, "550 5.7.5 no key for 2 of 3"},
		{account.EncryptRequire, "no", keys, "sealed"},
		{account.EncryptRequire, "no", some, "550 5.7.5"},
		{account.EncryptNever, "", keys, "plain"},
		{account.EncryptNever, "yes", keys, "sealed"},
		{account.EncryptNever, "no", keys, "plain"},
		{account.EncryptNever, "require", some, "550 5.7.5"},
	} {
		w.policy(alice, c.policy)
		header := []string{"From: alice@demo.test", "To: x@example.org", "Subject: canary"}
		if c.wish != "" {
			header = append(header, "Sealpost-Encrypt: "+c.wish)
		}
		before := len(w.box(bob, "INBOX", true))
		a := w.send(sending{as: alice, to: append(strings.Fields(c.to), "bob@demo.test"), data: letterOf(header...)})
		all := w.queued()
		if c.want != "sealed" && c.want != "plain" {
			if !strings.HasPrefix(a.data, c.want) || len(all) != 0 || len(w.box(bob, "INBOX", true)) != before {
				t.Errorf("%q, %q, to %s: %q, %d texts queued", c.policy, c.wish, c.to, a.data, len(all))
			}
			continue
		}
		if !strings.HasPrefix(a.data, "250") || len(all) == 0 {
			t.Errorf("%q, %q, to %s: %+v", c.policy, c.wish, c.to, a)
		}
		for _, q := range all {
			if strings.Contains(q.text, "canary") != (c.want == "plain") || strings.Contains(q.text, "Sealpost") {
				t.Errorf("%q, %q, to %s leaves as\n%s", c.policy, c.wish, c.to, q.text)
			}
			w.forget(q)
		}
	}
}

func (w *world) forget(q queued) {
	w.t.Helper()
	l, err := w.handler.Queue.Drop(w.t.Context(), q.ID)
	w.must(err)
	w.must(l.Done(w.t.Context()))
}

// noWeb is a web whose servers cannot be asked.
type noWeb struct{ error }

func (w noWeb) RoundTrip(*http.Request) (*http.Response, error) { return nil, w.error }

// TestNobodyKnows: a key that cannot be looked for now is waited for where it is
// demanded; where not, the mail leaves, but never readable to who is pinned.
func TestNobodyKnows(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]error{
		"no DNS":   &net.DNSError{Err: "server misbehaving", IsTemporary: true},
		"no HTTPS": &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ENETUNREACH},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			nobodyKnows(t, noWeb{fault})
		})
	}
}

func nobodyKnows(t *testing.T, web noWeb) {
	w := newWorld(t)
	alice := w.account("alice@demo.test")
	w.correspondent(alice, "carol@example.org")
	w.handler.Keys.HTTP = &http.Client{Transport: web}
	send := func(to ...string) string {
		return w.send(sending{as: alice, to: to, data: letterOf("From: alice@demo.test", "Subject: canary")}).data
	}
	if got := send("nokey@example.org"); !strings.HasPrefix(got, "250") {
		t.Errorf("nobody demands a key: %q", got)
	}
	w.forget(w.only())
	w.policy(alice, account.EncryptRequire)
	if got := send("nokey@example.org"); !strings.HasPrefix(got, "451 4.7.5") {
		t.Errorf("a key is demanded: %q", got)
	}
	if got := send("carol@example.org"); !strings.HasPrefix(got, "250") {
		t.Errorf("the key is pinned: %q", got)
	}
	w.forget(w.only())

	for _, p := range []account.EncryptPolicy{account.EncryptRequire, account.EncryptWhenKeys} {
		w.policy(alice, p)
		w.peers.fault = errors.New("the disk is broken")
		if got := send("carol@example.org"); !strings.HasPrefix(got, "451 4.3.0") {
			t.Errorf("%s, and pins cannot be read: %q", p, got)
		}
		w.peers.fault = nil
		p, err := w.peers.Peer(t.Context(), string(alice.ID), w.address("carol@example.org"))
		w.must(err)
		broken := p
		broken.Cert = []byte{0x99}
		w.must(w.peers.PutPeer(t.Context(), string(alice.ID), broken))
		if got := send("carol@example.org"); !strings.HasPrefix(got, "451 4.3.0") {
			t.Errorf("the pinned key is damaged: %q", got)
		}
		w.must(w.peers.PutPeer(t.Context(), string(alice.ID), p))
	}
	if n := len(w.queued()); n > 0 {
		t.Errorf("%d mails are queued", n)
	}
}

// TestRevoked: who had a key that is revoked is not written to in plaintext, whatever
// the policy, unless it is never to be encrypted.
func TestRevoked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	alice := w.account("alice@demo.test")
	secret, _, err := pgp.GenerateKey("", "carol@example.org", pgp.Compat, time.Now().Add(-time.Hour))
	w.must(err)
	block, err := armor.Decode(bytes.NewReader(secret))
	w.must(err)
	e, err := openpgp.ReadEntity(packet.NewReader(block.Body))
	w.must(err)
	w.must(e.Revoke(packet.KeyCompromised, "", nil))
	var cert bytes.Buffer
	w.must(e.Serialize(&cert))
	carol := w.address("carol@example.org")
	w.must(w.peers.PutPeer(t.Context(), string(alice.ID), discover.Peer{Address: carol, Cert: cert.Bytes(), Source: discover.WKD, Pinned: time.Now()}))
	for _, p := range []account.EncryptPolicy{account.EncryptRequire, account.EncryptWhenKeys} {
		w.policy(alice, p)
		a := w.send(sending{as: alice, to: []string{"carol@example.org"}, data: letterOf("From: alice@demo.test")})
		if !strings.HasPrefix(a.data, "550 5.7.5 the key was revoked or has expired of 1 of 1 recipients: carol@example.org") {
			t.Errorf("%s: %+v", p, a)
		}
	}
	if n := len(w.queued()); n > 0 {
		t.Errorf("%d mails are queued", n)
	}
}

// cms is the head of a CMS object of a type.
func cms(oid ...byte) string {
	head := append([]byte{0x30, 0x80, 0x06, byte(len(oid))}, oid...)
	return base64.StdEncoding.EncodeToString(append(head, make([]byte, 100)...)) + "\r\n"
}

// TestClosed: what the client encrypted is left alone; what only says that it is
// encrypted is not (ATTACKS B10).
func TestClosed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	alice := w.account("alice@demo.test")
	w.policy(alice, account.EncryptRequire)
	enveloped := cms(0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x03)
	signed := cms(0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02)
	auth := cms(0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x01, 0x17)
	const mime = "Content-Type: application/pkcs7-mime; smime-type=enveloped-data\r\n"
	const pgpMIME = "Content-Type: multipart/encrypted; protocol=\"application/pgp-encrypted\"; boundary=b\r\n\r\n--b\r\nContent-Type: application/pgp-encrypted\r\n\r\nVersion: 1\r\n\r\n--b\r\nContent-Type: application/octet-stream\r\n\r\n"
	var real string
	{
		keys := w.correspondent(alice, "carol@example.org")
		_ = keys
		w.send(sending{as: alice, to: []string{"carol@example.org"}, data: letterOf("From: alice@demo.test", "Message-ID: <1@demo.test>", "Date: Mon, 1 Jan 2024 00:00:00 +0000")})
		q := w.only()
		_, real, _ = strings.Cut(q.text, "\r\nSubject: [...]\r\n")
		w.forget(q)
	}
	for name, c := range map[string]struct {
		data string
		want string
	}{
		"PGP/MIME":                  {real, "250"},
		"S/MIME":                    {mime + "Content-Transfer-Encoding: base64\r\n\r\n" + enveloped, "250"},
		"S/MIME, authenticated":     {mime + "Content-Transfer-Encoding: base64\r\n\r\n" + auth, "250"},
		"S/MIME, only signed":       {mime + "Content-Transfer-Encoding: base64\r\n\r\n" + signed, "550"},
		"S/MIME by its name only":   {mime + "\r\nHello canary.\r\n", "550"},
		"S/MIME, empty":             {mime + "\r\n", "550"},
		"S/MIME, cut":               {mime + "Content-Transfer-Encoding: base64\r\n\r\nMIA=\r\n", "550"},
		"CMS as something else":     {"Content-Transfer-Encoding: base64\r\n\r\n" + enveloped, "550"},
		"PGP/MIME by its name only": {pgpMIME + "Hello canary.\r\n--b--\r\n", "550"},
		"PGP/MIME, armored text":    {pgpMIME + "-----BEGIN PGP MESSAGE-----\r\n\r\nHello canary.\r\n-----END PGP MESSAGE-----\r\n--b--\r\n", "550"},
	} {
		a := w.send(sending{as: alice, to: []string{"nokey@example.net"}, data: "From: alice@demo.test\r\n" + c.data})
		if !strings.HasPrefix(a.data, c.want) {
			t.Errorf("%s: %+v", name, a)
		}
		for _, q := range w.queued() {
			_, body, _ := strings.Cut(c.data, "\r\n\r\n")
			if !strings.HasSuffix(q.text, "\r\n\r\n"+body) {
				t.Errorf("%s leaves as\n%s", name, q.text)
			}
			w.forget(q)
		}
	}
}

func FuzzEnveloped(f *testing.F) {
	f.Add("0\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03", false)
	f.Add(cms(0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x03), true)
	f.Add("0\xff", false)
	f.Fuzz(func(t *testing.T, body string, coded bool) {
		h := &Handler{}
		head := "From: a@b.test\r\nContent-Type: application/pkcs7-mime\r\n"
		if coded {
			head += "Content-Transfer-Encoding: base64\r\n"
		}
		d := &draft{raw: h.newSpool(1 << 20)}
		d.raw.Write([]byte(head + "\r\n" + body))
		d.header = headerOf(t, head+"\r\n"+body)
		defer d.raw.Close()
		if enveloped(d) && !coded && !strings.Contains(body, "\x07\x03") && !strings.Contains(body, "\x01\x17") {
			t.Errorf("%q is taken for encrypted", body)
		}
	})
}
