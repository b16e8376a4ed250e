package mailauth_test

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	msgauth "github.com/emersion/go-msgauth/dkim"

	"sealpost/smtp/dns/dnstest"
	"sealpost/smtp/mailauth"
	"sealpost/smtp/mailauth/dkim"
)

// forge signs text as r._domainkey.example.org does, with tags changed: a value
// replaces or adds a tag, "-" takes it away.
func forge(t *testing.T, text string, tags map[string]string) string {
	t.Helper()
	key, _ := testKeys()
	m := wire(text)
	h := header(t, m)
	body, err := dkim.HashBody(m, h.End, false, true, nil)
	if err != nil {
		t.Fatal(err)
	}
	hash, _, _ := body.Of(dkim.Relaxed)
	set := map[string]string{
		"v": "1", "a": "rsa-sha256", "c": "relaxed/relaxed", "d": "example.org", "s": "r", "h": "from:to:subject:date",
		"bh": base64.StdEncoding.EncodeToString(hash),
	}
	for name, value := range tags {
		set[name] = value
	}
	list := []dkim.Tag{{Name: "b"}}
	for name, value := range set {
		if value != "-" {
			list = append(list, dkim.Tag{Name: name, Value: value})
		}
	}
	field, err := dkim.SignFields(crypto.Signer(key), "DKIM-Signature", list, h.Fields, strings.Split(set["h"], ":"))
	if err != nil {
		t.Fatal(err)
	}
	return string(field) + text
}

// shortKey is a record with an RSA key of so many bits, which nobody needs to own.
func shortKey(bits uint) string {
	n := new(big.Int).Add(new(big.Int).Lsh(big.NewInt(1), bits-1), big.NewInt(1))
	der, err := x509.MarshalPKIXPublicKey(&rsa.PublicKey{N: n, E: 65537})
	if err != nil {
		panic(err)
	}
	return "v=DKIM1; k=rsa; p=" + base64.StdEncoding.EncodeToString(der)
}

// tags writes {"name": "value"}.
type tags = map[string]string

// D08: what a DKIM signature may not get away with.
func TestD08Signatures(t *testing.T) {
	t.Parallel()
	r, e := testKeys()
	public := strings.TrimPrefix(record(t, r), "v=DKIM1; k=rsa; ")
	world := zone(t)
	for name, text := range map[string]string{
		"revoked": "v=DKIM1; p=", "tests": "v=DKIM1; t=y; " + public, "strict": "v=DKIM1; t=s; " + public,
		"sha1": "v=DKIM1; h=sha1; " + public, "sha256": "v=DKIM1; h=sha1:sha256; " + public,
		"tlsrpt": "v=DKIM1; s=tlsrpt; " + public, "email": "v=DKIM1; s=email; " + public,
		"bare": public, "dsa": "v=DKIM1; k=dsa; " + public, "new": "v=DKIM2; " + public, "late": public + "; v=DKIM1",
		"twice": "v=DKIM1; k=rsa; k=rsa; " + public, "junk": "v=DKIM1; p=@@@", "short": shortKey(1023), "huge": shortKey(9000),
		"swapped": record(t, e), "spf": "v=spf1 -all",
	} {
		world += txtRecord(name+"._domainkey.example.org", text)
	}
	world += txtRecord("two._domainkey.example.org", record(t, r)) + txtRecord("two._domainkey.example.org", record(t, e))
	world += txtRecord("beside._domainkey.example.org", record(t, r)) + txtRecord("beside._domainkey.example.org", "v=spf1 -all")
	c := checker(dnstest.New(t, world))
	length := relaxedLength(t)

	for _, test := range []struct {
		name string
		tags tags
		want mailauth.Result
	}{
		{"plain", nil, "pass"},
		{"l= of the whole body", tags{"l": fmt.Sprint(length)}, "pass"},
		{"l= of a part", tags{"l": fmt.Sprint(length - 1)}, "policy"},
		{"l= of nothing", tags{"l": "0", "bh": emptyHash()}, "policy"},
		{"l= beyond the body", tags{"l": fmt.Sprint(length + 1)}, "permerror"},
		{"l= beyond numbers", tags{"l": strings.Repeat("9", 70)}, "permerror"},
		{"l= no number", tags{"l": "-1"}, "permerror"},
		{"SHA-1", tags{"a": "rsa-sha1"}, "policy"},
		{"unknown algorithm", tags{"a": "rsa-md5"}, "permerror"},
		{"RSA of 1023 bits", tags{"s": "short"}, "policy"},
		{"RSA of 9000 bits", tags{"s": "huge"}, "policy"},
		{"expired", tags{"t": "1", "x": fmt.Sprint(noon.Unix() - 1)}, "fail"},
		{"not yet expired", tags{"t": "1", "x": fmt.Sprint(noon.Unix() + 1)}, "pass"},
		{"expires before it was made", tags{"t": fmt.Sprint(noon.Unix()), "x": fmt.Sprint(noon.Unix())}, "permerror"},
		{"From not signed", tags{"h": "to:subject:date"}, "permerror"},
		{"nothing signed", tags{"h": ""}, "permerror"},
		{"identity below", tags{"i": "joe@a.example.org"}, "pass"},
		{"identity beside", tags{"i": "joe@example.net"}, "permerror"},
		{"identity that ends alike", tags{"i": "joe@notexample.org"}, "permerror"},
		{"identity above", tags{"i": "joe@org"}, "permerror"},
		{"identity without @", tags{"i": "example.org"}, "permerror"},
		{"strict key", tags{"s": "strict"}, "pass"},
		{"strict key, identity below", tags{"s": "strict", "i": "@a.example.org"}, "permerror"},
		{"version 2", tags{"v": "2"}, "permerror"},
		{"no version", tags{"v": "-"}, "permerror"},
		{"no body hash", tags{"bh": "-"}, "permerror"},
		{"no selector", tags{"s": "-"}, "permerror"},
		{"no domain", tags{"d": "-"}, "permerror"},
		{"a domain that cannot be", tags{"d": "a..b"}, "permerror"},
		{"query by mail", tags{"q": "mail"}, "permerror"},
		{"query by DNS too", tags{"q": "mail:dns/txt"}, "pass"},
		{"canonical form", tags{"c": "relaxed/odd"}, "permerror"},
		{"unknown tag", tags{"zz": "1"}, "pass"},
		{"malformed tag", tags{"9z": "1"}, "permerror"},
		{"malformed body hash", tags{"bh": "!"}, "permerror"},
		{"key revoked", tags{"s": "revoked"}, "permerror"},
		{"key missing", tags{"s": "missing"}, "permerror"},
		{"key in testing", tags{"s": "tests"}, "pass"},
		{"key for SHA-1", tags{"s": "sha1"}, "permerror"},
		{"key for both hashes", tags{"s": "sha256"}, "pass"},
		{"key for reports", tags{"s": "tlsrpt"}, "permerror"},
		{"key for mail", tags{"s": "email"}, "pass"},
		{"key without version", tags{"s": "bare"}, "pass"},
		{"key of unknown kind", tags{"s": "dsa"}, "permerror"},
		{"key of another version", tags{"s": "new"}, "permerror"},
		{"version not first", tags{"s": "late"}, "permerror"},
		{"key with doubled tag", tags{"s": "twice"}, "permerror"},
		{"key of junk", tags{"s": "junk"}, "permerror"},
		{"key of the other kind", tags{"s": "swapped"}, "permerror"},
		{"an SPF record", tags{"s": "spf"}, "permerror"},
		{"two keys", tags{"s": "two"}, "permerror"},
		{"a key beside SPF", tags{"s": "beside"}, "pass"},
		{"another's domain", tags{"d": "example.net"}, "permerror"},
	} {
		v := check(t, c, session(), forge(t, letter, test.tags))
		if len(v.DKIM) != 1 || v.DKIM[0].Result != test.want {
			t.Errorf("%s: %+v, want %s", test.name, v.DKIM, test.want)
		}
		if len(v.DKIM) == 1 && (v.DKIM[0].Reason == "") != (test.want == "pass") {
			t.Errorf("%s: reason %q", test.name, v.DKIM[0].Reason)
		}
		if v.DKIM[0].Testing != (test.tags["s"] == "tests") {
			t.Errorf("%s: testing %t", test.name, v.DKIM[0].Testing)
		}
	}
}

func relaxedLength(t *testing.T) int64 {
	t.Helper()
	m := wire(letter)
	body, err := dkim.HashBody(m, header(t, m).End, false, true, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, length, _ := body.Of(dkim.Relaxed)
	return length
}

func emptyHash() string {
	sum := sha256.Sum256(nil)
	return base64.StdEncoding.EncodeToString(sum[:])
}

// D08: what happens to a mail after it was signed.
func TestD08ChangedMail(t *testing.T) {
	t.Parallel()
	c := checker(dnstest.New(t, zone(t)))
	signed := forge(t, letter, nil)
	over := sign(t, signer(), letter)
	doubled := strings.Replace(letter, "Subject: dinner\r\n", "Subject: dinner\r\nSubject: lunch\r\n", 1)
	for _, test := range []struct {
		name, text string
		want       mailauth.Result
	}{
		{"untouched", signed, "pass"},
		{"empty lines at the end", signed + "\r\n\r\n", "pass"},
		{"white space", strings.Replace(strings.Replace(signed, "Are you  hungry", "Are you\thungry", 1), "Subject: dinner", "SUBJECT :  dinner ", 1), "pass"},
		{"body", strings.Replace(signed, "Hi.", "Ho.", 1), "fail"},
		{"more body", signed + "more\r\n", "fail"},
		{"subject", strings.Replace(signed, "dinner", "lunch", 1), "fail"},
		{"unsigned field", strings.Replace(signed, "<1@", "<2@", 1), "pass"},
		{"subject on top", "Subject: lunch\r\n" + signed, "policy"},
		{"subject on top of an oversigned one", "Subject: lunch\r\n" + over, "fail"},
		{"a field that was not there", "Reply-To: eve@example.net\r\n" + over, "fail"},
		{"a signed doubled field", forge(t, doubled, tags{"h": "from:subject:subject"}), "pass"},
		{"a doubled tag", strings.Replace(signed, "b=", "d=example.org; b=", 1), "permerror"},
		{"an empty tag", strings.Replace(signed, "b=", "; b=", 1), "permerror"},
		{"another Resent-From", "Resent-From: eve@example.net\r\n" + over, "fail"},
	} {
		v := check(t, c, session(), test.text)
		if len(v.DKIM) == 0 || v.DKIM[0].Result != test.want {
			t.Errorf("%s: %+v, want %s", test.name, v.DKIM, test.want)
		}
	}
}

// D08: five signatures are judged, and no more keys are asked for.
func TestD08ManySignatures(t *testing.T) {
	t.Parallel()
	text := letter
	for i := range 40 {
		text = forge(t, text, tags{"s": fmt.Sprintf("s%d", i)})
	}
	s := dnstest.New(t, zone(t))
	v := check(t, checker(s), session(), text)
	if len(v.DKIM) != mailauth.MaxSignatures || v.Ignored != 40-mailauth.MaxSignatures {
		t.Errorf("%d judged, %d ignored", len(v.DKIM), v.Ignored)
	}
	asked := 0
	for i := range 40 {
		asked += s.Asked(fmt.Sprintf("s%d._domainkey.example.org", i))
	}
	if asked == 0 || asked > 3*mailauth.MaxSignatures {
		t.Errorf("%d questions for keys", asked)
	}
}

// What go-msgauth signs, we verify, and the other way round.
func TestAgainstGoMsgauth(t *testing.T) {
	t.Parallel()
	r, e := testKeys()
	for _, key := range []struct {
		selector string
		private  crypto.Signer
	}{{"r", r}, {"e", e}} {
		for _, canon := range []msgauth.Canonicalization{msgauth.CanonicalizationSimple, msgauth.CanonicalizationRelaxed} {
			var out bytes.Buffer
			err := msgauth.Sign(&out, strings.NewReader(letter), &msgauth.SignOptions{
				Domain: "example.org", Selector: key.selector, Signer: key.private, HeaderCanonicalization: canon, BodyCanonicalization: canon,
			})
			if err != nil {
				t.Fatal(err)
			}
			v := check(t, checker(dnstest.New(t, zone(t))), session(), out.String())
			if len(v.DKIM) != 1 || v.DKIM[0].Result != mailauth.Pass {
				t.Errorf("%s, %s: %+v", key.selector, canon, v.DKIM)
			}
		}
	}
	keys := map[string]string{"r._domainkey.example.org": record(t, r), "e._domainkey.example.org": record(t, e)}
	found, err := msgauth.VerifyWithOptions(strings.NewReader(sign(t, signer(), letter)), &msgauth.VerifyOptions{
		LookupTXT: func(name string) ([]string, error) { return []string{keys[name]}, nil },
	})
	if err != nil || len(found) != 2 || found[0].Err != nil || found[1].Err != nil {
		t.Errorf("%v: %+v", err, found)
	}
}

// A signature field has lines that any program takes, and the time of its clock.
func TestSignedFields(t *testing.T) {
	t.Parallel()
	s := signer()
	fields, err := s.Sign(wire(letter))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.SplitSeq(strings.TrimSuffix(string(fields), "\r\n"), "\r\n") {
		if len(line) > 78 || strings.ContainsAny(line, "\r\n") {
			t.Errorf("%d bytes: %q", len(line), line)
		}
	}
	for _, want := range []string{"t=" + fmt.Sprint(noon.Unix()), "from:from:", "subject:", "a=rsa-sha256;", "a=ed25519-sha256;"} {
		if !strings.Contains(strings.ReplaceAll(string(fields), "\r\n ", ""), want) {
			t.Errorf("%q is missing in %s", want, fields)
		}
	}
}

func TestSignRefuses(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"no From": "To: a@b.example\r\n\r\n", "two From": "From: a@b.example\r\n" + letter, "broken": "oops\r\n" + letter,
		"long": strings.Repeat("X: "+strings.Repeat("x", 990)+"\r\n", 300) + letter,
	} {
		if _, err := signer().Sign(wire(text)); err == nil {
			t.Errorf("%s: signed", name)
		}
	}
	s := signer()
	s.Keys = []mailauth.SigningKey{{Selector: "x", Private: "no key"}}
	if _, err := s.Sign(wire(letter)); err == nil {
		t.Error("signed with what is no key")
	}
	if _, err := signer().Sign(tornMail{wire(letter), 50}); err == nil {
		t.Error("signed what could not be read")
	}
}

func TestKeys(t *testing.T) {
	t.Parallel()
	rsaPEM, edPEM, err := mailauth.GenerateKeys()
	if err != nil {
		t.Fatal(err)
	}
	s := &mailauth.Signer{Domain: "example.org", Now: func() time.Time { return noon }}
	world := ""
	for i, pem := range [][]byte{rsaPEM, edPEM} {
		key, err := mailauth.ParseKey(pem)
		if err != nil {
			t.Fatal(err)
		}
		selector := []string{"one", "two"}[i]
		s.Keys = append(s.Keys, mailauth.SigningKey{Selector: selector, Private: key})
		world += txtRecord(selector+"._domainkey.example.org", record(t, key))
	}
	v := check(t, checker(dnstest.New(t, world)), session(), sign(t, s, letter))
	if len(v.DKIM) != 2 || v.DKIM[0].Result != mailauth.Pass || v.DKIM[1].Result != mailauth.Pass {
		t.Errorf("%+v", v.DKIM)
	}
	for _, bad := range []string{"", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"} {
		if _, err := mailauth.ParseKey([]byte(bad)); err == nil {
			t.Errorf("%q is a key", bad)
		}
	}
	if _, err := mailauth.Record("x"); err == nil {
		t.Error("a string has a record")
	}
}
