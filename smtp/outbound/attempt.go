package outbound

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"sealpost/mail"
	"sealpost/smtp/outbound/queue"
)

const (
	longestAttempt = 2 * time.Hour    // at one mail: large ones to slow servers
	atOnce         = 8                // destinations of one mail
	recording      = 30 * time.Second // to tell a sender, or to write down what became of a mail, even when Run ends
)

// attempt is one mail in hands.
type attempt struct {
	*Sender
	lease   *queue.Lease
	before  []queue.State // of its recipients
	content queue.Content // nil: cannot be read
	results []result      // by recipient
	now     time.Time
	spared  bool        // it expired while nobody looked at it
	doubt   atomic.Bool // somebody may have the mail who did not say so

	signing  sync.Once
	text     mail.Bytes // the content, signed
	unsigned error      // why it is not
}

// fate is what an attempt did to a recipient.
type fate int

const (
	untouched fate = iota // not tried, or cut short by this server
	done
	later
	failed
)

// result is what became of one recipient.
type result struct {
	fate    fate
	said    said
	next    time.Time // untouched: not before; zero: as it was
	resting bool      // untouched because its destination failed for others
	relayed bool      // done, and no notice of success will come from farther on
	local   bool      // done, in a mailbox of this server
}

// attempt sends one mail to all who are due, writes down what became of it, and
// tells its sender. A panic ends this attempt only.
func (s *Sender) attempt(ctx context.Context, lease *queue.Lease) {
	before := lease.Mail.Recipient
	a := &attempt{Sender: s, lease: lease, before: before, results: make([]result, len(before)), now: s.Now()}
	ctx, stop := a.hold(ctx)
	defer stop()
	a.guard(func() { a.send(ctx) }, func() { a.all(result{fate: later, said: said{Reply: replyFault}}) })
	a.guard(func() { a.settle(ctx) }, func() {
		a.guard(func() { a.save(ctx, a.bare()) }, nil)
	})
	if a.content != nil {
		a.content.Close()
	}
}

// guard runs fn, and keeps a panic of ours from ending more than that.
func (a *attempt) guard(fn, after func()) {
	defer func() {
		v := recover()
		if v == nil {
			return
		}
		a.doubt.Store(true)
		// Its value may hold words of a mail.
		a.Log.Error("sending panicked", "mail", a.id(), "type", fmt.Sprintf("%T", v), "stack", string(debug.Stack()))
		if after != nil {
			after()
		}
	}()
	fn()
}

// send hands the mail to every destination that is due.
func (a *attempt) send(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, longestAttempt)
	defer cancel()
	var err error
	if a.content, err = a.lease.Content(ctx); err != nil {
		a.Log.Error("text of a queued mail cannot be read", "mail", a.id(), "error", err)
		a.all(result{fate: later, said: said{Reply: replyFault}})
		return
	}
	a.deliver(ctx, a.group(ctx))
}

func (a *attempt) id() string { return string(a.lease.Mail.ID) }

// due says whether a recipient is to be tried now.
func (a *attempt) due(i int) bool { return !a.before[i].Next.After(a.now) }

// all gives a result to every recipient that is due and has none.
func (a *attempt) all(r result) {
	for i := range a.results {
		if a.due(i) && a.results[i] == (result{}) {
			a.results[i] = r
		}
	}
}

// hold renews the lease until stop is called, and ends the context when somebody
// else has the mail.
func (a *attempt) hold(ctx context.Context) (held context.Context, stop func()) {
	held, cancel := context.WithCancelCause(ctx)
	every := cmp.Or(a.Queue.Limits.Lease, 15*time.Minute) / 3
	over := make(chan struct{})
	go func() {
		defer close(over)
		for t := time.NewTicker(every); ; {
			select {
			case <-held.Done():
				t.Stop()
				return
			case <-t.C:
			}
			if err := a.lease.Renew(held); ended(err) {
				cancel(err)
			} else if err != nil && held.Err() == nil {
				a.Log.Warn("lease not renewed", "mail", a.id(), "error", err)
			}
		}
	}()
	return held, func() {
		cancel(nil)
		<-over
	}
}

// ended says that the mail is somebody else's by now, or was taken out of the queue.
func ended(err error) bool {
	return errors.Is(err, queue.ErrLease) || errors.Is(err, queue.ErrNoSuch)
}

// deliver sends to the destinations, some at the same time: one that hangs keeps
// nobody else's mail back.
func (a *attempt) deliver(ctx context.Context, all []*delivery) {
	each(len(all), func(i int) {
		d := all[i]
		a.guard(func() { d.run(ctx) }, func() { d.rest(result{fate: later, said: said{Reply: replyFault}}) })
	})
}

// each runs fn for 0 to n-1, some at the same time.
func each(n int, fn func(i int)) {
	places := make(chan struct{}, atOnce)
	var running sync.WaitGroup
	for i := range n {
		places <- struct{}{}
		running.Go(func() {
			defer func() { <-places }()
			fn(i)
		})
	}
	running.Wait()
}
