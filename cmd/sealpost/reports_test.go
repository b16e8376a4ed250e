package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"sealpost/mail"
	"sealpost/smtp"
	"sealpost/smtp/dns/dnstest"
	"sealpost/smtp/mailauth"
	"sealpost/smtp/mailauth/report"
	"sealpost/smtp/outbound/route"
)

func headerOf(t testing.TB, text string) mail.Header {
	t.Helper()
	h, err := mail.ReadHeader(strings.NewReader(text), 0, 64<<10)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// TestReportsGoRound: ann writes to bob; the next night bob's server tells ann's what
// came in her domain's name, and ann's tells bob's how TLS went. Both are filed, and
// the mails themselves lie sealed where they were sent.
func TestReportsGoRound(t *testing.T) {
	t.Parallel()
	p := newPair(t, nil)
	if err := p.ann.submit(t, "bob@far.example", letterTo("ann@demo.test", "bob@far.example", "hello")); err != nil {
		t.Fatal(err)
	}
	until(t, "bob's mail", func() bool { return p.bob.mails(t) == 1 })
	tomorrow := time.Now().UTC().Truncate(24 * time.Hour).Add(24 * time.Hour)
	p.bob.up.reports.daily(t.Context(), tomorrow.Add(-time.Minute))
	if n, _ := p.bob.scrape(t); n[`sealpost_reports_sent_total{kind="dmarc"}`] != 0 {
		t.Error("a report was sent before its day was over")
	}
	for _, h := range []*house{p.bob, p.ann} {
		h.up.reports.daily(t.Context(), tomorrow.Add(spread))
	}
	list := func(h *house) []filedReport {
		var all []filedReport
		if err := json.Unmarshal([]byte(must(t, "report", "list", "--json", "--config="+h.config)), &all); err != nil {
			t.Fatal(err)
		}
		return all
	}
	until(t, "both reports", func() bool { return len(list(p.ann)) == 1 && len(list(p.bob)) == 1 })

	f := list(p.ann)[0]
	today := time.Now().UTC().Format(time.DateOnly)
	rows := []report.Row{{
		IP: netip.MustParseAddr("127.0.0.1"), Count: 1, Disposition: "pass", SPFAligned: true, From: "demo.test", Envelope: "demo.test",
		SPF: []report.SPFResult{{Domain: "demo.test", Scope: "mfrom", Result: "pass"}},
	}}
	if f.Kind != "dmarc" || f.From != "far.example" || f.Aggregate == nil || f.Aggregate.Policy.Domain != "demo.test" || fmt.Sprint(f.Aggregate.Rows) != fmt.Sprint(rows) {
		t.Errorf("ann's server keeps %+v, %+v", f, f.Aggregate)
	}
	text := p.ann.opened(t, 1)
	got, err := report.Read(strings.NewReader(text), headerOf(t, text))
	if err != nil || got.Aggregate == nil || fmt.Sprint(got.Aggregate.Rows) != fmt.Sprint(rows) || !strings.Contains(text, "From: postmaster@far.example\r\n") {
		t.Errorf("the mail is no report (%v):\n%s", err, text)
	}
	want := regexp.MustCompile(`^ID +DAY +KIND +FROM +ABOUT +COUNTED +WENT WELL\n` + f.ID + ` +` + today + ` +dmarc +far\.example +demo\.test +1 mail +all\n\n1 report; of 1 mail, all passed DMARC\n$`)
	if out := must(t, "report", "list", "--config="+p.ann.config); !want.MatchString(out) {
		t.Errorf("the list is\n%s", out)
	}
	if out := must(t, "report", "show", strings.ToUpper(f.ID), "--config="+p.ann.config); !regexp.MustCompile(`(?s)far\.example told of demo\.test \(p=reject\).*1 +127\.0\.0\.1 +demo\.test +pass +fail +pass`).MatchString(out) {
		t.Errorf("the report is\n%s", out)
	}
	if out := do(t, "", "report", "list", "--kind=tls", "--config="+p.ann.config); !strings.Contains(out.err, "no reports") {
		t.Errorf("of TLS: %+v", out)
	}
	fails(t, exitFailed, []string{`no report "x" is kept`}, "report", "show", "x", "--config="+p.ann.config)

	b := list(p.bob)[0]
	if b.Kind != "tls" || b.From != "demo.test" || b.TLS == nil || len(b.TLS.Policies) != 1 || b.TLS.Policies[0].Policy.Domain != "far.example" || b.TLS.Policies[0].Summary != (report.TLSSummary{Successes: 1}) {
		t.Errorf("bob's server keeps %+v, %+v", b, b.TLS)
	}
	if out := must(t, "report", "show", b.ID, "--config="+p.bob.config); !strings.Contains(out, "demo.test told of TLS") || !strings.Contains(out, "no-policy-found") {
		t.Errorf("the report is\n%s", out)
	}
	for h, kinds := range map[*house][2]string{p.ann: {"tls", "dmarc"}, p.bob: {"dmarc", "tls"}} {
		n, _ := h.scrape(t)
		if n[`sealpost_reports_sent_total{kind="`+kinds[0]+`"}`] != 1 || n[`sealpost_reports_received_total{kind="`+kinds[1]+`"}`] != 1 {
			t.Errorf("numbers: %v", n)
		}
	}
}

// TestReportsOutliveRestart: what was counted is there again, and no file of the
// server names the domain it is about.
func TestReportsOutliveRestart(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	up := s.serve(t)
	up.reports.dmarc(observation("canary.example"))
	up.reports.keep(t.Context())
	fresh, err := up.newReports()
	if err != nil {
		t.Fatal(err)
	}
	due := fresh.judged.Due(time.Now().Add(24 * time.Hour))
	if len(due) != 1 || due[0].Report.Policy.Domain != "canary.example" {
		t.Errorf("after a restart %+v is due", due)
	}
	for _, name := range []string{"known.db", "index.db", "queue.db"} {
		if bytes.Contains(read(t, up.settings.Data+"/"+name), []byte("canary.example")) {
			t.Errorf("%s names the domain", name)
		}
	}
	if err := up.values.Put(t.Context(), "reports.dmarc", []byte("damaged")); err != nil {
		t.Fatal(err)
	}
	if again, err := up.newReports(); err != nil || len(again.judged.Due(time.Now().Add(24*time.Hour))) != 0 {
		t.Errorf("damaged counts keep the server from starting: %v", err)
	}
}

func observation(domain string) report.Observation {
	o := report.Observation{Time: time.Now(), IP: netip.MustParseAddr("192.0.2.1"), From: domain, Disposition: "none"}
	o.DMARC.Result, o.DMARC.Policy, o.DMARC.Domain, o.DMARC.Org = "pass", "reject", domain, domain
	o.DMARC.Record.Policy, o.DMARC.Record.RUA = "reject", []string{"mailto:r@" + domain}
	return o
}

// newNight is reports without a server: what would leave is kept.
func newNight(t *testing.T, zone string) (*reports, *dnstest.Server, *[]string) {
	t.Helper()
	var left []string
	d := dnstest.New(t, zone)
	r := &reports{
		log: newLog(newSite(t).settings.Log, new(words)), dns: d.Resolver(), now: time.Now, values: &rememberedValues{},
		home: func() string { return "demo.test" }, local: func(d string) bool { return d == "demo.test" }, secret: []byte("s"),
		post: func(_ context.Context, e smtp.Envelope, _ mail.Bytes) error {
			left = append(left, e.To[0].Address.String())
			return nil
		},
	}
	r.on.Store(true)
	r.counted.tls = map[[2]string]int64{}
	if err := r.recall(t.Context()); err != nil {
		t.Fatal(err)
	}
	return r, d, &left
}

// TestReportsThatWait: the DNS being away costs no report, a reader who has theirs gets
// no second one while another's waits, and a reader nobody can write to keeps none back.
func TestReportsThatWait(t *testing.T) {
	t.Parallel()
	r, d, left := newNight(t, `
_dmarc.a.example. TXT "v=DMARC1; p=none"
_dmarc.b.example. TXT "v=DMARC1; p=none"
`)
	d.Fault("_dmarc.b.example.", dnstest.ServFail)
	for _, domain := range []string{"a.example", "b.example"} {
		o := observation(domain)
		o.DMARC.Record.RUA = append(o.DMARC.Record.RUA, "mailto:second@"+domain)
		r.dmarc(o)
	}
	full, gone := true, errors.New("the queue is full")
	post := r.post
	r.post = func(ctx context.Context, e smtp.Envelope, m mail.Bytes) error {
		switch a := e.To[0].Address; {
		case a.Local == "second" && full:
			return gone
		case a.Local == "second":
			post(ctx, e, m)
			return fmt.Errorf("send: %w", &smtp.Reply{Code: 550, Enhanced: "5.1.1"})
		}
		return post(ctx, e, m)
	}
	night := time.Now().UTC().Truncate(24*time.Hour).AddDate(0, 0, 1).Add(spread)
	r.daily(t.Context(), night)
	if !slices.Equal(*left, []string{"r@a.example"}) {
		t.Errorf("the first try: %v", *left)
	}
	full = false
	d.Fault("_dmarc.b.example.", 0)
	r.daily(t.Context(), night.Add(reportAgain/2))
	if len(*left) != 1 {
		t.Errorf("tried again at once: %v", *left)
	}
	r.dns = d.Resolver() // who does not remember
	r.daily(t.Context(), night.Add(reportAgain+time.Minute))
	if !slices.Equal(*left, []string{"r@a.example", "second@a.example", "r@b.example", "second@b.example"}) {
		t.Errorf("the second try: %v", *left)
	}
	r.daily(t.Context(), night.Add(3*reportAgain))
	if len(*left) != 4 {
		t.Errorf("sent again: %v", *left)
	}
}

// TestReportsByHTTPS: a reader may want TLS reports posted; a redirect is not followed.
func TestReportsByHTTPS(t *testing.T) {
	t.Parallel()
	posted := 0
	web := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/away" {
			http.Redirect(w, r, "/here", http.StatusTemporaryRedirect)
			return
		}
		posted++
		w.WriteHeader(http.StatusCreated)
	}))
	defer web.Close()
	r, d, _ := newNight(t, `_smtp._tls.a.example. TXT "v=TLSRPTv1; rua=`+web.URL+`/away"`)
	r.http = web.Client()
	r.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	r.tls(route.TLSResult{Domain: "a.example", PolicyType: "sts", Result: "certificate-expired"})
	night := time.Now().UTC().Truncate(24*time.Hour).AddDate(0, 0, 1).Add(spread)
	r.daily(t.Context(), night)
	if posted != 0 || len(r.session.Due(night)) != 1 {
		t.Errorf("%d posted by a redirect, %d left", posted, len(r.session.Due(night)))
	}
	d.Set(`_smtp._tls.a.example. TXT "v=TLSRPTv1; rua=` + web.URL + `/here"`)
	r.dns = d.Resolver()
	r.daily(t.Context(), night.Add(2*reportAgain))
	if posted != 1 || len(r.session.Due(night)) != 0 || r.counted.tls[[2]string{"sts", "certificate-expired"}] != 1 {
		t.Errorf("%d posted, %d left", posted, len(r.session.Due(night)))
	}
}

// TestNoReportsOnReports: a domain that got nothing but reports hears nothing of how
// these were sent.
func TestNoReportsOnReports(t *testing.T) {
	t.Parallel()
	r, _, left := newNight(t, `
_dmarc.a.example.    TXT "v=DMARC1; p=none"
_smtp._tls.a.example. TXT "v=TLSRPTv1; rua=mailto:tls@a.example"
`)
	night := time.Now().UTC().Truncate(24 * time.Hour).Add(spread)
	o := observation("a.example")
	o.Time = night.AddDate(0, 0, -1)
	r.dmarc(o)
	r.daily(t.Context(), night)
	r.tls(route.TLSResult{Domain: "a.example", PolicyType: "no-policy-found"})
	r.daily(t.Context(), night.AddDate(0, 0, 1))
	if !slices.Equal(*left, []string{"r@a.example"}) {
		t.Errorf("a report on a report: %v", *left)
	}
	r.tls(route.TLSResult{Domain: "a.example", PolicyType: "no-policy-found"})
	r.tls(route.TLSResult{Domain: "a.example", PolicyType: "no-policy-found"})
	r.daily(t.Context(), night.AddDate(0, 0, 1))
	if !slices.Equal(*left, []string{"r@a.example", "tls@a.example"}) {
		t.Errorf("no report on other mail: %v", *left)
	}
}

// TestReportMoment: within the night, the same after a restart, another on another day.
func TestReportMoment(t *testing.T) {
	t.Parallel()
	r := &reports{secret: []byte("a")}
	at := map[time.Duration]bool{}
	for n := range 50 {
		now := time.Date(2026, 1, 1+n, 13, 0, 0, 0, time.UTC)
		m := r.moment(now)
		after := m.Sub(now.Truncate(24 * time.Hour))
		if after < 0 || after >= spread || !m.Equal(r.moment(now.Add(10*time.Hour))) {
			t.Errorf("day %d: %v", n, after)
		}
		at[after] = true
	}
	if len(at) < 50 {
		t.Errorf("%d moments in 50 days", len(at))
	}
}

// TestFiledReports: no more than a hundred, none that is old, none about others, no
// words of strangers; and nobody's flood pushes out what somebody else told.
func TestFiledReports(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.offline(t, func(o *office) {
		r, _, _ := newNight(t, "")
		r.values = o.values
		now := time.Now()
		r.now = func() time.Time { return now }
		come := func(from, id, domain string) {
			t.Helper()
			f, ours := r.extract(report.Report{Aggregate: &report.Aggregate{
				Org: "canary", ID: id, Policy: report.Published{Domain: domain}, Errors: []string{"canary"},
				Rows: []report.Row{{Count: 1, Comment: "canary"}, {Count: 7, From: domain}},
			}}, from)
			if ours != (domain == "demo.test") {
				t.Fatalf("a report about %s: %v", domain, ours)
			}
			if ours {
				if err := r.file(t.Context(), f); err != nil {
					t.Fatal(err)
				}
			}
		}
		kept := func() (all []filedReport) {
			t.Helper()
			all, err := filedReports(t.Context(), r.values)
			if err != nil {
				t.Fatal(err)
			}
			return all
		}
		come("old.example", "1", "demo.test")
		now = now.Add(filedFor + time.Minute)
		come("honest.example", "1", "demo.test")
		come("honest.example", "1", "demo.test") // again
		come("honest.example", "2", "other.example")
		for n := range filedMost + 20 {
			come("flood.example", fmt.Sprint(n), "demo.test")
		}
		all := kept()
		if len(all) != filedMost || all[0].From != "honest.example" || all[1].From != "flood.example" {
			t.Errorf("%d are kept, the first from %s and %s", len(all), all[0].From, all[1].From)
		}
		if text, _ := json.Marshal(all); bytes.Contains(text, []byte("canary")) || bytes.Contains(text, []byte("old.example")) {
			t.Errorf("what is kept holds strangers' words: %.300s", text)
		}
		if a := all[0].Aggregate; a.Rows[0].Count != 7 {
			t.Errorf("rows %+v", a.Rows)
		}
	})
}

// TestReportsReceived: what is no report, or panics, is nobody's trouble.
func TestReportsReceived(t *testing.T) {
	t.Parallel()
	r, _, _ := newNight(t, "")
	from := mail.Address{Local: "a", Domain: "far.example"}
	text := "Content-Type: application/gzip\r\n\r\nnothing"
	r.received(t.Context(), nil, mailauth.Verdict{From: &from}, headerOf(t, text), strings.NewReader(text))
	r.received(t.Context(), nil, mailauth.Verdict{From: &from}, mail.Header{}, nil)
	if len(r.counted.came) != 0 {
		t.Errorf("counted %v", r.counted.came)
	}
}

// TestPrintedIsPlain: strangers' words play no tricks on a terminal.
func TestPrintedIsPlain(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	f := filedReport{ID: "x", Kind: "failure", From: "far.example", Failure: &report.Failure{Type: "\x1b[31mred", Domain: "demo.test", IP: netip.MustParseAddr("192.0.2.1")}}
	if err := printed(&b, f.print); err != nil || strings.ContainsRune(b.String(), '\x1b') || !strings.Contains(b.String(), "about mail of  demo.test\n") {
		t.Errorf("%v: %q", err, b.String())
	}
}
