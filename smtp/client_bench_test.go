package smtp

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
)

// BenchmarkSend sends mails over one session to a Handler that drops them; the
// cpu figure counts client and server together.
func BenchmarkSend(b *testing.B) {
	for _, size := range []int{10 << 10, 1 << 20} {
		for _, how := range []string{"DATA", "BDAT"} {
			b.Run(fmt.Sprintf("%s/%dKB", how, size>>10), func(b *testing.B) {
				l, err := net.Listen("tcp", "127.0.0.1:0")
				if err != nil {
					b.Fatal(err)
				}
				ctx, cancel := context.WithCancel(context.Background())
				defer cancel()
				s := &Server{Handler: sink{}, Hostname: "mx.test"}
				go s.Serve(ctx, l)
				conn, err := net.Dial("tcp", l.Addr().String())
				if err != nil {
					b.Fatal(err)
				}
				c, err := Greet(ctx, conn, ClientOptions{})
				if err != nil {
					b.Fatal(err)
				}
				if how == "DATA" {
					delete(c.Extensions, "CHUNKING")
				}
				body := strings.Repeat(strings.Repeat("x", 76)+"\r\n", size/78)
				b.SetBytes(int64(size))
				before := cpu()
				for b.Loop() {
					out, err := c.Send(ctx, to(someone), strings.NewReader(body))
					if err != nil || out.Recipients[0].Code != 250 {
						b.Fatal(out, err)
					}
				}
				b.ReportMetric(float64((cpu()-before).Microseconds())/float64(b.N), "cpu-µs/mail")
				c.Close()
			})
		}
	}
}
