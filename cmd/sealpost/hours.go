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
// crash loses that much of a picture, and nothing else. Each node counts by itself, in a row of
// its own.
type hours struct {
	traffic func() api.AdminTraffic // since the start
	node    string                  // whose count this is; empty on one machine
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

// row is the name of the node's.
func (h *hours) row() string {
	if h.node == "" {
		return hoursRow
	}
	return hoursRow + " " + h.node
}

// nodeHours are one node's row; that of one machine is the hours alone.
type nodeHours struct {
	Node  string                     `json:"node"`
	Hours map[int64]api.AdminTraffic `json:"hours"`
}

func readHours(raw []byte) (n nodeHours, err error) {
	if json.Unmarshal(raw, &n.Hours) == nil {
		return n, nil
	}
	n = nodeHours{}
	return n, json.Unmarshal(raw, &n)
}

// read takes up what was counted before the start.
func (h *hours) read(ctx context.Context) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.all = map[int64]api.AdminTraffic{}
	raw, err := h.rows.Get(ctx, "", h.row())
	if err == nil && raw != nil {
		var n nodeHours
		n, err = readHours(raw)
		h.all = n.Hours
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
	var row any = h.all
	if h.node != "" {
		row = nodeHours{h.node, h.all}
	}
	raw, err := json.Marshal(row)
	h.mu.Unlock()
	if err == nil {
		err = h.rows.Put(ctx, "", h.row(), raw)
	}
	if err != nil {
		h.log.Warn("mails per hour were not written down", "error", err)
	}
}

// others are what the other nodes counted, as of a few minutes ago, the last hours of nodes that
// are gone among them.
func (h *hours) others(ctx context.Context) (all []map[int64]api.AdminTraffic, err error) {
	if h.node == "" {
		return nil, nil
	}
	rows, err := h.rows.All(ctx, "")
	if err != nil {
		return nil, err
	}
	for _, raw := range rows {
		n, err := readHours(raw)
		if err != nil {
			h.log.Warn("mails per hour of a node cannot be read", "error", err)
		} else if n.Node != h.node {
			all = append(all, n.Hours)
		}
	}
	return all, nil
}

// list is what the operator sees: every hour from the first that is known, of all nodes.
func (h *hours) list(ctx context.Context) (w api.AdminHours, err error) {
	h.count()
	all, err := h.others(ctx)
	if err != nil {
		return w, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	all = append(all, h.all)
	until := h.now().Unix() / 3600
	from := until
	for _, one := range all {
		for at := range one {
			from = min(from, max(at, until-hoursKept+1))
		}
	}
	w.From = time.Unix(from*3600, 0).UTC()
	for at := from; at <= until; at++ {
		var t api.AdminTraffic
		for _, one := range all {
			t = plus(t, one[at], api.AdminTraffic{})
		}
		w.Received, w.Junk, w.Refused = append(w.Received, t.Received), append(w.Junk, t.Junk), append(w.Refused, t.Refused)
		w.Sent, w.Deferred, w.Failed = append(w.Sent, t.Sent), append(w.Deferred, t.Deferred), append(w.Failed, t.Failed)
	}
	return w, nil
}
