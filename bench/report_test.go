package main

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// aRecord is a run with figures one can calculate with.
func aRecord() *record {
	c := cell{size: 4 << 10, conns: 10, boxes: mailboxes}
	r := newRecord(plan{cells: []cell{c}, repeats: 3})
	for name, stored := range map[string]float64{nameSealpost: 4000, namePostfix: 400} {
		res := &result{entrant: entrant{name: name, peer: name == namePostfix}, running: &peer{name: name}, yields: map[cell][]yield{}}
		for _, factor := range []float64{0.5, 1, 9} { // the median is the middle one
			res.yields[c] = append(res.yields[c], yield{mails: 100, stored: factor * stored, accepted: 900, p50: time.Millisecond, p99: 3 * time.Millisecond, cpu: 300 * time.Microsecond})
		}
		res.memory.fresh = memory{rss: 20 << 20, pss: 10 << 20}
		r.stored.results = append(r.stored.results, res)
	}
	return r
}

func TestPage(t *testing.T) {
	t.Parallel()
	r := aRecord()
	r.stored.named(nameSealpost).launches = []time.Duration{120 * time.Millisecond}
	r.stored.named(nameSealpost).failures = []string{"sealpost, 1 MB: lost one"}
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

// The parts that came later: mail that leaves, judging, moving.
func TestPageOfParts(t *testing.T) {
	t.Parallel()
	r := aRecord()
	c := cell{size: 4 << 10, conns: 10, boxes: farDomains}
	part := func(row func(cell) string, rates map[string]float64) trial {
		tr := trial{title: "load", cells: []cell{c}, row: row}
		for _, name := range []string{nameSealpost, nameJudging, nameQueue} {
			if rate := rates[name]; rate > 0 {
				y := yield{stored: rate, accepted: 2 * rate, cpu: time.Duration(1e9 / rate)}
				tr.results = append(tr.results, &result{entrant: entrant{name: name, peer: name == nameQueue}, yields: map[cell][]yield{c: {y}}})
			}
		}
		return tr
	}
	r.sent = part(sentRow, map[string]float64{nameSealpost: 500, nameQueue: 1000})
	r.judged = part(rowOf, map[string]float64{nameSealpost: 2000, nameJudging: 1000})
	r.milter = errors.New("no opendkim")
	m := move{from: "mbox", mails: 3000, took: 4 * time.Second, server: 2 * time.Second, command: time.Second}
	for i := range 40 {
		at := time.Duration(i) * 100 * time.Millisecond
		m.memory = append(m.memory, held{at: at, server: memory{pss: int64(i+20) << 20, anon: int64(i+10) << 20}, command: memory{pss: 5 << 20, anon: 4 << 20}})
	}
	r.moved = moves{imports: []move{m}, passes: []pass{{name: "backup", bytes: 100 << 20, took: 2 * time.Second}}}
	page := strings.Join(strings.Fields(r.page()), " ")
	for _, want := range []string{
		"which signs nothing: 4 KB, 10, plain | 0.50x | no |",
		"opendkim was not measured: no opendkim.",
		"| 4 KB, 10, plain | 500 | 1000 | 1000 | 2000 |",
		"| 4 KB, 10, 10 | 500 | 0.50x |",
		"imported a second: mbox | 750 | no |",
		"last quarter to first: mbox | 2.62x | no |",
		"| mbox | 3000 | 750 | 1000 | 59.0 MiB | 5.0 MiB | 18.5 MiB | 48.5 MiB |",
		"| backup | 100.0 MiB | 2000 ms | 50.0 |",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q:\n%s", want, page)
		}
	}
}

func TestPageOfSealpostAlone(t *testing.T) {
	t.Parallel()
	r := aRecord()
	r.stored.results = []*result{r.stored.named(nameSealpost)}
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
