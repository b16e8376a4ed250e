package bolt

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"time"
)

// maxBatch bounds the calls of one commit, and with them the memory of its
// pages and the wait of the first caller.
const maxBatch = 512

// A call is what one caller wants written. plan reads, decides and returns what
// will write; it must not write itself, so that refusing leaves no trace among
// the other calls of the batch. job, instead, has the file to itself.
type call struct {
	plan  func(*tables) (write func() error, err error)
	job   func() error
	state atomic.Int32
	err   error
	done  chan struct{}
}

const (
	waiting int32 = iota
	taken
	withdrawn
)

func newCall(plan func(*tables) (func() error, error), job func() error) *call {
	return &call{plan: plan, job: job, done: make(chan struct{})}
}

func (c *call) finish(err error) {
	c.err = err
	close(c.done)
}

// submit hands a call to the batcher and waits for its end. Until the batcher
// takes it the caller may give up; after that the outcome is worth waiting for.
func (d *DB) submit(ctx context.Context, c *call) error {
	if err := d.hand(ctx, c, d.calls); err != nil {
		return err
	}
	return d.outcome(ctx, c, nil)
}

// submitLater is submit for what nobody is in a hurry for: the call goes along
// with the next commit that others need, or makes one after patience.
func (d *DB) submitLater(ctx context.Context, c *call, patience time.Duration) error {
	if err := d.hand(ctx, c, d.later); err != nil {
		return err
	}
	over := time.NewTicker(patience)
	defer over.Stop()
	return d.outcome(ctx, c, over.C)
}

func (d *DB) hand(ctx context.Context, c *call, to chan<- *call) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case to <- c:
		return nil
	case <-d.quit:
		return ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

// outcome waits for the end of a call, and makes the batcher look at what waits
// in later whenever hurry says so.
func (d *DB) outcome(ctx context.Context, c *call, hurry <-chan time.Time) error {
	for gone := ctx.Done(); ; {
		select {
		case <-c.done:
			return c.err
		case <-hurry:
			d.nudge()
		case <-gone:
			if c.state.CompareAndSwap(waiting, withdrawn) {
				return ctx.Err()
			}
			gone = nil // it was taken
		case <-d.over:
			select {
			case <-c.done: // its last batch
				return c.err
			default:
				return ErrClosed
			}
		}
	}
}

// nudge makes a batch without waiting for a call.
func (d *DB) nudge() {
	select {
	case d.wake <- struct{}{}:
	default: // somebody did
	}
}

// batcher commits calls until Close: all that queued while the last commit ran
// go into the next one, and those in later go along. It has no timer.
func (d *DB) batcher() {
	defer close(d.over)
	b := batcher{d: d}
	for {
		select {
		case c := <-d.calls:
			b.serve(c)
		case <-d.wake:
			b.serve(newCall(nil, nil))
		case <-d.quit:
			for {
				select {
				case c := <-d.calls:
					b.serve(c)
				case c := <-d.later:
					b.serve(c)
				default:
					return
				}
			}
		}
	}
}

// batcher is the state of the one goroutine that writes.
type batcher struct {
	d    *DB
	sick bool // the last commit failed, and what memory says of the file is not to be trusted
}

// serve runs the first call and what else is waiting.
func (b *batcher) serve(first *call) {
	batch, job := b.gather(first)
	if len(batch) > 0 {
		b.run(batch)
	}
	if job != nil {
		err := b.heal()
		if err == nil {
			err = job.job()
		}
		b.sick = b.sick || errors.Is(err, errUnsettled)
		job.finish(err)
	}
	runtime.Gosched() // those just told can queue their next call for the next batch
}

// gather takes the calls that wait, up to a job, which must stand alone.
func (b *batcher) gather(c *call) (batch []*call, job *call) {
	for {
		if c.state.CompareAndSwap(waiting, taken) {
			if c.job != nil {
				return batch, c
			}
			batch = append(batch, c)
		}
		if len(batch) == maxBatch {
			return batch, nil
		}
		select {
		case c = <-b.d.calls:
		case c = <-b.d.later:
		default:
			return batch, nil
		}
	}
}

// run commits a batch. If that fails it is an error of every call, refused ones
// too: what refused them may not have come to be.
func (b *batcher) run(batch []*call) {
	refusals := make([]error, len(batch))
	err := b.heal()
	if err == nil {
		err = b.attempt(batch, refusals)
		b.sick = err != nil
	}
	for i, c := range batch {
		if err != nil {
			c.finish(fmt.Errorf("commit: %w", err))
		} else {
			c.finish(refusals[i])
		}
	}
}

func (b *batcher) attempt(batch []*call, refusals []error) (err error) {
	tx, err := b.d.file.Begin(true)
	if err != nil {
		return err
	}
	defer func() {
		if r := recover(); r != nil { // a bug, or bbolt's answer to a broken page
			b.d.o.Log.Error("commit panicked", "stack", string(debug.Stack()))
			err = errors.Join(fmt.Errorf("%w: %v", ErrDamaged, r), tx.Rollback())
		}
	}()
	t, dirty := &tables{tx: tx}, false
	for i, c := range batch {
		if c.plan == nil {
			continue
		}
		write, err := c.plan(t)
		if err != nil {
			refusals[i] = err
			continue
		}
		if write == nil {
			continue
		}
		dirty = true
		if err := write(); err != nil {
			return errors.Join(err, tx.Rollback())
		}
	}
	if !dirty {
		return tx.Rollback()
	}
	return tx.Commit()
}

// heal opens the file anew after a failed commit: what is there is the last
// state that was committed, or the one whose commit failed at its very end.
// Until that state is settled it can be read, but nothing is built on it.
func (b *batcher) heal() error {
	if !b.sick {
		return nil
	}
	if err := b.d.reopen(); err != nil {
		return fmt.Errorf("open after a failed write: %w", err)
	}
	if err := settle(b.d.path, b.d.file.Info().PageSize); err != nil {
		return fmt.Errorf("settle after a failed write: %w", err)
	}
	b.sick = false
	return nil
}

// reopen makes new readers wait, lets old ones finish, and opens the file anew.
func (d *DB) reopen() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.file != nil {
		file := d.file
		d.file = nil
		if err := file.Close(); err != nil {
			return err
		}
	}
	file, err := attach(d.path, d.o)
	d.file = file
	return err
}
