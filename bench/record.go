package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// An entrant is one server that can be measured.
type entrant struct {
	name  string
	start func(ctx context.Context, s *site, name string) (*peer, error)
	takes func(cell) bool // nil: every cell
	peer  bool            // needs Postfix and Dovecot
}

// Names are short, for they head columns and name folders; the page explains them.
const (
	nameSealpost = "sealpost"
	nameModern   = "modern"
	namePostfix  = "P+D"
	nameCrypt    = "P+D+crypt"
	nameLMTP     = "LMTP"
)

func entrants() []entrant {
	someCells := func(c cell) bool { return c.conns == 10 && c.boxes == mailboxes }
	return []entrant{
		{name: nameSealpost, start: func(ctx context.Context, s *site, name string) (*peer, error) {
			return startSealpost(ctx, s, name, "compat")
		}},
		{name: nameModern, takes: someCells, start: func(ctx context.Context, s *site, name string) (*peer, error) {
			return startSealpost(ctx, s, name, "modern")
		}},
		{name: namePostfix, peer: true, start: func(ctx context.Context, s *site, name string) (*peer, error) {
			return startPostfix(ctx, s, name, false)
		}},
		{name: nameCrypt, peer: true, start: func(ctx context.Context, s *site, name string) (*peer, error) {
			return startPostfix(ctx, s, name, true)
		}},
		{name: nameLMTP, peer: true, start: func(ctx context.Context, s *site, name string) (*peer, error) {
			return startDovecot(ctx, s, newGroup(name), name, false)
		}},
	}
}

// A result is what was measured of one entrant.
type result struct {
	entrant
	running  *peer
	yields   map[cell][]yield
	shelves  []shelf
	memory   footprint
	launches []time.Duration
	failures []string
}

// fail notes that something could not be measured; the page says so.
func (r *result) fail(what string, err error) {
	text := fmt.Sprintf("%s, %s: %v", r.name, what, err)
	fmt.Println("   ", text)
	r.failures = append(r.failures, text)
}

// stored is the median rate of a cell so far, 0 when there is none.
func (r *result) stored(c cell) float64 {
	return r.middle(c, func(y yield) float64 { return y.stored })
}

// middle is the median over the repetitions of one figure of a cell.
func (r *result) middle(c cell, figure func(yield) float64) float64 {
	var values []float64
	for _, y := range r.yields[c] {
		values = append(values, figure(y))
	}
	return median(values)
}

// A record is one run.
type record struct {
	plan    plan
	machine machine
	postfix string // versions
	dovecot string
	skipped error // why the peers were not measured
	results []*result
	began   time.Time
	took    time.Duration
}

func newRecord(p plan) *record { return &record{plan: p, began: time.Now()} }

// measure starts every entrant, drives one at a time, and stops them all.
func (r *record) measure(ctx context.Context, s *site, only string) (err error) {
	if r.machine, err = look(s.dir); err != nil {
		return err
	}
	r.say("machine: %d cores, fsync %s, X25519 %s", r.machine.cores, milliseconds(r.machine.syncHalf), microseconds(r.machine.agree))
	if r.skipped = ready(ctx); r.skipped != nil {
		r.say("measuring sealpost alone: %v", r.skipped)
	}
	r.postfix, r.dovecot = versions(ctx)
	defer func() { err = errors.Join(err, r.stopAll(ctx)) }()
	if err := r.startAll(ctx, s, only); err != nil {
		return err
	}
	steps := []func(context.Context, *site) error{r.measureCells, r.measureShelves, r.measureMemory, r.measureStarts}
	for _, step := range steps {
		if err := step(ctx, s); err != nil {
			return err
		}
	}
	r.took = time.Since(r.began)
	return nil
}

// say prints one line of progress.
func (r *record) say(format string, args ...any) {
	fmt.Printf("%3d s  %s\n", int(time.Since(r.began).Seconds()), fmt.Sprintf(format, args...))
}

func (r *record) startAll(ctx context.Context, s *site, only string) error {
	for _, e := range entrants() {
		if !strings.Contains(e.name, only) || e.peer && r.skipped != nil {
			continue
		}
		p, err := e.start(ctx, s, e.name)
		if err != nil {
			return fmt.Errorf("start %s: %w", e.name, err)
		}
		res := &result{entrant: e, running: p, yields: map[cell][]yield{}}
		r.results = append(r.results, res)
		pause(ctx, time.Second)
		res.memory = footprint{fresh: p.group.memory(), peak: map[int]memory{}}
		r.say("%s runs, %s at rest", e.name, megabytes(res.memory.fresh.pss))
	}
	return nil
}

func (r *record) stopAll(ctx context.Context) error {
	var errs []error
	for _, res := range r.results {
		errs = append(errs, res.running.stop(ctx))
	}
	return errors.Join(errs...)
}

// enoughFailures ends the measuring of a server that is plainly broken.
const enoughFailures = 3

// measureCells repeats all cells, each with all servers in turn, so that what
// disturbs the machine for a while disturbs all alike.
func (r *record) measureCells(ctx context.Context, s *site) error {
	for repeat := range r.plan.repeats {
		for i, c := range r.plan.cells {
			bag := newMailbag(c, repeat)
			var line []string
			for k := range r.results {
				res := r.results[(k+repeat)%len(r.results)] // no server always comes first
				if len(res.failures) >= enoughFailures || res.takes != nil && !res.takes(c) {
					continue
				}
				y, err := res.running.verified(ctx, s, bag, res.stored(c), r.plan.span)
				if ctx.Err() != nil {
					return ctx.Err()
				}
				if err != nil {
					res.fail(c.String(), err)
					continue
				}
				res.yields[c] = append(res.yields[c], y)
				line = append(line, fmt.Sprintf("%s %.0f/s", res.name, y.stored))
			}
			r.say("%d/%d %s: %s", repeat*len(r.plan.cells)+i+1, r.plan.repeats*len(r.plan.cells), c, strings.Join(line, ", "))
		}
	}
	return nil
}

func (r *record) measureShelves(ctx context.Context, s *site) error {
	for _, size := range sizes {
		for _, res := range r.results {
			shelf, err := res.running.fill(ctx, s, size, r.plan.keep[size])
			if err == nil && shelf.mails >= enoughToFetch {
				err = res.running.read(ctx, s, &shelf, r.plan.fetches)
			}
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err != nil {
				res.fail("stored mails of "+sizeName(size), err)
				continue
			}
			res.shelves = append(res.shelves, shelf)
			r.say("%s keeps %d mails of %s in %d bytes each", res.name, shelf.mails, sizeName(size), shelf.bytes)
		}
	}
	return nil
}

// measureMemory watches every server under load, then lets all of them rest.
func (r *record) measureMemory(ctx context.Context, _ *site) error {
	for _, res := range r.results {
		for _, size := range sizes {
			peak, err := res.running.climb(ctx, size)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err != nil {
				res.fail("memory under load", err)
				continue
			}
			res.memory.peak[size] = peak
		}
		r.say("%s: memory %s under 50 connections", res.name, megabytes(res.memory.peak[sizes[0]].pss))
	}
	pause(ctx, restTime)
	for _, res := range r.results {
		res.memory.rested = res.running.group.memory()
		r.say("%s: memory %s after a rest", res.name, megabytes(res.memory.rested.pss))
	}
	return ctx.Err()
}

// measureStarts starts sealpost again and again on the data it has by now.
func (r *record) measureStarts(ctx context.Context, s *site) error {
	for _, res := range r.results {
		if res.name != nameSealpost {
			continue
		}
		for range r.plan.starts {
			if err := s.restart(ctx, res.running); err != nil {
				return fmt.Errorf("restart: %w", err)
			}
			res.launches = append(res.launches, res.running.launch)
		}
		r.say("%s starts in %s", res.name, milliseconds(median(res.launches)))
	}
	return nil
}
