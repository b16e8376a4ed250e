package main

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// aimsCluster are those of the issue of clusters.
func (r *record) aimsCluster(t *table) {
	for _, to := range r.cluster.trips {
		if to.aim > 0 {
			got := middleTrips(to.rows, writeTrips)
			t.add(fmt.Sprintf("at most %d round trips that write: %s", to.aim, to.what), significant(got), met(got <= float64(to.aim)))
		}
	}
	for _, w := range r.cluster.wakes {
		if w.aim == 0 {
			continue
		}
		for _, p := range []float64{0.5, 0.99} {
			late := percentile(w.late, p)
			t.add(fmt.Sprintf("told within %s, %.0f %%: %s", milliseconds(w.aim), 100*p, w.what), w.tell(p), met(!w.never && late < w.aim))
		}
	}
}

// tell is a percentile, or that nobody was told.
func (w waking) tell(p float64) string {
	if w.never {
		return "not in " + longestNews.String()
	}
	return milliseconds(percentile(w.late, p))
}

const clusterMethod = `Real ` + "`sealpost serve`" + ` processes on one PostgreSQL %s (%s, all else as it comes, so every commit syncs) and one bucket of versitygw, an S3 server that is a test's
double: **it never syncs**, so what is measured of S3 is sealpost's part, and no provider's time. All of them, and the load client, share the cores that stand above: more nodes cannot be faster here than one, and the
table says what they cost each other instead. *%s* is the same binary on its data folder, measured in turn with them, with the same mails in the same order; its CPU has to be compared with the sum of the three of a cluster.

`

func (r *record) clustered(b *strings.Builder) {
	c := &r.cluster
	if c.missing != nil {
		fmt.Fprintf(b, "Not measured: %v.\n", c.missing)
	}
	if len(c.load.results) == 0 {
		return
	}
	fmt.Fprintf(b, "Measured by `go run ./bench -part cluster` on %s, load average before %s.\n\n", r.began.UTC().Format(time.DateOnly), r.machine.load)
	fmt.Fprintf(b, clusterMethod, c.version, strings.Join(databaseSettings(), ", "), nameEmbedded)
	for _, write := range []func(*strings.Builder){r.nodeRates, r.nodeWaits, r.nodeCosts, r.nodeWakes, r.nodeTrips, r.nodeRooms, r.nodeReads, r.nodeMoves} {
		var text strings.Builder
		write(&text)
		if text.Len() > 0 {
			b.WriteString(text.String() + "\n")
		}
	}
	for _, res := range c.load.results {
		for _, text := range res.failures {
			fmt.Fprintf(b, "- %s\n", text)
		}
	}
}

func (r *record) nodeRates(b *strings.Builder) {
	b.WriteString("Mails stored per second, medians of the repetitions:\n\n")
	b.WriteString(r.cluster.load.table(func(res *result) []string { return []string{res.name} },
		func(res *result, c cell) []string { return []string{significant(res.stored(c))} }))
}

// calmly are the times of all repetitions at half load.
func (r *result) calmly(c cell) (all []time.Duration) {
	for _, y := range r.yields[c] {
		all = append(all, y.calm...)
	}
	return all
}

func (r *record) nodeWaits(b *strings.Builder) {
	b.WriteString("Milliseconds until the 250 at half of that rate, each mail counted from when its turn came, and what saturation makes of it:\n\n")
	ms := func(d time.Duration) string { return significant(d.Seconds() * 1e3) }
	b.WriteString(r.cluster.load.table(func(res *result) []string { return []string{res.name + " p50", "p99", "full p50", "p99"} },
		func(res *result, c cell) []string {
			calm := res.calmly(c)
			return []string{ms(percentile(calm, 0.5)), ms(percentile(calm, 0.99)),
				significant(res.middle(c, func(y yield) float64 { return y.p50.Seconds() * 1e3 })),
				significant(res.middle(c, func(y yield) float64 { return y.p99.Seconds() * 1e3 }))}
		}))
}

// grown is the median of a gauge for one mail.
func (r *result) grown(c cell, gauge int) string {
	n := r.middle(c, func(y yield) float64 {
		if len(y.grown) <= gauge {
			return 0
		}
		return y.grown[gauge]
	})
	if n == 0 {
		return "-"
	}
	return significant(n)
}

// nodeCosts has a row for each load and server: too many figures for columns.
func (r *record) nodeCosts(b *strings.Builder) {
	b.WriteString("What one mail costs at saturation: microseconds of CPU of the nodes, of PostgreSQL and of the S3 server; transactions that write, fewer than mails where batches share them; octets of PostgreSQL's log, with whole pages after a checkpoint:\n\n")
	t := table{head: []string{rowTitle, "server", "nodes, us", "PostgreSQL, us", "S3, us", "transactions", "WAL, octets"}}
	for _, c := range r.cluster.load.cells {
		for _, res := range r.cluster.load.results {
			if len(res.yields[c]) > 0 {
				t.add(rowOf(c), res.name, significant(float64(res.cpu(c))/1e3), res.grown(c, gaugeDatabase), res.grown(c, gaugeS3), res.grown(c, gaugeCommits), res.grown(c, gaugeWAL))
			}
		}
	}
	b.WriteString(t.String())
}

func (r *record) nodeWakes(b *strings.Builder) {
	if len(r.cluster.wakes) == 0 {
		return
	}
	fmt.Fprintf(b, "A mail comes to one node, and a client that waits by IDLE at that node or at another is told: how much later than the 250, %d mails one at a time. Nodes tell each other by NATS or, where none is set, by LISTEN and NOTIFY of PostgreSQL; *alone* is a frame of that, without nodes.\n\n", r.plan.cluster.wakes)
	t := table{head: []string{"who waits at", "p50", "p99"}}
	for _, w := range r.cluster.wakes {
		t.add(w.what, w.tell(0.5), w.tell(0.99))
	}
	b.WriteString(t.String())
}

func (r *record) nodeTrips(b *strings.Builder) {
	if len(r.cluster.trips) == 0 {
		return
	}
	b.WriteString("Round trips between a node and what it keeps its mail in, counted on the wire by a go-between, after the 250 or the OK too; medians. *Write* are those whose statements change or lock rows: for a mail that comes the note of\n" +
		"where its octets lie, the lock of its account, and the commit. A trip may have many statements.\n\n")
	t := table{head: []string{"what", "to PostgreSQL", "write", "to S3"}}
	for _, to := range r.cluster.trips {
		each := float64(max(to.shared, 1))
		figure := func(all []tripsSeen, of func(tripsSeen) int) string {
			if n := middleTrips(all, of) / each; to.shared > 0 {
				return significant(n)
			} else {
				return fmt.Sprint(n)
			}
		}
		t.add(to.what, figure(to.rows, allTrips), figure(to.rows, writeTrips), figure(to.s3, allTrips))
	}
	b.WriteString(t.String())
}

func (r *record) nodeRooms(b *strings.Builder) {
	if len(r.cluster.rooms) == 0 {
		return
	}
	b.WriteString("Octets that a message of 4 KB takes, tables with their indexes, after vacuum; and in files: those of the S3 server, or the whole data folder:\n\n")
	t := table{head: []string{"what"}}
	var names []string
	for _, room := range r.cluster.rooms {
		t.head = append(t.head, grouped(room.mails)+" "+room.what)
		for name, octets := range room.tables {
			if octets >= sum(room.tables)/50 && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	line := func(name string, of func(room) float64) {
		row := []string{name}
		for _, room := range r.cluster.rooms {
			row = append(row, dash(of(room)))
		}
		t.add(row...)
	}
	for _, name := range names {
		line(name, func(x room) float64 { return x.tables[name] })
	}
	line("all other tables", func(x room) (n float64) {
		for name, octets := range x.tables {
			if !slices.Contains(names, name) {
				n += octets
			}
		}
		return n
	})
	line("the database", func(x room) float64 { return sum(x.tables) })
	line("files", func(x room) float64 { return x.files })
	b.WriteString(t.String())
}

// dash writes a dash for what is nothing, or was not measured.
func dash(n float64) string {
	if n < 1 {
		return "-"
	}
	return significant(n)
}

func (r *record) nodeReads(b *strings.Builder) {
	if r.cluster.reads == nil {
		return
	}
	fmt.Fprintf(b, "IMAP over TLS, of one node beside %s, measured as [beside Dovecot](#imap-beside-dovecot). *First* is after the start of the node, with an empty cache of the kernel; PostgreSQL goes on and keeps its own. CPU is the node's alone.\n\n", nameEmbedded)
	r.cluster.reads.raceTables(b)
}

func (r *record) nodeMoves(b *strings.Builder) {
	if len(r.cluster.moves) == 0 {
		return
	}
	b.WriteString("`sealpost migrate` of accounts with mails of 4 KB, from its start to its end:\n\n")
	t := table{head: []string{"from, to", "accounts", "mails", "accounts/s", "mails/s"}}
	for _, m := range r.cluster.moves {
		t.add(m.what, grouped(m.accounts), grouped(m.mails), significant(perSecond(m.accounts, m.took)), significant(perSecond(m.mails, m.took)))
	}
	b.WriteString(t.String())
}
