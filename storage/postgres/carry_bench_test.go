package postgres

import (
	"bytes"
	"context"
	"fmt"
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

func benchCarry(b *testing.B, messages int, into bool) {
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

func benchFill(b testing.TB, x *carry.End, o mailstore.Owner, messages int) {
	ctx := context.Background()
	_, err := x.Index.Apply(ctx, o, []mailstore.Change{mailstore.SetQuota{}, mailstore.Create{Name: "INBOX"}})
	check(b, err)
	for n := 0; n < messages; n += 100 {
		var changes []mailstore.Change
		for range 100 {
			refs, err := x.Blobs.Put(ctx, bytes.NewBuffer(make([]byte, 4096)), bytes.NewBuffer(make([]byte, 300)))
			check(b, err)
			m := mailstore.Mail{Outer: make([]byte, 400), Envelope: make([]byte, 300), Form: pgp.FormMIME, Class: pgp.SealedOnArrival, Letters: []mailstore.Stored{
				{Kind: pgp.KindMessage, Ref: refs[0]}, {Kind: pgp.KindCard, Ref: refs[1]},
			}}
			changes = append(changes, mailstore.Append{Box: 1, Mail: m, Size: 4000, Flags: []string{`\Seen`, "later"}})
		}
		_, err := x.Index.Apply(ctx, o, changes)
		check(b, err)
	}
	check(b, x.Accounts.Put(ctx, account.Account{ID: account.ID(o), Cert: []byte{1}, Addresses: []mail.Address{{Local: string(o), Domain: "demo.test"}}}))
}
