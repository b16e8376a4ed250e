package bolt

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"

	"sealpost/mailstore"
)

// What IMAP asks of a mailbox, at three sizes: SELECT, flags, envelopes, and what
// changed of a hundred. One row in ten has a keyword, one in seven is unseen.
func BenchmarkMailbox(b *testing.B) {
	for _, n := range []int{10_000, 100_000, 1_000_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) { benchMailbox(b, n) })
	}
}

func benchMailbox(b *testing.B, n int) {
	d := openAt(b, filepath.Join(b.TempDir(), "index"), Options{})
	defer d.Close()
	x, box := d.Index(), fillMailbox(b, d, n)
	r, err := x.Roster(b.Context(), "o", box)
	if err != nil || r.UIDs.Len() != n {
		b.Fatal(r.UIDs.Len(), err)
	}
	b.Run("roster", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			x.Roster(context.Background(), "o", box)
		}
	})
	for name, c := range map[string]mailstore.Columns{"flags": {}, "envelopes": {Envelope: true}} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				for _, err := range x.List(context.Background(), "o", box, r.UIDs, c) {
					if err != nil {
						b.Fatal(err)
					}
				}
			}
			b.ReportMetric(float64(b.N)*float64(n)/b.Elapsed().Seconds(), "rows/s")
		})
	}
	b.Run("changes", func(b *testing.B) {
		for b.Loop() {
			x.Changes(context.Background(), "o", box, r.Modseq-100)
		}
	})
}

func fillMailbox(b *testing.B, d *DB, n int) mailstore.MailboxID {
	box := openOwner(b, d, "o")
	for at := 0; at < n; {
		var changes []mailstore.Change
		for ; at < n && len(changes) < 5000; at++ {
			var flags []string
			if at%7 > 0 {
				flags = append(flags, mailstore.Seen)
			}
			if at%10 == 0 {
				flags = append(flags, "$Forwarded")
			}
			changes = append(changes, mailstore.Append{Box: box, Mail: mailOf(300), Size: 6000, Flags: flags})
		}
		if _, err := d.Index().Apply(context.Background(), "o", changes); err != nil {
			b.Fatal(err)
		}
	}
	return box
}
