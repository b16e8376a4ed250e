package inbound

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"sealpost/account"
	"sealpost/filestore"
	"sealpost/pgp"
)

// BenchmarkDelivery sends mails of 4 KB over loopback, sealed with card and
// terms, into a store that keeps nothing and into the real one. The cpu figure
// counts client and server together; stored/s is of this machine's disk.
func BenchmarkDelivery(b *testing.B) {
	for _, profile := range []pgp.Profile{pgp.Compat, pgp.Modern} {
		for _, store := range []string{"void", "disk"} {
			for _, conns := range []int{1, 50} {
				b.Run(fmt.Sprintf("%s/%s/%d", profile, store, conns), func(b *testing.B) {
					w := newWorld(b)
					w.handler.Log = slog.New(slog.DiscardHandler)
					if store == "void" {
						w.handler.Store.Blobs = &void{}
					}
					w.withCards(w.account("alice@demo.test", profile, 0))
					b.ResetTimer()
					before := cpu()
					run(b, w.addr, conns)
					b.ReportMetric(float64((cpu()-before).Microseconds())/float64(b.N), "cpu-µs/mail")
					b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "stored/s")
				})
			}
		}
	}
}

// withCards gives an account a list key.
func (w *world) withCards(a account.Account) {
	w.t.Helper()
	list, err := pgp.GenerateListKey()
	w.must(err)
	_, err = w.book.Set(context.Background(), a.ID, account.Settings{ListKey: list.Public()})
	w.must(err)
}

func run(b *testing.B, addr string, conns int) {
	var wg sync.WaitGroup
	for i := range conns {
		n := b.N / conns
		if i < b.N%conns {
			n++
		}
		wg.Go(func() { sendMany(b, addr, n) })
	}
	wg.Wait()
}

func sendMany(b *testing.B, addr string, n int) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		b.Error(err)
		return
	}
	defer conn.Close()
	in := bufio.NewReader(conn)
	fmt.Fprintf(conn, "EHLO c\r\n")
	for line := ""; !strings.HasPrefix(line, "250 "); {
		if line, err = in.ReadString('\n'); err != nil {
			b.Error(err)
			return
		}
	}
	words := strings.Fields("the quick brown fox jumps over a lazy dog and then some more words of an ordinary mail")
	for i := range n {
		var m strings.Builder
		fmt.Fprintf(&m, "From: Bob <bob@sender.example>\r\nTo: alice@demo.test\r\nSubject: mail %d\r\nMessage-ID: <%d.%p@sender.example>\r\nDate: Sun, 22 Nov 2026 10:20:30 +0000\r\n\r\n", i, i, conn)
		for j := 0; m.Len() < 4000; j++ {
			fmt.Fprintf(&m, "%s%d %s %s %s\r\n", words[j%len(words)], j, words[(j+i)%len(words)], words[(j*3)%len(words)], words[(j*7+i)%len(words)])
		}
		io.WriteString(conn, "MAIL FROM:<bob@sender.example>\r\nRCPT TO:<alice@demo.test>\r\nDATA\r\n")
		for range 3 {
			in.ReadString('\n')
		}
		io.WriteString(conn, m.String()+".\r\n")
		if line, err := in.ReadString('\n'); err != nil || line[0] != '2' {
			b.Error(line, err)
			return
		}
	}
}

func cpu() time.Duration {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

var _ filestore.Blobs = (*void)(nil)
