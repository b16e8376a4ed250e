package main

import (
	"context"
	"encoding/json"
	"log/slog"
	"sync"
	"time"

	"sealpost/smtp/submission/outbox"
	"sealpost/webmail/api"
)

// hours counts mail by the hour, for the operator's page: sums over everybody, of thirty
// days. They are kept where rules are, sealed, and written down every few minutes: a
// crash loses that much of a picture, and nothing else.
type hours struct {
	traffic func() api.AdminTraffic // since the start
	rows    outbox.Names            // a drawer of papers
	log     *slog.Logger
	now     func() time.Time

	mu   sync.Mutex
	last api.AdminTraffic // of what is counted already
	all  map[int64]api.AdminTraffic
}

const (
	hoursKept  = 30 * 24
	hoursEvery = 5 * time.Minute
	hoursRow   = "by the hour"
)

// read takes up what was counted before the start.
func (h *hours) read(ctx context.Context) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.all = map[int64]api.AdminTraffic{}
	raw, err := h.rows.Get(ctx, "", hoursRow)
	if err == nil && raw != nil {
		err = json.Unmarshal(raw, &h.all)
	}
	if err != nil || h.all == nil {
		h.log.Warn("mails per hour begin anew", "error", err)
		h.all = map[int64]api.AdminTraffic{}
	}
}

// count adds what came since it was counted last to the hour that it is now.
func (h *hours) count() {
	h.mu.Lock()
	defer h.mu.Unlock()
	t, hour := h.traffic(), h.now().Unix()/3600
	h.all[hour] = plus(h.all[hour], t, h.last)
	h.last = t
	for at := range h.all {
		if at <= hour-hoursKept {
			delete(h.all, at)
		}
	}
}

func plus(sum, t, less api.AdminTraffic) api.AdminTraffic {
	return api.AdminTraffic{
		Received: sum.Received + t.Received - less.Received, Junk: sum.Junk + t.Junk - less.Junk, Refused: sum.Refused + t.Refused - less.Refused,
		Sent: sum.Sent + t.Sent - less.Sent, Deferred: sum.Deferred + t.Deferred - less.Deferred, Failed: sum.Failed + t.Failed - less.Failed,
	}
}

// run counts until ctx ends, and once more then.
func (h *hours) run(ctx context.Context) {
	tick := time.NewTicker(hoursEvery)
	defer tick.Stop()
	for done := false; !done; {
		select {
		case <-ctx.Done():
			done = true
		case <-tick.C:
		}
		h.write(context.WithoutCancel(ctx))
	}
}

func (h *hours) write(ctx context.Context) {
	h.count()
	h.mu.Lock()
	raw, err := json.Marshal(h.all)
	h.mu.Unlock()
	if err == nil {
		err = h.rows.Put(ctx, "", hoursRow, raw)
	}
	if err != nil {
		h.log.Warn("mails per hour were not written down", "error", err)
	}
}

// list is what the operator sees: every hour from the first that is known.
func (h *hours) list(context.Context) (w api.AdminHours, err error) {
	h.count()
	h.mu.Lock()
	defer h.mu.Unlock()
	until := h.now().Unix() / 3600
	from := until
	for at := range h.all {
		from = min(from, at)
	}
	w.From = time.Unix(from*3600, 0).UTC()
	for at := from; at <= until; at++ {
		t := h.all[at]
		w.Received, w.Junk, w.Refused = append(w.Received, t.Received), append(w.Junk, t.Junk), append(w.Refused, t.Refused)
		w.Sent, w.Deferred, w.Failed = append(w.Sent, t.Sent), append(w.Deferred, t.Deferred), append(w.Failed, t.Failed)
	}
	return w, nil
}
