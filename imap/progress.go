package imap

import (
	"strconv"
	"strings"
	"sync"
	"time"

	"sealpost/imap/wire"
)

// progress is INPROGRESS (RFC 9585): while a command works and has nothing to say, its
// client is told from time to time that it goes on, and how far it is where that is known.
type progress struct {
	session *session
	mu      sync.Mutex // the connection is the timer's while it has it, until over
	timer   *time.Timer
	over    bool
	some    int // messages of
	all     int // so many; 0: nobody knows
}

// progress begins to tell of the command that is under way. Until its end nobody else
// writes to the client.
func (s *session) progress() *progress {
	p := &progress{session: s}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.timer = time.AfterFunc(s.server.Limits.Progress, p.tell)
	return p
}

// done notes how far the command is.
func (p *progress) done(some, all int) {
	if p == nil { // nobody waits for it
		return
	}
	p.mu.Lock()
	p.some, p.all = some, all
	p.mu.Unlock()
}

// end gives the connection back.
func (p *progress) end() {
	p.mu.Lock()
	p.over = true
	p.mu.Unlock()
	p.timer.Stop()
}

func (p *progress) tell() {
	p.mu.Lock()
	defer p.mu.Unlock()
	w := p.session.wire
	if p.over || w.Over() {
		return
	}
	w.Str("* OK [INPROGRESS (" + p.detail() + ")] still at it\r\n")
	w.Flush()
	p.timer.Reset(p.session.server.Limits.Progress)
}

// detail is the tag, which a "]" would cut off, and how far the command is: what is not
// known is NIL, and what is done is not in progress (RFC 9585, section 4).
func (p *progress) detail() string {
	tag, state := "NIL", "NIL NIL"
	if t := p.session.tag; t != "" && !strings.Contains(t, "]") {
		tag = string(wire.AppendQuoted(nil, t))
	}
	if p.some < p.all {
		state = strconv.Itoa(p.some) + " " + strconv.Itoa(p.all)
	}
	return tag + " " + state
}
