package screen

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"sealpost/mail"
	"sealpost/smtp/mailauth"
	"sealpost/smtp/mailauth/dmarc"
	"sealpost/smtp/mailauth/report"
)

var (
	bob     = mail.Address{Local: "bob", Domain: "sender.example"}
	alice   = mail.Address{Local: "alice", Domain: "demo.test"}
	master  = mail.Address{Local: "Postmaster", Domain: "demo.test"}
	abuse   = mail.Address{Local: "abuse+x", Domain: "demo.test"}
	now     = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	clients = netip.MustParsePrefix("192.0.2.0/24")
)

const text = "From: bob@sender.example\r\nSubject: a\r\n folded one\r\n\r\nHello.\r\n"

func arrival(to ...mail.Address) Arrival {
	m := strings.NewReader(text)
	h, _ := mail.ReadHeader(m, 0, 1<<20)
	return Arrival{ID: "id", IP: netip.MustParseAddr("192.0.2.9"), Helo: "mx.sender.example", From: &bob, To: to, Header: h, Mail: m}
}

// verdict is one that passes, changed.
func verdict(change func(*mailauth.Verdict)) mailauth.Verdict {
	v := mailauth.Verdict{
		SPF:   mailauth.SPF{Result: mailauth.Pass, Domain: "sender.example"},
		DKIM:  []mailauth.DKIM{{Result: mailauth.Pass, Domain: "sender.example", Selector: "s"}},
		DMARC: dmarc.Verdict{Result: "pass", Policy: "reject", Disposition: "none", Domain: "sender.example", Org: "sender.example"},
		From:  &bob,
	}
	if change != nil {
		change(&v)
	}
	return v
}

func fails(disposition string) func(*mailauth.Verdict) {
	return func(v *mailauth.Verdict) {
		v.SPF.Result, v.DKIM = mailauth.Neutral, nil
		v.DMARC.Result, v.DMARC.Disposition, v.DMARC.Policy = "fail", disposition, disposition
	}
}

func forwardedBy(sealer string, count int, results string) func(*mailauth.Verdict) {
	return func(v *mailauth.Verdict) {
		fails("reject")(v)
		v.ARC = mailauth.ARC{Result: mailauth.Pass, Sealer: sealer, Count: count, Results: results}
	}
}

func TestWeigh(t *testing.T) {
	t.Parallel()
	forAlice, forMaster := []mail.Address{alice}, []mail.Address{master, abuse}
	for name, c := range map[string]struct {
		v        mailauth.Verdict
		to       []mail.Address
		want     string // reply, or junk, or taken
		observed string // disposition and override
		verified bool
	}{
		"all passes":     {verdict(nil), forAlice, "taken", "none", true},
		"nobody judged":  {mailauth.Verdict{}, forAlice, "taken", "", false},
		"DMARC reject":   {verdict(fails("reject")), forAlice, "550 5.7.26", "reject", false},
		"quarantine":     {verdict(fails("quarantine")), forAlice, "junk: it fails DMARC", "quarantine", false},
		"only watched":   {verdict(fails("none")), forAlice, "taken", "none", false},
		"for postmaster": {verdict(fails("reject")), forMaster, "junk: it is for postmaster", "quarantine local_policy", false},
		"among others":   {verdict(fails("reject")), []mail.Address{master, alice}, "550 5.7.26", "reject", false},
		"testing": {verdict(func(v *mailauth.Verdict) {
			fails("reject")(v)
			v.DMARC.Disposition, v.DMARC.Record.Testing = "quarantine", true
		}), forAlice, "junk: it fails DMARC", "quarantine policy_test_mode", false},
		"temperror": {verdict(func(v *mailauth.Verdict) {
			fails("none")(v)
			v.DMARC.Result = "temperror"
		}), forAlice, "taken", "", false},
		"a policy nobody tells": {verdict(func(v *mailauth.Verdict) {
			fails("none")(v)
			v.DMARC.Result, v.DMARC.Later = "temperror", true
		}), forAlice, "451 4.7.26", "", false},
		"that, for postmaster": {verdict(func(v *mailauth.Verdict) {
			fails("none")(v)
			v.DMARC.Result, v.DMARC.Later = "temperror", true
		}), forMaster, "junk: it is for postmaster", "", false},
		"that, by a trusted forwarder": {verdict(func(v *mailauth.Verdict) {
			forwardedBy("list.example", 1, "list.example; dmarc=pass")(v)
			v.DMARC.Result, v.DMARC.Disposition, v.DMARC.Later = "temperror", "none", true
		}), forAlice, "taken", "", false},
		"two authors":     {verdict(func(v *mailauth.Verdict) { v.Reject, v.From = "two From fields\r\n250 ok", nil }), forAlice, "550 5.6.0", "", false},
		"postmaster, D07": {verdict(func(v *mailauth.Verdict) { v.Reject, v.From = "no From", nil }), forMaster, "junk: it is for postmaster", "", false},
		"SPF fail, unsigned": {verdict(func(v *mailauth.Verdict) {
			v.SPF.Result, v.DKIM, v.DMARC = mailauth.Fail, nil, dmarc.Verdict{Result: "none"}
		}), forAlice, "junk: its sender's domain", "", false},
		"SPF fail of HELO": {verdict(func(v *mailauth.Verdict) {
			v.SPF, v.DKIM, v.DMARC = mailauth.SPF{Result: mailauth.Fail, Helo: true}, nil, dmarc.Verdict{Result: "none"}
		}), forAlice, "taken", "", false},
		"SPF fail, signed": {verdict(func(v *mailauth.Verdict) {
			v.SPF.Result, v.DMARC = mailauth.Fail, dmarc.Verdict{Result: "none"}
		}), forAlice, "taken", "", true},
		"signed by another, no policy": {verdict(func(v *mailauth.Verdict) {
			v.DKIM[0].Domain, v.DMARC = "evil.test", dmarc.Verdict{Result: "none"}
		}), forAlice, "taken", "", false},
		"signed by its key on trial": {verdict(func(v *mailauth.Verdict) {
			v.DKIM[0].Testing, v.DMARC = true, dmarc.Verdict{Result: "none"}
		}), forAlice, "taken", "", false},
		"a trusted forwarder": {verdict(forwardedBy("List.example", 1, "i=1; list.example; spf=pass; dmarc=pass header.from=sender.example")),
			forAlice, "taken", "none trusted_forwarder", false},
		"it saw a failure":   {verdict(forwardedBy("list.example", 1, "i=1; list.example; dmarc=fail; x=dmarc=pass")), forAlice, "550 5.7.26", "reject", false},
		"it says nothing":    {verdict(forwardedBy("list.example", 1, "i=1; list.example; dkim=pass")), forAlice, "550 5.7.26", "reject", false},
		"another forwarder":  {verdict(forwardedBy("evil.test", 1, "i=1; evil.test; dmarc=pass")), forAlice, "550 5.7.26", "reject", false},
		"the second to seal": {verdict(forwardedBy("list.example", 2, "i=1; evil.test; dmarc=pass")), forAlice, "550 5.7.26", "reject", false},
		"a broken chain": {verdict(func(v *mailauth.Verdict) {
			forwardedBy("list.example", 1, "i=1; list.example; dmarc=pass")(v)
			v.ARC.Result = mailauth.Fail
		}), forAlice, "550 5.7.26", "reject", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &Screen{Sealers: []string{"list.example"}, Now: func() time.Time { return now }}
			s.start()
			d := s.weigh(context.Background(), arrival(c.to...), c.v)
			got := "taken"
			switch {
			case d.Reply != nil:
				got = fmt.Sprint(d.Reply.Code, " ", d.Reply.Enhanced)
				if strings.ContainsAny(d.Reply.Text, "\r\n") {
					t.Errorf("the reply has two lines: %q", d.Reply.Text)
				}
			case d.Junk != "":
				got = "junk: " + d.Junk
			}
			if !strings.HasPrefix(got, c.want) {
				t.Errorf("got %s, want %s", got, c.want)
			}
			if o := strings.TrimSpace(d.Observed.Disposition + " " + d.Observed.Override); o != c.observed {
				t.Errorf("observed %q, want %q", o, c.observed)
			}
			if d.Verified != c.verified {
				t.Errorf("verified is %v", d.Verified)
			}
		})
	}
}

// TestObservedIsOfDomains: what is counted for reports names nobody.
func TestObservedIsOfDomains(t *testing.T) {
	t.Parallel()
	s := &Screen{Now: func() time.Time { return now }}
	s.start()
	o := s.weigh(context.Background(), arrival(alice), verdict(nil)).Observed
	want := report.Observation{
		Time: now, IP: netip.MustParseAddr("192.0.2.9"), From: "sender.example", Envelope: "sender.example", DMARC: verdict(nil).DMARC,
		Disposition: "none", SPF: "pass", DKIM: []report.Signature{{Domain: "sender.example", Selector: "s", Result: "pass"}},
	}
	if fmt.Sprint(o) != fmt.Sprint(want) || strings.Contains(fmt.Sprint(o), "bob") {
		t.Errorf("got  %v\nwant %v", o, want)
	}
}
