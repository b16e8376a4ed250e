// Package imap holds the IMAP door (RFC 9051, RFC 3501): signing in, and a
// session over one account's sealed mail.
//
// A connection is one goroutine, and what can be said is one table (commands.go):
// a command is a row there, a file of its own, and a word in capability.go when
// it is an extension. What comes in and goes out as octets is sealpost/imap/wire.
// The selected mailbox, as its client knows it, is a view (view.go).
//
// It never knows a private key, what a sealed mail says, or where bytes lie.
//
// Invariants: nothing about mail or accounts is said before TLS and sign-in; a
// plaintext that was appended is sealed before it is stored; message numbers
// change only at the moments of RFC 9051, section 7.5.1; whoever waits costs no
// buffer, and whoever reads slowly nobody but themselves.
package imap

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"sealpost/account"
	"sealpost/filestore/nodekey"
	"sealpost/imap/wire"
	"sealpost/mailstore"
)

// Limits are a server's bounds; docs and config name them the same.
type Limits struct {
	Message     int64         // octets of one appended mail
	Connections int           // in all
	PerAddress  int           // connections of one IPv4 address or IPv6 /64
	PerAccount  int           // signed-in connections of one account
	Login       time.Duration // from connecting to having signed in, in all
	Idle        time.Duration // between two commands (RFC 9051, section 5.4: not under 30 minutes)
	Read        time.Duration // between two reads inside a command
	Write       time.Duration // for the client to take one piece of output
	Progress    time.Duration // between two words to who waits for a long command (RFC 9585: 10 to 15 seconds)
}

// DefaultLimits suit one small machine.
var DefaultLimits = Limits{
	Message:     50 << 20,
	Connections: 10_000,
	PerAddress:  200,
	PerAccount:  64,
	Login:       time.Minute,
	Idle:        31 * time.Minute,
	Read:        time.Minute,
	Write:       time.Minute,
	Progress:    10 * time.Second,
}

// Server is the IMAP door. Its fields are set once, before Serve.
type Server struct {
	Book     *account.Book
	Store    *mailstore.Store
	Throttle *account.Throttle
	TLS      *tls.Config  // for implicit TLS and STARTTLS; nobody signs in without
	Key      *nodekey.Key // seals what clients keep beside mailboxes (METADATA)
	Log      *slog.Logger
	Now      func() time.Time
	Spool    string // folder for what is too large for memory while it is sealed
	Limits   Limits
	// Zone is where days begin: INTERNALDATE and SAVEDATE are told, and SEARCH compares
	// them, as this zone's clocks say. nil: UTC.
	Zone *time.Location
	// Mark stands for a client's network in the log; nil: nothing does.
	Mark func(network string) string
	// Keeping is set only where mail is to be kept as it came: not in this house.
	Keeping Keeping

	once    sync.Once
	closing atomic.Bool
	census  census
	recents recents
	running sync.WaitGroup
	mu      sync.Mutex
	doors   map[net.Listener]struct{}
	wires   map[*wire.Conn]struct{}
}

const shuttingDown = "server is shutting down"

// ErrClosed is what Serve returns after Shutdown.
var ErrClosed = errors.New("imap: server is shut down")

func (s *Server) open() {
	s.once.Do(func() {
		s.doors = map[net.Listener]struct{}{}
		s.wires = map[*wire.Conn]struct{}{}
		s.census.open(s.Limits)
		s.recents.open(s.Now())
	})
}

// Serve takes connections from ln until ctx ends or Shutdown, and closes ln.
// With implicitTLS the handshake comes first (RFC 8314); without, the client
// asks for it by STARTTLS.
func (s *Server) Serve(ctx context.Context, ln net.Listener, implicitTLS bool) error {
	s.open()
	s.mu.Lock()
	s.doors[ln] = struct{}{}
	s.mu.Unlock()
	stop := context.AfterFunc(ctx, func() { ln.Close() })
	defer stop()
	defer func() {
		ln.Close()
		s.mu.Lock()
		delete(s.doors, ln)
		s.mu.Unlock()
	}()
	if s.closing.Load() {
		return ErrClosed
	}
	for {
		c, err := ln.Accept()
		switch {
		case err != nil && s.closing.Load():
			return ErrClosed
		case err != nil && ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("accept IMAP connection: %w", err)
		case err != nil: // out of descriptors, say: others must close theirs first
			s.Log.Warn("cannot accept an IMAP connection", "error", err)
			time.Sleep(50 * time.Millisecond)
		case !s.admit():
			c.Close()
		default:
			go s.receive(ctx, c, implicitTLS)
		}
	}
}

// admit counts a connection that Shutdown is to wait for.
func (s *Server) admit() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing.Load() {
		return false
	}
	s.running.Add(1)
	return true
}

// Shutdown takes no more connections, says BYE to each as soon as its running
// command is answered, and cuts those that are left when ctx ends.
func (s *Server) Shutdown(ctx context.Context) error {
	s.open()
	s.mu.Lock()
	s.closing.Store(true)
	for ln := range s.doors {
		ln.Close()
	}
	for w := range s.wires {
		w.Leave(shuttingDown)
	}
	s.mu.Unlock()
	done := make(chan struct{})
	go func() { s.running.Wait(); close(done) }()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
	}
	s.mu.Lock()
	for w := range s.wires {
		w.Cut()
	}
	s.mu.Unlock()
	return ctx.Err()
}
