package main

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// aRecord is a run with figures one can calculate with.
func aRecord() *record {
	c := cell{4 << 10, 10, mailboxes}
	r := newRecord(plan{cells: []cell{c}, repeats: 3})
	for name, stored := range map[string]float64{nameSealpost: 4000, namePostfix: 400} {
		res := &result{entrant: entrant{name: name, peer: name == namePostfix}, running: &peer{name: name}, yields: map[cell][]yield{}}
		for _, factor := range []float64{0.5, 1, 9} { // the median is the middle one
			res.yields[c] = append(res.yields[c], yield{mails: 100, stored: factor * stored, accepted: 900, p50: time.Millisecond, p99: 3 * time.Millisecond, cpu: 300 * time.Microsecond})
		}
		res.memory.fresh = memory{rss: 20 << 20, pss: 10 << 20}
		r.results = append(r.results, res)
	}
	return r
}

func TestPage(t *testing.T) {
	t.Parallel()
	r := aRecord()
	r.named(nameSealpost).launches = []time.Duration{120 * time.Millisecond}
	r.named(nameSealpost).failures = []string{"sealpost, 1 MB: lost one"}
	page := strings.Join(strings.Fields(r.page()), " ")
	for _, want := range []string{
		"Postfix + Dovecot: 4 KB, 10 connections, 20 mailboxes | 10.0x | yes |",
		"under 400 us: 4 KB, 10 connections, 20 mailboxes | 300 us | yes |",
		"start to first greeting under 100 ms | 120 ms | no |",
		"memory at rest under 64 MiB (RSS) | 20.0 MiB | yes |",
		"## What failed - sealpost, 1 MB: lost one",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Contains(page, "## Reading") {
		t.Error("a part without figures has a title")
	}
}

func TestPageOfSealpostAlone(t *testing.T) {
	t.Parallel()
	r := aRecord()
	r.results = []*result{r.named(nameSealpost)}
	r.skipped = errors.New("Postfix and Dovecot start only as root")
	page := r.page()
	if !strings.Contains(page, "sealpost alone was measured: Postfix and Dovecot start only as root.") {
		t.Error("the page does not say what is missing")
	}
	if strings.Contains(page, "Postfix + Dovecot:") || strings.Contains(page, "How many times") {
		t.Error("the page compares with what was not measured")
	}
}

func TestTable(t *testing.T) {
	t.Parallel()
	tab := table{head: []string{"a", "figure"}}
	tab.add("long name", "1")
	tab.add("b")
	const want = "| a         | figure |\n| --------- | -----: |\n| long name |      1 |\n| b         |        |\n"
	if got := tab.String(); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}
