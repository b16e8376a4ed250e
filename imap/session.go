package imap

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"runtime/debug"
	"time"

	"sealpost/account"
	"sealpost/imap/wire"
	"sealpost/mail"
	"sealpost/mailstore"
)

// session is one client, from its greeting to its end. One goroutine at a time
// does all of it.
type session struct {
	server *Server
	wire   *wire.Conn
	from   netip.Addr
	tls    bool
	lobby  lobby

	// What follows is set by signing in.
	account account.ID
	address mail.Address // the account's name
	owner   mailstore.Owner
	log     *slog.Logger

	// ctx ends with the connection. It is kept here against the rule: a session
	// is one call, from receive to its end.
	ctx context.Context

	enabled enabled
	box     *view            // the selected mailbox, or nil
	saved   []mailstore.UID  // what "$" stands for (SEARCHRES), ascending
	stirred bool             // a wait was nudged, and nobody looked yet
	tag     string           // of the command that is under way
	watch   *watch           // what NOTIFY asked for, or nil
	live    []*live          // searches of the mailbox that are kept up to date
	own     mailstore.UIDSet // what this client put into the mailbox, and nobody told yet

	idling    string // tag of the IDLE that is under way
	idleUntil time.Time

	gone func() // undoes what receive did
}

// enabled is what a client asked for by ENABLE (RFC 5161).
type enabled struct {
	rev2      bool
	condstore bool // by ENABLE, or by using what belongs to it (RFC 7162, section 3.1)
	qresync   bool
	uidOnly   bool // RFC 9586
}

func (s *session) state() state {
	switch {
	case s.account == "":
		return stranger
	case s.box == nil:
		return signedIn
	}
	return selected
}

// attend waits for the client or for news, sees to them, and leaves the next
// wait to a new goroutine: the stack of this one has grown, and while nothing
// comes it would be held for nothing.
func (s *session) attend() {
	defer s.guard()
	nudged, err := s.wire.Await(s.patience())
	if err == nil {
		s.see(nudged)
	}
	for !s.wire.Over() && s.wire.Rest() {
		s.see(false)
	}
	if s.wire.Over() {
		s.leave()
		return
	}
	go s.attend()
}

// see does what there is to do.
func (s *session) see(nudged bool) {
	switch {
	case s.idling != "":
		s.stir(nudged)
	case nudged: // no command is under way, and NOTIFY asked for it
		s.hear(true)
		_ = s.tell(!s.watch.delayed, false) // logged where it was classified
	default:
		s.command()
		s.idleUntil = time.Now().Add(s.server.Limits.Idle)
	}
}

// patience is until when we wait for the client, and for how long without a look
// at the mailbox; 0: for ever.
func (s *session) patience() (until time.Time, look time.Duration) {
	switch {
	case s.idling != "" && s.box != nil && s.box.missed():
		return s.idleUntil, lookAgain
	case s.idling != "" && s.box != nil, s.watch.awake():
		return s.idleUntil, lookIdle
	case s.idling != "":
		return s.idleUntil, 0
	case s.state() == stranger:
		return time.Now().Add(s.server.Limits.Read), 0
	}
	return time.Now().Add(s.server.Limits.Idle), 0
}

// command reads a command and does it.
func (s *session) command() {
	c, err := s.wire.ReadCommand(s.state() == stranger)
	var refused *wire.Refusal
	switch {
	case errors.As(err, &refused):
		s.wire.Reply(refused.Tag, refused.Kind, refused.Code, refused.Text)
		s.mistake()
	case err == nil:
		s.run(&request{Command: c})
	}
}

// run does one command and answers it.
func (s *session) run(r *request) {
	c, known := commands[r.Name]
	s.tag = r.Tag
	var err error
	switch {
	case !known || r.UID && !c.uid:
		err = s.unknown(r)
	case c.states&s.state() == 0:
		err = s.untimely(c)
	case s.enabled.uidOnly && c.uid && !c.whole && !r.UID:
		err = uidRequired
	default:
		err = c.do(s, r)
	}
	if s.decline(r) && !s.wire.Over() && !r.answered {
		s.answer(r, c, err)
	}
	s.tag = ""
}

// decline reads and forgets mails that nobody took and that are on their way all
// the same.
func (s *session) decline(r *request) bool {
	for room := s.server.Limits.Message; r.Mail != nil && r.Mail.Open && !s.wire.Over(); {
		if room -= r.Mail.Size; s.state() == stranger || room < 0 {
			s.wire.Goodbye("nobody waits for that mail")
			return false
		}
		err := s.wire.Skip(r.Mail.Size)
		if err == nil {
			_, r.Mail, err = s.wire.ReadMore()
		}
		if err != nil {
			return false
		}
	}
	return true
}

// untimely says why a command cannot be done now.
func (s *session) untimely(c command) error {
	switch {
	case s.state() == stranger:
		return bad("sign in first")
	case c.states == stranger:
		return bad("you are signed in already")
	}
	return bad("select a mailbox first")
}

// unknown answers what is no command here. A stranger is shown the door: it
// is some other protocol, or somebody trying it (ATTACKS D04).
func (s *session) unknown(r *request) error {
	if s.state() != stranger {
		return bad("unknown command")
	}
	s.wire.Reply(r.Tag, "BAD", "", "unknown command")
	s.wire.Goodbye("this is an IMAP server")
	return nil
}

// answer ends a command.
func (s *session) answer(r *request, c command, err error) {
	if err == nil {
		if !r.quiet {
			// The command is done by now, so an index that fails here only delays
			// what is new. It was logged where it was classified.
			_ = s.tell(!c.numbers || r.UID && !r.counted, c.shows)
			if c.numbers && r.code == "" && s.box != nil && s.box.gone.Len() > 0 {
				r.code = "EXPUNGEISSUED" // a NOOP tells which (RFC 5530, section 3)
			}
		}
		if s.stand(r); !s.wire.Over() {
			s.wire.Reply(r.Tag, "OK", r.code, r.name()+" completed")
		}
		return
	}
	var said *status
	if !errors.As(err, &said) {
		errors.As(s.fault("answer a command", err), &said)
	}
	s.stand(r)
	s.wire.Reply(r.Tag, said.kind, said.code, said.text)
	switch {
	case s.state() != stranger:
	case said.guess:
		s.guessed()
	default:
		s.mistake()
	}
}

// guard ends a session that panicked; the others go on.
func (s *session) guard() {
	if v := recover(); v != nil {
		s.log.Error("panic in an IMAP session", "stack", string(debug.Stack()))
		s.leave()
	}
}

// leave is the end of the session.
func (s *session) leave() {
	gone := s.gone
	if s.gone = nil; gone == nil {
		return
	}
	s.deselect()
	s.unwatch(nil)
	s.wire.Close()
	gone()
}

// mailbox finds a mailbox by the name a client gave.
func (s *session) mailbox(name string) (mailstore.Mailbox, error) {
	name, err := mailstore.CleanName(name)
	if err != nil {
		return mailstore.Mailbox{}, mailstore.ErrNoMailbox
	}
	boxes, err := s.server.Store.Index.Mailboxes(s.ctx, s.owner)
	if err != nil {
		return mailstore.Mailbox{}, err
	}
	for _, b := range boxes {
		if b.Name == name {
			return b, nil
		}
	}
	return mailstore.Mailbox{}, mailstore.ErrNoMailbox
}

// apply runs one change.
func (s *session) apply(c mailstore.Change) (mailstore.Event, error) {
	defer s.progress().end()
	events, err := s.server.Store.Apply(s.ctx, s.owner, c)
	if err != nil {
		return mailstore.Event{}, err
	}
	return events[0], nil
}

// writable says why the selected mailbox may not be changed, if so (EXAMINE).
func (s *session) writable() error {
	if s.box.readOnly {
		return no("NOPERM", "mailbox is open for reading only")
	}
	return nil
}
