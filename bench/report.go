package main

import (
	"fmt"
	"strings"
	"time"
)

// page is the whole report in Markdown.
func (r *record) page() string {
	var b strings.Builder
	b.WriteString("# Performance\n\n")
	fmt.Fprintf(&b, "Measured on %s in %s by `make bench`, which writes this page. The figures are this machine's; the ratios travel better.\n",
		r.began.UTC().Format(time.DateOnly), r.took.Round(time.Second))
	if r.skipped != nil {
		fmt.Fprintf(&b, "\nsealpost alone was measured: %v.\n", r.skipped)
	}
	for _, part := range []struct {
		title string
		write func(*strings.Builder)
	}{
		{"The aims, and what was got", r.aims},
		{"The machine and the servers", r.facts},
		{"Mails stored per second", r.rates},
		{"Time from MAIL to 250", r.waits},
		{"CPU for one mail", r.cpus},
		{"Memory", r.memories},
		{"Disk", r.disks},
		{"Reading 2,000 mails over IMAP", r.fetches},
		{"Mail that leaves", r.sending},
		{"What judging costs", r.judging},
		{"Moving in, backing up", r.moving},
		{"Files", r.carrying},
		{"IMAP beside Dovecot", r.doors},
		{"Clusters", r.clustered},
		{"What failed", r.failures},
		{"How it is measured, and how to read it", func(b *strings.Builder) { b.WriteString(method) }},
	} {
		var text strings.Builder
		part.write(&text)
		if text.Len() > 0 {
			fmt.Fprintf(&b, "\n## %s\n\n%s", part.title, text.String())
		}
	}
	return b.String()
}

// aims compares with what was wished for before a line was written.
func (r *record) aims(b *strings.Builder) {
	t := table{head: []string{"aim", "got", "met"}}
	r.aimsStored(&t)
	r.aimsSent(&t)
	r.aimsMoved(&t)
	r.aimsFiles(&t)
	r.aimsIMAP(&t)
	r.aimsCluster(&t)
	if len(t.rows) > 0 {
		b.WriteString(t.String())
	}
}

func (r *record) aimsStored(t *table) {
	sealpost, postfix := r.stored.named(nameSealpost), r.stored.named(namePostfix)
	if sealpost == nil {
		return
	}
	for _, c := range r.plan.cells {
		if c.size != 4<<10 || c.conns == 1 {
			continue
		}
		if postfix != nil && postfix.stored(c) > 0 {
			times := sealpost.stored(c) / postfix.stored(c)
			t.add(fmt.Sprintf("8 times the stored mails/s of Postfix + Dovecot: %s", c), ratio(sealpost.stored(c), postfix.stored(c)), met(times >= 8))
		}
		if cpu := sealpost.cpu(c); cpu > 0 {
			t.add(fmt.Sprintf("CPU for a sealed and stored mail under 400 us: %s", c), microseconds(cpu), met(cpu < 400*time.Microsecond))
		}
	}
	if start := median(sealpost.launches); start > 0 {
		t.add("start to first greeting under 100 ms", milliseconds(start), met(start < 100*time.Millisecond))
	}
	if rest := sealpost.memory.fresh.rss; rest > 0 {
		t.add("memory at rest under 64 MiB (RSS)", megabytes(rest), met(rest < 64<<20))
	}
}

func met(yes bool) string {
	if yes {
		return "yes"
	}
	return "no"
}

func (r *record) facts(b *strings.Builder) {
	m := r.machine
	t := table{head: []string{"what", "value"}}
	t.add("processor", fmt.Sprintf("%d cores, %s", m.cores, m.cpu))
	t.add("memory", m.memory)
	t.add("system", fmt.Sprintf("%s, Linux %s", m.system, m.kernel))
	t.add("load average before", m.load)
	t.add("append 4 KB and fsync", fmt.Sprintf("median %s, p99 %s", milliseconds(m.syncHalf), milliseconds(m.syncMost)))
	t.add("one X25519 agreement", fmt.Sprintf("median %s, fastest %s", microseconds(m.agree), microseconds(m.agreeFast)))
	t.add("one RSA-2048 signature", "median "+microseconds(m.rsa))
	t.add("one Ed25519 signature", "median "+microseconds(m.ed))
	t.add("sealpost", "this commit, "+goVersion())
	if r.skipped == nil {
		t.add("Postfix", r.postfix+" (Debian's package)")
		t.add("Dovecot", r.dovecot+" (Debian's package)")
	}
	if r.signer != "" {
		t.add("opendkim", r.signer+" (Debian's package)")
	}
	b.WriteString(t.String())
	b.WriteString("\n" + servers)
}

const rowTitle = "size, connections, mailboxes"

func rowOf(c cell) string { return fmt.Sprintf("%s, %d, %d", sizeName(c.size), c.conns, c.boxes) }

func (r *record) rates(b *strings.Builder) {
	if len(r.stored.results) == 0 {
		return
	}
	b.WriteString("Medians of the repetitions. *Stored* counts until the last mail is in its mailbox; where a queue answers 250 before that, *accepted* is the rate of those answers.\n\n")
	b.WriteString(r.stored.table(func(res *result) []string {
		if res.running.arrived != nil {
			return []string{res.name + " stored/s", "accepted/s"}
		}
		return []string{res.name + " stored/s"}
	}, func(res *result, c cell) []string {
		cells := []string{significant(res.stored(c))}
		if res.running.arrived != nil {
			cells = append(cells, significant(res.middle(c, func(y yield) float64 { return y.accepted })))
		}
		return cells
	}))
	if !r.stored.compares() {
		return
	}
	b.WriteString("\nHow many times as much sealpost stores in the same time:\n\n")
	b.WriteString(r.stored.ratios(func(res *result, c cell) string { return ratio(r.stored.named(nameSealpost).stored(c), res.stored(c)) }))
}

func (r *record) waits(b *strings.Builder) {
	if len(r.stored.results) == 0 {
		return
	}
	b.WriteString("Median and 99th percentile in milliseconds, medians of the repetitions. For Postfix the mail is then queued, for the others stored.\n\n")
	b.WriteString(r.stored.table(func(res *result) []string { return []string{res.name + " p50", "p99"} },
		func(res *result, c cell) []string {
			return []string{
				significant(res.middle(c, func(y yield) float64 { return y.p50.Seconds() * 1e3 })),
				significant(res.middle(c, func(y yield) float64 { return y.p99.Seconds() * 1e3 })),
			}
		}))
}

// cpu is the median CPU time a server spent on one mail.
func (r *result) cpu(c cell) time.Duration {
	return time.Duration(r.middle(c, func(y yield) float64 { return float64(y.cpu) }))
}

func microseconds(d time.Duration) string { return significant(float64(d)/1e3) + " us" }

func (r *record) cpus(b *strings.Builder) {
	if len(r.stored.results) == 0 {
		return
	}
	b.WriteString("Microseconds of user and system time of all processes of the server, until nothing is queued any more. ")
	fmt.Fprintf(b, "The load client took %s for a 4 KB mail beside it, on the same cores.\n\n", r.clientCPU())
	b.WriteString(r.stored.table(func(res *result) []string { return []string{res.name} },
		func(res *result, c cell) []string { return []string{significant(float64(res.cpu(c)) / 1e3)} }))
	if r.stored.compares() {
		b.WriteString("\nHow many times the CPU of sealpost:\n\n")
		b.WriteString(r.stored.ratios(func(res *result, c cell) string {
			return ratio(float64(res.cpu(c)), float64(r.stored.named(nameSealpost).cpu(c)))
		}))
	}
}

func (r *record) clientCPU() string {
	var values []float64
	for _, res := range r.stored.results {
		for _, c := range r.plan.cells {
			if c.size == 4<<10 && len(res.yields[c]) > 0 {
				values = append(values, res.middle(c, func(y yield) float64 { return float64(y.client) }))
			}
		}
	}
	return microseconds(time.Duration(median(values)))
}

func (r *record) memories(b *strings.Builder) {
	if len(r.stored.results) == 0 {
		return
	}
	b.WriteString("RSS counts shared pages for every process, PSS shares them out; of one process they are the same. Peaks are seen under 50 connections to 20 mailboxes, what is left is read half a minute and more after the last of them.\n\n")
	t := table{head: []string{"server", "fresh RSS", "PSS"}}
	for _, size := range sizes {
		t.head = append(t.head, "peak PSS, "+sizeName(size))
	}
	t.head = append(t.head, "after a rest RSS", "PSS")
	for _, res := range r.stored.results {
		row := []string{res.name, megabytes(res.memory.fresh.rss), megabytes(res.memory.fresh.pss)}
		for _, size := range sizes {
			row = append(row, megabytes(res.memory.peak[size].pss))
		}
		t.add(append(row, megabytes(res.memory.rested.rss), megabytes(res.memory.rested.pss))...)
	}
	b.WriteString(t.String())
}

func (r *record) disks(b *strings.Builder) {
	if len(r.stored.results) == 0 {
		return
	}
	b.WriteString("Bytes in allocated blocks for one mail, index included, and how that compares with the mail as it was sent.\n\n")
	t := table{head: []string{"server"}}
	for _, size := range sizes {
		t.head = append(t.head, sizeName(size), "of the mail")
	}
	for _, res := range r.stored.results {
		row := []string{res.name}
		for _, size := range sizes {
			row = append(row, res.room(size)...)
		}
		t.add(row...)
	}
	b.WriteString(t.String())
}

func (r *result) room(size int) []string {
	for _, h := range r.shelves {
		if h.size == size {
			return []string{fmt.Sprint(h.bytes), fmt.Sprintf("%.2fx", float64(h.bytes)/float64(size))}
		}
	}
	return []string{"", ""}
}

func (r *record) fetches(b *strings.Builder) {
	for _, size := range sizes {
		t := table{head: []string{"server", "what", "first, ms", "again, ms", "CPU, ms", "MB sent"}}
		for _, res := range r.stored.results {
			for _, h := range res.shelves {
				if h.size == size {
					h.list(&t, res.name)
				}
			}
		}
		if len(t.rows) > 0 {
			fmt.Fprintf(b, "%s each:\n\n%s\n", sizeName(size), t.String())
		}
	}
	if b.Len() > 0 {
		b.WriteString(reading)
	}
}

func (h shelf) list(t *table, server string) {
	for _, f := range h.fetches {
		ms := func(d time.Duration) string { return significant(d.Seconds() * 1e3) }
		t.add(server, f.name, ms(f.first), ms(f.again), ms(f.cpu), significant(float64(f.bytes)/1e6))
	}
}

func (r *record) failures(b *strings.Builder) {
	for _, t := range []trial{r.stored, r.judged, r.sent} {
		for _, res := range t.results {
			for _, text := range res.failures {
				fmt.Fprintf(b, "- %s\n", text)
			}
		}
	}
}
