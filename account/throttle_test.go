package account

import (
	"fmt"
	"net/netip"
	"testing"
	"time"
)

func ip(s string) netip.Addr { return netip.MustParseAddr(s) }

func newThrottle() (*Throttle, *clock) {
	c := &clock{now: time.Unix(1e9, 0)}
	return NewThrottle(DefaultPaces(), c.Now), c
}

// guesses makes tries for an hour, each as soon as it may, and counts them.
func guesses(th *Throttle, c *clock, from func(i int) netip.Addr, user func(i int) string) (made int) {
	end := c.Now().Add(time.Hour)
	for i := 0; c.Now().Before(end); i++ {
		wait := th.Allow(from(i), user(i))
		if wait == 0 {
			made++
			continue
		}
		c.Add(min(wait, time.Second))
	}
	return made
}

func TestThrottleSlowsGuessing(t *testing.T) {
	t.Parallel()
	here := func(int) netip.Addr { return ip("192.0.2.1") }
	subnet := func(i int) netip.Addr { return ip(fmt.Sprintf("192.0.2.%d", i%250+1)) }
	v6 := func(i int) netip.Addr { return ip(fmt.Sprintf("2001:db8::%x", i%60000+1)) }
	botnet := func(i int) netip.Addr { return ip(fmt.Sprintf("10.%d.%d.%d", i>>16&255, i>>8&255, i&255)) }
	alice := func(int) string { return "alice@demo.test" }
	anyone := func(i int) string { return fmt.Sprintf("user%d@demo.test", i) }
	p := DefaultPaces()
	for _, tt := range []struct {
		name string
		from func(int) netip.Addr
		user func(int) string
		most Pace
	}{
		{"one host, one user", here, alice, p.Account},
		{"one host, many users", here, anyone, p.Host},
		{"a /24, many users", subnet, anyone, p.Network},
		{"an IPv6 /64, many users", v6, anyone, p.Host},
		{"a botnet, one user", botnet, alice, p.Account},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			th, c := newThrottle()
			most := tt.most.Burst + int(time.Hour/tt.most.Every) + 1
			if made := guesses(th, c, tt.from, tt.user); made > most || made < most/4 {
				t.Errorf("%d guesses in an hour, want about %d", made, most)
			}
		})
	}
}

// Attack D15: guessing at somebody must not lock them out where they are known.
func TestThrottleIsNoWeapon(t *testing.T) {
	t.Parallel()
	th, c := newThrottle()
	home, cafe := ip("198.51.100.7"), ip("203.0.113.9")
	if wait := th.Allow(home, "alice@demo.test"); wait != 0 {
		t.Fatalf("first sign-in waits %v", wait)
	}
	th.Succeeded(home, "alice@demo.test")
	attackers := append([]netip.Addr{home}, cafe)
	for i := range 5000 {
		th.Allow(ip(fmt.Sprintf("10.1.%d.%d", i>>8, i&255)), "alice@demo.test")
		th.Allow(attackers[i%2], fmt.Sprintf("user%d@demo.test", i))
	}
	if th.Allow(ip("192.0.2.200"), "alice@demo.test") == 0 {
		t.Fatal("the attack did not throttle anybody, so this test shows nothing")
	}
	if wait := th.Allow(home, "Alice@Demo.test"); wait != 0 {
		t.Errorf("alice waits %v at home for what others did", wait)
	}
	if wait := th.Allow(cafe, "alice@demo.test"); wait == 0 || wait > time.Minute {
		t.Errorf("alice waits %v somewhere new", wait)
	}
	c.Add(time.Minute)
	if wait := th.Allow(cafe, "alice@demo.test"); wait != 0 {
		t.Errorf("a minute after the attack alice still waits %v", wait)
	}
}

func TestThrottleGivesBack(t *testing.T) {
	t.Parallel()
	th, _ := newThrottle()
	for i := range 1000 {
		from, user := ip(fmt.Sprintf("192.0.2.%d", i%50)), fmt.Sprintf("user%d@demo.test", i)
		if wait := th.Allow(from, user); wait != 0 {
			t.Fatalf("right sign-in %d waits %v", i, wait)
		}
		th.Succeeded(from, user)
	}
	burst := 0
	for th.Allow(ip("192.0.2.99"), "x@demo.test") == 0 {
		burst++
	}
	if most := DefaultPaces().Host.Burst; burst > most {
		t.Errorf("success saved up %d tries, a bucket holds %d", burst, most)
	}
}

func TestThrottleIsBounded(t *testing.T) {
	t.Parallel()
	th, c := newThrottle()
	for i := range 3 * throttleSize {
		th.Allow(ip(fmt.Sprintf("10.%d.%d.%d", i>>16&255, i>>8&255, i&255)), fmt.Sprint(i))
		c.Add(time.Second)
	}
	for name, n := range map[string]int{"hosts": th.hosts.of.Len(), "networks": th.networks.of.Len(), "accounts": th.accounts.of.Len()} {
		if n > throttleSize {
			t.Errorf("%d %s are kept", n, name)
		}
	}
}
