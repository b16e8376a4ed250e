package nats

import (
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	client "github.com/nats-io/nats.go"

	"sealpost/storage/nats/natstest"
)

// What 5,000 hints a second of as many topics cost in processor time, of sender, server and one
// node that hears them: on one subject, packed as a pace of 1 ms lets them be, and on 1,024
// subjects by a hash of the topic, of which the node watches all or, with few sessions, some.
// docs/decisions/0041 has what came out.
func BenchmarkBuckets(b *testing.B) {
	const perSecond, buckets = 5000, 1024
	for _, c := range []struct {
		name    string
		packed  int // hints in a message
		watched int // buckets that the node hears
	}{{"one subject", perSecond / 1000, 0}, {"1024 subjects", 1, buckets}, {"1024 subjects, 100 watched", 1, 100}} {
		b.Run(c.name, func(b *testing.B) {
			s := natstest.Start(b, nil)
			from, to := must(client.Connect(s.URL())), must(client.Connect(s.URL()))
			defer from.Close()
			defer to.Close()
			var heard atomic.Int64
			name := func(i int) string { return fmt.Sprint("hints.", i) }
			for i := range max(c.watched, 1) {
				must(to.Subscribe(name(i), func(*client.Msg) { heard.Add(1) }))
			}
			if err := to.Flush(); err != nil {
				b.Fatal(err)
			}
			message := make([]byte, 41+128*((9+17*c.packed+127)/128))
			cpu, messages := processor(), 0
			for b.Loop() { // a second
				next := time.Now()
				for range perSecond / c.packed {
					subject := name(0)
					if c.watched > 0 {
						subject = name(rand.IntN(buckets))
					}
					if err := from.Publish(subject, message); err != nil {
						b.Fatal(err)
					}
					messages++
					next = next.Add(time.Second * time.Duration(c.packed) / perSecond)
					time.Sleep(time.Until(next))
				}
			}
			b.ReportMetric(float64((processor()-cpu).Milliseconds())/float64(b.N), "cpu-ms/s")
			b.ReportMetric(float64(messages)/float64(b.N), "messages/s")
			b.ReportMetric(float64(heard.Load())/float64(b.N), "heard/s")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// processor is the time of processors that this process took.
func processor() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
