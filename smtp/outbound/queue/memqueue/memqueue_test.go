package memqueue

import (
	"sync"
	"testing"

	"sealpost/smtp/outbound/queue"
	"sealpost/smtp/outbound/queue/storagetest"
)

func TestStore(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	known := map[*testing.T]*Store{}
	storagetest.Store(t, func(t *testing.T) queue.Store {
		mu.Lock()
		defer mu.Unlock()
		if s := known[t]; s != nil {
			known[t] = s.Reopen()
		} else {
			known[t] = New()
		}
		return known[t]
	})
}
