package main

import (
	"fmt"
	"strings"
	"time"
)

// aimsIMAP are those of the doors: counted in rows of a race, or in seconds of one run.
func (r *record) aimsIMAP(t *table) {
	for _, c := range r.reads.races {
		own, _ := c.middle(nameSealpost)
		beside, _ := c.middle(nameDovecot)
		switch {
		case own == 0:
		case c.beat && beside > 0:
			t.add("as many a second as Dovecot: "+c.name, ratio(own, beside), met(own >= beside))
		case c.aim > 0 && c.rate:
			t.add(fmt.Sprintf("%s a second: %s", grouped(int(c.aim)), c.name), c.tell(own), met(own >= c.aim))
		case c.aim > 0:
			t.add(fmt.Sprintf("under %s: %s", milliseconds(seconds(c.aim)), c.name), milliseconds(seconds(own)), met(own < c.aim))
		}
	}
	for _, w := range r.reads.waits {
		if w.server != nameSealpost || len(w.told) == 0 {
			continue
		}
		within := time.Millisecond
		if w.conns > 1000 {
			within *= 10
		}
		who := grouped(w.conns) + " that wait by TLS"
		t.add("12 KiB for each of "+who, kilobytes(w.each()), met(w.each() <= 12<<10))
		for _, p := range []float64{0.5, 0.99} {
			late := percentile(w.behind(), p)
			t.add(fmt.Sprintf("woken within %s of the answer, %.0f %%: %s", milliseconds(within), 100*p, who), milliseconds(late), met(late < within))
		}
	}
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// tell writes a figure of the race: a rate as a whole number, a time in milliseconds.
func (c *race) tell(figure float64) string {
	switch {
	case figure == 0:
		return "-"
	case c.rate && figure >= 1000:
		return grouped(int(figure))
	case c.rate:
		return significant(figure)
	}
	return significant(figure * 1e3)
}

const imapMethod = `Over TLS on loopback, by a client that counts responses and reads nothing else of them, the same for all; every server in turn, each turn beginning with another one; medians. Dovecot's mail
lies in Maildirs, its sign-in is in the "high-performance" mode of its manual, and sealpost's mail is sealed. The whole mails of both came by LMTP or SMTP; the large mailboxes are copies of these, which share their
bytes at sealpost, and links to the same files at Dovecot, so that its first look finds most of what it reads in memory. *First*: the server was started just before, the kernel held nothing of its files, and Dovecot had no
index of the mailbox yet; *again*: over a new connection afterwards. CPU is the server's, for a row or a run, and says more than the rates where the machine is busy. sealpost sends a third more octets for a whole mail,
since it is armored ciphertext. Dovecot is measured to mailboxes of 100,000: a million of files take it, and the disk, minutes.
`

const waitMethod = `Connections that IDLE in INBOX over TLS: %d of them of an account of their own, the others %d to an account. Memory is the PSS of all processes of the server, after %s of rest, without what it was before, divided by the connections;
*in no file* leaves out what the server maps of programs and indexes, which others share and the kernel may take back.
*Told* is the time from sending STORE over another connection of one of those accounts until the one that waits has read of it, the server's sync of the change included; *answered* is the time until STORE itself was answered, and *woken* how much later than that somebody was told.
`

func (r *record) doors(b *strings.Builder) {
	if len(r.reads.races) == 0 {
		return
	}
	b.WriteString(imapMethod + "\n")
	r.raceTables(b)
	r.waiting(b)
}

// raceTables are one of rates and one of times.
func (r *record) raceTables(b *strings.Builder) {
	for _, rate := range []bool{true, false} {
		title, unit, cost := "rows a second", "/s", "CPU us"
		if !rate {
			title, unit, cost = "time", " ms", "CPU ms"
		}
		t := table{head: []string{title}}
		for _, name := range r.reads.names {
			t.head = append(t.head, name+unit, cost)
		}
		if len(r.reads.names) == 2 {
			t.head = append(t.head, "times", "by CPU")
		}
		for _, c := range r.reads.races {
			if c.rate == rate {
				t.add(r.raceRow(c)...)
			}
		}
		b.WriteString(t.String() + "\n")
	}
}

func (r *record) raceRow(c *race) []string {
	row := []string{c.name}
	unit := 1e3
	if c.rate {
		unit = 1e6
	}
	var figures, costs []float64
	for _, name := range r.reads.names {
		figure, cpu := c.middle(name)
		if c.never[name] != "" {
			row = append(row, c.never[name], "")
			continue
		}
		row = append(row, c.tell(figure), significant(cpu*unit))
		figures, costs = append(figures, figure), append(costs, cpu)
	}
	if len(figures) == 2 {
		if !c.rate {
			figures[0], figures[1] = figures[1], figures[0]
		}
		row = append(row, ratio(figures[0], figures[1]), ratio(costs[1], costs[0]))
	}
	return row
}

func (r *record) waiting(b *strings.Builder) {
	if len(r.reads.waits) == 0 {
		return
	}
	fmt.Fprintf(b, waitMethod+"\n", mailboxes, readers, r.plan.read.rest)
	t := table{head: []string{"connections that wait", "server", "each holds", "in no file", "opened/s", "woken p50, ms", "p99", "told p50, ms", "answered p50, ms"}}
	ms := func(d time.Duration) string { return significant(d.Seconds() * 1e3) }
	for _, w := range r.reads.waits {
		if w.why != "" {
			t.add(grouped(w.conns), w.server, w.why)
			continue
		}
		t.add(grouped(w.conns), w.server, kilobytes(w.each()), kilobytes(w.own()), significant(perSecond(w.conns, w.opened)), ms(percentile(w.behind(), 0.5)), ms(percentile(w.behind(), 0.99)), ms(percentile(w.told, 0.5)), ms(percentile(w.written, 0.5)))
	}
	b.WriteString(t.String())
}
