package imap_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	goimap "github.com/emersion/go-imap/v2"

	"sealpost/account"
	"sealpost/mailstore"
	"sealpost/pgp"
)

// sent is a mail as its sender's client makes it.
func sent(id, more string) string {
	return "From: alice@demo.test\r\nTo: bob@demo.test\r\nSubject: hello\r\n" +
		"Date: Mon, 02 Jan 2006 15:04:05 +0100\r\nMessage-ID: " + id + "\r\n" + more + "\r\nhello\r\n"
}

// The server files the Sent copy at submission; the client's own copy of that
// mail is the same one, at every level of what is visible.
func TestAppendToSentOfWhatIsFiled(t *testing.T) {
	t.Parallel()
	for _, level := range []pgp.Level{pgp.Open, pgp.Baseline, pgp.Shy, pgp.Minimal} {
		t.Run(string(level), func(t *testing.T) {
			t.Parallel()
			h := build(t)
			h.level(level)
			filed := h.deliver(h.alice, "Sent", sent("<one@demo.test>", ""), mailstore.Seen)
			c := h.client(h.alice, nil)
			for _, again := range []struct {
				box, id string
				same    bool
			}{
				{"Sent", "<one@demo.test>", true},
				{"Sent", " <one@demo.test> ", true},
				{"Sent", "\r\n <one@demo.test>", true},
				{"Sent", "<ONE@demo.test>", false},
				{"Sent", "<two@demo.test>", false},
				{"Sent", "<two@demo.test>", true}, // filed by the line above
				{"INBOX", "<one@demo.test>", false},
				{"INBOX", "<one@demo.test>", false},
				{"Sent", "no id", false},
				{"Sent", "no id", false},
			} {
				before := h.messages(h.alice, again.box)
				data, err := appendMail(t, c, again.box, sent(again.id, "Bcc: carol@demo.test\r\n"), &goimap.AppendOptions{Flags: []goimap.Flag{goimap.FlagSeen}})
				h.must(err)
				stored := h.messages(h.alice, again.box) - before
				if again.same != (stored == 0) {
					t.Errorf("%s %q: %d copies more", again.box, again.id, stored)
				}
				if again.id == "<one@demo.test>" && again.same && (data.UID != goimap.UID(filed) || data.UIDValidity == 0) {
					t.Errorf("APPENDUID is %d %d, the mail is %d", data.UIDValidity, data.UID, filed)
				}
			}
		})
	}
}

// The level may change between filing and the client's copy.
func TestFiledAtAnotherLevel(t *testing.T) {
	t.Parallel()
	h := build(t)
	c := h.client(h.alice, nil)
	levels := []pgp.Level{pgp.Open, pgp.Minimal, pgp.Shy}
	for i, level := range levels {
		id := fmt.Sprintf("<%d@demo.test>", i)
		h.level(level)
		filed := h.deliver(h.alice, "Sent", sent(id, ""))
		h.level(levels[(i+1)%len(levels)])
		if data, err := appendMail(t, c, "Sent", sent(id, ""), nil); err != nil || data.UID != goimap.UID(filed) {
			t.Errorf("filed at %s as %d: %v, %v", level, filed, data, err)
		}
	}
}

// What is gone is no copy, and neither is what lies too deep: only the newest are
// looked at, however large Sent is.
func TestFiledIsBounded(t *testing.T) {
	t.Parallel()
	h := build(t)
	c := h.client(h.alice, nil)
	gone := h.deliver(h.alice, "Sent", sent("<gone@demo.test>", ""))
	deep := h.deliver(h.alice, "Sent", sent("<deep@demo.test>", ""))
	h.expunge(h.alice, "Sent", gone)
	data, err := appendMail(t, c, "Sent", sent("<gone@demo.test>", ""), nil)
	if err != nil || data.UID == goimap.UID(gone) {
		t.Errorf("a mail that is gone: %v, %v", data, err)
	}
	if data, err := appendMail(t, c, "Sent", sent("<deep@demo.test>", ""), nil); err != nil || data.UID != goimap.UID(deep) {
		t.Errorf("a mail a few down: %v, %v", data, err)
	}
	filler := h.deliver(h.alice, "Drafts", sent("<filler@demo.test>", ""))
	copy := mailstore.Copy{From: h.box(h.alice, "Drafts").ID, To: h.box(h.alice, "Sent").ID, UIDs: []mailstore.UID{filler}}
	_, err = h.store.Apply(context.Background(), h.alice.owner(), slices.Repeat([]mailstore.Change{copy}, 200)...)
	h.must(err)
	if data, err := appendMail(t, c, "Sent", sent("<deep@demo.test>", ""), nil); err != nil || data.UID == goimap.UID(deep) {
		t.Errorf("a mail below 200 others: %v, %v", data, err)
	}
}

func (h *house) messages(p person, box string) int { return int(h.box(p, box).Messages) }

func (h *house) level(l pgp.Level) {
	h.Helper()
	_, err := h.book.Set(context.Background(), h.alice.id, account.Settings{Level: &l})
	h.must(err)
}
