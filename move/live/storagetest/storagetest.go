// Package storagetest has the suites of engines look at people who go from one engine to another and back at any
// moment, while they write: what is true of an engine that nobody leaves must be true then, too.
//
// It never knows an engine: it sees what the interfaces show.
package storagetest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"sealpost/filestore"
	"sealpost/filestore/drive"
	drivetest "sealpost/filestore/drive/storagetest"
	"sealpost/mailstore"
	"sealpost/mailstore/cabinet"
	cabinettest "sealpost/mailstore/cabinet/storagetest"
	indextest "sealpost/mailstore/storagetest"
	"sealpost/move/carry"
	"sealpost/move/carry/storagetest"
	"sealpost/move/live"
)

// Suites are those of the seams over people who go: while they write, and where there is time for it also
// between two changes.
func Suites() map[string]func(*testing.T, storagetest.Open) {
	all := map[string]func(*testing.T, storagetest.Open){
		"accounts": storagetest.Accounts, "index while written": Index, "cabinet while written": Cabinet, "drive while written": Drive,
	}
	if indextest.Thorough() {
		all["index"], all["cabinet"], all["drive"] = storagetest.Index, storagetest.Cabinet, storagetest.Drive
	}
	return all
}

// A traveller is an installation whose people are taken to the other end and back at any moment, while
// they write.
type traveller struct {
	*live.Router
	t    testing.TB
	ends [2]storagetest.Engine
	done func()

	mu     sync.Mutex
	met    map[mailstore.Owner]bool
	writes int
	going  sync.Mutex // one at a time
	flips  int
	busy   int
	stop   context.CancelFunc
	movers sync.WaitGroup
}

func travel(t testing.TB, open storagetest.Open, o storagetest.Options) *traveller {
	ends, done := open(t, o)
	for i := range ends {
		if ends[i].Blobs == nil {
			with := *ends[i].End
			with.Blobs = nothing{}
			ends[i].End = &with
		}
	}
	r := live.New(ends[0].End, ends[1].End, nil, slog.New(slog.DiscardHandler))
	ctx, stop := context.WithCancel(context.Background())
	w := &traveller{Router: r, t: t, ends: ends, done: done, met: map[mailstore.Owner]bool{}, stop: stop}
	w.movers.Go(func() { w.flipAll(ctx) })
	t.Cleanup(w.end)
	return w
}

// end has nobody go anywhere any more.
func (w *traveller) end() {
	w.stop()
	w.movers.Wait()
	if w.t.Failed() {
		w.t.Logf("%d went to the other end, %d could not", w.flips, w.busy)
	}
}

// check has each end looked at, without what is half on its way there.
func (w *traveller) check(t indextest.TB) {
	w.end()
	for _, o := range w.people() {
		if err := w.ends[1-w.At(o)].Rows.RemoveHeavy(context.Background(), o); err != nil {
			w.t.Error(err)
		}
	}
	for _, x := range w.ends {
		if x.Check != nil {
			x.Check(t)
		}
	}
}

// meet is before a change of an owner, who goes to the other end first now and then.
func (w *traveller) meet(o mailstore.Owner) {
	if len(o) == 0 || len(o) > 100 {
		return
	}
	w.mu.Lock()
	w.met[o] = true
	w.writes++
	goes := w.writes&(w.writes-1) == 0 || w.writes%64 == 0 // often at first, when there is little
	w.mu.Unlock()
	if goes {
		w.try(context.Background(), o)
	}
}

func (w *traveller) people() (all []mailstore.Owner) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for o := range w.met {
		all = append(all, o)
	}
	return all
}

func (w *traveller) flipAll(ctx context.Context) {
	for ctx.Err() == nil {
		for _, o := range w.people() {
			w.try(ctx, o)
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Duration(rand.Int64N(int64(5 * time.Millisecond)))):
		}
	}
}

func (w *traveller) try(ctx context.Context, o mailstore.Owner) {
	w.going.Lock()
	defer w.going.Unlock()
	err := w.flip(ctx, o)
	switch {
	case err == nil:
		w.flips++
	case errors.Is(err, live.ErrBusy), errors.Is(err, mailstore.ErrNoOwner): // gone meanwhile
		w.busy++
	case ctx.Err() == nil:
		w.t.Errorf("%s cannot go to the other end: %v", o, err)
	}
}

// flip takes an owner to the end where he is not.
func (w *traveller) flip(ctx context.Context, o mailstore.Owner) error {
	at := w.At(o)
	if w.IsRead(o, 1-at) {
		return live.ErrBusy
	}
	m := &carry.Move{From: w.ends[at].End, To: w.ends[1-at].End, Journal: newBlank()}
	c, err := m.Chase(ctx, o)
	if err == nil {
		_, err = c.Again(ctx)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", live.ErrBusy, err) // it is tried again
	}
	bring := func(ctx context.Context) error { _, err := c.Finish(ctx); return err }
	_, err = w.Flip(ctx, o, 1-at, time.Minute, bring, func(context.Context) (bool, error) { return true, nil })
	return err
}

// nothing is where no blob is: suites of rows make ids up.
type nothing struct{}

func (nothing) Put(context.Context, ...io.WriterTo) ([]filestore.Ref, error) {
	return nil, errors.New("nothing is put here")
}
func (nothing) Open(context.Context, filestore.ID) (filestore.Blob, error) {
	return nil, filestore.ErrNotFound
}
func (nothing) Delete(context.Context, ...filestore.ID) error { return nil }
func (nothing) All(context.Context) iter.Seq2[filestore.Info, error] {
	return func(func(filestore.Info, error) bool) {}
}

// blank is a journal of an owner of whom all that is there is to be written anew.
type blank struct {
	mu     sync.Mutex
	copies map[filestore.ID]carry.Copied
	landed map[filestore.ID][16]byte
}

func newBlank() *blank {
	return &blank{copies: map[filestore.ID]carry.Copied{}, landed: map[filestore.ID][16]byte{}}
}

func (j *blank) Copies(_ context.Context, from []filestore.ID) ([]carry.Copied, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	all := make([]carry.Copied, len(from))
	for i, id := range from {
		all[i] = j.copies[id]
	}
	return all, nil
}

func (j *blank) Landed(_ context.Context, to filestore.ID) (sum [16]byte, there bool, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	sum, there = j.landed[to]
	return sum, there, nil
}

func (j *blank) Keep(_ context.Context, copies []carry.Copied) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, c := range copies {
		j.copies[c.From], j.landed[c.To] = c, c.Sum
	}
	return nil
}

func (j *blank) Stage(context.Context, mailstore.Owner) (carry.Stage, carry.Digest, error) {
	return carry.Begun, carry.Digest{}, nil
}

func (j *blank) SetStage(context.Context, mailstore.Owner, carry.Stage, carry.Digest) error {
	return nil
}

// travelling is the index of a traveller.
type travelling struct {
	mailstore.Index
	w *traveller
}

func (x travelling) Apply(ctx context.Context, o mailstore.Owner, changes []mailstore.Change) ([]mailstore.Event, error) {
	x.w.meet(o)
	return x.Index.Apply(ctx, o, changes)
}

// Blobs leaves out what was left behind.
func (x travelling) Blobs(ctx context.Context) iter.Seq2[filestore.ID, error] {
	return func(yield func(filestore.ID, error) bool) {
		for _, o := range x.w.people() {
			ids, err := x.w.blobsOf(ctx, o)
			if err != nil {
				yield(filestore.ID{}, err)
				return
			}
			for _, id := range ids {
				if !yield(id, nil) {
					return
				}
			}
		}
	}
}

// blobsOf has nobody go while it reads.
func (w *traveller) blobsOf(ctx context.Context, o mailstore.Owner) (ids []filestore.ID, err error) {
	w.going.Lock()
	defer w.going.Unlock()
	for r, err := range w.ends[w.At(o)].Heavy(ctx, o) {
		if err != nil {
			return nil, err
		}
		if _, shared := r.(carry.Share); shared {
			continue
		}
		for _, ref := range carry.Blobs(r) {
			ids = append(ids, ref.ID)
		}
	}
	return ids, nil
}

func (w *traveller) index() mailstore.Index { return travelling{w.Router.Index(), w} }

// Index runs the suite of mailstore.Index over people who go to the other end while they write.
func Index(t *testing.T, open storagetest.Open) {
	indextest.Index(t, func(t testing.TB, o indextest.Options) *indextest.Engine {
		w := travel(t, open, storagetest.Options{Now: o.Now, Remember: o.Remember})
		return &indextest.Engine{Index: w.index(), Check: w.check, Close: func() { w.end(); w.done() }, Reopen: w.index}
	})
}

// travelled is the cabinet of a traveller.
type travelled struct {
	cabinet.Store
	w *traveller
}

func (x travelled) List(ctx context.Context, o mailstore.Owner, since cabinet.Change) (cabinet.List, error) {
	l, err := x.Store.List(ctx, o, since)
	l.Complete = l.Complete || l.Change == 0 // of nobody's, engines say one or the other
	return l, err
}

func (x travelled) Apply(ctx context.Context, o mailstore.Owner, wish cabinet.Wish) (cabinet.Box, []filestore.ID, error) {
	x.w.meet(o)
	return x.Store.Apply(ctx, o, wish)
}

// Cabinet runs the suite of cabinet.Store so.
func Cabinet(t *testing.T, open storagetest.Open) {
	cabinettest.Store(t, func(t testing.TB, o cabinettest.Options) *cabinettest.Engine {
		w := travel(t, open, storagetest.Options{Now: o.Now, RememberBoxes: o.Remember})
		e := &cabinettest.Engine{
			Store: travelled{w.Router.Cabinet(), w}, Index: w.index(), Check: func(t cabinettest.TB) { w.check(t) }, Close: func() { w.end(); w.done() },
		}
		e.Reopen = func() *cabinettest.Engine { return e }
		return e
	})
}

// carried are the files of a traveller.
type carried struct {
	drive.Store
	w *traveller
}

func (x carried) Link(ctx context.Context, id drive.ID) (drive.Link, error) {
	x.w.going.Lock() // who goes back and forth between two looks is seen at neither end
	defer x.w.going.Unlock()
	l, err := x.Store.Link(ctx, id)
	return storagetest.PlainLink(l), err
}

func (x carried) Request(ctx context.Context, id drive.ID) (drive.Request, error) {
	x.w.going.Lock()
	defer x.w.going.Unlock()
	return x.Store.Request(ctx, id)
}

func (x carried) Left(ctx context.Context, before time.Time) ([]drive.Left, error) {
	x.w.going.Lock()
	defer x.w.going.Unlock()
	return x.Store.Left(ctx, before)
}

func (x carried) Links(ctx context.Context, o drive.Owner) ([]drive.Link, error) {
	all, err := x.Store.Links(ctx, o)
	for i := range all {
		all[i] = storagetest.PlainLink(all[i])
	}
	return all, err
}

func (x carried) Requests(ctx context.Context, o drive.Owner) ([]drive.Request, error) {
	all, err := x.Store.Requests(ctx, o)
	for i := range all {
		all[i].Box = append([]byte{}, all[i].Box...)
	}
	return all, err
}

func (x carried) Apply(ctx context.Context, o drive.Owner, wish drive.Wish) (drive.Done, error) {
	x.w.meet(mailstore.Owner(o))
	return x.Store.Apply(ctx, o, wish)
}

// Drive runs the suite of drive.Store so.
func Drive(t *testing.T, open storagetest.Open) {
	drivetest.Store(t, func(t testing.TB, now func() time.Time) *drivetest.Engine {
		w := travel(t, open, storagetest.Options{Now: now})
		e := &drivetest.Engine{Store: carried{w.Router.Drive(), w}, Index: w.index(), Check: func(t testing.TB) { w.check(t) }}
		e.Reopen = func() *drivetest.Engine { return e }
		return e
	})
}
