package storagetest

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"sealpost/mailstore"
	"sealpost/pgp"
)

func testAppend(t *testing.T, open Open) {
	f, inbox, _ := begin(t, open)
	received := time.Date(2020, 2, 3, 4, 5, 6, 789, time.FixedZone("", 3600))
	m := newMail(3)
	m.Class, m.Form = pgp.Both, pgp.FormInline
	e := f.apply(alice,
		mailstore.Append{Box: inbox, Mail: m, Size: 4321, Received: received, Flags: []string{"Foo", `\seen`, "foo", `\ANSWERED`}},
		mailstore.Append{Box: inbox, Mail: newMail(1), Size: 0})
	same(t, "UIDs", []mailstore.UID{e[0].UIDs[0], e[1].UIDs[0]}, []mailstore.UID{1, 2})
	if e[0].Modseq == 0 || e[1].Modseq <= e[0].Modseq {
		t.Errorf("MODSEQs %d, %d", e[0].Modseq, e[1].Modseq)
	}
	want := mailstore.Entry{
		UID: 1, Modseq: e[0].Modseq, Received: received.UTC().Truncate(time.Second), Saved: f.now(), Size: 4321,
		Flags: []string{mailstore.Seen, mailstore.Answered, "Foo"},
	}
	entries := f.entries(alice, inbox, 0)
	if !reflect.DeepEqual(entries[0], want) {
		t.Errorf("entry is %+v\nwant %+v", entries[0], want)
	}
	if !entries[1].Received.Equal(f.now()) {
		t.Errorf("received %v, want now", entries[1].Received)
	}
	m.UID = 1
	if got := f.mails(alice, inbox, 9, 2, 1); len(got) != 2 || got[0].UID != 2 || !reflect.DeepEqual(got[1], m) {
		t.Errorf("mails are %+v\nwant 2 and %+v", got, m)
	}
	f.refuse(mailstore.ErrNoMailbox, alice, mailstore.Append{Box: 99, Mail: newMail(1), Size: 1})
	f.refuse(mailstore.ErrNoMailbox, alice, mailstore.Append{Box: math.MaxUint64, Mail: newMail(1), Size: 1})
	f.refuse(mailstore.ErrNoMailbox, alice, mailstore.Append{Box: inbox | 1<<32, Mail: newMail(1), Size: 1})
	if _, err := f.Apply(context.Background(), alice, []mailstore.Change{mailstore.Append{Box: inbox, Size: 1}}); err == nil {
		t.Error("a mail without letters was taken")
	}
	m.Letters[0].Size = -1
	if _, err := f.Apply(context.Background(), alice, []mailstore.Change{mailstore.Append{Box: inbox, Mail: m, Size: 1}}); err == nil {
		t.Error("a letter of negative size was taken")
	}
}

func testLargeRows(t *testing.T, open Open) {
	f, inbox, _ := begin(t, open)
	var want [][]byte
	for _, size := range []int{0, 1, 4000, 70_000, 1 << 20, 3, 2 << 20} {
		m := newMail(5)
		m.Outer, m.Envelope = make([]byte, size), make([]byte, size/3)
		fill(m.Outer)
		fill(m.Envelope)
		f.apply(alice, mailstore.Append{Box: inbox, Mail: m, Size: int64(size)})
		want = append(want, m.Outer)
	}
	for i, m := range f.mails(alice, inbox, 1, 2, 3, 4, 5, 6, 7) {
		if !bytes.Equal(m.Outer, want[i]) || len(m.Envelope) != len(want[i])/3 {
			t.Errorf("mail %d came back changed", m.UID)
		}
	}
	f.apply(alice, mailstore.Expunge{Box: inbox})
}

func testFlags(t *testing.T, open Open) {
	f, inbox, _ := begin(t, open)
	f.deliver(alice, inbox, 1)
	for _, step := range []struct {
		op   mailstore.FlagOp
		set  string
		want string
	}{
		{mailstore.Add, `\seen Work`, `\Seen Work`},
		{mailstore.Add, `WORK \Flagged`, `\Seen \Flagged Work`},
		{mailstore.Clear, `\Draft nothing`, `\Seen \Flagged Work`},
		{mailstore.Clear, `work \SEEN`, `\Flagged`},
		{mailstore.Replace, `$Junk \Deleted b a`, `\Deleted $Junk b a`},
		{mailstore.Replace, `A B c`, `b a c`},
		{mailstore.Replace, ``, ``},
		{mailstore.Replace, `\Draft \Deleted \Flagged \Answered \Seen`, `\Seen \Answered \Flagged \Deleted \Draft`},
	} {
		before := f.entries(alice, inbox, 0)[0]
		e := f.apply(alice, mailstore.SetFlags{Box: inbox, UIDs: []mailstore.UID{1}, Op: step.op, Flags: strings.Fields(step.set)})[0]
		after := f.entries(alice, inbox, 0)[0]
		if got := strings.Join(after.Flags, " "); got != step.want {
			t.Errorf("%d %s: got %s, want %s", step.op, step.set, got, step.want)
		}
		if changed := strings.Join(before.Flags, " ") != step.want; changed != (after.Modseq > before.Modseq) || changed != (len(e.UIDs) == 1) || changed != (e.Modseq != 0) {
			t.Errorf("%d %s: changed is %v; MODSEQ %d, then %d; event %+v", step.op, step.set, changed, before.Modseq, after.Modseq, e)
		}
	}
	f.deliver(alice, inbox, 3)
	e := f.apply(alice, mailstore.SetFlags{Box: inbox, UIDs: []mailstore.UID{4, 9, 2, 4, 1}, Op: mailstore.Add, Flags: []string{mailstore.Seen}})[0]
	same(t, "changed", e.UIDs, []mailstore.UID{4, 2}) // 1 had it, 9 is not there
	for _, entry := range f.entries(alice, inbox, e.Modseq-1) {
		if entry.Modseq != e.Modseq {
			t.Errorf("one change gave MODSEQs %d and %d", e.Modseq, entry.Modseq)
		}
	}
	for _, keyword := range []string{"once", "twice", "thrice"} { // a message below others that changes often
		e = f.apply(alice, mailstore.SetFlags{Box: inbox, UIDs: []mailstore.UID{2}, Op: mailstore.Add, Flags: []string{keyword}})[0]
		same(t, "changed last", uids(f.entries(alice, inbox, e.Modseq-1)), []mailstore.UID{2})
	}
	f.refuse(mailstore.ErrNoMailbox, alice, mailstore.SetFlags{Box: 99, UIDs: []mailstore.UID{1}})
}

func testFlagLimits(t *testing.T, open Open) {
	f, inbox, _ := begin(t, open)
	f.deliver(alice, inbox, 1)
	for _, bad := range []string{`\Recent`, `\Custom`, `\`, ``, `a b`, `a(b`, `a"b`, `a\b`, `a]`, `{`, `%`, `*`, "tab\t", "nul\x00", "é", strings.Repeat("k", 65)} {
		for _, op := range []mailstore.FlagOp{mailstore.Replace, mailstore.Add, mailstore.Clear} {
			f.refuse(mailstore.ErrFlag, alice, mailstore.SetFlags{Box: inbox, UIDs: []mailstore.UID{1}, Op: op, Flags: []string{bad}})
		}
		f.refuse(mailstore.ErrFlag, alice, mailstore.Append{Box: inbox, Mail: newMail(1), Size: 1, Flags: []string{bad}})
	}
	var keywords []string
	for i := range 64 {
		keywords = append(keywords, fmt.Sprintf("%s%02d", strings.Repeat("k", 62), i))
	}
	f.apply(alice, mailstore.SetFlags{Box: inbox, UIDs: []mailstore.UID{1}, Flags: append(keywords, `\Seen`)})
	f.refuse(mailstore.ErrFlag, alice, mailstore.SetFlags{Box: inbox, UIDs: []mailstore.UID{1}, Op: mailstore.Add, Flags: []string{"one-more"}})
	if got := f.entries(alice, inbox, 0)[0].Flags; len(got) != 65 {
		t.Errorf("%d flags, want 65", len(got))
	}
}

func testUnless(t *testing.T, open Open) {
	f, inbox, _ := begin(t, open)
	f.deliver(alice, inbox, 3)
	at := f.mailbox(alice, "INBOX").Modseq
	f.apply(alice, mailstore.SetFlags{Box: inbox, UIDs: []mailstore.UID{2}, Op: mailstore.Add, Flags: []string{"x"}})
	e := f.apply(alice, mailstore.SetFlags{Box: inbox, UIDs: []mailstore.UID{1, 2, 3}, Op: mailstore.Add, Flags: []string{"y"}, Unless: at})[0]
	same(t, "changed", e.UIDs, []mailstore.UID{1, 3})
	same(t, "failed", e.Failed, []mailstore.UID{2})
}

func testCopy(t *testing.T, open Open) {
	f, inbox, other := begin(t, open)
	m := newMail(2)
	f.apply(alice, mailstore.Append{Box: inbox, Mail: m, Size: 7, Flags: []string{"k", mailstore.Seen}})
	f.deliver(alice, inbox, 2)
	f.tick(time.Hour)
	e := f.apply(alice, mailstore.Copy{From: inbox, To: other, UIDs: []mailstore.UID{3, 1, 8, 3}})[0]
	same(t, "sources", e.Sources, []mailstore.UID{3, 1})
	same(t, "UIDs", e.UIDs, []mailstore.UID{1, 2})
	if e.Box != other || e.Valid != f.mailbox(alice, "Other").UIDValidity {
		t.Errorf("event is %+v", e)
	}
	from, to := f.entries(alice, inbox, 0)[0], f.entries(alice, other, 0)[1]
	if !to.Saved.Equal(f.now()) || !from.Saved.Before(to.Saved) || !to.Received.Equal(from.Received) || to.Size != 7 || len(to.Flags) != 2 {
		t.Errorf("copy of %+v is %+v", from, to)
	}
	if got := f.mails(alice, other, 2)[0]; got.ID != m.ID || !reflect.DeepEqual(got.Letters, m.Letters) {
		t.Errorf("copied mail is %+v", got)
	}
	f.apply(alice, mailstore.Copy{From: other, To: other, UIDs: []mailstore.UID{2}}) // beside itself

	// Three entries point at m's blobs; the last one frees them.
	for i, c := range []mailstore.Change{
		mailstore.Expunge{Box: inbox, UIDs: []mailstore.UID{1}},
		mailstore.Expunge{Box: other, UIDs: []mailstore.UID{3}},
		mailstore.Expunge{Box: other, UIDs: []mailstore.UID{2}},
	} {
		if freed := f.apply(alice, c)[0].Freed; (len(freed) == 2) != (i == 2) {
			t.Errorf("expunge %d freed %v", i, freed)
		}
	}
	if e := f.apply(alice, mailstore.Copy{From: inbox, To: other, UIDs: []mailstore.UID{77}})[0]; e.UIDs != nil || e.Modseq != 0 {
		t.Errorf("copying nothing gave %+v", e)
	}
	f.refuse(mailstore.ErrNoMailbox, alice, mailstore.Copy{From: inbox, To: 99, UIDs: []mailstore.UID{2}})
	f.refuse(mailstore.ErrNoMailbox, alice, mailstore.Copy{From: 99, To: inbox, UIDs: []mailstore.UID{2}})
}

func testMove(t *testing.T, open Open) {
	f, inbox, other := begin(t, open)
	m := newMail(2)
	f.apply(alice, mailstore.Append{Box: inbox, Mail: m, Size: 7, Flags: []string{"k"}})
	f.deliver(alice, inbox, 2)
	usage, since := f.usage(alice), f.mailbox(alice, "INBOX").Modseq
	e := f.apply(alice, mailstore.Move{From: inbox, To: other, UIDs: []mailstore.UID{3, 1, 1}})[0]
	same(t, "sources", e.Sources, []mailstore.UID{3, 1})
	same(t, "UIDs", e.UIDs, []mailstore.UID{1, 2})
	same(t, "left", uids(f.entries(alice, inbox, 0)), []mailstore.UID{2})
	for _, gone := range f.entries(alice, inbox, since) {
		if !gone.Gone || gone.Modseq != e.Modseq {
			t.Errorf("the source logs %+v, want gone at %d", gone, e.Modseq)
		}
	}
	if e.Freed != nil || f.usage(alice) != usage {
		t.Errorf("moving freed %v and changed usage from %+v to %+v", e.Freed, usage, f.usage(alice))
	}
	if got := f.mails(alice, other, 2)[0]; got.ID != m.ID || !reflect.DeepEqual(got.Letters, m.Letters) {
		t.Errorf("moved mail is %+v", got)
	}
	e = f.apply(alice, mailstore.Move{From: other, To: other, UIDs: []mailstore.UID{1}})[0] // to itself: a new UID
	same(t, "UIDs", uids(f.entries(alice, other, 0)), []mailstore.UID{2, 3})
	sameSet(t, "freed", f.apply(alice, mailstore.Expunge{Box: other, UIDs: []mailstore.UID{2}})[0].Freed, blobs(m))

	// There, back and away in one call.
	f.apply(alice, mailstore.Move{From: other, To: inbox, UIDs: []mailstore.UID{3}}, mailstore.Copy{From: inbox, To: other, UIDs: []mailstore.UID{4}},
		mailstore.Move{From: inbox, To: other, UIDs: []mailstore.UID{4}}, mailstore.Expunge{Box: other, UIDs: []mailstore.UID{4}})
	same(t, "UIDs", uids(f.entries(alice, other, 0)), []mailstore.UID{5})
}

func testExpunge(t *testing.T, open Open) {
	f, inbox, other := begin(t, open)
	f.deliver(alice, inbox, 3, mailstore.Deleted)
	f.deliver(alice, inbox, 3)
	e := f.apply(alice, mailstore.Expunge{Box: inbox, UIDs: []mailstore.UID{5, 2, 2, 99}, OnlyDeleted: true})[0]
	same(t, "expunged", e.UIDs, []mailstore.UID{2})
	e = f.apply(alice, mailstore.Expunge{Box: inbox, OnlyDeleted: true})[0]
	same(t, "expunged", e.UIDs, []mailstore.UID{1, 3})
	e = f.apply(alice, mailstore.Expunge{Box: inbox, UIDs: []mailstore.UID{}})[0]
	if e.UIDs != nil || e.Modseq != 0 {
		t.Errorf("an empty list of UIDs expunged %v", e.UIDs)
	}
	e = f.apply(alice, mailstore.Expunge{Box: inbox})[0]
	same(t, "expunged", e.UIDs, []mailstore.UID{4, 5, 6})
	if len(e.Freed) != 3 {
		t.Errorf("freed %v", e.Freed)
	}
	// The highest UID is gone, and is not given again.
	same(t, "next UID", f.deliver(alice, inbox, 1), []mailstore.UID{7})
	f.refuse(mailstore.ErrNoMailbox, alice, mailstore.Expunge{Box: 99})

	// Born and gone in one call.
	m := newMail(1)
	both := f.apply(alice, mailstore.Append{Box: other, Mail: m, Size: 1}, mailstore.Expunge{Box: other})
	sameSet(t, "freed", both[1].Freed, blobs(m))
	if b := f.mailbox(alice, "Other"); b.UIDNext != 2 || b.Expunged != 1 {
		t.Errorf("mailbox is %+v", b)
	}
}

func testEntries(t *testing.T, open Open) {
	f, inbox, _ := begin(t, open)
	f.deliver(alice, inbox, 2500)
	all := f.entries(alice, inbox, 0)
	if len(all) != 2500 {
		t.Fatalf("%d entries", len(all))
	}
	if got := f.mails(alice, inbox, uids(all)...); len(got) != 2500 || got[2499].UID != 2500 {
		t.Errorf("%d mails", len(got))
	}
	f.apply(alice, mailstore.SetFlags{Box: inbox, UIDs: []mailstore.UID{2000, 10}, Op: mailstore.Add, Flags: []string{"x"}})
	f.apply(alice, mailstore.Expunge{Box: inbox, UIDs: []mailstore.UID{5}})
	f.apply(alice, mailstore.SetFlags{Box: inbox, UIDs: []mailstore.UID{9}, Op: mailstore.Add, Flags: []string{"x"}})
	got := f.entries(alice, inbox, all[2498].Modseq)
	same(t, "changed", uids(got), []mailstore.UID{2500, 10, 2000, 5, 9})
	if !got[3].Gone || got[3].Size != 0 || got[3].Flags != nil || !got[3].Received.IsZero() {
		t.Errorf("an expunged entry is %+v", got[3])
	}
	for _, since := range []mailstore.Modseq{f.mailbox(alice, "INBOX").Modseq, math.MaxInt64, math.MaxUint64} {
		if got := f.entries(alice, inbox, since); got != nil {
			t.Errorf("changed since %d: %v", since, got)
		}
	}
	for range f.Entries(context.Background(), alice, inbox, 0) {
		break // a reader may leave
	}
	for range f.Mails(context.Background(), alice, inbox, uids(all)) {
		break
	}
	for range f.Blobs(context.Background()) {
		break
	}
}

// A slow reader sees the moment it began at, and holds nobody up.
func testOneMoment(t *testing.T, open Open) {
	f, inbox, other := begin(t, open)
	f.deliver(alice, inbox, 2100)
	var got []mailstore.UID
	for e, err := range f.Entries(context.Background(), alice, inbox, 0) {
		if err != nil {
			t.Fatal(err)
		}
		if len(got) == 0 {
			f.apply(alice, mailstore.SetFlags{Box: inbox, UIDs: []mailstore.UID{2050}, Op: mailstore.Add, Flags: []string{"x"}},
				mailstore.Move{From: inbox, To: other, UIDs: []mailstore.UID{2060}})
		}
		if e.Flags != nil {
			t.Error("an entry shows what happened later")
		}
		got = append(got, e.UID)
	}
	if len(got) != 2100 {
		t.Errorf("%d entries, want those of one moment: 2100", len(got))
	}
	n := 0
	for m, err := range f.Mails(context.Background(), alice, inbox, got) {
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			f.apply(alice, mailstore.Expunge{Box: inbox})
		}
		if m.UID == 2060 {
			t.Error("a mail is listed that was moved before")
		}
		n++
	}
	if n == 0 || n == 2100 {
		t.Errorf("%d mails read over an expunge of all", n)
	}
}

func testLog(t *testing.T, open Open) {
	const remember = 50
	f := start(t, open, remember)
	inbox := f.apply(alice, mailstore.SetQuota{}, mailstore.Create{Name: "INBOX"})[1].Box
	f.deliver(alice, inbox, 200)
	for uid := range mailstore.UID(100) {
		f.apply(alice, mailstore.Expunge{Box: inbox, UIDs: []mailstore.UID{uid + 1}})
		b := f.mailbox(alice, "INBOX")
		if b.Expunged > remember+1 || uid >= remember && b.Expunged < remember {
			t.Fatalf("after %d expunges %d are remembered", uid+1, b.Expunged)
		}
		if (b.Floor == 0) != (uid+1 <= remember) {
			t.Fatalf("after %d expunges the floor is %d", uid+1, b.Floor)
		}
	}
	b := f.mailbox(alice, "INBOX")
	gone := 0
	for _, e := range f.entries(alice, inbox, b.Floor) {
		if e.Gone {
			gone++
		}
	}
	if gone != int(b.Expunged) {
		t.Errorf("%d expunges listed since the floor, %d remembered", gone, b.Expunged)
	}
	// One expunge of many is remembered whole until the next.
	f.apply(alice, mailstore.Expunge{Box: inbox})
	f.deliver(alice, inbox, 1)
	f.apply(alice, mailstore.Expunge{Box: inbox})
}

// Two owners' ids are the same numbers, and lead nowhere else.
func testWalls(t *testing.T, open Open) {
	f, inbox, _ := begin(t, open)
	theirs := f.apply(bob, mailstore.SetQuota{}, mailstore.Create{Name: "INBOX"})[1].Box
	f.deliver(alice, inbox, 3)
	f.deliver(bob, theirs, 1)
	if theirs != inbox {
		t.Logf("ids %d and %d differ", inbox, theirs)
	}
	for _, box := range []mailstore.MailboxID{inbox, inbox + 1, 0, math.MaxUint64, inbox | 1<<32} {
		if got := f.entries("nobody", box, 0); got != nil {
			t.Errorf("nobody sees %v", got)
		}
		if got := f.entries(bob, box, 0); len(got) > 1 {
			t.Errorf("bob sees %v", got)
		}
		if got := f.mails(bob, box, 2, 3); got != nil {
			t.Errorf("bob reads %v", got)
		}
	}
	f.refuse(mailstore.ErrNoMailbox, bob, mailstore.Expunge{Box: inbox + 1})
	f.refuse(mailstore.ErrNoMailbox, bob, mailstore.Copy{From: inbox + 1, To: theirs, UIDs: []mailstore.UID{1}})
	f.apply(bob, mailstore.Expunge{Box: theirs, UIDs: []mailstore.UID{1, 2, 3}})
	if got := f.entries(alice, inbox, 0); len(got) != 3 {
		t.Errorf("alice has %v left", got)
	}
}
