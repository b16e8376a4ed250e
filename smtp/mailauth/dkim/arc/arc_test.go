package arc_test

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"strings"
	"testing"
	"time"

	"sealpost/mail"
	"sealpost/smtp/mailauth/dkim"
	"sealpost/smtp/mailauth/dkim/arc"
)

const whole = "ARC-Seal: i=1; a=rsa-sha256; cv=none; d=a.org; s=s; t=1; b=AAAA\r\n" +
	"ARC-Message-Signature: i=1; a=rsa-sha256; d=a.org; s=s; h=from; bh=AAAA; b=AAAA\r\n" +
	"ARC-Authentication-Results: i=1; a.org; none\r\n"

func read(t *testing.T, text string) (*arc.Chain, mail.Header, *dkim.Body) {
	t.Helper()
	m := bytes.NewReader([]byte(text))
	h, err := mail.ReadHeader(m, 0, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	body, err := dkim.HashBody(m, h.End, true, true, nil)
	if err != nil {
		t.Fatal(err)
	}
	return arc.Read(h), h, body
}

// FuzzChain: whatever fields there are, without keys no chain passes.
func FuzzChain(f *testing.F) {
	f.Add(whole)
	f.Add(strings.ReplaceAll(whole, "i=1", "i=2") + whole)
	f.Add("ARC-Seal: i=50; cv=fail\r\n")
	f.Fuzz(func(t *testing.T, fields string) {
		c, h, body := read(t, fields+"From: a@a.org\r\n\r\nHi.\r\n")
		c.Verify(h.Fields, body, dkim.Keys{}, time.Unix(1e9, 0))
		if c.Result == "" || c.Result == dkim.Pass || c.Result == dkim.Fail && c.Reason == "" || c.Count > arc.MaxSets {
			t.Errorf("%q: %+v", fields, c)
		}
	})
}

// What a chain needs is known before anything is asked or read.
func TestNeeds(t *testing.T) {
	t.Parallel()
	c, _, _ := read(t, whole+"\r\n")
	if names := c.Names(); len(names) != 2 || names[0] != "s._domainkey.a.org" {
		t.Errorf("%q", names)
	}
	if form, ok := c.BodyCanon(); !ok || form != dkim.Simple {
		t.Errorf("form %t, %t", form, ok)
	}
	none, _, _ := read(t, "From: a@a.org\r\n\r\n")
	if _, ok := none.BodyCanon(); ok || none.Names() != nil || none.Result != dkim.None {
		t.Errorf("no chain: %+v", none)
	}
}

func TestFullChainIsClosed(t *testing.T) {
	t.Parallel()
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	s := arc.Sealer{Domain: "a.org", Selector: "s", Private: key, Now: time.Unix(1, 0)}
	for name, c := range map[string]*arc.Chain{
		"full": {Result: dkim.Pass, Count: arc.MaxSets}, "closed": {Result: dkim.Fail, Closed: true},
		"unknown": {Result: dkim.TempError}, "not judged": {},
	} {
		if _, err := s.Seal(c, nil, &dkim.Body{}, " a.org; none\r\n", nil); !errors.Is(err, arc.ErrClosed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := s.Seal(&arc.Chain{Result: dkim.None}, nil, &dkim.Body{}, " a.org; none\r\n", nil); err == nil {
		t.Error("sealed a body that was not hashed")
	}
}
