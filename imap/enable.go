package imap

import (
	"strings"

	"sealpost/mailstore"
)

// enables is what ENABLE turns on (RFC 5161).
var enables = map[string]func(*session){
	"IMAP4REV2":   (*session).speakRev2,
	"UTF8=ACCEPT": func(s *session) { s.wire.UTF8 = true },
	"CONDSTORE":   (*session).followModseqs,
	"QRESYNC": func(s *session) {
		s.enabled.qresync = true
		s.followModseqs()
	},
	"UIDONLY": func(s *session) {
		s.enabled.uidOnly = true
		s.endNumbered()
	},
}

// spelled is how we write the names of those whose case matters to some.
var spelled = map[string]string{"IMAP4REV2": "IMAP4rev2"}

// enable is ENABLE. What is not known is passed over (RFC 5161, section 3.1).
func (s *session) enable(r *request) error {
	p := &r.Args
	var on []string
	var turns []func(*session)
	for {
		word, ok := p.Word()
		if !ok {
			return bad("expected ENABLE capability ...")
		}
		if turn, known := enables[word]; known {
			turns = append(turns, turn)
			if spelled[word] != "" {
				word = spelled[word]
			}
			on = append(on, word)
		}
		if p.End() {
			break
		}
		if !p.Space() {
			return bad("expected ENABLE capability ...")
		}
	}
	s.wire.Str(strings.TrimRight("* ENABLED "+strings.Join(on, " "), " ") + "\r\n")
	for _, turn := range turns { // what it makes us say comes behind ENABLED
		turn(s)
	}
	return nil
}

// speakRev2 is IMAP4rev2 (RFC 9051), which has no \Recent.
func (s *session) speakRev2() {
	s.enabled.rev2, s.wire.UTF8 = true, true
	if s.box != nil {
		s.box.recent, s.box.recentTold = mailstore.UIDSet{}, 0
	}
}
