package main

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"sealpost/webmail/api"
)

// aRow is a drawer with one row, in memory.
type aRow struct{ value []byte }

func (r *aRow) Get(context.Context, string, string) ([]byte, error) { return r.value, nil }
func (r *aRow) Put(_ context.Context, _, _ string, value []byte) error {
	r.value = value
	return nil
}
func (r *aRow) All(context.Context, string) ([][]byte, error) { return [][]byte{r.value}, nil }

// TestHours: what is counted stands in its hour, also after a restart, for thirty days.
func TestHours(t *testing.T) {
	t.Parallel()
	rows, now := &aRow{}, time.Date(2026, 11, 22, 10, 30, 0, 0, time.UTC)
	var came api.AdminTraffic
	begin := func() *hours {
		came = api.AdminTraffic{}
		h := &hours{traffic: func() api.AdminTraffic { return came }, rows: rows, log: slog.New(slog.DiscardHandler), now: func() time.Time { return now }}
		h.read(t.Context())
		return h
	}
	listed := func(h *hours) api.AdminHours {
		w, err := h.list(t.Context())
		if err != nil || len(w.Received) != len(w.Sent) || len(w.Received) != len(w.Failed) {
			t.Fatalf("%+v %v", w, err)
		}
		return w
	}
	h := begin()
	came.Received, came.Sent = 3, 1
	h.write(t.Context())
	now = now.Add(2 * time.Hour)
	came.Received = 5
	if w := listed(h); !w.From.Equal(time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)) || len(w.Received) != 3 || w.Received[0] != 3 || w.Received[1] != 0 || w.Received[2] != 2 || w.Sent[0] != 1 {
		t.Errorf("%+v", w)
	}
	h.write(t.Context())
	h = begin() // counts of the process begin anew
	came.Received = 1
	if w := listed(h); len(w.Received) != 3 || w.Received[0] != 3 || w.Received[2] != 3 {
		t.Errorf("after a restart: %+v", w)
	}
	now = now.Add(30 * 24 * time.Hour)
	if w := listed(h); len(w.Received) > hoursKept || w.Received[0] != 0 {
		t.Errorf("%d hours, the first with %d", len(w.Received), w.Received[0])
	}
	rows.value = []byte("damaged")
	if w := listed(begin()); len(w.Received) != 1 {
		t.Errorf("%+v", w)
	}
}
