package bolt

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"slices"

	"go.etcd.io/bbolt"

	"sealpost/filestore"
	"sealpost/mailstore"
)

// index is the file as mailstore sees it.
type index struct{ d *DB }

// read runs fn on an owner's rows; it is not run for an unknown owner.
func (x index) read(ctx context.Context, o mailstore.Owner, fn func(*rows) error) error {
	return x.d.view(ctx, func(tx *bbolt.Tx) error {
		r, err := (&tables{tx: tx}).rows(o)
		if errors.Is(err, mailstore.ErrNoOwner) || err == nil && !r.Open {
			return nil
		}
		if err != nil {
			return err
		}
		return fn(r)
	})
}

func (x index) Mailboxes(ctx context.Context, o mailstore.Owner) (all []mailstore.Mailbox, err error) {
	err = x.read(ctx, o, func(r *rows) error {
		if all, err = r.Mailboxes(); err != nil {
			return err
		}
		for i, m := range all {
			all[i].Subscribed = r.get(tableSubscriptions, nameKey(r.num, m.Name)) != nil
		}
		return nil
	})
	slices.SortFunc(all, func(a, b mailstore.Mailbox) int { return cmp.Compare(a.Name, b.Name) })
	return all, err
}

func (x index) Subscriptions(ctx context.Context, o mailstore.Owner) (names []string, err error) {
	err = x.read(ctx, o, func(r *rows) error {
		names, err = r.Subscriptions()
		return err
	})
	return names, err
}

func (x index) Usage(ctx context.Context, o mailstore.Owner) (u mailstore.Usage, err error) {
	err = x.read(ctx, o, func(r *rows) error {
		u = r.Usage
		return nil
	})
	return u, err
}

func (x index) Modseq(ctx context.Context, o mailstore.Owner) (m mailstore.Modseq, err error) {
	err = x.read(ctx, o, func(r *rows) error {
		m = r.owner.Modseq
		return nil
	})
	return m, err
}

func (x index) Apply(ctx context.Context, o mailstore.Owner, changes []mailstore.Change) ([]mailstore.Event, error) {
	var events []mailstore.Event
	err := x.d.submit(ctx, newCall(func(t *tables) (func() error, error) {
		r, err := t.rows(o)
		if err != nil {
			return nil, err
		}
		clerk := mailstore.Clerk{Now: x.d.o.Now(), Remember: x.d.o.Remember}
		writes, done, err := clerk.Stamp(r, changes)
		if err != nil {
			return nil, err
		}
		events = done
		if err := errors.Join(r.freeCabinet(changes, events), r.freeDrive(changes, events)); err != nil {
			return nil, err
		}
		return r.plan(writes)
	}, nil))
	if err != nil {
		return nil, err
	}
	return events, nil
}

func (x index) Entries(ctx context.Context, o mailstore.Owner, b mailstore.MailboxID, since mailstore.Modseq) iter.Seq2[mailstore.Entry, error] {
	return func(yield func(mailstore.Entry, error) bool) {
		s := snapshot{box: b}
		err := x.read(ctx, o, func(r *rows) error {
			if !boxInKey(b) {
				return nil
			}
			s.num = r.num
			if since == 0 {
				return s.all(r)
			}
			return s.changed(r, since)
		})
		if err != nil {
			yield(mailstore.Entry{}, err)
			return
		}
		s.entries(yield)
	}
}

func (x index) Entry(ctx context.Context, o mailstore.Owner, b mailstore.MailboxID, uid mailstore.UID) (e mailstore.Entry, err error) {
	found := false
	err = x.read(ctx, o, func(r *rows) error {
		if !boxInKey(b) {
			return nil
		}
		e, err = r.Entry(b, uid)
		found = true
		return err
	})
	if err == nil && !found {
		err = mailstore.ErrNoMail
	}
	return e, err
}

// box runs fn on the rows of an owner that has the mailbox, or fails with ErrNoMailbox.
func (x index) box(ctx context.Context, o mailstore.Owner, fn func(*rows) error) error {
	found := false
	err := x.read(ctx, o, func(r *rows) error {
		found = true
		return fn(r)
	})
	if err == nil && !found {
		err = mailstore.ErrNoMailbox
	}
	return err
}

func (x index) Roster(ctx context.Context, o mailstore.Owner, b mailstore.MailboxID) (out mailstore.Roster, err error) {
	err = x.box(ctx, o, func(r *rows) error {
		out, err = r.roster(b)
		return err
	})
	return out, err
}

func (x index) Marked(ctx context.Context, o mailstore.Owner, b mailstore.MailboxID, m mailstore.Mark) (uids mailstore.UIDSet, err error) {
	err = x.read(ctx, o, func(r *rows) error {
		uids, err = r.Marked(b, m)
		return err
	})
	return uids, err
}

func (x index) Changes(ctx context.Context, o mailstore.Owner, b mailstore.MailboxID, since mailstore.Modseq) (out mailstore.Changes, err error) {
	err = x.box(ctx, o, func(r *rows) error {
		out, err = r.changesSince(b, since)
		return err
	})
	return out, err
}

const (
	pageMails = 100     // of Mails read in one transaction,
	pageBytes = 1 << 20 // or so many bytes of them
)

func (x index) Mails(ctx context.Context, o mailstore.Owner, b mailstore.MailboxID, uids []mailstore.UID) iter.Seq2[mailstore.Mail, error] {
	return func(yield func(mailstore.Mail, error) bool) {
		for rest := uids; len(rest) > 0; {
			var page []mailstore.Mail
			var failed error
			err := x.read(ctx, o, func(r *rows) error {
				page, rest, failed = mailPage(r, b, rest)
				return nil
			})
			if err == nil && page == nil && failed == nil {
				return // the owner or all that was left is gone
			}
			for _, m := range page {
				if !yield(m, nil) {
					return
				}
			}
			if err = errors.Join(err, failed); err != nil {
				yield(mailstore.Mail{}, err)
				return
			}
		}
	}
}

// mailPage reads the first of uids, up to a page, and says which are left. What
// it read before a damaged row is good.
func mailPage(r *rows, b mailstore.MailboxID, uids []mailstore.UID) (page []mailstore.Mail, rest []mailstore.UID, err error) {
	if !boxInKey(b) {
		return nil, nil, nil
	}
	size := 0
	for i, uid := range uids {
		if len(page) == pageMails || size > pageBytes {
			return page, uids[i:], nil
		}
		m, err := r.mail(b, uid)
		if errors.Is(err, mailstore.ErrNoMail) {
			continue
		}
		if err != nil {
			return page, nil, err
		}
		page = append(page, clone(m))
		size += len(m.Outer) + len(m.Envelope)
	}
	return page, nil, nil
}

// Blobs reads in one transaction, so that a message moved meanwhile is neither
// missed in its old place nor in its new one.
func (x index) Blobs(ctx context.Context) iter.Seq2[filestore.ID, error] {
	return func(yield func(filestore.ID, error) bool) {
		err := x.d.view(ctx, func(tx *bbolt.Tx) error {
			for k, v := range under(tx.Bucket(tableNames[tableMails]), nil) {
				m, ok := decodeMail(k, v)
				if !ok {
					return damaged(tableMails, k)
				}
				for _, l := range m.Letters {
					if !yield(l.ID, nil) {
						return errStopped
					}
				}
				if err := ctx.Err(); err != nil {
					return err
				}
			}
			t := &tables{tx: tx}
			for _, more := range []iter.Seq2[filestore.ID, error]{t.boxBlobs(nil), t.partBlobs(nil)} {
				for id, err := range more {
					if err != nil {
						return err
					}
					if !yield(id, nil) {
						return errStopped
					}
				}
			}
			return ctx.Err()
		})
		if err != nil && !errors.Is(err, errStopped) {
			yield(filestore.ID{}, err)
		}
	}
}

var errStopped = errors.New("the reader stopped")
