package bolt

import (
	"errors"
	"path/filepath"
	"sync"
	"testing"

	"sealpost/filestore/nodekey"
	indextest "sealpost/mailstore/storagetest"
	"sealpost/move/carry"
	"sealpost/move/carry/storagetest"
	livetest "sealpost/move/live/storagetest"
)

// People wander between two files. storage/postgres has them wander between the engines.
func TestCarried(t *testing.T) {
	t.Parallel()
	open := func(t testing.TB, o storagetest.Options) (ends [2]storagetest.Engine, done func()) {
		key := nodekey.Random()
		var closing [2]func()
		for i := range ends {
			ends[i], closing[i] = carriedEnd(t, key, Options{Now: o.Now, Remember: o.Remember, RememberBoxes: o.RememberBoxes})
		}
		return ends, func() {
			closing[0]()
			closing[1]()
		}
	}
	for name, suite := range livetest.Suites() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			suite(t, open)
		})
	}
}

func carriedEnd(t testing.TB, key *nodekey.Key, o Options) (storagetest.Engine, func()) {
	dir := t.TempDir()
	d, err := Open(filepath.Join(dir, "index.db"), o)
	known, wrong := OpenKnown(filepath.Join(dir, "known.db"), key, o)
	papers, bad := OpenPapers(filepath.Join(dir, "papers.db"), key, o)
	if err := errors.Join(err, wrong, bad); err != nil {
		t.Fatal(err)
	}
	done := sync.OnceFunc(func() {
		if err := errors.Join(d.Close(), known.Close(), papers.Close()); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(done)
	end := &carry.End{
		Index: d.Index(), Cabinet: d.Cabinet(), Drive: d.Drive(), Accounts: d.Accounts(), SignIns: d.SignIns(),
		Rows: Carried{Index: d, Known: known, Papers: papers},
	}
	return storagetest.Engine{End: end, Check: func(t indextest.TB) { checkRows(t, d) }}, done
}
