package main

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"sealpost/smtp/outbound/queue"
)

// scraped are the numbers of one look, by name and labels as they were written.
type scraped map[string]float64

var (
	sampleLine = regexp.MustCompile(`^([a-z][a-z0-9_]*)(?:\{((?:[a-z][a-z0-9_]*="(?:[^"\\\n]|\\[\\"n])*",?)+)\})? (\S+)$`)
	helpLine   = regexp.MustCompile(`^# HELP ([a-z][a-z0-9_]*) (\S.*\.)$`)
	typeLine   = regexp.MustCompile(`^# TYPE ([a-z][a-z0-9_]*) (counter|gauge|histogram)$`)
)

// scrape reads the metrics door as strictly as the format is written down: each
// family once, help and type before its samples, no sample twice.
func (h *house) scrape(t testing.TB) (scraped, string) {
	t.Helper()
	resp, err := http.Get("http://" + h.up.metricsDoors[0].Addr().String() + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK || !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/plain; version=0.0.4") {
		t.Fatalf("%v, %v, %q", resp.Status, err, resp.Header.Get("Content-Type"))
	}
	text := string(body)
	if !strings.HasSuffix(text, "\n") {
		t.Error("the last line has no end")
	}
	return readMetrics(t, text), text
}

func readMetrics(t testing.TB, text string) scraped {
	t.Helper()
	got, kinds, helped, family := scraped{}, map[string]string{}, "", ""
	for line := range strings.SplitSeq(strings.TrimSuffix(text, "\n"), "\n") {
		if m := helpLine.FindStringSubmatch(line); m != nil {
			if helped = m[1]; kinds[helped] != "" {
				t.Errorf("%s begins twice", helped)
			}
			continue
		}
		if m := typeLine.FindStringSubmatch(line); m != nil {
			if family = m[1]; family != helped {
				t.Errorf("type of %s after help of %s", family, helped)
			}
			kinds[family] = m[2]
			if (m[2] == "counter") != strings.HasSuffix(family, "_total") {
				t.Errorf("%s is a %s", family, m[2])
			}
			continue
		}
		m := sampleLine.FindStringSubmatch(line)
		if m == nil {
			t.Errorf("not of the format: %q", line)
			continue
		}
		base := m[1]
		if kinds[family] == "histogram" {
			base = strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(base, "_bucket"), "_sum"), "_count")
		}
		v, err := strconv.ParseFloat(m[3], 64)
		if base != family || err != nil {
			t.Errorf("%q stands below %s (%v)", line, family, err)
		}
		key, _, _ := strings.Cut(line, " ")
		if i := strings.LastIndexByte(line, ' '); i > 0 {
			key = line[:i]
		}
		if _, twice := got[key]; twice {
			t.Errorf("%s stands twice", key)
		}
		got[key] = v
	}
	return got
}

// TestMetrics: mail that goes in, out, is refused and reported moves the numbers, and
// none of it is in the text.
func TestMetrics(t *testing.T) {
	t.Parallel()
	p := newPair(t, nil)
	before, _ := p.ann.scrape(t)
	if err := p.ann.submit(t, "bob@far.example", letterTo("ann@demo.test", "bob@far.example", "canary")); err != nil {
		t.Fatal(err)
	}
	if err := p.ann.submit(t, "nobody@demo.test", letterTo("ann@demo.test", "nobody@demo.test", "canary")); err == nil {
		t.Error("mail for nobody was taken")
	}
	until(t, "bob's mail", func() bool { return p.bob.mails(t) == 1 })
	if err := p.bob.submit(t, "ann@demo.test", letterTo("bob@far.example", "ann@demo.test", "canary")); err != nil {
		t.Fatal(err)
	}
	until(t, "ann's mail", func() bool { return p.ann.mails(t) == 1 })
	p.ann.up.tidy(t.Context())

	var after scraped
	var text string
	until(t, "what became of the mail", func() bool {
		after, text = p.ann.scrape(t)
		return after[`sealpost_outbound_recipients_total{result="sent"}`] > 0
	})
	for key, want := range map[string]float64{
		`sealpost_inbound_received_total{from="world"}`:                             1,
		`sealpost_inbound_stored_total{from="world",box="inbox"}`:                   1,
		`sealpost_inbound_stored_total{from="world",box="junk"}`:                    0,
		`sealpost_inbound_copies_total{from="world"}`:                               1,
		`sealpost_inbound_refused_total{from="people",class="unknown",reply="5xx"}`: 1,
		`sealpost_inbound_judged_total{check="spf",result="pass"}`:                  1,
		`sealpost_inbound_judged_total{check="dmarc",result="pass"}`:                1,
		`sealpost_seal_seconds_count`:                                               1,
		`sealpost_seal_seconds_bucket{le="+Inf"}`:                                   1,
		`sealpost_submission_mails_total{result="accepted"}`:                        1,
		`sealpost_submission_mails_total{result="refused"}`:                         1,
		`sealpost_submission_recipients_total{to="remote"}`:                         1,
		`sealpost_signins_total{result="good"}`:                                     2,
		`sealpost_outbound_recipients_total{result="sent"}`:                         1,
		`sealpost_outbound_sessions_total{how="opened"}`:                            1,
		`sealpost_outbound_tls_total{policy="no-policy-found",result="success"}`:    1,
		`sealpost_queue_mails{state="all"}`:                                         0,
		`sealpost_healthy`:                                                          1,
		`sealpost_reports_sent_total{kind="dmarc"}`:                                 0,
	} {
		got, there := after[key]
		if moved := got - before[key]; key == `sealpost_healthy` && got != 1 || key != `sealpost_healthy` && moved != want || !there {
			t.Errorf("%s went from %v to %v, want %+v", key, before[key], got, want)
		}
	}
	for _, positive := range []string{
		`sealpost_inbound_stored_bytes_total{from="world"}`, "process_start_time_seconds", "process_open_fds", "process_max_fds", "process_cpu_seconds_total",
		"process_resident_memory_bytes", "go_goroutines", "go_memstats_heap_alloc_bytes", "sealpost_certificate_expires_seconds",
		"sealpost_blobs", "sealpost_blob_bytes", "sealpost_disk_free_bytes", "sealpost_seal_seconds_sum",
	} {
		if after[positive] <= 0 {
			t.Errorf("%s is %v", positive, after[positive])
		}
	}
	for _, never := range []string{"demo.test", "far.example", "ann", "bob", "canary", "nobody", "@", "127.0.0.1"} {
		if strings.Contains(text, never) {
			t.Errorf("the metrics say %q", never)
		}
	}
	a, err := p.ann.up.book.Accounts(t.Context())
	if err != nil || len(a) != 1 || strings.Contains(text, string(a[0].ID)) {
		t.Errorf("the metrics name an account (%v)", err)
	}
}

// TestMetricsAfterCrash: what was being sent when the last process ended is counted.
func TestMetricsAfterCrash(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.offline(t, func(o *office) {
		if err := o.queue.Retry(t.Context(), queue.ID(waiting(t, o, false, "bob@far.example"))); err != nil {
			t.Fatal(err)
		}
		if _, err := o.queue.Take(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
	next, err := newServer(t.Context(), s.settings, slog.New(slog.DiscardHandler), openEngines)
	if err != nil {
		t.Fatal(err)
	}
	defer next.office.Close()
	e := new(exposition)
	next.measureQueue(t.Context(), e)
	if got := readMetrics(t, e.String())[`sealpost_outbound_recipients_total{result="duplicate"}`]; got != 1 {
		t.Errorf("%v mails may arrive twice, want 1", got)
	}
}

// TestMetricsDoor: what else stands there, and who may ask.
func TestMetricsDoor(t *testing.T) {
	t.Parallel()
	p := newPair(t, nil)
	at := p.ann.up.metricsDoors[0].Addr().String()
	for _, c := range []struct {
		method, path, host string
		want               int
		body               string
	}{
		{"GET", "/healthz", "", 200, "ok\n"},
		{"GET", "/readyz", "", 200, "ready\n"},
		{"GET", "/readyz", "evil.example:9110", 421, ""},
		{"GET", "/metrics", "localhost:9110", 200, ""},
		{"GET", "/metrics", "prometheus-target:9110", 200, ""},
		{"GET", "/metrics", "[::1]:9110", 200, ""},
		{"GET", "/metrics", "Mail.demo.test", 200, ""},
		{"GET", "/metrics", "evil.example", 421, ""},
		{"GET", "/healthz", "evil.example:9110", 421, ""},
		{"POST", "/metrics", "", 405, ""},
		{"GET", "/", "", 404, ""},
		{"GET", "/debug/pprof/", "", 404, ""},
	} {
		req, err := http.NewRequest(c.method, fmt.Sprintf("http://%s%s", at, c.path), nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Host = c.host
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode != c.want || c.body != "" && string(body) != c.body {
			t.Errorf("%+v: %d %q", c, resp.StatusCode, body)
		}
	}
}

// TestExposition: whatever a label holds, a line stays one.
func TestExposition(t *testing.T) {
	t.Parallel()
	e := new(exposition)
	e.family("x_total", "counter", "Something.")
	e.count(3, "a", "b\"\\\n", "c", "d")
	e.sample(1e21)
	if got, want := e.String(), "# HELP x_total Something.\n# TYPE x_total counter\nx_total{a=\"b\\\"\\\\\\n\",c=\"d\"} 3\nx_total 1e+21\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	readMetrics(t, e.String())
}

// TestAlertsAreAboutNumbers: what the alerts in dist ask for is told here, by these
// names and words.
func TestAlertsAreAboutNumbers(t *testing.T) {
	t.Parallel()
	p := newPair(t, nil)
	_, text := p.ann.scrape(t)
	rules := string(read(t, "../../dist/prometheus-alerts.yml"))
	names := regexp.MustCompile(`\b(?:sealpost|process)_[a-z_]+\b`).FindAllString(rules, -1)
	for _, name := range names {
		if !strings.Contains(text, "# TYPE "+name+" ") {
			t.Errorf("an alert asks for %s, which nobody tells", name)
		}
	}
	docs := string(read(t, "../../docs/operations.md"))
	for _, m := range regexp.MustCompile(`(?m)^# TYPE (\S+) `).FindAllStringSubmatch(text, -1) {
		if !strings.Contains(docs, "`"+m[1]) && !strings.HasPrefix(m[1], "go_") {
			t.Errorf("docs/operations.md does not say what %s is", m[1])
		}
	}
	if len(names) < 7 || strings.Count(rules, "- alert:") != 6 {
		t.Errorf("%d names in %d alerts", len(names), strings.Count(rules, "- alert:"))
	}
}
