// Imapserver is the IMAP door over a store that keeps mail as it came, for
// conformance tests that compare the octets they appended: imaptest, say.
//
//	go run ./test/imapserver --addr 127.0.0.1:1143
//
// It is test code: what it holds is readable, in a folder that it deletes. The
// shipped binary has nothing of it (test/house_test.go).
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"time"

	"sealpost/test/plain"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:1143", "where to take connections without TLS")
	secure := flag.String("tls", "127.0.0.1:1993", "where to take connections with TLS, by a certificate made at each start")
	user := flag.String("user", "user@imaptest.test", "its only user, an address")
	password := flag.String("password", "password", "the user's password")
	zone := flag.String("zone", "Europe/Helsinki", "where days begin; imaptest wants Helsinki")
	sealed := flag.Bool("sealed", false, "seal what is appended, as the real one does")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *addr, *secure, plain.Options{User: *user, Password: *password, Sealed: *sealed, Zone: *zone}); err != nil {
		fmt.Fprintln(os.Stderr, "imapserver:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, addr, secure string, o plain.Options) (err error) {
	if o.Dir, err = os.MkdirTemp("", "imapserver-"); err != nil {
		return err
	}
	defer os.RemoveAll(o.Dir)
	o.Log = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	h, err := plain.Build(ctx, o)
	if err != nil {
		return err
	}
	defer h.Close()
	open, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	closed, err := net.Listen("tcp", secure)
	if err != nil {
		return err
	}
	fmt.Printf("IMAP at %s, with TLS at %s; user %s, password %s\n", open.Addr(), closed.Addr(), o.User, o.Password)
	ended := make(chan error, 2)
	go func() { ended <- h.ServePlain(ctx, open) }()
	go func() { ended <- h.Server.Serve(ctx, closed, true) }()
	select {
	case err = <-ended:
		if ctx.Err() == nil {
			return err
		}
	case <-ctx.Done():
	}
	last, free := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer free()
	if err := h.Server.Shutdown(last); !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return nil
}
