package disk_test

import (
	"flag"
	"sync"
	"testing"

	"sealpost/filestore"
	"sealpost/filestore/storagetest"
	"sealpost/storage/disk"
)

var long = flag.Bool("long", false, "many more rounds of crashes")

func open(t testing.TB, dir string, o disk.Options) *disk.Blobs {
	t.Helper()
	b, err := disk.Open(dir, o)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

// opener opens one folder per test, again and again.
func opener(o disk.Options) func(*testing.T) filestore.Blobs {
	var mu sync.Mutex
	dirs := map[*testing.T]string{}
	return func(t *testing.T) filestore.Blobs {
		mu.Lock()
		defer mu.Unlock()
		if dirs[t] == "" {
			dirs[t] = t.TempDir()
		}
		return open(t, dirs[t], o)
	}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]disk.Options{
		"as served":      {},
		"tiny segments":  {Segment: 1},
		"small segments": {Segment: 100 << 10},
		"all large":      {Small: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			storagetest.Blobs(t, opener(o))
		})
	}
}
