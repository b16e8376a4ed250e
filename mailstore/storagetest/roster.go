package storagetest

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"sealpost/mailstore"
)

// checkRoster compares what an index keeps beside entries with the entries.
func checkRoster(t TB, x mailstore.Index, o mailstore.Owner, b mailstore.Mailbox, s state) {
	t.Helper()
	ctx := context.Background()
	entries := s.Entries[b.ID]
	want := mailstore.Roster{Mailbox: b, UIDs: mailstore.UIDsOf(uids(entries)...)}
	var unseen, deleted []mailstore.UID
	for _, e := range entries {
		if !slices.Contains(e.Flags, mailstore.Seen) {
			unseen = append(unseen, e.UID)
		}
		if slices.Contains(e.Flags, mailstore.Deleted) {
			deleted = append(deleted, e.UID)
		}
		for _, f := range e.Flags {
			if f = strings.ToLower(f); f[0] != '\\' && !slices.Contains(want.Keywords, f) {
				want.Keywords = append(want.Keywords, f)
			}
		}
	}
	slices.Sort(want.Keywords)
	if len(unseen) > 0 {
		want.FirstUnseen = unseen[0]
	}
	got, err := x.Roster(ctx, o, b.ID)
	if got = folded(got); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("mailbox %d: roster is %+v, %v\nits entries say %+v", b.ID, got, err, want)
	}
	for mark, uids := range map[mailstore.Mark][]mailstore.UID{mailstore.MarkUnseen: unseen, mailstore.MarkDeleted: deleted} {
		if got, err := x.Marked(ctx, o, b.ID, mark); err != nil || !got.Equal(mailstore.UIDsOf(uids...)) {
			t.Errorf("mailbox %d: set %d is %v, %v, its entries say %v", b.ID, mark, got, err, uids)
		}
	}
	checkChanges(t, x, o, b, s)
	checkList(t, x, o, b, s)
}

// folded is a roster whose keywords are in one spelling: which of several it shows
// is the engine's affair.
func folded(r mailstore.Roster) mailstore.Roster {
	r.Keywords = slices.Clone(r.Keywords)
	for i, k := range r.Keywords {
		r.Keywords[i] = strings.ToLower(k)
	}
	return r
}

// checkChanges compares what changed since some moments with the log.
func checkChanges(t TB, x mailstore.Index, o mailstore.Owner, b mailstore.Mailbox, s state) {
	t.Helper()
	for _, since := range []mailstore.Modseq{0, 1, b.Floor, b.Modseq / 2, b.Modseq - 1, b.Modseq, b.Modseq + 1} {
		want := mailstore.Changes{Mailbox: b}
		want.Changed = uidsAfter(s.Entries[b.ID], since, false)
		want.Vanished = uidsAfter(s.Log[b.ID], since, true)
		if since < b.Floor {
			want.Vanished = mailstore.UIDSpan(1, b.UIDNext-1).Without(uids(s.Entries[b.ID])...)
		}
		got, err := x.Changes(context.Background(), o, b.ID, since)
		if err != nil || got.Mailbox != b || !got.Changed.Equal(want.Changed) || !got.Vanished.Equal(want.Vanished) {
			t.Errorf("mailbox %d, since %d: %+v, %v\nwant %+v", b.ID, since, got, err, want)
		}
	}
}

// uidsAfter are those of some entries that are above a MODSEQ.
func uidsAfter(entries []mailstore.Entry, since mailstore.Modseq, gone bool) mailstore.UIDSet {
	var found []mailstore.UID
	for _, e := range entries {
		if e.Modseq > since && e.Gone == gone {
			found = append(found, e.UID)
		}
	}
	return mailstore.UIDsOf(found...)
}

// checkList wants of List what Entries and Mails say.
func checkList(t TB, x mailstore.Index, o mailstore.Owner, b mailstore.Mailbox, s state) {
	t.Helper()
	all := mailstore.UIDsOf(uids(s.Entries[b.ID])...)
	for _, c := range []mailstore.Columns{{}, {Envelope: true}, {Whole: true}} {
		at := 0
		for line, err := range x.List(context.Background(), o, b.ID, mailstore.UIDSpan(1, all.Last()), c) {
			if err != nil || at == len(s.Entries[b.ID]) {
				t.Fatalf("mailbox %d: line %d: %v", b.ID, at, err)
			}
			mail := mailstore.Mail{}
			if c != (mailstore.Columns{}) {
				mail = shown(s.Mails[b.ID][at], c)
			}
			if !reflect.DeepEqual(line.Entry, s.Entries[b.ID][at]) || !reflect.DeepEqual(line.Mail, mail) {
				t.Errorf("mailbox %d: line %+v, want %+v %+v", b.ID, line, s.Entries[b.ID][at], mail)
			}
			at++
		}
		if at != len(s.Entries[b.ID]) {
			t.Errorf("mailbox %d: %d lines of %d", b.ID, at, len(s.Entries[b.ID]))
		}
	}
}

// testRoster goes over the borders of pages, up and down.
func testRoster(t *testing.T, open Open) {
	f, inbox, other := begin(t, open)
	const n = 5000 // more than a page
	f.deliver(alice, inbox, n, mailstore.Seen, "$Forwarded")
	all := mailstore.UIDSpan(1, n)
	f.apply(alice,
		mailstore.SetFlags{Box: inbox, UIDs: []mailstore.UID{4096, 7}, Op: mailstore.Clear, Flags: []string{mailstore.Seen}},
		mailstore.SetFlags{Box: inbox, UIDs: []mailstore.UID{4095, 5000}, Op: mailstore.Add, Flags: []string{mailstore.Deleted, "once"}},
	)
	r := f.roster(inbox)
	if !r.UIDs.Equal(all) || r.FirstUnseen != 7 || r.Messages != n {
		t.Errorf("got %v, first unseen %d", r.UIDs, r.FirstUnseen)
	}
	same(t, "keywords", r.Keywords, []string{"$Forwarded", "once"})
	if e := f.apply(alice, mailstore.Expunge{Box: inbox, OnlyDeleted: true}); len(e[0].UIDs) != 2 {
		t.Errorf("expunged %v", e[0].UIDs)
	}
	same(t, "keywords", f.roster(inbox).Keywords, []string{"$Forwarded"})
	f.apply(alice, mailstore.Move{From: inbox, To: other, UIDs: all.Between(1, 4090).List()})
	r = f.roster(inbox)
	if r.UIDs.String() != "4091:4094,4096:4999" || r.FirstUnseen != 4096 {
		t.Errorf("got %v, first unseen %d", r.UIDs, r.FirstUnseen)
	}
	if r = f.roster(other); r.UIDs.String() != "1:4090" || r.FirstUnseen != 7 {
		t.Errorf("got %v, first unseen %d", r.UIDs, r.FirstUnseen)
	}
	f.apply(alice, mailstore.Expunge{Box: inbox})
	if r = f.roster(inbox); r.UIDs.Len() != 0 || r.FirstUnseen != 0 || r.Keywords != nil {
		t.Errorf("got %+v", r)
	}
	f.apply(alice, mailstore.Remove{Name: "Other"})
	for _, box := range []mailstore.MailboxID{other, 1 << 20, 1 << 40} {
		for o := range map[mailstore.Owner]bool{alice: true, bob: true} {
			_, err := f.Roster(context.Background(), o, box)
			_, failed := f.Changes(context.Background(), o, box, 0)
			marked, none := f.Marked(context.Background(), o, box, mailstore.MarkUnseen)
			if !errors.Is(err, mailstore.ErrNoMailbox) || !errors.Is(failed, mailstore.ErrNoMailbox) || marked.Len() > 0 || none != nil {
				t.Errorf("a mailbox that is not there: %v, %v, %v, %v", err, failed, marked, none)
			}
		}
	}
}

func (f *fixture) roster(box mailstore.MailboxID) mailstore.Roster {
	f.t.Helper()
	r, err := f.Roster(context.Background(), alice, box)
	if err != nil {
		f.t.Fatal(err)
	}
	return r
}

// testAway is a client that comes back after much has happened.
func testAway(t *testing.T, open Open) {
	f := start(t, open, 10)
	inbox := f.apply(alice, mailstore.SetQuota{}, mailstore.Create{Name: "INBOX"})[1].Box
	f.deliver(alice, inbox, 300)
	since := f.roster(inbox).Modseq
	f.apply(alice, mailstore.SetFlags{Box: inbox, UIDs: []mailstore.UID{200, 201, 10}, Op: mailstore.Add, Flags: []string{mailstore.Seen}})
	f.apply(alice, mailstore.Expunge{Box: inbox, UIDs: []mailstore.UID{3, 4, 201}})
	f.deliver(alice, inbox, 2)
	c, err := f.Changes(context.Background(), alice, inbox, since)
	if err != nil || c.Changed.String() != "10,200,301:302" || c.Vanished.String() != "3:4,201" || c.Messages != 299 {
		t.Errorf("got %+v, %v", c, err)
	}
	for u := mailstore.UID(20); u < 60; u++ { // more than are remembered
		f.apply(alice, mailstore.Expunge{Box: inbox, UIDs: []mailstore.UID{u}})
	}
	c, err = f.Changes(context.Background(), alice, inbox, since)
	if err != nil || c.Vanished.String() != "3:4,20:59,201" || since >= c.Floor {
		t.Errorf("got %+v, %v", c, err)
	}
}

// testList reads what others change meanwhile.
func testList(t *testing.T, open Open) {
	f, inbox, _ := begin(t, open)
	const n = 1200
	f.deliver(alice, inbox, n, mailstore.Seen)
	var asked []mailstore.UID
	for u := mailstore.UID(1); u <= n; u += 7 {
		asked = append(asked, u)
	}
	var got []mailstore.UID
	set := mailstore.UIDsOf(asked...).Union(mailstore.UIDSpan(100, 130)).With(n+500, 1<<31)
	for line, err := range f.List(context.Background(), alice, inbox, set, mailstore.Columns{Envelope: true}) {
		if err != nil {
			t.Fatal(err)
		}
		if string(line.Mail.Envelope) != "envelope" || line.Mail.UID != line.UID || line.Mail.Outer != nil || line.Mail.Letters != nil {
			t.Fatalf("got %+v", line)
		}
		got = append(got, line.UID)
	}
	same(t, "lines", got, set.Between(1, n).List())
	var keywords, lines int
	before := f.roster(inbox).Modseq
	for line, err := range f.List(context.Background(), alice, inbox, mailstore.UIDSpan(1, n), mailstore.Columns{}) {
		if err != nil {
			t.Fatal(err)
		}
		if lines++; lines == 1 { // most of it is changed or goes while it is read
			f.apply(alice, mailstore.SetFlags{Box: inbox, UIDs: mailstore.UIDSpan(1, n).List(), Op: mailstore.Add, Flags: []string{"late"}})
			f.apply(alice, mailstore.Expunge{Box: inbox, UIDs: mailstore.UIDSpan(n-9, n).List()})
		}
		if slices.Contains(line.Flags, "late") != (line.Modseq > before) {
			t.Fatalf("flags %q of another moment than MODSEQ %d", line.Flags, line.Modseq)
		}
		if slices.Contains(line.Flags, "late") {
			keywords++
		}
	}
	if lines < n-10 || lines > n || lines == keywords {
		t.Errorf("%d lines, %d of them changed", lines, keywords)
	}
	for range f.List(context.Background(), alice, inbox, set, mailstore.Columns{Whole: true}) {
		break
	}
	for _, err := range f.List(context.Background(), bob, inbox, set, mailstore.Columns{}) {
		t.Errorf("another owner's: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for _, err := range f.List(ctx, alice, inbox, set, mailstore.Columns{}) {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	}
}
