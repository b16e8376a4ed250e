package pgp

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	netmail "net/mail"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"sealpost/mail"
)

var sentMail = crlf(`From: Alice <alice@demo.test>
To: Bob Example <bob@example.org>,
 carol@example.net
Cc: =?utf-8?Q?J=C3=BCrgen?= <j@example.org>
Bcc: secret-bcc@example.org
Reply-To: alice@demo.test
Subject: the secret canary
Date: Sat, 22 Nov 2025 10:20:00 +0100
Message-ID: <1@demo.test>
In-Reply-To: <0@example.org>
References: <00@example.org>
 <0@example.org>
Keywords: secret canary
User-Agent: secret canary
TLS-Required: No
HP-Outer: Subject: forged
Sealpost-Encrypt: forged
Autocrypt: addr=alice@demo.test; keydata=
 AAAA
MIME-Version: 1.0
Content-Type: text/plain; charset=utf-8; hp="clear"
Content-Transfer-Encoding: 8bit

Hello, here is the canary: kumquat. Ünïcode.
`)

// second is another person beside the owner of a profile.
var second = sync.OnceValue(func() map[Profile]*owner {
	return map[Profile]*owner{Compat: makeOwner(Compat), Modern: makeOwner(Modern)}
})

func encrypted(t testing.TB, m []byte, hidden bool, to ...*owner) []byte {
	t.Helper()
	var certs []*Cert
	for _, o := range to {
		certs = append(certs, o.Cert)
	}
	var b bytes.Buffer
	if err := Encrypt(context.Background(), &b, bytes.NewReader(m), certs, hidden); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// packets takes the OpenPGP message out of a mail as any client would, with the
// standard library's parsers.
func packets(t testing.TB, m []byte) []byte {
	t.Helper()
	msg, err := netmail.ReadMessage(bytes.NewReader(m))
	if err != nil {
		t.Fatal(err)
	}
	kind, params, err := mime.ParseMediaType(msg.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/encrypted" || params["protocol"] != "application/pgp-encrypted" {
		t.Fatalf("type %q, %v", kind, err)
	}
	parts := multipart.NewReader(msg.Body, params["boundary"])
	version, err := parts.NextPart()
	if err != nil {
		t.Fatal(err)
	}
	if text, _ := io.ReadAll(version); string(text) != "Version: 1\r\n" {
		t.Errorf("first part %q", text)
	}
	data, err := parts.NextPart()
	if err != nil {
		t.Fatal(err)
	}
	in := &input{}
	in.r = bufioReader(must2(io.ReadAll(data)))
	if kind, err := in.next(); err != nil || kind != KindMessage {
		t.Fatalf("armor: %v", err)
	}
	return must2(io.ReadAll(in.body()))
}

func must2[V any](v V, err error) V {
	must(err)
	return v
}

func TestEncrypt(t *testing.T) {
	t.Parallel()
	compat, modern := testOwners()[Compat], testOwners()[Modern]
	for name, c := range map[string]struct {
		to      []*owner
		hidden  bool
		version byte
	}{
		"one":             {[]*owner{compat}, false, 1},
		"two":             {[]*owner{compat, second()[Compat]}, false, 1},
		"hidden":          {[]*owner{compat, second()[Compat]}, true, 1},
		"modern":          {[]*owner{modern, second()[Modern]}, false, 2},
		"modern, hidden":  {[]*owner{modern, second()[Modern]}, true, 2},
		"mixed":           {[]*owner{compat, modern}, false, 1},
		"the same, twice": {[]*owner{compat, compat}, false, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := encrypted(t, sentMail, c.hidden, c.to...)
			checkWire(t, m)
			letter := packets(t, m)
			if n := int64(len(letter)); bucket(n) != n {
				t.Errorf("%d bytes of packets are no bucket", n)
			}
			checkPackets(t, letter, c.to, c.hidden, c.version)
			for _, o := range c.to {
				shown, _, err := o.open(false, m)
				if err != nil {
					t.Fatal(err)
				}
				checkInside(t, m, shown)
			}
		})
	}
}

// checkWire looks at what everybody sees.
func checkWire(t *testing.T, m []byte) {
	t.Helper()
	checkLines(t, m)
	for _, c := range m {
		if c >= 0x80 || c == 0 {
			t.Fatalf("octet %#x", c)
		}
	}
	head, _, _ := strings.Cut(string(m), "\r\n\r\n")
	for _, never := range []string{"canary", "secret", "Bcc", "kumquat", "HP-Outer", "Sealpost", "User-Agent", "Keywords"} {
		if strings.Contains(head, never) {
			t.Errorf("%q is visible", never)
		}
	}
	for _, always := range []string{"From: Alice <alice@demo.test>\r\n", "To: Bob Example <bob@example.org>,\r\n carol@example.net\r\n", "Cc: =?utf-8?Q?J=C3=BCrgen?=", "Subject: [...]\r\n", "Date: Sat, 22 Nov 2025 10:20:00 +0100\r\n", "Message-ID: <1@demo.test>\r\n", "In-Reply-To: <0@example.org>\r\n", "References: <00@example.org>\r\n <0@example.org>\r\n", "Autocrypt: addr=alice@demo.test; keydata=\r\n AAAA\r\n", "MIME-Version: 1.0", "Reply-To: alice@demo.test\r\n", "TLS-Required: No\r\n"} {
		if !strings.Contains(head+"\r\n", always) {
			t.Errorf("%q is not visible", always)
		}
	}
}

// checkLines: CRLF lines of at most 998 octets, and a clean header.
func checkLines(t *testing.T, m []byte) {
	t.Helper()
	for _, line := range bytes.SplitAfter(m, []byte("\n")) {
		if len(line) > 0 && (!bytes.HasSuffix(line, []byte("\r\n")) || len(line) > 1000 || bytes.IndexByte(line, '\r') != len(line)-2) {
			t.Errorf("line %q", line)
		}
	}
	if h := must2(mail.ReadHeader(bytes.NewReader(m), 0, 1<<20)); !h.Clean || !h.Blank {
		t.Errorf("visible header %+v", h)
	}
}

func checkPackets(t *testing.T, letter []byte, to []*owner, hidden bool, version byte) {
	t.Helper()
	distinct := map[string]bool{}
	for _, o := range to {
		distinct[o.Cert.Fingerprint()] = true
	}
	r := packet.NewOpaqueReader(bytes.NewReader(letter))
	for n := 0; ; n++ {
		p, err := r.Next()
		if err == io.EOF {
			t.Fatal("no encrypted data")
		}
		must(err)
		if p.Tag == tagSEIPD {
			if n != len(distinct) || p.Contents[0] != version {
				t.Errorf("%d session keys, data of version %d; want %d, %d", n, p.Contents[0], len(distinct), version)
			}
			return
		}
		k, err := parsePKESK(p.Contents)
		must(err)
		if anonymous := len(bytes.Trim(k.recipient, "\x00")) == 0; anonymous != hidden {
			t.Errorf("recipient %x, hidden %v", k.recipient, hidden)
		}
		if want := byte(3 * version); k.version != want {
			t.Errorf("session key of version %d, want %d", k.version, want)
		}
	}
}

// checkInside looks at the payload: header protection, and every field that was
// there.
func checkInside(t *testing.T, m []byte, shown string) {
	t.Helper()
	h := must2(mail.ReadHeader(strings.NewReader(shown), 0, int64(len(shown))))
	if !h.Clean || !h.Blank {
		t.Fatalf("payload %q", shown)
	}
	if body := shown[h.End:]; body != "Hello, here is the canary: kumquat. Ünïcode.\r\n" {
		t.Errorf("body %q", body)
	}
	for _, never := range []string{"Bcc", "Sealpost-Encrypt", "Autocrypt"} {
		if _, ok := h.Get(never); ok {
			t.Errorf("%s stands inside", never)
		}
	}
	for _, always := range []string{"From: Alice", "Subject: the secret canary\r\n", "Keywords: secret canary\r\n", "TLS-Required: No\r\n", `Content-Type: text/plain;` + "\r\n " + `hp="cipher"; protected-headers="v1"; charset=utf-8; x-hp="clear"`} {
		if !strings.Contains(shown[:h.End], always) {
			t.Errorf("%q does not stand inside", always)
		}
	}
	outer := must2(mail.ReadHeader(bytes.NewReader(m), 0, 64<<10))
	var want []string
	for _, f := range outer.Fields {
		if n := f.Name; n != "Autocrypt" && n != "MIME-Version" && !strings.HasPrefix(n, "Content-") {
			want = append(want, n+": "+f.Value())
		}
	}
	if got := h.Values("HP-Outer"); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("HP-Outer says %q, visible are %q", got, want)
	}
}

// TestEncryptRefuses: fail closed, and before anything is written.
func TestEncryptRefuses(t *testing.T) {
	t.Parallel()
	good := testOwners()[Compat].Cert
	revoked := *good
	revoked.revoked = true
	unusable := *good
	unusable.keys = nil
	for name, c := range map[string]struct {
		mail string
		to   []*Cert
		want error
	}{
		"nobody":                 {string(sentMail), nil, ErrNoKey},
		"one revoked":            {string(sentMail), []*Cert{good, &revoked}, ErrRevoked},
		"one without a key":      {string(sentMail), []*Cert{&unusable, good}, ErrNoKey},
		"no header":              {"no header at all\r\n", []*Cert{good}, ErrHeader},
		"a broken line":          {"From: a@b.example\r\nbroken line\r\nSubject: s\r\n\r\nx", []*Cert{good}, ErrHeader},
		"no sender":              {"To: a@b.example\r\n\r\nx", []*Cert{good}, ErrHeader},
		"a header of a megabyte": {"From: a@b.example\r\nX: " + strings.Repeat("x", 1<<20), []*Cert{good}, ErrHeader},
	} {
		var b bytes.Buffer
		err := Encrypt(t.Context(), &b, strings.NewReader(c.mail), c.to, false)
		if !errors.Is(err, c.want) || b.Len() > 0 {
			t.Errorf("%s: %v after %d bytes, want %v", name, err, b.Len(), c.want)
		}
	}
}

// TestEncryptFaults: no entropy, a mail that cannot be read, an end that was asked
// for and a full disk are errors, and no plaintext is ever written.
func TestEncryptFaults(t *testing.T) {
	t.Parallel()
	to := []*Cert{testOwners()[Compat].Cert}
	large := append(bytes.Clone(sentMail), bytes.Repeat([]byte("kumquat kumquat\r\n"), 20000)...)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, try := range map[string]func(w io.Writer) error{
		"no entropy": func(w io.Writer) error {
			return encryptMail(t.Context(), w, bytes.NewReader(large), to, false, io.LimitReader(rand.Reader, 40))
		},
		"unreadable": func(w io.Writer) error {
			return Encrypt(t.Context(), w, brokenMail{bytes.NewReader(large), 100 << 10}, to, false)
		},
		"cancelled": func(w io.Writer) error { return Encrypt(ctx, w, bytes.NewReader(large), to, false) },
		"full": func(w io.Writer) error {
			return Encrypt(t.Context(), &fullWriter{w, 200 << 10}, bytes.NewReader(large), to, false)
		},
	} {
		var b bytes.Buffer
		if err := try(&b); err == nil {
			t.Errorf("%s: no error", name)
		}
		if bytes.Contains(b.Bytes(), []byte("kumquat")) || bytes.Contains(b.Bytes(), []byte("canary")) {
			t.Errorf("%s: plaintext was written", name)
		}
	}
}

type fullWriter struct {
	w    io.Writer
	left int
}

func (f *fullWriter) Write(p []byte) (int, error) {
	if f.left -= len(p); f.left < 0 {
		return 0, errors.New("disk is full")
	}
	return f.w.Write(p)
}

func TestEncrypted(t *testing.T) {
	t.Parallel()
	o := testOwners()[Compat]
	own := encrypted(t, sentMail, false, o)
	sealed := mustSeal(t, arrived(plainMail), o.Recipient)
	for name, c := range map[string]struct {
		mail []byte
		want bool
	}{
		"what Encrypt makes": {own, true},
		"to hidden keys":     {encrypted(t, sentMail, true, o), true},
		"what Seal makes":    {render(sealed.Outer(), FormMIME, raw(t, sealed, KindMessage)), true},
		"plain":              {sentMail, false},
		"only its header":    {bytes.Replace(sentMail, []byte("text/plain; charset=utf-8; hp=\"clear\""), []byte("multipart/encrypted; protocol=\"application/pgp-encrypted\"; boundary=x"), 1), false},
		"cut":                {append(bytes.Clone(own[:len(own)-400]), own[len(own)-100:]...), false},
		"text in front":      {bytes.Replace(own, []byte("-----BEGIN PGP"), []byte("hello\r\n-----BEGIN PGP"), 1), false},
		"not encrypted data": {frameMail(append([]byte{0xcb, 7, 'b', 0, 0, 0, 0, 0}, 'x'), 76), false},
	} {
		h := must2(mail.ReadHeader(bytes.NewReader(c.mail), 0, int64(len(c.mail))))
		if got := Encrypted(bytes.NewReader(c.mail), h); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// TestEncryptRewrites what cannot stand outside as it is.
func TestEncryptRewrites(t *testing.T) {
	t.Parallel()
	m := "From: Jürgen <j@bücher.example>\r\nTo: ü@example.org, Grüße: a@b.example;\r\nMessage-ID: <ü@x>\r\nDate:\r\n Sat, 22 Nov 2025 10:20:00 +0100\r\nAutocrypt: \xff\r\n"
	out := string(encrypted(t, []byte(m), false, testOwners()[Compat]))
	head, _, _ := strings.Cut(out, "\r\n\r\n")
	want := "From: =?utf-8?B?SsO8cmdlbg==?= <j@xn--bcher-kva.example>\r\nTo: ü@example.org, =?utf-8?B?R3LDvMOfZQ==?=: a@b.example;\r\nDate: Sat, 22 Nov 2025 10:20:00 +0100\r\nSubject: [...]\r\nMIME-Version: 1.0\r\n"
	if !strings.HasPrefix(head, want) {
		t.Errorf("visible is %q", head)
	}
	shown, _, err := testOwners()[Compat].open(false, []byte(out))
	if err != nil || !strings.Contains(shown, "From: Jürgen <j@bücher.example>\r\n") || !strings.Contains(shown, "Message-ID: <ü@x>") {
		t.Errorf("inside %q, %v", shown, err)
	}
}

// TestOthersOpenEncrypted hands what we write to other programs as it goes out.
// A domain as long as a header may be takes no time: Punycode takes the square of it.
func TestLongDomain(t *testing.T) {
	t.Parallel()
	var domain strings.Builder
	for c := rune(0x4e00); domain.Len() < 200<<10; c++ {
		domain.WriteRune(0x4e00 + (c*7919)%20000)
	}
	m := []byte("From: a@b.example\r\nTo: <x@" + domain.String() + ">\r\n\r\nx\r\n")
	h := must2(mail.ReadHeader(bytes.NewReader(m), 0, maxOwnHeader))
	began := time.Now()
	shownFields(h)
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
}

func TestOthersOpenEncrypted(t *testing.T) {
	t.Parallel()
	o := testOwners()[Compat]
	large := append(bytes.Clone(sentMail), bytes.Repeat([]byte("kumquat "), 300<<7)...)
	for _, p := range others(t, o) {
		for name, m := range map[string][]byte{
			"small":         encrypted(t, sentMail, false, o, second()[Compat]),
			"large":         encrypted(t, large, false, second()[Compat], o),
			"hidden":        encrypted(t, sentMail, true, o),
			"beside modern": encrypted(t, sentMail, false, o, testOwners()[Modern]),
		} {
			if p.name == "rnp" && (name == "hidden" || name == "beside modern") {
				continue // 0.16 tries no hidden key, and stops at an algorithm it does not know
			}
			if p.name == "sqop" && name == "beside modern" {
				continue // 0.27 likewise
			}
			got, err := p.decrypt(m[bytes.Index(m, []byte(armorMessage)):])
			if err != nil || !bytes.Contains(got, []byte("kumquat")) || !bytes.Contains(got, []byte("Subject: the secret canary")) {
				t.Errorf("%s, %s: %d bytes, %v", p.name, name, len(got), err)
			}
		}
	}
}

// TestEncryptToKeysOfGnuPG goes the whole way with a key that GnuPG made.
func TestEncryptToKeysOfGnuPG(t *testing.T) {
	t.Parallel()
	gpg, err := exec.LookPath("gpg")
	if err != nil {
		t.Skip("gpg is not installed")
	}
	dir := must2(os.MkdirTemp("", "sp"))
	t.Cleanup(func() {
		exec.Command("gpgconf", "--homedir", dir, "--kill", "all").Run()
		os.RemoveAll(dir)
	})
	if _, err := run(nil, gpg, "--homedir", dir, "--batch", "--quiet", "--passphrase", "", "--quick-generate-key", "bob@example.org", "rsa2048", "default", "1y"); err != nil {
		t.Fatal(err)
	}
	if _, err := run(nil, gpg, "--homedir", dir, "--batch", "--quiet", "--passphrase", "", "--quick-add-key", fingerprintOf(t, gpg, dir), "rsa2048", "encrypt"); err != nil {
		t.Fatal(err)
	}
	cert := must2(ParseCert(must2(run(nil, gpg, "--homedir", dir, "--export"))))
	var b bytes.Buffer
	must(Encrypt(t.Context(), &b, bytes.NewReader(sentMail), []*Cert{cert, testOwners()[Compat].Cert}, false))
	must(os.WriteFile(filepath.Join(dir, "mail"), b.Bytes(), 0o600))
	got, err := run(nil, gpg, "--homedir", dir, "--batch", "--quiet", "--decrypt", filepath.Join(dir, "mail"))
	if err != nil || !bytes.HasSuffix(got, []byte("Ünïcode.\r\n")) {
		t.Errorf("gpg opened %q, %v", got, err)
	}
}

func fingerprintOf(t *testing.T, gpg, dir string) string {
	t.Helper()
	list := must2(run(nil, gpg, "--homedir", dir, "--batch", "--with-colons", "--list-keys"))
	_, rest, _ := strings.Cut(string(list), "fpr:::::::::")
	fpr, _, _ := strings.Cut(rest, ":")
	return fpr
}

// FuzzEncrypt: whatever the mail, its body comes back, its header is protected, and
// what is visible is made of lines.
func FuzzEncrypt(f *testing.F) {
	o := testOwners()[Compat]
	f.Add(sentMail)
	f.Add([]byte("From: a@b.example\r\nContent-Type: multipart/mixed; boundary=x; hp*0=\"c\"\r\n\r\n--x\r\n"))
	f.Add([]byte("From: a\r\n\t\r\n b\r\nTo: \xff\x00, <>\r\nBcc: x"))
	f.Fuzz(func(t *testing.T, m []byte) {
		var b bytes.Buffer
		err := Encrypt(context.Background(), &b, bytes.NewReader(m), []*Cert{o.Cert}, false)
		if errors.Is(err, ErrHeader) && b.Len() == 0 {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		checkLines(t, b.Bytes())
		shown, _, err := o.open(false, b.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		in := must2(mail.ReadHeader(bytes.NewReader(m), 0, 1<<20))
		out := must2(mail.ReadHeader(strings.NewReader(shown), 0, 1<<20))
		if shown[out.End:] != string(m[in.End:]) {
			t.Fatalf("body %q became %q", m[in.End:], shown[out.End:])
		}
		if _, ok := out.Get("Bcc"); ok || !strings.Contains(shown[:out.End], protection) || len(out.Values("Content-Type")) != 1 {
			t.Fatalf("header %q", shown[:out.End])
		}
	})
}
