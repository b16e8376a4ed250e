package s3_test

import (
	"sync"
	"testing"

	"sealpost/filestore"
	"sealpost/filestore/storagetest"
	"sealpost/storage/s3"
)

// opener opens one house per test, again and again.
func opener(o s3.Options, rule s3.Rule, names ...string) func(*testing.T) filestore.Blobs {
	var mu sync.Mutex
	houses := map[*testing.T]*house{}
	return func(t *testing.T) filestore.Blobs {
		mu.Lock()
		defer mu.Unlock()
		if houses[t] == nil {
			houses[t] = build(t, o, rule, names...)
		} else {
			houses[t].open(t)
		}
		return houses[t].Blobs
	}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		o     s3.Options
		rule  s3.Rule
		names []string
	}{
		"as served":     {s3.Options{}, s3.Rule{}, []string{"east"}},
		"all large":     {s3.Options{Small: 1}, s3.Rule{}, []string{"east"}},
		"two providers": {s3.Options{}, s3.Rule{Copies: 2, Enough: 2}, []string{"east", "west", "south"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			storagetest.Blobs(t, opener(test.o, test.rule, test.names...))
		})
	}
}
