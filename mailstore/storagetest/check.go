package storagetest

import (
	"context"
	"errors"
	"reflect"
	"slices"

	"sealpost/filestore"
	"sealpost/mailstore"
)

// TB is what a check needs of a test; that of testing and that of rapid have it.
type TB interface {
	Helper()
	Error(args ...any)
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// Check recounts everything an index shows of its owners (all of them) and
// fails t for whatever does not agree with itself.
func Check(t TB, x mailstore.Index, owners ...mailstore.Owner) {
	t.Helper()
	points := map[filestore.ID]int{}
	for _, o := range owners {
		checkOwner(t, x, o, points)
	}
	for id, err := range x.Blobs(context.Background()) {
		if err != nil {
			t.Fatalf("list blobs: %v", err)
		}
		points[id]--
	}
	for id, n := range points {
		if n != 0 {
			t.Errorf("blob %s: entries that point at it and what Blobs lists differ by %d", id, n)
		}
	}
}

func checkOwner(t TB, x mailstore.Index, o mailstore.Owner, points map[filestore.ID]int) {
	t.Helper()
	s := dump(t, x, o)
	var names, uses []string
	var valid []uint32
	usage := mailstore.Usage{Quota: s.Usage.Quota}
	for _, b := range s.Boxes {
		if clean, err := mailstore.CleanName(b.Name); err != nil || clean != b.Name {
			t.Errorf("mailbox %d has a name that is not clean", b.ID)
		}
		if b.Subscribed != slices.Contains(s.Subs, b.Name) {
			t.Errorf("mailbox %d: subscribed is %v, and the list of names says otherwise", b.ID, b.Subscribed)
		}
		if b.Modseq > s.Modseq {
			t.Errorf("mailbox %d is at MODSEQ %d, and its owner at %d", b.ID, b.Modseq, s.Modseq)
		}
		names, valid = append(names, b.Name), append(valid, b.UIDValidity)
		if b.Use != "" {
			uses = append(uses, b.Use)
		}
		checkMailbox(t, b, s.Entries[b.ID])
		checkLog(t, b, s.Entries[b.ID], s.Log[b.ID])
		checkRoster(t, x, o, b, s)
		if len(s.Mails[b.ID]) != len(s.Entries[b.ID]) {
			t.Errorf("mailbox %d: %d entries, %d mails", b.ID, len(s.Entries[b.ID]), len(s.Mails[b.ID]))
		}
		for _, e := range s.Entries[b.ID] {
			if one, err := x.Entry(context.Background(), o, b.ID, e.UID); err != nil || !reflect.DeepEqual(one, e) {
				t.Errorf("mailbox %d: entry %d alone is %+v, %v; listed %+v", b.ID, e.UID, one, err, e)
			}
		}
		if _, err := x.Entry(context.Background(), o, b.ID, b.UIDNext); !errors.Is(err, mailstore.ErrNoMail) {
			t.Errorf("mailbox %d: an entry that is not there: %v", b.ID, err)
		}
		for i, m := range s.Mails[b.ID] {
			if m.UID != s.Entries[b.ID][i].UID {
				t.Errorf("mailbox %d: mail %d stands where entry %d does", b.ID, m.UID, s.Entries[b.ID][i].UID)
			}
			usage.Messages++
			for _, l := range m.Letters {
				usage.Bytes += l.Size
				points[l.ID]++
			}
		}
	}
	if usage != s.Usage {
		t.Errorf("usage is %+v, the sum of entries %+v", s.Usage, usage)
	}
	unique(t, "name", names)
	unique(t, "special use", uses)
	unique(t, "UIDVALIDITY", valid)
	if !slices.IsSorted(names) {
		t.Error("mailboxes are not in the order of their names")
	}
}

func unique[T comparable](t TB, what string, values []T) {
	t.Helper()
	seen := map[T]bool{}
	for _, v := range values {
		if seen[v] {
			t.Errorf("two mailboxes have %s %v", what, v)
		}
		seen[v] = true
	}
}

func checkMailbox(t TB, b mailstore.Mailbox, entries []mailstore.Entry) {
	t.Helper()
	count := mailstore.Mailbox{
		ID: b.ID, Name: b.Name, Use: b.Use, UIDValidity: b.UIDValidity, UIDNext: b.UIDNext, Modseq: b.Modseq,
		Floor: b.Floor, Subscribed: b.Subscribed, Expunged: b.Expunged,
	}
	last := mailstore.UID(0)
	for _, e := range entries {
		if e.UID <= last || e.UID >= b.UIDNext || e.Gone {
			t.Errorf("mailbox %d: UID %d after %d, next %d, gone %v", b.ID, e.UID, last, b.UIDNext, e.Gone)
		}
		if e.Modseq == 0 || e.Modseq > b.Modseq {
			t.Errorf("mailbox %d: MODSEQ %d of %d, highest %d", b.ID, e.Modseq, e.UID, b.Modseq)
		}
		last = e.UID
		count.Messages++
		count.Bytes += e.Size
		if !slices.Contains(e.Flags, mailstore.Seen) {
			count.Unseen++
		}
		if slices.Contains(e.Flags, mailstore.Deleted) {
			count.Deleted++
		}
	}
	if count != b {
		t.Errorf("mailbox says %+v\nrecounted %+v", b, count)
	}
	if b.UIDValidity == 0 || b.UIDNext == 0 || b.Modseq == 0 || b.ID == 0 {
		t.Errorf("mailbox has a zero number: %+v", b)
	}
}

// checkLog compares what changed since MODSEQ 1 with what there is: MODSEQ 1
// was given to the owner's first mailbox, so no entry has it.
func checkLog(t TB, b mailstore.Mailbox, entries, log []mailstore.Entry) {
	t.Helper()
	gone := map[mailstore.UID]bool{}
	there := map[mailstore.UID]mailstore.Modseq{}
	for _, e := range entries {
		there[e.UID] = e.Modseq
	}
	last := mailstore.Modseq(1)
	for _, e := range log {
		if e.Modseq < last {
			t.Errorf("mailbox %d: MODSEQ %d listed after %d", b.ID, e.Modseq, last)
		}
		last = e.Modseq
		switch {
		case e.Gone && (gone[e.UID] || there[e.UID] != 0 || e.UID >= b.UIDNext || e.Modseq > b.Modseq):
			t.Errorf("mailbox %d: UID %d is logged as expunged and should not be", b.ID, e.UID)
		case e.Gone:
			gone[e.UID] = true
		case there[e.UID] != e.Modseq:
			t.Errorf("mailbox %d: UID %d changed at %d, its entry says %d", b.ID, e.UID, e.Modseq, there[e.UID])
		}
	}
	if live := len(log) - len(gone); live != len(entries) {
		t.Errorf("mailbox %d: %d entries, %d of them in the log of changes", b.ID, len(entries), live)
	}
	if len(gone) != int(b.Expunged) {
		t.Errorf("mailbox %d: %d expunged UIDs remembered, the mailbox says %d", b.ID, len(gone), b.Expunged)
	}
}
