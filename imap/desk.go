package imap

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"time"

	goimap "github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"

	"sealpost/mailstore"
)

// desk stands between a signed-in client and imapserver. imapserver reads when
// its last command is answered; the desk then reads one whole command from the
// wire, and either hands it on as one line or does it itself, there and then.
// So imapserver never meets a literal, and one goroutine does all the work.
type desk struct {
	*wire
	session *session
	line    []byte // of the command imapserver is reading
	welcome string // said in place of imapserver's greeting
}

// ours are the commands that imapserver does not get to see. Each writes its
// own replies; an error it returns is answered here.
var ours = map[string]func(*session, command) error{
	"CAPABILITY":   (*session).capability,
	"ID":           (*session).id,
	"IDLE":         (*session).idle,
	"APPEND":       (*session).append,
	"SEARCH":       (*session).search,
	"UID SEARCH":   (*session).search,
	"LOGIN":        (*session).signedIn,
	"AUTHENTICATE": (*session).signedIn,
	"STARTTLS":     (*session).signedIn,
}

func newDesk(ctx context.Context, s *Server, w *wire, g guest) *desk {
	d := &desk{wire: w}
	d.welcome = g.tag + " OK [CAPABILITY " + s.capabilities() + "] " + g.how + " completed\r\n"
	d.session = &session{
		server:  s,
		wire:    w,
		ctx:     ctx,
		account: g.account.ID,
		address: g.account.Addresses[0],
		owner:   mailstore.Owner(g.account.ID),
		log:     s.Log.With("account", string(g.account.ID)),
	}
	return d
}

// enterSession is how imapserver gets the session of a connection, and that it
// is signed in.
func enterSession(c *imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error) {
	d, ok := c.NetConn().(*desk)
	if !ok {
		return nil, nil, errors.New("imap: a connection came in by the window")
	}
	d.session.conn = c
	return d.session, &imapserver.GreetingData{PreAuth: true}, nil
}

// Read gives imapserver its next line. The end of the connection has been said
// to the client by now, and is EOF here, whatever it was.
func (d *desk) Read(p []byte) (int, error) {
	for len(d.line) == 0 {
		if !d.next() {
			return 0, io.EOF
		}
	}
	n := copy(p, d.line)
	d.line = d.line[n:]
	return n, nil
}

// next reads a command and does it or puts it on the line.
func (d *desk) next() bool {
	d.wait = d.server.Limits.Idle
	if _, err := d.in.Peek(1); err != nil {
		return false
	}
	d.wait = d.server.Limits.Read
	c, err := d.readCommand(maxCommand)
	var no *refusal
	switch {
	case errors.As(err, &no):
		d.reply(no.tag, "%s", no.text)
		return true
	case err != nil:
		return false
	case d.expelled.Load(): // commands may have come in one piece
		d.bye(d.ending())
		return false
	}
	d.session.command = c.name
	do, ok := ours[c.name]
	if !ok {
		d.line = []byte(c.line())
		return true
	}
	if err := do(d.session, c); err != nil && d.over == nil {
		d.session.answer(c.tag, err)
	}
	return d.over == nil
}

// Write sends what imapserver says, but for its greeting.
func (d *desk) Write(p []byte) (int, error) {
	if d.welcome == "" {
		return d.wire.Write(p)
	}
	if bytes.IndexByte(p, '\n') >= 0 {
		d.WriteString(d.welcome)
		d.welcome = ""
	}
	return len(p), nil
}

// The wire keeps its own time.
func (d *desk) SetDeadline(time.Time) error      { return nil }
func (d *desk) SetReadDeadline(time.Time) error  { return nil }
func (d *desk) SetWriteDeadline(time.Time) error { return nil }

// answer turns an error into the tagged reply of one of our commands.
func (s *session) answer(tag string, err error) {
	var said *goimap.Error
	if !errors.As(err, &said) {
		errors.As(s.fault("answer a command", err), &said)
	}
	code := ""
	if said.Code != "" {
		code = "[" + string(said.Code) + "] "
	}
	s.wire.reply(tag, "%s %s%s", said.Type, code, said.Text)
}

func (s *session) capability(c command) error {
	s.wire.WriteString("* CAPABILITY " + s.server.capabilities() + "\r\n")
	return s.done(c)
}

func (s *session) id(c command) error {
	writeID(s.wire, c.tag)
	return nil
}

func (s *session) signedIn(c command) error {
	return bad("you are signed in already")
}

// done tells what is new and says that a command of ours is completed.
func (s *session) done(c command) error {
	if err := s.tell(c.name != "SEARCH"); err != nil {
		return err
	}
	s.wire.reply(c.tag, "OK %s completed", c.name)
	return nil
}

// innerLog is imapserver's way to our log: its constant words and, for a panic,
// where it was; never an argument, which may hold what a client sent.
type innerLog struct{ log *slog.Logger }

func (l innerLog) Printf(format string, args ...any) {
	if !strings.HasPrefix(format, "panic") {
		l.log.Debug("imapserver could not do a command", "said", format)
		return
	}
	stack := ""
	if len(args) > 1 {
		if b, ok := args[1].([]byte); ok {
			stack = string(b)
		}
	}
	l.log.Error("panic in an IMAP session", "stack", stack)
}
