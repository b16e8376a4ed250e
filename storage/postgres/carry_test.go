package postgres

import (
	"context"
	"errors"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"sealpost/filestore/nodekey"
	indextest "sealpost/mailstore/storagetest"
	"sealpost/move/carry"
	"sealpost/move/carry/storagetest"
	livetest "sealpost/move/live/storagetest"
	"sealpost/storage/bolt"
)

// People wander between the embedded engine and this one.
func TestCarried(t *testing.T) {
	t.Parallel()
	homes := &engines{isolation: "read committed"}
	open := func(t testing.TB, o storagetest.Options) ([2]storagetest.Engine, func()) {
		key := nodekey.Random()
		x, leave := homes.take(t)
		x.o.Now, x.o.Remember, x.o.RememberBoxes = time.Now, 100_000, 10_000
		if o.Now != nil {
			x.o.Now = o.Now
		}
		if o.Remember > 0 {
			x.o.Remember = o.Remember
		}
		if o.RememberBoxes > 0 {
			x.o.RememberBoxes = o.RememberBoxes
		}
		known, err := x.Known(context.Background(), key)
		if err != nil {
			t.Fatal(err)
		}
		embedded, done := embeddedEnd(t, key, bolt.Options{Now: o.Now, Remember: o.Remember, RememberBoxes: o.RememberBoxes})
		cluster := &carry.End{Index: x.Index(), Cabinet: x.Cabinet(), Drive: x.Drive(), Accounts: x.Accounts(), SignIns: x.SignIns(), Rows: known.Carried()}
		ends := [2]storagetest.Engine{{End: embedded}, {End: cluster, Check: func(t indextest.TB) { checkRows(t, x.DB) }}}
		return ends, func() {
			done()
			leave()
		}
	}
	for name, suite := range livetest.Suites() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			suite(t, open)
		})
	}
}

func embeddedEnd(t testing.TB, key *nodekey.Key, o bolt.Options) (*carry.End, func()) {
	dir := t.TempDir()
	d, err := bolt.Open(filepath.Join(dir, "index.db"), o)
	known, wrong := bolt.OpenKnown(filepath.Join(dir, "known.db"), key, o)
	papers, bad := bolt.OpenPapers(filepath.Join(dir, "papers.db"), key, o)
	if err := errors.Join(err, wrong, bad); err != nil {
		t.Fatal(err)
	}
	done := sync.OnceFunc(func() {
		if err := errors.Join(d.Close(), known.Close(), papers.Close()); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(done)
	rows := bolt.Carried{Index: d, Known: known, Papers: papers}
	return &carry.End{Index: d.Index(), Cabinet: d.Cabinet(), Drive: d.Drive(), Accounts: d.Accounts(), SignIns: d.SignIns(), Rows: rows}, done
}
