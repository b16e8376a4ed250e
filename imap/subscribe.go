package imap

import (
	"strings"

	"sealpost/mailstore"
)

// subscribe and unsubscribe are SUBSCRIBE and UNSUBSCRIBE (RFC 9051, sections
// 6.3.7 and 6.3.8). The mailbox need not be there.
func (s *session) subscribe(r *request) error { return s.subscription(r, true) }

func (s *session) unsubscribe(r *request) error { return s.subscription(r, false) }

func (s *session) subscription(r *request, on bool) error {
	name, ok := r.Args.Box(s.wire.UTF8)
	if !ok || !r.Args.End() {
		return bad("expected " + r.Name + " mailbox")
	}
	name = strings.TrimSuffix(name, delimiter)
	_, err := s.apply(mailstore.Subscribe{Name: name, On: on})
	if err == nil {
		s.watch.followed(name, on)
	}
	return s.fault("subscribe", err)
}
