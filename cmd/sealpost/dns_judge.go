package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"

	"blitiri.com.ar/go/spf"

	"sealpost/smtp/dns"
	"sealpost/smtp/mailauth/dmarc"
)

// mx: mail for the domain comes here, and nowhere else.
func (c dnsCheck) mx(ctx context.Context) looked {
	l := want("MX", record{c.Domain, "MX", "10 " + c.Host + "."}, true)
	a, err := c.dns.MX(ctx, c.Domain)
	if !l.answered(err) {
		return l
	}
	slices.SortStableFunc(a.Records, func(a, b dns.MX) int { return int(a.Preference) - int(b.Preference) })
	here, others := false, []string{}
	for _, mx := range a.Records {
		l.Seen = append(l.Seen, fmt.Sprintf("%d %s", mx.Preference, mx.Host))
		if here = here || mx.Host == c.Host; mx.Host != c.Host {
			others = append(others, mx.Host)
		}
	}
	if l.found(here, strings.Join(l.Seen, ", "), ""); !here {
		l.say("mail goes there, not to "+c.Host+": replace it with", l.record())
	}
	if here && len(others) > 0 {
		l.Fix = "some mail goes to " + strings.Join(others, ", ") + ": remove that record, unless that server passes mail on to this one"
	}
	return l
}

// spf: this server may send.
func (c dnsCheck) spf(ctx context.Context) looked {
	l := c.judgeSPF(ctx, want("SPF", c.plan.spf(), true), c.Domain)
	if c.Relay != "" && l.Verdict == missing {
		l.Fix = "ask the provider of the relay what to put in place of PROVIDER, and add"
	}
	return l
}

// judgeSPF evaluates a record for each address that this server sends from.
func (c dnsCheck) judgeSPF(ctx context.Context, l looked, domain string) looked {
	texts, err := c.texts(ctx, domain, "v=spf1")
	if !l.answered(err) {
		return l
	}
	l.Seen = texts
	text := strings.Join(texts, " | ")
	if len(texts) > 1 {
		l.found(false, text, "there are two records, and so none counts: make one of them")
		return l
	}
	if c.Relay != "" {
		l.found(true, text, "")
		if !namesOthers(text) {
			l.Fix = "mail leaves by " + c.Relay + ", and this names only what is here, so others take that mail for forged: add the include: that its provider tells"
		}
		return l
	}
	for _, ip := range c.sending(ctx) {
		result, err := spf.CheckHostWithSender(ip, c.Host, "postmaster@"+domain, spf.WithContext(ctx), spf.WithResolver(c.dns.ForSPF()))
		switch {
		case result == spf.TempError:
			l.answered(dns.ErrTemporary)
			return l
		case result == spf.PermError:
			l.found(false, fmt.Sprintf("%s: %v", text, err), "")
			l.say("correct it, such as to", l.record())
			return l
		case result != spf.Pass:
			l.found(false, fmt.Sprintf("%s: %s for %s", text, result, ip), "this server may not send by it: add mx behind v=spf1")
			return l
		}
	}
	l.found(true, text, "")
	if last := strings.Fields(strings.ToLower(text)); slices.Contains([]string{"all", "+all", "?all"}, last[len(last)-1]) {
		l.Fix = "everybody may send by it: end it with -all"
	}
	return l
}

// namesOthers says whether an SPF record has a term for other senders than the domain's
// own exchangers and addresses.
func namesOthers(text string) bool {
	return slices.ContainsFunc(strings.Fields(strings.ToLower(text)), func(term string) bool {
		term = strings.TrimLeft(term, "+?~")
		return slices.ContainsFunc([]string{"include:", "redirect=", "ip4:", "ip6:", "a:", "mx:", "exists:"}, func(start string) bool { return strings.HasPrefix(term, start) })
	})
}

// sending are the addresses that mail leaves from: those of this machine or, where
// it has none of its own, those of its name.
func (c dnsCheck) sending(ctx context.Context) (all []net.IP) {
	own := c.own()
	if len(own) == 0 {
		if a, err := c.dns.IP(ctx, c.Host); err == nil {
			own = a.Records
		}
	}
	for _, ip := range own {
		all = append(all, ip.AsSlice())
	}
	return all
}

// dkim: the public half of a key that signs.
func (c dnsCheck) dkim(ctx context.Context, k dkimRecord) looked {
	l := want("DKIM", record{k.Selector + "._domainkey." + c.Domain, "TXT", k.Text}, true)
	a, err := c.dns.TXT(ctx, l.Name)
	if !l.answered(err) {
		if l.Verdict == missing {
			l.Text, l.Fix, l.Record = k.Selector+" missing", "add it: sealpost dns records "+c.Domain+" prints it", ""
		}
		return l
	}
	l.Seen = a.Records
	same := len(a.Records) == 1 && sameKey(a.Records[0], k.Text)
	l.found(same, k.Selector+choose(same, "", " is another key than the one that signs, or not whole"), "replace it: sealpost dns records "+c.Domain+" prints it")
	return l
}

// sameKey compares what counts of two key records: algorithm and key, in any spelling.
func sameKey(a, b string) bool {
	x, y := tags(a), tags(b)
	return x["p"] == y["p"] && orElse(x["k"], "rsa") == orElse(y["k"], "rsa")
}

// tags are those of a list (RFC 6376, section 3.2), without any white space.
func tags(record string) map[string]string {
	all := map[string]string{}
	for part := range strings.SplitSeq(record, ";") {
		name, value, _ := strings.Cut(part, "=")
		all[strings.TrimSpace(name)] = strings.Join(strings.Fields(value), "")
	}
	return all
}

func (c dnsCheck) noKeys(context.Context) looked {
	l := want("DKIM", record{"_domainkey." + c.Domain, "TXT", ""}, true)
	l.Verdict, l.Text, l.Fix = missing, "no key signs for this domain", "sealpost domain add "+c.Domain+" makes keys"
	return l
}

// dmarc: what others do with forgeries.
func (c dnsCheck) dmarc(ctx context.Context) looked {
	l := want("DMARC", c.policy()[0], true)
	texts, err := c.texts(ctx, l.Name, "v=dmarc1")
	if !l.answered(err) {
		return l
	}
	l.Seen = texts
	rec, ok := dmarc.ParseRecord(texts[0])
	switch {
	case len(texts) > 1:
		l.found(false, strings.Join(texts, " | "), "there are two records, and so none counts: remove one")
	case !ok || rec.Broken:
		l.found(false, texts[0], "")
		l.say("this is no policy: replace it with", l.record())
	default:
		l.found(true, texts[0], "")
		if rec.Policy == "none" || rec.Policy == "" {
			l.Fix = "forgeries are let through: make it p=quarantine, and p=reject later"
		} else if len(rec.RUA) == 0 {
			l.Fix = "nobody gets reports: add rua=" + c.reportTo()
		}
	}
	return l
}

// tlsReports: whom other servers tell of trouble with TLS (RFC 8460).
func (c dnsCheck) tlsReports(ctx context.Context) looked {
	l := want("TLS-RPT", record{"_smtp._tls." + c.Domain, "TXT", "v=TLSRPTv1; rua=" + c.reportTo()}, false)
	texts, err := c.texts(ctx, l.Name, "v=tlsrptv1")
	if !l.answered(err) {
		return l
	}
	l.Seen = texts
	ok := len(texts) == 1 && strings.Contains(texts[0], "rua=")
	if l.found(ok, strings.Join(texts, " | "), ""); !ok {
		l.say("there must be one such record, with rua=:", l.record())
	}
	return l
}

// srv: where mail programs find a service (RFC 6186, RFC 8314).
func (c dnsCheck) srv(ctx context.Context, r record) looked {
	service, _, _ := strings.Cut(r.Name, ".")
	l := want(strings.TrimPrefix(service, "_"), r, false)
	a, err := c.dns.SRV(ctx, r.Name)
	if !l.answered(err) {
		return l
	}
	port := strings.Fields(r.Value)[2]
	here := false
	for _, s := range a.Records {
		l.Seen = append(l.Seen, fmt.Sprintf("%d %d %d %s", s.Priority, s.Weight, s.Port, s.Target))
		here = here || s.Target == c.Host && fmt.Sprint(s.Port) == port
	}
	if l.found(here, strings.Join(l.Seen, ", "), ""); !here {
		l.say("replace it with", r)
	}
	return l
}

// leadsHere: a name that is an alias of the server, or has the same addresses.
func (c dnsCheck) leadsHere(ctx context.Context, r record) looked {
	sub, _, _ := strings.Cut(r.Name, ".")
	l := want(sub, r, false)
	a, err := c.dns.IP(ctx, r.Name)
	if !l.answered(err) {
		return l
	}
	host, err := c.dns.IP(ctx, c.Host)
	if err != nil && !errors.Is(err, dns.ErrNotFound) {
		l.answered(err)
		return l
	}
	here := a.Name == c.Host
	for _, ip := range a.Records {
		l.Seen = append(l.Seen, ip.String())
		here = here || slices.Contains(host.Records, ip)
	}
	if l.found(here, strings.Join(l.Seen, ", "), ""); !here {
		l.say("it leads elsewhere: replace it with", r)
	}
	return l
}
