package main

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sealpost/account"
	"sealpost/filestore/lease"
	"sealpost/filestore/nodekey"
	"sealpost/mail"
	"sealpost/mailstore"
	"sealpost/smtp"
	"sealpost/smtp/outbound/route"
	"sealpost/storage/postgres"
	"sealpost/storage/postgres/pgtest"
	"sealpost/webmail/api"
)

// rememberedValues are values in memory.
type rememberedValues struct {
	mu  sync.Mutex
	all map[string][]byte
}

func (v *rememberedValues) Get(_ context.Context, name string) ([]byte, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.all[name], nil
}

func (v *rememberedValues) Put(_ context.Context, name string, value []byte) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.all == nil {
		v.all = map[string][]byte{}
	}
	v.all[name] = bytes.Clone(value)
	return nil
}

func (v *rememberedValues) PutUnder(ctx context.Context, _ lease.Held, name string, value []byte) error {
	return v.Put(ctx, name, value)
}

func (v *rememberedValues) Change(ctx context.Context, name string, change func([]byte) ([]byte, error)) error {
	old, _ := v.Get(ctx, name)
	value, err := change(old)
	if err != nil {
		return err
	}
	return v.Put(ctx, name, value)
}

// knownNodes are so many nodes of one database.
func knownNodes(t *testing.T, n int) (dbs []*postgres.DB, all []*postgres.Known) {
	t.Helper()
	database, key := pgtest.Take(t), nodekey.Random()
	for range n {
		d, err := postgres.Open(t.Context(), database.URL, postgres.Options{Connections: 4})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { d.Close() })
		x, err := d.Known(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		dbs, all = append(dbs, d), append(all, x)
	}
	return dbs, all
}

// hold takes a lease for a moment, or for long.
func hold(t *testing.T, d *postgres.DB, job string, length time.Duration) lease.Held {
	t.Helper()
	for {
		token, err := d.Lease(job).Lease(t.Context(), length)
		if err == nil {
			return lease.Held{Job: job, Token: token}
		}
		if !errors.Is(err, lease.ErrHeld) {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// TestReportsOfManyNodes: what three nodes counted goes to each reader in one report, that one
// of them sends; who slept while another sent it sends nothing, and loses nothing.
func TestReportsOfManyNodes(t *testing.T) {
	t.Parallel()
	dbs, known := knownNodes(t, 3)
	const zone = `
_dmarc.a.example.     TXT "v=DMARC1; p=none"
_smtp._tls.a.example. TXT "v=TLSRPTv1; rua=mailto:tls@a.example"
`
	var nodes []*reports
	var sent [3]*[]string
	for i, x := range known {
		r, _, left := newNight(t, zone)
		r.values = x.Values()
		r.parts = map[string]pile{dmarcCounts: x.Pile(dmarcCounts), tlsCounts: x.Pile(tlsCounts)}
		nodes, sent[i] = append(nodes, r), left
	}
	night := time.Now().UTC().Truncate(24*time.Hour).AddDate(0, 0, 1).Add(spread)
	for i, r := range nodes {
		for range i + 1 {
			r.dmarc(observation("a.example"))
			r.tls(route.TLSResult{Domain: "a.example", PolicyType: "no-policy-found"})
		}
		r.keep(t.Context())
	}
	asleep := nodes[0]
	asleep.by = hold(t, dbs[0], jobReports, time.Millisecond)
	old, err := asleep.gather(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if d := old.judged.Due(night); len(d) != 1 || d[0].Report.Rows[0].Count != 6 {
		t.Fatalf("of three nodes %+v is due", d)
	}
	if d := old.session.Due(night); len(d) != 1 || d[0].Report.Policies[0].Summary.Successes != 6 {
		t.Fatalf("of three nodes %+v is due", d)
	}
	time.Sleep(10 * time.Millisecond) // it is paused, and its lease ends
	awake := nodes[1]
	awake.by = hold(t, dbs[1], jobReports, time.Hour)
	if err := awake.recall(t.Context()); err != nil {
		t.Fatal(err)
	}
	awake.daily(t.Context(), night)
	if left := asleep.sendDue(t.Context(), old, night); left == 0 || len(*sent[0]) != 0 {
		t.Errorf("who slept sent %v", *sent[0])
	}
	if slices.Sort(*sent[1]); !slices.Equal(*sent[1], []string{"r@a.example", "tls@a.example"}) {
		t.Errorf("who has the lease sent %v", *sent[1])
	}
	asleep.leave(t.Context())
	nodes[2].by = hold2(t, dbs[1], dbs[2], awake.by)
	if err := nodes[2].recall(t.Context()); err != nil {
		t.Fatal(err)
	}
	nodes[2].dmarc(observation("a.example")) // of a day whose report has left
	nodes[2].keep(t.Context())
	nodes[2].daily(t.Context(), night.Add(2*reportAgain))
	if len(*sent[2]) != 0 {
		t.Errorf("sent again by another node: %v", *sent[2])
	}
	if c, err := nodes[2].gather(t.Context(), nil); err != nil || len(c.judged.Due(night))+len(c.session.Due(night)) != 0 {
		t.Errorf("what was sent is still counted: %v", err)
	}
}

// hold2 gives a lease back at one node and takes it at another.
func hold2(t *testing.T, from, to *postgres.DB, held lease.Held) lease.Held {
	t.Helper()
	if err := from.Lease(held.Job).Release(t.Context(), held.Token); err != nil {
		t.Fatal(err)
	}
	return hold(t, to, held.Job, time.Hour)
}

// TestKeyNoticesOfManyNodes: each stage is told once, whichever nodes look, and one that
// was paused before it told anybody tells nobody.
func TestKeyNoticesOfManyNodes(t *testing.T) {
	t.Parallel()
	dbs, known := knownNodes(t, 2)
	s := newSite(t)
	_, public := s.mortal(t, "ann@demo.test", 5)
	address, err := mail.ParseAddress("ann@demo.test")
	if err != nil {
		t.Fatal(err)
	}
	people := []account.Account{{ID: "1", Addresses: []mail.Address{address}, Cert: read(t, public)}}
	var told [2]int
	pause := func() {}
	var nodes []*keyWatch
	for i, x := range known {
		nodes = append(nodes, &keyWatch{
			accounts: func(context.Context) ([]account.Account, error) { pause(); return people, nil },
			values:   x.Values(), hostname: "mail.demo.test", home: func() string { return "demo.test" }, now: time.Now, log: slog.New(slog.DiscardHandler),
			post: func(context.Context, smtp.Envelope, mail.Bytes) error { told[i]++; return nil },
		})
	}
	old := hold(t, dbs[0], jobKeys, time.Millisecond)
	pause = func() { // while the first one looks
		pause = func() {}
		if err := nodes[1].look(t.Context(), hold(t, dbs[1], jobKeys, time.Hour), time.Now()); err != nil {
			t.Error(err)
		}
	}
	if err := nodes[0].look(t.Context(), old, time.Now()); err != nil && !errors.Is(err, lease.ErrFenced) {
		t.Errorf("who slept: %v", err)
	}
	people = append(people, people[0])
	people[1].ID = "2"
	if err := nodes[0].look(t.Context(), old, time.Now()); !errors.Is(err, lease.ErrFenced) {
		t.Errorf("who slept, with somebody to tell: %v", err)
	}
	if told != [2]int{0, 1} {
		t.Errorf("told %v", told)
	}
}

// TestSweepLeavesWhatOtherNodesPut: a letter that another node has put, and not yet entered into
// the index, outlives the longest that it may take there, wherever the clocks are. What
// nobody points at a day later goes.
func TestSweepLeavesWhatOtherNodesPut(t *testing.T) {
	t.Parallel()
	if one, many := new(engines).grace(), (&engines{cluster: new(cluster)}).grace(); one < 6*sealTime || many < 24*time.Hour {
		t.Errorf("a blob is left for %v on one machine, %v by many nodes", one, many)
	}
	newSite(t).offline(t, func(o *office) {
		refs, err := o.blobs.Put(t.Context(), strings.NewReader("a letter")) // as the other node does it
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			after time.Duration
			want  int
		}{{0, 0}, {2 * time.Hour, 0}, {23 * time.Hour, 0}, {25 * time.Hour, 1}} {
			here := &mailstore.Store{Index: o.store.Index, Blobs: o.blobs, Bus: o.store.Bus, Log: o.log, Now: func() time.Time { return time.Now().Add(c.after) }}
			if n, err := here.Sweep(t.Context(), (&engines{cluster: new(cluster)}).grace()); err != nil || n != c.want {
				t.Errorf("after %v %d are swept, want %d (%v)", c.after, n, c.want, err)
			}
		}
		if b, err := o.blobs.Open(t.Context(), refs[0].ID); err == nil {
			b.Close()
			t.Error("what nobody points at is still there")
		}
	})
}

// manyRows is a drawer in memory.
type manyRows map[string][]byte

func (r manyRows) Get(_ context.Context, _, name string) ([]byte, error) { return r[name], nil }

func (r manyRows) Put(_ context.Context, _, name string, value []byte) error {
	r[name] = value
	return nil
}

func (r manyRows) All(context.Context, string) (all [][]byte, err error) {
	for _, v := range r {
		all = append(all, v)
	}
	return all, nil
}

// TestHoursOfManyNodes: each node counts by itself, and the page shows the sum, with what one
// machine counted before it became a node.
func TestHoursOfManyNodes(t *testing.T) {
	t.Parallel()
	rows, now := manyRows{}, time.Date(2026, 11, 22, 10, 30, 0, 0, time.UTC)
	begin := func(node string, came *api.AdminTraffic) *hours {
		h := &hours{traffic: func() api.AdminTraffic { return *came }, node: node, rows: rows, log: slog.New(slog.DiscardHandler), now: func() time.Time { return now }}
		h.read(t.Context())
		return h
	}
	came := api.AdminTraffic{Received: 1}
	begin("", &came).write(t.Context())
	now = now.Add(time.Hour)
	a, b := api.AdminTraffic{Received: 2}, api.AdminTraffic{Received: 4}
	east, west := begin("east", &a), begin("west", &b)
	for range 3 {
		east.write(t.Context())
		west.write(t.Context())
	}
	a.Received += 8 // which only it knows yet
	for name, h := range map[string]*hours{"east": east, "west": west} {
		want := []int64{1, 6}
		if name == "east" {
			want[1] += 8
		}
		if w, err := h.list(t.Context()); err != nil || !slices.Equal(w.Received, want) {
			t.Errorf("%s shows %v, want %v (%v)", name, w.Received, want, err)
		}
	}
	a.Received = 0
	if w, err := begin("east", &a).list(t.Context()); err != nil || !slices.Equal(w.Received, []int64{1, 6}) {
		t.Errorf("after a restart %v (%v)", w.Received, err)
	}
}
