package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"sealpost/smtp/dns"
)

// address: the name of the server leads to it.
func (c dnsCheck) address(ctx context.Context) looked {
	l := want("address", record{c.Host, "A", ""}, true)
	a, err := c.dns.IP(ctx, c.Host)
	if !l.answered(err) {
		if l.Verdict == missing {
			l.Fix, l.Record = "add an A record for "+c.Host+" with the public address of this server", ""
		}
		return l
	}
	own := c.own()
	var strange []string
	for _, ip := range a.Records {
		l.Seen = append(l.Seen, ip.String())
		if len(own) > 0 && !c.has(ip) || !public(ip) {
			strange = append(strange, ip.String())
		}
	}
	text := strings.Join(l.Seen, ", ")
	switch {
	case len(strange) > 0:
		l.found(false, text, fmt.Sprintf("%s is no public address of this machine (%s): correct the A and AAAA records, or add the address here", strings.Join(strange, ", "), orElse(plainList(own), "it has none")))
	case len(own) == 0:
		l.found(true, text+" (this machine has no public address itself, so the router in front must send mail here)", "")
	default:
		l.found(true, text, "")
	}
	return l
}

func plainList(all []netip.Addr) string {
	var words []string
	for _, ip := range all {
		words = append(words, ip.String())
	}
	return strings.Join(words, ", ")
}

// reverse: the addresses of the server lead back to its name, as most large
// providers demand.
func (c dnsCheck) reverse(ctx context.Context) looked {
	l := want("reverse DNS", record{c.Host, "PTR", c.Host}, true)
	a, err := c.dns.IP(ctx, c.Host)
	if err != nil {
		return looked{} // address told already
	}
	var wrong []string
	for _, ip := range a.Records {
		names, err := c.dns.PTR(ctx, ip)
		if err != nil && !errors.Is(err, dns.ErrNotFound) {
			l.answered(err)
			return l
		}
		l.Seen = append(l.Seen, names.Records...)
		if !slices.Contains(names.Records, c.Host) {
			wrong = append(wrong, fmt.Sprintf("%s is %s", ip, orElse(strings.Join(names.Records, ", "), "nobody")))
		}
	}
	if len(wrong) == 0 {
		l.found(true, "leads back to "+c.Host, "")
		return l
	}
	l.found(false, strings.Join(wrong, "; "), "set it to "+c.Host+" at the provider of this machine: most servers refuse mail otherwise")
	if len(l.Seen) == 0 {
		l.Verdict = missing
	}
	return l
}

// greeting: SPF for the name this server says in EHLO (RFC 7208, section 2.3).
func (c dnsCheck) greeting(ctx context.Context) looked {
	l := want("SPF of host", record{c.Host, "TXT", "v=spf1 a -all"}, false)
	if c.Host == c.Domain || c.Relay != "" {
		return looked{}
	}
	return c.judgeSPF(ctx, l, c.Host)
}

func choose(yes bool, a, b string) string {
	if yes {
		return a
	}
	return b
}

// caa: the authority that this server asks may issue (RFC 8659, section 3: the
// nearest name with records counts).
func (c dnsCheck) caa(ctx context.Context) looked {
	if c.Authority == "" {
		return looked{}
	}
	l := want("CAA", c.plan.caa(), false)
	for name := c.Host; name != ""; _, name, _ = strings.Cut(name, ".") {
		a, err := c.dns.CAA(ctx, name)
		if errors.Is(err, dns.ErrNotFound) {
			continue
		}
		if !l.answered(err) {
			return l
		}
		issuers, may := 0, false
		for _, r := range a.Records {
			l.Seen = append(l.Seen, fmt.Sprintf("%d %s %q", r.Flag, r.Tag, r.Value))
			if r.Tag == "issue" {
				issuer, _, _ := strings.Cut(r.Value, ";")
				issuers, may = issuers+1, may || strings.EqualFold(strings.TrimSpace(issuer), c.Authority)
			}
		}
		l.Needed = issuers > 0 && !may // then there will be no certificate
		if l.found(!l.Needed, c.Authority+" may issue", ""); l.Needed {
			l.Text = strings.Join(l.Seen, ", ")
			l.say("add", l.record())
		}
		return l
	}
	l.answered(dns.ErrNotFound)
	return l
}
