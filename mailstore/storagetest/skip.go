package storagetest

import (
	"context"
	"testing"

	"sealpost/mailstore"
)

// leftOut is the least that Skip leaves out of a number.
const leftOut = 1 << 20

// Numbers that were given stay, and what comes next is far from what a later state can have
// given (RFC 9051, section 2.3.1.1).
func testSkip(t *testing.T, open Open) {
	f, inbox, _ := begin(t, open)
	if f.Skip == nil {
		return
	}
	f.deliver(alice, inbox, 3, `\Seen`, "word")
	was, entries, usage := []mailstore.Mailbox{f.mailbox(alice, "INBOX"), f.mailbox(alice, "Other")}, f.entries(alice, inbox, 0), f.usage(alice)
	for times := 1; times < 3; times++ {
		if err := f.Skip(context.Background()); err != nil {
			t.Fatal(err)
		}
		for _, m := range was {
			now := f.mailbox(alice, m.Name)
			if now.UIDNext < m.UIDNext+leftOut*mailstore.UID(times) {
				t.Errorf("%s goes on at UID %d, and was at %d", m.Name, now.UIDNext, m.UIDNext)
			}
			if now.UIDNext = m.UIDNext; now != m {
				t.Errorf("a mailbox is %+v, and was %+v", now, m)
			}
		}
	}
	if got := f.entries(alice, inbox, 0); len(got) != len(entries) || got[2].UID != entries[2].UID || got[2].Modseq != entries[2].Modseq {
		t.Errorf("messages are %+v, and were %+v", got, entries)
	}
	if now := f.usage(alice); now != usage {
		t.Errorf("usage is %+v, and was %+v", now, usage)
	}
	if uid := f.deliver(alice, inbox, 1)[0]; uid < was[0].UIDNext+2*leftOut {
		t.Errorf("the next mail has UID %d", uid)
	}
	f.apply(alice, mailstore.Create{Name: "New"})
	made, last := f.mailbox(alice, "New"), was[1]
	if made.ID < last.ID+leftOut || made.UIDValidity < last.UIDValidity+leftOut || made.Modseq < last.Modseq+leftOut {
		t.Errorf("a new mailbox is %+v", made)
	}
	f.apply(bob, mailstore.SetQuota{}, mailstore.Create{Name: "INBOX"}) // who came later
}
