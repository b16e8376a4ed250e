package main

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"

	"sealpost/smtp/dns"
)

// A verdict is what became of one wanted record.
type verdict string

const (
	asWanted verdict = "ok"
	missing  verdict = "missing"
	differs  verdict = "differs"
	unknown  verdict = "unknown" // the DNS did not say
)

// looked is one record: what is wanted, what the world sees, what to do.
type looked struct {
	Part    string   `json:"of"`   // host or domain
	What    string   `json:"what"` // SPF, MX
	Name    string   `json:"name"`
	Type    string   `json:"type"`
	Wanted  string   `json:"wanted,omitempty"`
	Seen    []string `json:"seen"`
	Verdict verdict  `json:"verdict"`
	Needed  bool     `json:"needed"` // without it mail does not flow, or is not believed
	Text    string   `json:"text,omitempty"`
	Fix     string   `json:"fix,omitempty"`
	Record  string   `json:"record,omitempty"` // to be copied, after Fix
}

// A dnsCheck compares a plan with what the world sees.
type dnsCheck struct {
	plan
	world
}

// host looks at the server's own records, the same for each of its domains.
func (c dnsCheck) host(ctx context.Context) []looked {
	judges := []func(context.Context) looked{c.address, c.reverse, c.greeting}
	for i := range max(len(c.Certs), 1) {
		judges = append(judges, func(ctx context.Context) looked { return c.tlsa(ctx, i) })
	}
	return together(ctx, c.Host, append(judges, c.caa)...)
}

// domain looks at the records of one domain.
func (c dnsCheck) domain(ctx context.Context) []looked {
	judges := []func(context.Context) looked{c.mx, c.spf}
	for _, k := range c.Keys {
		judges = append(judges, func(ctx context.Context) looked { return c.dkim(ctx, k) })
	}
	if len(c.Keys) == 0 {
		judges = append(judges, c.noKeys)
	}
	judges = append(judges, c.dmarc)
	if c.STS.Mode != "none" && c.Ports.HTTPS != 0 {
		judges = append(judges, c.sts, c.stsPolicy)
	}
	judges = append(judges, c.tlsReports)
	for _, r := range c.services() {
		if r.Type == "SRV" {
			judges = append(judges, func(ctx context.Context) looked { return c.srv(ctx, r) })
		} else {
			judges = append(judges, func(ctx context.Context) looked { return c.leadsHere(ctx, r) })
		}
	}
	return together(ctx, c.Domain, judges...)
}

// together asks everything at once and keeps the order.
func together(ctx context.Context, part string, judges ...func(context.Context) looked) []looked {
	all := make([]looked, len(judges))
	var asked sync.WaitGroup
	for i, judge := range judges {
		asked.Go(func() {
			all[i] = judge(ctx)
			all[i].Part = part
			if all[i].Seen == nil {
				all[i].Seen = []string{}
			}
		})
	}
	asked.Wait()
	return slices.DeleteFunc(all, func(l looked) bool { return l.Verdict == "" })
}

// want begins a look at one record.
func want(what string, r record, needed bool) looked {
	return looked{What: what, Name: r.Name, Type: r.Type, Wanted: r.Value, Needed: needed}
}

// answered takes the error of a question; false: there is nothing to compare.
func (l *looked) answered(err error) bool {
	switch {
	case err == nil:
		return true
	case errors.Is(err, dns.ErrNotFound):
		l.Verdict, l.Text = missing, "missing"
		l.say("add", l.record())
	default:
		l.Verdict, l.Text, l.Fix = unknown, "the DNS did not answer", "try again; if it stays so, look at the name servers of the domain, and at dns.servers"
	}
	return false
}

// record is the wanted one.
func (l looked) record() record { return record{l.Name, l.Type, l.Wanted} }

// say tells what to do with a record.
func (l *looked) say(fix string, r record) { l.Fix, l.Record = fix, r.String() }

// found says that a record is well, or what is wrong with it and what to do.
func (l *looked) found(ok bool, text, fix string) {
	l.Verdict, l.Text = asWanted, text
	if !ok {
		l.Verdict, l.Fix = differs, fix
	}
}

// finding is a look in the words of a page.
func (l looked) finding() finding {
	f := finding{Part: l.Part, Name: l.What, State: well, Text: l.Text, Fix: l.Fix, Record: l.Record}
	switch {
	case l.Verdict == asWanted && l.Fix == "":
	case l.Verdict == asWanted, !l.Needed, l.Verdict == unknown:
		f.State = warn
	default:
		f.State = bad
	}
	return f
}

// lacking says whether something needed is not as it must be, or could not be seen.
func lacking(all []looked) bool {
	return slices.ContainsFunc(all, func(l looked) bool { return l.Needed && l.Verdict != asWanted })
}

// texts asks for TXT records that start with a version.
func (c dnsCheck) texts(ctx context.Context, name, version string) ([]string, error) {
	a, err := c.dns.TXT(ctx, name)
	if err != nil {
		return nil, err
	}
	all := slices.DeleteFunc(slices.Clone(a.Records), func(t string) bool {
		rest, ok := strings.CutPrefix(strings.ToLower(t), version)
		return !ok || rest != "" && !strings.ContainsAny(rest[:1], " ;\t")
	})
	if len(all) == 0 {
		return nil, dns.ErrNotFound
	}
	return all, nil
}
