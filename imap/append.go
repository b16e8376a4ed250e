package imap

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	goimap "github.com/emersion/go-imap/v2"

	"sealpost/account"
	"sealpost/filestore/spool"
	"sealpost/mail"
	"sealpost/mailstore"
	"sealpost/pgp"
)

// spoolMemory is what an appended mail takes of memory before its spool goes
// to an encrypted file.
const spoolMemory = 1 << 20

// appendArgs is what stands before the mail of an APPEND.
type appendArgs struct {
	box   string
	flags []string
	date  time.Time
	utf8  bool // "UTF8 (~{n}": RFC 6855, section 4
}

// append is APPEND (RFC 9051, section 6.3.12). What can be refused is refused
// before the mail is asked for.
func (s *session) append(c command) error {
	args, err := s.acceptAppend(c)
	if err != nil {
		return s.declineMail(c, err)
	}
	if !c.mail.open {
		s.wire.WriteString("+ go on\r\n")
	}
	whole := spool.New(s.server.Spool, spoolMemory, s.server.Limits.Message)
	defer whole.Close()
	in := io.LimitReader(s.wire.in, c.mail.size)
	clean := mail.NewLineEnds(whole)
	if _, err = io.Copy(clean, in); err == nil {
		err = clean.Close()
	}
	if _, rest := io.Copy(io.Discard, in); rest != nil || s.wire.over != nil {
		return s.wire.end(io.ErrUnexpectedEOF) // cut short: nothing is stored
	}
	if tail := s.tail(args.utf8); tail != nil {
		return tail
	}
	if err != nil {
		return s.fault("spool an appended mail", err)
	}
	e, err := s.seal(args, whole)
	if err != nil {
		return s.fault("append", err)
	}
	if err := s.tell(true); err != nil {
		return err
	}
	s.wire.reply(c.tag, "OK [APPENDUID %d %d] APPEND completed", e.Valid, e.UIDs[0])
	return nil
}

// acceptAppend checks all that is known before the mail.
func (s *session) acceptAppend(c command) (appendArgs, error) {
	args, ok := parseAppend(c)
	if !ok {
		return args, bad("expected APPEND mailbox [(flags)] [date] literal")
	}
	if c.mail.size > s.server.Limits.Message {
		return args, no(goimap.ResponseCodeTooBig, fmt.Sprintf("a message has at most %d octets here", s.server.Limits.Message))
	}
	if c.mail.size == 0 {
		return args, no(goimap.ResponseCodeCannot, "an empty message is none")
	}
	var err error
	if args.flags, err = mailstore.CleanFlags(args.flags); err != nil {
		return args, s.fault("append", err)
	}
	box, err := s.target(args.box)
	args.box = box.Name
	return args, s.fault("append", err)
}

// parseAppend reads: mailbox [SP flag-list] [SP date-time] SP, up to the literal.
func parseAppend(c command) (a appendArgs, ok bool) {
	p := parser{rest: c.args}
	name, ok := p.astring()
	if !ok || c.mail == nil || !p.space() {
		return a, false
	}
	if a.box, ok = decodeName(name); !ok {
		return a, false
	}
	if strings.HasPrefix(p.rest, "(") {
		ok := p.list(func() bool {
			f, ok := p.flag()
			if f != `\Recent` {
				a.flags = append(a.flags, f)
			}
			return ok
		})
		if !ok || !p.space() {
			return a, false
		}
	}
	if strings.HasPrefix(p.rest, `"`) {
		if a.date, ok = p.dateTime(); !ok || !p.space() {
			return a, false
		}
	}
	if strings.EqualFold(p.rest, "UTF8 (") && c.mail.binary {
		a.utf8, p.rest = true, ""
	}
	return a, p.end()
}

// declineMail answers an APPEND that is refused. A mail that is on its way all
// the same is read and forgotten.
func (s *session) declineMail(c command, why error) error {
	if c.mail == nil || !c.mail.open {
		return why
	}
	if err := s.wire.skip(c.mail.size); err != nil {
		return err
	}
	s.tail(strings.HasSuffix(strings.ToUpper(c.args), "UTF8 ("))
	return why
}

// tail reads what must be the end of the command.
func (s *session) tail(utf8 bool) error {
	want := ""
	if utf8 {
		want = ")"
	}
	line, err := s.wire.readLine(nil, maxLobbyCommand)
	switch {
	case err == nil && string(line) == want:
		return nil
	case err == nil:
		if _, l, _ := trailingLiteral(line); l == nil || !l.open {
			return bad("one message in one APPEND")
		}
		fallthrough // another literal is on its way: framing is lost
	case errors.Is(err, errTooBig):
		s.wire.linger = true
		return s.wire.bye("one message in one APPEND")
	}
	return err
}

// seal looks at a spooled mail, seals it to the account's own key and stores it,
// unless it is the second copy of a mail that was filed at submission.
// Ciphertext for that key is left as it is: Seal knows it by its packets.
func (s *session) seal(args appendArgs, whole *spool.Spool) (mailstore.Event, error) {
	a, err := s.server.Book.Resolve(s.ctx, s.address) // as it is now
	if err != nil {
		return mailstore.Event{}, fmt.Errorf("find account: %w", err)
	}
	if a.ID != s.account {
		return mailstore.Event{}, account.ErrUnknown // the address is another's by now
	}
	to, err := s.server.Book.Recipient(s.ctx, a)
	if err != nil {
		return mailstore.Event{}, fmt.Errorf("find key: %w", err)
	}
	now := s.server.Now()
	received := args.date
	if received.IsZero() {
		received = now
	}
	gist := mail.Look(s.ctx, whole, mail.DefaultLimits)
	if e, found, err := s.filed(a, args.box, gist.MessageID); found || err != nil {
		return e, err
	}
	sealed, err := pgp.Seal(s.ctx, pgp.Mail{Bytes: whole, Gist: gist, Time: now}, to)
	if err != nil {
		return mailstore.Event{}, fmt.Errorf("seal: %w", err)
	}
	return s.server.Store.Deliver(s.ctx, s.owner, mailstore.Delivery{
		Box:      args.box,
		Sealed:   sealed,
		Flags:    args.flags,
		Received: received,
	})
}
