package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2/imapclient"

	"sealpost/storage/postgres/pgtest"
)

// openTest starts a cluster on ports of its own until the test ends.
func openTest(t *testing.T, o options) *cluster {
	t.Helper()
	base := 10_000 + os.Getpid()%40*13
	for ; free(base) != nil; base += 7 {
		if base > 30_000 {
			t.Fatal("no free ports")
		}
	}
	began := time.Now()
	o.repo, o.base, o.enough = "../..", base, 1
	o.step = func(what string) func() {
		return func() { t.Logf("%4.1f s  %s", time.Since(began).Seconds(), what) }
	}
	c, err := open(t.Context(), o)
	t.Cleanup(func() {
		if t.Failed() {
			for _, n := range c.nodes {
				t.Logf("%s said:\n%s", n.name, n.tail())
			}
		}
		if err := c.close(); err != nil {
			t.Error(err)
		}
	})
	if errors.Is(err, pgtest.ErrMissing) {
		pgtest.Skip(t, err.Error())
	}
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestCluster: what `make cluster` starts is one server, whichever of its processes is gone.
func TestCluster(t *testing.T) {
	c := openTest(t, options{})
	p := newPost()
	c.wake(t, p)
	c.killNATS(t, p)
	c.killNodes(t, p)
	c.killDatabase(t, p)
	c.killProvider(t, p)
	for _, n := range c.nodes {
		p.kept(t, c.inbox(t, n, c.people[0]))
	}
}

// TestFailover: PostgreSQL's machine is gone for good while mail comes in, and its standby goes on, with every mail
// that was acknowledged.
func TestFailover(t *testing.T) {
	c := openTest(t, options{standby: true})
	if text, err := exec.Command(c.program("sealpost"), "check", "--config", c.nodes[0].config).CombinedOutput(); err != nil || !strings.Contains(string(text), "with a synchronous standby") {
		t.Errorf("check: %v\n%s", err, text)
	}
	p := newPost()
	c.during(t, p, "failover", func() {
		time.Sleep(500 * time.Millisecond)
		c.postgres.kill()
		if err := c.promote(t.Context()); err != nil {
			t.Fatal(err)
		}
		c.accepts(t, p, "failover-again")
	})
	for _, n := range c.nodes {
		p.kept(t, c.inbox(t, n, c.people[0]))
	}
}

// wake: a mail that node 1 takes wakes who waits at node 2, and is read at node 3.
func (c *cluster) wake(t *testing.T, p *post) {
	t.Helper()
	after, woken := c.wakes(t, p, "first")
	if !woken {
		t.Error("who waits at node 2 is not woken within a second")
	}
	t.Logf("woken %v after the reply", after)
	if there := c.inbox(t, c.nodes[2], c.people[0]); there["first"] != 1 {
		t.Errorf("node 3 has %v", there)
	}
}

// wakes says how long after the reply of node 1 a client that idles at node 2 hears of a mail, if it is within a second.
func (c *cluster) wakes(t *testing.T, p *post, id string) (after time.Duration, woken bool) {
	t.Helper()
	told := make(chan time.Time, 100)
	in := c.signIn(t, c.nodes[1], c.people[0], &imapclient.UnilateralDataHandler{Mailbox: func(data *imapclient.UnilateralDataMailbox) {
		if data.NumMessages != nil {
			told <- time.Now()
		}
	}})
	defer in.Close()
	if _, err := in.Select("INBOX", nil).Wait(); err != nil {
		t.Fatal(err)
	}
	idle, err := in.Idle()
	if err != nil {
		t.Fatal(err)
	}
	defer idle.Close()
	if code := p.send(c.nodes[0].at(25), c.people[0].Address, id); code != 250 {
		t.Fatalf("node 1 answers %d", code)
	}
	sent := time.Now()
	select {
	case at := <-told:
		return at.Sub(sent).Round(time.Millisecond), true
	case <-time.After(time.Second):
		return 0, false
	}
}

// killNATS: without it mail comes in and is read as ever; when it is back, nodes wake each other's clients again.
func (c *cluster) killNATS(t *testing.T, p *post) {
	t.Helper()
	c.nats.kill()
	for _, n := range c.nodes {
		if code := p.send(n.at(25), c.people[0].Address, "without-nats-"+n.name); code != 250 {
			t.Errorf("without NATS, %s answers %d", n.name, code)
		}
	}
	p.kept(t, c.inbox(t, c.nodes[2], c.people[0]))
	if err := c.nats.start(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i := range 10 {
		if _, woken := c.wakes(t, p, fmt.Sprintf("nats-again-%d", i)); woken {
			return
		}
	}
	t.Error("with NATS back, who waits at node 2 is not woken")
}

// during keeps a stream of mail coming in through each node while something is done.
func (c *cluster) during(t *testing.T, p *post, name string, do func()) {
	t.Helper()
	before := p.size()
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	for _, n := range c.nodes {
		all.Go(func() { p.stream(ctx, n, c.people[0].Address, name) })
	}
	do()
	cancel()
	all.Wait()
	if p.size() < before+3 {
		t.Errorf("%s: only %d mails came in", name, p.size()-before)
	}
}

// killNodes: each in turn goes without a word while mail comes in through all, and comes again.
func (c *cluster) killNodes(t *testing.T, p *post) {
	t.Helper()
	c.during(t, p, "nodes", func() {
		for _, n := range c.nodes {
			time.Sleep(300 * time.Millisecond)
			n.kill()
			before := p.size()
			time.Sleep(700 * time.Millisecond)
			if p.size() == before {
				t.Errorf("without %s no mail comes in", n.name)
			}
			if err := n.start(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(300 * time.Millisecond)
	})
}

// killDatabase: while it is gone nodes say so or wait, and it is no sender's fault.
func (c *cluster) killDatabase(t *testing.T, p *post) {
	t.Helper()
	c.during(t, p, "database", func() {
		time.Sleep(500 * time.Millisecond)
		c.postgres.kill()
		time.Sleep(time.Second)
		c.again(t, c.postgres)
		c.accepts(t, p, "database-again")
	})
}

// again starts what was killed; what it left behind may keep it from starting for a moment.
func (c *cluster) again(t *testing.T, process *process) {
	t.Helper()
	var err error
	for range 50 {
		if err = process.start(t.Context()); err == nil {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatal(err)
}

// accepts waits until each node takes mail.
func (c *cluster) accepts(t *testing.T, p *post, name string) {
	t.Helper()
	for _, n := range c.nodes {
		code := 0
		for try := range 30 {
			if code = p.send(n.at(25), c.people[0].Address, name+"-"+n.name+"-"+strings.Repeat("i", try)); code == 250 {
				break
			}
			time.Sleep(200 * time.Millisecond)
		}
		if code != 250 {
			t.Errorf("%s still answers %d", n.name, code)
		}
	}
}

// killProvider: with one copy enough mail comes in while a provider is gone; with two it waits
// with its sender.
func (c *cluster) killProvider(t *testing.T, p *post) {
	t.Helper()
	careful := c.nodes[2]
	text, err := os.ReadFile(careful.config)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(careful.config, []byte(strings.Replace(string(text), "enough = 1", "enough = 2", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	careful.stop(10 * time.Second)
	if err := careful.start(t.Context()); err != nil {
		t.Fatal(err)
	}
	west := c.buckets[1]
	west.kill()
	if code := p.send(careful.at(25), c.people[0].Address, "provider-careful"); code/100 != 4 {
		t.Errorf("with one of two copies that a mail needs, the reply is %d", code)
	}
	for _, n := range c.nodes[:2] {
		if code := p.send(n.at(25), c.people[0].Address, "provider-"+n.name); code != 250 {
			t.Errorf("with one provider away, %s answers %d", n.name, code)
		}
	}
	if err := west.start(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.accepts(t, p, "provider-again")
}
