package imap

import (
	"errors"
	"strconv"
	"strings"

	"sealpost/imap/wire"
	"sealpost/mailstore"
)

// copy is COPY (RFC 9051, section 6.4.7) with COPYUID (RFC 4315).
func (s *session) copy(r *request) error {
	to, uids, err := s.copyArgs(r)
	if err != nil || len(uids) == 0 {
		return s.fault("copy", err)
	}
	e, err := s.apply(mailstore.Copy{From: s.box.id, To: to.ID, UIDs: uids})
	if err != nil {
		return s.fault("copy", err)
	}
	s.put(e)
	r.code = copied(e)
	return nil
}

// copyArgs reads what COPY and MOVE have: set SP mailbox.
func (s *session) copyArgs(r *request) (to mailstore.Mailbox, uids []mailstore.UID, err error) {
	p := &r.Args
	spans, err := s.places(p, r.UID)
	if err != nil {
		return to, nil, err
	}
	ok := p.Space()
	name, named := p.Box(s.wire.UTF8)
	if !ok || !named || !p.End() {
		return to, nil, bad("expected " + r.name() + " set mailbox")
	}
	if to, err = s.target(name); err != nil {
		return to, nil, err
	}
	return to, s.box.uids(spans), nil
}

// target finds the mailbox to put messages into; a client may make a missing
// one and try again.
func (s *session) target(name string) (mailstore.Mailbox, error) {
	box, err := s.mailbox(name)
	if errors.Is(err, mailstore.ErrNoMailbox) {
		return box, no("TRYCREATE", "no such mailbox")
	}
	return box, err
}

// copied says which UIDs came from which: both sets are ascending, for the
// order of UIDs is kept. It is empty when nothing was copied.
func copied(e mailstore.Event) string {
	if len(e.UIDs) == 0 {
		return ""
	}
	return "COPYUID " + strconv.FormatUint(uint64(e.Valid), 10) + " " + uidSet(e.Sources) + " " + uidSet(e.UIDs)
}

// uidSet writes UIDs of ours, ascending, as a set.
func uidSet(uids []mailstore.UID) string {
	var b strings.Builder
	wire.WriteRuns(&b, len(uids), func(i int) uint32 { return uint32(uids[i]) })
	return b.String()
}
