package storagetest

import (
	"context"
	"strings"
	"testing"
	"time"

	"sealpost/mailstore"
)

func testOwners(t *testing.T, open Open) {
	f := start(t, open, 1000)
	f.refuse(mailstore.ErrNoOwner, alice, mailstore.Create{Name: "INBOX"})
	f.refuse(mailstore.ErrNoOwner, alice, mailstore.Subscribe{Name: "INBOX", On: true})
	f.refuse(mailstore.ErrNoOwner, alice, mailstore.Append{Box: 1, Mail: newMail(1), Size: 1})
	f.refuse(mailstore.ErrNoOwner, alice, mailstore.Forget{})
	f.refuse(mailstore.ErrNoOwner, "", mailstore.SetQuota{})
	if boxes, err := f.Mailboxes(context.Background(), alice); err != nil || boxes != nil {
		t.Errorf("mailboxes of nobody: %v, %v", boxes, err)
	}

	e := f.apply(alice, mailstore.SetQuota{Bytes: 5000}, mailstore.Create{Name: "INBOX"}, mailstore.Subscribe{Name: "x", On: true})
	box, valid := e[1].Box, e[1].Valid
	m := newMail(2)
	f.apply(alice, mailstore.Append{Box: box, Mail: m, Size: 1})
	f.apply(bob, mailstore.SetQuota{Bytes: 7}, mailstore.Create{Name: "INBOX"})

	gone := f.apply(alice, mailstore.Forget{})
	sameSet(t, "freed by Forget", gone[0].Freed, blobs(m))
	if got := dump(t, f, alice); len(got.Boxes)+len(got.Subs) != 0 || got.Usage != (mailstore.Usage{}) {
		t.Errorf("left of a forgotten owner: %+v", got)
	}
	f.refuse(mailstore.ErrNoOwner, alice, mailstore.Create{Name: "INBOX"})
	if f.usage(bob).Quota != 7 || f.mailbox(bob, "INBOX").ID == 0 {
		t.Error("forgetting one owner touched another")
	}

	f.tick(time.Second)
	e = f.apply(alice, mailstore.SetQuota{}, mailstore.Create{Name: "INBOX"}, mailstore.Forget{}, mailstore.SetQuota{Bytes: 9}, mailstore.Create{Name: "INBOX"})
	if e[1].Valid <= valid || e[4].Valid <= e[1].Valid {
		t.Errorf("UIDVALIDITY does not grow over Forget: %d, %d, %d", valid, e[1].Valid, e[4].Valid)
	}
	if e[4].Modseq <= e[1].Modseq {
		t.Errorf("MODSEQ does not grow over Forget: %d, %d", e[1].Modseq, e[4].Modseq)
	}
}

func testNames(t *testing.T, open Open) {
	f, _, _ := begin(t, open)
	for name, want := range map[string]string{
		"a":                            "a",
		"inBox/x":                      "INBOX/x",
		"Entwu\u0308rfe":               "Entw\u00fcrfe", // NFC
		"..a":                          "..a",
		"&AGEAYg-":                     "&AGEAYg-", // modified UTF-7 is the door's affair
		`C:\x`:                         `C:\x`,
		"日本/語":                         "日本/語",
		"slash at the end/":            "slash at the end",
		strings.Repeat("x/", 19) + "x": strings.Repeat("x/", 19) + "x",
		strings.Repeat("y", 255):       strings.Repeat("y", 255),
	} {
		f.apply(alice, mailstore.Create{Name: name})
		f.mailbox(alice, want)
		f.refuse(mailstore.ErrExists, alice, mailstore.Create{Name: want})
	}
	for _, name := range []string{
		"", "/", "//", "/a", "a//b", "a//", ".", "..", "../x", "a/../b", "a/./b", "x/..", "nul\x00", "tab\t", "del\x7f", "c1\u0085",
		"line\u2028", "\xff\xfe", "half\xc3", strings.Repeat("y", 256), strings.Repeat("x/", 20) + "x", strings.Repeat("\u0300", 10_000),
	} {
		f.refuse(mailstore.ErrName, alice, mailstore.Create{Name: name})
		f.refuse(mailstore.ErrName, alice, mailstore.Subscribe{Name: name, On: true}, mailstore.Create{Name: name})
		f.refuse(mailstore.ErrName, alice, mailstore.Rename{From: "Other", To: name})
		f.refuse(mailstore.ErrNoMailbox, alice, mailstore.Remove{Name: name})
	}
}

func testCreate(t *testing.T, open Open) {
	f, _, _ := begin(t, open)
	e := f.apply(alice, mailstore.Create{Name: "a/b/c"})
	for _, name := range []string{"a", "a/b", "a/b/c"} {
		b := f.mailbox(alice, name)
		if b.UIDNext != 1 || b.Messages != 0 || b.UIDValidity == 0 {
			t.Errorf("a new mailbox is %+v", b)
		}
	}
	if c := f.mailbox(alice, "a/b/c"); e[0].Box != c.ID || e[0].Valid != c.UIDValidity || e[0].Modseq != c.Modseq {
		t.Errorf("event %+v for %+v", e[0], c)
	}
	f.refuse(mailstore.ErrExists, alice, mailstore.Create{Name: "a/b"})
	f.refuse(mailstore.ErrExists, alice, mailstore.Create{Name: "inbox"})
}

func testSpecialUse(t *testing.T, open Open) {
	f, _, _ := begin(t, open)
	for _, use := range mailstore.Uses() {
		f.apply(alice, mailstore.Create{Name: use[1:], Use: use})
		if got := f.mailbox(alice, use[1:]).Use; got != use {
			t.Errorf("use is %q, want %q", got, use)
		}
	}
	f.refuse(mailstore.ErrUse, alice, mailstore.Create{Name: "Sent 2", Use: `\Sent`})
	f.refuse(mailstore.ErrUse, alice, mailstore.Create{Name: "All", Use: `\All`})
	f.apply(alice, mailstore.Remove{Name: "Sent"}, mailstore.Create{Name: "Sent 2", Use: `\Sent`})
	f.apply(alice, mailstore.Rename{From: "Trash", To: "Bin"})
	if f.mailbox(alice, "Bin").Use != `\Trash` {
		t.Error("a renamed mailbox lost its use")
	}
}

func testRename(t *testing.T, open Open) {
	f, _, _ := begin(t, open)
	f.apply(alice, mailstore.Create{Name: "a/b/c"}, mailstore.Create{Name: "ab"}, mailstore.Create{Name: "x"})
	before := f.mailbox(alice, "a/b/c")
	f.deliver(alice, before.ID, 2)
	before = f.mailbox(alice, "a/b/c")

	f.apply(alice, mailstore.Rename{From: "a", To: "new/place/"})
	after := f.mailbox(alice, "new/place/b/c")
	before.Name = after.Name
	if before != after {
		t.Errorf("renamed from %+v to %+v", before, after)
	}
	f.mailbox(alice, "new")
	f.mailbox(alice, "ab") // begins alike, stands beside
	f.apply(alice, mailstore.Create{Name: "a"})
	if a := f.mailbox(alice, "a"); a.ID == f.mailbox(alice, "new/place").ID || a.UIDValidity == f.mailbox(alice, "new/place").UIDValidity {
		t.Error("a name used again got the old id or UIDVALIDITY")
	}

	f.refuse(mailstore.ErrNoMailbox, alice, mailstore.Rename{From: "nowhere", To: "y"})
	f.refuse(mailstore.ErrNoMailbox, alice, mailstore.Rename{From: "../x", To: "y"})
	f.refuse(mailstore.ErrExists, alice, mailstore.Rename{From: "a", To: "x"})
	f.refuse(mailstore.ErrExists, alice, mailstore.Rename{From: "a", To: "a"})
	f.refuse(mailstore.ErrExists, alice, mailstore.Rename{From: "a", To: "inbox"})
	f.refuse(mailstore.ErrName, alice, mailstore.Rename{From: "new", To: "new/below"})
	f.refuse(mailstore.ErrName, alice, mailstore.Rename{From: "new", To: strings.Repeat("d/", 17) + "d"}) // its children go too deep

	// One level up, over names that its own tree leaves.
	f.apply(alice, mailstore.Create{Name: "p/p/p"}, mailstore.Remove{Name: "p"}, mailstore.Rename{From: "p/p", To: "p"})
	f.mailbox(alice, "p/p")
	// A tree that would land on a stranger.
	f.apply(alice, mailstore.Create{Name: "s/t"}, mailstore.Create{Name: "u/t"}, mailstore.Remove{Name: "u"})
	f.refuse(mailstore.ErrExists, alice, mailstore.Rename{From: "s", To: "u"})
}

func testRenameInbox(t *testing.T, open Open) {
	f, inbox, _ := begin(t, open)
	f.apply(alice, mailstore.Create{Name: "INBOX/child"})
	f.deliver(alice, inbox, 3)
	valid := f.mailbox(alice, "INBOX").UIDValidity
	e := f.apply(alice, mailstore.Rename{From: "inbox", To: "old/2020"})
	same(t, "moved", e[0].Sources, []mailstore.UID{1, 2, 3})

	old, now := f.mailbox(alice, "old/2020"), f.mailbox(alice, "INBOX")
	if old.Messages != 3 || old.ID != e[0].Box || old.UIDValidity == valid {
		t.Errorf("mail of INBOX went to %+v", old)
	}
	if now.ID != inbox || now.Messages != 0 || now.UIDNext != 4 || now.UIDValidity != valid {
		t.Errorf("INBOX is %+v", now)
	}
	f.mailbox(alice, "INBOX/child")
	f.refuse(mailstore.ErrExists, alice, mailstore.Rename{From: "INBOX", To: "old"})
	if e := f.apply(alice, mailstore.Rename{From: "INBOX", To: "empty"}); e[0].Box == 0 || e[0].Modseq == 0 {
		t.Errorf("renaming an empty INBOX gave %+v", e[0])
	}
}

func testRemove(t *testing.T, open Open) {
	f, inbox, other := begin(t, open)
	f.refuse(mailstore.ErrInbox, alice, mailstore.Remove{Name: "Inbox"})
	f.refuse(mailstore.ErrNoMailbox, alice, mailstore.Remove{Name: "nowhere"})

	f.apply(alice, mailstore.Create{Name: "Other/child"})
	single, shared := newMail(2), newMail(1)
	f.apply(alice, mailstore.Append{Box: other, Mail: single, Size: 1}, mailstore.Append{Box: other, Mail: shared, Size: 1},
		mailstore.Copy{From: other, To: inbox, UIDs: []mailstore.UID{2}})
	valid := f.mailbox(alice, "Other").UIDValidity
	e := f.apply(alice, mailstore.Remove{Name: "Other"})
	sameSet(t, "freed", e[0].Freed, blobs(single))
	if got := f.entries(alice, other, 0); got != nil {
		t.Errorf("entries of a removed mailbox: %v", got)
	}
	if got := f.mails(alice, other, 1, 2); got != nil {
		t.Errorf("mails of a removed mailbox: %v", got)
	}
	f.mailbox(alice, "Other/child")
	f.refuse(mailstore.ErrNoMailbox, alice, mailstore.Append{Box: other, Mail: newMail(1), Size: 1})

	e = f.apply(alice, mailstore.Create{Name: "Other"}, mailstore.Expunge{Box: inbox})
	if e[0].Box == other || e[0].Valid <= valid {
		t.Errorf("made again as %+v, was id %d, UIDVALIDITY %d", e[0], other, valid)
	}
	sameSet(t, "freed with the last entry", e[1].Freed, blobs(shared))

	// All in one call: what was moved out first is not removed.
	f.deliver(alice, inbox, 2)
	e = f.apply(alice, mailstore.Move{From: inbox, To: e[0].Box, UIDs: []mailstore.UID{3}}, mailstore.Rename{From: "Other", To: "Kept"},
		mailstore.Create{Name: "Other"}, mailstore.Remove{Name: "Other"})
	if b := f.mailbox(alice, "Kept"); b.Messages != 1 || e[3].Freed != nil {
		t.Errorf("kept %+v, freed %v", b, e[3].Freed)
	}
}

func testSubscriptions(t *testing.T, open Open) {
	f, _, _ := begin(t, open)
	f.apply(alice, mailstore.Subscribe{Name: "inbox", On: true}, mailstore.Subscribe{Name: "not/there", On: true}, mailstore.Subscribe{Name: "z", On: true})
	f.apply(alice, mailstore.Subscribe{Name: "z"}, mailstore.Subscribe{Name: "never"})
	names, err := f.Subscriptions(context.Background(), alice)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "subscribed", names, []string{"INBOX", "not/there"})
	if !f.mailbox(alice, "INBOX").Subscribed || f.mailbox(alice, "Other").Subscribed {
		t.Error("mailboxes do not say who is subscribed")
	}
	// A name stays subscribed whatever becomes of the mailbox (RFC 9051, section 6.3.7).
	f.apply(alice, mailstore.Subscribe{Name: "Other", On: true}, mailstore.Remove{Name: "Other"})
	if names, _ = f.Subscriptions(context.Background(), alice); len(names) != 3 {
		t.Errorf("subscribed after removal: %v", names)
	}
	if names, _ = f.Subscriptions(context.Background(), bob); names != nil {
		t.Errorf("subscribed for another owner: %v", names)
	}
}
