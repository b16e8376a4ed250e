package mailstore

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync"
	"time"

	"sealpost/filestore"
	"sealpost/mailstore/notify"
	"sealpost/pgp"
)

// Store joins an index and blobs. Its fields are set once, by cmd or a test,
// and none is left out.
type Store struct {
	Index Index
	Blobs filestore.Blobs
	Bus   *notify.Bus
	Log   *slog.Logger
	Now   func() time.Time

	mu     sync.Mutex
	flying map[filestore.ID]struct{} // put, and not yet known to the index
}

// Delivery is one mail on its way into one mailbox.
type Delivery struct {
	Box      string // by name; made when it does not exist and Make is set
	Make     bool
	Sealed   pgp.Sealed
	Flags    []string
	Received time.Time
	ID       [16]byte // of the mail; zero: a random one
	Instead  Place    // a message that goes in the same moment; zero: none
}

// Deliver stores a mail durably before it returns: bytes first, then the entry
// that points at them, so a crash leaves at worst a blob for the sweeper. A mail
// that is over quota is refused before its bytes are written, and again by the
// index, which alone can tell when others deliver at the same time.
func (s *Store) Deliver(ctx context.Context, o Owner, d Delivery) (Event, error) {
	if err := s.afford(ctx, o, d.Sealed); err != nil {
		return Event{}, err
	}
	events, err := s.DeliverAll(ctx, o, []Delivery{d})
	if err != nil {
		return Event{}, err
	}
	return events[0], nil
}

// BoxFor is the mailbox that an owner has for a use (RFC 6154), whatever its name, or
// the name it usually has.
func (s *Store) BoxFor(ctx context.Context, o Owner, use, usual string) (string, error) {
	boxes, err := s.Index.Mailboxes(ctx, o)
	if err != nil {
		return "", fmt.Errorf("find the mailbox for %s: %w", use, err)
	}
	if i := slices.IndexFunc(boxes, func(b Mailbox) bool { return b.Use == use }); i >= 0 {
		return boxes[i].Name, nil
	}
	return usual, nil
}

// DeliverAll stores mails in their order, all or none, as Deliver does one. also are changes
// of the same moment: each is asked for when the letters are durable, and maybe once more.
func (s *Store) DeliverAll(ctx context.Context, o Owner, ds []Delivery, also ...func() Change) ([]Event, error) {
	mails := make([][]pgp.Letter, len(ds))
	for i, d := range ds {
		mails[i] = d.Sealed.Letters()
		if !slices.ContainsFunc(mails[i], func(l pgp.Letter) bool { return l.Kind == pgp.KindMessage }) {
			return nil, errors.New("store blobs: sealed mail has no message letter")
		}
	}
	letters, err := s.put(ctx, o, mails)
	if err != nil {
		return nil, fmt.Errorf("store blobs: %w", err)
	}
	defer s.landed(letters)
	events, err := s.enter(ctx, o, ds, letters, also)
	if err != nil {
		if Refused(err) { // otherwise an entry may point at them: the sweeper will know
			s.discard(ctx, ids(letters))
		}
		return nil, fmt.Errorf("enter into index: %w", err)
	}
	for _, e := range events[len(ds):] {
		s.discard(ctx, e.Freed)
	}
	s.Bus.Publish(string(o))
	return events[:len(ds)], nil
}

// replaced expunges what deliveries come instead of.
func replaced(ds []Delivery) (changes []Change) {
	for _, d := range ds {
		if d.Instead.UID != 0 {
			changes = append(changes, Expunge{Box: d.Instead.Box, UIDs: []UID{d.Instead.UID}})
		}
	}
	return changes
}

func (s *Store) afford(ctx context.Context, o Owner, m pgp.Sealed) error {
	usage, err := s.Index.Usage(ctx, o)
	if err != nil {
		return fmt.Errorf("read usage: %w", err)
	}
	for _, l := range m.Letters() {
		usage.Bytes += l.Size()
	}
	if usage.Quota > 0 && usage.Bytes > usage.Quota {
		return ErrOverQuota
	}
	return nil
}

// PutLetters gives one message better letters that its owner's client made, durably
// before it returns; see the change of that name.
func (s *Store) PutLetters(ctx context.Context, o Owner, at Place, letters ...pgp.Letter) (Event, error) {
	for _, l := range letters {
		if !mayChange(l.Kind) {
			return Event{}, ErrLetter
		}
	}
	there := false
	for _, err := range s.Index.Mails(ctx, o, at.Box, []UID{at.UID}) {
		if err != nil {
			return Event{}, fmt.Errorf("look for the message: %w", err)
		}
		there = true
	}
	if !there { // before its letters are written
		return Event{}, ErrNoMail
	}
	stored, err := s.put(ctx, o, [][]pgp.Letter{letters})
	if err != nil {
		return Event{}, fmt.Errorf("store blobs: %w", err)
	}
	defer s.landed(stored)
	events, err := s.Apply(ctx, o, PutLetters{Box: at.Box, UID: at.UID, Letters: stored[0]})
	if err != nil {
		if Refused(err) {
			s.discard(ctx, ids(stored))
		}
		return Event{}, fmt.Errorf("enter into index: %w", err)
	}
	return events[0], nil
}

// put makes the letters of an owner's mails durable, all in one go.
func (s *Store) put(ctx context.Context, o Owner, mails [][]pgp.Letter) ([][]Stored, error) {
	var sources []io.WriterTo
	letters := make([][]Stored, len(mails))
	for i, all := range mails {
		for _, l := range all {
			sources = append(sources, l)
			letters[i] = append(letters[i], Stored{Kind: l.Kind})
		}
	}
	refs, err := filestore.PutFor(ctx, s.Blobs, string(o), sources...)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.flying == nil {
		s.flying = make(map[filestore.ID]struct{})
	}
	for i := range letters {
		for j := range letters[i] {
			letters[i][j].Ref, refs = refs[0], refs[1:]
			s.flying[letters[i][j].ID] = struct{}{}
		}
	}
	return letters, nil
}

func (s *Store) landed(letters [][]Stored) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range ids(letters) {
		delete(s.flying, id)
	}
}

// enter appends the mails to the mailboxes of those names. A mailbox may come or
// go while it is looked up, so a second look is allowed.
func (s *Store) enter(ctx context.Context, o Owner, ds []Delivery, letters [][]Stored, also []func() Change) (events []Event, err error) {
	changes := make([]Change, len(ds))
	for range 2 {
		found := map[string]MailboxID{}
		for i, d := range ds {
			box, known := found[d.Box]
			if !known {
				if box, err = s.find(ctx, o, d.Box, d.Make); err != nil {
					return nil, err
				}
				found[d.Box] = box
			}
			changes[i] = d.entry(box, letters[i])
		}
		all := append(changes, replaced(ds)...)
		for _, change := range also {
			all = append(all, change())
		}
		if events, err = s.Index.Apply(ctx, o, all); !errors.Is(err, ErrNoMailbox) {
			return events, err
		}
	}
	return nil, err
}

// entry is the row of a delivery whose letters are durable.
func (d Delivery) entry(box MailboxID, letters []Stored) Append {
	a := Append{
		Box:      box,
		Mail:     Mail{Outer: d.Sealed.Outer(), Envelope: d.Sealed.Envelope(), Form: d.Sealed.Form(), Class: d.Sealed.Class(), Letters: letters},
		Size:     pgp.ServedSize(d.Sealed.Outer(), d.Sealed.Form(), sizeOf(letters, pgp.KindMessage)),
		Received: d.Received,
		Flags:    d.Flags,
	}
	if a.Mail.ID = d.ID; d.ID == ([16]byte{}) {
		rand.Read(a.Mail.ID[:])
	}
	return a
}

// find resolves a mailbox name, and makes the mailbox if it may.
func (s *Store) find(ctx context.Context, o Owner, name string, make bool) (MailboxID, error) {
	name, err := CleanName(name)
	if err != nil {
		return 0, err
	}
	id, err := s.lookup(ctx, o, name)
	if !make || !errors.Is(err, ErrNoMailbox) {
		return id, err
	}
	events, err := s.Index.Apply(ctx, o, []Change{Create{Name: name}})
	if errors.Is(err, ErrExists) { // another delivery was faster
		return s.lookup(ctx, o, name)
	}
	if err != nil {
		return 0, err
	}
	return events[0].Box, nil
}

func (s *Store) lookup(ctx context.Context, o Owner, name string) (MailboxID, error) {
	boxes, err := s.Index.Mailboxes(ctx, o)
	if err != nil {
		return 0, fmt.Errorf("list mailboxes: %w", err)
	}
	for _, b := range boxes {
		if b.Name == name {
			return b.ID, nil
		}
	}
	return 0, ErrNoMailbox
}

// Apply runs changes, deletes the blobs they freed and wakes who watches o.
func (s *Store) Apply(ctx context.Context, o Owner, changes ...Change) ([]Event, error) {
	events, err := s.Index.Apply(ctx, o, changes)
	if err != nil {
		return nil, err
	}
	for _, e := range events {
		s.discard(ctx, e.Freed)
	}
	s.Bus.Publish(string(o))
	return events, nil
}

// discard deletes blobs that no entry points at. What fails here is left to the
// sweeper, so it is not the caller's failure; nor does the caller's end stop it.
func (s *Store) discard(ctx context.Context, blobs []filestore.ID) {
	for part := range slices.Chunk(blobs, 10_000) {
		if err := s.Blobs.Delete(context.WithoutCancel(ctx), part...); err != nil {
			s.Log.Warn("blobs left to the sweeper", "count", len(part), "error", err)
		}
	}
}

// Letter opens one letter of a mail, or fails with ErrNoMail when it has none
// of that kind.
func (s *Store) Letter(ctx context.Context, m Mail, k pgp.Kind) (filestore.Blob, error) {
	for _, l := range m.Letters {
		if l.Kind == k {
			return s.Blobs.Open(ctx, l.ID)
		}
	}
	return nil, ErrNoMail
}

// Welcome opens an owner's books with that quota and makes the mailboxes every
// account has: INBOX, Archive, Drafts, Junk, Sent, Trash, with their special
// uses, subscribed. It may be called again: it sets the quota and makes what is
// missing.
func (s *Store) Welcome(ctx context.Context, o Owner, quota int64) error {
	boxes, err := s.Index.Mailboxes(ctx, o)
	if err != nil {
		return fmt.Errorf("list mailboxes: %w", err)
	}
	names, uses := make(map[string]bool), make(map[string]bool)
	for _, b := range boxes {
		names[b.Name], uses[b.Use] = true, true
	}
	changes := []Change{SetQuota{Bytes: quota}}
	for _, c := range standard() {
		if names[c.Name] {
			continue
		}
		if uses[c.Use] { // the owner has one of another name
			c.Use = ""
		}
		changes = append(changes, c, Subscribe{Name: c.Name, On: true})
	}
	_, err = s.Apply(ctx, o, changes...)
	if errors.Is(err, ErrExists) { // somebody made one of them meanwhile
		return s.Welcome(ctx, o, quota)
	}
	return err
}

func standard() []Create {
	return []Create{{Inbox, ""}, {"Archive", `\Archive`}, {"Drafts", `\Drafts`}, {"Junk", `\Junk`}, {"Sent", `\Sent`}, {"Trash", `\Trash`}}
}

func ids(letters [][]Stored) []filestore.ID {
	var ids []filestore.ID
	for _, mail := range letters {
		for _, l := range mail {
			ids = append(ids, l.ID)
		}
	}
	return ids
}

func sizeOf(letters []Stored, k pgp.Kind) int64 {
	for _, l := range letters {
		if l.Kind == k {
			return l.Size
		}
	}
	return 0
}
