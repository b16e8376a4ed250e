package dns_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"blitiri.com.ar/go/spf"

	"sealpost/smtp/dns"
	"sealpost/smtp/dns/dnstest"
)

const zone = `
example.com.  300 IN MX 20 Backup.Example.COM.
              300 IN MX 10 mx.example.com.
              300 IN TXT "v=spf1 " "mx -all"
              300 IN TXT "a \"quoted\" \\ \195\188"
null.example.  IN MX 0 .
mx.example.com. 60 IN A 192.0.2.1
mx.example.com. 60 IN AAAA 2001:db8::1
four.example.com. IN A 192.0.2.4
mapped.example.com. IN AAAA ::ffff:127.0.0.1
alias.example.com. 30 IN CNAME step.example.com.
step.example.com. IN CNAME Mx.example.com.
dangling.example.com. IN CNAME nowhere.example.com.
loop1.example.com. IN CNAME loop2.example.com.
loop2.example.com. IN CNAME loop1.example.com.
_25._tcp.mx.example.com. IN TLSA 3 1 1 aabbccddaabbccddaabbccddaabbccddaabbccddaabbccddaabbccddaabbccdd
_imaps._tcp.example.com. IN SRV 1 2 993 mx.example.com.
example.com. IN CAA 0 Issue "ca.example"
1.2.0.192.in-addr.arpa. IN PTR mx.example.com.
xn--bcher-kva.example. IN MX 1 mx.example.com.
*.wild.example. IN A 192.0.2.9
a\064b\032c.example.com. IN A 192.0.2.10
zero.example.com. 0 IN A 192.0.2.11
`

func ask[R any](t *testing.T, a dns.Answer[R], err error) dns.Answer[R] {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestRecords(t *testing.T) {
	t.Parallel()
	r, ctx := dnstest.New(t, zone).Resolver(), t.Context()

	mx, err := r.MX(ctx, "EXAMPLE.com.")
	ask(t, mx, err)
	slices.SortFunc(mx.Records, func(a, b dns.MX) int { return int(a.Preference) - int(b.Preference) })
	if got := fmt.Sprintf("%v %v %s", mx.Records, mx.Authentic, mx.Name); got != "[{10 mx.example.com} {20 backup.example.com}] true example.com" {
		t.Error(got)
	}
	null, err := r.MX(ctx, "null.example")
	if ask(t, null, err).Records[0] != (dns.MX{Host: "."}) {
		t.Error(null)
	}
	txt, err := r.TXT(ctx, "example.com")
	if got := ask(t, txt, err).Records; !slices.Equal(got, []string{"v=spf1 mx -all", `a "quoted" \ ü`}) {
		t.Errorf("%q", got)
	}
	ip, err := r.IP(ctx, "mx.example.com")
	if got := fmt.Sprint(ask(t, ip, err).Records, ip.TTL > 50*time.Second && ip.TTL <= time.Minute); got != "[192.0.2.1 2001:db8::1] true" {
		t.Error(got)
	}
	mapped, err := r.IP(ctx, "mapped.example.com")
	if !ask(t, mapped, err).Records[0].Is4() {
		t.Error("a mapped address hides what it is", mapped)
	}
	ptr, err := r.PTR(ctx, netip.MustParseAddr("::ffff:192.0.2.1"))
	if ask(t, ptr, err).Records[0] != "mx.example.com" {
		t.Error(ptr)
	}
	tlsa, err := r.TLSA(ctx, "_25._tcp.mx.example.com")
	if got := ask(t, tlsa, err).Records[0]; got.Usage != 3 || got.Selector != 1 || got.Matching != 1 || len(got.Data) != 32 || !tlsa.Authentic {
		t.Error(tlsa)
	}
	srv, err := r.SRV(ctx, "_imaps._tcp.example.com")
	if ask(t, srv, err).Records[0] != (dns.SRV{Priority: 1, Weight: 2, Port: 993, Target: "mx.example.com"}) {
		t.Error(srv)
	}
	caa, err := r.CAA(ctx, "example.com")
	if ask(t, caa, err).Records[0] != (dns.CAA{Tag: "issue", Value: "ca.example"}) {
		t.Error(caa)
	}
	cname, err := r.CNAME(ctx, "alias.example.com")
	if ask(t, cname, err).Records[0] != "step.example.com" || cname.Name != "alias.example.com" {
		t.Error(cname)
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	r := dnstest.New(t, zone).Resolver()
	for _, name := range []string{"bücher.example", "BÜCHER.example.", "bücher。example", "xn--bcher-kva.example"} {
		if a, err := r.MX(t.Context(), name); err != nil || len(a.Records) != 1 {
			t.Errorf("%q: %v", name, err)
		}
	}
	if a, err := r.IP(t.Context(), "A@b c.example.com"); err != nil || a.Records[0].String() != "192.0.2.10" {
		t.Error(a, err)
	}
	if got, err := dns.Normal("BÜCHER.Example."); err != nil || got != "xn--bcher-kva.example" {
		t.Error(got, err)
	}
	for _, name := range []string{"", "..", "a..b", strings.Repeat("a", 64) + ".example", strings.Repeat("a.", 130) + "b", "a\nb.example", "a\x00.example", "\xff.example", strings.Repeat("ü", 600)} {
		if _, err := r.MX(t.Context(), name); !errors.Is(err, dns.ErrNotFound) {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestAbsenceAndFailure(t *testing.T) {
	t.Parallel()
	s := dnstest.New(t, zone)
	for name, f := range map[string]dnstest.Fault{
		"servfail.example": dnstest.ServFail, "refused.example": dnstest.Refused, "silent.example": dnstest.Silent,
		"lie.example": dnstest.Lie, "cut.example": dnstest.Cut, "referral.example": dnstest.Referral,
	} {
		s.Fault(name, f)
	}
	r := s.Resolver()
	r.Timeout = 500 * time.Millisecond
	for name, want := range map[string]error{
		"nowhere.example": dns.ErrNotFound, "four.example.com": dns.ErrNotFound, "dangling.example.com": dns.ErrNotFound,
		"servfail.example": dns.ErrTemporary, "refused.example": dns.ErrTemporary, "silent.example": dns.ErrTemporary,
		"lie.example": dns.ErrTemporary, "cut.example": dns.ErrTemporary, "referral.example": dns.ErrTemporary,
		"loop1.example.com": dns.ErrTemporary,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, err := r.MX(t.Context(), name)
			if !errors.Is(err, want) || errors.Is(err, dns.ErrNotFound) && errors.Is(err, dns.ErrTemporary) {
				t.Errorf("got %v", err)
			}
			if a.Authentic != (want == dns.ErrNotFound) {
				t.Errorf("authentic: %v", a.Authentic)
			}
			if strings.Contains(err.Error(), "example") {
				t.Errorf("the error names whom it was asked for: %v", err)
			}
		})
	}
}

func TestAuthentic(t *testing.T) {
	t.Parallel()
	s := dnstest.New(t, zone)
	s.Fault("four.example.com", dnstest.Insecure)
	s.Fault("mx.example.com", dnstest.Insecure, "AAAA")
	r := s.Resolver()
	for name, want := range map[string]bool{"four.example.com": false, "alias.example.com": true, "mx.example.com": false} {
		if a, err := r.IP(t.Context(), name); err != nil || a.Authentic != want {
			t.Errorf("%s: authentic is %v, %v", name, a.Authentic, err)
		}
	}
	doubted := s.Resolver()
	doubted.Trust = false
	s.Fault("null.example", dnstest.Boast)
	for _, name := range []string{"example.com", "null.example"} {
		if a, err := doubted.MX(t.Context(), name); err != nil || a.Authentic {
			t.Errorf("believes a resolver that is not trusted: %v, %v", a, err)
		}
	}
	s.Secure(false)
	if a, err := s.Resolver().MX(t.Context(), "example.com"); err != nil || a.Authentic {
		t.Errorf("authentic without the AD bit: %v, %v", a, err)
	}
}

func TestAliases(t *testing.T) {
	t.Parallel()
	r := dnstest.New(t, zone).Resolver()
	a, err := r.IP(t.Context(), "alias.example.com")
	if err != nil || a.Name != "mx.example.com" || len(a.Records) != 2 || a.TTL > 30*time.Second {
		t.Error(a, err)
	}
	if _, err := r.CNAME(t.Context(), "mx.example.com"); !errors.Is(err, dns.ErrNotFound) {
		t.Error(err)
	}
}

func TestHalfAnAddress(t *testing.T) {
	t.Parallel()
	s := dnstest.New(t, zone)
	s.Fault("mx.example.com", dnstest.ServFail, "AAAA")
	s.Fault("four.example.com", dnstest.ServFail, "A")
	r := s.Resolver()
	if a, err := r.IP(t.Context(), "mx.example.com"); err != nil || len(a.Records) != 1 || !a.Authentic {
		t.Error(a, err)
	}
	if _, err := r.IP(t.Context(), "four.example.com"); !errors.Is(err, dns.ErrTemporary) {
		t.Errorf("no A because of a failure, no AAAA: %v", err)
	}
	if _, err := r.ForSPF().LookupIPAddr(t.Context(), "mx.example.com"); err == nil || !err.(*net.DNSError).Temporary() {
		t.Errorf("half an answer judged: %v", err)
	}
}

// A forged datagram may come before the true one; a short UDP reply sends to TCP.
func TestTransport(t *testing.T) {
	t.Parallel()
	s := dnstest.New(t, zone)
	s.Fault("mx.example.com", dnstest.Forge)
	s.Fault("four.example.com", dnstest.Truncate)
	var big strings.Builder
	for i := range 300 {
		fmt.Fprintf(&big, "big.example. IN TXT \"%d %s\"\n", i, strings.Repeat("x", 100))
	}
	r := s.Resolver()
	for _, name := range []string{"mx.example.com", "four.example.com"} {
		if a, err := r.IP(t.Context(), name); err != nil || len(a.Records) == 0 {
			t.Errorf("%s: %v %v", name, a, err)
		}
	}
	s.Set(big.String())
	if a, err := r.TXT(t.Context(), "big.example"); err != nil || len(a.Records) != 256 {
		t.Errorf("%d records, %v", len(a.Records), err)
	}
}

func TestFailover(t *testing.T) {
	t.Parallel()
	dead, failing, good := dnstest.New(t, zone), dnstest.New(t, zone), dnstest.New(t, zone)
	dead.Fault("example.com", dnstest.Silent)
	failing.Fault("example.com", dnstest.ServFail)
	r := good.Resolver()
	r.Timeout = time.Second
	r.Servers = []string{"127.0.0.1:1", dead.Addr, failing.Addr, good.Addr}
	if a, err := r.MX(t.Context(), "example.com"); err != nil || len(a.Records) != 2 {
		t.Error(a, err)
	}
	r.Servers = r.Servers[:3]
	if _, err := r.TXT(t.Context(), "example.com"); !errors.Is(err, dns.ErrTemporary) {
		t.Error(err)
	}
	if n := failing.Asked("example.com"); n != 2 {
		t.Errorf("a server that refused was asked %d times", n)
	}
}

// A server that is slower than the first try still answers the second.
func TestSlow(t *testing.T) {
	t.Parallel()
	s := dnstest.New(t, zone)
	s.Delay = 600 * time.Millisecond
	s.Fault("example.com", dnstest.Slow)
	r := s.Resolver()
	if _, err := r.MX(t.Context(), "example.com"); err != nil {
		t.Error(err)
	}
	ctx, stop := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer stop()
	if _, err := r.TXT(ctx, "example.com"); !errors.Is(err, dns.ErrTemporary) || !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}

func TestMemory(t *testing.T) {
	t.Parallel()
	s := dnstest.New(t, zone)
	r, now := s.Resolver(), time.Now()
	r.Now = func() time.Time { return now }
	count := func(name, kind string, want int, ask func() error) {
		t.Helper()
		ask()
		ask()
		if n := s.Asked(name, kind); n != want {
			t.Errorf("%s %s was asked %d times, not %d", name, kind, n, want)
		}
	}
	ip := func(name string) func() error {
		return func() error { _, err := r.IP(t.Context(), name); return err }
	}
	count("mx.example.com", "A", 1, ip("mx.example.com"))
	count("mx.example.com", "A", 1, ip("MX.example.com."))
	count("zero.example.com", "A", 2, ip("zero.example.com"))
	count("nowhere.example", "A", 1, ip("nowhere.example"))
	now = now.Add(59 * time.Second)
	if a, _ := r.IP(t.Context(), "mx.example.com"); a.TTL > time.Second || a.TTL == 0 {
		t.Errorf("TTL is %v after 59 of 60 s", a.TTL)
	}
	now = now.Add(time.Second)
	count("mx.example.com", "A", 2, ip("mx.example.com"))
	count("nowhere.example", "A", 2, ip("nowhere.example"))
	s.Fault("servfail.example", dnstest.ServFail)
	count("servfail.example", "A", 2, ip("servfail.example"))

	a, _ := r.MX(t.Context(), "example.com")
	a.Records[0].Host = "changed"
	if b, _ := r.MX(t.Context(), "example.com"); b.Records[0].Host == "changed" {
		t.Error("a caller changed what is remembered")
	}
}

func TestForSPF(t *testing.T) {
	t.Parallel()
	s := dnstest.New(t, zone+`
fails.example. IN TXT "v=spf1 a:servfail.example -all"
deep.example. IN TXT "v=spf1 include:example.com -all"
`)
	s.Fault("servfail.example", dnstest.ServFail)
	r := s.Resolver().ForSPF()
	for _, c := range []struct {
		ip, from string
		want     spf.Result
	}{
		{"192.0.2.1", "a@example.com", spf.Pass}, {"2001:db8::1", "a@deep.example", spf.Pass},
		{"192.0.2.77", "a@example.com", spf.Fail}, {"192.0.2.77", "a@fails.example", spf.TempError},
		{"192.0.2.1", "a@servfail.example", spf.TempError}, {"192.0.2.1", "a@nowhere.example", spf.None},
	} {
		got, err := spf.CheckHostWithSender(net.ParseIP(c.ip), "helo.example", c.from, spf.WithResolver(r), spf.WithContext(t.Context()))
		if got != c.want {
			t.Errorf("%s from %s: %s, %v", c.from, c.ip, got, err)
		}
	}
	if names, err := r.LookupAddr(t.Context(), "192.0.2.1"); err != nil || names[0] != "mx.example.com" {
		t.Error(names, err)
	}
	if _, err := r.LookupAddr(t.Context(), "no address"); err == nil {
		t.Error("no address has names")
	}
}

func TestListed(t *testing.T) {
	t.Parallel()
	s := dnstest.New(t, `
2.0.0.127.bl.example. IN A 127.0.0.2
2.0.0.127.bl.example. IN A 127.0.0.10
2.0.0.127.bl.example. IN TXT "see\010 https://bl.example/127.0.0.2"
3.0.0.127.bl.example. IN A 192.0.2.1
4.0.0.127.bl.example. IN A 127.255.255.254
1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.bl.example. IN A 127.0.0.3
`)
	s.Fault("5.0.0.127.bl.example", dnstest.ServFail)
	r := s.Resolver()
	for ip, want := range map[string]string{
		"127.0.0.2": "{[127.0.0.2 127.0.0.10] see https://bl.example/127.0.0.2 false}", "127.0.0.1": "{[]  false}", "127.0.0.3": "{[]  false}",
		"127.0.0.4": "{[]  true}", "2001:db8::1": "{[127.0.0.3]  false}", "::ffff:127.0.0.2": "{[127.0.0.2 127.0.0.10] see https://bl.example/127.0.0.2 false}",
	} {
		l, err := r.Listed(t.Context(), "bl.example", netip.MustParseAddr(ip))
		if got := fmt.Sprint(l); err != nil || got != want {
			t.Errorf("%s: %s, %v", ip, got, err)
		}
	}
	if l, err := r.Listed(t.Context(), "bl.example", netip.MustParseAddr("127.0.0.5")); !errors.Is(err, dns.ErrTemporary) || l.Listed() {
		t.Error(l, err)
	}
}
