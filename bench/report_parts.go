package main

import (
	"fmt"
	"strings"
	"time"
)

// aimsSent: one person who sends should not wait longer than with Postfix.
func (r *record) aimsSent(t *table) {
	sealpost, postfix := r.sent.named(nameSealpost), r.sent.named(nameQueue)
	if sealpost == nil || postfix == nil {
		return
	}
	for _, c := range r.sent.cells {
		if times := ratio(sealpost.stored(c), postfix.stored(c)); times != "-" {
			t.add("as many mails sent/s as Postfix, which signs nothing: "+sentRow(c), times, met(sealpost.stored(c) >= postfix.stored(c)))
		}
	}
}

func (r *record) aimsMoved(t *table) {
	for _, m := range r.moved.imports {
		t.add("1,000 mails of 10 KB imported a second: "+m.from, significant(m.rate()), met(m.rate() >= 1000))
		if first, last := m.quarters(); first > 0 {
			t.add("memory flat while importing, last quarter to first: "+m.from, ratio(float64(last), float64(first)), met(float64(last) < 1.25*float64(first)))
		}
	}
}

// quarters are the medians of what server and command held together, files that
// they map left out, in the first and in the last quarter of an import.
func (m move) quarters() (first, last int64) {
	var early, late []float64
	for _, h := range m.memory {
		sum := float64(h.server.anon + h.command.anon)
		if h.at < m.took/4 {
			early = append(early, sum)
		}
		if h.at >= m.took*3/4 {
			late = append(late, sum)
		}
	}
	return int64(median(early)), int64(median(late))
}

// peaks are the most that server and command held, each for itself.
func (m move) peaks() (server, command int64) {
	for _, h := range m.memory {
		server, command = max(server, h.server.pss), max(command, h.command.pss)
	}
	return server, command
}

func (r *record) sending(b *strings.Builder) {
	if len(r.sent.results) == 0 {
		return
	}
	b.WriteString(sentMethod)
	if r.milter != nil {
		fmt.Fprintf(b, "Postfix with opendkim was not measured: %v.\n", r.milter)
	}
	b.WriteString("\nMails that arrived elsewhere per second, from the first MAIL to the last arrival, and those answered with 250 per second:\n\n")
	b.WriteString(r.sent.table(func(res *result) []string { return []string{res.name + " sent/s", "accepted/s"} },
		func(res *result, c cell) []string {
			return []string{significant(res.stored(c)), significant(res.middle(c, func(y yield) float64 { return y.accepted }))}
		}))
	if r.sent.compares() {
		sealpost := r.sent.named(nameSealpost)
		b.WriteString("\nHow many times as much sealpost sends in the same time:\n\n")
		b.WriteString(r.sent.ratios(func(res *result, c cell) string { return ratio(sealpost.stored(c), res.stored(c)) }))
	}
	b.WriteString("\nMicroseconds of CPU for one mail, of all processes of the server, until its queue is empty:\n\n")
	b.WriteString(r.sent.table(func(res *result) []string { return []string{res.name} },
		func(res *result, c cell) []string { return []string{significant(float64(res.cpu(c)) / 1e3)} }))
	fmt.Fprintf(b, "\nOne RSA-2048 signature of Go's took %s when the run began, one of Ed25519 %s; sealpost makes both for each mail.\n",
		microseconds(r.machine.rsa), microseconds(r.machine.ed))
}

func (r *record) judging(b *strings.Builder) {
	on, off := r.judged.named(nameJudging), r.judged.named(nameSealpost)
	if on == nil {
		return
	}
	b.WriteString(judgedMethod)
	b.WriteString(r.judged.table(func(res *result) []string { return []string{res.name + " stored/s", "CPU us"} },
		func(res *result, c cell) []string {
			return []string{significant(res.stored(c)), significant(float64(res.cpu(c)) / 1e3)}
		}))
	if off == nil {
		return
	}
	b.WriteString("\nSo to judge one mail costs:\n\n")
	t := table{head: []string{rowTitle, "CPU us", "stored/s left"}}
	for _, c := range r.judged.cells {
		if with, without := on.cpu(c), off.cpu(c); with > 0 && without > 0 {
			t.add(rowOf(c), significant(float64(with-without)/1e3), ratio(on.stored(c), off.stored(c)))
		}
	}
	b.WriteString(t.String())
}

func (r *record) moving(b *strings.Builder) {
	if len(r.moved.imports) == 0 {
		return
	}
	b.WriteString(movedMethod)
	t := table{head: []string{"import from", "mails", "mails/s", "CPU us/mail", "server peak", "command peak", "first quarter", "last quarter"}}
	for _, m := range r.moved.imports {
		server, command := m.peaks()
		first, last := m.quarters()
		cpu := (m.server + m.command) / time.Duration(max(m.mails, 1))
		t.add(m.from, fmt.Sprint(m.mails), significant(m.rate()), significant(float64(cpu)/1e3), megabytes(server), megabytes(command), megabytes(first), megabytes(last))
	}
	b.WriteString(t.String())
	b.WriteString("\nThe same store, backed up and verified while the server runs; MiB of the store as it lies on the disk:\n\n")
	t = table{head: []string{"command", "store", "took", "MiB/s", "CPU ms"}}
	for _, p := range r.moved.passes {
		rate := float64(p.bytes) / (1 << 20) / max(p.took.Seconds(), 1e-9)
		t.add(p.name, megabytes(p.bytes), milliseconds(p.took), significant(rate), significant(p.cpu.Seconds()*1e3))
	}
	b.WriteString(t.String())
}
