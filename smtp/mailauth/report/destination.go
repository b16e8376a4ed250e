package report

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"sealpost/mail"
	"sealpost/smtp/dns"
	"sealpost/smtp/mailauth/dmarc"
)

const maxDestinations = 5

// Destinations says where reports about a policy domain go: mailto URIs whose
// domain belongs to the same organization, or agreed to get them (RFC 9990, section
// 4). An error is of the DNS: try again later.
func Destinations(ctx context.Context, r *dns.Resolver, policyDomain string, rua []string) ([]mail.Address, error) {
	home, err := dmarc.Organization(ctx, r, policyDomain)
	if err != nil {
		return nil, fmt.Errorf("find the organization of a policy: %w", err)
	}
	var list []mail.Address
	for _, u := range rua {
		a, ok := mailto(u)
		if !ok || len(list) >= maxDestinations {
			continue
		}
		agreed, err := agreed(ctx, r, home, policyDomain, a)
		if err != nil {
			return nil, err
		}
		for _, a := range agreed[:min(len(agreed), maxDestinations-len(list))] {
			if !contains(list, a) {
				list = append(list, a)
			}
		}
	}
	return list, nil
}

func contains(list []mail.Address, a mail.Address) bool {
	for _, b := range list {
		if a.Key() == b.Key() {
			return true
		}
	}
	return false
}

// agreed is a, or what its domain wants instead, or nothing.
func agreed(ctx context.Context, r *dns.Resolver, home, policyDomain string, a mail.Address) ([]mail.Address, error) {
	org, err := dmarc.Organization(ctx, r, a.Domain)
	if err != nil {
		return nil, fmt.Errorf("find the organization of a report's reader: %w", err)
	}
	if org == home {
		return []mail.Address{a}, nil
	}
	txt, err := r.TXT(ctx, policyDomain+"._report._dmarc."+a.Domain)
	if errors.Is(err, dns.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("ask whether a report is wanted: %w", err)
	}
	return instead(txt.Records, a), nil
}

// instead reads the records of a report's reader. One that points to another
// domain again makes the whole agreement void.
func instead(records []string, a mail.Address) []mail.Address {
	agreed, list := false, []mail.Address(nil)
	for _, s := range records {
		rec, ok := dmarc.ParseRecord(s)
		if !ok {
			continue
		}
		agreed = true
		for _, u := range rec.RUA {
			other, ok := mailto(u)
			if !ok {
				continue
			}
			if !strings.EqualFold(other.Domain, a.Domain) {
				return nil
			}
			list = append(list, other)
		}
	}
	if agreed && len(list) == 0 {
		return []mail.Address{a}
	}
	return list
}

// mailto reads mailto:address (RFC 6068), whose fields are not used. More than one
// address would be a list, which nobody publishes.
func mailto(s string) (mail.Address, bool) {
	u, err := url.Parse(s)
	if err != nil || !strings.EqualFold(u.Scheme, "mailto") {
		return mail.Address{}, false
	}
	text, err := url.PathUnescape(u.Opaque)
	if err != nil {
		return mail.Address{}, false
	}
	a, err := mail.ParseAddress(text)
	return a, err == nil && a.Domain != "" && !strings.HasPrefix(a.Domain, "[")
}
