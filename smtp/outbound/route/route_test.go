package route

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"sealpost/smtp"
	"sealpost/smtp/dns"
	"sealpost/smtp/dns/dnstest"
)

const mxZone = `
order.example.   IN MX 30 c.example.
order.example.   IN MX 10 a.example.
order.example.   IN MX 20 b.example.
a.example.       IN A 192.0.2.1
b.example.       IN A 192.0.2.2
b.example.       IN AAAA 2001:db8::2
c.example.       IN A 192.0.2.3
implicit.example. IN A 192.0.2.1
null.example.    IN MX 0 .
mixed.example.   IN MX 0 .
mixed.example.   IN MX 5 a.example.
text.example.    IN TXT "no mail here"
own.example.     IN MX 10 me.example.
me.example.      IN A 192.0.2.98
address.example. IN MX 10 itsme.example.
itsme.example.   IN A 192.0.2.99
backup.example.  IN MX 10 a.example.
backup.example.  IN MX 20 itsme.example.
backup.example.  IN MX 20 b.example.
backup.example.  IN MX 30 c.example.
alias.example.   IN CNAME order.example.
gone.example.    IN MX 10 nowhere.example.
zeroes.example.  IN MX 10 zero.example.
zero.example.    IN A 0.0.0.0
xn--bcher-kva.example. IN MX 10 a.example.
`

func TestExchangers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, mxZone)
	w.names.Fault("servfail.example", dnstest.ServFail)
	w.names.Fault("half.example", dnstest.ServFail, "A", "AAAA")
	w.names.Fault("_mta-sts.order.example", dnstest.Insecure)
	for domain, want := range map[string]string{
		"order.example": "a.example b.example c.example", "alias.example": "a.example b.example c.example", "ORDER.example.": "a.example b.example c.example",
		"implicit.example": "implicit.example", "mixed.example": "a.example", "backup.example": "a.example", "gone.example": "nowhere.example",
		"[192.0.2.7]": "[192.0.2.7]", "[IPv6:2001:db8::7]": "[IPv6:2001:db8::7]", "bücher.example": "a.example",
	} {
		p, err := w.plan(t.Context(), domain)
		var got []string
		for _, h := range p.hosts {
			got = append(got, h.name)
		}
		if err != nil || strings.Join(got, " ") != want {
			t.Errorf("%s: %q, %v", domain, got, err)
		}
	}
	for domain, want := range map[string]error{
		"null.example": ErrNoMail, "text.example": ErrNoMail, "nowhere.example": ErrNoMail, "a..b": ErrNoMail, "[no address]": ErrNoMail,
		"own.example": ErrLoop, "address.example": ErrLoop, "zeroes.example": ErrLoop, "[192.0.2.99]": ErrLoop, "[IPv6:::ffff:192.0.2.99]": ErrLoop, "[0.0.0.0]": ErrLoop,
		"servfail.example": dns.ErrTemporary, "half.example": dns.ErrTemporary,
	} {
		_, err := w.open(domain, Usual)
		if !errors.Is(err, want) {
			t.Errorf("%s: %v, wanted %v", domain, err, want)
		}
		if permanent := errors.Is(err, ErrNoMail) || errors.Is(err, ErrLoop); permanent == errors.Is(want, dns.ErrTemporary) {
			t.Errorf("%s: permanent is %v: %v", domain, permanent, err)
		}
	}
}

// What the DNS cannot tell is never an end.
func TestUnresolvable(t *testing.T) {
	t.Parallel()
	w := newWorld(t, mxZone)
	_, err := w.open("gone.example", Usual)
	var f *Failure
	if !errors.As(err, &f) || f.Host != "nowhere.example" || errors.Is(err, ErrNoMail) || errors.Is(err, ErrLoop) {
		t.Error(err)
	}
}

func TestEqualsAtRandom(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 200 {
		hosts := ranked([]dns.MX{{Preference: 2, Host: "a"}, {Preference: 2, Host: "b"}, {Preference: 1, Host: "first"}, {Preference: 2, Host: "c"}})
		if hosts[0].name != "first" {
			t.Fatal(hosts)
		}
		seen[hosts[1].name] = true
	}
	if len(seen) != 3 {
		t.Error(seen)
	}
	var many []dns.MX
	for i := range 1000 {
		many = append(many, dns.MX{Preference: uint16(1000 - i), Host: fmt.Sprint(i)})
	}
	if hosts := ranked(many); len(hosts) != maxHosts || hosts[0].preference != 1 {
		t.Error(len(hosts), hosts[0])
	}
}

func TestInTurn(t *testing.T) {
	t.Parallel()
	var all []netip.Addr
	for i := range 9 {
		all = append(all, netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}))
	}
	all = append(all, netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db8::2"))
	got := inTurn(all)
	if len(got) != maxAddresses || got[0].Is4() || !got[1].Is4() || got[2].Is4() || got[0] == got[2] {
		t.Error(got)
	}
}

// The next address and the next exchanger are tried when one is dead, silent,
// refuses, or talks without end.
func TestNextOne(t *testing.T) {
	t.Parallel()
	w := newWorld(t, mxZone)
	w.listen("192.0.2.1:25", &peer{greeting: "554 5.7.1 not you"})
	good := w.listen("192.0.2.2:25", &peer{cert: w.ca.issue(long, "b.example")})
	s := w.expect("order.example", Usual, "opportunistic", "no-policy-found ok", nil)
	if s.Host != "b.example" || good.count() != 1 || !s.Verified {
		t.Errorf("%+v", s)
	}
	w.mu.Lock()
	dialled := w.dialled
	w.mu.Unlock()
	if !slices.Equal(dialled, []string{"192.0.2.1:25", "[2001:db8::2]:25", "192.0.2.2:25"}) {
		t.Error(dialled)
	}
	_, err := w.open("implicit.example", Usual)
	var no *smtp.Refused
	var f *Failure
	if !errors.As(err, &no) || no.Reply.Code != 554 || !errors.As(err, &f) || f.Address.String() != "192.0.2.1" || errors.Is(err, ErrNoMail) {
		t.Error(err)
	}
}

func TestHostilePeers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, mxZone)
	w.Timeout = 300 * time.Millisecond
	w.listen("192.0.2.1:25", &peer{silent: true})
	w.listen("[2001:db8::2]:25", &peer{endless: true})
	w.listen("192.0.2.2:25", &peer{greeting: strings.Repeat("220-x\r\n", 10000) + "220 x"})
	w.listen("192.0.2.3:25", &peer{noTLS: true})
	if s := w.expect("order.example", Usual, "plain", "no-policy-found starttls-not-supported", nil); s == nil || s.Host != "c.example" {
		t.Error(s)
	}
	ctx, stop := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer stop()
	if _, err := w.Open(ctx, "implicit.example", Usual); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}

// Without a policy TLS is tried, and done without where it does not work.
func TestOpportunistic(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		peer     *peer
		how      string
		told     string
		verified bool
		sessions int
	}{
		"good":       {&peer{}, "opportunistic", "no-policy-found ok", true, 1},
		"stranger":   {&peer{cert: newAuthority(t).issue(long, "a.example")}, "opportunistic", "no-policy-found ok", false, 1},
		"none":       {&peer{noTLS: true}, "plain", "no-policy-found starttls-not-supported", false, 1},
		"refused":    {&peer{no454: true}, "plain", "no-policy-found starttls-not-supported", false, 1},
		"broken":     {&peer{broken: true}, "plain", "no-policy-found validation-failure", false, 2},
		"other name": {&peer{}, "opportunistic", "no-policy-found ok", false, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, mxZone)
			p := w.listen("192.0.2.1:25", c.peer)
			if p.cert.Leaf == nil {
				p.cert = w.ca.issue(long, map[bool]string{true: "implicit.example", false: "a.example"}[name != "other name"])
			}
			s := w.expect("implicit.example", Usual, c.how, c.told, nil)
			if s == nil || s.Verified != c.verified || p.count() != c.sessions || s.RequireTLS {
				t.Errorf("%+v, %d sessions", s, p.count())
			}
			if err := s.Reset(t.Context()); err != nil {
				t.Errorf("the session does not work: %v", err)
			}
		})
	}
}

// A server that ends the session when it is asked for TLS has not said that it has
// none: it is no session, and in no report.
func TestEndsAtSTARTTLS(t *testing.T) {
	t.Parallel()
	w := newWorld(t, mxZone)
	w.listen("192.0.2.1:25", &peer{no421: true})
	var at *Failure
	if s, err := w.open("implicit.example", Usual); s != nil || !errors.As(err, &at) || errors.Is(err, ErrPolicy) {
		t.Errorf("%+v, %v", s, err)
	}
	if told := w.told(); told != "" {
		t.Errorf("told %q", told)
	}
}

func TestRequireTLS(t *testing.T) {
	t.Parallel()
	offer := []string{"REQUIRETLS"}
	w := newWorld(t, mxZone)
	p := w.listen("192.0.2.1:25", &peer{cert: w.ca.issue(long, "implicit.example"), offers: offer})
	if s := w.expect("implicit.example", Strict, "opportunistic", "no-policy-found ok", nil); s == nil || !s.RequireTLS {
		t.Error(s)
	}
	w.expect("[192.0.2.1]", Strict, "", "", ErrPolicy)
	p.offers = nil
	w.expect("implicit.example", Strict, "", "no-policy-found ok", ErrNoRequireTLS)
	p.cert, p.offers = w.ca.issue(long, "other.example"), offer
	w.expect("implicit.example", Strict, "", "no-policy-found certificate-host-mismatch", ErrPolicy)

	unsigned := newWorld(t, mxZone)
	unsigned.names.Secure(false)
	q := unsigned.listen("192.0.2.1:25", &peer{cert: unsigned.ca.issue(long, "implicit.example"), offers: offer})
	unsigned.expect("implicit.example", Strict, "", "", ErrPolicy)
	if s := unsigned.expect("implicit.example", Usual, "opportunistic", "no-policy-found ok", nil); s.RequireTLS || q.count() != 1 {
		t.Error("a session whose exchanger anybody could have named counts for REQUIRETLS")
	}
}

func TestDestination(t *testing.T) {
	t.Parallel()
	w := newWorld(t, mxZone+"\ntwin.example. IN MX 10 b.example.\nother.example. IN MX 10 b.example.\n"+
		"worse.example. IN MX 20 b.example.\n")
	w.names.Secure(false)
	key := func(domain string) string {
		k, err := w.Destination(t.Context(), domain)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	if key("twin.example") != key("other.example") || key("order.example") != key("ORDER.example.") {
		t.Error("the same way has two keys")
	}
	if key("twin.example") == key("order.example") || key("twin.example") == key("implicit.example") {
		t.Error("two ways have one key")
	}
	secure := newWorld(t, mxZone+"\ntwin.example. IN MX 10 b.example.\n")
	if k, err := secure.Destination(t.Context(), "twin.example"); err != nil || k == key("twin.example") {
		t.Error("a way with DNSSEC has the key of one without")
	}
	if _, err := w.Destination(t.Context(), "null.example"); !errors.Is(err, ErrNoMail) {
		t.Error(err)
	}
}

func TestSmarthost(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "relay.example. IN A 192.0.2.10\n")
	offers := []string{"AUTH LOGIN PLAIN", "REQUIRETLS"}
	good := &peer{cert: w.ca.issue(long, "relay.example"), offers: offers, auth: "AG1lAHNlY3JldA=="}
	w.listen("192.0.2.10:587", good)
	w.listen("192.0.2.10:465", &peer{cert: good.cert, offers: offers, auth: good.auth, implicit: true})
	w.listen("192.0.2.10:25", &peer{noTLS: true, offers: offers, auth: good.auth})
	w.listen("192.0.2.10:2525", &peer{cert: w.ca.issue(long, "other.example"), offers: offers[:1], auth: good.auth})
	for _, c := range []struct {
		smart Smarthost
		wish  Wish
		ok    bool
	}{
		{Smarthost{"relay.example:587", false, "me", "secret"}, Usual, true},
		{Smarthost{"relay.example:465", true, "me", "secret"}, Strict, true},
		{Smarthost{"relay.example:587", false, "", ""}, Usual, true},
		{Smarthost{"relay.example:587", false, "me", "wrong"}, Usual, false},
		{Smarthost{"relay.example:25", false, "me", "secret"}, Usual, false},
		{Smarthost{"relay.example:2525", false, "me", "secret"}, Usual, false},
		{Smarthost{"nowhere.example:25", false, "me", "secret"}, Usual, false},
		{Smarthost{"no port", false, "me", "secret"}, Usual, false},
	} {
		w.Smart = &c.smart
		s, err := w.open("any.example", c.wish)
		if (err == nil) != c.ok || errors.Is(err, ErrNoMail) || err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%+v: %v", c.smart, err)
		}
		if err == nil && (!s.Verified || s.How != "smarthost" || s.Host != "relay.example" || !s.RequireTLS) {
			t.Errorf("%+v", s)
		}
	}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "smart", *w.Smart)
	if strings.Contains(log.String(), "secret") {
		t.Error(log.String())
	}
	if k, err := w.Destination(t.Context(), "any.example"); k != "smarthost" || err != nil {
		t.Error(k, err)
	}
}
