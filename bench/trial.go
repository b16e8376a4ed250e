package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// A trial drives some servers through the same cells, one server at a time.
type trial struct {
	title   string // of a row
	cells   []cell
	results []*result
	row     func(cell) string
	bag     func(c cell, repeat int) *mailbag
	// inspect looks at what a server made of the mails of a repetition; nil: nothing.
	inspect func(*result) error
	// more measures something else of a server after a repetition; nil: nothing.
	more func(ctx context.Context, res *result, c cell, repeat int, y *yield) error
}

func (t *trial) named(name string) *result {
	for _, res := range t.results {
		if res.name == name {
			return res
		}
	}
	return nil
}

// start runs entrants and adds them.
func (t *trial) start(ctx context.Context, s *site, r *record, all []entrant, only string) error {
	for _, e := range all {
		if !strings.Contains(e.name, only) || e.peer && r.skipped != nil {
			continue
		}
		p, err := e.start(ctx, s, e.name)
		if err != nil {
			return fmt.Errorf("start %s: %w", e.name, err)
		}
		t.results = append(t.results, &result{entrant: e, running: p, yields: map[cell][]yield{}})
	}
	return nil
}

func (t *trial) stop(ctx context.Context) error {
	var errs []error
	for _, res := range t.results {
		errs = append(errs, res.running.stop(ctx))
	}
	return errors.Join(errs...)
}

// enoughFailures ends the measuring of a server that is plainly broken.
const enoughFailures = 3

// drive repeats all cells, each with all servers in turn, so that what disturbs
// the machine for a while disturbs all alike.
func (t *trial) drive(ctx context.Context, s *site, r *record) error {
	for repeat := range r.plan.repeats {
		for i, c := range t.cells {
			line, err := t.round(ctx, s, r, c, repeat)
			if err != nil {
				return err
			}
			r.say("%d/%d %s: %s", repeat*len(t.cells)+i+1, r.plan.repeats*len(t.cells), t.row(c), strings.Join(line, ", "))
		}
	}
	return nil
}

func (t *trial) round(ctx context.Context, s *site, r *record, c cell, repeat int) (line []string, err error) {
	bag := t.bag(c, repeat)
	for k := range t.results {
		res := t.results[(k+repeat)%len(t.results)] // no server always comes first
		if len(res.failures) >= enoughFailures || res.takes != nil && !res.takes(c) {
			continue
		}
		y, err := res.running.verified(ctx, s, bag, res.stored(c), r.plan.span)
		if err == nil && t.inspect != nil {
			err = t.inspect(res)
		}
		if err == nil && t.more != nil {
			err = t.more(ctx, res, c, repeat, &y)
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			res.fail(t.row(c), err)
			continue
		}
		res.yields[c] = append(res.yields[c], y)
		line = append(line, fmt.Sprintf("%s %.0f/s %.0f us", res.name, y.stored, float64(y.cpu)/float64(time.Microsecond)))
	}
	return line, nil
}

// table has a row for each cell and the columns each server fills; cells a server
// did not take stay empty.
func (t *trial) table(columns func(*result) []string, figures func(*result, cell) []string) string {
	tab := table{head: []string{t.title}}
	for _, res := range t.results {
		tab.head = append(tab.head, columns(res)...)
	}
	for _, c := range t.cells {
		row := []string{t.row(c)}
		for _, res := range t.results {
			if len(res.yields[c]) == 0 {
				row = append(row, make([]string, len(columns(res)))...)
				continue
			}
			row = append(row, figures(res, c)...)
		}
		tab.add(row...)
	}
	return tab.String()
}

// compares says whether there is sealpost and another server.
func (t *trial) compares() bool {
	others := false
	for _, res := range t.results {
		others = others || res.peer
	}
	return others && t.named(nameSealpost) != nil
}

// ratios is a table of sealpost against each other server.
func (t *trial) ratios(figure func(*result, cell) string) string {
	return t.table(func(res *result) []string {
		if !res.peer {
			return nil
		}
		return []string{"to " + res.name}
	}, func(res *result, c cell) []string {
		if !res.peer {
			return nil
		}
		return []string{figure(res, c)}
	})
}
