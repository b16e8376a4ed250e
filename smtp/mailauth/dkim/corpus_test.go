package dkim_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sealpost/mail"
	"sealpost/smtp/dns"
	"sealpost/smtp/mailauth/dkim"
	"sealpost/smtp/mailauth/dkim/arc"
)

// corpus lists files of the auth corpus; tests that need it say so and skip.
func corpus(t *testing.T, pattern string) []string {
	t.Helper()
	dir := os.Getenv("SEALPOST_CORPUS")
	if dir == "" {
		dir = "../../../../shared/corpus"
	}
	files, err := filepath.Glob(filepath.Join(dir, "auth", pattern))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Skip("no corpus")
	}
	return files
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// wire gives a text the line ends it has in SMTP.
func wire(b []byte) []byte {
	return bytes.ReplaceAll(bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n")), []byte("\n"), []byte("\r\n"))
}

// The relaxed forms that flanker expects.
func TestCorpusCanon(t *testing.T) {
	t.Parallel()
	passed, files := 0, corpus(t, "flanker-dkim/relaxed.expected.*")
	for _, name := range files {
		m := bytes.NewReader(wire(read(t, strings.Replace(name, "relaxed.expected", "email", 1))))
		wantHeader, wantBody, _ := bytes.Cut(read(t, name), []byte("\r\n\r\n"))
		h, err := mail.ReadHeader(m, 0, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		var header []byte
		for _, f := range h.Fields {
			header = dkim.Relaxed.AppendField(header, f.Raw)
		}
		body, err := dkim.HashBody(m, h.End, false, true, nil)
		if err != nil {
			t.Fatal(err)
		}
		hash, _, _ := body.Of(dkim.Relaxed)
		want := sha256.Sum256(wantBody)
		switch {
		case !bytes.Equal(bytes.TrimSuffix(header, []byte("\r\n")), bytes.TrimSuffix(wantHeader, []byte("\r\n"))):
			t.Errorf("%s: header %q, want %q", filepath.Base(name), header, wantHeader)
		case strings.HasSuffix(name, ".24"): // white space alone in the last lines, kept by DomainKeys; RFC 6376, section 3.4.4, reduces it first
			if empty := sha256.Sum256(nil); !bytes.Equal(hash, empty[:]) {
				t.Errorf("%s: a body of white space is not empty", filepath.Base(name))
			}
		case !bytes.Equal(hash, want[:]):
			t.Errorf("%s: another body than %q", filepath.Base(name), wantBody)
		default:
			passed++
		}
	}
	t.Logf("flanker, relaxed form: %d of %d", passed, len(files))
}

// records are TXT records by name.
type records map[string]string

func (r records) TXT(_ context.Context, name string) (dns.Answer[string], error) {
	if s, ok := r[name]; ok {
		return dns.Answer[string]{Records: []string{s}}, nil
	}
	return dns.Answer[string]{}, dns.ErrNotFound
}

// judged is a mail with its signatures and chain verified at a time.
type judged struct {
	signatures []*dkim.Signature
	chain      *arc.Chain
	body       *dkim.Body
}

func judge(t *testing.T, text []byte, keys records, at time.Time) judged {
	t.Helper()
	m := bytes.NewReader(wire(text))
	h, err := mail.ReadHeader(m, 0, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	body, err := dkim.HashBody(m, h.End, true, true, nil)
	if err != nil {
		t.Fatal(err)
	}
	j := judged{chain: arc.Read(h), body: body}
	j.signatures, _ = dkim.Read(h)
	found := dkim.LookUp(t.Context(), keys, append(dkim.Names(j.signatures), j.chain.Names()...))
	for _, s := range j.signatures {
		s.Verify(h.Fields, body, found, at)
	}
	j.chain.Verify(h.Fields, body, found, at)
	return j
}

// stalwart splits a sample into the records at its top and its mail.
func stalwart(t *testing.T, name string) (records, []byte) {
	t.Helper()
	keys := records{}
	top, text, _ := bytes.Cut(read(t, name), []byte("\n\n"))
	for line := range strings.Lines(string(top)) {
		name, record, _ := strings.Cut(strings.TrimSpace(line), " ")
		keys[name] = record
	}
	return keys, text
}

// stalwartFails are the signatures that must not pass, by file and domain.
var stalwartFails = map[string]string{
	"arc__001.txt stalw.art": "body was changed", // as the list's Authentication-Results say
}

func TestCorpusStalwart(t *testing.T) {
	t.Parallel()
	at := time.Date(2022, 11, 8, 12, 0, 0, 0, time.UTC) // when one of them had not expired
	signatures, signed, chains := 0, 0, 0
	files := append(corpus(t, "stalwart-mail-auth/dkim__*.txt"), corpus(t, "stalwart-mail-auth/arc__*.txt")...)
	for _, name := range files {
		keys, text := stalwart(t, name)
		j := judge(t, text, keys, at)
		for _, s := range j.signatures {
			signed++
			if want := stalwartFails[filepath.Base(name)+" "+s.Domain]; s.Reason != want {
				t.Errorf("%s, %s: %s (%s), want %q", filepath.Base(name), s.Domain, s.Result, s.Reason, want)
				continue
			}
			signatures++
		}
		if strings.Contains(name, "arc__") {
			if j.chain.Result != dkim.Pass {
				t.Errorf("%s: %s (%s)", filepath.Base(name), j.chain.Result, j.chain.Reason)
				continue
			}
			chains++
		}
	}
	t.Logf("stalwart: %d of %d signatures as expected, %d of 2 chains", signatures, signed, chains)
}

// googleKey is the key of Google's seals, which stands in a sample of stalwart.
func googleKey(t *testing.T) records {
	t.Helper()
	keys, _ := stalwart(t, corpus(t, "stalwart-mail-auth/arc__001.txt")[0])
	return keys
}

// mailauth's samples come without keys but for Google's seals: the bodies must be
// those that were signed, and the last seals hold.
func TestCorpusMailauth(t *testing.T) {
	t.Parallel()
	keys := googleKey(t)
	bodies, signed, chains := 0, 0, 0
	for _, name := range corpus(t, "mailauth/*.eml") {
		j := judge(t, read(t, name), keys, time.Now())
		for _, s := range j.signatures {
			signed++
			if s.BodyMatches(j.body) {
				bodies++
				continue
			}
			t.Errorf("%s, %s: another body (%s: %s)", filepath.Base(name), s.Domain, s.Result, s.Reason)
		}
		if want, named := mailauthChains(filepath.Base(name)); named {
			if chains++; j.chain.Result != want {
				t.Errorf("%s: %s (%s), want %s", filepath.Base(name), j.chain.Result, j.chain.Reason, want)
			}
		}
	}
	t.Logf("mailauth: %d of %d bodies, %d chains", bodies, signed, chains)
	if signed != 17 || chains != 9 {
		t.Errorf("%d signatures and %d chains were read", signed, chains)
	}
}

// mailauthChains is what the chain of a sample comes to. The names of those made
// to fail say so.
func mailauthChains(name string) (want dkim.Result, named bool) {
	switch {
	case strings.HasPrefix(name, "arc-fail"):
		return dkim.Fail, true
	case strings.HasPrefix(name, "message3"), strings.HasPrefix(name, "arc-pass"),
		name == "authtest.eml", name == "bimi.eml", name == "zbimi.eml":
		return dkim.Pass, true
	}
	return "", false
}

// SpamAssassin's samples come without keys: bodies only, and what needs no key.
func TestCorpusSpamAssassin(t *testing.T) {
	t.Parallel()
	bodies, signed := 0, 0
	for _, name := range corpus(t, "spamassassin-dkim/test-*.msg") {
		j := judge(t, read(t, name), nil, time.Now())
		for _, s := range j.signatures {
			signed++
			if sha1 := strings.HasSuffix(name, "test-pass-01.msg"); sha1 != (s.Result == dkim.Policy) || sha1 == s.BodyMatches(j.body) {
				t.Errorf("%s: body %t, %s (%s)", filepath.Base(name), s.BodyMatches(j.body), s.Result, s.Reason)
				continue
			}
			bodies++
		}
	}
	t.Logf("SpamAssassin: %d of %d bodies, one of them signed by SHA-1 and refused", bodies, signed)
	if signed != 31 {
		t.Errorf("%d signatures were read", signed)
	}
}

// publicRecord is the record of a key in a PEM file.
func publicRecord(t *testing.T, name string) string {
	t.Helper()
	block, _ := pem.Decode(read(t, name))
	if block == nil {
		t.Fatalf("%s is no PEM", name)
	}
	return "v=DKIM1; k=rsa; p=" + base64.StdEncoding.EncodeToString(block.Bytes)
}

func TestCorpusMimeKit(t *testing.T) {
	t.Parallel()
	files := corpus(t, "mimekit-dkim/*.msg")
	key := publicRecord(t, filepath.Join(filepath.Dir(files[0]), "gmail.pub"))
	for _, name := range files {
		j := judge(t, read(t, name), records{"20120113._domainkey.gmail.com": key}, time.Now())
		if len(j.signatures) != 1 || j.signatures[0].Result != dkim.Pass {
			t.Errorf("%s: %+v", filepath.Base(name), j.signatures[0])
		}
	}
}
