// Package bridge is a network between a program and a server that tests can break: connections
// pass through it, and are cut, held, slowed down, or led elsewhere.
//
// It never knows what passes.
package bridge

import (
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"time"
)

// Bridge listens on loopback and passes connections on. Its methods are safe for
// concurrent use.
type Bridge struct {
	door net.Listener

	mu      sync.Mutex
	changed *sync.Cond
	network string
	address string
	spans   map[*span]struct{}
	held    [2]bool // nothing passes, by direction
	slow    time.Duration
	shut    bool // new connections end at once
	lose    int  // one of so many answers is lost; 0: none
	left    int  // octets until all is cut; 0: they are not counted
	closed  bool
	passed  int64
	cuts    int
}

// span is one connection: of who came, and to the server.
type span struct {
	near, far net.Conn
	abandoned bool // the server does not know that nobody is there any more
	stranded  bool // nothing passes any more
}

// The directions of a bridge.
const (
	There = iota // from who came to the server
	Back
)

// New makes a bridge to a server.
func New(network, address string) (*Bridge, error) {
	door, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	b := &Bridge{door: door, network: network, address: address, spans: map[*span]struct{}{}}
	b.changed = sync.NewCond(&b.mu)
	go b.serve()
	return b, nil
}

// Address is where it listens.
func (b *Bridge) Address() string { return b.door.Addr().String() }

// Port is that of its address.
func (b *Bridge) Port() int { return b.door.Addr().(*net.TCPAddr).Port }

// Lead has later connections go to another server. Those that are there are cut.
func (b *Bridge) Lead(network, address string) {
	b.mu.Lock()
	b.network, b.address = network, address
	b.mu.Unlock()
	b.Cut()
}

// Cut ends all connections with a reset.
func (b *Bridge) Cut() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.cut()
}

func (b *Bridge) cut() {
	for s := range b.spans {
		b.cutOne(s)
	}
	b.cuts++
	b.left = 0
}

func (b *Bridge) cutOne(s *span) {
	reset(s.near)
	reset(s.far)
	delete(b.spans, s)
	b.changed.Broadcast()
}

// Abandon ends all connections for who came; the server does not learn of it, and waits.
func (b *Bridge) Abandon() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for s := range b.spans {
		s.abandoned = true
		reset(s.near)
	}
	b.cuts++
}

// Strand has nothing pass on the connections that are there, and neither side learns of it. New ones
// are well: as after a failover of a machine that is gone.
func (b *Bridge) Strand() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for s := range b.spans {
		s.stranded = true
	}
}

// CutAfter cuts all connections when so many octets more have passed.
func (b *Bridge) CutAfter(octets int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.left = max(octets, 1)
}

// Hold has nothing pass in some directions, until it is called without any. Connections stay, and
// new ones are taken.
func (b *Bridge) Hold(directions ...int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.held = [2]bool{}
	for _, d := range directions {
		b.held[d] = true
	}
	b.changed.Broadcast()
}

// Slow has each piece take so long.
func (b *Bridge) Slow(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.slow = d
}

// Lose has about one of so many answers not arrive, and its connection end: what was asked
// was done, and nobody hears of it. 0: none.
func (b *Bridge) Lose(one int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lose = one
}

// Shut refuses new connections, or does not any more.
func (b *Bridge) Shut(shut bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.shut = shut
}

// Mend ends all that is broken. Cut connections stay cut.
func (b *Bridge) Mend() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.held, b.slow, b.shut, b.lose, b.left = [2]bool{}, 0, false, 0, 0
	b.changed.Broadcast()
}

// Passed is how many octets passed, and how often connections were cut.
func (b *Bridge) Passed() (octets int64, cuts int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.passed, b.cuts
}

// Close ends all connections and takes no more.
func (b *Bridge) Close() error {
	b.mu.Lock()
	b.closed = true
	b.cut()
	b.mu.Unlock()
	return b.door.Close()
}

func (b *Bridge) serve() {
	for {
		near, err := b.door.Accept()
		if err != nil {
			return
		}
		go b.span(near)
	}
}

func (b *Bridge) span(near net.Conn) {
	b.mu.Lock()
	shut, network, address := b.shut || b.closed, b.network, b.address
	b.mu.Unlock()
	if shut {
		reset(near)
		return
	}
	far, err := net.DialTimeout(network, address, 5*time.Second)
	if err != nil {
		reset(near)
		return
	}
	s := &span{near: near, far: far}
	b.mu.Lock()
	b.spans[s] = struct{}{}
	b.mu.Unlock()
	go b.pass(s, far, near, There)
	go b.pass(s, near, far, Back)
}

// pass moves octets one way until either side ends.
func (b *Bridge) pass(s *span, to, from net.Conn, direction int) {
	piece := make([]byte, 16<<10)
	for {
		n, err := from.Read(piece)
		if n > 0 && !b.allow(s, n, direction) {
			return
		}
		if _, wrong := to.Write(piece[:n]); err == nil {
			err = wrong
		}
		if err != nil {
			b.end(s, to, errors.Is(err, io.EOF))
			return
		}
	}
}

// allow waits until a piece may pass. It does not if the connection is cut.
func (b *Bridge) allow(s *span, octets, direction int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if d := b.slow; d > 0 {
		b.mu.Unlock()
		time.Sleep(d)
		b.mu.Lock()
	}
	for _, there := b.spans[s]; there && (b.held[direction] || s.stranded) && !b.closed; _, there = b.spans[s] {
		b.changed.Wait()
	}
	if _, there := b.spans[s]; !there {
		return false
	}
	if direction == Back && b.lose > 0 && rand.IntN(b.lose) == 0 {
		b.cutOne(s)
		b.cuts++
		return false
	}
	b.passed += int64(octets)
	if b.left > 0 {
		if b.left -= octets; b.left <= 0 {
			b.cut()
			return false
		}
	}
	return true
}

// end closes a connection: one way after an orderly end, else both.
func (b *Bridge) end(s *span, to net.Conn, orderly bool) {
	if half, ok := to.(interface{ CloseWrite() error }); ok && orderly {
		half.CloseWrite()
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if s.abandoned { // until somebody cuts it
		return
	}
	delete(b.spans, s)
	b.changed.Broadcast()
	s.near.Close()
	s.far.Close()
}

func reset(c net.Conn) {
	if t, ok := c.(*net.TCPConn); ok {
		t.SetLinger(0)
	}
	c.Close()
}
