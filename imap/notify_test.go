package imap_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"sealpost/mailstore"
)

// What would cost too much to watch is refused, and what was asked for before
// stays (RFC 5465, section 5.8).
func TestNotifyHasCaps(t *testing.T) {
	t.Parallel()
	h := build(t)
	c := h.line(t, true)
	c.say(fmt.Sprintf("a LOGIN %s %s\r\nb NOTIFY SET (personal (MessageNew MessageExpunge))\r\n", h.alice.address, h.alice.password))
	c.until("b OK")
	one := " (personal (MailboxName))"
	c.say("c NOTIFY SET" + strings.Repeat(one, 33) + "\r\n")
	c.refused("c")
	c.say("d NOTIFY SET (mailboxes (" + strings.TrimSuffix(strings.Repeat("x ", 201), " ") + ") (MessageNew MessageExpunge))\r\n")
	c.refused("d")
	h.deliver(h.alice, "Archive", letter("one", "x"))
	c.until(`* STATUS "Archive" (MESSAGES 1 `)
	c.say("e NOTIFY SET" + strings.Repeat(one, 32) + "\r\n")
	c.until("e OK")
}

// A watch that becomes too much ends, as by NOTIFY NONE, and says so.
func TestNotifyOverflows(t *testing.T) {
	t.Parallel()
	h := build(t)
	c := h.line(t, true)
	c.say(fmt.Sprintf("a LOGIN %s %s\r\nb NOTIFY SET (personal (MailboxName))\r\n", h.alice.address, h.alice.password))
	c.until("b OK")
	var boxes []mailstore.Change
	for n := range 1001 {
		boxes = append(boxes, mailstore.Create{Name: fmt.Sprintf("box%d", n)})
	}
	ctx := context.Background()
	_, err := h.store.Apply(ctx, h.alice.owner(), boxes...)
	h.must(err)
	if got := c.next(); !strings.HasPrefix(got, "* OK [NOTIFICATIONOVERFLOW]") {
		t.Fatalf("said %q", got)
	}
	c.say("c NOTIFY SET (personal (MailboxName))\r\n")
	c.refused("c")
	// a few of many can be watched
	c.say("d NOTIFY SET (subtree box1 (MessageNew MessageExpunge)) (selected (MessageNew (uid) MessageExpunge))\r\n")
	c.until("d OK")
	c.say("e SELECT INBOX\r\n")
	c.until("e OK")
	events, err := h.store.Index.Mailboxes(ctx, h.alice.owner())
	h.must(err)
	var inbox, archive mailstore.MailboxID
	for _, b := range events {
		switch b.Name {
		case "INBOX":
			inbox = b.ID
		case "Archive":
			archive = b.ID
		}
	}
	uid := h.deliver(h.alice, "Archive", letter("one", "x"))
	var copies []mailstore.Change
	for range 1001 {
		copies = append(copies, mailstore.Copy{From: archive, To: inbox, UIDs: []mailstore.UID{uid}})
	}
	_, err = h.store.Apply(ctx, h.alice.owner(), copies...)
	h.must(err)
	for _, want := range []string{"* 1001 EXISTS", "* 1001 RECENT", "* OK [NOTIFICATIONOVERFLOW]"} {
		if got := c.next(); !strings.HasPrefix(got, want) {
			t.Fatalf("said %q, expected %q", got, want)
		}
	}
	h.deliver(h.alice, "INBOX", letter("two", "x"))
	c.say("f NOOP\r\n")
	if got := c.next(); !strings.HasPrefix(got, "f OK") {
		t.Fatalf("said %q after the end", got)
	}
}

// refused reads up to the answer of a command that was too much.
func (l *line) refused(tag string) {
	l.Helper()
	if got := l.until(tag + " "); !strings.HasPrefix(got, tag+" NO [NOTIFICATIONOVERFLOW]") {
		l.Fatalf("answered %q", got)
	}
}

// next reads one line.
func (l *line) next() string {
	l.Helper()
	text, err := l.in.ReadString('\n')
	if err != nil {
		l.Fatal(err)
	}
	return text
}
