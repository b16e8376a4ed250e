// Package spf asks whether a client may send for a domain (RFC 7208). It stands
// on blitiri.com.ar/go/spf, which evaluates records, and is strict in its place
// about what a record may say.
//
// It never knows the mail, nor what its answer is used for.
//
// Invariants: a record with a syntax error anywhere is permerror, even behind a
// term that matches; at most ten terms that ask, two answers that are void and
// MaxQuestions questions in all; a DNS failure is temperror, never fail.
package spf

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"

	library "blitiri.com.ar/go/spf"
	"golang.org/x/net/idna"
)

// MaxQuestions is how often one check may ask, the names of mail exchangers and
// of the client included, which RFC 7208 bounds to ten a term only.
const MaxQuestions = 60

// Resolver has the methods of net.Resolver; dns.ForSPF is one. Absence is a
// *net.DNSError with IsNotFound, a failure one with IsTemporary.
type Resolver = library.DNSResolver

// Check evaluates the record of domain for a mail of local@domain, or with an
// empty local part for postmaster@domain. The result is a word of RFC 8601,
// section 2.7.2, the reason is in words of ours and holds no names.
func Check(ctx context.Context, r Resolver, ip netip.Addr, helo, local, domain string) (result, reason string) {
	ascii, ok := hostname(domain)
	if !ok {
		return "none", "no domain name to ask for" // RFC 7208, section 4.3
	}
	if local == "" {
		local = "postmaster"
	}
	// The library cuts at the first @, so none may stand in the local part. Only
	// macros would show it.
	sender := strings.ReplaceAll(local, "@", "=") + "@" + ascii
	client := net.IP(ip.Unmap().AsSlice())
	asked := &strict{Resolver: r}
	found, err := library.CheckHostWithSender(client, helo, sender, library.WithContext(ctx), library.WithResolver(asked))
	return conclude(ctx, asked, string(found), err)
}

// conclude tells what the record says from what we could not find out.
func conclude(ctx context.Context, asked *strict, result string, err error) (string, string) {
	var dnsErr *net.DNSError
	switch {
	case ctx.Err() != nil:
		return "temperror", "no time left"
	case asked.count > MaxQuestions:
		return "permerror", "too many questions"
	case result == "permerror" && asked.malformed:
		return result, "syntax error in a record"
	case errors.As(err, &dnsErr):
		if result == "temperror" {
			return result, "the DNS did not answer"
		}
		return result, ""
	case err != nil:
		return result, err.Error()
	}
	return result, ""
}

// hostname is a domain in ASCII that DNS could hold: several labels, no literal.
func hostname(s string) (string, bool) {
	if s = strings.TrimSuffix(s, "."); len(s) > 1000 {
		return "", false // Punycode takes the square of the length
	}
	if ascii, err := idna.Lookup.ToASCII(s); err == nil {
		s = ascii
	}
	if len(s) > 253 || !strings.Contains(s, ".") {
		return "", false
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || strings.ContainsFunc(label, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '[' || r == ']' }) {
			return "", false
		}
	}
	return s, true
}
