package imap_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	goimap "github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"sealpost/mailstore"
)

// What a client was just told of is looked up again by its next command, for it may
// have changed since.
func TestSearchSeesWhatChangedSince(t *testing.T) {
	t.Parallel()
	h := build(t)
	h.deliver(h.alice, "INBOX", letter("one", "hello"))
	c, other := h.client(h.alice, nil), h.client(h.alice, nil)
	for _, x := range []*imapclient.Client{c, other} {
		_, err := x.Select("INBOX", nil).Wait()
		h.must(err)
	}
	flag := func(op goimap.StoreFlagsOp) {
		h.must(other.Store(goimap.SeqSetNum(1), &goimap.StoreFlags{Op: op, Flags: []goimap.Flag{goimap.FlagFlagged}}, nil).Close())
	}
	flag(goimap.StoreFlagsAdd)
	h.must(c.Noop().Wait())
	flag(goimap.StoreFlagsDel)
	found, err := c.Search(&goimap.SearchCriteria{Flag: []goimap.Flag{goimap.FlagFlagged}}, nil).Wait()
	h.must(err)
	if n := found.AllSeqNums(); len(n) > 0 {
		t.Errorf("SEARCH FLAGGED found %v: it was flagged before", n)
	}
}

// A client that was shown a MODSEQ, or a gap, is told all that came before: no wake-up
// has to arrive first. Clients take the highest MODSEQ for how far they are.
func TestWhatIsShownIsNeverAheadOfWhatIsTold(t *testing.T) {
	t.Parallel()
	h := build(t)
	for range 4 {
		h.deliver(h.alice, "INBOX", letter("one", "hello"))
	}
	box := h.box(h.alice, "INBOX").ID
	l := h.line(t, true)
	l.signIn(h.alice)
	l.say("a ENABLE QRESYNC\r\nb SELECT INBOX\r\n")
	l.until("b OK")
	silently := func(c ...mailstore.Change) { // as if the wake-up were late
		_, err := h.store.Index.Apply(context.Background(), h.alice.owner(), c)
		h.must(err)
	}
	silently(mailstore.Expunge{Box: box, UIDs: []mailstore.UID{2}}, mailstore.SetFlags{Box: box, UIDs: []mailstore.UID{4}, Op: mailstore.Add, Flags: []string{mailstore.Seen}})
	l.say("c UID FETCH 4 (MODSEQ)\r\n")
	l.until("* 4 FETCH (UID 4 MODSEQ")
	if next := l.until("* "); !strings.HasPrefix(next, "* VANISHED 2\r\n") {
		t.Errorf("behind a MODSEQ that is newer than an expunge comes %q", next)
	}
	l.until("c OK")
	silently(mailstore.Expunge{Box: box, UIDs: []mailstore.UID{1}})
	l.say("d UID FETCH 1 (FLAGS)\r\ne NOOP\r\n")
	if next := l.until("* "); !strings.HasPrefix(next, "* VANISHED 1\r\n") {
		t.Errorf("behind a FETCH of what is gone comes %q", next)
	}
}

// What a client was told when it came back is looked up again by its next command.
func TestWhatChangedSinceQRESYNCIsSeen(t *testing.T) {
	t.Parallel()
	h := build(t)
	h.deliver(h.alice, "INBOX", letter("one", "hello"), mailstore.Flagged)
	box := h.box(h.alice, "INBOX")
	l := h.line(t, true)
	l.signIn(h.alice)
	l.say(fmt.Sprintf("a ENABLE QRESYNC\r\nb SELECT INBOX (QRESYNC (%d 1))\r\n", box.UIDValidity))
	l.until("b OK")
	_, err := h.store.Apply(context.Background(), h.alice.owner(), mailstore.SetFlags{Box: box.ID, UIDs: []mailstore.UID{1}, Op: mailstore.Replace})
	h.must(err)
	l.say("c FETCH 1 FLAGS\r\n")
	if said := l.until("* 1 FETCH"); strings.Contains(said, `\Flagged`) {
		t.Errorf("%q: it was flagged before", said)
	}
	l.say("d SEARCH FLAGGED\r\n")
	if found := l.until("* SEARCH"); found != "* SEARCH\r\n" {
		t.Errorf("%q: it was flagged before", found)
	}
}
