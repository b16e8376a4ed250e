package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"
)

// Somebody waits at one node for a mail that comes to another one.

// A waking is how soon.
type waking struct {
	what     string
	aim      time.Duration   // 0: none
	patience time.Duration   // 0: longestNews
	never    bool            // nobody was told in time
	late     []time.Duration // from the 250 until somebody who waits has read of it; 0 where that was first
}

// longestNews is for how long a mail is waited for.
const longestNews = 3 * time.Second

// wakeAcross lets mail come to one server and somebody wait at another, or at the same.
func (r *record) wakeAcross(ctx context.Context, s *site, e *engines, alone *peer, nodes []*peer) (err error) {
	const aim = 10 * time.Millisecond
	listening, err := e.startNodes(ctx, s, "listening", 2, nodes[0], way{listen: true})
	defer func() {
		for _, n := range listening {
			err = errors.Join(err, n.stop(ctx))
		}
	}()
	if err != nil {
		return err
	}
	for _, w := range []struct {
		waking
		in, at *peer
	}{
		{waking{what: "one machine"}, alone, alone},
		{waking{what: "the same node"}, nodes[0], nodes[0]},
		{waking{what: "another node, by NATS", aim: aim}, nodes[0], nodes[1]},
		{waking{what: "another node, by LISTEN", aim: aim}, listening[0], listening[1]},
	} {
		if err := w.measure(ctx, s, w.in, w.at, r.plan.cluster.wakes); err != nil {
			return fmt.Errorf("%s: %w", w.what, err)
		}
		r.cluster.wakes = append(r.cluster.wakes, w.waking)
		r.say("woken at %s: %s, 99 %% within %s", w.what, w.tell(0.5), w.tell(0.99))
	}
	buses, err := e.timeBuses(ctx, r.plan.cluster.wakes)
	r.cluster.wakes = append(r.cluster.wakes, buses...)
	return err
}

func (w *waking) measure(ctx context.Context, s *site, in, at *peer, times int) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	mx, err := in.in.dial(ctx, "")
	if err != nil {
		return err
	}
	defer mx.conn.Close()
	const user = "u01"
	idler, err := (&door{peer: at}).waiting(ctx, s, user, 0)
	if err != nil {
		return err
	}
	defer idler.close()
	pause(ctx, 100*time.Millisecond)
	letters := newWriter(uint64(times))
	for range times {
		took, err := newsOf(idler, func() error {
			return mx.deliver(delivery{to: address(user), mail: letters.mail(4<<10, address(user))})
		})
		if errors.Is(err, os.ErrDeadlineExceeded) {
			w.never = true
			return nil
		}
		if err != nil {
			return err
		}
		w.late = append(w.late, took)
		pause(ctx, 7*time.Millisecond)
	}
	return ctx.Err()
}

// newsOf is how much later than a mail's 250 the one who waits reads of it.
func newsOf(idler *reader, deliver func() error) (time.Duration, error) {
	heard := make(chan error, 1)
	var at time.Time
	_ = idler.conn.SetReadDeadline(time.Now().Add(longestNews))
	go func() {
		err := idler.hear(" EXISTS")
		at = time.Now()
		heard <- err
	}()
	err := deliver()
	stored := time.Now()
	err = errors.Join(<-heard, err)
	return max(at.Sub(stored), 0), err
}
