package main

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"time"
)

type reportGroup struct {
	List reportListCommand `cmd:"" help:"List reports of other servers about mail in the name of your domains."`
	Show reportShowCommand `cmd:"" help:"Show one report: who sent mail in your name, and how it fared."`
}

// about is the domain of ours that a report speaks of.
func (f filedReport) about() string {
	switch {
	case f.Aggregate != nil:
		return f.Aggregate.Policy.Domain
	case f.Failure != nil:
		return f.Failure.Domain
	case f.TLS == nil || len(f.TLS.Policies) == 0:
		return ""
	}
	about := f.TLS.Policies[0].Policy.Domain
	if more := len(f.TLS.Policies) - 1; more > 0 {
		about += fmt.Sprintf(" and %d more", more)
	}
	return about
}

// numbers are all mails or sessions that a report counts, and those that went well.
func (f filedReport) numbers() (all, well int64) {
	switch {
	case f.Aggregate != nil:
		return f.Aggregate.Total()
	case f.Failure != nil:
		return max(f.Failure.Incidents, 1), 0
	case f.TLS != nil:
		for _, p := range f.TLS.Policies {
			all += p.Summary.Successes + p.Summary.Failures
			well += p.Summary.Successes
		}
	}
	return all, well
}

// day is the one that a report is about.
func (f filedReport) day() string {
	begin, end := time.Time{}, time.Time{}
	switch {
	case f.Aggregate != nil:
		begin, end = f.Aggregate.Begin, f.Aggregate.End
	case f.TLS != nil:
		begin, end = f.TLS.Range.Start, f.TLS.Range.End
	default:
		return day(f.Came)
	}
	if end.Sub(begin) > 36*time.Hour {
		return day(begin) + " to " + day(end)
	}
	return day(begin)
}

// share writes a part of a whole: "12 of 12, all" says at a glance what "100 %"
// hides, that a single one is missing.
func share(well, all int64) string {
	switch {
	case all == 0:
		return "-"
	case well == all:
		return "all"
	case well == 0:
		return "none"
	}
	return fmt.Sprintf("%d (%.1f %%)", well, float64(well)*100/float64(all))
}

// printed lets through what a terminal shows as it is: reports hold strangers' words.
func printed(w io.Writer, write func(io.Writer) error) error {
	var b bytes.Buffer
	if err := write(&b); err != nil {
		return err
	}
	for line := range strings.Lines(b.String()) {
		if _, err := fmt.Fprintln(w, printable(strings.TrimSuffix(line, "\n"))); err != nil {
			return err
		}
	}
	return nil
}
