package pgp

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"syscall"
	"testing"
)

// benchMail is a mail of about n bytes with words in it.
func benchMail(n int) []byte {
	body := strings.Repeat("The quick brown fox jumps over the lazy dog near the river bank.\r\n", n/66+1)
	return append(bytes.Clone(plainMail), body[:max(0, n-len(plainMail))]...)
}

// BenchmarkSeal measures message, terms and card (and body over 256 KB) of one
// mail for one owner; the look at the mail is made once, outside.
func BenchmarkSeal(b *testing.B) {
	for _, size := range []int{4 << 10, 75 << 10, 1 << 20, 25 << 20} {
		for _, p := range []Profile{Compat, Modern} {
			m := arrived(benchMail(size))
			to := testOwners()[p].Recipient
			b.Run(fmt.Sprintf("%dK/%s", size>>10, p), func(b *testing.B) {
				b.SetBytes(int64(size))
				b.ReportAllocs()
				defer reportCPU(b)()
				for b.Loop() {
					s := mustSeal(b, m, to)
					for _, l := range s.Letters() {
						if _, err := l.WriteTo(io.Discard); err != nil {
							b.Fatal(err)
						}
					}
				}
			})
		}
	}
}

// reportCPU adds processor time to what the clock shows, which says little on a
// busy machine. The returned function ends the measuring.
func reportCPU(b *testing.B) func() {
	start := cpuTime(b)
	return func() {
		b.ReportMetric(float64(cpuTime(b)-start)/float64(b.N), "cpu-µs/op")
	}
}

func cpuTime(b *testing.B) int64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Skip(err)
	}
	return u.Utime.Sec*1e6 + int64(u.Utime.Usec) + u.Stime.Sec*1e6 + int64(u.Stime.Usec)
}

// BenchmarkCard measures what a card adds.
func BenchmarkCard(b *testing.B) {
	m := arrived(plainMail)
	to := testOwners()[Compat].Recipient
	b.ReportAllocs()
	defer reportCPU(b)()
	for b.Loop() {
		if _, err := sealCard(newCard(m, m.Gist, SealedOnArrival, make([]byte, 16)), to.ListKey); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkServed measures armoring a megabyte on its way out.
func BenchmarkServed(b *testing.B) {
	raw := make([]byte, 1<<20)
	s := Served{Outer: []byte("Subject: [...]\r\n\r\n"), Form: FormMIME, Raw: bytes.NewReader(raw), RawSize: int64(len(raw))}
	b.SetBytes(s.Size())
	b.ReportAllocs()
	buf := make([]byte, 32<<10)
	for b.Loop() {
		if _, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{io.NewSectionReader(s, 0, s.Size())}, buf); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkEndToEnd measures taking a sender's armored message apart.
func BenchmarkEndToEnd(b *testing.B) {
	o := testOwners()[Compat]
	raw := endToEndMail(b, o, benchMail(1<<20))
	m := arrived(raw)
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		s, err := Seal(context.Background(), m, o.Recipient)
		if err != nil || s.Class() != EndToEnd {
			b.Fatal(s.Class(), err)
		}
	}
}
