package storagetest

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"sealpost/mailstore"
)

func testQuota(t *testing.T, open Open) {
	f, inbox, other := begin(t, open)
	f.apply(alice, mailstore.SetQuota{Bytes: 3500})
	f.deliver(alice, inbox, 3)
	if u := f.usage(alice); u != (mailstore.Usage{Bytes: 3000, Messages: 3, Quota: 3500}) {
		t.Errorf("usage is %+v", u)
	}
	f.refuse(mailstore.ErrOverQuota, alice, mailstore.Append{Box: inbox, Mail: newMail(1), Size: 1})
	f.refuse(mailstore.ErrOverQuota, alice, mailstore.Copy{From: inbox, To: other, UIDs: []mailstore.UID{1}})
	f.apply(alice, mailstore.Move{From: inbox, To: other, UIDs: []mailstore.UID{1}}) // costs nothing
	f.apply(alice, mailstore.SetFlags{Box: inbox, UIDs: []mailstore.UID{2}, Op: mailstore.Add, Flags: []string{mailstore.Deleted}})
	f.apply(alice, mailstore.Expunge{Box: inbox, OnlyDeleted: true}, mailstore.Append{Box: inbox, Mail: newMail(1), Size: 1})
	f.apply(alice, mailstore.SetQuota{Bytes: 1}) // below what is there: nothing is lost, nothing gets in
	f.refuse(mailstore.ErrOverQuota, alice, mailstore.Append{Box: inbox, Mail: newMail(1), Size: 1})
	f.apply(alice, mailstore.Remove{Name: "Other"})
	f.apply(alice, mailstore.SetQuota{})
	f.deliver(alice, inbox, 1)
}

// D13: at the limit, of 64 deliveries at once exactly as many get in as fit.
func testQuotaRace(t *testing.T, open Open) {
	const rounds, writers, fit = 10, 64, 5
	f, inbox, _ := begin(t, open)
	for range rounds {
		f.apply(alice, mailstore.Expunge{Box: inbox}, mailstore.SetQuota{Bytes: fit*1000 + 999})
		var stored, refused atomic.Int32
		var all sync.WaitGroup
		for range writers {
			all.Go(func() {
				_, err := f.Apply(context.Background(), alice, []mailstore.Change{mailstore.Append{Box: inbox, Mail: newMail(1), Size: 1}})
				switch {
				case err == nil:
					stored.Add(1)
				case errors.Is(err, mailstore.ErrOverQuota):
					refused.Add(1)
				default:
					t.Error(err)
				}
			})
		}
		all.Wait()
		if stored.Load() != fit || refused.Load() != writers-fit {
			t.Fatalf("%d stored, %d refused, want %d and %d", stored.Load(), refused.Load(), fit, writers-fit)
		}
		if n := len(f.entries(alice, inbox, 0)); n != fit {
			t.Fatalf("%d entries for %d acknowledged", n, fit)
		}
		if u := f.usage(alice); u.Bytes != fit*1000 {
			t.Fatalf("usage is %d", u.Bytes)
		}
	}
}
