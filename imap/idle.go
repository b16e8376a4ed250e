package imap

import (
	"errors"
	"strings"
	"time"

	"sealpost/imap/wire"
)

// idle is IDLE (RFC 2177). What is new is told at once, beginning with what
// became new before the command: the first look comes after the subscription.
// It goes on in stir.
func (s *session) idle(r *request) error {
	if !r.Args.End() {
		return bad("IDLE takes no argument")
	}
	r.answered = true
	s.wire.Str("+ idling\r\n")
	s.idling, s.idleUntil = r.Tag, time.Now().Add(s.server.Limits.Idle)
	_ = s.tell(true, false) // logged where it was classified; the next look may do better
	return nil
}

// stir tells an idling client what is new, or hears it end the IDLE.
func (s *session) stir(nudged bool) {
	if nudged {
		s.hear(true)
		_ = s.tell(true, false)
		return
	}
	r := &request{Command: wire.Command{Tag: s.idling, Name: "IDLE"}}
	s.idling = ""
	line, err := s.wire.ReadLine(nil, wire.LobbyCommand)
	switch {
	case errors.Is(err, wire.ErrTooBig):
		s.wire.Goodbye("expected DONE")
	case err == nil && !strings.EqualFold(string(line), "DONE"):
		err = bad("expected DONE")
	}
	if !s.wire.Over() {
		s.answer(r, commands[r.Name], err)
	}
}
