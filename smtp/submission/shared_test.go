package submission

import (
	"context"
	"testing"
	"time"

	"sealpost/account/limit/limittest"
)

// An account that sends through three nodes at once reaches in an hour what it may, and beyond
// it what two nodes take within a round; what was not sent is given back at all of them.
func TestRatesOfManyNodes(t *testing.T) {
	t.Parallel()
	const nodes, most = 3, 24
	ledgers, c := limittest.Nodes(nodes), newClock()
	var all []*Handler
	for _, l := range ledgers {
		h := &Handler{Now: c.now}
		h.Share(l)
		all = append(all, h)
	}
	bounds := []bound{{"hour a", most, time.Hour}, {"day a", 10 * most, 24 * time.Hour}}
	round := func() { limittest.Round(context.Background(), ledgers...) }
	take := func(h *Handler, n int) (undo func(int), ok bool) {
		undo, when := h.sending.take(bounds, n, c.now())
		return undo, when.IsZero()
	}
	undo, ok := take(all[0], most)
	if !ok {
		t.Fatal("a full limit gives nothing")
	}
	round()
	for i, h := range all {
		if _, ok := take(h, 1); ok {
			t.Errorf("node %d gives what another gave", i)
		}
	}
	undo(most)
	round()
	taken := 0
	for range 60 {
		for _, h := range all {
			for ok := true; ok; {
				if _, ok = take(h, 1); ok {
					taken++
				}
			}
		}
		round()
		c.forward(time.Second)
	}
	if taken > nodes*most || taken < most {
		t.Errorf("%d taken in a minute, want at most %d of each of %d nodes, of before they heard", taken, most, nodes)
	}
	day := 0
	for range 24 * 12 {
		c.forward(5 * time.Minute)
		for _, h := range all {
			if _, ok := take(h, 1); ok {
				day++
			}
		}
		round()
	}
	if total := taken + day; total > 10*most+(nodes-1) {
		t.Errorf("%d taken in a day, want %d", total, 10*most)
	}
}
