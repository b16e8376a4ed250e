package postgres

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"sealpost/mailstore"
	"sealpost/storage/postgres/pgtest"
)

// Deliveries of 4 KB mail by 50 clients at once: into one mailbox, into 50, and into one
// by as many transactions as there are deliveries, which is what it would be without
// batches.
func BenchmarkDeliver(b *testing.B) {
	const clients = 50
	for _, c := range []struct {
		name   string
		owners int
		alone  bool
	}{{"one mailbox", 1, false}, {"50 mailboxes", 50, false}, {"one mailbox, one by one", 1, true}} {
		b.Run(c.name, func(b *testing.B) {
			d := openAt(b, pgtest.Take(b), Options{})
			defer d.Close()
			var boxes []mailstore.MailboxID
			owner := func(i int) mailstore.Owner { return mailstore.Owner(fmt.Sprintf("%016d", i%c.owners)) }
			for i := range c.owners {
				inbox, _ := begin(b, d, owner(i))
				boxes = append(boxes, inbox)
			}
			var turn sync.Mutex
			var left atomic.Int64
			left.Store(int64(b.N))
			b.ResetTimer()
			var all sync.WaitGroup
			for i := range clients {
				all.Go(func() {
					for left.Add(-1) >= 0 {
						if c.alone {
							turn.Lock()
						}
						change := []mailstore.Change{mailstore.Append{Box: boxes[i%c.owners], Mail: mailOf(700), Size: 4096}}
						if _, err := d.Index().Apply(context.Background(), owner(i), change); err != nil {
							b.Error(err)
						}
						if c.alone {
							turn.Unlock()
						}
					}
				})
			}
			all.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "deliveries/s")
		})
	}
}

// What a client waits for that opens a mailbox of a million messages.
func BenchmarkMillion(b *testing.B) {
	d := openAt(b, pgtest.Take(b), Options{})
	defer d.Close()
	inbox, _ := begin(b, d, "o")
	const n = 1_000_000
	fill(b, d, "o", inbox, n)
	if _, err := d.pool.Exec(context.Background(), "analyze"); err != nil {
		b.Fatal(err)
	}
	x, ctx := d.Index(), context.Background()
	lines := func(first, last mailstore.UID, c mailstore.Columns) func() error {
		return func() error {
			for _, err := range x.List(ctx, "o", inbox, mailstore.UIDSpan(first, last), c) {
				if err != nil {
					return err
				}
			}
			return nil
		}
	}
	for _, c := range []struct {
		name string
		do   func() error
	}{
		{"roster", func() error { _, err := x.Roster(ctx, "o", inbox); return err }},
		{"changes of the last 100", func() error { _, err := x.Changes(ctx, "o", inbox, n-90); return err }},
		{"last 100 with envelopes", lines(n-99, n, mailstore.Columns{Envelope: true})},
		{"all flags", lines(1, n, mailstore.Columns{})},
		{"one more", func() error { _, err := x.Apply(ctx, "o", appends(inbox, 1)); return err }},
		{"flags of 1,000", func() error {
			change := mailstore.SetFlags{Box: inbox, UIDs: span(1, 1000), Op: mailstore.FlagOp(1 + flip.Add(1)%2), Flags: []string{mailstore.Flagged}}
			_, err := x.Apply(ctx, "o", []mailstore.Change{change})
			return err
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			for range b.N {
				if err := c.do(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// flip sets a flag and takes it away in turn.
var flip atomic.Int64
