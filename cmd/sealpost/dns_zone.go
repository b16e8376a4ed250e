package main

import (
	"bytes"
	"cmp"
	"crypto/x509"
	"fmt"
	"strings"
	"time"
)

// A record is one line of a zone file.
type record struct {
	Name  string // A-labels, no last dot
	Type  string
	Value string // as in a zone file; of TXT its text, without quotes
}

// A topic is a group of records and why they are wanted.
type topic struct {
	Why     string
	Records []record
	Open    bool // to be filled in first: a zone has them as comments
}

// topics are all records of a domain, in the order of its zone file.
func (p plan) topics() []topic {
	return []topic{
		{Why: "Mail for the domain comes to this server.", Records: p.wayIn()},
		p.senders(),
		{Why: "What this server sends is signed with these keys (DKIM).", Records: p.signatures()},
		{Why: "Mail that is neither is forged, and reports of it are wanted (DMARC). Once\nthese name no sender of yours, p=reject is better.", Records: p.policy()},
		{Why: "Mail is to come encrypted to who can prove to be this server (MTA-STS), and\nreports of trouble with that are wanted (TLS-RPT).", Records: p.transport()},
		{Why: "The same, proved by DNSSEC (DANE): only where the zone is signed.", Records: p.dane()},
		{Why: "Nobody else issues certificates for the server.", Records: p.issuers()},
		{Why: "Mail programs find their servers, and other people your public keys.", Records: p.services()},
	}
}

func (p plan) wayIn() []record {
	all := []record{{p.Domain, "MX", "10 " + p.Host + "."}}
	if p.HostHere {
		all = append(all, p.host()...)
	}
	return all
}

// selfMade says that nobody vouches for a certificate: it will be replaced by one with
// another key, and a TLSA record that stays behind keeps mail away.
func selfMade(c *x509.Certificate) bool { return bytes.Equal(c.RawIssuer, c.RawSubject) }

// host is where the server is.
func (p plan) host() (all []record) {
	for _, ip := range p.Addresses {
		kind := "A"
		if ip.Is6() {
			kind = "AAAA"
		}
		all = append(all, record{p.Host, kind, ip.String()})
	}
	return all
}

// senders are who may send. What stands there for a relay only its provider knows.
func (p plan) senders() topic {
	if p.Relay != "" {
		return topic{"Mail of the domain leaves by " + p.Relay + ". Its provider says\nwhat to put in place of PROVIDER; without the semicolon then (SPF).", []record{p.spf()}, true}
	}
	all := []record{p.spf()}
	if p.HostHere && p.Host != p.Domain {
		all = append(all, record{p.Host, "TXT", "v=spf1 a -all"})
	}
	return topic{Why: "This server sends mail of the domain, and nobody else does (SPF).", Records: all}
}

func (p plan) spf() record {
	return record{p.Domain, "TXT", choose(p.Relay == "", "v=spf1 mx -all", "v=spf1 mx include:PROVIDER ~all")}
}

func (p plan) signatures() (all []record) {
	for _, k := range p.Keys {
		all = append(all, record{k.Selector + "._domainkey." + p.Domain, "TXT", k.Text})
	}
	return all
}

func (p plan) policy() []record {
	return []record{{"_dmarc." + p.Domain, "TXT", "v=DMARC1; p=quarantine; rua=" + p.reportTo()}}
}

func (p plan) transport() []record {
	all := []record{{"_smtp._tls." + p.Domain, "TXT", "v=TLSRPTv1; rua=" + p.reportTo()}}
	if p.STS.Mode == "none" || p.Ports.HTTPS == 0 {
		return all
	}
	return append([]record{
		{"_mta-sts." + p.Domain, "TXT", "v=STSv1; id=" + p.stsID()},
		{"mta-sts." + p.Domain, "CNAME", p.Host + "."},
	}, all...)
}

func (p plan) dane() (all []record) {
	if !p.HostHere {
		return nil
	}
	for _, c := range p.Certs {
		if !selfMade(c[0]) {
			all = append(all, record{"_25._tcp." + p.Host, "TLSA", tlsa(c[0])})
		}
	}
	return all
}

// issuers bind the name of the server, to which its other names lead by CNAME (RFC 8659,
// section 3). The rest of the domain may have a web site with another authority.
func (p plan) issuers() []record {
	if p.Authority == "" || !p.HostHere {
		return nil
	}
	return []record{p.caa()}
}

func (p plan) caa() record { return record{p.Host, "CAA", fmt.Sprintf("0 issue %q", p.Authority)} }

func (p plan) services() (all []record) {
	for _, s := range []struct {
		name string
		port int
	}{
		{"_imaps", p.Ports.IMAPS}, {"_submissions", p.Ports.SMTPS}, {"_submission", p.Ports.Submission}, {"_autodiscover", p.Ports.HTTPS},
	} {
		if s.port != 0 {
			all = append(all, record{s.name + "._tcp." + p.Domain, "SRV", fmt.Sprintf("0 1 %d %s.", s.port, p.Host)})
		}
	}
	if p.Ports.HTTPS != 0 {
		all = append(all, record{"autoconfig." + p.Domain, "CNAME", p.Host + "."}, record{"openpgpkey." + p.Domain, "CNAME", p.Host + "."})
	}
	return all
}

// zone is the text of a zone file (RFC 1035, section 5) with all records.
func (p plan) zone(now time.Time) string {
	var b strings.Builder
	fmt.Fprintf(&b, "; What the zone of %s needs for mail, by sealpost on %s.\n", p.Domain, day(now))
	fmt.Fprintf(&b, "; Add this to what is there. Only these are replaced, if they are there: the MX\n"+
		"; and SPF records, what stands at _dmarc, _mta-sts and _smtp._tls, and other\n; addresses of %s.\n", p.Host)
	fmt.Fprintf(&b, "$ORIGIN %s.\n$TTL 3600\n", p.Domain)
	for _, t := range p.topics() {
		if len(t.Records) == 0 {
			continue
		}
		b.WriteString("\n; " + strings.ReplaceAll(t.Why, "\n", "\n; ") + "\n")
		for _, r := range t.Records {
			fmt.Fprintf(&b, "%s%-*s IN %-5s %s\n", choose(t.Open, "; ", ""), p.widest(t), r.relative(p.Domain), r.Type, r.value())
		}
	}
	for _, line := range p.elsewhere() {
		if line == "" {
			b.WriteString("\n")
			continue
		}
		b.WriteString("; " + line + "\n")
	}
	return b.String()
}

// elsewhere is what does not stand in this zone, or not yet.
func (p plan) elsewhere() (lines []string) {
	if len(p.Addresses) == 0 && p.HostHere {
		lines = append(lines, "", p.Host+" needs an A record, and an AAAA record if it has IPv6: the public", "address of this server, which it cannot see itself.")
	}
	switch {
	case p.HostHere:
	case p.HostZone != "":
		lines = append(lines, "", p.Host+" stands in the zone of "+p.HostZone+".")
	default:
		lines = append(lines, p.strange()...)
	}
	if p.HostHere && len(p.Certs) > 0 && len(p.dane()) == 0 {
		lines = append(lines, "", "The certificate is self-signed. Only if it is to stay, and the zone is signed:")
		for _, c := range p.Certs {
			lines = append(lines, "_25._tcp."+p.Host+". IN TLSA "+tlsa(c[0]))
		}
	}
	if len(p.Certs) == 0 && p.Authority != "" {
		lines = append(lines, "", "The TLSA record follows when there is a certificate: sealpost dns records.")
	}
	for _, ip := range p.Addresses {
		if ip.Told {
			lines = append(lines, "", ip.String()+" is what the DNS says of "+p.Host+" today.", "This machine cannot see whether it leads here: correct it if it does not.")
		}
	}
	if len(p.Addresses) > 0 {
		lines = append(lines, "", "At the provider of this machine, not in a zone: the reverse DNS of")
		for _, ip := range p.Addresses {
			lines = append(lines, "  "+ip.String()+" is "+p.Host)
		}
	}
	return lines
}

// strange are the records of a host in a zone of others.
func (p plan) strange() []string {
	lines := []string{"", p.Host + " stands in another zone, which needs:"}
	for _, r := range append(p.host(), record{p.Host, "TXT", "v=spf1 a -all"}) {
		lines = append(lines, r.String())
	}
	for _, c := range p.Certs {
		if !selfMade(c[0]) {
			lines = append(lines, record{"_25._tcp." + p.Host, "TLSA", tlsa(c[0])}.String())
		}
	}
	if p.Authority != "" {
		lines = append(lines, p.caa().String())
	}
	return lines
}

// widest is how wide the names of a topic are.
func (p plan) widest(t topic) (n int) {
	for _, r := range t.Records {
		n = max(n, len(r.relative(p.Domain)))
	}
	return n
}

// relative is a record's name below an origin.
func (r record) relative(origin string) string {
	return cmp.Or(strings.TrimSuffix(strings.TrimSuffix(r.Name, origin), "."), "@")
}

// value is a record's data as a zone file has it.
func (r record) value() string {
	if r.Type == "TXT" {
		return quotedText(r.Value)
	}
	return r.Value
}

// String is a record on a line of its own, to be added as it stands.
func (r record) String() string { return r.Name + ". IN " + r.Type + " " + r.value() }

// longestString is what one string of a TXT record holds (RFC 1035, section 3.3).
const longestString = 255

// quotedText splits a text into strings.
func quotedText(text string) string {
	escaped := strings.NewReplacer(`\`, `\\`, `"`, `\"`)
	if len(text) <= longestString {
		return `"` + escaped.Replace(text) + `"`
	}
	var parts []string
	for len(text) > 0 {
		n := min(longestString, len(text))
		parts, text = append(parts, `"`+escaped.Replace(text[:n])+`"`), text[n:]
	}
	return "( " + strings.Join(parts, "\n    ") + " )"
}
