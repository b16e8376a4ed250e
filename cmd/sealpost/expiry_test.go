package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"sealpost/filestore/lease"
	"sealpost/mail"
	"sealpost/smtp"
)

// mortal writes a key that ends so many days from now.
func (s *site) mortal(t *testing.T, address string, days int) (secret, public string) {
	t.Helper()
	e, err := openpgp.NewEntity("", "", address, &packet.Config{
		Algorithm: packet.PubKeyAlgoEdDSA, Curve: packet.Curve25519, KeyLifetimeSecs: uint32(days * 24 * 3600),
	})
	if err != nil {
		t.Fatal(err)
	}
	var sec, pub bytes.Buffer
	if err := errors.Join(e.SerializePrivate(&sec, nil), e.Serialize(&pub)); err != nil {
		t.Fatal(err)
	}
	name := fmt.Sprint(address, days)
	return s.write(t, name+".secret", sec.Bytes()), s.write(t, name+".pub", pub.Bytes())
}

// TestKeyThatExpires: its owner hears of it 30, 7 and 1 days before and once after, each
// time once, whatever restarts in between, in a mail that only they can read.
func TestKeyThatExpires(t *testing.T) {
	t.Parallel()
	h := &house{site: newSite(t), person: "ann@demo.test"}
	flag := "--config=" + h.config
	var public string
	h.secret, public = h.mortal(t, h.person, 40)
	_, forever := h.keys(t, "bob@demo.test")
	must(t, "account", "add", "ann@demo.test", "--key", public, flag)
	must(t, "account", "add", "bob@demo.test", "--key", forever, flag)
	h.up = h.serve(t)
	begun := time.Now()
	after := func(days float64) time.Time { return begun.Add(time.Duration(days * 24 * float64(time.Hour))) }
	for _, c := range []struct {
		day  float64
		mail int // how many there are then
		says string
	}{
		{1, 0, ""},
		{10.5, 1, "expires in 30 days"},
		{11, 1, ""},
		{32.9, 1, ""},
		{33.5, 2, "expires in 7 days"},
		{33.6, 2, ""},
		{39.5, 3, "expires within a day"},
		{40.1, 4, "has expired"},
		{60, 4, ""},
	} {
		x := h.up.newKeyWatch() // as after a restart
		if err := x.look(t.Context(), lease.Held{}, after(c.day)); err != nil {
			t.Fatal(err)
		}
		if n := h.mails(t); n != c.mail {
			t.Fatalf("on day %v ann has %d mails, want %d", c.day, n, c.mail)
		}
		if c.says == "" {
			continue
		}
		text := h.opened(t, c.mail)
		for _, want := range []string{
			"From: postmaster@demo.test\r\n", "To: ann@demo.test\r\n", "Subject: Your key " + c.says + "\r\n", "is sealed to\r\n" + c.says + " (",
			"gpg --quick-set-expire", "sealpost account key ann@demo.test --key key.asc", "\r\nMessage-ID: <", "Auto-Submitted: auto-generated\r\n",
		} {
			if !strings.Contains(text, want) {
				t.Errorf("on day %v the notice lacks %q:\n%s", c.day, want, text)
			}
		}
		for line := range strings.SplitSeq(text, "\r\n") {
			if len(line) > 78 && !strings.HasPrefix(line, "DKIM") && !strings.Contains(line, "quick-set-expire") {
				t.Errorf("a long line: %q", line)
			}
		}
	}
	var sealed bytes.Buffer
	sealed.WriteString(must(t, "message", "get", "ann@demo.test", "1", flag))
	if strings.Contains(sealed.String(), "Your key") {
		t.Error("the notice is not sealed")
	}
	_, public = h.mortal(t, h.person, 100)
	must(t, "account", "key", "ann@demo.test", "--key", public, flag)
	for day, want := range map[float64]int{45: 4} {
		if err := h.up.newKeyWatch().look(t.Context(), lease.Held{}, after(day)); err != nil || h.mails(t) != want {
			t.Errorf("with another key, on day %v: %d mails, %v", day, h.mails(t), err)
		}
	}
	x := h.up.newKeyWatch()
	if err := x.look(t.Context(), lease.Held{}, after(99.5)); err != nil || h.mails(t) != 5 || (*x.near.Load())[1] != 1 {
		t.Errorf("the other key's own end: %d mails, %v, %v", h.mails(t), err, *x.near.Load())
	}
}

// TestKeyNoticeThatFails is sent later; one that waited for its sender is not lost.
func TestKeyNoticeThatFails(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	_, public := s.mortal(t, "ann@demo.test", 5)
	must(t, "account", "add", "ann@demo.test", "--key", public, "--config="+s.config)
	s.offline(t, func(o *office) {
		sent, fail := 0, errors.New("the disk is full")
		x := &keyWatch{
			accounts: o.book.Accounts, values: o.values, hostname: "mail.demo.test", home: func() string { return "demo.test" }, now: time.Now,
			log: o.log, post: func(context.Context, smtp.Envelope, mail.Bytes) error {
				sent++
				return fail
			},
		}
		for n := range 3 {
			if n == 1 {
				fail = nil
			}
			if err := x.look(t.Context(), lease.Held{}, time.Now()); err != nil {
				t.Fatal(err)
			}
		}
		if sent != 2 {
			t.Errorf("tried %d times, want twice", sent)
		}
		if err := o.values.Put(t.Context(), expiryName, []byte("damaged")); err != nil {
			t.Fatal(err)
		}
		if err := x.look(t.Context(), lease.Held{}, time.Now()); err != nil || sent != 3 {
			t.Errorf("after damage: %v, %d notices", err, sent)
		}
	})
}
