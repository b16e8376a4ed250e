package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Several nodes on one PostgreSQL and one S3 server, beside a server on its data folder.

// clusterPlan is what a run measures of clusters.
type clusterPlan struct {
	nodes   []int // that share the load, fewest first
	cells   []cell
	repeats int
	span    time.Duration // of a repetition, at saturation, and again at half of the rate
	trips   int           // times that each thing is done whose round trips are counted
	wakes   int           // mails that somebody waits for at another node
	moved   int           // mails of accounts that move
	read    imapPlan
}

func fullCluster() clusterPlan {
	return clusterPlan{
		nodes: []int{1, 2, 4}, cells: []cell{{size: 4 << 10, conns: 10, boxes: mailboxes}, {size: 4 << 10, conns: 50, boxes: 1}, {size: 4 << 10, conns: 50, boxes: mailboxes}},
		repeats: 3, span: 1500 * time.Millisecond, trips: 9, wakes: 200, moved: 5000,
		read: imapPlan{mails: 2000, lists: []int{100_000}, span: 1500 * time.Millisecond, turns: 2},
	}
}

func quickCluster() clusterPlan {
	return clusterPlan{
		nodes: []int{1, 2, 4}, cells: []cell{{size: 4 << 10, conns: 50, boxes: 1}, {size: 4 << 10, conns: 50, boxes: mailboxes}},
		repeats: 1, span: 700 * time.Millisecond, trips: 3, wakes: 40, moved: 500,
		read: imapPlan{mails: 500, lists: []int{5000}, span: 500 * time.Millisecond, turns: 1},
	}
}

// clusters is what was measured of them.
type clusters struct {
	missing error // why nothing was
	version string
	load    trial
	trips   []*trip
	rooms   []room
	wakes   []waking
	reads   *record // IMAP
	moves   []relocation
}

const (
	nameEmbedded = "one machine"
	nameNode     = "cluster"
)

// loaded are the accounts that this part needs.
func loaded() []string { return append(users()[:mailboxes:mailboxes], owner) }

func nodesName(n int) string {
	if n == 1 {
		return "1 node"
	}
	return fmt.Sprintf("%d nodes", n)
}

func (r *record) measureCluster(ctx context.Context, s *site, only string) (err error) {
	e, err := startEngines(ctx, s)
	if err != nil && missing(err) {
		r.cluster.missing = err
		r.say("no cluster: %v", err)
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.stop(ctx)) }()
	r.cluster.version = e.version
	r.say("PostgreSQL %s and an S3 server run", e.version)
	alone, err := startSealpost(ctx, s, "embedded", settings{profile: "compat", people: loaded()})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, alone.stop(ctx)) }()
	nodes, err := e.startNodes(ctx, s, "node", slices.Max(r.plan.cluster.nodes), nil, way{})
	defer func() {
		for _, n := range nodes {
			err = errors.Join(err, n.stop(ctx))
		}
	}()
	if err != nil {
		return err
	}
	r.say("%d nodes run", len(nodes))
	for _, step := range []func(context.Context, *site, *engines, *peer, []*peer) error{
		r.loadNodes, r.weighRoom, r.wakeAcross,
		func(ctx context.Context, s *site, e *engines, _ *peer, nodes []*peer) error {
			return r.countTrips(ctx, s, e, nodes[0])
		},
		r.moveAccounts, r.readNode,
	} {
		if err := step(ctx, s, e, alone, nodes); err != nil {
			return err
		}
	}
	return nil
}

// startNodes starts nodes of one cluster. Where there is none yet the first one makes the accounts.
func (e *engines) startNodes(ctx context.Context, s *site, kind string, n int, first *peer, w way) (nodes []*peer, err error) {
	for i := range n {
		name := fmt.Sprintf("%s-%d", kind, i+1)
		more, err := e.settings(s, name, w)
		if err != nil {
			return nodes, err
		}
		p, err := startSealpost(ctx, s, name, settings{profile: "compat", more: more, first: first, people: loaded()})
		if p != nil && p.group != nil {
			nodes = append(nodes, p)
			first = cmp.Or(first, p)
		}
		if err != nil {
			return nodes, fmt.Errorf("start %s: %w", name, err)
		}
	}
	return nodes, nil
}

// together are the first nodes as one server: connections are dealt to them in turn.
func (e *engines) together(nodes []*peer) *peer {
	p := *nodes[0]
	p.name, p.with, p.gauges = nodesName(len(nodes)), nodes[1:], e.gauges
	p.folders = []string{e.root}
	for _, n := range nodes[1:] {
		p.in.more = append(p.in.more, n.in.addr)
	}
	return &p
}

// loadNodes drives the server on its folder and 1, 2, ... nodes through the same mails.
func (r *record) loadNodes(ctx context.Context, s *site, e *engines, alone *peer, nodes []*peer) error {
	t := &r.cluster.load
	*t = trial{title: rowTitle, cells: r.plan.cluster.cells, row: rowOf, bag: newMailbag, more: r.halfLoad}
	t.results = []*result{{entrant: entrant{name: nameEmbedded}, running: alone, yields: map[cell][]yield{}}}
	for _, n := range r.plan.cluster.nodes {
		p := e.together(nodes[:n])
		t.results = append(t.results, &result{entrant: entrant{name: p.name}, running: p, yields: map[cell][]yield{}})
	}
	plan := r.plan
	defer func() { r.plan = plan }()
	r.plan.repeats, r.plan.span = plan.cluster.repeats, plan.cluster.span
	if err := t.drive(ctx, s, r); err != nil {
		return err
	}
	for _, res := range t.results {
		if len(res.failures) > 0 && len(res.yields) == 0 {
			return errors.New(strings.Join(res.failures, "; "))
		}
	}
	return nil
}

// halfLoad sends at half the rate that was just got, and notes how long each mail took from when
// its turn came.
func (r *record) halfLoad(ctx context.Context, res *result, c cell, repeat int, y *yield) error {
	rate := y.stored / 2
	mails, err := newMailbag(c, 1000+repeat).take(max(int(rate*r.plan.span.Seconds()), c.conns))
	if err != nil {
		return err
	}
	to := res.running.in
	to.every = time.Duration(float64(time.Second) / rate)
	ctx, cancel := context.WithTimeout(ctx, cellTimeout)
	defer cancel()
	sent, err := to.send(ctx, c.conns, mails)
	y.calm = sent.latencies
	return err
}

// A room is what messages take in a database, table by table, and in buckets or a folder.
type room struct {
	what   string
	mails  int
	tables map[string]float64 // octets for a message
	files  float64
}

// weighRoom divides what tables and files have by the messages.
func (r *record) weighRoom(ctx context.Context, _ *site, e *engines, alone *peer, _ []*peer) error {
	if err := e.clean(ctx); err != nil {
		return err
	}
	tables, err := e.relations(ctx)
	if err != nil {
		return err
	}
	n, err := e.messages(ctx)
	if err == nil && n == 0 {
		err = errors.New("no mail came")
	}
	if err != nil {
		return err
	}
	came := room{what: "mails that came", mails: n, tables: map[string]float64{}}
	for name, octets := range tables {
		came.tables[name] = float64(octets) / float64(n)
	}
	files, err := onDisk(e.root)
	if err != nil {
		return err
	}
	came.files = float64(files) / float64(n)
	r.cluster.rooms = append(r.cluster.rooms, came)
	r.say("%s messages: %s octets of the database each, %s of the buckets", grouped(n), significant(sum(came.tables)), significant(came.files))
	return nil
}

// clean has the database give back what nobody sees any more within its files.
func (e *engines) clean(ctx context.Context) error {
	_, err := e.asker.Exec(ctx, "vacuum")
	return err
}

func sum(all map[string]float64) (n float64) {
	for _, x := range all {
		n += x
	}
	return n
}

// readNode is the part about IMAP, of a node beside the server on its folder.
func (r *record) readNode(ctx context.Context, s *site, e *engines, alone *peer, nodes []*peer) error {
	reads := &record{plan: plan{read: r.plan.cluster.read}, began: r.began}
	reads.reads.plan = reads.plan.read
	r.cluster.reads = reads
	node := nodes[0]
	doors := []*door{
		{peer: alone, name: nameEmbedded, revive: func(ctx context.Context) error { return s.serve(ctx, alone) }},
		{peer: node, name: nameNode, revive: func(ctx context.Context) error { return s.serve(ctx, node) }},
	}
	node.folders = []string{e.root, filepath.Join(e.rows.Folder(), "data", "base")}
	before, err := e.relations(ctx)
	if err != nil {
		return err
	}
	had, err := e.messages(ctx)
	if err != nil {
		return err
	}
	for _, d := range doors {
		d.span = reads.plan.read.span
		reads.reads.names = append(reads.reads.names, d.name)
		if err := d.stock(ctx, s, reads.plan.read, r.say); err != nil {
			return fmt.Errorf("fill the mailboxes of %s: %w", d.name, err)
		}
	}
	if err := r.weighCopies(ctx, e, before, had); err != nil {
		return err
	}
	for _, step := range []func(context.Context, *site, []*door) error{reads.raceFetch, reads.raceLists, reads.raceWrites} {
		if err := step(ctx, s, doors); err != nil {
			return err
		}
	}
	return nil
}

// weighCopies divides what tables grew by when a mailbox was copied.
func (r *record) weighCopies(ctx context.Context, e *engines, before map[string]int64, had int) error {
	if err := e.clean(ctx); err != nil {
		return err
	}
	after, err := e.relations(ctx)
	if err != nil {
		return err
	}
	n, err := e.messages(ctx)
	if err != nil || n <= had {
		return err
	}
	copies := room{what: "copies of mails", mails: n - had, tables: map[string]float64{}}
	for name, octets := range after {
		copies.tables[name] = float64(octets-before[name]) / float64(n-had)
	}
	r.cluster.rooms = append(r.cluster.rooms, copies)
	return nil
}
