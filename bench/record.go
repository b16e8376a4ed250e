package main

import (
	"context"
	"errors"
	"fmt"
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
			return startSealpost(ctx, s, name, settings{profile: "compat"})
		}},
		{name: nameModern, takes: someCells, start: func(ctx context.Context, s *site, name string) (*peer, error) {
			return startSealpost(ctx, s, name, settings{profile: "modern"})
		}},
		{name: namePostfix, peer: true, start: func(ctx context.Context, s *site, name string) (*peer, error) {
			return startPostfix(ctx, s, name, false)
		}},
		{name: nameCrypt, peer: true, start: func(ctx context.Context, s *site, name string) (*peer, error) {
			return startPostfix(ctx, s, name, true)
		}},
		{name: nameLMTP, peer: true, start: func(ctx context.Context, s *site, name string) (*peer, error) {
			return startDovecot(ctx, s, newGroup(name), name, "")
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
	signer  string
	skipped error // why the peers were not measured
	milter  error // why no signing Postfix was measured
	stored  trial // mail that comes
	judged  trial // signed mail that comes
	sent    trial // mail that leaves
	moved   moves
	files   hauls
	reads   reads
	cluster clusters
	began   time.Time
	took    time.Duration
}

func newRecord(p plan) *record {
	r := &record{plan: p, began: time.Now()}
	r.stored = trial{title: rowTitle, cells: p.cells, row: rowOf, bag: newMailbag}
	return r
}

// A part is one kind of measuring. Its servers live no longer than it lasts.
type part struct {
	name    string
	measure func(context.Context, *site, string) error
}

func (r *record) parts() []part {
	return []part{
		{"inbound", r.measureStored},
		{"outbound", r.measureSent},
		{"moving", r.measureMoves},
		{"files", r.measureFiles},
		{"imap", r.measureIMAP},
		{"cluster", r.measureCluster},
	}
}

// measure runs the parts, or one of them, and only the servers that are named.
func (r *record) measure(ctx context.Context, s *site, one, only string) (err error) {
	if r.machine, err = look(s.dir); err != nil {
		return err
	}
	r.say("machine: %d cores, fsync %s, X25519 %s", r.machine.cores, milliseconds(r.machine.syncHalf), microseconds(r.machine.agree))
	if r.skipped = ready(ctx); r.skipped != nil {
		r.say("measuring sealpost alone: %v", r.skipped)
	}
	r.postfix, r.dovecot = versions(ctx)
	found := false
	for _, p := range r.parts() {
		if one != "" && one != p.name {
			continue
		}
		found = true
		if err := p.measure(ctx, s, only); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	if !found {
		return fmt.Errorf("-part %s: expected inbound, outbound, moving, files, imap or cluster", one)
	}
	r.took = time.Since(r.began)
	return nil
}

// measureStored is all about mail that comes, on servers that are started once.
func (r *record) measureStored(ctx context.Context, s *site, only string) (err error) {
	defer func() { err = errors.Join(err, r.stored.stop(ctx)) }()
	if err := r.stored.start(ctx, s, r, entrants(), only); err != nil {
		return err
	}
	pause(ctx, time.Second)
	for _, res := range r.stored.results {
		res.memory = footprint{fresh: res.running.group.memory(), peak: map[int]memory{}}
		r.say("%s runs, %s at rest", res.name, megabytes(res.memory.fresh.pss))
	}
	drive := func(ctx context.Context, s *site) error { return r.stored.drive(ctx, s, r) }
	steps := []func(context.Context, *site) error{drive, r.measureJudged, r.measureShelves, r.measureMemory, r.measureStarts}
	for _, step := range steps {
		if err := step(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// say prints one line of progress.
func (r *record) say(format string, args ...any) {
	fmt.Printf("%3d s  %s\n", int(time.Since(r.began).Seconds()), fmt.Sprintf(format, args...))
}

func (r *record) measureShelves(ctx context.Context, s *site) error {
	for _, size := range sizes {
		for _, res := range r.stored.results {
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
	for _, res := range r.stored.results {
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
	for _, res := range r.stored.results {
		res.memory.rested = res.running.group.memory()
		r.say("%s: memory %s after a rest", res.name, megabytes(res.memory.rested.pss))
	}
	return ctx.Err()
}

// measureStarts starts sealpost again and again on the data it has by now.
func (r *record) measureStarts(ctx context.Context, s *site) error {
	for _, res := range r.stored.results {
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
