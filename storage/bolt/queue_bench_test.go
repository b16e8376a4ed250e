package bolt

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"sealpost/filestore/nodekey"
	"sealpost/mail"
	"sealpost/smtp"
	"sealpost/smtp/outbound/queue"
	"sealpost/storage/disk"
)

// BenchmarkQueue measures a mail's way through the queue: put by one of so many
// writers, durably, taken by one of 20 senders, read, and removed, durably.
// cpu-us/op counts the whole process.
func BenchmarkQueue(b *testing.B) {
	for _, strict := range []bool{false, true} {
		for _, writers := range []int{1, 10, 50} {
			b.Run(fmt.Sprintf("strict=%v/writers=%d", strict, writers), func(b *testing.B) { benchQueue(b, strict, writers) })
		}
	}
}

// BenchmarkQueuePut is the first part of it: what a client waits for.
func BenchmarkQueuePut(b *testing.B) {
	for _, writers := range []int{1, 10, 50} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			q := newBenchQueue(b, false)
			b.ResetTimer()
			benchPut(b, q, writers)
			b.StopTimer()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "mails/s")
		})
	}
}

func newBenchQueue(b *testing.B, strict bool) *queue.Queue {
	key, dir := nodekey.Random(), b.TempDir()
	blobs, err := disk.Open(filepath.Join(dir, "blobs"), disk.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { blobs.Close() })
	return &queue.Queue{
		Store: openQueueAt(b, filepath.Join(dir, "queue.db"), key), Blobs: blobs, Key: key, Strict: strict,
		Limits: queue.Limits{Mails: 1 << 30, Each: 1 << 30},
	}
}

func benchQueue(b *testing.B, strict bool, writers int) {
	q := newBenchQueue(b, strict)
	before := cpu()
	b.ResetTimer()
	var all sync.WaitGroup
	var left atomic.Int64
	ctx, stop := context.WithCancel(context.Background())
	for range 20 {
		all.Go(func() {
			for {
				l, err := q.Take(ctx)
				if err != nil {
					return
				}
				benchSend(b, l)
				if left.Add(1) == int64(b.N) {
					stop()
				}
			}
		})
	}
	benchPut(b, q, writers)
	all.Wait()
	b.StopTimer()
	stop()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "mails/s")
	b.ReportMetric(float64((cpu()-before).Microseconds())/float64(b.N), "cpu-us/op")
}

func benchPut(b *testing.B, q *queue.Queue, writers int) {
	text := bytes.Repeat([]byte("0123456789abcde\n"), 256) // 4 KiB
	var next atomic.Int64
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			for next.Add(1) <= int64(b.N) {
				if _, err := q.Put(context.Background(), benchMail(w), bytes.NewReader(text)); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
}

func benchMail(w int) queue.Mail {
	from := mail.Address{Local: "alice", Domain: "example.org"}
	to := smtp.Recipient{Address: mail.Address{Local: "bob", Domain: "example.net"}}
	return queue.Mail{
		Envelope: smtp.Envelope{From: &from}, Account: fmt.Sprint("account", w),
		Recipient: []queue.State{{Recipient: to}},
	}
}

func benchSend(b *testing.B, l *queue.Lease) {
	c, err := l.Content(context.Background())
	if err != nil {
		b.Error(err)
		return
	}
	p := make([]byte, c.Size())
	if _, err := c.ReadAt(p, 0); err != nil {
		b.Error(err)
	}
	c.Close()
	if err := l.Done(context.Background()); err != nil {
		b.Error(err)
	}
}
