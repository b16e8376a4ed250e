// Package natstest runs a server of NATS within a test.
package natstest

import (
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// Server is a server of a test. It keeps its port when it is stopped and started.
type Server struct {
	options server.Options
	at      *server.Server
}

// Start starts a server on a free port of loopback, which goes with the test. configure may
// set more; nil is nothing.
func Start(t testing.TB, configure func(*server.Options)) *Server {
	t.Helper()
	s := &Server{options: server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoLog: true, NoSigs: true}}
	if configure != nil {
		configure(&s.options)
	}
	s.Again(t)
	t.Cleanup(func() { s.Stop(t) })
	return s
}

// URL is where it is.
func (s *Server) URL() string { return s.at.ClientURL() }

// Stop ends it, and all its connections.
func (s *Server) Stop(testing.TB) {
	s.at.Shutdown()
	s.at.WaitForShutdown()
}

// Again starts it where it was.
func (s *Server) Again(t testing.TB) {
	t.Helper()
	options := s.options // the server writes into them
	at, err := server.NewServer(&options)
	if err != nil {
		t.Fatal(err)
	}
	s.at = at
	go at.Start()
	if !at.ReadyForConnections(10 * time.Second) {
		t.Fatal("no server of NATS")
	}
	s.options.Port = options.Port
}
