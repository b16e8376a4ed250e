package move

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"sealpost/filestore/lease"
	"sealpost/filestore/spool"
	"sealpost/mail"
	"sealpost/mailstore"
)

// importing is one import that this process runs. As lease.Leases it is the lease of it.
type importing struct {
	imports *Imports
	owner   mailstore.Owner
	remote  Remote
	stop    context.CancelCauseFunc
	journal *Journal // in memory, ahead of the note by no more than what is on its way

	noting sync.Mutex // held from when a note is made until it is known what became of it
	stored []byte     // the note as it is stored
	noted  noted      // and what is in it
	ahead  bool       // the journal has what was not stored after all
	lost   bool       // somebody else has put another note

	mu     sync.Mutex
	sent   []Position
	first  int // number of sent[0]
	behind int64
	result ImportState // Trouble and Finished
}

var _ lease.Leases = (*importing)(nil)

// Lease puts the note of a new run in the place of one that has ended.
func (r *importing) Lease(ctx context.Context, d time.Duration) (lease.Token, error) {
	i := r.imports
	i.claiming.Lock()
	defer i.claiming.Unlock()
	n, was, err := i.read(ctx, r.owner)
	if err != nil {
		return 0, err
	}
	if i.runsStill(r.owner, n) {
		return 0, lease.ErrHeld
	}
	of := journalID(r.owner, r.remote)
	old, err := r.recall(&n, of)
	if err != nil {
		return 0, err
	}
	before, self := i.replace(r.owner, r)
	n.Token++
	n.Runner, n.Until, n.State = self, i.Now().Add(d), ImportState{Since: i.Now()}
	now := i.seal(r.owner, &n)
	err = i.stands(ctx, r.owner, was, now, i.put(ctx, r.owner, was, now))
	if err != nil {
		i.replace(r.owner, before)
		if errors.Is(err, lease.ErrFenced) { // another was faster
			err = lease.ErrHeld
		}
		return 0, err
	}
	if before != nil {
		before.stop(lease.ErrFenced)
	}
	r.stored, r.noted = now, n
	if old != "" { // the folder goes with the last one
		os.Remove(old)
		os.Remove(i.Folder)
	}
	return n.Token, nil
}

// replace has an owner's import run by r; nil: by nobody.
func (i *Imports) replace(o mailstore.Owner, r *importing) (before *importing, self string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	before = i.runs[o]
	if i.runs[o] = r; r == nil {
		delete(i.runs, o)
	}
	return before, i.self
}

// recall makes the journal of what is noted of a source, or of the file that an earlier release
// left: its name, if there was one, can go when a note is put.
func (r *importing) recall(n *noted, of string) (file string, err error) {
	parts, known := n.use(of)
	if !known && r.imports.Folder != "" {
		name := filepath.Join(r.imports.Folder, of)
		if _, err := os.Stat(name); err == nil {
			if parts, err = fromFile(name, of); err != nil {
				return "", err
			}
			file = name
			n.arrived(parts)
		}
	}
	r.journal, err = shortJournal(parts)
	return file, err
}

func fromFile(name, of string) ([]packedPart, error) {
	j, err := OpenJournal(name, of)
	if err != nil {
		return nil, err
	}
	short, err := j.shorten()
	if err := errors.Join(err, j.Close()); err != nil {
		return nil, err
	}
	return short.pack(), nil
}

// Renew says that the import still runs, unless a note that came with mail has said so.
func (r *importing) Renew(ctx context.Context, _ lease.Token, d time.Duration) error {
	r.noting.Lock()
	defer r.noting.Unlock()
	if r.noted.Until.Sub(r.imports.Now()) > d*2/3 {
		return nil
	}
	return r.note(ctx, func(*noted) {})
}

// Release says how the import ended.
func (r *importing) Release(ctx context.Context, _ lease.Token) error {
	r.noting.Lock()
	defer r.noting.Unlock()
	err := r.note(ctx, func(n *noted) {
		if !r.ahead {
			n.arrived(r.journal.pack())
		}
		n.State.Ended, n.State.Trouble, n.State.Finished = r.imports.Now(), r.result.Trouble, r.result.Finished
	})
	if errors.Is(err, lease.ErrFenced) {
		return nil
	}
	return err
}

// next is what to note after a change of what is noted.
func (r *importing) next(change func(*noted)) (n noted, sealed []byte) {
	n = r.noted
	r.mu.Lock()
	n.State.Behind = r.behind
	r.mu.Unlock()
	n.Until = r.imports.Now().Add(importLease)
	change(&n)
	return n, r.imports.seal(r.owner, &n)
}

// note puts a note without any mail; r.noting is held.
func (r *importing) note(ctx context.Context, change func(*noted)) error {
	if r.lost {
		return lease.ErrFenced
	}
	n, sealed := r.next(change)
	return r.settle(ctx, n, sealed, r.imports.put(ctx, r.owner, r.stored, sealed))
}

// settle takes up what became of a note; r.noting is held.
func (r *importing) settle(ctx context.Context, n noted, sealed []byte, failure error) error {
	err := r.imports.stands(ctx, r.owner, r.stored, sealed, failure)
	if err == nil {
		r.noted, r.stored = n, sealed
	}
	r.lost = r.lost || errors.Is(err, lease.ErrFenced)
	return err
}

// fetch brings what the source has and the journal has not.
func (r *importing) fetch(ctx context.Context) error {
	err := r.bring(ctx)
	r.result.Trouble = troubleOf(ctx, err)
	r.result.Finished = err == nil && r.behind == 0
	return err
}

func (r *importing) bring(ctx context.Context) error {
	i := r.imports
	to, err := i.Seal(ctx, r.owner)
	if err != nil {
		return err
	}
	total, _ := r.remote.Total(ctx)
	r.noting.Lock()
	err = r.note(ctx, func(n *noted) { n.State.Total = total })
	r.noting.Unlock()
	if err != nil {
		return err
	}
	im := Importer{Store: i.Store, Owner: r.owner, To: to, Look: mail.DefaultLimits, Now: i.Now, Deliver: r.deliver}
	_, err = im.Run(ctx, r.arriving(ctx), func(int, []int) error { return nil })
	return err
}

// arriving reads the source's messages into spools.
func (r *importing) arriving(ctx context.Context) iter.Seq2[Arriving, error] {
	return func(yield func(Arriving, error) bool) {
		for m, err := range r.remote.Messages(ctx, r.journal) {
			var in Arriving
			if err == nil {
				in, err = r.read(ctx, m)
			}
			var bad *Bad
			if errors.As(err, &bad) {
				if err = r.leaves(bad.Position); err == nil {
					continue
				}
			}
			if err != nil {
				yield(Arriving{}, err)
				return
			}
			r.mu.Lock()
			r.sent = append(r.sent, m.Position)
			r.mu.Unlock()
			if !yield(in, nil) {
				return
			}
		}
	}
}

func (r *importing) read(ctx context.Context, m Message) (Arriving, error) {
	text, err := m.Open(ctx)
	if err != nil {
		return Arriving{}, &Bad{Position: m.Position, Err: err}
	}
	defer text.Close()
	s := spool.New(r.imports.Spool, importMemory, 2*MaxMessage)
	if _, err := io.Copy(struct{ io.Writer }{s}, struct{ io.Reader }{text}); err != nil {
		s.Close()
		return Arriving{}, &Bad{Position: m.Position, Err: err}
	}
	return Arriving{m.Mailbox, m.Flags, m.Received, s}, nil
}

// leaves has the journal say that messages stay behind, before any after them has arrived.
func (r *importing) leaves(ps ...Position) error {
	r.mu.Lock()
	r.behind += int64(len(ps))
	r.mu.Unlock()
	return r.journal.Behind(ps...)
}

// noteRate bounds the octets of notes in a second: mail waits for its turn.
const noteRate = 1 << 20

// deliver stores messages up to the nth, and in the same change the note that says so.
func (r *importing) deliver(ctx context.Context, ds []mailstore.Delivery, n int, failed []int) error {
	r.noting.Lock()
	lost := r.lost
	r.ahead = true
	r.noting.Unlock()
	if lost {
		return lease.ErrFenced
	}
	arrived, behind := r.take(n, failed)
	if err := errors.Join(r.leaves(behind...), r.journal.Add(arrived...)); err != nil {
		return err
	}
	size, err := r.store(ctx, ds, func(n *noted) {
		n.State.Done += int64(len(arrived))
		n.arrived(r.journal.pack())
	})
	if err != nil {
		return err
	}
	select {
	case <-ctx.Done():
	case <-time.After(time.Second * time.Duration(size) / noteRate):
	}
	return nil
}

// take gives the positions of the first n messages that were not taken yet.
func (r *importing) take(n int, failed []int) (arrived, behind []Position) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for k := r.first; k < n; k++ {
		p := r.sent[k-r.first]
		if slices.Contains(failed, k) {
			behind = append(behind, p)
		} else {
			arrived = append(arrived, p)
		}
	}
	r.sent, r.first = r.sent[n-r.first:], n
	return arrived, behind
}

// store puts messages and their note, and says how large that was. Letters become durable
// before the note is made: meanwhile it may be renewed.
func (r *importing) store(ctx context.Context, ds []mailstore.Delivery, change func(*noted)) (size int, err error) {
	var n noted
	var sealed []byte
	if len(ds) == 0 {
		r.noting.Lock()
		defer r.noting.Unlock()
		err = r.note(ctx, change)
		r.ahead = err != nil
		return len(r.stored), err
	}
	_, err = r.imports.Store.DeliverAll(ctx, r.owner, ds, func() mailstore.Change {
		if sealed == nil {
			r.noting.Lock()
			n, sealed = r.next(change)
		}
		return mailstore.Note{Box: mailstore.NoteImports, Was: r.stored, Now: sealed}
	})
	if sealed == nil {
		return 0, err
	}
	defer r.noting.Unlock()
	if err = r.settle(ctx, n, sealed, err); err != nil {
		return 0, fmt.Errorf("with the note of how far it is: %w", err)
	}
	r.ahead = false
	return len(sealed), nil
}
