package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"

	"sealpost/smtp/dns"
	"sealpost/smtp/outbound/route"
)

// tlsa: what DANE says must be what the server shows, whichever of its certificates a
// client asks for, or who believes it sends nothing. There is one look for each.
func (c dnsCheck) tlsa(ctx context.Context, which int) looked {
	l := want("DANE", record{"_25._tcp." + c.Host, "TLSA", ""}, false)
	var chain []*x509.Certificate
	if which < len(c.Certs) {
		chain = c.Certs[which]
		l.Wanted = tlsa(chain[0])
	}
	a, err := c.dns.TLSA(ctx, l.Name)
	if errors.Is(err, dns.ErrNotFound) { // most have none, and most zones are not signed
		if which > 0 {
			return looked{}
		}
		l.Verdict, l.Text = asWanted, "no TLSA record; one helps only where the zone is signed (DNSSEC)"
		return l
	}
	if l.answered(err) {
		l.match(a.Records, chain, choose(len(c.Certs) > 1 && chain != nil, "a certificate in use ("+algorithm(chain)+")", "the certificate in use"))
	}
	return l
}

func algorithm(chain []*x509.Certificate) string {
	if len(chain) == 0 {
		return ""
	}
	return chain[0].PublicKeyAlgorithm.String()
}

// match says whether one of the records leads to a chain. Those that no mail server can
// use say nothing (RFC 7672, section 3.1).
func (l *looked) match(records []dns.TLSA, chain []*x509.Certificate, what string) {
	use, matched := false, false
	for _, t := range records {
		l.Seen = append(l.Seen, fmt.Sprintf("%d %d %d %x", t.Usage, t.Selector, t.Matching, t.Data))
		usable := (t.Usage == 2 || t.Usage == 3) && t.Selector <= 1 && t.Matching <= 2
		use, matched = use || usable, matched || usable && leadsTo(t, chain)
	}
	switch {
	case len(chain) == 0:
		l.found(true, "there is a TLSA record, and no certificate here to compare it with", "")
	case matched:
		l.found(true, "leads to "+what, "")
	case !use:
		l.found(true, strings.Join(l.Seen, " | ")+" is not ours to say", "")
		l.say("no mail server can use it; what leads to "+what+" is", l.record())
	default:
		l.Needed = true
		l.found(false, "no record leads to "+what, "")
		l.say("servers that believe DNSSEC send nothing: keep what leads to another certificate of this server, remove the rest, and add", l.record())
	}
}

// leadsTo says whether a record is about the leaf of a chain (usage 3) or about what is
// above it (usage 2; RFC 6698, section 2.1).
func leadsTo(t dns.TLSA, chain []*x509.Certificate) bool {
	if len(chain) > 0 && t.Usage == 3 {
		chain = chain[:1]
	}
	return slices.ContainsFunc(chain, func(c *x509.Certificate) bool { return route.Matches(t, c) })
}
