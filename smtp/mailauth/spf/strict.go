package spf

import (
	"context"
	"net"
	"strings"
)

// strict stands between the library and the resolver: it counts questions, and
// shows the library a record with a syntax error as one that has nothing else.
type strict struct {
	Resolver
	count     int
	malformed bool // a record with a syntax error was seen
}

// unreadable is a record that the library gives permerror for.
const unreadable = "v=spf1 !"

func (s *strict) LookupTXT(ctx context.Context, name string) ([]string, error) {
	if err := s.ask(name); err != nil {
		return nil, err
	}
	records, err := s.Resolver.LookupTXT(ctx, name)
	shown := make([]string, len(records))
	for i, r := range records {
		switch {
		case !isRecord(r):
			shown[i] = r
		case !valid(r):
			shown[i], s.malformed = unreadable, true
		default:
			shown[i] = hideSlashes(r)
		}
	}
	return shown, err
}

// hidden stands for a slash in a domain: the grammar allows one, the library
// takes every slash for a prefix length. No valid record holds this octet.
const hidden = "\x1f"

func hideSlashes(record string) string {
	terms := strings.Split(record, " ")
	for i, term := range terms {
		if m := mechanism.FindStringSubmatchIndex(term); m != nil && m[6] >= 0 {
			terms[i] = term[:m[6]] + strings.ReplaceAll(term[m[6]:m[7]], "/", hidden) + term[m[7]:]
		}
	}
	return strings.Join(terms, " ")
}

func (s *strict) LookupMX(ctx context.Context, name string) ([]*net.MX, error) {
	if err := s.ask(name); err != nil {
		return nil, err
	}
	return s.Resolver.LookupMX(ctx, strings.ReplaceAll(name, hidden, "/"))
}

func (s *strict) LookupIPAddr(ctx context.Context, name string) ([]net.IPAddr, error) {
	if err := s.ask(name); err != nil {
		return nil, err
	}
	return s.Resolver.LookupIPAddr(ctx, strings.ReplaceAll(name, hidden, "/"))
}

func (s *strict) LookupAddr(ctx context.Context, addr string) ([]string, error) {
	if err := s.ask("client"); err != nil {
		return nil, err
	}
	return s.Resolver.LookupAddr(ctx, addr)
}

// ask counts a question. Macros may make names that DNS cannot hold: those are
// absent without a question (RFC 7208, section 4.8).
func (s *strict) ask(name string) error {
	s.count++
	switch {
	case s.count > MaxQuestions:
		return &net.DNSError{Err: "too many questions", IsTemporary: true}
	case !askable(name):
		return &net.DNSError{Err: "impossible name", IsNotFound: true}
	}
	return nil
}

func askable(name string) bool {
	name = strings.TrimSuffix(name, ".")
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 {
			return false
		}
	}
	return len(name) <= 253
}
