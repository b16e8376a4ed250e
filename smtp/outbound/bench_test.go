package outbound

import (
	"context"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sealpost/filestore/nodekey"
	"sealpost/mail"
	"sealpost/smtp"
	"sealpost/smtp/outbound/queue"
	"sealpost/smtp/outbound/queue/memqueue"
	"sealpost/smtp/outbound/route"
	"sealpost/storage/disk"
)

// sink takes every mail and keeps none.
type sink struct{}

func (sink) Begin(context.Context, smtp.Peer, *mail.Address, smtp.MailOptions) (smtp.Transaction, error) {
	return sink{}, nil
}
func (sink) Rcpt(context.Context, mail.Address, smtp.RcptOptions) error { return nil }
func (sink) Data(_ context.Context, r io.Reader) (*smtp.Reply, error) {
	_, err := io.Copy(io.Discard, r)
	return nil, err
}
func (sink) Close() {}

// oneWay is a Router to one server.
type oneWay struct{ address string }

func (o oneWay) Destination(context.Context, string) (string, error) { return "sink", nil }
func (o oneWay) Open(ctx context.Context, domain string, _ route.Wish, _ ...string) (*route.Session, error) {
	conn, err := net.Dial("tcp", o.address)
	if err != nil {
		return nil, err
	}
	c, err := smtp.Greet(ctx, conn, smtp.ClientOptions{})
	return &route.Session{Client: c, Domain: domain, Host: "sink"}, err
}

// BenchmarkSender empties a queue of mails of 10 KB into a sink, rows in memory
// and texts on the disk; the sink is counted too.
func BenchmarkSender(b *testing.B) {
	blobs, err := disk.Open(filepath.Join(b.TempDir(), "blobs"), disk.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer blobs.Close()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go (&smtp.Server{Handler: sink{}, Hostname: "sink"}).Serve(ctx, l)
	q := &queue.Queue{Store: memqueue.New(), Blobs: blobs, Key: nodekey.Random(), Limits: queue.Limits{Mails: b.N + 1, Each: b.N + 1, Share: 20}}
	s := &Sender{Queue: q, Router: oneWay{l.Addr().String()}, Hostname: "near.example", Log: slog.New(slog.DiscardHandler)}
	from := address("alice@near.example")
	text := strings.NewReader(strings.Repeat(strings.Repeat("x", 76)+"\r\n", 128))
	for range b.N {
		if _, err := q.Put(ctx, queue.Mail{Account: "alice", Envelope: smtp.Envelope{From: &from}, Recipient: to("bob@far.example")}, text); err != nil {
			b.Fatal(err)
		}
	}
	b.ResetTimer()
	running, stop := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() { defer close(ended); s.Run(running) }()
	for s.Stats().Sent < int64(b.N) {
		time.Sleep(time.Millisecond)
	}
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "mails/s")
	if got := s.Stats(); got.Deferred > 0 || got.Duplicates > 0 {
		b.Errorf("%+v", got)
	}
	stop()
	<-ended
}
