package dmarc

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/net/idna"

	"sealpost/smtp/dns"
)

// maxLabels is where the shortcut of the tree walk begins (section 4.10): however
// long a name is, eight questions are asked at most.
const maxLabels = 8

// walker asks for records, each name once.
type walker struct {
	dns   *dns.Resolver
	known map[string]answer
}

type answer struct {
	record Record
	found  bool
	err    error
}

// found is a record and where it stands.
type found struct {
	domain string
	record Record
}

// record asks for the one record of domain. Several are as good as none.
func (w *walker) record(ctx context.Context, domain string) (Record, bool, error) {
	if a, ok := w.known[domain]; ok {
		return a.record, a.found, a.err
	}
	a := w.ask(ctx, domain)
	w.known[domain] = a
	return a.record, a.found, a.err
}

func (w *walker) ask(ctx context.Context, domain string) (a answer) {
	txt, err := w.dns.TXT(ctx, "_dmarc."+domain)
	if errors.Is(err, dns.ErrNotFound) {
		return answer{}
	}
	if err != nil {
		return answer{err: fmt.Errorf("ask for a DMARC record: %w", err)}
	}
	n := 0
	for _, s := range txt.Records {
		if rec, ok := ParseRecord(s); ok {
			a.record, a.found = rec, true
			n++
		}
	}
	if n > 1 {
		return answer{}
	}
	return a
}

// walk collects the records from domain up to the root, the longest name first. It
// ends early where a record says what it stands at.
func (w *walker) walk(ctx context.Context, domain string) ([]found, error) {
	var all []found
	for _, name := range steps(domain) {
		rec, ok, err := w.record(ctx, name)
		if err != nil {
			return all, err
		}
		if !ok {
			continue
		}
		all = append(all, found{name, rec})
		if rec.PSD != "u" {
			break
		}
	}
	return all, nil
}

// steps are the names a walk visits.
func steps(domain string) []string {
	names := []string{domain}
	labels := strings.Split(domain, ".")
	for n := min(len(labels), maxLabels) - 1; n > 0; n-- {
		names = append(names, last(labels, n))
	}
	return names
}

func last(labels []string, n int) string {
	return strings.Join(labels[len(labels)-n:], ".")
}

// organization selects the organizational domain of domain from what its walk
// found (section 4.10.2).
func organization(domain string, all []found) string {
	for _, f := range all {
		switch {
		case f.record.PSD == "n":
			return f.domain
		case f.record.PSD == "y" && f.domain != domain:
			labels := strings.Split(domain, ".")
			return last(labels, strings.Count(f.domain, ".")+2)
		}
	}
	if len(all) > 0 {
		return all[len(all)-1].domain
	}
	return domain
}

// Organization finds the organizational domain of domain by a walk of its own. The
// error is of the DNS, and temporary.
func Organization(ctx context.Context, r *dns.Resolver, domain string) (string, error) {
	d, ok := canonical(domain)
	if !ok {
		return domain, nil
	}
	w := walker{dns: r, known: make(map[string]answer)}
	all, err := w.walk(ctx, d)
	return organization(d, all), err
}

// canonical makes A-labels in lower case of a name (section 5.3.1). It refuses
// what is no domain name, address literals too.
func canonical(name string) (string, bool) {
	name = strings.TrimSuffix(name, ".")
	if a, err := idna.Lookup.ToASCII(name); err == nil {
		name = a
	}
	name = strings.ToLower(name)
	bad := func(label string) bool { return label == "" || len(label) > 63 }
	odd := func(c rune) bool { return c <= ' ' || c > '~' || strings.ContainsRune("[]@\"\\()<>,;:", c) }
	if len(name) > 253 || strings.ContainsFunc(name, odd) || slices.ContainsFunc(strings.Split(name, "."), bad) {
		return "", false
	}
	return name, true
}
