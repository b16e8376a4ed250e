package imap

import (
	"context"
	"errors"
	"iter"
	"slices"
	"time"

	"sealpost/mailstore"
)

// view is the selected mailbox as its client knows it. A message's number is
// its place in set, which only changes together with what the client is told.
//
// It holds which messages there are and nothing of each: what is shown of one is
// read when somebody asks, and forgotten at the end of the command. A row can
// be newer than what the client was told, and then is told twice; it is never older.
type view struct {
	id       mailstore.MailboxID
	readOnly bool
	since    mailstore.Modseq // everything up to here has been read
	full     mailstore.Modseq // and up to here the client was told of everything
	shown    mailstore.Modseq // the highest that it was shown of a message since the last answer
	set      mailstore.UIDSet
	gone     mailstore.UIDSet // of set, expunged: the client has yet to be told
	unseen   mailstore.UID    // the first one when the mailbox was selected, or 0
	recent   mailstore.UIDSet // of set: the client is the first that is told of them (recent.go)
	flags    flagTable
	spoken   int                    // keywords that the client was told of
	told     map[mailstore.UID]told // what the client knows of messages that changed since the last read
	dead     bool                   // the mailbox itself is gone
	behind   bool                   // rows were read that are newer than since
	modseqs  bool                   // its client follows MODSEQs (CONDSTORE)

	list  lister
	page  []row // of the places from start on
	start int
	fault error // of the last reading of rows

	recentTold int // how many recent ones the client was told there are

	sleep  func() // ends the wake-ups
	looked time.Time
}

// lister reads messages of the view's mailbox.
type lister func(mailstore.UIDSet) iter.Seq2[*mailstore.Line, error]

// row is what is shown of a message without reading its mail.
type row struct {
	uid      mailstore.UID
	gone     bool // expunged meanwhile, or it could not be read: there is no more to show
	flags    *flagSet
	size     int64
	received int64 // Unix seconds
	modseq   mailstore.Modseq
	saved    int64 // when it entered this mailbox, Unix seconds
}

// told is what a client knows of a message.
type told struct {
	flags  uint64 // flagSet.sum
	modseq mailstore.Modseq
}

// news is what a view read since it was last asked.
type news struct {
	flagged []mailstore.UID // their flags may differ from what the client knows
	fresh   mailstore.UIDSet
	changed mailstore.UIDSet // those and all whose MODSEQ is another
}

// viewOf makes the view of a mailbox at one moment.
func viewOf(r mailstore.Roster, readOnly bool, list lister) *view {
	v := &view{id: r.ID, readOnly: readOnly, since: r.Modseq, full: r.Modseq, set: r.UIDs, unseen: r.FirstUnseen, list: list, looked: time.Now()}
	v.flags.learn(r.Keywords)
	v.spoken = v.flags.keywords
	return v
}

// count is how many messages there are.
func (v *view) count() int { return v.set.Len() }

// uid is that of the message at a place: number at+1.
func (v *view) uid(at int) mailstore.UID { return v.set.At(at) }

const (
	pageAhead = 512 // rows that are read where one follows the other,
	pageAlone = 16  // and where not
)

// at is the message at a place.
func (v *view) at(at int) row {
	if at < v.start || at >= v.start+len(v.page) {
		n := pageAlone
		if at == v.start+len(v.page) {
			n = pageAhead
		}
		v.turn(at, min(at+n, v.count()))
	}
	return v.page[at-v.start]
}

// turn reads the rows from lo to before hi.
func (v *view) turn(lo, hi int) {
	wanted := v.set.Slice(lo, hi)
	v.page, v.start = v.page[:0], lo
	for uid := range wanted.All() {
		v.page = append(v.page, row{uid: uid, gone: true})
	}
	at, there := 0, 0
	for line, err := range v.list(wanted) {
		if err != nil {
			v.fault = err
			return
		}
		for v.page[at].uid != line.UID {
			at++
		}
		there++
		v.page[at] = v.rowOf(line)
	}
	v.lacks(wanted, there)
}

// missed says that the last look did not find all, or could not be had.
func (v *view) missed() bool { return v.behind || v.looked.IsZero() }

// lacks notes that of some messages not all are there any more.
func (v *view) lacks(wanted mailstore.UIDSet, got int) { v.behind = v.behind || got < wanted.Len() }

// rowOf is what is shown of a line.
func (v *view) rowOf(line *mailstore.Line) row {
	v.behind = v.behind || line.Modseq > v.since
	return row{
		uid: line.UID, flags: v.flags.again(line.Flags), size: line.Size,
		received: line.Received.Unix(), modseq: line.Modseq, saved: line.Saved.Unix(),
	}
}

// forget drops the rows that were read.
func (v *view) forget() { v.page, v.start = nil, 0 }

// failed says what kept rows from being read, once.
func (v *view) failed() error {
	err := v.fault
	v.fault = nil
	return err
}

// believe notes what the client knows of a message: the next read need not tell it.
func (v *view) believe(uid mailstore.UID, what told) {
	if v.told == nil {
		v.told = map[mailstore.UID]told{}
	}
	v.told[uid] = what
}

// knows says whether the client was told what a line says.
func (v *view) knows(line *mailstore.Line, flags *flagSet) bool {
	what, ok := v.told[line.UID]
	return ok && what.flags == flags.sum && (what.modseq == line.Modseq || !v.modseqs)
}

// next is the lowest UID that a message to come may have, as far as seen.
func (v *view) next() mailstore.UID { return v.set.Last() + 1 }

// firstUnseen is the number of the first message without \Seen, or 0.
func (v *view) firstUnseen() int {
	at, there := v.find(v.unseen)
	if !there {
		return 0
	}
	return at + 1
}

// find gives the place of a UID, or where it would stand.
func (v *view) find(uid mailstore.UID) (int, bool) { return v.set.Find(uid) }

// read brings the view up to date with the index.
func (v *view) read(ctx context.Context, s *mailstore.Store, o mailstore.Owner) (n news, err error) {
	v.behind = false
	c, err := s.Index.Changes(ctx, o, v.id, v.since)
	switch {
	case errors.Is(err, mailstore.ErrNoMailbox):
		return n, v.orphaned(ctx, s, o)
	case err != nil:
		return n, err
	}
	if c.Modseq > v.since {
		err = v.take(c, &n)
	}
	return n, err
}

// orphaned finds out whether only the mailbox is gone.
func (v *view) orphaned(ctx context.Context, s *mailstore.Store, o mailstore.Owner) error {
	boxes, err := s.Index.Mailboxes(ctx, o)
	if err == nil && len(boxes) == 0 { // nobody is without INBOX
		err = mailstore.ErrNoOwner
	}
	if err == nil {
		v.dead, v.gone = true, v.set
	}
	return err
}

// take puts changes into the view. Those whose flags the client was told as they
// are now are no news.
func (v *view) take(c mailstore.Changes, n *news) error {
	v.forget()
	fresh := c.Changed.Between(v.next(), c.UIDNext)
	for line, err := range v.list(c.Changed) {
		if err != nil {
			return err
		}
		flags := v.flags.again(line.Flags)
		if v.set.Has(line.UID) && !v.knows(line, flags) {
			n.flagged = append(n.flagged, line.UID)
		}
	}
	n.changed = c.Changed
	v.gone = v.gone.Union(c.Vanished.Common(v.set))
	v.set, n.fresh = v.set.Union(fresh), fresh
	v.since, v.told = c.Modseq, nil
	return nil
}

// drop takes the expunged out of the view and gives their numbers, the highest
// first, so that each is right at the moment it is said.
func (v *view) drop() (numbers []uint32) {
	if v.gone.Len() == 0 {
		return nil
	}
	for uid := range v.gone.All() {
		at, _ := v.find(uid)
		numbers = append(numbers, uint32(at+1))
	}
	v.forget()
	v.set, v.recent, v.gone = v.set.Minus(v.gone), v.recent.Minus(v.gone), mailstore.UIDSet{}
	slices.Reverse(numbers)
	return numbers
}
