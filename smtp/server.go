package smtp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"time"

	gosmtp "github.com/emersion/go-smtp"
)

// Server takes mail in. Its fields are set once, before Serve.
type Server struct {
	Handler  Handler
	Hostname string      // in the banner and the greeting
	TLS      *tls.Config // for STARTTLS; nil: not offered
	Limits   Limits
	Log      *slog.Logger
	Mark     Marker // of clients' networks in the log
	// SignIn makes it a submission server (RFC 6409): nobody mails before signing
	// in, and nobody signs in without TLS. nil: mail from other servers.
	SignIn SignIn
	Hold   time.Duration // longest FUTURERELEASE; 0: not offered
	// DSN offers RFC 3461 to other servers too, and promises that the Handler tells of
	// success: whoever offers it takes that over. People are offered it anyway.
	DSN bool
	// Connect is asked about a client before the banner, and given ten seconds. A
	// reply turns it away; nil lets it in. It may be left out.
	Connect func(ctx context.Context, client net.Addr) *Reply
	// Patience is how long the banner is held back. Who talks before it is turned
	// away: mail servers wait (RFC 5321, section 3.1), programs that spray do not.
	Patience time.Duration

	once   sync.Once
	limits Limits
	inner  *gosmtp.Server
	slots  chan struct{} // one for each mail on its way in

	mu       sync.Mutex
	stopping bool
	guards   map[*guard]struct{}
	nets     map[string]int // connections of each network, see netOf
	accounts map[string]int // and of each account
}

// Serve accepts connections from l until Shutdown, which makes it return nil,
// or until ctx ends, which also closes every connection at once. A listener of
// tls.Conn serves implicit TLS. It may be called for several listeners.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	s.once.Do(s.build)
	stop := context.AfterFunc(ctx, func() {
		l.Close()
		s.closeAll()
	})
	defer stop()
	err := s.inner.Serve(&door{Listener: l, ctx: ctx, server: s})
	if ctx.Err() != nil || errors.Is(err, gosmtp.ErrServerClosed) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("accept mail connections: %w", err)
	}
	return nil
}

// Shutdown stops accepting, ends idle connections with 421 and lets each mail
// that is being received finish. When ctx ends first it closes what is left.
func (s *Server) Shutdown(ctx context.Context) error {
	s.once.Do(s.build)
	s.mu.Lock()
	s.stopping = true
	for g := range s.guards {
		g.stop()
	}
	s.mu.Unlock()
	err := s.inner.Shutdown(ctx)
	if ctx.Err() != nil {
		s.closeAll()
	}
	if err != nil {
		return fmt.Errorf("end mail connections: %w", err)
	}
	return nil
}

func (s *Server) build() {
	s.limits = s.Limits.orDefault()
	if s.Log == nil {
		s.Log = slog.New(slog.DiscardHandler)
	}
	s.slots = make(chan struct{}, s.limits.Transfers)
	s.guards = make(map[*guard]struct{})
	s.nets = make(map[string]int)
	s.accounts = make(map[string]int)
	s.inner = gosmtp.NewServer(gosmtp.BackendFunc(newSession))
	s.inner.Domain = s.Hostname
	s.inner.ErrorLog = faults{s.Log}
	s.inner.MaxMessageBytes = s.limits.Message
	s.inner.MaxRecipients = s.limits.Recipients
	s.inner.MaxLineLength = 2 * maxCommand // the guard counts
	s.inner.EnableSMTPUTF8 = true
	s.inner.EnableDSN = s.offersDSN()
}

func (s *Server) offersDSN() bool { return s.DSN || s.SignIn != nil }

func (s *Server) closeAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for g := range s.guards {
		g.raw().Close()
	}
}

// faults takes what go-smtp would print. A panic's value may hold words of a
// mail, so only its type and the stack are kept.
type faults struct{ log *slog.Logger }

func (f faults) Printf(format string, args ...any) {
	if strings.HasPrefix(format, "panic") && len(args) == 3 {
		f.log.Error("a connection's handler panicked",
			"type", fmt.Sprintf("%T", args[1]), "stack", fmt.Sprintf("%s", args[2]))
		return
	}
	f.log.Debug("smtp connection fault", "at", format)
}

func (f faults) Println(...any) {}
