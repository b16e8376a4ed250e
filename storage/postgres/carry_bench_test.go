package postgres

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"path/filepath"
	"testing"
	"time"

	"sealpost/account"
	"sealpost/filestore/nodekey"
	"sealpost/mail"
	"sealpost/mailstore"
	"sealpost/move/carry"
	"sealpost/pgp"
	"sealpost/storage/bolt"
	"sealpost/storage/disk"
	"sealpost/storage/postgres/pgtest"
)

// BenchmarkCarry moves accounts from one machine's folder into the database, and back: once the
// blobs, of 4 KiB, to another disk, and then the rows, which is as long as nobody may write.
func BenchmarkCarry(b *testing.B) {
	for _, messages := range []int{100, 1000, 10_000} {
		for _, into := range []bool{true, false} {
			b.Run(fmt.Sprintf("%d messages, into the database %v", messages, into), func(b *testing.B) { benchCarry(b, messages, into) })
		}
	}
}

// BenchmarkChase carries accounts whose owner writes, and says how long the gate was closed after 100 changes.
func BenchmarkChase(b *testing.B) {
	for _, messages := range []int{1000, 10_000, 100_000} {
		for _, into := range []bool{true, false} {
			b.Run(fmt.Sprintf("%d messages, into the database %v", messages, into), func(b *testing.B) { benchChase(b, messages, into) })
		}
	}
}

func benchChase(b *testing.B, messages int, into bool) {
	m, ctx, o := benchMove(b, into), context.Background(), mailstore.Owner("0123456789abcdef")
	benchFill(b, m.From, o, messages)
	begun := time.Now()
	c, err := m.Chase(ctx, o)
	check(b, err)
	brought := time.Since(begun)
	first := mailstore.UID(1)
	var gate, worst time.Duration
	for b.Loop() {
		b.StopTimer()
		benchAppend(b, m.From, o, 20)
		flagged := []mailstore.UID{}
		for i := range 60 {
			flagged = append(flagged, first+20+mailstore.UID(i))
		}
		_, err := m.From.Index.Apply(ctx, o, []mailstore.Change{
			mailstore.Expunge{Box: 1, UIDs: flagged[:20]}, mailstore.SetFlags{Box: 1, UIDs: flagged[20:], Op: mailstore.Add, Flags: []string{`\Answered`}},
			mailstore.SetFlags{Box: 1, UIDs: flagged[20:], Op: mailstore.Clear, Flags: []string{"later"}},
		})
		check(b, err)
		first += 20
		b.StartTimer()
		done, err := c.Finish(ctx)
		check(b, err)
		gate, worst = gate+done.Fenced, max(worst, done.Fenced)
		b.StopTimer()
		_, err = c.Again(ctx) // as before the gate is closed: what is compared again is what changed last
		check(b, err)
		b.StartTimer()
	}
	check(b, m.Compare(ctx, o))
	b.ReportMetric(float64(gate.Microseconds())/1000/float64(b.N), "gate-ms")
	b.ReportMetric(float64(worst.Microseconds())/1000, "worst-ms")
	b.ReportMetric(brought.Seconds(), "brought-s")
}

// benchMove is between a folder and the database.
func benchMove(b *testing.B, into bool) *carry.Move {
	key, ctx := nodekey.Random(), context.Background()
	embedded, _ := embeddedEnd(b, key, bolt.Options{})
	d := openAt(b, pgtest.Take(b), Options{})
	b.Cleanup(func() { d.Close() })
	known, err := d.Known(ctx, key)
	check(b, err)
	cluster := &carry.End{Index: d.Index(), Cabinet: d.Cabinet(), Drive: d.Drive(), Accounts: d.Accounts(), SignIns: d.SignIns(), Rows: known.Carried()}
	m := &carry.Move{From: embedded, To: cluster, Workers: 4}
	if !into {
		m.From, m.To = cluster, embedded
	}
	for _, x := range []*carry.End{m.From, m.To} {
		blobs, err := disk.Open(filepath.Join(b.TempDir(), "blobs"), disk.Options{})
		check(b, err)
		b.Cleanup(func() { blobs.Close() })
		x.Blobs = blobs
	}
	j, err := bolt.OpenJournal(filepath.Join(b.TempDir(), "move.db"), bolt.Options{})
	check(b, err)
	b.Cleanup(func() { j.Close() })
	m.Journal = j
	return m
}

func benchCarry(b *testing.B, messages int, into bool) {
	m, ctx := benchMove(b, into), context.Background()
	var fenced, all time.Duration
	for n := 0; b.Loop(); n++ {
		b.StopTimer()
		o := mailstore.Owner(fmt.Sprintf("%016x", n))
		benchFill(b, m.From, o, messages)
		b.StartTimer()
		begun := time.Now()
		check(b, m.Ahead(ctx, o))
		done, err := m.Account(ctx, o)
		check(b, err)
		all, fenced = all+time.Since(begun), fenced+done.Fenced
	}
	b.ReportMetric(float64(b.N*messages)/all.Seconds(), "mails/s")
	b.ReportMetric(float64(b.N)/all.Seconds(), "accounts/s")
	b.ReportMetric(float64(fenced.Milliseconds())/float64(b.N), "fenced-ms")
}

func check(b testing.TB, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

func benchAppend(b testing.TB, x *carry.End, o mailstore.Owner, messages int) {
	ctx := context.Background()
	var sources []io.WriterTo
	for range messages {
		sources = append(sources, bytes.NewBuffer(make([]byte, 4096)), bytes.NewBuffer(make([]byte, 300)))
	}
	refs, err := x.Blobs.Put(ctx, sources...)
	check(b, err)
	var changes []mailstore.Change
	for i := range messages {
		m := mailstore.Mail{Outer: make([]byte, 400), Envelope: make([]byte, 300), Form: pgp.FormMIME, Class: pgp.SealedOnArrival, Letters: []mailstore.Stored{
			{Kind: pgp.KindMessage, Ref: refs[2*i]}, {Kind: pgp.KindCard, Ref: refs[2*i+1]},
		}}
		changes = append(changes, mailstore.Append{Box: 1, Mail: m, Size: 4000, Flags: []string{`\Seen`, "later"}})
	}
	_, err = x.Index.Apply(ctx, o, changes)
	check(b, err)
}

func benchFill(b testing.TB, x *carry.End, o mailstore.Owner, messages int) {
	ctx := context.Background()
	_, err := x.Index.Apply(ctx, o, []mailstore.Change{mailstore.SetQuota{}, mailstore.Create{Name: "INBOX"}})
	check(b, err)
	for n := 0; n < messages; n += 100 {
		benchAppend(b, x, o, 100)
	}
	check(b, x.Accounts.Put(ctx, account.Account{ID: account.ID(o), Cert: []byte{1}, Addresses: []mail.Address{{Local: string(o), Domain: "demo.test"}}}))
}
