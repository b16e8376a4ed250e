package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// step is how far long work has come.
type step struct {
	What string `json:"what"` // "copying mail"
	Done int64  `json:"done"`
	Of   int64  `json:"of"` // 0: not known

	Failed []int `json:"failed,omitempty"` // of an import: numbers among Done, each once
}

// spoken is one line of an operation that tells how it gets on: a step, and at
// last an answer or what went wrong.
type spoken[Answer any] struct {
	Step   *step   `json:"step,omitempty"`
	Answer *Answer `json:"answer,omitempty"`
	Error  string  `json:"error,omitempty"`
}

// telling makes an operation of long work. Steps are told at most ten times a
// second.
func telling[Wish, Answer any](do func(ctx context.Context, o *office, w Wish, tell func(step)) (Answer, error)) operation {
	return tellingEvery(100*time.Millisecond, do)
}

// tellingEvery tells at most one step in a pause.
func tellingEvery[Wish, Answer any](pause time.Duration, do func(ctx context.Context, o *office, w Wish, tell func(step)) (Answer, error)) operation {
	return func(ctx context.Context, o *office, wish []byte, out io.Writer) error {
		var w Wish
		if err := json.Unmarshal(wish, &w); err != nil {
			return fmt.Errorf("read what was asked: %w", err)
		}
		lines := json.NewEncoder(out)
		var last time.Time
		var unsaid *step
		say := func(line spoken[Answer]) error {
			err := lines.Encode(line)
			if f, ok := out.(interface{ Flush() }); ok {
				f.Flush()
			}
			return err
		}
		a, err := do(ctx, o, w, func(s step) {
			unsaid = &s
			if now := time.Now(); now.Sub(last) > pause {
				last, unsaid = now, nil
				say(spoken[Answer]{Step: &s})
			}
		})
		if err != nil {
			if unsaid != nil { // how far it came counts most when it goes no further
				say(spoken[Answer]{Step: unsaid})
			}
			return say(spoken[Answer]{Error: err.Error()})
		}
		return say(spoken[Answer]{Answer: &a})
	}
}

// watch performs a telling operation and shows its steps where somebody watches.
func watch[Answer any](ctx context.Context, c console, file, name string, wish any) (a Answer, err error) {
	from, to := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := perform(ctx, file, name, wish, to)
		to.CloseWithError(err)
		ended <- err
	}()
	found := false
	bar := newBar(c)
	defer bar.clear()
	for lines := bufio.NewScanner(from); lines.Scan(); {
		var line spoken[Answer]
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			from.CloseWithError(err)
			return a, errors.Join(fmt.Errorf("read the answer: %w", err), <-ended)
		}
		switch {
		case line.Error != "":
			return a, errors.New(line.Error)
		case line.Answer != nil:
			a, found = *line.Answer, true
		case line.Step != nil:
			bar.show(*line.Step)
		}
	}
	from.Close()
	if err := <-ended; err != nil {
		return a, err
	}
	if !found {
		return a, errors.New("the server broke off before it had finished: its log may say why")
	}
	return a, nil
}

// bar shows steps on one line of a terminal, and nothing elsewhere.
type bar struct {
	to     io.Writer
	begun  time.Time
	shown  bool
	silent bool
}

func newBar(c console) *bar { return &bar{to: c.Err, begun: time.Now(), silent: !terminal(c.Err)} }

const barWidth = 30

func (b *bar) show(s step) {
	if b.silent {
		return
	}
	b.shown = true
	if s.Of <= 0 {
		fmt.Fprintf(b.to, "\r\x1b[K%s  %d", s.What, s.Done)
		return
	}
	full := int(min(s.Done, s.Of) * barWidth / s.Of)
	fmt.Fprintf(b.to, "\r\x1b[K%s  %s%s  %3d%%  %s", s.What,
		strings.Repeat("█", full), strings.Repeat("░", barWidth-full), min(s.Done, s.Of)*100/s.Of, b.left(s))
}

// left is how long the rest will take, once there is something to go by.
func (b *bar) left(s step) string {
	passed := time.Since(b.begun)
	if s.Done <= 0 || passed < 2*time.Second || s.Done >= s.Of {
		return ""
	}
	rest := time.Duration(float64(passed) / float64(s.Done) * float64(s.Of-s.Done))
	return rest.Round(time.Second).String() + " left"
}

func (b *bar) clear() {
	if b.shown {
		fmt.Fprint(b.to, "\r\x1b[K")
	}
}
