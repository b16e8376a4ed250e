package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"sealpost/filestore/lease"
	"sealpost/mail"
	"sealpost/smtp"
	"sealpost/smtp/dns"
	"sealpost/smtp/mailauth/report"
	"sealpost/smtp/outbound/route"
)

const (
	keepReports = 5 * time.Minute // what a crash may cost of the counts
	spread      = 4 * time.Hour   // after midnight, so that not all servers report at once (RFC 8460, section 4.1)
	reportAgain = time.Hour       // when something could not be sent
	leftBy      = 3 * keepReports // after midnight: by then nodes have left what they counted before
)

// reports count what other domains want to hear of and tell them once a day. They
// also keep what others report to us.
type reports struct {
	on      atomic.Bool // reports.send
	values  values
	log     *slog.Logger
	dns     *dns.Resolver
	http    *http.Client      // must reach no private address
	home    func() string     // the domain that reports
	local   func(string) bool // domains of ours
	secret  []byte            // of when
	now     func() time.Time
	post    func(ctx context.Context, e smtp.Envelope, content mail.Bytes) error
	judged  report.Counter
	session report.TLSCounter
	changed atomic.Bool
	parts   map[string]pile // by the counts' names, where several nodes count; nil on one machine
	left    []unleft        // parts that could not be left yet

	// Of who has the lease:
	turn    sync.Mutex // held while what follows is used
	by      lease.Held
	again   time.Time // not before
	sent    sentReports
	counted reportCounts
}

// newReports begins with what an earlier process counted.
func (s *server) newReports() (*reports, error) {
	plain := *s.finder.HTTP
	plain.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	r := &reports{
		values: s.values, log: s.log, dns: s.resolver, http: &plain,
		home: s.firstDomain, local: s.book.Local, secret: s.secret, now: time.Now,
	}
	r.on.Store(s.settings.Reports.Send)
	r.counted.tls = map[[2]string]int64{}
	if err := r.recall(context.Background()); err != nil {
		return nil, err
	}
	if s.cluster != nil {
		r.parts = map[string]pile{dmarcCounts: s.pile(dmarcCounts), tlsCounts: s.pile(tlsCounts)}
		return r, nil
	}
	for name, c := range r.counters() {
		packed, err := r.values.Get(context.Background(), name)
		if err != nil {
			return nil, fmt.Errorf("read counts for reports: %w", err)
		}
		if err := unpackInto(packed, c); err != nil {
			s.log.Error("counts for reports are damaged and begin anew", "name", name, "error", err)
		}
	}
	return r, nil
}

// firstDomain is the first one that is still ours.
func (s *server) firstDomain() string {
	for _, d := range s.settings.Domains {
		if s.book.Local(d) {
			return canonical(d)
		}
	}
	return s.book.Domains()[0]
}

type counter interface {
	encoding.BinaryMarshaler
	encoding.BinaryUnmarshaler
}

// Names of the counts.
const (
	dmarcCounts = "reports.dmarc"
	tlsCounts   = "reports.tls"
)

func (r *reports) counters() map[string]counter {
	return map[string]counter{dmarcCounts: &r.judged, tlsCounts: &r.session}
}

// dmarc is told of each mail that was judged.
func (r *reports) dmarc(o report.Observation) {
	if r.on.Load() {
		r.judged.Add(o)
		r.changed.Store(true)
	}
}

// tls is told of each session with another server.
func (r *reports) tls(t route.TLSResult) {
	r.counted.outcome(t.PolicyType, t.Result)
	if r.on.Load() {
		r.session.Add(report.TLSSession{
			Time: r.now(), Domain: t.Domain, PolicyType: t.PolicyType, Policy: t.Policy,
			MX: t.MX, IP: t.MXAddress, Result: t.Result, Detail: t.Detail,
		})
		r.changed.Store(true)
	}
}

// run keeps the counts, until ctx ends.
func (r *reports) run(ctx context.Context) {
	for tick := time.NewTicker(keepReports); ; {
		select {
		case <-ctx.Done():
			tick.Stop()
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
			defer cancel()
			r.keep(last)
			return
		case <-tick.C:
			r.keep(ctx)
		}
	}
}

// keep writes the counts down, sealed, when they have changed: all of them on one machine, and
// where others count too, what was counted since.
func (r *reports) keep(ctx context.Context) {
	if r.parts != nil {
		r.leave(ctx)
		return
	}
	if !r.changed.Swap(false) {
		return
	}
	for name, c := range r.counters() {
		packed, err := packed(c)
		if err == nil {
			err = r.values.Put(ctx, name, packed)
		}
		if err != nil {
			r.log.Error("counts for reports were not written down", "name", name, "error", err)
			r.changed.Store(true)
		}
	}
}

// packed is what c writes: the same words over and over. They are other people's
// only by their number, so that a size tells nothing of a mail.
func packed(c encoding.BinaryMarshaler) ([]byte, error) {
	plain, err := c.MarshalBinary()
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(plain); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil { // before the bytes are looked at
		return nil, err
	}
	return b.Bytes(), nil
}

// maxCounts bounds what is unpacked, in octets.
const maxCounts = 64 << 20

func unpackInto(packed []byte, c encoding.BinaryUnmarshaler) error {
	if len(packed) == 0 {
		return nil
	}
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return err
	}
	plain, err := io.ReadAll(io.LimitReader(z, maxCounts+1))
	if err != nil {
		return err
	}
	return c.UnmarshalBinary(plain)
}

// send sends what is due, while this node has the lease.
func (r *reports) send(ctx context.Context, by lease.Held) {
	if err := r.begin(ctx, by); err != nil { // once more when the lease is had again
		r.log.Error("reports cannot be sent", "error", err)
		return
	}
	for tick := time.NewTicker(keepReports); ; {
		select {
		case <-ctx.Done():
			tick.Stop()
			return
		case <-tick.C:
			r.daily(ctx, r.now())
		}
	}
}

// begin reads what others sent.
func (r *reports) begin(ctx context.Context, by lease.Held) error {
	r.turn.Lock()
	defer r.turn.Unlock()
	r.by = by
	return r.recall(ctx)
}

// daily sends the reports of the days that are over, once this day's moment has come.
func (r *reports) daily(ctx context.Context, now time.Time) {
	r.turn.Lock()
	defer r.turn.Unlock()
	c, err := r.gather(ctx, nil)
	if err != nil {
		if ctx.Err() == nil {
			r.log.Error("counts for reports were not gathered", "error", err)
		}
		return
	}
	if now.Before(r.moment(now)) || now.Before(r.again) {
		return
	}
	if left := r.sendDue(ctx, c, now); left > 0 {
		r.again = now.Add(reportAgain)
	}
}

// moment is when reports leave on the day of now: the same for a server and a day,
// so that a restart changes nothing. What other nodes counted has been left by then.
func (r *reports) moment(now time.Time) time.Time {
	today := now.UTC().Truncate(24 * time.Hour)
	h := hmac.New(sha256.New, r.secret)
	fmt.Fprintf(h, "moment of reports %d", today.Unix())
	after := uint64(0)
	for _, b := range h.Sum(nil)[:8] {
		after = after<<8 | uint64(b)
	}
	return today.Add(leftBy + time.Duration(after%uint64(spread-leftBy)))
}
