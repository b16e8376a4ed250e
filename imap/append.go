package imap

import (
	"fmt"
	"io"
	"strconv"
	"time"

	"sealpost/account"
	"sealpost/filestore/spool"
	"sealpost/imap/wire"
	"sealpost/mail"
	"sealpost/mailstore"
	"sealpost/pgp"
)

// spoolMemory is what the mails of an APPEND take of memory together before their
// spools go to encrypted files.
const spoolMemory = 1 << 20

// appendArgs is what stands before the mail of an APPEND.
type appendArgs struct {
	box   string
	flags []string
	date  time.Time
	utf8  bool // "UTF8 (~{n}": RFC 6855, section 4
}

// draft is one mail of an APPEND.
type draft struct {
	appendArgs
	mail *spool.Spool
}

// maxDrafts bounds the mails of one APPEND (RFC 3502). Together they are no
// larger than one may be.
const maxDrafts = 64

// append is APPEND (RFC 9051, section 6.3.12) and MULTIAPPEND (RFC 3502). What
// can be refused is refused before the mail is asked for; all mails are stored,
// or none.
func (s *session) append(r *request) error {
	args, ok := parseAppend(r.Args, r.Mail, s.wire.UTF8)
	if !ok {
		return bad("expected APPEND mailbox [(flags)] [date] literal")
	}
	if err := s.accept(&args, r.Mail.Size); err != nil {
		return err
	}
	box, err := s.target(args.box)
	if err != nil {
		return s.fault("append", err)
	}
	args.box = box.Name
	drafts, err := s.takeMails(r, args)
	defer closeDrafts(drafts)
	if err != nil {
		return s.fault("take an appended mail", err)
	}
	e, err := s.file(drafts, mailstore.Place{})
	if err != nil {
		return s.fault("append", err)
	}
	s.put(e)
	r.code = appended(e)
	return nil
}

func closeDrafts(drafts []draft) {
	for _, d := range drafts {
		d.mail.Close()
	}
}

func appended(e mailstore.Event) string {
	return "APPENDUID " + strconv.FormatUint(uint64(e.Valid), 10) + " " + uidSet(e.UIDs)
}

// takeMails reads the mails of a command to its end. On an error a mail that is
// still to come is left in the request.
func (s *session) takeMails(r *request, args appendArgs) (drafts []draft, err error) {
	room, memory := s.server.Limits.Message, int64(spoolMemory)
	for {
		d := draft{args, spool.New(s.server.Spool, memory, s.server.Limits.Message)}
		room, memory = room-r.Mail.Size, max(memory-r.Mail.Size, 0)
		drafts = append(drafts, d)
		wrong := s.takeMail(r, d.mail)
		if s.wire.Over() {
			return drafts, wrong
		}
		rest, next, err := s.wire.ReadMore()
		if err != nil {
			return drafts, err
		}
		r.Mail = next
		switch {
		case wrong != nil:
			return drafts, wrong
		case args.utf8 && !rest.Special(")"):
			return drafts, bad("expected ) behind the mail")
		case next == nil && rest.End():
			return drafts, nil
		case next == nil || r.Name != "APPEND" || !rest.Space():
			return drafts, bad("expected nothing more, or another mail")
		}
		args = appendArgs{box: args.box}
		if !args.parse(&rest, next) {
			return drafts, bad("expected [(flags)] [date] literal")
		}
		if err := s.accept(&args, next.Size); err != nil {
			return drafts, err
		}
		if next.Size > room || len(drafts) == maxDrafts {
			return drafts, no("TOOBIG", "that is too much in one command")
		}
	}
}

// takeMail asks for a mail, if its client waits for that, and reads it. What is
// wrong with it is known only when it is read whole.
func (s *session) takeMail(r *request, whole *spool.Spool) error {
	if !r.Mail.Open {
		s.wire.GoOn()
	}
	in := io.LimitReader(s.wire, r.Mail.Size)
	clean := s.lineEnds(whole, r.Mail.Binary)
	r.Mail = nil
	_, err := io.Copy(clean, in)
	if err == nil {
		err = clean.Close()
	}
	if _, rest := io.Copy(io.Discard, in); rest != nil || s.wire.Over() {
		return s.wire.Broken() // cut short: nothing is stored
	}
	return err
}

// accept checks what is known before a mail.
func (s *session) accept(args *appendArgs, size int64) (err error) {
	if args.flags, err = mailstore.CleanFlags(args.flags); err != nil {
		return s.fault("append", err)
	}
	return s.acceptSize(size)
}

func (s *session) acceptSize(size int64) error {
	switch {
	case size > s.server.Limits.Message:
		return no("TOOBIG", fmt.Sprintf("a message has at most %d octets here", s.server.Limits.Message))
	case size == 0:
		return no("CANNOT", "an empty message is none")
	}
	return nil
}

// parseAppend reads: mailbox [SP flag-list] [SP date-time] SP, up to the literal.
func parseAppend(p wire.Parser, m *wire.Literal, utf8 bool) (a appendArgs, ok bool) {
	if a.box, ok = p.Box(utf8); !ok || m == nil || !p.Space() {
		return a, false
	}
	ok = a.parse(&p, m)
	return a, ok
}

// parse reads: [flag-list SP] [date-time SP], up to the literal.
func (a *appendArgs) parse(p *wire.Parser, m *wire.Literal) (ok bool) {
	if p.Next("(") {
		if a.flags, ok = p.Flags(); !ok || !p.Space() {
			return false
		}
	}
	if p.Next(`"`) {
		if a.date, ok = p.DateTime(); !ok || !p.Space() {
			return false
		}
	}
	if p.Fold("UTF8 (") {
		a.utf8 = true
		return m.Binary && p.End()
	}
	return p.End()
}

// file seals mails and stores them, in the place of another if one is given.
// A single one may be the second copy of what was filed at submission.
func (s *session) file(drafts []draft, instead mailstore.Place) (mailstore.Event, error) {
	if s.server.Keeping != nil {
		return s.keepAll(drafts, instead)
	}
	p := s.progress()
	defer p.end()
	a, to, err := s.recipient()
	if err != nil {
		return mailstore.Event{}, err
	}
	deliveries := make([]mailstore.Delivery, len(drafts))
	for i, d := range drafts {
		p.done(i, len(drafts))
		gist := mail.Look(s.ctx, d.mail, mail.DefaultLimits)
		if len(drafts) == 1 && instead.UID == 0 {
			if e, found, err := s.filed(a, d.box, gist.MessageID); found || err != nil {
				return e, err
			}
		}
		if deliveries[i], err = s.seal(d, gist, to); err != nil {
			return mailstore.Event{}, err
		}
	}
	deliveries[0].Instead = instead
	if len(deliveries) == 1 {
		return s.server.Store.Deliver(s.ctx, s.owner, deliveries[0])
	}
	events, err := s.server.Store.DeliverAll(s.ctx, s.owner, deliveries)
	if err != nil {
		return mailstore.Event{}, err
	}
	all := events[0]
	for _, e := range events[1:] {
		all.UIDs = append(all.UIDs, e.UIDs...)
	}
	return all, nil
}

// recipient is the account as it is now, and its key.
func (s *session) recipient() (account.Account, pgp.Recipient, error) {
	a, err := s.server.Book.Resolve(s.ctx, s.address)
	if err != nil {
		return a, pgp.Recipient{}, fmt.Errorf("find account: %w", err)
	}
	if a.ID != s.account {
		return a, pgp.Recipient{}, account.ErrUnknown // the address is another's by now
	}
	to, err := s.server.Book.Recipient(s.ctx, a)
	if err != nil {
		return a, to, fmt.Errorf("find key: %w", err)
	}
	return a, to, nil
}

// seal seals a spooled mail to the account's own key. Ciphertext for that key is
// left as it is: Seal knows it by its packets.
func (s *session) seal(d draft, gist *mail.Gist, to pgp.Recipient) (mailstore.Delivery, error) {
	now := s.server.Now()
	received := d.date
	if received.IsZero() {
		received = now
	}
	if gist.Date.IsZero() { // then it was sent when it came (RFC 5256, section 2.2)
		gist.Date = received
	}
	sealed, err := pgp.Seal(s.ctx, pgp.Mail{Bytes: d.mail, Gist: gist, Time: now}, to)
	if err != nil {
		return mailstore.Delivery{}, fmt.Errorf("seal: %w", err)
	}
	return mailstore.Delivery{Box: d.box, Sealed: sealed, Flags: d.flags, Received: received}, nil
}
