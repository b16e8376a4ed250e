// Package storagetest has the suites of engines look at installations whose people are carried from
// one engine to another in between: what is true of an engine that nobody leaves must be true
// then, too.
//
// It never knows an engine: it sees what the interfaces show.
package storagetest

import (
	"context"
	"errors"
	"iter"
	"slices"
	"sync"
	"testing"
	"time"

	"sealpost/account"
	accounttest "sealpost/account/storagetest"
	"sealpost/filestore"
	"sealpost/filestore/drive"
	drivetest "sealpost/filestore/drive/storagetest"
	"sealpost/mailstore"
	"sealpost/mailstore/cabinet"
	cabinettest "sealpost/mailstore/cabinet/storagetest"
	indextest "sealpost/mailstore/storagetest"
	"sealpost/move/carry"
)

// Options are what suites ask engines to be opened with; what is zero is the engine's own.
type Options struct {
	Now                     func() time.Time
	Remember, RememberBoxes int
}

// Engine is one of two that people wander between. Check looks at rows that interfaces do not
// show; it may be nil.
type Engine struct {
	*carry.End
	Check func(indextest.TB)
}

// Open opens two empty engines under one node key, and gives what closes them before the test ends.
type Open func(t testing.TB, o Options) (engines [2]Engine, done func())

// A wanderer is an installation whose people are carried to the other engine now and then.
type wanderer struct {
	t      testing.TB
	mu     sync.RWMutex
	ends   [2]Engine
	at     int
	met    map[mailstore.Owner]bool
	done   func()
	writes int
}

func wander(t testing.TB, open Open, o Options) *wanderer {
	w := &wanderer{t: t, met: map[mailstore.Owner]bool{}}
	w.ends, w.done = open(t, o)
	return w
}

// check has each engine looked at when all are there.
func (w *wanderer) check(t indextest.TB) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for range w.ends {
		w.cross()
		for _, x := range w.ends {
			if x.Check != nil {
				x.Check(t)
			}
		}
	}
}

// cross carries everybody to the other end.
func (w *wanderer) cross() {
	w.t.Helper()
	from, to := w.ends[w.at].End, w.ends[1-w.at].End
	ctx := context.Background()
	if err := carry.Common(ctx, from, to); err != nil {
		w.t.Errorf("carry what is nobody's: %v", err)
	}
	for o := range w.met {
		before, err := carry.DigestOf(from.Export(ctx, o))
		if err == nil {
			err = to.Import(ctx, o, from.Export(ctx, o))
		}
		if err != nil {
			w.t.Errorf("carry %s to %d: %v", o, 1-w.at, err)
			return
		}
		after, err := carry.DigestOf(to.Export(ctx, o))
		if err != nil || after != before {
			w.t.Errorf("%s arrived at %d as another one: %v", o, 1-w.at, err)
			for r := range missing(from.Export(ctx, o), to.Export(ctx, o)) {
				w.t.Errorf("%s: %T %+v", o, r, r)
			}
		}
		if err := from.Rows.Remove(ctx, o); err != nil {
			w.t.Errorf("remove %s: %v", o, err)
		}
		if n := len(collect(from.Export(ctx, o))); n > 0 {
			w.t.Errorf("%d records of %s are left behind", n, o)
		}
	}
	w.at = 1 - w.at
}

func collect(records carry.Records) (all []carry.Record) {
	for r, err := range records {
		if err == nil {
			all = append(all, r)
		}
	}
	return all
}

// missing are the records that only one of two has.
func missing(a, b carry.Records) iter.Seq[carry.Record] {
	one := func(r carry.Record) carry.Digest {
		d, _ := carry.DigestOf(func(yield func(carry.Record, error) bool) { yield(r, nil) })
		return d
	}
	return func(yield func(carry.Record) bool) {
		known := map[carry.Digest]carry.Record{}
		for _, r := range collect(a) {
			known[one(r)] = r
		}
		for _, r := range collect(b) {
			if _, there := known[one(r)]; there {
				delete(known, one(r))
			} else if !yield(r) {
				return
			}
		}
		for _, r := range known {
			if !yield(r) {
				return
			}
		}
	}
}

func (w *wanderer) read(fn func(*carry.End)) {
	w.mu.RLock()
	defer w.mu.RUnlock()
	fn(w.ends[w.at].End)
}

// write has everybody cross before some changes.
func (w *wanderer) write(o mailstore.Owner, fn func(*carry.End)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(o) > 0 && len(o) < 100 {
		w.met[o] = true
	}
	if w.writes++; w.writes&(w.writes-1) == 0 || w.writes%64 == 0 { // often at first, when there is little
		w.cross()
	}
	fn(w.ends[w.at].End)
}

// wandering is the index of a wanderer.
type wandering struct{ *wanderer }

func (w wandering) Mailboxes(ctx context.Context, o mailstore.Owner) (all []mailstore.Mailbox, err error) {
	w.read(func(x *carry.End) { all, err = x.Index.Mailboxes(ctx, o) })
	return all, err
}

func (w wandering) Subscriptions(ctx context.Context, o mailstore.Owner) (all []string, err error) {
	w.read(func(x *carry.End) { all, err = x.Index.Subscriptions(ctx, o) })
	return all, err
}

// held is what an iterator gives, at one moment.
func held[V any](w *wanderer, keep func(V) V, from func(*carry.End) iter.Seq2[V, error]) iter.Seq2[V, error] {
	return func(yield func(V, error) bool) {
		var all []V
		var failed error
		w.read(func(x *carry.End) {
			for v, err := range from(x) {
				if failed = err; err != nil {
					return
				}
				all = append(all, keep(v))
			}
		})
		for _, v := range all {
			if !yield(v, nil) {
				return
			}
		}
		if failed != nil {
			var none V
			yield(none, failed)
		}
	}
}

func same[V any](v V) V { return v }

func (w wandering) Entries(ctx context.Context, o mailstore.Owner, b mailstore.MailboxID, since mailstore.Modseq) iter.Seq2[mailstore.Entry, error] {
	return held(w.wanderer, same, func(x *carry.End) iter.Seq2[mailstore.Entry, error] { return x.Index.Entries(ctx, o, b, since) })
}

func (w wandering) Mails(ctx context.Context, o mailstore.Owner, b mailstore.MailboxID, uids []mailstore.UID) iter.Seq2[mailstore.Mail, error] {
	return held(w.wanderer, same, func(x *carry.End) iter.Seq2[mailstore.Mail, error] { return x.Index.Mails(ctx, o, b, uids) })
}

func (w wandering) List(ctx context.Context, o mailstore.Owner, b mailstore.MailboxID, uids mailstore.UIDSet, c mailstore.Columns) iter.Seq2[*mailstore.Line, error] {
	keep := func(l *mailstore.Line) *mailstore.Line {
		kept := *l
		kept.Mail.Outer, kept.Mail.Envelope = slices.Clone(l.Mail.Outer), slices.Clone(l.Mail.Envelope)
		kept.Mail.Letters = slices.Clone(l.Mail.Letters)
		return &kept
	}
	return held(w.wanderer, keep, func(x *carry.End) iter.Seq2[*mailstore.Line, error] { return x.Index.List(ctx, o, b, uids, c) })
}

func (w wandering) Blobs(ctx context.Context) iter.Seq2[filestore.ID, error] {
	return held(w.wanderer, same, func(x *carry.End) iter.Seq2[filestore.ID, error] { return x.Index.Blobs(ctx) })
}

func (w wandering) Entry(ctx context.Context, o mailstore.Owner, b mailstore.MailboxID, uid mailstore.UID) (e mailstore.Entry, err error) {
	w.read(func(x *carry.End) { e, err = x.Index.Entry(ctx, o, b, uid) })
	return e, err
}

func (w wandering) Roster(ctx context.Context, o mailstore.Owner, b mailstore.MailboxID) (r mailstore.Roster, err error) {
	w.read(func(x *carry.End) { r, err = x.Index.Roster(ctx, o, b) })
	return r, err
}

func (w wandering) Marked(ctx context.Context, o mailstore.Owner, b mailstore.MailboxID, m mailstore.Mark) (s mailstore.UIDSet, err error) {
	w.read(func(x *carry.End) { s, err = x.Index.Marked(ctx, o, b, m) })
	return s, err
}

func (w wandering) Changes(ctx context.Context, o mailstore.Owner, b mailstore.MailboxID, since mailstore.Modseq) (c mailstore.Changes, err error) {
	w.read(func(x *carry.End) { c, err = x.Index.Changes(ctx, o, b, since) })
	return c, err
}

func (w wandering) Usage(ctx context.Context, o mailstore.Owner) (u mailstore.Usage, err error) {
	w.read(func(x *carry.End) { u, err = x.Index.Usage(ctx, o) })
	return u, err
}

func (w wandering) Note(ctx context.Context, o mailstore.Owner, b mailstore.MailboxID) (note []byte, err error) {
	w.read(func(x *carry.End) { note, err = x.Index.Note(ctx, o, b) })
	return note, err
}

func (w wandering) Modseq(ctx context.Context, o mailstore.Owner) (m mailstore.Modseq, err error) {
	w.read(func(x *carry.End) { m, err = x.Index.Modseq(ctx, o) })
	return m, err
}

func (w wandering) Apply(ctx context.Context, o mailstore.Owner, changes []mailstore.Change) (events []mailstore.Event, err error) {
	w.write(o, func(x *carry.End) { events, err = x.Index.Apply(ctx, o, changes) })
	return events, err
}

// Index runs the suite of mailstore.Index.
func Index(t *testing.T, open Open) {
	indextest.Index(t, func(t testing.TB, o indextest.Options) *indextest.Engine {
		w := wander(t, open, Options{Now: o.Now, Remember: o.Remember})
		return &indextest.Engine{
			Index: wandering{w}, Check: w.check, Close: w.done, Reopen: func() mailstore.Index { return wandering{w} },
		}
	})
}

// shelved is the cabinet of a wanderer.
type shelved struct{ *wanderer }

func (w shelved) List(ctx context.Context, o mailstore.Owner, since cabinet.Change) (l cabinet.List, err error) {
	w.read(func(x *carry.End) { l, err = x.Cabinet.List(ctx, o, since) })
	l.Complete = l.Complete || l.Change == 0 // of nobody's, engines say one or the other
	return l, err
}

func (w shelved) Box(ctx context.Context, o mailstore.Owner, p cabinet.Place) (b cabinet.Box, err error) {
	w.read(func(x *carry.End) { b, err = x.Cabinet.Box(ctx, o, p) })
	return b, err
}

func (w shelved) Shelf(ctx context.Context, o mailstore.Owner) (s cabinet.Shelf, err error) {
	w.read(func(x *carry.End) { s, err = x.Cabinet.Shelf(ctx, o) })
	return s, err
}

func (w shelved) Drawer(ctx context.Context, o mailstore.Owner, drawer string) (all []cabinet.Box, err error) {
	w.read(func(x *carry.End) { all, err = x.Cabinet.Drawer(ctx, o, drawer) })
	return all, err
}

func (w shelved) Apply(ctx context.Context, o mailstore.Owner, wish cabinet.Wish) (b cabinet.Box, freed []filestore.ID, err error) {
	w.write(o, func(x *carry.End) { b, freed, err = x.Cabinet.Apply(ctx, o, wish) })
	return b, freed, err
}

// Cabinet runs the suite of cabinet.Store.
func Cabinet(t *testing.T, open Open) {
	cabinettest.Store(t, func(t testing.TB, o cabinettest.Options) *cabinettest.Engine {
		w := wander(t, open, Options{Now: o.Now, RememberBoxes: o.Remember})
		e := &cabinettest.Engine{Store: shelved{w}, Index: wandering{w}, Check: func(t cabinettest.TB) { w.check(t) }, Close: w.done}
		e.Reopen = func() *cabinettest.Engine { return e }
		return e
	})
}

// driven are the files of a wanderer.
type driven struct{ *wanderer }

func (w driven) Totals(ctx context.Context, o drive.Owner) (t drive.Totals, err error) {
	w.read(func(x *carry.End) { t, err = x.Drive.Totals(ctx, o) })
	return t, err
}

func (w driven) Object(ctx context.Context, o drive.Owner, id drive.ID) (f drive.Object, err error) {
	w.read(func(x *carry.End) { f, err = x.Drive.Object(ctx, o, id) })
	return f, err
}

func (w driven) Objects(ctx context.Context, o drive.Owner, after drive.ID, most int, brought bool) (all []drive.Object, err error) {
	w.read(func(x *carry.End) { all, err = x.Drive.Objects(ctx, o, after, most, brought) })
	return all, err
}

func (w driven) Parts(ctx context.Context, o drive.Owner, id drive.ID, from, most int) (all []drive.Part, err error) {
	w.read(func(x *carry.End) { all, err = x.Drive.Parts(ctx, o, id, from, most) })
	return all, err
}

func (w driven) Left(ctx context.Context, before time.Time) (all []drive.Left, err error) {
	w.read(func(x *carry.End) { all, err = x.Drive.Left(ctx, before) })
	return all, err
}

// PlainLink has one kind of nothing only, whichever engine it is from.
func PlainLink(l drive.Link) drive.Link {
	l.Box, l.KDF, l.Check = append([]byte{}, l.Box...), append([]byte{}, l.KDF...), append([]byte{}, l.Check...)
	return l
}

func (w driven) Link(ctx context.Context, id drive.ID) (l drive.Link, err error) {
	w.read(func(x *carry.End) { l, err = x.Drive.Link(ctx, id) })
	return PlainLink(l), err
}

func (w driven) Links(ctx context.Context, o drive.Owner) (all []drive.Link, err error) {
	w.read(func(x *carry.End) { all, err = x.Drive.Links(ctx, o) })
	for i := range all {
		all[i] = PlainLink(all[i])
	}
	return all, err
}

func (w driven) Request(ctx context.Context, id drive.ID) (q drive.Request, err error) {
	w.read(func(x *carry.End) { q, err = x.Drive.Request(ctx, id) })
	return q, err
}

func (w driven) Requests(ctx context.Context, o drive.Owner) (all []drive.Request, err error) {
	w.read(func(x *carry.End) { all, err = x.Drive.Requests(ctx, o) })
	for i := range all {
		all[i].Box = append([]byte{}, all[i].Box...)
	}
	return all, err
}

func (w driven) Apply(ctx context.Context, o drive.Owner, wish drive.Wish) (done drive.Done, err error) {
	w.write(mailstore.Owner(o), func(x *carry.End) { done, err = x.Drive.Apply(ctx, o, wish) })
	return done, err
}

// Drive runs the suite of drive.Store.
func Drive(t *testing.T, open Open) {
	drivetest.Store(t, func(t testing.TB, now func() time.Time) *drivetest.Engine {
		w := wander(t, open, Options{Now: now})
		e := &drivetest.Engine{Store: driven{w}, Index: wandering{w}, Check: func(t testing.TB) { w.check(t) }}
		e.Reopen = func() *drivetest.Engine { return e }
		return e
	})
}

// booked is the account book of a wanderer.
type booked struct{ *wanderer }

func (w booked) Account(ctx context.Context, id account.ID) (a account.Account, err error) {
	w.read(func(x *carry.End) { a, err = x.Accounts.Account(ctx, id) })
	return a, err
}

func (w booked) ByAddress(ctx context.Context, key string) (a account.Account, err error) {
	w.read(func(x *carry.End) { a, err = x.Accounts.ByAddress(ctx, key) })
	return a, err
}

func (w booked) ByCatchAll(ctx context.Context, domain string) (a account.Account, err error) {
	w.read(func(x *carry.End) { a, err = x.Accounts.ByCatchAll(ctx, domain) })
	return a, err
}

func (w booked) Accounts(ctx context.Context) (all []account.Account, err error) {
	w.read(func(x *carry.End) { all, err = x.Accounts.Accounts(ctx) })
	return all, err
}

func (w booked) Former(ctx context.Context, key string) (id account.ID, err error) {
	w.read(func(x *carry.End) { id, err = x.Accounts.Former(ctx, key) })
	return id, err
}

func (w booked) Put(ctx context.Context, a account.Account) (err error) {
	w.write(mailstore.Owner(a.ID), func(x *carry.End) { err = x.Accounts.Put(ctx, a) })
	return err
}

func (w booked) Delete(ctx context.Context, id account.ID) (err error) {
	w.write(mailstore.Owner(id), func(x *carry.End) { err = x.Accounts.Delete(ctx, id) })
	return err
}

// Free forgets at both ends: what stands at either would come along again.
func (w booked) Free(ctx context.Context, key string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return errors.Join(w.ends[0].Accounts.Free(ctx, key), w.ends[1].Accounts.Free(ctx, key))
}

// Accounts runs the suite of account.Store.
func Accounts(t *testing.T, open Open) {
	accounttest.Store(t, func(t *testing.T) account.Store { return booked{wander(t, open, Options{})} })
}
