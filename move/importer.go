package move

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime"
	"sync"
	"time"

	"sealpost/filestore/spool"
	"sealpost/mail"
	"sealpost/mailstore"
	"sealpost/pgp"
)

// Importer seals messages to one owner and stores them. Its fields are set once.
type Importer struct {
	Store *mailstore.Store
	Owner mailstore.Owner
	To    pgp.Recipient
	Look  mail.Limits
	Now   func() time.Time
	// Deliver, when it is set, stores messages in place of Store.DeliverAll, and knows by its
	// success what Run tells done. There may be none to store, when all have failed.
	Deliver func(ctx context.Context, ds []mailstore.Delivery, n int, failed []int) error
	// Stop makes the source give up when Run has failed, even while it waits for more.
	// nil: it never waits long.
	Stop func()
}

// Arriving is a message that was read. Run closes its spool.
type Arriving struct {
	Mailbox  string
	Flags    []string
	Received time.Time
	Mail     *spool.Spool
}

// Report is what became of an import.
type Report struct {
	Messages int   `json:"messages"`
	Bytes    int64 `json:"bytes"`
	Failed   []int `json:"failed,omitempty"` // numbers, from 0, of those that could not be sealed
}

const (
	inFlight = 128 // messages read and not yet stored
	together = 64  // stored in one go
)

// slot is one message between being read and being stored.
type slot struct {
	number int
	in     Arriving
	ready  chan struct{}
	sealed pgp.Sealed
	err    error
}

// Run takes messages until in ends. done is told how many, from the first on, are
// durable or have failed, and the numbers of those that failed since it was last
// told. When Run fails, what was told stays done.
func (im *Importer) Run(ctx context.Context, in iter.Seq2[Arriving, error], done func(n int, failed []int) error) (Report, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	queue := make(chan *slot, inFlight)
	work := make(chan *slot, inFlight)
	var workers sync.WaitGroup
	for range max(2, runtime.GOMAXPROCS(0)) {
		workers.Go(func() {
			for s := range work {
				s.sealed, s.err = im.seal(ctx, s.in)
				close(s.ready)
			}
		})
	}
	var failed error
	workers.Go(func() {
		defer close(queue)
		defer close(work)
		failed = im.read(ctx, in, queue, work)
	})
	r, err := im.store(ctx, queue, done)
	cancel()
	if err != nil && im.Stop != nil {
		im.Stop()
	}
	for s := range queue { // the reader must not wait for room
		<-s.ready
		s.in.Mail.Close()
	}
	workers.Wait()
	if err == nil {
		err = failed
	}
	return r, err
}

func (im *Importer) read(ctx context.Context, in iter.Seq2[Arriving, error], queue, work chan<- *slot) error {
	n := 0
	for a, err := range in {
		if err != nil {
			return err
		}
		s := &slot{number: n, in: a, ready: make(chan struct{})}
		n++
		work <- s
		queue <- s
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}

func (im *Importer) seal(ctx context.Context, a Arriving) (pgp.Sealed, error) {
	if err := ctx.Err(); err != nil {
		return pgp.Sealed{}, err
	}
	at := a.Received
	if at.IsZero() {
		at = im.Now()
	}
	return pgp.Seal(ctx, pgp.Mail{Bytes: a.Mail, Gist: mail.Look(ctx, a.Mail, im.Look), Time: at}, im.To)
}

// store takes what is sealed in the order it was read, as much at once as there is.
func (im *Importer) store(ctx context.Context, queue <-chan *slot, done func(int, []int) error) (r Report, err error) {
	total := 0
	for first := range queue {
		part, told := gather(first, queue), len(r.Failed)
		total += len(part)
		err := im.deliver(ctx, part, total, &r)
		for _, s := range part {
			s.in.Mail.Close()
		}
		if err != nil {
			return r, err
		}
		if err := done(total, r.Failed[told:]); err != nil {
			return r, err
		}
	}
	return r, nil
}

// gather waits for the first slot and takes those behind it that are sealed.
func gather(first *slot, queue <-chan *slot) []*slot {
	<-first.ready
	part := []*slot{first}
	for len(part) < together {
		select {
		case s, more := <-queue:
			if !more {
				return part
			}
			<-s.ready
			part = append(part, s)
		default:
			return part
		}
	}
	return part
}

// deliver stores a part that ends with message n.
func (im *Importer) deliver(ctx context.Context, part []*slot, n int, r *Report) error {
	var ds []mailstore.Delivery
	var bytes int64
	told := len(r.Failed)
	for _, s := range part {
		switch {
		case errors.Is(s.err, pgp.ErrNoKey), errors.Is(s.err, pgp.ErrRevoked), ctx.Err() != nil:
			return errors.Join(s.err, ctx.Err())
		case s.err != nil:
			r.Failed = append(r.Failed, s.number)
			continue
		}
		received := s.in.Received
		if received.IsZero() {
			received = im.Now()
		}
		bytes += s.in.Mail.Size()
		ds = append(ds, mailstore.Delivery{
			Box: cleanBox(s.in.Mailbox), Make: true, Sealed: s.sealed, Flags: cleanFlags(s.in.Flags), Received: received,
		})
	}
	if err := im.hand(ctx, ds, n, r.Failed[told:]); err != nil {
		return fmt.Errorf("store %d messages: %w", len(ds), err)
	}
	r.Messages, r.Bytes = r.Messages+len(ds), r.Bytes+bytes
	return nil
}

func (im *Importer) hand(ctx context.Context, ds []mailstore.Delivery, n int, failed []int) (err error) {
	switch {
	case im.Deliver != nil:
		err = im.Deliver(ctx, ds, n, failed)
	case len(ds) > 0:
		_, err = im.Store.DeliverAll(ctx, im.Owner, ds)
	}
	return err
}

// cleanBox is the name as the store takes it; what it cannot take goes to one
// mailbox, so that nothing is left behind for its name.
func cleanBox(name string) string {
	if clean, err := mailstore.CleanName(name); err == nil {
		return clean
	}
	return "Imported"
}

// cleanFlags leaves out flags that no client here could set.
func cleanFlags(flags []string) (kept []string) {
	for _, f := range flags {
		if clean, err := mailstore.CleanFlags([]string{f}); err == nil && len(kept) < maxFlags {
			kept = append(kept, clean...)
		}
	}
	return kept
}
