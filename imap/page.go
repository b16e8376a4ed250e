package imap

import (
	"sealpost/filestore"
	"sealpost/mailstore"
	"sealpost/pgp"
)

// gatherBytes is how much of letters is read at once and held while their mails are
// written. One mail may be larger: then it is read piece by piece.
const gatherBytes = 128 << 10

// page is some neighbouring messages as they were read, and what is open of them.
type page struct {
	lines   []mailstore.Line
	bodies  []body
	octets  []byte             // of the lines, one after the other
	letters []mailstore.Stored // likewise
	ids     []filestore.ID
	wanting []int // places of those whose letters are ids
}

func (p *page) clear() {
	p.lines, p.bodies, p.octets, p.letters = p.lines[:0], p.bodies[:0], p.octets[:0], p.letters[:0]
}

// add keeps a line beyond the next one.
func (p *page) add(l *mailstore.Line) {
	p.lines = append(p.lines, *l)
	m := &p.lines[len(p.lines)-1].Mail
	m.Outer, m.Envelope = p.keep(m.Outer), p.keep(m.Envelope)
	start := len(p.letters)
	p.letters = append(p.letters, m.Letters...)
	m.Letters = p.letters[start:len(p.letters):len(p.letters)]
	p.bodies = append(p.bodies, body{})
}

func (p *page) keep(b []byte) []byte {
	start := len(p.octets)
	p.octets = append(p.octets, b...)
	return p.octets[start:len(p.octets):len(p.octets)]
}

// close gives back what is open.
func (p *page) close() {
	for _, i := range p.wanting {
		p.bodies[i].close()
	}
	p.wanting, p.ids = p.wanting[:0], p.ids[:0]
}

// gather prepares the messages from lo on, as many as one read of their letters is
// worth, and says where it stopped.
func (f *fetch) gather(lo int) (hi int) {
	p := &f.page
	size := int64(0)
	for hi = lo; hi < len(p.lines) && size < gatherBytes; hi++ {
		m, b := &p.lines[hi].Mail, &p.bodies[hi]
		f.prepare(b, m)
		if letter := messageLetter(m); b.err == nil && b.reading == nil && f.needsLetter(b) {
			p.ids, p.wanting = append(p.ids, letter.ID), append(p.wanting, hi)
			size += letter.Size
		}
	}
	if len(p.ids) > 0 {
		for i, o := range filestore.OpenAll(f.session.ctx, f.session.server.Store.Blobs, p.ids) {
			p.bodies[p.wanting[i]].take(o)
		}
	}
	return hi
}

// messageLetter is the letter that is served, or nil.
func messageLetter(m *mailstore.Mail) *mailstore.Stored {
	for i := range m.Letters {
		if m.Letters[i].Kind == pgp.KindMessage {
			return &m.Letters[i]
		}
	}
	return nil
}
