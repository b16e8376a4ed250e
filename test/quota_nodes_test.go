package test

import (
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sealpost/filestore/drive"
	"sealpost/mail"
	"sealpost/mailstore"
	"sealpost/pgp"
	"sealpost/storage/s3"
	"sealpost/test/remotes"
)

// ATTACKS D13 over several nodes: 64 at once bring mail and files through two nodes, at the edge
// of the quota. What was promised is there, none of it is beyond the quota, what is used is the
// sum of what is there, and of what was refused no blob is left.
func TestQuotaRaceOfNodes(t *testing.T) {
	t.Parallel()
	r := newRemote(t, remotes.NewBuckets(t, ".."), "east")
	nodes := []*remoteRooms{r.rooms(t, map[string]s3.Rule{"": {}}, nil), r.rooms(t, map[string]s3.Rule{"": {}}, nil)}
	x := nodes[0]
	a, to := x.person("ann@demo.test")
	o := mailstore.Owner(a.ID)
	b := strings.NewReader("Subject: x\r\n\r\nhello\r\n")
	sealed, err := pgp.Seal(t.Context(), pgp.Mail{Bytes: b, Gist: mail.Look(t.Context(), b, mail.DefaultLimits), Time: time.Now()}, to)
	if err != nil {
		t.Fatal(err)
	}
	var each int64
	for _, l := range sealed.Letters() {
		each += l.Size()
	}
	rounds := 3
	if *long {
		rounds = 1000
	}
	var used int64
	for round := range rounds {
		const fit = 5
		limit := used + fit*each + each/2
		if err := x.store.Welcome(t.Context(), o, limit); err != nil {
			t.Fatal(err)
		}
		var stored atomic.Int64
		var all sync.WaitGroup
		for i := range 64 {
			n := nodes[i%2]
			all.Go(func() {
				var err error
				if i%8 < 6 {
					_, err = n.store.Deliver(t.Context(), o, mailstore.Delivery{Box: "INBOX", Sealed: sealed})
				} else {
					_, err = n.drive.Bring(t.Context(), drive.Owner(o), []drive.Small{{ID: drive.NewID(), Octets: make([]byte, each)}})
				}
				switch {
				case err == nil:
					stored.Add(1)
				case !errors.Is(err, mailstore.ErrOverQuota) && !errors.Is(err, drive.ErrQuota):
					t.Error(err)
				}
			})
		}
		all.Wait()
		usage, err := nodes[1].store.Index.Usage(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		var there int64
		for info, err := range x.blobs.All(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			there += info.Size
		}
		if stored.Load() != fit || usage.Bytes != used+fit*each || usage.Bytes != there {
			t.Fatalf("round %d: %d were promised of %d, %d octets are used of %d, %d are there", round, stored.Load(), fit, usage.Bytes, limit, there)
		}
		used = usage.Bytes
	}
}
