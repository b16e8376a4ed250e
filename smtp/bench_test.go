package smtp

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"sealpost/mail"
)

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

type sink struct{}

func (sink) Begin(context.Context, Peer, *mail.Address, MailOptions) (Transaction, error) {
	return sink{}, nil
}
func (sink) Rcpt(context.Context, mail.Address, RcptOptions) error { return nil }
func (sink) Data(_ context.Context, r io.Reader) (*Reply, error) {
	_, err := io.Copy(io.Discard, r)
	return nil, err
}
func (sink) Close() {}

// BenchmarkMail sends mails over loopback to a Handler that drops them. The
// cpu figure counts client and server together.
func BenchmarkMail(b *testing.B) {
	for _, size := range []int{4 << 10, 75 << 10, 1 << 20} {
		b.Run(fmt.Sprintf("%dKB", size>>10), func(b *testing.B) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				b.Fatal(err)
			}
			s := &Server{Handler: sink{}, Hostname: "mx.test"}
			go s.Serve(context.Background(), l)
			defer s.Shutdown(context.Background())
			conn, err := net.Dial("tcp", l.Addr().String())
			if err != nil {
				b.Fatal(err)
			}
			defer conn.Close()
			in := bufio.NewReader(conn)
			fmt.Fprintf(conn, "HELO c\r\n")
			head := "MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\n"
			body := strings.Repeat(strings.Repeat("x", 76)+"\r\n", size/78) + ".\r\n"
			in.ReadString('\n')
			in.ReadString('\n')
			b.SetBytes(int64(size))
			before := cpu()
			for b.Loop() {
				io.WriteString(conn, head)
				for range 3 {
					in.ReadString('\n')
				}
				io.WriteString(conn, body)
				if line, err := in.ReadString('\n'); err != nil || line[0] != '2' {
					b.Fatal(line, err)
				}
			}
			b.ReportMetric(float64((cpu()-before).Microseconds())/float64(b.N), "cpu-µs/mail")
		})
	}
}

func cpu() time.Duration {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
