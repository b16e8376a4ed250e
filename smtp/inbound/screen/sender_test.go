package screen

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"sealpost/mail"
	"sealpost/smtp/dns/dnstest"
	"sealpost/smtp/mailauth"
)

// clock is a time that tests move.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

func from(ip, sender string, to mail.Address) Arrival {
	a := arrival(to)
	a.IP, a.From = netip.MustParseAddr(ip), nil
	if sender != "" {
		s, _ := mail.ParseAddress(sender)
		a.From = &s
	}
	return a
}

func TestRates(t *testing.T) {
	t.Parallel()
	c := &clock{t: now}
	s := &Screen{Rates: Rates{PerAddress: 3, PerDomain: 5}, Now: c.now}
	send := func(ip, sender string) bool { return s.Sender(context.Background(), from(ip, sender, alice)) == nil }
	for i := range 3 {
		if !send("2001:db8::"+fmt.Sprint(i), "") {
			t.Fatal("refused within its rate")
		}
	}
	if send("2001:db8::ffff:1", "") {
		t.Error("a /64 has more than its rate")
	}
	if r := s.Sender(context.Background(), from("2001:db8::1", "", alice)); r == nil || r.Code != 451 {
		t.Errorf("got %v, want a temporary refusal", r)
	}
	if s.Sender(context.Background(), from("2001:db8::1", "", master)) != nil {
		t.Error("mail for postmaster is refused")
	}
	more := from("2001:db8::1", "", alice)
	more.To = []mail.Address{bob, alice}
	if s.Sender(context.Background(), more) != nil {
		t.Error("a second recipient counts as a mail")
	}
	for i := range 5 {
		if !send("192.0.2."+fmt.Sprint(i), "x@busy.example") {
			t.Error("a domain is refused within its rate")
		}
	}
	if send("192.0.2.77", "y@busy.example") || !send("192.0.2.78", "y@other.example") {
		t.Error("a domain has more than its rate, or another less")
	}
	if !send("198.51.100.1", "z@busy.example") {
		t.Error("what one network says it sends for a domain is charged to another")
	}
	for range 9 { // six beyond its own rate
		send("203.0.113.1", "x@third.example")
	}
	if !send("203.0.113.2", "x@third.example") || !send("203.0.113.3", "x@third.example") || send("203.0.113.4", "x@third.example") {
		t.Error("what is refused is charged to the domain")
	}
	c.pass(20 * time.Minute)
	if !send("2001:db8::1", "") || send("2001:db8::1", "") {
		t.Error("after a third of an hour there should be one more of three")
	}
	c.pass(-48 * time.Hour)
	send("2001:db8::1", "")
	c.pass(time.Hour)
	if !send("2001:db8::1", "") {
		t.Error("a clock that jumped back blocks for ever")
	}
}

// TestBoundedMemory: a million senders cost no more than the bound.
func TestBoundedMemory(t *testing.T) {
	t.Parallel()
	m := newMemory[int](160)
	s := &Screen{}
	s.start()
	for i := range 5000 {
		m.update(s.mark("n", fmt.Sprint(i)), func(int, bool) int { return i })
	}
	n := 0
	for i := range m.shard {
		n += m.shard[i].lru.Len()
	}
	if n > 160 {
		t.Errorf("%d entries are kept", n)
	}
	if v, ok := m.get(s.mark("n", "4999")); !ok || v != 4999 {
		t.Error("the newest is gone")
	}
}

const zone = `
spf.example.                 TXT "v=spf1 ip4:192.0.2.0/24 -all"
9.2.0.192.block.test.        A 127.0.0.2
8.2.0.192.block.test.        A 127.0.0.2
8.2.0.192.allow.test.        A 127.0.0.2
7.2.0.192.allow.test.        A 127.0.0.2
6.2.0.192.block.test.        A 127.255.255.254
5.2.0.192.block.test.        A 192.0.2.1
`

func TestGreylist(t *testing.T) {
	t.Parallel()
	c := &clock{t: now}
	s := &Screen{Greylist: true, Now: c.now, DNS: dnstest.New(t, zone).Resolver(), Allow: []string{"allow.test"}}
	ask := func(a Arrival) bool { return s.Sender(context.Background(), a) == nil }
	a := from("192.0.2.1", "x@new.example", alice)
	if ask(a) {
		t.Fatal("a new triplet passes at once")
	}
	c.pass(4 * time.Minute)
	if ask(a) {
		t.Error("passes after four minutes")
	}
	c.pass(2 * time.Minute)
	if ask(from("192.0.2.1", "x@new.example", bob)) || ask(from("192.0.2.1", "y@new.example", alice)) || ask(from("198.51.100.1", "x@new.example", alice)) {
		t.Error("another triplet passes with it")
	}
	if !ask(from("192.0.2.200", "x@new.example", alice)) {
		t.Error("does not pass after six minutes from a neighbour")
	}
	c.pass(35 * 24 * time.Hour)
	if !ask(a) {
		t.Error("is forgotten after 35 days")
	}
	c.pass(37 * 24 * time.Hour)
	if ask(a) {
		t.Error("is remembered after 37 days")
	}
	if !ask(from("192.0.2.3", "x@spf.example", alice)) || ask(from("198.51.100.3", "x@spf.example", alice)) {
		t.Error("SPF pass waits, or fail does not")
	}
	if s.Connect(context.Background(), netip.MustParseAddr("192.0.2.7")); !ask(from("192.0.2.7", "x@listed.example", alice)) {
		t.Error("a client on a list of the good waits")
	}
	if !ask(from("198.51.100.9", "", master)) || ask(from("198.51.100.9", "", alice)) {
		t.Error("postmaster waits, or the null sender does not")
	}
	s.weigh(context.Background(), from("198.51.100.77", "z@met.example", alice), mailauth.Verdict{})
	if !ask(from("198.51.100.78", "other@met.example", bob)) {
		t.Error("who got through before waits")
	}
}

func TestLists(t *testing.T) {
	t.Parallel()
	d := dnstest.New(t, zone)
	d.Fault("4.2.0.192.block.test.", dnstest.ServFail)
	s := &Screen{DNS: d.Resolver(), Block: []string{"silent.test", "block.test"}, Allow: []string{"allow.test"}, Now: func() time.Time { return now }}
	for host, junk := range map[int]bool{9: true, 8: false, 7: false, 6: false, 5: false, 4: false, 3: false} {
		a := arrival(alice)
		a.IP = netip.MustParseAddr(fmt.Sprintf("192.0.2.%d", host))
		dec := s.Judge(context.Background(), a)
		if dec.Reply != nil || (dec.Junk != "") != junk || junk && !strings.Contains(dec.Junk, "block.test") {
			t.Errorf("192.0.2.%d: reply %v, junk %q", host, dec.Reply, dec.Junk)
		}
	}
	s.Connect(context.Background(), netip.MustParseAddr("192.0.2.9"))
	if n := d.Asked("9.2.0.192.block.test.", "A"); n != 1 {
		t.Errorf("a list is asked %d times", n)
	}
	for range listsAtOne {
		s.asking <- struct{}{}
	}
	s.Connect(context.Background(), netip.MustParseAddr("192.0.2.10")) // returns at once
	if n := d.Asked("10.2.0.192.block.test."); n != 0 {
		t.Error("asks though too many questions are open")
	}
}
