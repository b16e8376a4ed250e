package test

import (
	"os/exec"
	"strings"
	"testing"
	"time"
)

// refuses runs a command that must fail, and returns what it said.
func (h *house) refuses(t *testing.T, args ...string) string {
	t.Helper()
	bin, err := plainBinary()
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(timeout(t, time.Minute), bin, append(args, "--config", h.file("sealpost.toml"))...).CombinedOutput()
	if err == nil {
		t.Errorf("sealpost %s works:\n%s", strings.Join(args, " "), out)
	}
	return string(out)
}

func brief(from, word string) []byte {
	return []byte("From: <" + from + ">\r\nSubject: about " + word + "\r\n\r\nHere is " + word + ".\r\n")
}

// RFC 4865: mail for later leaves when its time has come and no sooner, whatever
// happens to the server meanwhile.
func TestFutureRelease(t *testing.T) {
	t.Parallel()
	c := newCountry(t, "a.test", "far.test")
	a, far := c.houses[0], c.houses[1].sink(t)
	a.open(t, "ann")
	a.sealpost(t, "account", "set", a.person.Address, "--encrypt=never")
	s, me := a.client(t), a.person.Address
	offered, err := s.say(250, "EHLO client.test")
	if err != nil || !strings.Contains(offered, "FUTURERELEASE 604800 ") {
		t.Errorf("offered is %s, %v", offered, err)
	}
	if reply, err := s.say(250, "MAIL FROM:<"+me+"> HOLDFOR=604801"); err == nil || reply[0] != '5' {
		t.Errorf("longer than is offered: %s", reply)
	}
	began := time.Now()
	if _, err := s.post(me, "HOLDFOR=3", brief(me, "word-later"), "x@far.test"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.post(me, "", brief(me, "word-now"), "x@far.test"); err != nil {
		t.Fatal(err)
	}
	a.close(t)
	a.serve(t)
	await(t, "both", func() bool { return len(far.with("word-later")) > 0 && len(far.with("word-now")) > 0 })
	now, later := far.with("word-now")[0].at.Sub(began), far.with("word-later")[0].at.Sub(began)
	if later < 3*time.Second || now > later {
		t.Errorf("one left after %v, the one with HOLDFOR=3 after %v", now, later)
	}
}

// What an operator does with mail that waits: hold it, over a restart too, free it,
// have it tried, and drop it with nobody told.
func TestOperatorOfQueue(t *testing.T) {
	t.Parallel()
	c := newCountry(t, "a.test", "far.test", "nobody.test")
	a, far := c.houses[0], c.houses[1].sink(t)
	a.open(t, "ann")
	a.sealpost(t, "account", "set", a.person.Address, "--encrypt=never")
	s, me := a.client(t), a.person.Address
	for _, m := range [][2]string{{"word-held", "later-x@far.test"}, {"word-dropped", "x@nobody.test"}, {"word-free", "later-y@far.test"}} {
		if _, err := s.post(me, "", brief(me, m[0]), m[1]); err != nil {
			t.Fatal(err)
		}
	}
	a.tried(t, 3)
	all := a.queue(t) // oldest first
	held, dropped := all[0].ID, all[1].ID
	wants(t, "hold", a.sealpost(t, "queue", "hold", held), "Mail "+held+" is held")
	far.mend()
	a.retries(t, "the mail that is not held", func() bool { return len(far.with("word-free")) > 0 })
	wants(t, "retry of what is held", a.refuses(t, "queue", "retry", held), "is held")

	a.close(t)
	a.serve(t)
	all = a.queue(t)
	if len(all) != 2 || all[0].ID != held || !all[0].Held || len(far.with("word-held")) > 0 {
		t.Errorf("after a restart %+v wait", all)
	}
	a.sealpost(t, "queue", "unhold", held)
	a.sealpost(t, "queue", "retry", held)
	await(t, "the mail that was held", func() bool { return len(far.with("word-held")) > 0 })

	await(t, "the other to be dropped", func() bool { // it may be in a sender's hands
		for _, m := range a.queue(t) {
			if m.ID == dropped && !m.Sending {
				a.sealpost(t, "queue", "drop", dropped)
			}
		}
		return len(a.queue(t)) == 0
	})
	wants(t, "show of what is gone", a.refuses(t, "queue", "show", dropped), "no mail")
	if told, _ := a.mailbox(t, "INBOX"); len(told) > 0 {
		t.Errorf("the sender was told:\n%s", told[0])
	}
}
