package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"runtime/debug"
	"slices"
	"time"

	"sealpost/mail"
	"sealpost/smtp/mailauth"
	"sealpost/smtp/mailauth/report"
)

const (
	filedName = "reports.received"
	filedMost = 100
	filedFor  = 90 * 24 * time.Hour
	filedRows = 200 // of one report
)

// filedReport is what is kept of a report about us: domains, addresses of servers
// and numbers. The mail it came in goes, sealed, to whom it was sent.
type filedReport struct {
	ID        string            `json:"id"`
	Kind      string            `json:"kind"` // dmarc, tls, failure
	Came      time.Time         `json:"came"`
	From      string            `json:"from"` // domain that was proved to have sent it
	Aggregate *report.Aggregate `json:"dmarc,omitempty"`
	TLS       *report.TLSReport `json:"tls,omitempty"`
	Failure   *report.Failure   `json:"failure,omitempty"`
}

// received is shown each mail that may be a report, whose sender is proved.
func (r *reports) received(ctx context.Context, _ []mail.Address, v mailauth.Verdict, h mail.Header, m mail.Bytes) {
	defer func() {
		// The mail is stored already, and must not seem not to be.
		if v := recover(); v != nil {
			r.log.Error("reading a report panicked", "type", fmt.Sprintf("%T", v), "stack", string(debug.Stack()))
		}
	}()
	got, err := report.Read(m, h)
	if err != nil || v.From == nil {
		return
	}
	f, ours := r.extract(got, v.From.Domain)
	if !ours {
		return
	}
	r.counted.received(f.Kind)
	if err := r.file(ctx, f); err != nil {
		r.log.Error("a report was not filed", "kind", f.Kind, "error", err)
	}
}

// extract takes out of a report what may be kept; ours says that it is about a
// domain of this server. Free text is a stranger's and may name anybody.
func (r *reports) extract(got report.Report, from string) (f filedReport, ours bool) {
	f = filedReport{Came: r.now().UTC().Truncate(time.Second), From: from}
	name := ""
	switch {
	case got.Aggregate != nil:
		a := *got.Aggregate
		f.Kind, name, ours = "dmarc", a.ID, r.local(a.Policy.Domain)
		f.Aggregate = &a
		slim(&a, from)
	case got.TLS != nil:
		t := *got.TLS
		f.Kind, name = "tls", t.ID
		f.TLS = &t
		ours = r.slimTLS(&t, from)
	case got.Failure != nil:
		f.Kind, ours = "failure", r.local(got.Failure.Domain)
		f.Failure = got.Failure
		name = fmt.Sprint(f.Came.UnixNano(), *got.Failure)
	}
	sum := sha256.Sum256([]byte(f.Kind + "\x00" + from + "\x00" + name))
	f.ID = hex.EncodeToString(sum[:5])
	return f, ours
}

func slim(a *report.Aggregate, from string) {
	a.Org, a.ID, a.Errors = from, "", nil
	slices.SortStableFunc(a.Rows, func(x, y report.Row) int { return cmp.Compare(y.Count, x.Count) })
	a.More += max(len(a.Rows)-filedRows, 0)
	a.Rows = slices.Clone(a.Rows[:min(len(a.Rows), filedRows)])
	for i := range a.Rows {
		a.Rows[i].Comment = ""
	}
}

// slimTLS leaves what is about domains of ours, and says whether anything is.
func (r *reports) slimTLS(t *report.TLSReport, from string) bool {
	t.Org, t.ID = from, ""
	t.Policies = slices.DeleteFunc(slices.Clone(t.Policies), func(p report.TLSPolicy) bool { return !r.local(p.Policy.Domain) })
	for i := range t.Policies {
		p := &t.Policies[i]
		p.Failures = slices.Clone(p.Failures[:min(len(p.Failures), filedRows)])
		for j := range p.Failures {
			p.Failures[j].More, p.Failures[j].Reason = "", ""
		}
	}
	return len(t.Policies) > 0
}

// file adds a report to those that are kept; one that comes again takes the place of
// the first.
func (r *reports) file(ctx context.Context, f filedReport) error {
	err := r.values.Change(ctx, filedName, func(old []byte) ([]byte, error) {
		all, err := readFiled(old)
		if err != nil {
			return nil, err
		}
		all = slices.DeleteFunc(all, func(old filedReport) bool {
			return old.ID == f.ID || f.Came.Sub(old.Came) > filedFor
		})
		all = append(all, f)
		for len(all) > filedMost {
			all = slices.Delete(all, leastMissed(all), leastMissed(all)+1)
		}
		return json.Marshal(all)
	})
	if err != nil {
		return fmt.Errorf("keep reports: %w", err)
	}
	return nil
}

// leastMissed is the oldest report of whoever sent most, so that nobody can push out
// what others told.
func leastMissed(all []filedReport) (at int) {
	of := map[string]int{}
	for _, f := range all {
		of[f.From]++
	}
	for i, f := range all {
		if of[f.From] > of[all[at].From] {
			at = i
		}
	}
	return at
}

// filedReports are those that are kept, the oldest first.
func filedReports(ctx context.Context, values values) ([]filedReport, error) {
	text, err := values.Get(ctx, filedName)
	if err != nil {
		return nil, fmt.Errorf("read kept reports: %w", err)
	}
	return readFiled(text)
}

func readFiled(text []byte) (all []filedReport, err error) {
	if text == nil {
		return nil, nil
	}
	if err := json.Unmarshal(text, &all); err != nil {
		return nil, fmt.Errorf("read kept reports: %w", err)
	}
	return all, nil
}
