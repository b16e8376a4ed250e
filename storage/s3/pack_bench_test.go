package s3_test

import (
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sealpost/filestore/storagetest"
	"sealpost/storage/s3"
)

// BenchmarkPuts is what so many who store one mail after the other get done, and how many objects
// that makes: with a provider next door, and with one that is 20 ms away.
func BenchmarkPuts(b *testing.B) {
	for _, away := range []time.Duration{0, 20 * time.Millisecond} {
		for _, hands := range []int{1, 2, 10, 50} {
			b.Run(fmt.Sprintf("%s/%d", away, hands), func(b *testing.B) {
				h := build(b, s3.Options{}, s3.Rule{}, "east")
				h.providers[0].fails(func(http.ResponseWriter, *http.Request) bool {
					time.Sleep(away)
					return false
				})
				c := storagetest.Content(1, 5000)
				var left atomic.Int64
				left.Store(int64(b.N))
				var all sync.WaitGroup
				b.ResetTimer()
				for range hands {
					all.Go(func() {
						for left.Add(-1) >= 0 {
							if _, err := h.Put(b.Context(), storagetest.Source(c)); err != nil {
								b.Error(err)
								return
							}
						}
					})
				}
				all.Wait()
				b.StopTimer()
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "puts/s")
				b.ReportMetric(float64(len(h.all(b)))/float64(b.N), "objects/put")
			})
		}
	}
}
