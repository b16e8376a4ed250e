// Package proxyproto is the porch of doors behind a balancer: it reads the header of the
// PROXY protocol, versions 1 and 2, by which a balancer says who connected to it, and
// hands the connection on with that address.
//
// It never knows what is spoken behind a door: the header comes before everything else,
// TLS too.
//
// Invariants: a header is read from a balancer alone, and then it must be there, whole and
// in time, or the connection ends; who is no balancer is never asked for one, and whatever it
// sends is what the door behind hears. Not an octet beyond the header is read. Nobody who
// is slow with a header keeps others from coming in.
package proxyproto

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"
	"time"
)

const (
	// headerTime is how long a header may take: longer than one lost packet (section 2).
	headerTime = 5 * time.Second
	// maxReading is how many connections of one door may be in their header.
	maxReading = 1024
	// sayAgain is the least time between two lines in the log.
	sayAgain = time.Minute
)

// Balancers are the networks from which a connection must begin with a header.
type Balancers []netip.Prefix

// Have says whether one of them is at an address.
func (b Balancers) Have(at net.Addr) bool {
	ap, err := netip.ParseAddrPort(at.String())
	if err != nil {
		return false
	}
	ip := ap.Addr().Unmap().WithZone("")
	return slices.ContainsFunc(b, func(p netip.Prefix) bool { return p.Contains(ip) })
}

// Greet says on a connection to a door of ours what it wants to hear first from where we are:
// that nobody else stands behind it, if it takes us for a balancer.
func (b Balancers) Greet(conn net.Conn) error {
	if !b.Have(conn.LocalAddr()) {
		return nil
	}
	_, err := conn.Write(Local())
	return err
}

// listener hands on what comes, and what comes from a balancer when its header was read.
type listener struct {
	net.Listener
	end   context.CancelFunc
	ready chan came
}

type came struct {
	conn net.Conn
	err  error
}

// Listen has connections of l that come from a balancer begin with a header. It ends with ctx, or
// when it is closed, and closes l then. Without balancers it is l itself.
func Listen(ctx context.Context, l net.Listener, from Balancers, log *slog.Logger) net.Listener {
	if len(from) == 0 {
		return l
	}
	ctx, end := context.WithCancel(ctx)
	context.AfterFunc(ctx, func() { l.Close() })
	h := &listener{l, end, make(chan came)}
	p := &porch{from: from, log: log, ready: h.ready, slots: make(chan struct{}, maxReading), wait: headerTime}
	go p.stand(ctx, l)
	return h
}

// Accept returns the next connection. Those that are still in their header are not waited for.
func (l *listener) Accept() (net.Conn, error) {
	c, ok := <-l.ready
	if !ok {
		return nil, net.ErrClosed
	}
	return c.conn, c.err
}

func (l *listener) Close() error {
	l.end()
	return l.Listener.Close()
}

// porch is where connections stand while their header is read.
type porch struct {
	from  Balancers
	log   *slog.Logger
	ready chan<- came
	slots chan struct{}
	wait  time.Duration

	reading sync.WaitGroup
	mu      sync.Mutex
	said    time.Time // when it was told last that somebody was sent away
	away    int       // since then
}

// stand receives until the listener is closed.
func (p *porch) stand(ctx context.Context, l net.Listener) {
	defer func() {
		p.reading.Wait()
		close(p.ready)
	}()
	for {
		c, err := l.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil || !p.from.Have(c.RemoteAddr()):
			p.pass(ctx, c, err)
		case !p.sit():
			p.refuse(c, errors.New("too many are in their header at once"))
		default:
			p.reading.Go(func() { p.receive(ctx, c) })
		}
	}
}

func (p *porch) sit() bool {
	select {
	case p.slots <- struct{}{}:
		return true
	default:
		return false
	}
}

// pass hands one on, unless nobody takes it any more.
func (p *porch) pass(ctx context.Context, c net.Conn, err error) {
	select {
	case p.ready <- came{c, err}:
	case <-ctx.Done():
		if c != nil {
			c.Close()
		}
	}
}

// receive reads the header of one connection of a balancer.
func (p *porch) receive(ctx context.Context, c net.Conn) {
	stop := context.AfterFunc(ctx, func() { c.Close() })
	c.SetReadDeadline(time.Now().Add(p.wait))
	client, err := Read(c)
	<-p.slots
	if !stop() {
		return // closed
	}
	if err == nil {
		err = c.SetReadDeadline(time.Time{})
	}
	switch {
	case err == nil:
		p.pass(ctx, told(c, client), nil)
	case errors.Is(err, errMalformed), errors.Is(err, os.ErrDeadlineExceeded):
		p.refuse(c, err)
	default: // a probe that looked whether the port is open, or somebody who is gone again
		c.Close()
	}
}

// refuse closes a connection, and tells the operator now and then: a balancer that sends no
// header looks from outside like a server that is gone.
func (p *porch) refuse(c net.Conn, err error) {
	c.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.away++
	if time.Since(p.said) < sayAgain {
		return
	}
	p.log.Warn("connections from listen.proxy_protocol_from were closed: they did not begin as they must", "count", p.away, "error", inShort(err))
	p.said, p.away = time.Now(), 0
}

// inShort is an error without the addresses that the net package writes into it.
func inShort(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err
	}
	return err
}

// told is a connection of whom its header named.
func told(c net.Conn, client netip.AddrPort) net.Conn {
	if !client.IsValid() {
		return c
	}
	from := net.TCPAddrFromAddrPort(client)
	if t, ok := c.(*net.TCPConn); ok {
		return tcpConn{t, from}
	}
	return conn{c, from}
}

type conn struct {
	net.Conn
	from net.Addr
}

func (c conn) RemoteAddr() net.Addr { return c.from }

// tcpConn has what else a socket can: whoever waits for thousands of them asks the kernel.
type tcpConn struct {
	*net.TCPConn
	from net.Addr
}

func (c tcpConn) RemoteAddr() net.Addr { return c.from }
