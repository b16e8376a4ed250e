package live

import (
	"context"
	"errors"
	"iter"

	"sealpost/filestore"
	"sealpost/mailstore"
	"sealpost/move/carry"
)

// index is the mailstore.Index of both ends.
type index struct{ *Router }

func (x index) Mailboxes(ctx context.Context, o mailstore.Owner) ([]mailstore.Mailbox, error) {
	return read(x.Router, o, func(e *carry.End) ([]mailstore.Mailbox, error) { return e.Index.Mailboxes(ctx, o) })
}

func (x index) Subscriptions(ctx context.Context, o mailstore.Owner) ([]string, error) {
	return read(x.Router, o, func(e *carry.End) ([]string, error) { return e.Index.Subscriptions(ctx, o) })
}

// lists are read where the owner is when the reading begins.
func lists[V any](x index, o mailstore.Owner, of func(mailstore.Index) iter.Seq2[V, error]) iter.Seq2[V, error] {
	return func(yield func(V, error) bool) {
		e, done := x.reading(o)
		defer done()
		of(e.Index)(yield)
	}
}

func (x index) Entries(ctx context.Context, o mailstore.Owner, b mailstore.MailboxID, since mailstore.Modseq) iter.Seq2[mailstore.Entry, error] {
	return lists(x, o, func(i mailstore.Index) iter.Seq2[mailstore.Entry, error] { return i.Entries(ctx, o, b, since) })
}

func (x index) Mails(ctx context.Context, o mailstore.Owner, b mailstore.MailboxID, uids []mailstore.UID) iter.Seq2[mailstore.Mail, error] {
	return lists(x, o, func(i mailstore.Index) iter.Seq2[mailstore.Mail, error] { return i.Mails(ctx, o, b, uids) })
}

func (x index) List(ctx context.Context, o mailstore.Owner, b mailstore.MailboxID, uids mailstore.UIDSet, c mailstore.Columns) iter.Seq2[*mailstore.Line, error] {
	return lists(x, o, func(i mailstore.Index) iter.Seq2[*mailstore.Line, error] { return i.List(ctx, o, b, uids, c) })
}

func (x index) Entry(ctx context.Context, o mailstore.Owner, b mailstore.MailboxID, uid mailstore.UID) (mailstore.Entry, error) {
	return read(x.Router, o, func(e *carry.End) (mailstore.Entry, error) { return e.Index.Entry(ctx, o, b, uid) })
}

func (x index) Roster(ctx context.Context, o mailstore.Owner, b mailstore.MailboxID) (mailstore.Roster, error) {
	return read(x.Router, o, func(e *carry.End) (mailstore.Roster, error) { return e.Index.Roster(ctx, o, b) })
}

func (x index) Marked(ctx context.Context, o mailstore.Owner, b mailstore.MailboxID, m mailstore.Mark) (mailstore.UIDSet, error) {
	return read(x.Router, o, func(e *carry.End) (mailstore.UIDSet, error) { return e.Index.Marked(ctx, o, b, m) })
}

func (x index) Changes(ctx context.Context, o mailstore.Owner, b mailstore.MailboxID, since mailstore.Modseq) (mailstore.Changes, error) {
	return read(x.Router, o, func(e *carry.End) (mailstore.Changes, error) { return e.Index.Changes(ctx, o, b, since) })
}

func (x index) Usage(ctx context.Context, o mailstore.Owner) (mailstore.Usage, error) {
	return read(x.Router, o, func(e *carry.End) (mailstore.Usage, error) { return e.Index.Usage(ctx, o) })
}

func (x index) Note(ctx context.Context, o mailstore.Owner, b mailstore.MailboxID) ([]byte, error) {
	return read(x.Router, o, func(e *carry.End) ([]byte, error) { return e.Index.Note(ctx, o, b) })
}

func (x index) Modseq(ctx context.Context, o mailstore.Owner) (mailstore.Modseq, error) {
	return read(x.Router, o, func(e *carry.End) (mailstore.Modseq, error) { return e.Index.Modseq(ctx, o) })
}

// Blobs lists those of both ends: who sweeps must not take what either points at.
func (x index) Blobs(ctx context.Context) iter.Seq2[filestore.ID, error] {
	return func(yield func(filestore.ID, error) bool) {
		for _, e := range x.ends {
			for id, err := range e.Index.Blobs(ctx) {
				if !yield(id, err) {
					return
				}
			}
		}
	}
}

func (x index) Apply(ctx context.Context, o mailstore.Owner, changes []mailstore.Change) (events []mailstore.Event, err error) {
	err = x.write(ctx, o, mailstore.Refused, func(s Side) error {
		b, err := x.bring(ctx, o, s, named(changes))
		if err != nil {
			return err
		}
		events, err = x.ends[s].Index.Apply(ctx, o, b.renamed(changes))
		b.end(ctx, err != nil && mailstore.Refused(err))
		if err == nil && forgets(changes) {
			x.wipe(ctx, o, s.other())
		}
		return err
	})
	return events, err
}

// forgets says whether an owner goes for good.
func forgets(changes []mailstore.Change) bool {
	for _, c := range changes {
		if _, ok := c.(mailstore.Forget); ok {
			return true
		}
	}
	return false
}

// wipe removes what is left, or is there already, of an owner who goes for good.
func (r *Router) wipe(ctx context.Context, o mailstore.Owner, s Side) {
	ctx = context.WithoutCancel(ctx)
	events, err := r.ends[s].Index.Apply(ctx, o, []mailstore.Change{mailstore.Forget{}})
	for _, e := range events {
		err = errors.Join(err, deleteAt(ctx, r.ends[s], e.Freed))
	}
	if err != nil && !errors.Is(err, mailstore.ErrNoOwner) {
		r.Log.Warn("an account that was removed is left at the other end, until it is moved", "account", string(o), "error", err)
	}
}

// deleteAtOnce bounds one call.
const deleteAtOnce = 10_000

func deleteAt(ctx context.Context, e *carry.End, ids []filestore.ID) error {
	for len(ids) > 0 {
		n := min(len(ids), deleteAtOnce)
		if err := e.Blobs.Delete(ctx, ids[:n]...); err != nil {
			return err
		}
		ids = ids[n:]
	}
	return nil
}
