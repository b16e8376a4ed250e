package imap_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sealpost/imap"
	"sealpost/mailstore"
)

// counting counts what is read of an index.
type counting struct {
	mailstore.Index
	boxes, notes, modseqs atomic.Int64
}

func (c *counting) Mailboxes(ctx context.Context, o mailstore.Owner) ([]mailstore.Mailbox, error) {
	c.boxes.Add(1)
	return c.Index.Mailboxes(ctx, o)
}

func (c *counting) Note(ctx context.Context, o mailstore.Owner, b mailstore.MailboxID) ([]byte, error) {
	c.notes.Add(1)
	return c.Index.Note(ctx, o, b)
}

func (c *counting) Modseq(ctx context.Context, o mailstore.Owner) (mailstore.Modseq, error) {
	c.modseqs.Add(1)
	return c.Index.Modseq(ctx, o)
}

// A wake-up costs a watching client one row if nothing happened that it could be told
// of, and else what changed: not what stands beside every mailbox.
func TestWatchingReadsWhatChanged(t *testing.T) {
	t.Parallel()
	index := &counting{}
	h := build(t, func(s *imap.Server) {
		index.Index = s.Store.Index
		s.Store.Index = index
	})
	var boxes []mailstore.Change
	for n := range 100 {
		boxes = append(boxes, mailstore.Create{Name: fmt.Sprintf("box%d", n)})
	}
	_, err := h.store.Apply(t.Context(), h.alice.owner(), boxes...)
	h.must(err)
	c := h.line(t, true)
	c.say(fmt.Sprintf("a LOGIN %s %s\r\nb NOTIFY SET (personal (MessageNew MessageExpunge MailboxMetadataChange SubscriptionChange)) (personal (ServerMetadataChange))\r\n", h.alice.address, h.alice.password))
	c.until("b OK")

	read := func(boxes, notes int64) {
		t.Helper()
		if b, n := index.boxes.Swap(0), index.notes.Swap(0); b > boxes || n > notes {
			t.Errorf("%d lists of mailboxes and %d notes were read, want %d and %d", b, n, boxes, notes)
		}
	}
	read(2, 200)
	for range 10 { // wake-ups for something else, as files are
		before := index.modseqs.Load()
		h.store.Bus.Publish(string(h.alice.owner()))
		for deadline := time.Now().Add(10 * time.Second); index.modseqs.Load() == before; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("the wake-up was not heard")
			}
		}
	}
	read(0, 0)
	uid := h.deliver(h.alice, "box7", letter("one", "x"))
	c.until(`* STATUS "box7" (MESSAGES 1 `)
	read(2, 2) // one list for the delivery; and what stands beside box7 and the account
	_, err = h.store.Apply(t.Context(), h.alice.owner(), mailstore.Expunge{Box: h.box(h.alice, "box7").ID, UIDs: []mailstore.UID{uid}})
	h.must(err)
	c.until(`* STATUS "box7" (MESSAGES 0 `)

	// and what counts is still told
	other := h.line(t, true)
	other.say(fmt.Sprintf("a LOGIN %s %s\r\n", h.alice.address, h.alice.password))
	other.until("a OK")
	for n, test := range [][2]string{
		{`SETMETADATA box9 (/private/a "x")`, `* METADATA "box9" /private/a`},
		{`SETMETADATA box9 (/private/a "x")`, ""},
		{`SETMETADATA "" (/private/b "x")`, `* METADATA "" /private/b`},
		{`SUBSCRIBE box3`, `* LIST (\HasNoChildren \Subscribed) "/" "box3"`},
		{`UNSUBSCRIBE box3`, `* LIST (\HasNoChildren) "/" "box3"`},
		{`SETMETADATA box9 (/private/a NIL)`, `* METADATA "box9" /private/a`},
	} {
		other.say(fmt.Sprintf("%d %s\r\n", n, test[0]))
		other.until(fmt.Sprintf("%d OK", n))
		if test[1] == "" {
			continue
		}
		if got := c.next(); !strings.HasPrefix(got, test[1]) {
			t.Errorf("after %s: said %q", test[0], got)
		}
	}
}
