package mailstore

import (
	"slices"
	"strings"
)

// MarkThere is what every message has that is there: engines keep the set of all
// beside those of the other marks.
const MarkThere Mark = 0

// Marks are all that engines keep a set of.
func Marks() []Mark { return []Mark{MarkThere, MarkUnseen, MarkDeleted} }

// Marked says whether an entry has a mark.
func (e Entry) Marked(m Mark) bool {
	switch m {
	case MarkUnseen:
		return !slices.Contains(e.Flags, Seen)
	case MarkDeleted:
		return slices.Contains(e.Flags, Deleted)
	}
	return m == MarkThere
}

// Tally is what a write does to what engines keep beside the entries of a mailbox, so
// that nobody has to read a million of them: sets by mark, and keywords with how
// many messages have them.
type Tally struct {
	in, out [3][]UID // by mark
	Words   map[string]Word
}

// Word is a keyword, under its lower case in a Tally.
type Word struct {
	Spelling string // one of those it came in
	More     int    // messages that have it now and had not; negative: less
}

// Sets are the UIDs that come to a set and those that leave it. None is in both.
func (t *Tally) Sets(m Mark) (in, out UIDSet) {
	return UIDsOf(t.in[m]...), UIDsOf(t.out[m]...)
}

// Note takes down that an entry came, changed or went. Either may be nil.
func (t *Tally) Note(was, is *Entry) {
	for _, m := range Marks() {
		before, after := was != nil && was.Marked(m), is != nil && is.Marked(m)
		switch {
		case after && !before:
			t.in[m] = append(t.in[m], is.UID)
		case before && !after:
			t.out[m] = append(t.out[m], was.UID)
		}
	}
	if was != nil {
		t.count(was.Flags, -1)
	}
	if is != nil {
		t.count(is.Flags, 1)
	}
}

func (t *Tally) count(flags []string, n int) {
	for _, k := range flags {
		if k[0] == '\\' {
			continue
		}
		folded := strings.ToLower(k)
		w, known := t.Words[folded]
		if !known {
			w.Spelling = k
		}
		w.More += n
		if t.Words == nil {
			t.Words = map[string]Word{}
		}
		t.Words[folded] = w
	}
}

// Tallies are what a write does to each mailbox's sets and keywords.
func (w Writes) Tallies() map[MailboxID]*Tally {
	all := map[MailboxID]*Tally{}
	for _, m := range w.Messages {
		t := all[m.Box]
		if t == nil {
			t = &Tally{}
			all[m.Box] = t
		}
		var was, is *Entry
		if m.Was != 0 {
			was = &m.Stored
		}
		if !m.Entry.Gone {
			is = &m.Entry
		}
		t.Note(was, is)
	}
	return all
}
