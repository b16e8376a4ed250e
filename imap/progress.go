package imap

import (
	"strconv"
	"time"

	"sealpost/imap/wire"
)

// progressEvery is how often a client hears of a command that takes long.
const progressEvery = 5 * time.Second

// progress is INPROGRESS (RFC 9585): who waits long is told that it goes on.
type progress struct {
	session *session
	tag     string
	told    time.Time
}

func (s *session) progress(tag string) *progress {
	return &progress{session: s, tag: tag, told: s.server.Now()}
}

// done tells how far a command is, if it was quiet for long.
func (p *progress) done(some, all int) {
	if p == nil { // no command is under way
		return
	}
	now := p.session.server.Now()
	if now.Sub(p.told) < progressEvery {
		return
	}
	p.told = now
	code := string(wire.AppendQuoted(nil, p.tag)) + " " + strconv.Itoa(some) + " " + strconv.Itoa(all)
	p.session.wire.Str("* OK [INPROGRESS (" + code + ")] still at it\r\n")
	p.session.wire.Flush()
}
