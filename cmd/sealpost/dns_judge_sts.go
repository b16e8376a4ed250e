package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"sealpost/smtp/dns"
)

// sts: that there is a policy, and which (RFC 8461, section 3.1).
func (c dnsCheck) sts(ctx context.Context) looked {
	l := want("MTA-STS", record{"_mta-sts." + c.Domain, "TXT", "v=STSv1; id=" + c.stsID()}, false)
	texts, err := c.texts(ctx, l.Name, "v=stsv1")
	if !l.answered(err) {
		return l
	}
	l.Seen = texts
	text := strings.Join(texts, " | ")
	switch {
	case len(texts) > 1:
		l.found(false, text, "there are two records, and so none counts: remove one")
	case tags(texts[0])["id"] != c.stsID():
		l.found(false, text, "")
		l.say("the policy is another now, and who knows the old one asks again only when the id changes:", l.record())
	default:
		l.found(true, text, "")
	}
	return l
}

// stsPolicy: the policy itself, as other servers fetch it. One that does not name
// this server keeps mail away.
func (c dnsCheck) stsPolicy(ctx context.Context) looked {
	at := "https://mta-sts." + c.Domain + "/.well-known/mta-sts.txt"
	l := looked{What: "policy", Name: at, Type: "HTTPS", Wanted: "mode: " + c.STS.Mode + ", mx: " + c.Host}
	text, err := c.fetch(ctx, at)
	if err != nil {
		l.Verdict, l.Text = missing, fmt.Sprintf("%s cannot be fetched: %v", at, shortly(err))
		if errors.Is(err, dns.ErrNotFound) {
			l.Text = "mta-sts." + c.Domain + " has no address"
		}
		l.say("it needs a certificate for that name, and", record{"mta-sts." + c.Domain, "CNAME", c.Host + "."})
		return l
	}
	mode, names := readPolicy(text)
	l.Seen = []string{"mode: " + mode + ", mx: " + strings.Join(names, " ")}
	here := slices.ContainsFunc(names, func(pattern string) bool { return covers(pattern, c.Host) })
	l.Needed = mode == "enforce" && !here
	l.found(mode == c.STS.Mode && here, l.Seen[0]+fmt.Sprintf(" for %s", brief(c.STS.Age)),
		"this server publishes "+l.Wanted+"; another machine answers for mta-sts."+c.Domain)
	if l.Verdict == differs {
		l.Text = l.Seen[0]
	}
	return l
}

// readPolicy reads the lines that count of a policy (RFC 8461, section 3.2).
func readPolicy(text string) (mode string, mx []string) {
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(line, ":")
		switch value = strings.TrimSpace(value); strings.TrimSpace(key) {
		case "mode":
			mode = value
		case "mx":
			mx = append(mx, strings.ToLower(value))
		}
	}
	return mode, mx
}

// covers says whether a pattern names a host: itself, or "*." and one label.
func covers(pattern, host string) bool {
	if rest, ok := strings.CutPrefix(pattern, "*."); ok {
		_, parent, _ := strings.Cut(host, ".")
		return parent == rest
	}
	return pattern == host
}
