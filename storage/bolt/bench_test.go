package bolt

import (
	"context"
	"crypto/rand"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"sealpost/filestore"
	"sealpost/mailstore"
	"sealpost/pgp"
)

// BenchmarkAppend measures durable appends of a mail with 1 KB of visible
// header and envelope and three letters. cpu-us/op counts the whole process,
// the writers included.
func BenchmarkAppend(b *testing.B) {
	for _, owners := range []int{1, 20} {
		for _, writers := range []int{1, 10, 50} {
			b.Run(fmt.Sprintf("owners=%d/writers=%d", owners, writers), func(b *testing.B) { benchAppend(b, owners, writers) })
		}
	}
}

func benchAppend(b *testing.B, owners, writers int) {
	d := openAt(b, filepath.Join(b.TempDir(), "index"), Options{})
	defer d.Close()
	box := make([]mailstore.MailboxID, owners)
	for i := range box {
		box[i] = openOwner(b, d, ownerNumbered(i))
	}
	before := cpu()
	b.ResetTimer()
	var next atomic.Int64
	var all sync.WaitGroup
	for range writers {
		all.Go(func() {
			for {
				n := int(next.Add(1))
				if n > b.N {
					return
				}
				_, err := d.Index().Apply(context.Background(), ownerNumbered(n%owners), []mailstore.Change{mailstore.Append{Box: box[n%owners], Mail: mailOf(1000), Size: 6000}})
				if err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "appends/s")
	b.ReportMetric(float64((cpu()-before).Microseconds())/float64(b.N), "cpu-us/op")
}

// BenchmarkEntries lists a mailbox of 100,000 messages.
func BenchmarkEntries(b *testing.B) {
	d := openAt(b, filepath.Join(b.TempDir(), "index"), Options{})
	defer d.Close()
	box := openOwner(b, d, "o")
	for range 100 {
		var changes []mailstore.Change
		for range 1000 {
			changes = append(changes, mailstore.Append{Box: box, Mail: mailOf(10), Size: 6000, Flags: []string{mailstore.Seen}})
		}
		if _, err := d.Index().Apply(context.Background(), "o", changes); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		n := 0
		for range d.Index().Entries(context.Background(), "o", box, 0) {
			n++
		}
		if n != 100_000 {
			b.Fatal(n)
		}
	}
	b.ReportMetric(float64(b.N)*100_000/b.Elapsed().Seconds(), "entries/s")
}

func BenchmarkMailboxes(b *testing.B) {
	d := openAt(b, filepath.Join(b.TempDir(), "index"), Options{})
	defer d.Close()
	openOwner(b, d, "o")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := d.Index().Mailboxes(context.Background(), "o"); err != nil {
			b.Fatal(err)
		}
	}
}

func ownerNumbered(n int) mailstore.Owner {
	return mailstore.Owner(fmt.Sprintf("%016x", uint64(n+1)*0x9e3779b97f4a7c15))
}

// openOwner opens an owner's books with the usual mailboxes and returns INBOX.
func openOwner(t testing.TB, d *DB, o mailstore.Owner) mailstore.MailboxID {
	t.Helper()
	e, err := d.Index().Apply(context.Background(), o, []mailstore.Change{
		mailstore.SetQuota{}, mailstore.Create{Name: "INBOX"}, mailstore.Create{Name: "Archive"}, mailstore.Create{Name: "Drafts"},
		mailstore.Create{Name: "Junk"}, mailstore.Create{Name: "Sent"}, mailstore.Create{Name: "Trash"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return e[1].Box
}

// mailOf is a mail with so many bytes in its row besides ids.
func mailOf(size int) mailstore.Mail {
	m := mailstore.Mail{Outer: make([]byte, size*6/10), Envelope: make([]byte, size*4/10), Form: pgp.FormMIME, Class: pgp.SealedOnArrival}
	rand.Read(m.ID[:])
	for _, k := range []pgp.Kind{pgp.KindMessage, pgp.KindTerms, pgp.KindCard} {
		l := mailstore.Stored{Kind: k, Ref: filestore.Ref{Size: 1000}}
		rand.Read(l.ID[:])
		m.Letters = append(m.Letters, l)
	}
	return m
}

func cpu() time.Duration {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
