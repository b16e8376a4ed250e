package storagetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"sync"
	"testing"

	"sealpost/filestore"
	"sealpost/mailstore"
)

// A call whose last change is refused leaves nothing of the others.
func testAtomic(t *testing.T, open Open) {
	f, inbox, other := begin(t, open)
	f.deliver(alice, inbox, 3)
	f.apply(alice, mailstore.Copy{From: inbox, To: other, UIDs: []mailstore.UID{1}})
	all := []mailstore.UID{1, 2, 3}
	for _, first := range []mailstore.Change{
		mailstore.SetQuota{Bytes: 1 << 40},
		mailstore.Create{Name: "made/for/nothing"},
		mailstore.Rename{From: "Other", To: "Renamed"},
		mailstore.Rename{From: "INBOX", To: "Renamed"},
		mailstore.Remove{Name: "Other"},
		mailstore.Subscribe{Name: "s", On: true},
		mailstore.Append{Box: inbox, Mail: newMail(2), Size: 1},
		mailstore.SetFlags{Box: inbox, UIDs: all, Op: mailstore.Add, Flags: []string{mailstore.Seen}},
		mailstore.Copy{From: inbox, To: other, UIDs: all},
		mailstore.Move{From: inbox, To: other, UIDs: all},
		mailstore.Expunge{Box: inbox},
		mailstore.Forget{},
	} {
		want := mailstore.ErrNoMailbox
		if _, forgotten := first.(mailstore.Forget); forgotten {
			want = mailstore.ErrNoOwner
		}
		f.refuse(want, alice, first, mailstore.Rename{From: "nowhere", To: "y"})
	}
	if got := f.deliver(alice, inbox, 1); got[0] != 4 {
		t.Errorf("a refused append used up a UID: the next is %d", got[0])
	}
}

func testCancelled(t *testing.T, open Open) {
	f, inbox, _ := begin(t, open)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	before := dump(t, f, alice)
	if _, err := f.Apply(ctx, alice, []mailstore.Change{mailstore.Append{Box: inbox, Mail: newMail(1), Size: 1}}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if !reflect.DeepEqual(before, dump(t, f, alice)) {
		t.Error("a call that was given up changed something")
	}
	if _, err := f.Mailboxes(ctx, alice); !errors.Is(err, context.Canceled) {
		t.Errorf("Mailboxes: got %v", err)
	}
	for _, err := range f.Entries(ctx, alice, inbox, 0) {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("Entries: got %v", err)
		}
	}
}

// crowd is what many writers at once were given.
type crowd struct {
	mu      sync.Mutex
	uids    map[mailstore.MailboxID][]mailstore.UID
	modseqs []mailstore.Modseq
}

// Many write and read at once: every UID is given once and without gaps, every
// MODSEQ to one call, and a refused call beside them harms nobody.
func testConcurrent(t *testing.T, open Open) {
	const writers, each = 16, 40
	f, inbox, other := begin(t, open)
	c := crowd{uids: map[mailstore.MailboxID][]mailstore.UID{}}
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() { c.write(t, f, []mailstore.MailboxID{inbox, other}[w%2], each) })
	}
	all.Go(func() {
		for range 50 {
			entries, err := pull(f.Entries(context.Background(), alice, inbox, 0))
			if err != nil {
				t.Error(err)
			}
			if !slices.IsSortedFunc(entries, func(a, b mailstore.Entry) int { return int(a.UID) - int(b.UID) }) {
				t.Error("entries out of order")
			}
		}
	})
	all.Wait()
	for box, got := range c.uids {
		slices.Sort(got)
		for i, uid := range got {
			if uid != mailstore.UID(i+1) {
				t.Fatalf("mailbox %d: UIDs have a gap or a double at %d", box, uid)
			}
		}
	}
	slices.Sort(c.modseqs)
	if len(slices.Compact(c.modseqs)) != writers*each {
		t.Error("a MODSEQ was given twice")
	}
}

// write appends, looks whether what was acknowledged is there, and now and then
// makes a call that is refused.
func (c *crowd) write(t *testing.T, f *fixture, box mailstore.MailboxID, times int) {
	last := mailstore.UID(0)
	for i := range times {
		if i%8 == 7 {
			refused := []mailstore.Change{mailstore.Create{Name: fmt.Sprint("n", rand.Uint32())}, mailstore.Append{Box: 1 << 20, Mail: newMail(1)}}
			if _, err := f.Apply(context.Background(), alice, refused); !errors.Is(err, mailstore.ErrNoMailbox) {
				t.Errorf("got %v", err)
			}
		}
		e, err := f.Apply(context.Background(), alice, []mailstore.Change{mailstore.Append{Box: box, Mail: newMail(2), Size: 10}})
		if err != nil {
			t.Error(err)
			return
		}
		if e[0].UIDs[0] <= last {
			t.Errorf("UID %d after %d", e[0].UIDs[0], last)
		}
		last = e[0].UIDs[0]
		c.mu.Lock()
		c.uids[box] = append(c.uids[box], last)
		c.modseqs = append(c.modseqs, e[0].Modseq)
		c.mu.Unlock()
		if got, err := pull(f.Mails(context.Background(), alice, box, []mailstore.UID{last})); err != nil || len(got) != 1 {
			t.Errorf("mail %d: %d found, %v", last, len(got), err)
		}
	}
}

func pull[T any](seq func(func(T, error) bool)) ([]T, error) {
	var all []T
	for v, err := range seq {
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, nil
}

func testDurable(t *testing.T, open Open) {
	f, inbox, other := begin(t, open)
	if f.Reopen == nil {
		t.Skip("this engine keeps nothing")
	}
	f.apply(alice, mailstore.SetQuota{Bytes: 1 << 30}, mailstore.Create{Name: "Sent", Use: `\Sent`}, mailstore.Subscribe{Name: "gone", On: true})
	f.deliver(alice, inbox, 20, "keyword", mailstore.Seen)
	f.apply(alice, mailstore.Copy{From: inbox, To: other, UIDs: []mailstore.UID{1, 2, 3}}, mailstore.Expunge{Box: inbox, UIDs: []mailstore.UID{20, 4}})
	f.apply(alice, mailstore.Remove{Name: "Sent"})
	before := dump(t, f, alice)
	f.Engine.Index = f.Reopen()
	if after := dump(t, f, alice); !reflect.DeepEqual(before, after) {
		t.Errorf("before and after closing:\n%+v\n%+v", before, after)
	}
	same(t, "next UID", f.deliver(alice, inbox, 1), []mailstore.UID{21})
	if freed := f.apply(alice, mailstore.Expunge{Box: inbox})[0].Freed; len(freed) != 16 {
		t.Errorf("freed %d blobs: shares were forgotten", len(freed))
	}
	var left []filestore.ID
	for id, err := range f.Blobs(context.Background()) {
		if err != nil {
			t.Fatal(err)
		}
		left = append(left, id)
	}
	if len(left) != 3 {
		t.Errorf("%d blobs left, want 3", len(left))
	}
}
