package bolt

import (
	"path/filepath"
	"sync"
	"testing"

	"sealpost/filestore/nodekey"
	"sealpost/smtp/outbound/queue"
	"sealpost/smtp/outbound/queue/storagetest"
)

func TestQueueStore(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	paths, key := map[*testing.T]string{}, nodekey.Random()
	storagetest.Store(t, func(t *testing.T) queue.Store {
		mu.Lock()
		defer mu.Unlock()
		if paths[t] == "" {
			paths[t] = filepath.Join(t.TempDir(), "queue.db")
		}
		return openQueueAt(t, paths[t], key)
	})
}

func openQueueAt(t testing.TB, path string, k *nodekey.Key) *Queue {
	t.Helper()
	q, err := OpenQueue(path, k, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { q.Close() })
	return q
}
