package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"sealpost/pgp"
	"sealpost/test/ordering"
)

var long = flag.Bool("long", false, "break a cluster for ten minutes, and have nodes sleep for a minute")

// TestClusterOrder: clients of one account go from node to node while processes are killed and
// sleep, and what they were all told keeps IMAP's order (docs/ordering.md).
func TestClusterOrder(t *testing.T) {
	c := openTest(t, options{})
	seed, lasts, sleep := uint64(5), 15*time.Second, 3*time.Second
	if *long {
		seed, lasts, sleep = uint64(time.Now().UnixNano()), 10*time.Minute, time.Minute
	}
	t.Logf("seed %d", seed)
	file, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	w, open := c.world(t, ordering.NewLog(file), seed)
	ctx, cancel := context.WithTimeout(t.Context(), lasts)
	defer cancel()
	broken := make(chan struct{})
	go func() {
		defer close(broken)
		c.trouble(ctx, t, rand.New(rand.NewPCG(seed, 1)), sleep)
	}()
	w.Run(ctx, 6, 3)
	<-broken
	within, stop := context.WithTimeout(t.Context(), 2*time.Minute)
	defer stop()
	found, err := w.Finish(within, open)
	if err != nil {
		t.Error(err)
	}
	for _, f := range found {
		t.Error(f)
	}
	if n := w.Stuck.Load(); n > 0 {
		t.Errorf("%d commands were never answered", n)
	}
	all, _ := w.Log.Records()
	t.Logf("%s; the longest answer took %v", ordering.Sum(all), time.Duration(w.Longest.Load()).Round(time.Millisecond))
	if t.Failed() {
		kept := filepath.Join(os.TempDir(), fmt.Sprintf("ordering-%d.jsonl", time.Now().Unix()))
		t.Logf("the log: %s (%v)", kept, os.Rename(file.Name(), kept))
	}
}

// world is the cluster as clients of its first person see it, and how that person opens mail.
func (c *cluster) world(t *testing.T, log *ordering.Log, seed uint64) (*ordering.World, func(string) (string, error)) {
	t.Helper()
	p := c.people[0]
	pem, err := os.ReadFile(filepath.Join(c.dir, "clients", "ca.pem"))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	secret, err := os.ReadFile(p.SecretKey)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := pgp.ParseSecretKeys(secret, nil)
	if err != nil {
		t.Fatal(err)
	}
	w := &ordering.World{User: p.Address, Password: p.Password, TLS: &tls.Config{RootCAs: roots, ServerName: "localhost"},
		Boxes: []string{"INBOX", "Archive"}, Log: log, Begun: time.Now(), Seed: seed, Most: 60}
	for _, n := range c.nodes {
		w.Nodes = append(w.Nodes, ordering.Node{Name: n.name, Address: func() string { return n.at(993) },
			Deliver: func(_ context.Context, mail string) error {
				if code, text := talk(n.at(25), p.Address, mail); code != 250 {
					return fmt.Errorf("%d: %s", code, text)
				}
				return nil
			}})
	}
	open := func(served string) (string, error) {
		var mail strings.Builder
		_, err := pgp.Opener{Keys: keys, Restore: true}.Open(context.Background(), strings.NewReader(served), &mail)
		return mail.String(), err
	}
	return w, open
}

// trouble kills processes and lets nodes sleep until ctx ends, each in its turn and by chance. Then all are well.
func (c *cluster) trouble(ctx context.Context, t *testing.T, chance *rand.Rand, sleep time.Duration) {
	done := map[string]int{}
	wait := func(d time.Duration) {
		select {
		case <-ctx.Done():
		case <-time.After(d):
		}
	}
	kill := func(p *process, away time.Duration) {
		p.kill()
		wait(away)
		c.again(t, p)
		done["killed "+p.name]++
	}
	for turn := 0; ctx.Err() == nil; turn++ {
		n := c.nodes[chance.IntN(len(c.nodes))]
		switch turn % 6 {
		case 0, 3:
			kill(n.process, 500*time.Millisecond)
		case 1: // it wakes and goes on with what it held
			_, pid, _ := n.running()
			syscall.Kill(pid, syscall.SIGSTOP)
			wait(sleep)
			syscall.Kill(pid, syscall.SIGCONT)
			done["sleep of "+n.name]++
		case 2:
			kill(c.postgres, 500*time.Millisecond)
		case 4:
			kill(c.buckets[chance.IntN(len(c.buckets))], time.Second)
		case 5:
			kill(c.nats, time.Second)
		}
		wait(time.Duration(500+chance.IntN(1000)) * time.Millisecond)
	}
	t.Logf("troubles: %v", done)
}
