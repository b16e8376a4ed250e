package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

type options struct {
	quick, keep bool
	dir, out    string
	repeats     int
	only, part  string
}

func main() {
	var o options
	flag.BoolVar(&o.quick, "quick", false, "fewer loads, each once: a look in about three minutes, not written to the page")
	flag.BoolVar(&o.keep, "keep", false, "leave the temporary folder, with the servers' logs")
	flag.StringVar(&o.dir, "dir", "", "where the servers' data goes for the run; it must be on a disk (default: the system's place for temporary files)")
	flag.StringVar(&o.out, "out", "", "the page that is written (default docs/performance.md, and none with -quick, -part or -only)")
	flag.IntVar(&o.repeats, "repeat", 0, "repetitions of each load (default 3, 1 with -quick)")
	flag.StringVar(&o.only, "only", "", "measure only the servers whose name contains this")
	flag.StringVar(&o.part, "part", "", "measure only inbound, outbound, moving, files, imap or cluster")
	flag.Parse()
	if flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// longest bounds the whole run, whatever hangs.
const longest = 45 * time.Minute

func (o *options) complete() plan {
	if o.dir == "" {
		o.dir = os.TempDir()
		if inMemory(o.dir) {
			o.dir = "/var/tmp"
		}
	}
	if o.out == "" && !o.quick && o.only == "" && o.part == "" {
		o.out = "docs/performance.md"
	}
	p := fullPlan()
	if o.quick {
		p = quickPlan()
	}
	if o.repeats > 0 {
		p.repeats = o.repeats
	}
	return p
}

func run(ctx context.Context, o options) error {
	ctx, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	plan := o.complete()
	s, err := newSite(o.dir)
	if err != nil {
		return err
	}
	if !o.keep {
		defer os.RemoveAll(s.dir)
	} else {
		fmt.Println("everything stays in", s.dir)
	}
	if err := s.zone.serve(); err != nil {
		return err
	}
	defer s.zone.close(ctx)
	r := newRecord(plan)
	if err := r.measure(ctx, s, o.part, o.only); err != nil {
		return err
	}
	page := r.page()
	fmt.Println(page)
	if o.out == "" {
		return nil
	}
	return os.WriteFile(o.out, []byte(page), 0o644)
}
