package smtp

import (
	"errors"
	"io"
	"time"

	gosmtp "github.com/emersion/go-smtp"
)

// session is what go-smtp calls: it lets the Handler see what the guard read.
type session struct {
	g    *guard
	tx   Transaction
	utf8 bool
}

func newSession(c *gosmtp.Conn) (gosmtp.Session, error) {
	g, ok := c.Conn().(*guard)
	if !ok {
		return nil, errors.New("connection without a guard")
	}
	return &session{g: g}, nil
}

var (
	errNested = &Reply{503, "5.5.1", "a mail is under way already"}
	errASCII  = &Reply{553, "5.6.7", "that address needs SMTPUTF8"}
)

func (s *session) Mail(_ string, o *gosmtp.MailOptions) error {
	if s.tx != nil {
		return errNested.wire()
	}
	if !s.g.plain && !o.UTF8 {
		return errASCII.wire()
	}
	tx, err := s.g.server.Handler.Begin(s.g.ctx, s.g.peer(), s.g.path, MailOptions{
		Size:     o.Size,
		UTF8:     o.UTF8,
		EightBit: o.Body == gosmtp.Body8BitMIME,
		EnvID:    o.EnvelopeID,
		Ret:      string(o.Return),

		RequireTLS: s.g.wishes.requireTLS,
		Hold:       s.g.wishes.hold,
	})
	if err != nil {
		return s.g.told(err)
	}
	s.tx, s.utf8 = tx, o.UTF8
	return nil
}

func (s *session) Rcpt(_ string, o *gosmtp.RcptOptions) error {
	if !s.g.plain && !s.utf8 {
		return errASCII.wire()
	}
	opts := RcptOptions{ORcpt: o.OriginalRecipient}
	for _, n := range o.Notify {
		opts.Notify = append(opts.Notify, string(n))
	}
	if err := s.tx.Rcpt(s.g.ctx, *s.g.path, opts); err != nil {
		return s.g.told(err)
	}
	s.g.accepted++
	return nil
}

// Data reads the mail from the guard and leaves go-smtp's own reader the end.
func (s *session) Data(io.Reader) error {
	g := s.g
	g.toRead = append(g.toRead, ".\r\n"...)
	b := g.newBody()
	g.mail = b
	g.setBusy(true)
	defer func() {
		g.mail = nil
		g.setBusy(false)
	}()
	reply, err := s.tx.Data(g.ctx, b)
	err = b.verdict(err)
	if g.drain(b) != nil {
		g.fail(io.EOF)
		return errCut.wire()
	}
	switch {
	case b.err == errGivenUp:
		g.muted = true // the client asked for something else by now
		return errCut.wire()
	case err != nil:
		return g.told(err)
	}
	g.fresh, g.idle, g.refused = time.Now(), 0, 0
	if reply != nil {
		return reply.wire()
	}
	return nil
}

// Reset ends the mail under way, if there is one.
func (s *session) Reset() {
	if s.tx != nil {
		s.tx.Close()
	}
	s.tx, s.utf8, s.g.accepted = nil, false, 0
}

func (s *session) Logout() error {
	s.Reset()
	return nil
}
