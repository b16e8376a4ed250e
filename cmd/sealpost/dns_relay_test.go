package main

import (
	"bytes"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"sealpost/smtp/dns/dnstest"
)

// Where mail leaves by a relay, no record that forbids it is printed or called good.
func TestDNSWithRelay(t *testing.T) {
	t.Parallel()
	s := keyed(t, "demo.test")
	s.settings.Outbound.Smarthost = "smtp.relay.example:465"
	var out bytes.Buffer
	if err := (dnsRecordsCommand{}).in(t.Context(), console{nil, &out, &out}, s.settings, worldOf(t, dnstest.New(t, ""), "")); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "\n; @ IN TXT   \"v=spf1 mx include:PROVIDER ~all\"\n") || !strings.Contains(out.String(), "smtp.relay.example:465") {
		t.Errorf("what to fill in is not said:\n%s", &out)
	}
	for line := range strings.Lines(out.String()) {
		if strings.Contains(line, "v=spf1") && !strings.HasPrefix(line, ";") {
			t.Errorf("a record that its provider did not say: %s", line)
		}
	}
	for text, c := range map[string]struct {
		state state
		says  string
	}{
		"":                                     {bad, "PROVIDER"},
		"v=spf1 mx -all":                       {warn, "add the include:"},
		"v=spf1 a mx ~all":                     {warn, "add the include:"},
		"v=spf1 mx include:relay.example -all": {well, ""},
		"v=spf1 redirect=relay.example":        {well, ""},
		"v=spf1 mx -include:a.example -all":    {warn, "add the include:"},
	} {
		zone := ""
		if text != "" {
			zone = `demo.test. TXT "` + text + `"`
		}
		by, _ := checked(t, s, worldOf(t, dnstest.New(t, zone), ""), "")
		l := by["SPF"]
		if f := l.finding(); f.State != c.state || !strings.Contains(f.Fix+f.Record, c.says) || c.says == "" && f.Fix != "" {
			t.Errorf("%q: %+v", text, l)
		}
	}
}

// While a name still leads to the machine before, this one does not take its addresses
// for its own.
func TestAddressesOf(t *testing.T) {
	t.Parallel()
	const v4, other, old, v6, old6 = "192.0.2.1", "192.0.2.2", "203.0.113.9", "2001:db8::1", "2001:db8::9"
	for name, c := range map[string]struct {
		own, named, want []string
	}{
		"no name yet":               {[]string{v4, v6}, nil, []string{v4, v6}},
		"right":                     {[]string{v4}, []string{v4}, []string{v4}},
		"of the machine before":     {[]string{v4}, []string{old}, []string{v4}},
		"that had both kinds":       {[]string{v4}, []string{old, old6}, []string{v4}},
		"one here, one before":      {[]string{v4, v6}, []string{old, v6}, []string{v4, v6}},
		"not the one it sends from": {[]string{v4}, []string{other, old}, []string{other}},
		"behind another":            {nil, []string{old, old6}, []string{old + " told", old6 + " told"}},
		"behind another for IPv4":   {[]string{v6}, []string{old, v6}, []string{old + " told", v6}},
		"not public":                {nil, []string{"10.0.0.1", "127.0.0.1"}, nil},
		"nothing is known":          {nil, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var zone strings.Builder
			for _, ip := range c.named {
				kind := " A "
				if strings.Contains(ip, ":") {
					kind = " AAAA "
				}
				zone.WriteString("mail.demo.test." + kind + ip + "\n")
			}
			w := world{
				dns: dnstest.New(t, zone.String()).Resolver(),
				own: func() (all []netip.Addr) {
					for _, ip := range c.own {
						all = append(all, netip.MustParseAddr(ip))
					}
					return all
				},
				has: func(ip netip.Addr) bool { return slices.Contains(c.own, ip.String()) || ip.String() == other },
			}
			var got []string
			for _, a := range addressesOf(t.Context(), "mail.demo.test", w) {
				got = append(got, a.String()+choose(a.Told, " told", ""))
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// A zone says which of its addresses nobody here can vouch for, and forbids no
// certificate for what else the domain has.
func TestZoneLeavesOthersAlone(t *testing.T) {
	t.Parallel()
	p := plan{Domain: "demo.test", Host: "mail.demo.test", HostHere: true, Authority: "letsencrypt.org"}
	p.Addresses = []hostAddr{{netip.MustParseAddr("203.0.113.9"), true}, {Addr: netip.MustParseAddr(ownIP)}}
	text := p.zone(newYear)
	if strings.Count(text, "what the DNS says of mail.demo.test today") != 1 || !strings.Contains(text, "; 203.0.113.9 is what the DNS says") {
		t.Errorf("no note on the address:\n%s", text)
	}
	if strings.Contains(text, "@ IN CAA") || !strings.Contains(text, "mail IN CAA   0 issue \"letsencrypt.org\"") {
		t.Errorf("CAA:\n%s", text)
	}
	if strings.Contains(text, "such a record, replace") {
		t.Errorf("replaces what it need not:\n%s", text)
	}
}
