package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"time"

	"sealpost/mailstore/notify"
	"sealpost/storage/nats"
	"sealpost/storage/postgres"
)

// startBus builds a server of NATS from the module that pins it, and runs it.
func (e *engines) startBus(ctx context.Context, s *site) error {
	program := filepath.Join(s.dir, "nats-server")
	build := exec.CommandContext(ctx, "go", "build", "-o", program, "github.com/nats-io/nats-server/v2")
	build.Dir = filepath.Join("test", "natsserver")
	if text, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build: %w\n%s", err, text)
	}
	ports, err := freePorts(1)
	if err != nil {
		return err
	}
	at := loopback(ports[0])
	if err := s.background(e.bus, exec.Command(program, "--addr", "127.0.0.1", "--port", fmt.Sprint(ports[0])), "nats.log"); err != nil {
		return err
	}
	e.nats = "nats://" + at
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	return await(ctx, 20*time.Millisecond, func() (bool, error) {
		c, err := net.Dial("tcp", at)
		if err == nil {
			c.Close()
		}
		return err == nil, nil
	})
}

// timeBuses has a frame of octets go from one to another, by each of the two ways of nodes and
// without any node.
func (e *engines) timeBuses(ctx context.Context, times int) (all []waking, err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for _, way := range []struct {
		name string
		wire func() (notify.Wire, error)
	}{
		{"NATS", func() (notify.Wire, error) {
			return nats.New(nats.Options{Servers: []string{e.nats}, Subject: "bench"})
		}},
		{"LISTEN", func() (notify.Wire, error) { return e.hints(ctx) }},
	} {
		from, err := way.wire()
		if err != nil {
			return all, err
		}
		to, err := way.wire()
		if err != nil {
			return all, errors.Join(err, from.Close())
		}
		w := waking{what: way.name + " alone, 64 octets", aim: 10 * time.Millisecond}
		err = w.carry(ctx, from, to, times)
		if err = errors.Join(err, from.Close(), to.Close()); err != nil {
			return all, fmt.Errorf("%s: %w", way.name, err)
		}
		all = append(all, w)
	}
	return all, nil
}

// hints is a wire over the database. What it is opened by goes with the asker of the engines.
func (e *engines) hints(ctx context.Context) (notify.Wire, error) {
	d, err := postgres.Open(ctx, e.rows.URL("postgres"), postgres.Options{Connections: 1})
	if err != nil {
		return nil, err
	}
	e.close = append(e.close, d.Close)
	return d.Hints(), nil
}

// An ear notes when something comes.
type ear struct {
	up    chan struct{}
	heard chan time.Time
}

func (e *ear) Hear([]byte) {
	select {
	case e.heard <- time.Now():
	default:
	}
}

func (e *ear) Up() {
	select {
	case e.up <- struct{}{}:
	default:
	}
}

func (e *ear) Down(error) {}

// carry sends frames, one at a time.
func (w *waking) carry(ctx context.Context, from, to notify.Wire, times int) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	there, here := &ear{make(chan struct{}, 1), make(chan time.Time, 1)}, &ear{make(chan struct{}, 1), make(chan time.Time, 1)}
	go to.Listen(ctx, there)
	go from.Listen(ctx, here) // one that sends listens too
	for _, e := range []*ear{there, here} {
		select {
		case <-e.up:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	for range times {
		start := time.Now()
		if err := from.Send(ctx, make([]byte, 64)); err != nil {
			return err
		}
		select {
		case at := <-there.heard:
			w.late = append(w.late, at.Sub(start))
		case <-time.After(cmp.Or(w.patience, longestNews)):
			w.never = true
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
		pause(ctx, 7*time.Millisecond)
	}
	return ctx.Err()
}
