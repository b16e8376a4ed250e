package account

import (
	"context"
	"fmt"
	"testing"
	"time"

	"sealpost/account/limit/limittest"
)

// Who guesses at three nodes at once has, in an hour, as many guesses as at one, and beyond
// them what two nodes give within a round.
func TestThrottleOfManyNodes(t *testing.T) {
	t.Parallel()
	const nodes = 3
	ledgers, c := limittest.Nodes(nodes), &clock{now: time.Unix(1e9, 0)}
	p := DefaultPaces()
	var all []*Throttle
	for _, l := range ledgers {
		all = append(all, SharedThrottle(p, c.Now, l, "sign-in"))
	}
	made := 0
	for end := c.Now().Add(time.Hour); c.Now().Before(end); c.Add(time.Second) {
		for i, th := range all {
			for th.Allow(ip("192.0.2.1"), "alice@demo.test") == 0 {
				if made++; made > 10_000 {
					t.Fatalf("node %d lets everybody guess", i)
				}
			}
		}
		limittest.Round(context.Background(), ledgers...)
	}
	most := nodes*p.Account.Burst + int(time.Hour/p.Account.Every) + nodes
	if made > most || made < most/2 {
		t.Errorf("%d guesses in an hour at %d nodes, want at most %d", made, nodes, most)
	}
}

// Who signed in at one node is known at the others, whatever is guessed there: attack D15 at
// another node. A right password costs nothing at any of them.
func TestKnownAtAllNodes(t *testing.T) {
	t.Parallel()
	ledgers, c := limittest.Nodes(2), &clock{now: time.Unix(1e9, 0)}
	one, other := SharedThrottle(DefaultPaces(), c.Now, ledgers[0], "sign-in"), SharedThrottle(DefaultPaces(), c.Now, ledgers[1], "sign-in")
	home := ip("198.51.100.7")
	if wait := one.Allow(home, "alice@demo.test"); wait != 0 {
		t.Fatal(wait)
	}
	one.Succeeded(home, "alice@demo.test")
	limittest.Round(t.Context(), ledgers...)
	for i := range 300 {
		other.Allow(ip(fmt.Sprintf("10.1.%d.%d", i>>8, i&255)), "alice@demo.test")
	}
	if other.Allow(ip("192.0.2.200"), "alice@demo.test") == 0 {
		t.Fatal("the attack did not throttle anybody, so this test shows nothing")
	}
	c.Add(time.Second)
	if wait := other.Allow(home, "alice@demo.test"); wait != 0 {
		t.Errorf("alice waits %v at home for what others did at another node", wait)
	}
	for i := range 500 {
		user := fmt.Sprintf("user%d@demo.test", i)
		if wait := one.Allow(ip("203.0.113.9"), user); wait != 0 {
			t.Fatalf("right sign-in %d waits %v", i, wait)
		}
		one.Succeeded(ip("203.0.113.9"), user)
		if i%9 == 0 {
			limittest.Round(t.Context(), ledgers...)
		}
	}
	if wait := other.Allow(ip("203.0.113.9"), "somebody@demo.test"); wait != 0 {
		t.Errorf("right passwords at one node cost %v at another", wait)
	}
}
