package mailstore

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"sealpost/filestore"
)

const (
	maxMailboxes     = 5000 // of an owner
	maxSubscriptions = 5000
)

func (d *desk) create(c Create) (Event, error) {
	name, err := CleanName(strings.TrimSuffix(c.Name, "/"))
	if err != nil {
		return Event{}, err
	}
	if err := d.vacant(name, ""); err != nil {
		return Event{}, err
	}
	if err := d.free(c.Use); err != nil {
		return Event{}, err
	}
	if err := d.parents(name); err != nil {
		return Event{}, err
	}
	b, err := d.open(name, c.Use)
	if err != nil {
		return Event{}, err
	}
	return Event{Box: b.ID, Valid: b.UIDValidity, Modseq: b.Modseq}, nil
}

// vacant refuses a name that a mailbox has, unless that one stands within the
// tree that is leaving.
func (d *desk) vacant(name, leaving string) error {
	found, err := d.named(name)
	if err != nil {
		return err
	}
	if found != nil && (leaving == "" || !within(name, leaving)) {
		return ErrExists
	}
	return nil
}

// free refuses a special use that there is not or that another mailbox has.
func (d *desk) free(use string) error {
	if use == "" {
		return nil
	}
	taken := slices.ContainsFunc(d.boxes, func(b *box) bool { return !b.dropped && b.Use == use })
	if taken || !slices.Contains(Uses(), use) {
		return ErrUse
	}
	return nil
}

// parents makes the missing mailboxes over name.
func (d *desk) parents(name string) error {
	for _, parent := range above(name) {
		found, err := d.named(parent)
		if err != nil {
			return err
		}
		if found == nil {
			if _, err := d.open(parent, ""); err != nil {
				return err
			}
		}
	}
	return nil
}

// open adds a mailbox to the desk. Its UIDVALIDITY is the time, or one more
// than the last, so that no name and UIDVALIDITY of an owner ever meet twice.
func (d *desk) open(name, use string) (*box, error) {
	now := d.clerk.Now.Unix()
	if d.alive() >= maxMailboxes || d.books.Valid == math.MaxUint32 || d.books.Box >= math.MaxUint32-1 {
		return nil, ErrTooMany
	}
	d.books.Valid++
	if now > int64(d.books.Valid) && now <= math.MaxUint32 {
		d.books.Valid = uint32(now)
	}
	d.books.Box++
	b := &box{made: true, dirty: true, Mailbox: Mailbox{
		ID: d.books.Box, Name: name, Use: use,
		UIDValidity: d.books.Valid, UIDNext: 1, Modseq: d.next(),
	}}
	d.keep(b)
	return b, nil
}

func (d *desk) alive() int {
	n := 0
	for _, b := range d.boxes {
		if !b.dropped {
			n++
		}
	}
	return n
}

func (d *desk) rename(c Rename) (Event, error) {
	from, err := CleanName(c.From)
	if err != nil {
		return Event{}, ErrNoMailbox
	}
	to, err := CleanName(strings.TrimSuffix(c.To, "/"))
	if err != nil {
		return Event{}, err
	}
	b, err := d.named(from)
	if err != nil {
		return Event{}, err
	}
	if b == nil {
		return Event{}, ErrNoMailbox
	}
	if from == Inbox {
		return d.renameInbox(b, to)
	}
	switch {
	case to == from:
		return Event{}, ErrExists
	case within(to, from):
		return Event{}, ErrName
	}
	return d.renameTree(b, from, to)
}

// renameInbox moves the mail of INBOX into a new mailbox; what stands below
// INBOX stays there.
func (d *desk) renameInbox(inbox *box, to string) (Event, error) {
	made, err := d.create(Create{Name: to})
	if err != nil {
		return Event{}, err
	}
	uids, err := d.uids(inbox, false)
	if err != nil {
		return Event{}, err
	}
	moved, err := d.move(Move{From: inbox.ID, To: made.Box, UIDs: uids.List()})
	if moved.Modseq == 0 {
		moved.Modseq = made.Modseq
	}
	return moved, err
}

func (d *desk) renameTree(top *box, from, to string) (Event, error) {
	var tree []*box
	for _, b := range d.boxes {
		if !b.dropped && within(b.Name, from) {
			tree = append(tree, b)
		}
	}
	for _, b := range tree {
		name, err := CleanName(to + strings.TrimPrefix(b.Name, from))
		if err != nil {
			return Event{}, err
		}
		if err := d.vacant(name, from); err != nil {
			return Event{}, err
		}
	}
	for _, b := range tree {
		b.Name, b.dirty = to+strings.TrimPrefix(b.Name, from), true
	}
	if err := d.parents(to); err != nil {
		return Event{}, err
	}
	return Event{Box: top.ID, Valid: top.UIDValidity, Modseq: d.next()}, nil
}

func (d *desk) remove(c Remove) (Event, error) {
	name, err := CleanName(c.Name)
	if err != nil {
		return Event{}, ErrNoMailbox
	}
	if name == Inbox {
		return Event{}, ErrInbox
	}
	b, err := d.named(name)
	if err != nil {
		return Event{}, err
	}
	if b == nil {
		return Event{}, ErrNoMailbox
	}
	freed, err := d.drop(b)
	if err != nil {
		return Event{}, err
	}
	return Event{Box: b.ID, Valid: b.UIDValidity, Modseq: d.next(), Freed: freed}, nil
}

// drop takes a mailbox and all its messages out of the books.
func (d *desk) drop(b *box) (freed []filestore.ID, err error) {
	for e, err := range d.entries(b) {
		if err != nil {
			return nil, err
		}
		letters, err := d.letters(Place{b.ID, e.UID})
		if err != nil {
			return nil, err
		}
		free, err := d.release(letters)
		if err != nil {
			return nil, err
		}
		d.spend(letters, -1)
		freed = append(freed, free...)
	}
	b.dropped = true
	return freed, nil
}

// forget empties the books, but the owner's numbers go on growing for the rest
// of the call.
func (d *desk) forget() (Event, error) {
	if err := d.all(); err != nil {
		return Event{}, err
	}
	var e Event
	for _, b := range d.boxes {
		if b.dropped {
			continue
		}
		freed, err := d.drop(b)
		if err != nil {
			return Event{}, err
		}
		e.Freed = append(e.Freed, freed...)
	}
	e.Modseq = d.next()
	d.books.Open, d.books.Usage = false, Usage{}
	d.wiped, d.whole = true, true
	d.boxes, d.byID, d.messages, d.order, d.subs, d.notes = nil, nil, nil, nil, nil, nil
	return e, nil
}

func (d *desk) subscribe(c Subscribe) (Event, error) {
	name, err := CleanName(c.Name)
	if err != nil {
		return Event{}, err
	}
	if d.subs == nil {
		d.subs = make(map[string]bool)
	}
	d.subs[name] = c.On
	d.next() // whoever watches the account sees that something happened
	if !c.On {
		return Event{}, nil
	}
	return Event{}, d.fewSubscriptions()
}

func (d *desk) fewSubscriptions() error {
	var stored []string
	if !d.wiped {
		var err error
		if stored, err = d.rows.Subscriptions(); err != nil {
			return fmt.Errorf("read subscriptions: %w", err)
		}
	}
	n := 0
	for _, name := range stored {
		if _, changed := d.subs[name]; !changed {
			n++
		}
	}
	for _, on := range d.subs {
		if on {
			n++
		}
	}
	if n > maxSubscriptions {
		return ErrTooMany
	}
	return nil
}

// all brings every mailbox to the desk.
func (d *desk) all() error {
	if d.whole || d.wiped {
		return nil
	}
	stored, err := d.rows.Mailboxes()
	if err != nil {
		return fmt.Errorf("read mailboxes: %w", err)
	}
	for _, m := range stored {
		if d.byID[m.ID] == nil {
			d.keep(&box{Mailbox: m})
		}
	}
	d.whole = true
	return nil
}

func (d *desk) keep(b *box) {
	if d.byID == nil {
		d.byID = make(map[MailboxID]*box)
	}
	d.boxes, d.byID[b.ID] = append(d.boxes, b), b
}

// named finds a mailbox by its clean name; nil when there is none.
func (d *desk) named(name string) (*box, error) {
	if err := d.all(); err != nil {
		return nil, err
	}
	for _, b := range d.boxes {
		if !b.dropped && b.Name == name {
			return b, nil
		}
	}
	return nil, nil
}

// box finds a mailbox by its id, or fails with ErrNoMailbox.
func (d *desk) box(id MailboxID) (*box, error) {
	if b := d.byID[id]; b != nil && !b.dropped {
		return b, nil
	}
	if d.byID[id] != nil || d.wiped || d.whole {
		return nil, ErrNoMailbox
	}
	m, err := d.rows.Mailbox(id)
	if err != nil {
		return nil, fmt.Errorf("read mailbox %d: %w", id, err)
	}
	b := &box{Mailbox: m}
	d.keep(b)
	return b, nil
}
