package imap

import (
	"iter"
	"strconv"

	"sealpost/mailstore"
)

// selectBox and examine are SELECT and EXAMINE (RFC 9051, sections 6.3.2 and 6.3.3).
func (s *session) selectBox(r *request) error { return s.choose(r, false) }

func (s *session) examine(r *request) error { return s.choose(r, true) }

func (s *session) choose(r *request, readOnly bool) error {
	p := &r.Args
	name, ok := p.Box(s.wire.UTF8)
	if !ok {
		return bad("expected " + r.Name + " mailbox")
	}
	q, err := s.selectParams(p)
	if err != nil {
		return err
	}
	if s.box != nil {
		s.deselect() // whatever becomes of this (section 6.3.2; RFC 7162, section 3.2.11)
		s.wire.Str("* OK [CLOSED] the mailbox before is closed\r\n")
	}
	box, err := s.mailbox(name)
	if err != nil {
		return s.fault("select", err)
	}
	sleep := s.server.Store.Bus.Watch(string(s.owner), s.wire.Nudge)
	roster, err := s.server.Store.Index.Roster(s.ctx, s.owner, box.ID)
	if err != nil {
		sleep()
		return s.fault("select", err)
	}
	s.box = viewOf(roster, readOnly, s.lister(box.ID, mailstore.Columns{}))
	s.box.sleep, s.box.modseqs = sleep, s.enabled.condstore
	s.meet(roster.UIDs)
	s.present(roster.Mailbox)
	if q != nil && q.valid == box.UIDValidity {
		if err := s.resync(q); err != nil {
			s.deselect()
			return s.fault("select", err)
		}
	}
	r.quiet = true
	r.code = "READ-WRITE"
	if readOnly {
		r.code = "READ-ONLY"
	}
	return nil
}

// present says what is in the mailbox that was selected.
func (s *session) present(box mailstore.Mailbox) {
	v, w := s.box, s.wire
	s.untagged(v.count(), "EXISTS")
	if !s.enabled.rev2 {
		s.writeRecent()
		if n := v.firstUnseen(); n > 0 && !s.enabled.uidOnly {
			w.Str("* OK [UNSEEN " + strconv.Itoa(n) + "] first unseen message\r\n")
		}
	}
	w.Str("* OK [UIDVALIDITY " + strconv.FormatUint(uint64(box.UIDValidity), 10) + "] UIDs are valid\r\n")
	w.Str("* OK [UIDNEXT " + strconv.FormatUint(uint64(max(box.UIDNext, v.next())), 10) + "] predicted next UID\r\n")
	w.Str("* OK [HIGHESTMODSEQ " + modseqText(v.since) + "] the highest\r\n")
	w.Str("* OK [MAILBOXID (" + mailboxID(box.ID) + ")] the mailbox's name for ever\r\n")
	s.writeKeywords()
	if s.enabled.rev2 {
		w.Str(`* LIST () "/" `)
		w.Box(box.Name)
		w.Line()
	}
}

// lister reads messages of a mailbox.
func (s *session) lister(box mailstore.MailboxID, c mailstore.Columns) lister {
	return func(uids mailstore.UIDSet) iter.Seq2[*mailstore.Line, error] {
		return s.server.Store.Index.List(s.ctx, s.owner, box, uids, c)
	}
}

func (s *session) deselect() {
	if s.box != nil {
		s.box.sleep()
		s.watch.left(s.box)
	}
	s.box, s.saved, s.live, s.own = nil, nil, nil, mailstore.UIDSet{}
}
