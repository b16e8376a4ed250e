package test

import (
	"strings"
	"testing"
)

// In strict mode a kill loses the texts of what waits, and nobody is left in the
// dark: each acknowledged mail was delivered, bounced, or is in its sender's INBOX
// again, sealed, with the original attached.
func TestStrictKillNine(t *testing.T) {
	t.Parallel()
	x := newTraffic(t, "strict")
	x.rounds(t)
	x.drain(t)
	o := x.outcome(t)
	x.check(t, o, true)
	if len(o.returned) == 0 {
		t.Error("no kill came while mail waited: the test proves nothing")
	}
	inbox, sealed := x.mailbox(t, "INBOX")
	for i, text := range inbox {
		if strings.Contains(text, "was not sent") && (!strings.Contains(string(sealed[i]), "BEGIN PGP MESSAGE") || strings.Contains(string(sealed[i]), "crash")) {
			t.Fatalf("a notice is not sealed:\n%s", tail(string(sealed[i]), 1000))
		}
	}
	// Kills caught mail between its notice and its row, and between its end and that
	// of its notice. A start cleans up.
	x.close(t)
	x.serve(t)
	if left, _ := x.mailbox(t, "Outbox"); len(left) > 0 {
		t.Errorf("%d notices stay in Outbox", len(left))
	}
}

// What lives in memory only cannot be promised for later (RFC 4865).
func TestStrictNeverLater(t *testing.T) {
	t.Parallel()
	c := newCountry(t, "a.test", "far.test")
	a, far := c.houses[0], c.houses[1].sink(t)
	a.edits = []string{"[queue]", "[queue]\nmode = \"strict\""}
	a.open(t, "ann")
	s := a.client(t)
	offered, err := s.say(250, "EHLO client.test")
	if err != nil || strings.Contains(offered, "FUTURERELEASE") {
		t.Errorf("a strict queue offers %s, %v", offered, err)
	}
	for _, when := range []string{"HOLDFOR=3", "HOLDUNTIL=2099-01-01T00:00:00Z"} {
		if reply, err := s.say(250, "MAIL FROM:<"+a.person.Address+"> "+when); err == nil || !strings.HasPrefix(reply, "5") {
			t.Errorf("%s is answered %s", when, reply)
		}
	}
	if _, err := s.post(a.person.Address, "", []byte("From: <"+a.person.Address+">\r\n\r\nat once\r\n"), "x@far.test"); err != nil {
		t.Fatal(err)
	}
	await(t, "mail without a wish", func() bool { return len(far.with("at once")) == 1 })
}
