package imap

import (
	"strings"

	"sealpost/mailstore"
)

// create is CREATE (RFC 9051, section 6.3.4) with CREATE-SPECIAL-USE (RFC 6154).
func (s *session) create(r *request) error {
	p := &r.Args
	name, ok := p.Box(s.wire.UTF8)
	if !ok {
		return bad("expected CREATE mailbox [(USE (use))]")
	}
	var uses []string
	if !p.End() {
		ok = p.Space() && p.Special("(") && p.Fold("USE") && p.Space()
		if uses, ok = useList(r, ok); !ok || !p.Special(")") || !p.End() {
			return bad("expected CREATE mailbox [(USE (use))]")
		}
	}
	change := mailstore.Create{Name: name}
	switch {
	case len(uses) > 1:
		return no("USEATTR", "a mailbox has one special use here")
	case len(uses) == 1:
		change.Use = uses[0]
	}
	if strings.ContainsAny(name, "*%") {
		return s.fault("create", mailstore.ErrName)
	}
	e, err := s.apply(change)
	if err != nil {
		return s.fault("create", err)
	}
	s.watch.created(name, e)
	r.code = "MAILBOXID (" + mailboxID(e.Box) + ")" // RFC 8474, section 4.1
	return nil
}

// useList reads the special uses that were asked for.
func useList(r *request, ok bool) (uses []string, _ bool) {
	ok = ok && r.Args.List(func() bool {
		use, ok := r.Args.Flag()
		uses = append(uses, use)
		return ok
	})
	return uses, ok
}
