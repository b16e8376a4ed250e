package mailauth_test

import (
	"errors"
	"strings"
	"testing"

	"sealpost/smtp/dns/dnstest"
	"sealpost/smtp/mailauth"
)

// Hops seal one after the other; each chain is judged by the next.
func TestSeal(t *testing.T) {
	t.Parallel()
	c := checker(dnstest.New(t, zone(t)))
	text := sign(t, signer(), letter)
	for hop := 1; hop <= 3; hop++ {
		v := check(t, c, session(), text)
		fields, err := signer().Seal(wire(text), v, "mx.example.net")
		if err != nil {
			t.Fatal(err)
		}
		text = string(fields) + "Received: by hop\r\n" + text
		v = check(t, c, session(), text)
		if v.ARC.Result != mailauth.Pass || v.ARC.Count != hop || v.ARC.Sealer != "example.org" {
			t.Fatalf("hop %d: %+v", hop, v.ARC)
		}
		if !strings.HasPrefix(v.ARC.Results, "mx.example.net;") || !strings.Contains(v.ARC.Results, "dmarc=pass") || strings.Contains(v.ARC.Results, "\tarc=pass") {
			t.Fatalf("hop %d: not the first results: %q", hop, v.ARC.Results)
		}
	}
	for what, broken := range map[string]string{
		"body":    text + "more\r\n",
		"subject": strings.Replace(text, "dinner", "lunch", 1),
		"results": strings.Replace(text, "dmarc=pass", "dmarc=fail", 1),
		"order":   strings.Replace(text, "i=2;", "i=3;", 1),
	} {
		v := check(t, c, session(), broken)
		if v.ARC.Result != mailauth.Fail || v.ARC.Reason == "" {
			t.Errorf("%s: %+v", what, v.ARC)
		}
	}
}

// After a failure one hop says so, and nobody adds to that.
func TestSealAfterFailure(t *testing.T) {
	t.Parallel()
	s := dnstest.New(t, zone(t))
	c := checker(s)
	v := check(t, c, session(), letter)
	fields, err := signer().Seal(wire(letter), v, "mx.example.net")
	if err != nil {
		t.Fatal(err)
	}
	text := string(fields) + letter + "more\r\n"
	v = check(t, c, session(), text)
	fields, err = signer().Seal(wire(text), v, "mx.example.net")
	if err != nil || !strings.Contains(string(fields), "cv=fail") || !strings.Contains(string(fields), "i=2") {
		t.Fatalf("%v: %s", err, fields)
	}
	text = string(fields) + text
	v = check(t, c, session(), text)
	if _, err := signer().Seal(wire(text), v, "mx.example.net"); v.ARC.Result != mailauth.Fail || !errors.Is(err, mailauth.ErrNoSeal) {
		t.Errorf("%+v, %v", v.ARC, err)
	}
	v.ARC.Result = mailauth.TempError
	if _, err := signer().Seal(wire(text), v, "mx.example.net"); !errors.Is(err, mailauth.ErrNoSeal) {
		t.Errorf("a chain nobody could judge was sealed: %v", err)
	}
}

// The verdict of a chain is what Check found, whatever the header says.
func TestSealNeedsAVerdict(t *testing.T) {
	t.Parallel()
	c := checker(dnstest.New(t, zone(t)))
	v := check(t, c, session(), letter)
	fields, err := signer().Seal(wire(letter), v, "mx.example.net")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := signer().Seal(wire(string(fields)+letter), mailauth.Verdict{}, "mx.example.net"); !errors.Is(err, mailauth.ErrNoSeal) {
		t.Errorf("sealed without a verdict: %v", err)
	}
}

func TestChainOfTooMany(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"i=51":     "ARC-Seal: i=51; a=rsa-sha256; cv=pass; d=a.org; s=s; b=AAAA\r\n" + letter,
		"i=0":      "ARC-Seal: i=0; a=rsa-sha256; cv=pass; d=a.org; s=s; b=AAAA\r\n" + letter,
		"i=+1":     "ARC-Seal: i=+1; a=rsa-sha256; cv=none; d=a.org; s=s; b=AAAA\r\n" + letter,
		"i=":       "ARC-Seal: i=; a=rsa-sha256; cv=none; d=a.org; s=s; b=AAAA\r\n" + letter,
		"i=99999":  "ARC-Message-Signature: i=99999; a=rsa-sha256; d=a.org; s=s; b=AAAA\r\n" + letter,
		"one part": "ARC-Authentication-Results: i=1; a.org; none\r\n" + letter,
	} {
		if v := check(t, checker(dnstest.New(t, "")), session(), text); v.ARC.Result != mailauth.Fail {
			t.Errorf("%s: %+v", name, v.ARC)
		}
	}
}
