// Command cluster starts three nodes of one server on loopback, with PostgreSQL, two providers
// of S3 and NATS, and two accounts: `make cluster`. What ends is started again, so that each of
// its processes may be killed. It runs until Ctrl-C and leaves nothing behind.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/signal"
	"syscall"

	"sealpost/storage/postgres/pgtest"
)

func main() {
	base := flag.Int("port-base", 2000, "node 1 listens on N+25 (SMTP), N+465, N+587, N+143, N+993 and N+443, node 2 from N+1000, node 3 from N+2000")
	enough := flag.Int("enough", 1, "with how many of two copies at S3 a mail is accepted: 1 or 2")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, options{repo: ".", base: *base, enough: *enough}); err != nil && ctx.Err() == nil {
		fmt.Fprintln(os.Stderr, "cluster:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) (err error) {
	if o.base < 0 || o.base+2993 > 65535 || o.enough < 1 || o.enough > 2 {
		return errors.New("expected --port-base 0 to 62542, and --enough 1 or 2")
	}
	if err := free(o.base); err != nil {
		return err
	}
	screen := newScreen(os.Stdout)
	o.step = screen.step
	c, err := open(ctx, o)
	defer func() {
		screen.say("stopping")
		err = errors.Join(err, c.close())
	}()
	if errors.Is(err, pgtest.ErrMissing) {
		return fmt.Errorf("%w: on Debian, apt install postgresql", err)
	}
	if err != nil {
		return err
	}
	screen.explain(c)
	for _, p := range c.all() {
		go p.keep(ctx, screen.say)
	}
	<-ctx.Done()
	return nil
}

// free says which port is taken, before anything is built.
func free(base int) error {
	all := []int{base + natsPort, base + bucketPort, base + bucketPort + 1}
	for i := range 3 {
		for _, d := range doors {
			all = append(all, base+1000*i+d)
		}
	}
	for _, port := range all {
		l, err := net.Listen("tcp", local(port))
		if err != nil {
			return fmt.Errorf("%w; choose other ports with --port-base", err)
		}
		l.Close()
	}
	return nil
}
