package client

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
	"strings"
)

// Event is a hint that something changed: mail, cabinet, outbox, account; or bye, when
// what let the caller in is over.
type Event struct {
	Name    string
	ID      string // where to go on after it
	Modseq  uint64
	Version uint64
}

const longestLine = 64 << 10

// Events yields events until ctx ends or the stream does; last is the id of the last
// one that is known, or empty. Who wants more asks again.
func (c *Client) Events(ctx context.Context, last string) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		r := Request{Path: "/events", Header: http.Header{"Accept": {"text/event-stream"}}}
		if last != "" {
			r.Header.Set("Last-Event-ID", last)
		}
		resp, err := c.Do(ctx, r)
		if err != nil {
			yield(Event{}, err)
			return
		}
		defer resp.Body.Close()
		lines := bufio.NewScanner(resp.Body)
		lines.Buffer(nil, longestLine)
		var e Event
		for lines.Scan() {
			line := lines.Text()
			if line == "" && e.Name != "" {
				if !yield(e, nil) {
					return
				}
				e = Event{}
			}
			if err := e.read(line); err != nil {
				yield(Event{}, err)
				return
			}
		}
		if err := lines.Err(); err != nil && ctx.Err() == nil {
			yield(Event{}, fmt.Errorf("read events: %w", err))
		}
	}
}

func (e *Event) read(line string) error {
	key, value, _ := strings.Cut(line, ": ")
	switch key {
	case "event":
		e.Name = value
	case "id":
		e.ID = value
	case "data":
		var data struct{ Modseq, Version uint64 }
		if err := json.Unmarshal([]byte(value), &data); err != nil {
			return fmt.Errorf("read event: %w", err)
		}
		e.Modseq, e.Version = data.Modseq, data.Version
	}
	return nil
}
