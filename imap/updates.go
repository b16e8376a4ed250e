package imap

import (
	"cmp"
	"errors"
	"time"

	"sealpost/mailstore"
)

// lookAgain is how long a view is believed without a wake-up: across nodes
// these are hints that may be lost.
const lookAgain = 15 * time.Second

// lookIdle is the same for who idles: thousands do, and what each look leaves to
// the collector is soon more than what a connection holds.
const lookIdle = time.Minute

// tell writes what is new to the client: of the selected mailbox, and of others
// if it asked for that (NOTIFY). expunge says whether message numbers may change at
// this moment; if not, expunges wait for one at which they may. due says that a
// command answers by it: then it is told, whatever NOTIFY asked for.
func (s *session) tell(expunge, due bool) error {
	want := s.watch.ofSelected()
	for turn := 0; (want != 0 || due) && (turn == 0 || turn < maxTurns && s.overtaken()); turn++ {
		if err := s.tellSelected(expunge, want); err != nil {
			return err
		}
	}
	if s.watch == nil || s.wire.Over() {
		return nil
	}
	return s.tellWatched()
}

// maxTurns bounds how often is looked again because others changed what is being told.
const maxTurns = 4

// overtaken says that others changed what was being told, so that not all of it was.
func (s *session) overtaken() bool {
	return s.box != nil && s.box.behind && !s.box.dead && !s.wire.Over()
}

// tellSelected brings the selected mailbox up to date and writes what is new.
func (s *session) tellSelected(expunge bool, want events) error {
	v := s.box
	if v == nil || v.dead && v.gone.Len() == 0 {
		return nil
	}
	stood := v.since
	n, err := s.look()
	if errors.Is(err, mailstore.ErrNoOwner) {
		return s.wire.Bye("this account is gone")
	}
	if err != nil {
		return s.fault("read changes", err)
	}
	s.newKeywords()
	if expunge {
		s.tellGone()
		s.writeExpunged()
	}
	if n.fresh.Len() > 0 {
		s.untagged(v.count(), "EXISTS")
	}
	if v.recent.Len() != v.recentTold {
		s.writeRecent()
	}
	for _, uid := range n.flagged {
		// What was changed again since the look waits for the next one: a client takes the
		// highest MODSEQ it is told for how far it knows all, and others may lie between.
		if at, ok := v.find(uid); ok && want&flagChange != 0 && v.at(at).modseq <= v.since {
			s.writeFlags(at)
		}
	}
	missed := s.fault("read what changed", v.failed())
	switch {
	case missed != nil:
		v.since, v.behind = stood, true // the next look finds it again
	case v.gone.Len() == 0 && (len(n.flagged) == 0 || want&flagChange != 0):
		v.full = v.since
	}
	s.tellContexts(n)
	err = s.tellNew(n.fresh)
	v.forget() // the next command reads what is there by then
	return cmp.Or(missed, err)
}

// stand says before an answer up to where the client was told of everything: in the answer, if
// messages went (RFC 7162, sections 3.2.7 and 3.2.9; RFC 6851, section 4.4; RFC 8508, section
// 4.5), and otherwise if it was shown of a message what is newer. For then it takes the highest
// MODSEQ it was shown for how far it knows all (RFC 7162, section 6), and would never ask
// for what lies between: expunges that wait for their moment, and what could not be read.
func (s *session) stand(r *request) {
	v := s.box
	if v == nil || !s.enabled.condstore {
		return
	}
	switch {
	case r.went:
		r.code = "HIGHESTMODSEQ " + modseqText(v.full)
	case v.shown > v.full:
		s.wire.Str("* OK [HIGHESTMODSEQ " + modseqText(v.full) + "] up to there all was told\r\n")
	}
	v.shown = 0
}

// hear notes a wake-up for all who have to look.
func (s *session) hear(nudged bool) {
	if !s.wire.Nudged() && !nudged {
		return
	}
	s.stirred = true
	if s.watch != nil {
		s.watch.stirred = true
	}
}

// look reads the index if there is a reason to: a wake-up, time gone by, or that the
// client was shown what is newer than all it was told. What came before that must
// follow now: clients take the highest MODSEQ they see for how far they are.
func (s *session) look() (news, error) {
	v := s.box
	v.forget()
	s.hear(false) // before reading, so that what comes meanwhile wakes again
	woken := s.stirred
	s.stirred = false
	if !woken && !v.behind && time.Since(v.looked) < lookAgain {
		return news{}, nil
	}
	v.looked = time.Now()
	n, err := v.read(s.ctx, s.server.Store, s.owner)
	if err != nil {
		v.looked = time.Time{} // the wake-up was not used
	}
	s.meet(n.fresh)
	return n, err
}

// untagged writes "* n WORD".
func (s *session) untagged(n int, word string) {
	s.wire.Str("* ")
	s.wire.Num(uint64(n))
	s.wire.Mark(' ')
	s.wire.Str(word)
	s.wire.Line()
}

// writeExpunged tells what is gone and forgets it: by number, or by UID to
// whoever asked for that (RFC 7162, section 3.2.10; RFC 9586, section 3.3).
func (s *session) writeExpunged() {
	if s.enabled.qresync || s.enabled.uidOnly {
		if gone := s.box.gone; gone.Len() > 0 {
			s.wire.Str("* VANISHED " + gone.String())
			s.wire.Line()
		}
		s.box.drop()
		return
	}
	for _, n := range s.box.drop() {
		s.untagged(int(n), "EXPUNGE")
	}
}

// writeKeywords tells the flags of the mailbox, and that they are kept: one that is
// not among PERMANENTFLAGS counts as one that cannot be (RFC 9051, section 7.1).
func (s *session) writeKeywords() {
	all, permanent := s.box.flags.all(), ""
	if !s.box.readOnly {
		permanent = all + ` \*`
	}
	s.wire.Str("* FLAGS (" + all + ")\r\n* OK [PERMANENTFLAGS (" + permanent + ")] flags that are kept\r\n")
}

// head begins what is said of a message. With uid its UID is told, too.
func (s *session) head(at int, r row, uid bool) (next string) {
	w := s.wire
	w.Str("* ")
	if s.enabled.uidOnly {
		w.Num(uint64(r.uid))
		w.Str(" UIDFETCH (")
		return ""
	}
	w.Num(uint64(at + 1))
	w.Str(" FETCH (")
	if !uid {
		return ""
	}
	w.Str("UID ")
	w.Num(uint64(r.uid))
	return " "
}

// writeFlags tells the flags of a message that nobody asked for.
func (s *session) writeFlags(at int) {
	r := s.box.at(at)
	if r.gone {
		return
	}
	s.wire.Str(s.head(at, r, true))
	s.wire.Str("FLAGS ")
	s.wire.Str(s.box.flagText(r))
	if s.enabled.condstore {
		s.wire.Mark(' ')
		s.writeModseq(r)
	}
	s.wire.Str(")\r\n")
}

func (s *session) writeModseq(r row) {
	s.box.shown = max(s.box.shown, r.modseq)
	s.wire.Str("MODSEQ (")
	s.wire.Num(uint64(r.modseq))
	s.wire.Mark(')')
}
