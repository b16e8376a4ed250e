package main

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

func newTestZone(t *testing.T) *zone {
	t.Helper()
	z, err := newZone()
	if err == nil {
		err = z.serve()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { z.close(context.Background()) })
	return z
}

func TestZone(t *testing.T) {
	t.Parallel()
	z := newTestZone(t)
	z.addText("long.test", strings.Repeat("x", 600))
	for _, tt := range []struct {
		name  string
		kind  uint16
		rcode int
		n     int
	}{
		{farDomain(3, false), dns.TypeMX, dns.RcodeSuccess, 1},
		{"MX." + farDomain(3, true), dns.TypeA, dns.RcodeSuccess, 1},
		{"long.test", dns.TypeTXT, dns.RcodeSuccess, 1},
		{farDomain(3, false), dns.TypeTXT, dns.RcodeSuccess, 0},
		{"nobody.test", dns.TypeA, dns.RcodeNameError, 0},
	} {
		for _, way := range []string{"udp", "tcp"} {
			q := new(dns.Msg).SetQuestion(dns.Fqdn(tt.name), tt.kind)
			q.SetEdns0(4096, false)
			a, _, err := (&dns.Client{Net: way, Timeout: 5 * time.Second}).Exchange(q, z.addr)
			if err != nil {
				t.Fatal(err)
			}
			if a.Rcode != tt.rcode || len(a.Answer) != tt.n || tt.n == 0 && len(a.Ns) != 1 {
				t.Errorf("%s by %s: %v", tt.name, way, a)
			}
		}
	}
	if found, err := z.text("long.test"); err != nil || len(found) != 1 || len(found[0]) != 600 {
		t.Errorf("the long text is %q, %v", found, err)
	}
}

// The signatures of the load must be good, or the judge would judge something
// else, and so must be the check that says so.
func TestSignedMails(t *testing.T) {
	t.Parallel()
	z, err := newZone()
	if err != nil {
		t.Fatal(err)
	}
	authors, err := z.makeAuthors()
	if err != nil {
		t.Fatal(err)
	}
	s := &site{zone: z}
	all, err := signedBag(authors)(cell{size: 4 << 10, conns: 1, boxes: 2}, 0).take(3)
	if err != nil {
		t.Fatal(err)
	}
	for i, d := range all {
		checkLines(t, d.mail)
		if want := "someone@" + origin(i%origins); d.from != want || !bytes.Contains(d.mail, []byte("<"+want+">")) {
			t.Errorf("mail %d is from %s, want %s", i, d.from, want)
		}
		if !s.good(d.mail, 2) || s.good(d.mail, 1) {
			t.Errorf("mail %d has not two good signatures", i)
		}
		if s.good(append(d.mail, "more\r\n"...), 2) {
			t.Errorf("mail %d may be changed", i)
		}
	}
}

// submitted sends mails straight to the servers elsewhere.
func submitted(ctx context.Context, r *receiver, private bool, mails []delivery) error {
	_, err := target{addr: fmt.Sprintf("%s:%d", farAddress(0, private), r.port)}.send(ctx, 3, mails)
	return err
}

func TestReceiver(t *testing.T) {
	t.Parallel()
	r, err := newReceiver(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer r.close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	all, err := freshBag(cell{size: 4 << 10, conns: 3, boxes: farDomains}, 0).take(40)
	if err != nil {
		t.Fatal(err)
	}
	waited := make(chan error, 1)
	go func() { waited <- r.arrived(ctx, len(all)) }()
	if err := submitted(ctx, r, false, all); err != nil {
		t.Fatal(err)
	}
	if err := <-waited; err != nil {
		t.Fatal(err)
	}
	if n, err := r.count(); n != len(all) || err != nil {
		t.Errorf("%d of %d came, %v", n, len(all), err)
	}
	if !bytes.Contains(r.firstMail(), []byte("\r\nSubject: ")) {
		t.Errorf("the sample is %.80q", r.firstMail())
	}
	if err := submitted(ctx, r, true, all[:1]); err != nil {
		t.Fatal(err)
	}
	if _, err := r.count(); err == nil {
		t.Error("a mail that came twice was taken for one")
	}
	_ = r.reset()
	if n, err := r.count(); n != 0 || err != nil {
		t.Errorf("after a reset there are %d, %v", n, err)
	}
	late, stop := context.WithTimeout(ctx, 10*time.Millisecond)
	defer stop()
	if r.arrived(late, 1) == nil {
		t.Error("what never came arrived")
	}
}

// Everybody writes to everywhere, and no connection carries mails of two.
func TestFreshMails(t *testing.T) {
	t.Parallel()
	c := cell{size: 4 << 10, conns: 50, boxes: farDomains}
	all, err := freshBag(c, 0).take(200)
	if err != nil {
		t.Fatal(err)
	}
	pairs := map[string]bool{}
	for _, d := range all {
		checkLines(t, d.mail)
		_, domain, _ := strings.Cut(d.to, "@")
		pairs[d.from+" "+domain] = true
		if bytes.Contains(d.mail, []byte("Received:")) || !bytes.Contains(d.mail, []byte("<"+d.from+">")) {
			t.Fatalf("a mail that was submitted begins with %.100q", d.mail)
		}
	}
	if len(pairs) != writers*farDomains {
		t.Errorf("%d pairs of sender and domain, want %d", len(pairs), writers*farDomains)
	}
	lanes := target{login: func(string) string { return "" }}.lanes(all)
	if len(lanes) != writers {
		t.Fatalf("%d lanes for %d people", len(lanes), writers)
	}
	for _, l := range lanes {
		for d, _, ok := l.take(); ok; d, _, ok = l.take() {
			if d.from != l.from {
				t.Errorf("%s in the lane of %s", d.from, l.from)
			}
		}
	}
	if len((target{}).lanes(all)) != 1 {
		t.Error("strangers have lanes of their own")
	}
}
