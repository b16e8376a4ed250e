package inbound

import (
	"cmp"
	"errors"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"sealpost/account"
	"sealpost/filestore"
	"sealpost/filestore/spool"
	"sealpost/mailstore"
	"sealpost/pgp"
	"sealpost/smtp"
	"sealpost/smtp/inbound/screen"
)

// Stats are counts since the start, for metrics. Every word in them is one of a
// few that this program knows: nothing of a mail, nobody's name.
type Stats struct {
	Received int64             // mails that came whole
	Stored   int64             // mails that were stored for all their recipients
	Junk     int64             // of these, as junk
	Copies   int64             // copies that were stored, one for each account
	Octets   int64             // of their letters, sealed
	Refused  map[Refused]int64 // recipients and mails
	SPF      map[string]int64  // result words of mails that were judged
	DKIM     map[string]int64  // of signatures
	DMARC    map[string]int64  // of mails
	Sealing  Spread
}

// Refused is why a recipient or a mail was refused: a class of replyFor's, or what
// the screen objected to.
type Refused struct {
	Class string
	Later bool // 4xx: it may come again
}

// Spread is how long something took: Counts[i] times no longer than
// SpreadBounds[i], the last one longer than all of them.
type Spread struct {
	Counts [len(SpreadBounds) + 1]int64
	Sum    time.Duration
}

// SpreadBounds are the upper ends of a Spread.
var SpreadBounds = [...]time.Duration{
	time.Millisecond, 2500 * time.Microsecond, 5 * time.Millisecond, 10 * time.Millisecond, 25 * time.Millisecond,
	50 * time.Millisecond, 100 * time.Millisecond, 250 * time.Millisecond, time.Second, 5 * time.Second,
}

// counters are the Stats in the making.
type counters struct {
	received, stored, junk, copies, octets atomic.Int64

	mu      sync.Mutex
	refused map[Refused]int64
	judged  [3]map[string]int64 // SPF, DKIM, DMARC
	sealing Spread
}

// Stats is what was counted so far.
func (h *Handler) Stats() Stats {
	c := &h.counted
	c.mu.Lock()
	defer c.mu.Unlock()
	return Stats{
		Received: c.received.Load(), Stored: c.stored.Load(), Junk: c.junk.Load(), Copies: c.copies.Load(), Octets: c.octets.Load(),
		Refused: maps.Clone(c.refused), SPF: maps.Clone(c.judged[0]), DKIM: maps.Clone(c.judged[1]), DMARC: maps.Clone(c.judged[2]),
		Sealing: c.sealing,
	}
}

func (c *counters) refuse(class string, r *smtp.Reply) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.refused == nil {
		c.refused = map[Refused]int64{}
	}
	c.refused[Refused{class, r.Code/100 == 4}]++
}

// judge counts what authentication found, and why the screen refuses.
func (c *counters) judge(d screen.Decision) {
	if r := d.Reply; r != nil {
		c.refuse(objection(r), (*smtp.Reply)(r))
	}
	v := d.Verdict
	if v.SPF.Result == "" && v.DMARC.Result == "" {
		return // nobody looked
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range c.judged {
		if c.judged[i] == nil {
			c.judged[i] = map[string]int64{}
		}
	}
	c.judged[0][cmp.Or(string(v.SPF.Result), "none")]++
	for _, s := range v.DKIM {
		c.judged[1][string(s.Result)]++
	}
	c.judged[2][cmp.Or(v.DMARC.Result, "none")]++
}

func (c *counters) seal(took time.Duration) {
	i := 0
	for i < len(SpreadBounds) && took > SpreadBounds[i] {
		i++
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sealing.Counts[i]++
	c.sealing.Sum += took
}

// keep counts a copy that was stored.
func (c *counters) keep(s pgp.Sealed) {
	c.copies.Add(1)
	for _, l := range s.Letters() {
		c.octets.Add(l.Size())
	}
}

// objection is the class of a screen's reply: a filter may say any, so the ones
// that are not known to be ours are its.
func objection(r *screen.Refusal) string {
	switch r.Enhanced {
	case "5.7.26", "4.7.26":
		return "dmarc"
	case "5.6.0":
		return "author"
	case "4.7.1":
		return "rate"
	}
	return "filter"
}

// classOf is the class of an error that replyFor answers.
func classOf(err error) string {
	var r *smtp.Reply
	switch {
	case errors.Is(err, account.ErrUnknown):
		return "unknown"
	case errors.Is(err, errRelay):
		return "relay"
	case errors.Is(err, mailstore.ErrOverQuota):
		return "quota"
	case errors.Is(err, pgp.ErrNoKey), errors.Is(err, pgp.ErrRevoked):
		return "key"
	case errors.Is(err, spool.ErrTooLarge):
		return "size"
	case errors.Is(err, filestore.ErrFull):
		return "space"
	case errors.As(err, &r) && r.Code == 552:
		return "size"
	case errors.As(err, &r):
		return "dialogue"
	case errors.Is(err, errCut):
		return "cut"
	}
	return "fault"
}
