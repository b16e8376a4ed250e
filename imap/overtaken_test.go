package imap_test

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"sealpost/imap"
	"sealpost/mailstore"
)

// overtaking changes mail between the look at what is new and the look at how it is.
type overtaking struct {
	mailstore.Index
	left atomic.Int64 // how often it still does
	then func(n int64)
}

func (o *overtaking) Changes(ctx context.Context, who mailstore.Owner, b mailstore.MailboxID, since mailstore.Modseq) (mailstore.Changes, error) {
	c, err := o.Index.Changes(ctx, who, b, since)
	if n := o.left.Add(-1); n >= 0 {
		o.then(n)
	}
	return c, err
}

// A client takes the highest MODSEQ it was told for how far it knows all (RFC 7162,
// section 3.2.5): so none may be told before all that are lower, also where others
// change mail while it is told of.
func TestNothingIsToldBeforeWhatIsOlder(t *testing.T) {
	t.Parallel()
	index := &overtaking{}
	h := build(t, func(s *imap.Server) {
		index.Index = s.Store.Index
		s.Store.Index = index
	})
	one := h.deliver(h.alice, "INBOX", letter("one", "x"))
	for range 8 {
		h.deliver(h.alice, "INBOX", letter("another", "x"))
	}
	c := h.line(t, true)
	c.say(fmt.Sprintf("a LOGIN %s %s\r\nb SELECT INBOX (CONDSTORE)\r\n", h.alice.address, h.alice.password))
	c.until("b OK")
	flag := func(uid mailstore.UID, flag string) {
		_, err := h.store.Apply(context.Background(), h.alice.owner(), mailstore.SetFlags{Box: h.box(h.alice, "INBOX").ID, UIDs: []mailstore.UID{uid}, Op: mailstore.Add, Flags: []string{flag}})
		if err != nil {
			t.Error(err)
		}
	}
	index.then = func(n int64) { // each time another message, and then the first again
		n = 8 - n
		flag(mailstore.UID(n), fmt.Sprint("k", n))
		flag(one, fmt.Sprint("k", n))
	}
	// latest is the newest keyword told of each.
	newest := regexp.MustCompile(`(?m)^\* (\d) FETCH .*k(\d)[ )]`)
	latest := map[string]string{}
	hear := func(end string) {
		for {
			text := c.until("")
			if m := newest.FindStringSubmatch(text); m != nil {
				latest[m[1]] = max(latest[m[1]], m[2])
			}
			if strings.HasPrefix(text, end) {
				return
			}
		}
	}
	flag(one, `\Seen`)
	index.left.Store(7)
	c.say("c NOOP\r\n")
	hear("c OK")
	if n := latest["1"]; n != "" && latest[n] != n {
		t.Errorf("k%s is told of the first message, and not of that which had it before", n)
	}
	index.left.Store(0)
	flag(one, "k9")
	flag(2, "k9")
	c.say("d NOOP\r\n")
	if hear("d OK"); latest["1"] != "9" || latest["2"] != "9" {
		t.Errorf("in the end %v is told", latest)
	}
}
