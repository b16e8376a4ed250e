package bolt

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"sealpost/account"
	"sealpost/filestore"
	"sealpost/filestore/drive"
	"sealpost/mailstore"
	"sealpost/mailstore/cabinet"
	"sealpost/move/carry"
	"sealpost/move/live"
	"sealpost/pgp"
)

// twoEnds is a router over people and where they go, and what takes them there.
func twoEnds(t *testing.T, n int) (r *live.Router, m *live.Mover, ids []mailstore.Owner) {
	from, known, ids := peopled(t, n)
	journal := newJournal(t)
	move := &carry.Move{From: from, To: landed(t, known), Journal: journal, Workers: 2}
	quiet := slog.New(slog.DiscardHandler)
	r = live.New(move.From, move.To, nil, quiet)
	return r, &live.Mover{Router: r, Move: move, Journal: journal, Log: quiet, Most: time.Minute, Wait: time.Millisecond}, ids
}

func flip(t *testing.T, m *live.Mover, o mailstore.Owner) {
	t.Helper()
	if _, err := m.One(t.Context(), o); err != nil {
		t.Fatal(err)
	}
}

func note(s string) []mailstore.Change {
	return []mailstore.Change{mailstore.Create{Name: s}}
}

// Who writes while the gate is shut waits, hears no error, and writes where the owner then is.
func TestLiveGate(t *testing.T) {
	t.Parallel()
	r, m, ids := twoEnds(t, 2)
	o := ids[0]
	wrote := make(chan error, 1)
	var done atomic.Bool
	bring := func(ctx context.Context) error {
		go func() {
			_, err := r.Index().Apply(context.Background(), o, note("while shut"))
			done.Store(true)
			wrote <- err
		}()
		cut, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
		defer cancel()
		if _, _, err := r.Cabinet().Apply(cut, o, cabinet.Wish{Place: cabinet.Place{Drawer: "pins", Name: "c"}, Blob: &filestore.Ref{Size: 1}}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a box passed a shut gate: %v", err)
		}
		if _, err := r.Drive().Apply(cut, drive.Owner(o), drive.Begin{ID: drive.NewID(), Size: 3}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a file passed a shut gate: %v", err)
		}
		if _, err := r.Index().Apply(ctx, ids[1], note("another owner")); err != nil {
			t.Errorf("another owner: %v", err)
		}
		if _, err := r.Index().Mailboxes(ctx, o); err != nil {
			t.Errorf("a reader waits: %v", err)
		}
		if done.Load() {
			t.Error("a change passed a shut gate")
		}
		if r.At(o) != live.From {
			t.Error("he is there before that is durable")
		}
		c, err := m.Move.Chase(ctx, o)
		if err == nil {
			_, err = c.Finish(ctx)
		}
		return err
	}
	if _, err := r.Flip(t.Context(), o, live.To, time.Minute, bring, func(context.Context) (bool, error) { return true, nil }); err != nil {
		t.Fatal(err)
	}
	if err := <-wrote; err != nil {
		t.Errorf("who waited hears %v", err)
	}
	if there, here := named(t, m.Move.To, o, "while shut"), named(t, m.Move.From, o, "while shut"); !there || here {
		t.Errorf("what waited is there: %t, here: %t", there, here)
	}
}

func named(t *testing.T, x *carry.End, o mailstore.Owner, name string) bool {
	t.Helper()
	for _, b := range must(x.Index.Mailboxes(t.Context(), o)) {
		if b.Name == name {
			return true
		}
	}
	return false
}

// slow is an index whose changes wait.
type slow struct {
	mailstore.Index
	begun, end chan struct{}
}

func (s slow) Apply(ctx context.Context, o mailstore.Owner, changes []mailstore.Change) ([]mailstore.Event, error) {
	s.begun <- struct{}{}
	<-s.end
	return s.Index.Apply(ctx, o, changes)
}

// An owner is not taken away under a write that began before, and the gate opens again.
func TestLiveWaitsForWriters(t *testing.T) {
	t.Parallel()
	_, m, ids := twoEnds(t, 1)
	from := *m.Move.From
	s := slow{from.Index, make(chan struct{}), make(chan struct{})}
	from.Index = s
	r := live.New(&from, m.Move.To, nil, slog.New(slog.DiscardHandler))
	wrote := make(chan error, 1)
	go func() {
		_, err := r.Index().Apply(context.Background(), ids[0], note("slow"))
		wrote <- err
	}()
	<-s.begun
	never := func(context.Context) error { t.Error("he goes under a write"); return nil }
	settle := func(context.Context) (bool, error) { return true, nil }
	if _, err := r.Flip(t.Context(), ids[0], live.To, 10*time.Millisecond, never, settle); !errors.Is(err, live.ErrBusy) {
		t.Errorf("while it is written: %v", err)
	}
	close(s.end)
	if err := <-wrote; err != nil || r.At(ids[0]) != live.From {
		t.Errorf("%v, at %d", err, r.At(ids[0]))
	}
	// Too long a bringing leaves him where he is, and open.
	long := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
	if _, err := r.Flip(t.Context(), ids[0], live.To, 10*time.Millisecond, long, settle); !errors.Is(err, live.ErrBusy) {
		t.Errorf("what takes too long: %v", err)
	}
	go func() { <-s.begun }()
	if _, err := r.Index().Apply(t.Context(), ids[0], note("after")); err != nil || !named(t, m.Move.From, ids[0], "after") {
		t.Errorf("the gate is open: %v", err)
	}
}

func octets(n byte) []byte { return bytes.Repeat([]byte{n}, 100) }

func blobOf(t *testing.T, b filestore.Blobs, id filestore.ID) []byte {
	t.Helper()
	blob, err := b.Open(t.Context(), id)
	if err != nil {
		return nil
	}
	defer blob.Close()
	return must(io.ReadAll(io.NewSectionReader(blob, 0, blob.Size())))
}

// What was put before an owner went is there when a row points at it afterwards.
func TestLivePutBefore(t *testing.T) {
	t.Parallel()
	r, m, ids := twoEnds(t, 1)
	o, ctx := ids[0], t.Context()
	var refs []filestore.Ref
	for n := range byte(6) {
		refs = append(refs, must(filestore.PutFor(ctx, r.Blobs(), string(o), bytes.NewReader(octets(n))))...)
	}
	old := must(m.Move.From.Cabinet.Box(ctx, o, cabinet.Place{Drawer: "drafts", Name: "a"}))
	flip(t, m, o)
	to := m.Move.To.Blobs
	mail := mailstore.Mail{Form: pgp.FormMIME, Class: pgp.SealedOnArrival, Letters: []mailstore.Stored{{Kind: pgp.KindMessage, Ref: refs[0]}}}
	e := must(r.Index().Apply(ctx, o, []mailstore.Change{mailstore.Append{Box: 1, Mail: mail, Size: 10}}))
	for got, err := range r.Index().Mails(ctx, o, 1, e[0].UIDs) {
		if err != nil || !bytes.Equal(blobOf(t, to, got.Letters[0].ID), octets(0)) {
			t.Errorf("the letter is not there: %v", err)
		}
	}
	place := cabinet.Place{Drawer: "pins", Name: "z"}
	box, _, err := r.Cabinet().Apply(ctx, o, cabinet.Wish{Place: place, Blob: &refs[1]})
	if err != nil || !bytes.Equal(blobOf(t, to, box.Blob.ID), octets(1)) {
		t.Errorf("the box is not there: %v", err)
	}
	file := drive.NewID()
	must(r.Drive().Apply(ctx, drive.Owner(o), drive.Begin{ID: file, Size: 100}))
	must(r.Drive().Apply(ctx, drive.Owner(o), drive.Put{Object: file, Part: drive.Part{Sum: [32]byte{1}, Blob: refs[2]}}))
	small := drive.NewID()
	must(r.Drive().Apply(ctx, drive.Owner(o), drive.Bring{Whole: []drive.Whole{{ID: small, Part: drive.Part{Blob: refs[3]}}}}))
	for id, want := range map[drive.ID]byte{file: 2, small: 3} {
		p := must(r.Drive().Parts(ctx, drive.Owner(o), id, 0, 1))
		if len(p) != 1 || !bytes.Equal(blobOf(t, to, p[0].Blob.ID), octets(want)) {
			t.Errorf("part %d is not there", want)
		}
	}
	// What is refused leaves no copy; what somebody had before opens still.
	count := func() (n int) {
		for range to.All(ctx) {
			n++
		}
		return n
	}
	before := count()
	if _, _, err := r.Cabinet().Apply(ctx, o, cabinet.Wish{Place: place, Was: 7, Blob: &refs[4]}); !cabinet.Refused(err) || count() != before {
		t.Errorf("%v, and %d blobs after %d", err, count(), before)
	}
	if blobOf(t, r.Blobs(), old.Blob.ID) == nil || blobOf(t, r.Blobs(), refs[0].ID) == nil || !bytes.Equal(blobOf(t, r.Blobs(), box.Blob.ID), octets(1)) {
		t.Error("an id does not open")
	}
	for i, got := range filestore.OpenAll(ctx, r.Blobs(), []filestore.ID{box.Blob.ID, old.Blob.ID, {1, 2, 3}}) {
		if missing := errors.Is(got.Err, filestore.ErrNotFound); missing != (i == 2) {
			t.Errorf("%d: %v", i, got.Err)
		}
		if got.Blob != nil {
			got.Blob.Close()
		}
	}
	if err := r.Blobs().Delete(ctx, refs[5].ID, box.Blob.ID); err != nil || blobOf(t, r.Blobs(), refs[5].ID) != nil || blobOf(t, to, box.Blob.ID) != nil {
		t.Errorf("what is deleted opens: %v", err)
	}
	// Who is removed is gone at both ends.
	must(r.Index().Apply(ctx, o, []mailstore.Change{mailstore.Forget{}}))
	for _, x := range []*carry.End{m.Move.From, m.Move.To} {
		for rec := range x.Heavy(ctx, o) {
			t.Errorf("%T is left of who was removed", rec)
		}
	}
	if blobOf(t, m.Move.From.Blobs, old.Blob.ID) != nil {
		t.Error("a blob is left of who was removed")
	}
}

// failing does not write some stages.
type failing struct {
	*Journal
	fails func(carry.Stage) bool
}

func (j failing) SetStage(ctx context.Context, o mailstore.Owner, s carry.Stage, d carry.Digest) error {
	if j.fails(s) {
		return errCut
	}
	return j.Journal.SetStage(ctx, o, s, d)
}

// Nobody is let write at the other end before it is durable that the owner is there.
func TestLiveDurable(t *testing.T) {
	t.Parallel()
	r, m, ids := twoEnds(t, 2)
	journal := m.Journal.(*Journal)
	broken := false
	m.Journal = failing{journal, func(s carry.Stage) bool {
		if s == carry.Served && r.At(ids[0]) != live.From {
			t.Error("he is served there before that is durable")
		}
		return s == carry.Served || broken
	}}
	if _, err := m.One(t.Context(), ids[0]); err == nil || errors.Is(err, live.ErrStuck) {
		t.Errorf("a journal that cannot be written: %v", err)
	}
	must(r.Index().Apply(t.Context(), ids[0], note("goes on")))
	if !named(t, m.Move.From, ids[0], "goes on") || r.At(ids[0]) != live.From {
		t.Error("who could not go is not served where he was")
	}
	if served, err := live.Served(t.Context(), journal); len(served) > 0 || err != nil {
		t.Errorf("the next server would serve there %v, %v", served, err)
	}
	broken = true
	if _, err := m.One(t.Context(), ids[1]); !errors.Is(err, live.ErrStuck) {
		t.Errorf("where it is not known where he is: %v", err)
	}
	cut, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := r.Index().Apply(cut, ids[1], note("nowhere")); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("who is nowhere is written: %v", err)
	}
}

// All go, and who comes later; what came of who was removed goes.
func TestLiveMover(t *testing.T) {
	t.Parallel()
	r, m, ids := twoEnds(t, 3)
	ctx, stop := context.WithCancel(t.Context())
	before := content(t, m.Move.From, ids[1])
	run := make(chan error, 1)
	go func() { run <- m.Run(ctx) }()
	wait := func(people int) {
		t.Helper()
		for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
			if p := m.Progress(); p.There == people && p.Accounts == people {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("%+v", m.Progress())
			}
		}
	}
	wait(3)
	late := mailstore.Owner("00000000000000ff")
	furnish(t, m.Move.From, late, 77)
	wait(4)
	must(r.Index().Apply(ctx, ids[0], []mailstore.Change{mailstore.Forget{}}))
	if err := m.Move.From.Accounts.Delete(ctx, account.ID(ids[0])); err != nil {
		t.Fatal(err)
	}
	wait(3)
	stop()
	if err := <-run; err != nil {
		t.Error(err)
	}
	if after := content(t, m.Move.To, ids[1]); !equal(unshared(before), unshared(after)) {
		t.Error("blobs are others")
	}
	served, err := live.Served(t.Context(), m.Journal)
	if err != nil || len(served) != 3 {
		t.Errorf("%v, %v", served, err)
	}
	for rec := range m.Move.To.Heavy(t.Context(), ids[0]) {
		t.Errorf("%T is left of who was removed", rec)
	}
	if p := m.Progress(); p.Messages == 0 || p.Longest == 0 {
		t.Errorf("%+v", p)
	}
}
