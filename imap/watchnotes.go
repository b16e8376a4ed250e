package imap

import (
	"hash/maphash"
	"maps"
	"slices"

	"sealpost/mailstore"
)

// maxMarks bounds the entries of metadata whose state is kept for a client.
const maxMarks = 5000

// marks tell whether entries of metadata changed, without keeping what they say.
type marks map[string]uint64

// noted is what stands beside a mailbox, or beside the account, as its client knows it.
type noted struct {
	marks marks
	at    mailstore.Modseq // of the mailbox: while that is the same, this is
}

func (w *watch) mark(value string) uint64 { return maphash.String(w.seed, value) }

// notesWanted are the mailboxes of which changes of metadata are told (RFC 5465,
// sections 5.6 and 5.7); 0 is the account.
func (w *watch) notesWanted(t *tree) (boxes []mailstore.Mailbox) {
	if w.wanted&serverMetadata != 0 {
		boxes = append(boxes, mailstore.Mailbox{})
	}
	if w.wanted&mailboxMetadata == 0 {
		return boxes
	}
	for _, b := range t.branches {
		if b.real && w.events(b.name, b.subscribed)&mailboxMetadata != 0 {
			boxes = append(boxes, b.box)
		}
	}
	return boxes
}

// learnNotes takes down what stands beside the mailboxes, unless that is too much. It
// reads only what may have changed: setting an entry gives its mailbox a MODSEQ.
func (s *session) learnNotes(w *watch, t *tree) error {
	known := w.notes
	w.notes = map[mailstore.MailboxID]noted{}
	boxes := w.notesWanted(t)
	if len(boxes) > maxWatched {
		return tooMuch
	}
	sum := 0
	for _, b := range boxes {
		n, there := known[b.ID]
		if !there || b.ID == 0 || n.at != b.Modseq {
			all, _, err := s.noted(b.ID)
			if err != nil {
				return err
			}
			n = noted{marks: marks{}, at: b.Modseq}
			for name, value := range all {
				n.marks[name] = w.mark(value)
			}
		}
		w.notes[b.ID] = n
		if sum += len(n.marks); sum > maxMarks {
			return tooMuch
		}
	}
	return nil
}

// tellNotes tells which entries of metadata changed, without their values (RFC
// 5464, section 4.4.2).
func (s *session) tellNotes(before map[mailstore.MailboxID]noted, t *tree) {
	for _, b := range s.watch.notesWanted(t) {
		was, now := before[b.ID].marks, s.watch.notes[b.ID].marks
		changed := map[string]bool{}
		for _, m := range []marks{was, now} {
			for name := range m {
				x, before := was[name]
				y, there := now[name]
				if x != y || before != there {
					changed[name] = true
				}
			}
		}
		if len(changed) == 0 {
			continue
		}
		s.writeNoteBox(b)
		for _, name := range slices.Sorted(maps.Keys(changed)) {
			s.wire.Mark(' ')
			s.wire.Astring(name)
		}
		s.wire.Line()
	}
}

// noted: its client set these entries itself, which is not told.
func (w *watch) noted(box mailstore.MailboxID, changes []entryChange) {
	if !w.awake() {
		return
	}
	m := w.notes[box].marks
	for _, c := range changes {
		switch {
		case m == nil:
		case c.value == nil:
			delete(m, c.name)
		default:
			m[c.name] = w.mark(*c.value)
		}
	}
}
