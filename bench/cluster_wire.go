package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"net"
	"regexp"
	"sync"
	"time"
)

// Round trips, counted on the wire between a node and what it keeps its mail in.

// A tap passes connections on, and counts.
type tap struct {
	listener net.Listener
	to       net.Addr
	postgres bool // speaks PostgreSQL's protocol, version 3; else any in which answers follow questions
	open     sync.WaitGroup

	mu sync.Mutex
	tripsSeen
}

// tripsSeen is what a tap counted. A trip begins with the first octets of a question that is asked
// when all that was asked before has been answered, however many statements it has.
type tripsSeen struct {
	all    int
	writes int // that change or lock rows
}

func (t tripsSeen) since(before tripsSeen) tripsSeen {
	return tripsSeen{t.all - before.all, t.writes - before.writes}
}

// newTap listens on a socket or at an address, and passes on to another.
func newTap(network, address string, to net.Addr) (*tap, error) {
	l, err := net.Listen(network, address)
	if err != nil {
		return nil, err
	}
	t := &tap{listener: l, to: to}
	t.open.Go(t.accept)
	return t, nil
}

func (t *tap) close() {
	t.listener.Close()
	t.open.Wait()
}

func (t *tap) seen() tripsSeen {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.tripsSeen
}

func (t *tap) accept() {
	for {
		c, err := t.listener.Accept()
		if err != nil {
			return
		}
		t.open.Go(func() { t.carry(c) })
	}
}

func (t *tap) carry(near net.Conn) {
	defer near.Close()
	far, err := net.Dial(t.to.Network(), t.to.String())
	if err != nil {
		return
	}
	defer far.Close()
	w := &tapped{tap: t, answered: true, speech: speech{statements: map[string]bool{}}}
	var both sync.WaitGroup
	both.Go(func() { relay(far, near, w.asked); far.Close() })
	both.Go(func() { relay(near, far, w.answer); near.Close() })
	both.Wait()
}

// relay shows what passes before it does.
func relay(to io.Writer, from io.Reader, show func([]byte)) {
	b := make([]byte, 64<<10)
	for {
		n, err := from.Read(b)
		if n > 0 {
			show(b[:n])
			if _, err := to.Write(b[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// tapped is one connection.
type tapped struct {
	tap      *tap
	answered bool   // all that was asked
	wrote    bool   // in this trip
	tail     []byte // of the last answer
	speech   speech
}

func (c *tapped) asked(b []byte) {
	c.tap.mu.Lock()
	defer c.tap.mu.Unlock()
	if c.answered {
		c.answered, c.wrote = false, false
		c.tap.all++
	}
	if c.tap.postgres && c.speech.changes(b) && !c.wrote {
		c.wrote = true
		c.tap.writes++
	}
}

// readyForQuery is that message without its last octet, with which an answer of PostgreSQL ends.
var readyForQuery = []byte("Z\x00\x00\x00\x05")

func (c *tapped) answer(b []byte) {
	c.tap.mu.Lock()
	defer c.tap.mu.Unlock()
	if !c.tap.postgres {
		c.answered = true
		return
	}
	c.tail = append(c.tail, b[max(len(b)-len(readyForQuery)-1, 0):]...)
	c.tail = c.tail[max(len(c.tail)-len(readyForQuery)-1, 0):]
	c.answered = bytes.HasPrefix(c.tail, readyForQuery)
}

// speech reads what a client of PostgreSQL says.
type speech struct {
	begun      bool
	rest       []byte
	statements map[string]bool // that were prepared, and whether they change or lock rows
}

// changing finds statements that take locks of rows or write them.
var changing = regexp.MustCompile(`(?i)\b(insert into|update|delete from|for no key update|for share)\b`)

// changes reads on, and says whether something was run that changes or locks rows.
func (s *speech) changes(b []byte) (yes bool) {
	s.rest = append(s.rest, b...)
	for {
		kind, body, ok := s.message()
		if !ok {
			return yes
		}
		switch kind {
		case 'P': // Parse: name, statement
			name, text, _ := bytes.Cut(body, []byte{0})
			s.statements[string(name)] = changing.Match(text)
		case 'B': // Bind: portal, name
			_, body, _ = bytes.Cut(body, []byte{0})
			name, _, _ := bytes.Cut(body, []byte{0})
			yes = yes || s.statements[string(name)]
		case 'Q':
			yes = yes || changing.Match(body)
		}
	}
}

// message takes the next one, if it has come whole. The first ones have no kind.
func (s *speech) message() (kind byte, body []byte, ok bool) {
	head := 5
	if !s.begun {
		head = 4
	}
	if len(s.rest) < head {
		return 0, nil, false
	}
	size := int(binary.BigEndian.Uint32(s.rest[head-4:])) + head - 4
	if size < head || len(s.rest) < size {
		return 0, nil, false
	}
	if s.begun {
		kind = s.rest[0]
	}
	body, s.rest = s.rest[head:size], s.rest[size:]
	if !s.begun && len(body) >= 4 {
		s.begun = binary.BigEndian.Uint32(body) == 3<<16 // the version; else a question for TLS
	}
	return kind, body, true
}

// A trip is what one thing that people or servers do costs.
type trip struct {
	what   string
	aim    int         // most trips that write; 0: none
	rows   []tripsSeen // to PostgreSQL, each time it was done
	s3     []tripsSeen
	shared int // by how many it was done at once; 0: one
}

// middle is the median of what was counted.
func middleTrips(all []tripsSeen, of func(tripsSeen) int) float64 {
	var n []float64
	for _, t := range all {
		n = append(n, float64(of(t)))
	}
	return median(n)
}

func allTrips(t tripsSeen) int   { return t.all }
func writeTrips(t tripsSeen) int { return t.writes }

// taps are those of one node.
type taps struct{ rows, s3 *tap }

// calm waits until nothing passes for a while, or for half a second.
func (t taps) calm(ctx context.Context) {
	const still, longest = 25 * time.Millisecond, 500 * time.Millisecond
	last, since := [2]tripsSeen{}, time.Now()
	for began := time.Now(); ctx.Err() == nil && time.Since(since) < still && time.Since(began) < longest; {
		if now := [2]tripsSeen{t.rows.seen(), t.s3.seen()}; now != last {
			last, since = now, time.Now()
		}
		pause(ctx, 2*time.Millisecond)
	}
}

// count adds what one doing costs.
func (t taps) count(ctx context.Context, to *trip, do func() error) error {
	t.calm(ctx)
	rows, s3 := t.rows.seen(), t.s3.seen()
	if err := do(); err != nil {
		return err
	}
	t.calm(ctx)
	to.rows, to.s3 = append(to.rows, t.rows.seen().since(rows)), append(to.s3, t.s3.seen().since(s3))
	return ctx.Err()
}
