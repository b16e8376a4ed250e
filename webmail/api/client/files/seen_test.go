package files_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"sealpost/filestore/sealed"
	"sealpost/webmail/api/client/files"
)

// Programs of one device that note what they have seen at the same time forget nothing.
func TestSeenByMany(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	file := filepath.Join(t.TempDir(), "seen")
	var all sync.WaitGroup
	for range 6 {
		all.Go(func() {
			for range 8 {
				d := w.device()
				d.Seen = must(files.OpenSeen(file)) // a program of its own, which ends then
				if _, err := d.NewFolder(t.Context(), "x"); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	var seen map[string]uint64
	if err := json.Unmarshal(must(os.ReadFile(file)), &seen); err != nil || len(seen) != 48 {
		t.Errorf("%d of 48 folders were noted, %v", len(seen), err)
	}
}

// What waited long in the cache goes, and nothing else that is in that folder.
func TestCacheOfAnybody(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	d, cache := w.device(), t.TempDir()
	d.Now = func() time.Time { return time.Now().Add(30 * 24 * time.Hour) }
	mine := []string{"contract.sealed", "may.upload", strconv.Itoa(7) + "a.sealed"}
	old := []string{"123456789.sealed", "0123456789abcdef0123456789abcdef.upload"}
	for _, name := range append(old, mine...) {
		must(0, os.WriteFile(filepath.Join(cache, name), []byte(name), 0o600))
	}
	source := filepath.Join(t.TempDir(), "a.txt")
	must(0, os.WriteFile(source, []byte("walrus"), 0o600))
	if _, err := d.Put(t.Context(), files.Put{File: source, Folder: "/", Cache: cache}); err != nil {
		t.Fatal(err)
	}
	for _, name := range mine {
		if _, err := os.Stat(filepath.Join(cache, name)); err != nil {
			t.Error(err)
		}
	}
	for _, name := range old {
		if _, err := os.Stat(filepath.Join(cache, name)); err == nil {
			t.Errorf("%s is still there", name)
		}
	}
	if all := must(d.List(t.Context(), "/", false)); len(all) != 1 || all[0].Kind != sealed.IsFile {
		t.Errorf("%+v", all)
	}
}
