package mailstore

import (
	"errors"
	"fmt"
	"iter"
	"math"
	"time"

	"sealpost/filestore"
)

// Books are one owner's counters: what stamping reads first and writes last.
type Books struct {
	Open   bool      // false: no such owner
	Modseq Modseq    // highest given
	Box    MailboxID // highest given
	Valid  uint32    // highest UIDVALIDITY given
	Usage
}

// Rows is what stamping reads of one owner's stored rows. The engine answers
// from within the transaction that will write.
type Rows interface {
	Books() (Books, error)
	// Mailboxes are all rows; Mailbox is one, or ErrNoMailbox. Subscribed is not read.
	Mailboxes() ([]Mailbox, error)
	Mailbox(MailboxID) (Mailbox, error)
	// Entry is one row, or ErrNoMail; Entries are all of a mailbox by UID.
	Entry(MailboxID, UID) (Entry, error)
	Entries(MailboxID) iter.Seq2[Entry, error]
	// UIDs are all of a mailbox; Marked are those with a mark.
	UIDs(MailboxID) (UIDSet, error)
	Marked(MailboxID, Mark) (UIDSet, error)
	// Letters are those of one mail, or ErrNoMail.
	Letters(MailboxID, UID) ([]Stored, error)
	// Shares is how many entries point at a blob that Append gave to one: 1 unless copied.
	Shares(filestore.ID) (int, error)
	Subscriptions() ([]string, error)
	// Note is what stands beside a mailbox, or at NoteOwner or NoteImports. NoteBytes is
	// how much they are together.
	Note(MailboxID) ([]byte, error)
	NoteBytes() (int64, error)
	// Expunged finds the lowest MODSEQ at or below which at least n expunged UIDs
	// are remembered, and how many are.
	Expunged(box MailboxID, n int) (Modseq, int, error)
}

// Writes is all that one call changes. The engine writes it whole or not at all.
type Writes struct {
	Wipe          bool        // first of all, delete every row of the owner
	Books         Books       // to put, if Open
	Dropped       []MailboxID // rows of these mailboxes to delete, with all below them
	Mailboxes     []Mailbox   // to put; Subscribed is not stored here
	Messages      []Message
	Pruned        []MailboxID          // drop remembered expunges at or below the mailbox's Floor
	Shares        map[filestore.ID]int // new counts; 1 and less need no row
	Subscriptions map[string]bool
	Notes         map[MailboxID][]byte // to put; an empty one is to delete
}

// Message is what becomes of one message.
type Message struct {
	Box    MailboxID
	Was    Modseq // of the stored row; 0: there is none, and
	Born   Modseq // is the MODSEQ the message entered the mailbox with: it never falls as UIDs rise
	Stored Entry  // what the stored row says
	Entry  Entry  // to put; Gone: to delete, with its mail, and to remember
	Mail   *Mail  // to put
	From   Place  // when it is set: put a copy of the mail that is stored there
	// Letters, when it is set, are those of the stored mail from now on (or of its
	// copy, with From). Copies are to be made before stored mails are changed.
	Letters []Stored
}

// Place is where a mail stands.
type Place struct {
	Box MailboxID
	UID UID
}

// Clerk stamps changes: it is all that engines share, so an engine only reads
// and writes rows. It keeps nothing.
type Clerk struct {
	Now      time.Time
	Remember int // expunged UIDs kept of a mailbox, at least
}

// Stamp works out what changes do to rows. It reads rows and changes nothing;
// if it fails, nothing must be written.
func (c Clerk) Stamp(rows Rows, changes []Change) (Writes, []Event, error) {
	w, answers, err := c.StampEach(rows, [][]Change{changes})
	if err == nil {
		err = answers[0].Err
	}
	if err != nil {
		return Writes{}, nil, err
	}
	return w, answers[0].Events, nil
}

// Answer is what became of one caller's changes.
type Answer struct {
	Events []Event
	Err    error // none of the changes is made
}

// StampEach is Stamp for the changes of many callers, as if those of each were written
// before the next one's: whoever is refused changes nothing for the others. Only when
// it fails itself must nothing at all be written.
func (c Clerk) StampEach(rows Rows, calls [][]Change) (Writes, []Answer, error) {
	answers := make([]Answer, len(calls))
	for {
		d := desk{rows: rows, clerk: c}
		var err error
		if d.books, err = rows.Books(); err != nil {
			return Writes{}, nil, fmt.Errorf("read books: %w", err)
		}
		if d.each(calls, answers) {
			if err := d.prune(); err != nil {
				return Writes{}, nil, err
			}
			return d.writes(), answers, nil
		}
	}
}

// each stamps the calls that were not refused before. When one is refused now the
// desk is no longer good: what comes before that one will come out the same again.
func (d *desk) each(calls [][]Change, answers []Answer) bool {
	for i, changes := range calls {
		if answers[i].Err != nil {
			continue
		}
		events := make([]Event, len(changes))
		for j, change := range changes {
			var err error
			if events[j], err = d.apply(change); err != nil {
				answers[i] = Answer{Err: err}
				return false
			}
		}
		answers[i].Events = events
	}
	return true
}

// Empty says whether there is nothing to write.
func (w Writes) Empty() bool {
	return !w.Wipe && !w.Books.Open && len(w.Mailboxes)+len(w.Dropped)+len(w.Messages)+len(w.Subscriptions)+len(w.Notes) == 0
}

// desk is one call in the making: what is stored, and over it what the changes
// so far have made of it.
type desk struct {
	rows     Rows
	clerk    Clerk
	books    Books
	touched  bool // books are to be written
	wiped    bool // stored rows count no longer
	whole    bool // boxes holds every mailbox
	boxes    []*box
	byID     map[MailboxID]*box
	messages map[Place]*Message
	order    []*Message
	shares   map[filestore.ID]int
	subs     map[string]bool
	notes    map[MailboxID][]byte
}

type box struct {
	Mailbox
	dirty, dropped, made bool
}

func (d *desk) apply(change Change) (Event, error) {
	if quota, ok := change.(SetQuota); ok {
		return d.setQuota(quota)
	}
	if !d.books.Open {
		return Event{}, ErrNoOwner
	}
	switch c := change.(type) {
	case Create:
		return d.create(c)
	case Rename:
		return d.rename(c)
	case Remove:
		return d.remove(c)
	case Subscribe:
		return d.subscribe(c)
	case Append:
		return d.append(c)
	case SetFlags:
		return d.setFlags(c)
	case Copy:
		return d.copy(c)
	case Move:
		return d.move(c)
	case Expunge:
		return d.expunge(c)
	case PutLetters:
		return d.putLetters(c)
	case Reseal:
		return d.reseal(c)
	case Shed:
		return d.shed(c)
	case Note:
		return d.note(c)
	case Forget:
		return d.forget()
	}
	return Event{}, fmt.Errorf("unknown change %T", change)
}

func (d *desk) setQuota(c SetQuota) (Event, error) {
	if c.Bytes < 0 {
		return Event{}, errors.New("quota is negative")
	}
	d.books.Open, d.books.Quota, d.touched = true, c.Bytes, true
	return Event{}, nil
}

// next gives the MODSEQ of one change.
func (d *desk) next() Modseq {
	d.books.Modseq++
	d.touched = true
	return d.books.Modseq
}

// spend accounts for one message more (sign 1) or less (-1) of an owner.
func (d *desk) spend(letters []Stored, sign int64) {
	d.books.Bytes += sign * weight(letters)
	d.books.Messages += sign
	d.touched = true
}

// afford refuses what would take the usage past the quota.
func (d *desk) afford(letters []Stored) error {
	w := weight(letters)
	if w < 0 || w > math.MaxInt64-d.books.Bytes {
		return errors.New("letters have no size a store can have")
	}
	if d.books.Quota > 0 && d.books.Bytes+w > d.books.Quota {
		return ErrOverQuota
	}
	return nil
}

func weight(letters []Stored) int64 {
	var sum int64
	for _, l := range letters {
		if l.Size < 0 || l.Size > math.MaxInt64-sum {
			return -1
		}
		sum += l.Size
	}
	return sum
}

// share counts one entry more that points at each letter's blob.
func (d *desk) share(letters []Stored) error {
	for _, l := range letters {
		n, err := d.sharesOf(l.ID)
		if err != nil {
			return err
		}
		d.setShares(l.ID, n+1)
	}
	return nil
}

// release counts one entry less, and returns the blobs that nothing points at.
func (d *desk) release(letters []Stored) (freed []filestore.ID, err error) {
	for _, l := range letters {
		n, err := d.sharesOf(l.ID)
		if err != nil {
			return nil, err
		}
		if n <= 1 {
			freed = append(freed, l.ID)
			continue
		}
		d.setShares(l.ID, n-1)
	}
	return freed, nil
}

func (d *desk) sharesOf(id filestore.ID) (int, error) {
	if n, ok := d.shares[id]; ok {
		return n, nil
	}
	if d.wiped {
		return 1, nil
	}
	n, err := d.rows.Shares(id)
	if err != nil {
		return 0, fmt.Errorf("read shares of blob %s: %w", id, err)
	}
	return n, nil
}

func (d *desk) setShares(id filestore.ID, n int) {
	if d.shares == nil {
		d.shares = make(map[filestore.ID]int)
	}
	d.shares[id] = n
}

// prune forgets the oldest expunges of the mailboxes that remember too many. It
// waits for a hundredth more than it must, so that it is not done each time.
func (d *desk) prune() error {
	for _, b := range d.boxes {
		excess := int(b.Expunged) - d.clerk.Remember
		if b.dropped || b.made || d.wiped || excess <= d.clerk.Remember/100 {
			continue
		}
		floor, n, err := d.rows.Expunged(b.ID, excess)
		if err != nil {
			return fmt.Errorf("prune mailbox %d: %w", b.ID, err)
		}
		if n > 0 {
			b.Floor, b.Expunged, b.dirty = floor, b.Expunged-uint32(n), true
		}
	}
	return nil
}

func (d *desk) writes() Writes {
	w := Writes{Wipe: d.wiped, Shares: d.shares, Subscriptions: d.subs, Notes: d.livingNotes()}
	if d.touched || d.wiped {
		w.Books = d.books
	}
	for _, b := range d.boxes {
		switch {
		case b.dropped && !b.made:
			w.Dropped = append(w.Dropped, b.ID)
		case !b.dropped && b.dirty:
			w.Mailboxes = append(w.Mailboxes, b.Mailbox)
		}
	}
	for _, m := range d.order {
		if !d.byID[m.Box].dropped {
			w.Messages = append(w.Messages, *m)
		}
	}
	return w
}
