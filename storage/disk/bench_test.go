package disk_test

import (
	"context"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"testing"

	"sealpost/filestore"
	"sealpost/filestore/storagetest"
	"sealpost/storage/disk"
)

// BenchmarkPut4K stores 4 KiB blobs durably:
//
//	go test ./storage/disk -run '^$' -bench Put -benchtime 2s -count 3
//
// The folder is TMPDIR's; it must lie on a disk, not in memory.
func BenchmarkPut4K(b *testing.B) { benchmarkPut(b, 4<<10) }

// BenchmarkPutMail stores what a mail is made of: message, terms and card.
func BenchmarkPutMail(b *testing.B) { benchmarkPut(b, 4<<10, 1500, 500) }

func BenchmarkPut1M(b *testing.B) { benchmarkPut(b, 1<<20) }

func benchmarkPut(b *testing.B, sizes ...int) {
	var contents [][]byte
	for i, n := range sizes {
		contents = append(contents, storagetest.Content(uint64(i), n))
	}
	for _, writers := range []int{1, 10, 50} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			blobs := open(b, b.TempDir(), disk.Options{})
			defer blobs.Close()
			b.ReportAllocs()
			b.ResetTimer()
			var left atomic.Int64
			left.Store(int64(b.N))
			var wg sync.WaitGroup
			for range writers {
				wg.Go(func() {
					for left.Add(-1) >= 0 {
						if err := putAll(blobs, contents); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			wg.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "puts/s")
		})
	}
}

func putAll(b filestore.Blobs, contents [][]byte) error {
	sources := make([]io.WriterTo, len(contents))
	for i, c := range contents {
		sources[i] = storagetest.Source(c)
	}
	_, err := b.Put(context.Background(), sources...)
	return err
}

// BenchmarkOpen reads whole blobs of 4 KiB, from a segment that was closed.
func BenchmarkOpen(b *testing.B) {
	dir := b.TempDir()
	blobs := open(b, dir, disk.Options{Segment: 16 << 20})
	var refs []filestore.Ref
	c := storagetest.Content(1, 4<<10)
	for range 40 {
		sources := make([]io.WriterTo, 200)
		for i := range sources {
			sources[i] = storagetest.Source(c)
		}
		r, err := blobs.Put(b.Context(), sources...)
		if err != nil {
			b.Fatal(err)
		}
		refs = append(refs, r...)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if _, err := storagetest.Read(blobs, refs[i%len(refs)].ID); err != nil {
			b.Fatal(err)
		}
	}
}
