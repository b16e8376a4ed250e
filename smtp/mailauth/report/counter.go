package report

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"sealpost/smtp/mailauth/dmarc"
)

const (
	maxCounted  = 50_000 // rows of all days together, a few hundred octets each
	maxOfDomain = 5_000  // rows of one domain and day
	maxSigned   = 5      // signatures that make a row
	keptDays    = 3      // a report that could not be sent by then is none
	maxStored   = 64 << 20
)

// Counter counts judged mails by UTC day and policy domain, for reports to those
// who ask for them. Its zero value is empty; it is safe for concurrent use.
type Counter struct {
	mu     sync.Mutex
	counts map[ofDay]*counted
	rows   int
	lost   int64
}

type ofDay struct {
	Day    string // 2006-01-02
	Domain string
}

type counted struct {
	Record dmarc.Record // the last one seen
	Rows   map[rowKey]int64
}

// rowKey is what mails of one row have in common.
type rowKey struct {
	IP                             netip.Addr
	From, Envelope                 string
	Disposition, Override, Comment string
	DKIMAligned, SPFAligned        bool
	SPF                            string
	DKIM                           [maxSigned]Signature
}

// Add counts one mail. Whose owner wants no reports is not counted.
func (c *Counter) Add(o Observation) {
	if len(o.DMARC.Record.RUA) == 0 || o.DMARC.Domain == "" {
		return
	}
	k := ofDay{o.Time.UTC().Format(time.DateOnly), o.DMARC.Domain}
	row := key(o)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.counts == nil {
		c.counts = make(map[ofDay]*counted)
	}
	n := c.counts[k]
	if n == nil {
		n = &counted{Rows: make(map[rowKey]int64)}
	}
	if _, known := n.Rows[row]; !known {
		if c.rows >= maxCounted || len(n.Rows) >= maxOfDomain {
			c.lost++
			return
		}
		c.rows++
	}
	n.Record = o.DMARC.Record
	n.Rows[row]++
	c.counts[k] = n
}

func key(o Observation) rowKey {
	k := rowKey{
		IP: o.IP.Unmap().WithZone(""), From: clip(o.From), Envelope: clip(o.Envelope),
		Disposition: o.Disposition, Override: o.Override, Comment: clip(o.Comment),
		DKIMAligned: o.DMARC.DKIMAligned, SPFAligned: o.DMARC.SPFAligned, SPF: o.SPF,
	}
	if o.DMARC.Result == "pass" && o.DMARC.Policy != "none" {
		k.Disposition = "pass"
	}
	signed := slices.Clone(o.DKIM)
	slices.SortStableFunc(signed, func(a, b Signature) int { return rank(a, o) - rank(b, o) })
	for i, s := range signed[:min(len(signed), maxSigned)] {
		k.DKIM[i] = Signature{clip(s.Domain), clip(s.Selector), s.Result}
	}
	return k
}

// rank puts those signatures first that tell the owner most (section 3.1.4).
func rank(s Signature, o Observation) int {
	switch {
	case s.Result == "pass" && s.Domain == o.From:
		return 0
	case s.Result == "pass" && (s.Domain == o.DMARC.Org || strings.HasSuffix(s.Domain, "."+o.DMARC.Org)):
		return 1
	case s.Result == "pass":
		return 2
	}
	return 3
}

func clip(s string) string { return s[:min(len(s), maxWord)] }

// Lost is how many mails were not counted for want of memory.
func (c *Counter) Lost() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lost
}

// A Due report is one that its day is over for. RUA are the URIs that its owner
// published; see Destinations.
type Due struct {
	Report Aggregate
	RUA    []string
	day    ofDay
}

// Due makes the reports of all UTC days before now's, by domain. They are counted
// on until Done, but for those that are too old to matter.
func (c *Counter) Due(now time.Time) []Due {
	today := now.UTC().Truncate(24 * time.Hour)
	c.mu.Lock()
	defer c.mu.Unlock()
	var due []Due
	for k, n := range c.counts {
		begin, err := time.Parse(time.DateOnly, k.Day)
		switch {
		case err != nil, begin.Before(today.AddDate(0, 0, -keptDays)):
			c.forget(k)
		case begin.Before(today):
			due = append(due, Due{n.report(k, begin), n.Record.RUA, k})
		}
	}
	slices.SortFunc(due, func(a, b Due) int {
		return cmp.Or(cmp.Compare(a.day.Day, b.day.Day), cmp.Compare(a.day.Domain, b.day.Domain))
	})
	return due
}

// Done forgets what was counted for a report.
func (c *Counter) Done(d Due) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forget(d.day)
}

func (c *Counter) forget(k ofDay) {
	if n := c.counts[k]; n != nil {
		c.rows -= len(n.Rows)
		delete(c.counts, k)
	}
}

func (n *counted) report(k ofDay, begin time.Time) Aggregate {
	rec := n.Record
	a := Aggregate{
		Begin: begin, End: begin.Add(24*time.Hour - time.Second),
		Policy: Published{
			Domain: k.Domain, Policy: rec.Policy, SubPolicy: rec.SubPolicy, NonExistent: rec.NonExistent,
			StrictDKIM: rec.StrictDKIM, StrictSPF: rec.StrictSPF, Testing: rec.Testing, FailureOptions: strings.Join(rec.FailureOptions, ":"),
		},
	}
	if rec.Broken {
		a.Errors = []string{"p is missing, or one of p, sp, np is no policy: p=none was applied"}
	}
	for k, count := range n.Rows {
		a.Rows = append(a.Rows, k.row(count))
	}
	slices.SortFunc(a.Rows, func(x, y Row) int {
		return cmp.Or(x.IP.Compare(y.IP), cmp.Compare(x.From, y.From), cmp.Compare(fmt.Sprint(x), fmt.Sprint(y)))
	})
	return a
}

func (k rowKey) row(count int64) Row {
	r := Row{
		IP: k.IP, Count: count, Disposition: k.Disposition, DKIMAligned: k.DKIMAligned, SPFAligned: k.SPFAligned,
		Override: k.Override, Comment: k.Comment, From: k.From, Envelope: k.Envelope,
	}
	for _, s := range k.DKIM {
		if s.Domain != "" {
			r.DKIM = append(r.DKIM, s)
		}
	}
	if k.SPF != "" && k.Envelope != "" {
		r.SPF = []SPFResult{{k.Envelope, "mfrom", k.SPF}}
	}
	return r
}

// stored is a Counter over a restart.
type stored struct {
	Version int
	Days    []storedDay
}

type storedDay struct {
	ofDay
	Record dmarc.Record
	Rows   []storedRow
}

type storedRow struct {
	rowKey
	Count int64
}

// Take is all that was counted, which is not counted here any more.
func (c *Counter) Take() *Counter {
	c.mu.Lock()
	defer c.mu.Unlock()
	taken := &Counter{counts: c.counts, rows: c.rows}
	c.counts, c.rows = nil, 0
	return taken
}

// MarshalBinary writes all that was counted, for the caller to seal: it tells who
// wrote to this server.
func (c *Counter) MarshalBinary() ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := stored{Version: 1}
	for k, n := range c.counts {
		d := storedDay{ofDay: k, Record: n.Record}
		for row, count := range n.Rows {
			d.Rows = append(d.Rows, storedRow{row, count})
		}
		s.Days = append(s.Days, d)
	}
	return json.Marshal(s)
}

// UnmarshalBinary adds what MarshalBinary wrote, within the bounds.
func (c *Counter) UnmarshalBinary(b []byte) error {
	var s stored
	if len(b) > maxStored {
		return errors.New("stored counts are too large")
	}
	if err := json.Unmarshal(b, &s); err != nil || s.Version != 1 {
		return errors.New("not the counts of a report")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.counts == nil {
		c.counts = make(map[ofDay]*counted)
	}
	for _, d := range s.Days {
		if c.counts[d.ofDay] == nil {
			c.counts[d.ofDay] = &counted{Record: d.Record, Rows: make(map[rowKey]int64)}
		}
		n := c.counts[d.ofDay]
		for _, r := range d.Rows {
			if _, known := n.Rows[r.rowKey]; !known {
				if c.rows >= maxCounted || len(n.Rows) >= maxOfDomain {
					c.lost += r.Count
					continue
				}
				c.rows++
			}
			n.Rows[r.rowKey] += r.Count
		}
	}
	return nil
}
