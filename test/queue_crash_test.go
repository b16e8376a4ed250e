package test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// traffic is a house whose people write to servers that are not kind, while it is
// killed and started again.
type traffic struct {
	*house
	far, rude *sink

	mu     sync.Mutex
	acked  map[string]string // word to recipient
	number int
}

func newTraffic(t *testing.T, mode string) *traffic {
	t.Helper()
	bin, err := plainBinary()
	if err != nil {
		t.Fatal(err)
	}
	c := newCountry(t, "a.test", "far.test", "rude.test")
	x := &traffic{house: c.houses[0], far: c.houses[1].sink(t), rude: c.houses[2].sink(t), acked: map[string]string{}}
	x.bin = bin
	x.edits = []string{
		"[queue]", "[queue]\nmode = \"" + mode + "\"",
		"[submission]", "[submission]\nrecipients_per_hour = 1000000\nrecipients_per_day = 1000000\nrecipients_per_hour_of_password = 1000000",
	}
	x.open(t, "ann")
	x.sealpost(t, "account", "set", x.person.Address, "--encrypt=never") // nobody is asked for keys
	return x
}

// orders are what happens to one mail in twenty each; the others are taken.
var orders = []string{"cut", "keep", "twice", "twice", "never", "never", "spam"}

// next makes up a mail and who it goes to.
func (x *traffic) next() (word, to string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.number++
	word = fmt.Sprintf("word%06d", x.number)
	switch n := x.number % 20; {
	case n < 2:
		return word, orders[n] + "-" + word + "@rude.test"
	case n < len(orders):
		return word, orders[n] + "-" + word + "@far.test"
	}
	return word, "take-" + word + "@far.test"
}

// untilKilled lets people write until the server is shot, once so many mails more
// were acknowledged.
func (x *traffic) untilKilled(t *testing.T, writers, mails int) {
	t.Helper()
	trust := x.trust(t)
	enough, once := make(chan struct{}), sync.Once{}
	mails += len(x.acked)
	var all sync.WaitGroup
	for range writers {
		all.Go(func() {
			s, err := x.signIn(trust)
			if err != nil {
				return
			}
			defer s.conn.Close()
			for {
				word, to := x.next()
				text := fmt.Appendf(nil, "From: <%s>\r\nTo: <%s>\r\nMessage-ID: <%s@crash.test>\r\nSubject: crash\r\n\r\nHere is %s.\r\n%s",
					x.person.Address, to, word, word, strings.Repeat("more words of no import\r\n", rand.IntN(200)))
				if _, err := s.post(x.person.Address, "", text, to); err != nil {
					return
				}
				x.mu.Lock()
				x.acked[word] = to
				if len(x.acked) >= mails {
					once.Do(func() { close(enough) })
				}
				x.mu.Unlock()
			}
		})
	}
	select {
	case <-enough:
	case <-time.After(time.Minute):
		t.Error("nobody's mail is acknowledged")
	}
	x.kill()
	all.Wait()
}

// rounds writes, kills and starts again, some times.
func (x *traffic) rounds(t *testing.T) {
	t.Helper()
	n := 8
	if *long {
		n = 300
	}
	for range n {
		x.untilKilled(t, 6, 20+rand.IntN(30))
		x.serve(t)
		x.sealpost(t, "queue", "retry", "all")
	}
}

// drain waits until nothing waits any more.
func (x *traffic) drain(t *testing.T) {
	t.Helper()
	left := 0
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(200 * time.Millisecond) {
		if left = len(x.queue(t)); left == 0 {
			return
		}
		x.sealpost(t, "queue", "retry", "all")
	}
	t.Fatalf("%d mails still wait", left)
}

// outcome is where the words of the mails came out, and how often.
type outcome struct {
	arrived, bounced, returned, sent map[string]int
}

var (
	aWord    = regexp.MustCompile(`Here is (word\d+)\.`)
	aBounce  = regexp.MustCompile(`Final-Recipient: rfc822; \w+-(word\d+)@`)
	anUnsent = regexp.MustCompile(`(?s)was not sent: the server restarted.*Here is (word\d+)\.`)
)

func (x *traffic) outcome(t *testing.T) outcome {
	t.Helper()
	o := outcome{map[string]int{}, map[string]int{}, map[string]int{}, map[string]int{}}
	for _, p := range append(x.far.took(), x.rude.took()...) {
		if m := aWord.FindStringSubmatch(p.text); m != nil && strings.Contains(p.to[0], m[1]) {
			o.arrived[m[1]]++
		}
	}
	inbox, _ := x.mailbox(t, "INBOX")
	for _, text := range inbox {
		for _, m := range aBounce.FindAllStringSubmatch(text, -1) {
			o.bounced[m[1]]++
		}
		if m := anUnsent.FindStringSubmatch(text); m != nil {
			o.returned[m[1]]++
		}
	}
	sent, _ := x.mailbox(t, "Sent")
	for _, text := range sent {
		if m := aWord.FindStringSubmatch(text); m != nil {
			o.sent[m[1]]++
		}
	}
	return o
}

// check holds what came out against what was promised.
func (x *traffic) check(t *testing.T, o outcome, mayReturn bool) {
	t.Helper()
	lost, unkept, twice := 0, 0, map[string]int{}
	for word, to := range x.acked {
		refused := strings.HasPrefix(to, "never-") || strings.HasPrefix(to, "spam-")
		ended := o.arrived[word]
		if refused {
			ended = o.bounced[word]
		} else if o.bounced[word] > 0 {
			t.Errorf("%s came back, and nobody refused it", word)
		}
		if mayReturn && ended == 0 {
			ended = o.returned[word]
		}
		order, _, _ := strings.Cut(to, "-")
		switch {
		case ended == 0:
			lost++
		case ended > 1:
			twice[order] += ended - 1
		}
		if o.sent[word] == 0 {
			unkept++
		}
		if o.sent[word] > 1 {
			twice["copies in Sent"] += o.sent[word] - 1
		}
	}
	if lost > 0 || unkept > 0 {
		t.Errorf("of %d acknowledged mails %d are lost, and %d have no copy in Sent", len(x.acked), lost, unkept)
	}
	t.Logf("%d acknowledged mails, %d arrived, %d bounced, %d returned; once too often: %v", len(x.acked), len(o.arrived), len(o.bounced), len(o.returned), twice)
}

// Under people who write and servers that refuse, hang up and lose replies, the
// house is killed again and again. Every mail that was acknowledged arrives or comes
// back, and stands in Sent.
func TestQueueKillNine(t *testing.T) {
	t.Parallel()
	x := newTraffic(t, "sealed")
	x.rounds(t)
	x.drain(t)
	x.check(t, x.outcome(t), false)
}

// A data folder has one server: another one, with ports of its own, does not start,
// and harms nothing.
func TestTwoServersOneQueue(t *testing.T) {
	t.Parallel()
	c := newCountry(t, "a.test", "nobody.test")
	a := c.houses[0]
	a.open(t, "ann")
	c1, me := a.client(t), a.person.Address
	if _, err := c1.post(me, "", []byte("From: <"+me+">\r\n\r\nhello\r\n"), "x@nobody.test"); err != nil {
		t.Fatal(err)
	}
	a.tried(t, 1)
	text, err := os.ReadFile(a.file("sealpost.toml"))
	if err != nil {
		t.Fatal(err)
	}
	other := string(text)
	for _, at := range []string{a.smtp(), a.submits, a.imaps, a.https} {
		other = strings.ReplaceAll(other, at, fmt.Sprintf("127.0.0.1:%d", freeOn(t, "127.0.0.1")))
	}
	second := exec.CommandContext(timeout(t, time.Minute), a.program(t), "serve", "--config", a.write(t, "second.toml", []byte(other)))
	out, err := second.CombinedOutput()
	if err == nil || !strings.Contains(string(out), filepath.Join(a.dir, "data")+" is in use") {
		t.Errorf("a second server on the same folder: %v\n%s", err, out)
	}
	if all := a.queue(t); len(all) != 1 {
		t.Errorf("%d mails wait after a second server tried to start", len(all))
	}
}
