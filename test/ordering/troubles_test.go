package ordering_test

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"sealpost/storage/postgres/pgtest"
	"sealpost/test/bridge"
)

// trouble is something that breaks and is mended again.
type trouble struct {
	name string
	do   func(*breaker)
}

// breaker breaks a site, one thing after the other.
type breaker struct {
	*site
	ctx    context.Context
	chance *rand.Rand
	done   map[string]int
}

// troubles are what can break in a cluster, between nodes and engines and in these.
var troubles = []trouble{
	{"database cut", func(b *breaker) { b.a().to.Cut() }},
	{"database cut in the middle", func(b *breaker) { b.a().to.CutAfter(b.chance.IntN(30_000)); b.wait(1500) }},
	{"database cut in the middle for all", func(b *breaker) {
		for _, n := range b.nodes {
			n.to.CutAfter(b.chance.IntN(30_000))
		}
		b.wait(1000)
	}},
	{"answers of the database lost", func(b *breaker) { b.losing(10, b.a()) }},
	{"answers of the database lost for all", func(b *breaker) { b.losing(10, b.nodes...) }},
	{"answers of the database lost once more", func(b *breaker) { b.losing(25, b.nodes...) }},
	{"database silent", func(b *breaker) { n := b.a(); n.to.Hold(bridge.There, bridge.Back); b.wait(3000); n.to.Hold() }},
	{"database silent, then cut", func(b *breaker) {
		n := b.a()
		n.to.Hold([]int{bridge.There, bridge.Back}[b.chance.IntN(2)])
		b.wait(2000)
		n.to.Cut()
		n.to.Hold()
	}},
	{"node gone for the database", func(b *breaker) { b.a().to.Abandon(); b.wait(1000) }},
	{"database slow", func(b *breaker) { n := b.a(); n.to.Slow(10 * time.Millisecond); b.wait(2000); n.to.Slow(0) }},
	{"database away", func(b *breaker) { n := b.a(); n.to.Shut(true); n.to.Cut(); b.wait(2000); n.to.Shut(false) }},
	{"database killed", func(b *breaker) {
		b.cluster.Kill()
		b.wait(500)
		if err := b.cluster.Start(); err != nil {
			b.Errorf("start the database: %v", err)
		}
	}},
	{"provider cut", func(b *breaker) { b.an().CutAfter(b.chance.IntN(20_000)); b.wait(500) }},
	{"provider away", func(b *breaker) { p := b.an(); p.Shut(true); p.Cut(); b.wait(3000); p.Shut(false) }},
	{"provider silent", func(b *breaker) { p := b.an(); p.Hold(bridge.Back); b.wait(3000); p.Hold() }},
	{"provider slow", func(b *breaker) { p := b.an(); p.Slow(30 * time.Millisecond); b.wait(3000); p.Slow(0) }},
}

// a is a node by chance, and an a node's way to a provider.
func (b *breaker) a() *node { return b.nodes[b.chance.IntN(len(b.nodes))] }

func (b *breaker) an() *bridge.Bridge {
	n := b.a()
	return n.buckets[b.chance.IntN(len(n.buckets))]
}

// losing has one of so many answers not arrive.
func (b *breaker) losing(one int, nodes ...*node) {
	for _, n := range nodes {
		n.to.Lose(one)
	}
	b.wait(3000)
	for _, n := range nodes {
		n.to.Lose(0)
	}
}

// wait is up to so many milliseconds, or until the run ends.
func (b *breaker) wait(most int) {
	select {
	case <-b.ctx.Done():
	case <-time.After(time.Duration(most/4+b.chance.IntN(most*3/4+1)) * time.Millisecond):
	}
}

// trouble breaks the site until ctx ends: everything in the table once, in whatever order, and again.
func (s *site) trouble(ctx context.Context, seed uint64, all []trouble) {
	b := &breaker{s, ctx, rand.New(rand.NewPCG(seed, 77)), map[string]int{}}
	for ctx.Err() == nil {
		all = slices.Clone(all)
		b.chance.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		for _, t := range all {
			if ctx.Err() != nil {
				break
			}
			t.do(b)
			b.done[t.name]++
			b.wait(300)
		}
	}
	for _, n := range s.nodes {
		n.to.Mend()
		for _, p := range n.buckets {
			p.Mend()
		}
	}
	s.Logf("troubles: %v", b.done)
}

// Three nodes, and all between them and their engines breaks again and again: clients see
// errors and delay, and nothing else. -long: for ten minutes, with other seeds.
func TestOrderInTrouble(t *testing.T) {
	seed, lasts := uint64(3), 25*time.Second
	if *long {
		seed, lasts = uint64(time.Now().UnixNano()), 10*time.Minute
	}
	t.Logf("seed %d", seed)
	s := build(t, 3)
	w := s.world(keepLog(t), seed)
	ctx, cancel := context.WithTimeout(t.Context(), lasts)
	defer cancel()
	broken := make(chan struct{})
	go func() { defer close(broken); s.trouble(ctx, seed, troubles) }()
	w.Run(ctx, 6, 2)
	<-broken
	finish(t, w, s.owner)
}

// The primary is killed and its synchronous standby promoted, again and again: nothing that was
// acknowledged, or seen, was on the primary alone. Only with -long.
func TestOrderOverStandbys(t *testing.T) {
	if !*long {
		t.Skip("only with -long")
	}
	s := build(t, 3)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	w := s.world(keepLog(t), seed)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	standby, err := s.cluster.Standby(t.Context())
	s.must(err)
	b := &breaker{s, ctx, rand.New(rand.NewPCG(seed, 77)), map[string]int{}}
	over := make(chan struct{})
	go func() {
		defer close(over)
		for ctx.Err() == nil {
			b.losing(40, b.nodes...)
			b.wait(2000)
			if standby, err = b.failOver(standby); err != nil {
				t.Error(err)
				cancel()
			}
		}
	}()
	w.Run(ctx, 6, 2)
	<-over
	t.Logf("%d promotions", b.done["promoted"])
	finish(t, w, s.owner)
}

// failOver kills the primary and puts its standby in its place, which gets one of its own.
func (b *breaker) failOver(standby *pgtest.Cluster) (next *pgtest.Cluster, err error) {
	b.cluster.Kill()
	b.wait(500)
	if err := standby.Promote(context.Background()); err != nil {
		return nil, err
	}
	b.cluster = standby
	b.Cleanup(standby.Remove)
	for _, n := range b.nodes {
		n.to.Lead("unix", standby.Socket())
	}
	b.done["promoted"]++
	b.wait(1000)
	if next, err = standby.Standby(context.Background()); err == nil {
		b.Cleanup(next.Remove)
	}
	return next, err
}
