package storagetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sealpost/mailstore"
	"sealpost/move/carry"
)

// Yard is two ends, with blobs, and what a move from the first one remembers. They forget expunges and removed
// boxes early.
type Yard struct {
	Ends    [2]Engine
	Journal carry.Journal
}

// OpenYard opens one, empty.
type OpenYard func(t testing.TB, o Options) Yard

// chased is one owner on the way.
type chased struct {
	*testing.T
	Yard
	*carry.Move
	o       mailstore.Owner
	seed    uint64
	history *history
	gate    sync.Mutex // held by who writes, and closed by who finishes
}

func newChased(t *testing.T, open OpenYard, seed uint64) *chased {
	return newChasedAt(t, open, seed, time.Now)
}

func newChasedAt(t *testing.T, open OpenYard, seed uint64, now func() time.Time) *chased {
	y := open(t, Options{Now: now, Remember: 25, RememberBoxes: 4})
	c := &chased{T: t, Yard: y, o: "0123456789abcdef", seed: seed}
	c.Move = &carry.Move{From: y.Ends[0].End, To: y.Ends[1].End, Journal: y.Journal, Workers: 2}
	c.history = newHistory(c.From, c.o, seed)
	c.must(c.history.begin(c.Context()))
	return c
}

func (c *chased) must(err error) {
	c.Helper()
	if err != nil {
		c.Fatalf("seed %d: %v", c.seed, err)
	}
}

// writing has the owner write until the end that it gives.
func (c *chased) writing() (end func()) {
	var over atomic.Bool
	var wrote sync.WaitGroup
	wrote.Go(func() {
		for !over.Load() {
			c.gate.Lock()
			err := c.history.step(context.Background())
			c.gate.Unlock()
			if err != nil {
				c.Errorf("seed %d: %v", c.seed, err)
				return
			}
		}
	})
	return func() {
		over.Store(true)
		wrote.Wait()
	}
}

// arrived compares both ends: all records, and what clients that come back are told (RFC 7162).
func (c *chased) arrived() {
	c.Helper()
	c.must(c.Compare(c.Context(), c.o))
	for _, x := range c.Ends {
		if x.Check != nil {
			x.Check(c)
		}
	}
	top, err := c.From.Index.Modseq(c.Context(), c.o)
	c.must(err)
	boxes, err := c.From.Index.Mailboxes(c.Context(), c.o)
	c.must(err)
	for _, b := range boxes {
		for range 12 {
			since := mailstore.Modseq(rand.Uint64N(uint64(top) + 1))
			if here, there := c.told(c.From, b.ID, since), c.told(c.To, b.ID, since); here != there {
				c.Errorf("seed %d: since %d mailbox %d had\n%s\nand has there\n%s", c.seed, since, b.ID, here, there)
			}
		}
	}
}

// told is what a client hears of a mailbox.
func (c *chased) told(x *carry.End, b mailstore.MailboxID, since mailstore.Modseq) string {
	changes, err := x.Index.Changes(c.Context(), c.o, b, since)
	c.must(err)
	r, err := x.Index.Roster(c.Context(), c.o, b)
	c.must(err)
	var entries []string
	for e, err := range x.Index.Entries(c.Context(), c.o, b, since) {
		c.must(err)
		entries = append(entries, fmt.Sprintf("%d %d %v %v", e.UID, e.Modseq, e.Flags, e.Gone))
	}
	return fmt.Sprintf("%+v %v %v %v %v %v", changes.Mailbox, changes.Changed, changes.Vanished, r.UIDs, r.Keywords, entries)
}

// finish closes the gate, and opens it again if that fails.
func (c *chased) finish(ctx context.Context, chase *carry.Chase) (carry.Moved, error) {
	c.gate.Lock()
	defer c.gate.Unlock()
	return chase.Finish(ctx)
}

// Chase has owners carried while they write, and wants them to arrive as they are.
func Chase(t *testing.T, open OpenYard) {
	for name, test := range map[string]func(*testing.T, OpenYard, uint64){
		"written": testWritten, "broken off": testBrokenOff, "cut off": testCutOff, "forgotten": testForgotten, "each": testEach,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for range 2 {
				test(t, open, rand.Uint64N(1<<32))
			}
		})
	}
}

func testWritten(t *testing.T, open OpenYard, seed uint64) {
	c := newChased(t, open, seed)
	end := c.writing()
	defer end()
	chase, err := c.Chase(t.Context(), c.o)
	c.must(err)
	for range 3 {
		_, err := chase.Again(t.Context())
		c.must(err)
	}
	end()
	done, err := c.finish(t.Context(), chase)
	c.must(err)
	usage, err := c.From.Index.Usage(t.Context(), c.o)
	if c.must(err); done.Messages != usage.Messages || done.Lost != 0 {
		t.Errorf("seed %d: %+v of %+v", seed, done, usage)
	}
	c.arrived()
	// It is as good as one that was always there.
	there := newHistory(c.To, c.o, seed)
	for range 30 {
		c.must(there.step(t.Context()))
	}
	for _, x := range c.Ends {
		if x.Check != nil {
			x.Check(t)
		}
	}
}

// Whoever begins anew after a crash finds what is there already, and takes it away.
func testBrokenOff(t *testing.T, open OpenYard, seed uint64) {
	c := newChased(t, open, seed)
	end := c.writing()
	defer end()
	for range 2 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(rand.IntN(60))*time.Millisecond)
		if chase, err := c.Chase(ctx, c.o); err == nil {
			chase.Again(ctx)
		}
		cancel()
	}
	chase, err := c.Chase(t.Context(), c.o)
	c.must(err)
	end()
	_, err = c.finish(t.Context(), chase)
	c.must(err)
	c.arrived()
}

// errBroken is a write that failed, before or after it was made.
var errBroken = errors.New("broken off")

type breaking struct {
	carry.Rows
	odds *atomic.Int32
}

func (b breaking) Write(ctx context.Context, o mailstore.Owner, batch *carry.Batch) error {
	if n := b.odds.Load(); n > 0 && rand.Int32N(n) == 0 {
		return errBroken
	}
	if err := b.Rows.Write(ctx, o, batch); err != nil {
		return err
	}
	if n := b.odds.Load(); n > 0 && rand.Int32N(n) == 0 {
		return errBroken
	}
	return nil
}

// A deadline or a failure opens the gate again, the owner writes on, and the next time it is finished.
func testCutOff(t *testing.T, open OpenYard, seed uint64) {
	c := newChased(t, open, seed)
	odds, to := &atomic.Int32{}, *c.To
	to.Rows = breaking{to.Rows, odds}
	c.To = &to
	end := c.writing()
	defer end()
	chase, err := c.Chase(t.Context(), c.o)
	c.must(err)
	for try := range 8 {
		odds.Store(int32(2 * (try % 3)))
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(1+rand.IntN(40))*time.Millisecond)
		_, err := chase.Again(ctx)
		if err == nil {
			_, err = c.finish(ctx, chase)
		}
		if cancel(); errors.Is(err, carry.ErrDiffers) {
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
	odds.Store(0)
	end()
	_, err = c.finish(t.Context(), chase)
	c.must(err)
	c.arrived()
}

// More goes than is remembered.
func testForgotten(t *testing.T, open OpenYard, seed uint64) {
	c := newChased(t, open, seed)
	chase, err := c.Chase(t.Context(), c.o)
	c.must(err)
	boxes, err := c.From.Index.Mailboxes(t.Context(), c.o)
	c.must(err)
	for range 40 {
		for range 4 {
			_, err := c.history.mail(t.Context())
			if !refused(err) {
				c.must(err)
			}
			_, err = c.history.box(t.Context())
			if !refused(err) {
				c.must(err)
			}
		}
		for _, b := range boxes {
			if _, err := c.From.Index.Apply(t.Context(), c.o, []mailstore.Change{mailstore.Expunge{Box: b.ID}}); !refused(err) {
				c.must(err)
			}
		}
	}
	_, err = chase.Finish(t.Context())
	c.must(err)
	c.arrived()
}
