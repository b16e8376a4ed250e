package carry

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"sealpost/account"
	"sealpost/account/signin"
	"sealpost/filestore/drive"
	"sealpost/mailstore"
)

// Records are all of one owner, or why they end.
type Records = iter.Seq2[Record, error]

// page is how many messages, files or parts are in memory at once.
const page = 1000

// Export yields all that an end holds of an owner: what others point at comes before it, and the
// account last.
func (x *End) Export(ctx context.Context, o mailstore.Owner) Records {
	return x.export(ctx, o, func(e *export) []func() error { return append(e.heavy(), e.light()...) })
}

// Heavy yields mail, boxes and files.
func (x *End) Heavy(ctx context.Context, o mailstore.Owner) Records {
	return x.export(ctx, o, (*export).heavy)
}

// running is Heavy while its owner writes: it is of no one moment. What goes while it is read is passed over, and
// shares are left out.
func (x *End) running(ctx context.Context, o mailstore.Owner) Records {
	return x.export(ctx, o, func(e *export) []func() error {
		e.written = true
		return []func() error{e.owner, e.mailboxes, e.cabinet, e.files, e.links}
	})
}

// Light yields the rest: what is sealed, and the account with its sign-in.
func (x *End) Light(ctx context.Context, o mailstore.Owner) Records {
	return x.export(ctx, o, (*export).light)
}

func (x *End) export(ctx context.Context, o mailstore.Owner, parts func(*export) []func() error) Records {
	return func(yield func(Record, error) bool) {
		e := &export{End: x, ctx: ctx, o: o, yield: yield}
		for _, part := range parts(e) {
			if err := part(); err != nil || e.over {
				if !e.over {
					yield(nil, fmt.Errorf("export account %s: %w", o, err))
				}
				return
			}
		}
	}
}

func (e *export) heavy() []func() error {
	return []func() error{e.owner, e.mailboxes, e.shares, e.cabinet, e.files, e.links}
}

func (e *export) light() []func() error { return []func() error{e.sealed, e.signIn, e.account} }

// export is Export at work.
type export struct {
	*End
	ctx     context.Context // of the one call that reads it
	o       mailstore.Owner
	yield   func(Record, error) bool
	over    bool // nobody wants more
	written bool // while it is read
}

// errOver ends an export that nobody wants more of.
var errOver = errors.New("nobody reads on")

func (e *export) give(r Record) error {
	if !e.yield(r, nil) {
		e.over = true
		return errOver
	}
	return nil
}

func giveAll[V any](e *export, all []V, err error, as func(V) Record) error {
	for _, v := range all {
		if err == nil {
			err = e.give(as(v))
		}
	}
	return err
}

func (e *export) owner() error {
	books, err := e.Rows.Books(e.ctx, e.o)
	if err != nil || !books.Open {
		return err
	}
	return e.give(Owner{books})
}

func (e *export) mailboxes() error {
	names, err := e.Index.Subscriptions(e.ctx, e.o)
	if err := giveAll(e, names, err, func(name string) Record { return Subscription{name} }); err != nil {
		return err
	}
	boxes, err := e.Index.Mailboxes(e.ctx, e.o)
	if err != nil {
		return err
	}
	slices.SortFunc(boxes, func(a, b mailstore.Mailbox) int { return int(int64(a.ID) - int64(b.ID)) })
	for _, b := range boxes {
		b.Subscribed = false
		if err := errors.Join(e.give(Mailbox{b}), e.mailbox(b.ID)); err != nil {
			return err
		}
	}
	return errors.Join(e.note(mailstore.NoteOwner), e.note(mailstore.NoteImports))
}

func (e *export) mailbox(b mailstore.MailboxID) error {
	words, err := e.Rows.Keywords(e.ctx, e.o, b)
	if err := giveAll(e, words, err, func(w Keyword) Record { return w }); err != nil {
		return err
	}
	gone, err := e.Rows.Expunged(e.ctx, e.o, b, 0)
	if err := giveAll(e, gone, err, func(x Expunged) Record { return x }); err != nil {
		return err
	}
	if err := e.note(b); err != nil {
		return err
	}
	there, err := e.Index.Roster(e.ctx, e.o, b)
	if err != nil {
		if e.written && errors.Is(err, mailstore.ErrNoMailbox) {
			err = nil
		}
		return err
	}
	for end := there.UIDs.Len(); end > 0; end -= page {
		if err := e.messages(b, there.UIDs.Slice(max(0, end-page), end)); err != nil {
			return err
		}
	}
	return nil
}

// messages gives a page, the highest UID first.
func (e *export) messages(b mailstore.MailboxID, uids mailstore.UIDSet) error {
	var lines []Message
	for l, err := range e.Index.List(e.ctx, e.o, b, uids, mailstore.Columns{Whole: true}) {
		if err != nil {
			return err
		}
		lines = append(lines, kept(b, l))
	}
	if len(lines) != uids.Len() && !e.written {
		return fmt.Errorf("mailbox %d: %d messages of %d were read: somebody writes", b, len(lines), uids.Len())
	}
	slices.Reverse(lines)
	return giveAll(e, lines, nil, func(m Message) Record { return m })
}

// kept is a line that outlives the next one.
func kept(b mailstore.MailboxID, l *mailstore.Line) Message {
	m := Message{b, l.Entry, l.Mail}
	m.Mail.Outer, m.Mail.Envelope = slices.Clone(m.Mail.Outer), slices.Clone(m.Mail.Envelope)
	m.Mail.Letters = slices.Clone(m.Mail.Letters)
	return m
}

func (e *export) note(b mailstore.MailboxID) error {
	octets, err := e.Index.Note(e.ctx, e.o, b)
	if err != nil || len(octets) == 0 {
		return err
	}
	return e.give(Note{b, octets})
}

func (e *export) shares() error {
	all, err := e.Rows.Shares(e.ctx, e.o)
	return giveAll(e, all, err, func(s Share) Record { return s })
}

func (e *export) cabinet() error {
	shelf, err := e.Cabinet.Shelf(e.ctx, e.o)
	if err != nil {
		return err
	}
	if shelf.Change > 0 {
		if err := e.give(Shelf{shelf}); err != nil {
			return err
		}
	}
	all, err := e.Rows.Shelved(e.ctx, e.o, 0)
	for _, b := range all {
		if err == nil {
			err = e.give(Box{b})
		}
	}
	return err
}

func (e *export) files() error {
	o := drive.Owner(e.o)
	totals, err := e.Drive.Totals(e.ctx, o)
	if err != nil {
		return err
	}
	if totals != (drive.Totals{}) {
		if err := e.give(Totals{totals}); err != nil {
			return err
		}
	}
	for after := (drive.ID{}); ; {
		all, err := e.Drive.Objects(e.ctx, o, after, page, false)
		if err != nil {
			return err
		}
		for _, f := range all {
			if err := errors.Join(e.give(Object{f}), e.parts(f.ID)); err != nil {
				return err
			}
			after = f.ID
		}
		if len(all) < page {
			return nil
		}
	}
}

func (e *export) parts(id drive.ID) error {
	for from := 0; ; {
		all, err := e.Drive.Parts(e.ctx, drive.Owner(e.o), id, from, page)
		if err := giveAll(e, all, err, func(p drive.Part) Record { return Part{id, p} }); err != nil {
			return err
		}
		if len(all) < page {
			return nil
		}
		from = all[len(all)-1].N + 1
	}
}

func (e *export) links() error {
	links, err := e.Drive.Links(e.ctx, drive.Owner(e.o))
	if err := giveAll(e, links, err, func(l drive.Link) Record { return Link{l} }); err != nil {
		return err
	}
	requests, err := e.Drive.Requests(e.ctx, drive.Owner(e.o))
	return giveAll(e, requests, err, func(q drive.Request) Record { return Request{q} })
}

func (e *export) sealed() error {
	all, err := e.Rows.Sealed(e.ctx, e.o)
	return giveAll(e, all, err, func(s Sealed) Record { return s })
}

func (e *export) signIn() error {
	r, err := e.SignIns.Record(e.ctx, account.ID(e.o))
	if errors.Is(err, signin.ErrNone) {
		return nil
	}
	if err != nil {
		return err
	}
	return e.give(SignIn{r})
}

func (e *export) account() error {
	a, err := e.Accounts.Account(e.ctx, account.ID(e.o))
	if errors.Is(err, account.ErrUnknown) {
		return nil
	}
	if err != nil {
		return err
	}
	return e.give(Account{a})
}
