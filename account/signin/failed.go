package signin

import (
	"slices"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"sealpost/account"
)

// failed are tries that failed since their account's record was written last. They
// wait in memory: a guesser shall not make the disk write, and the time a refusal
// takes shall not tell that there was something to write.
type failed struct {
	mu    sync.Mutex
	lines *lru.Cache[account.ID, []Line]
}

const (
	failedAccounts = 4096
	failedEach     = 20
	failedEvery    = time.Minute // of one kind, one line
)

func newFailed() *failed { return &failed{lines: bounded[account.ID, []Line](failedAccounts)} }

func bounded[K comparable, V any](n int) *lru.Cache[K, V] {
	c, err := lru.New[K, V](n)
	if err != nil {
		panic(err) // only for a size below one
	}
	return c
}

func (f *failed) add(id account.ID, l Line) {
	f.mu.Lock()
	defer f.mu.Unlock()
	lines, _ := f.lines.Get(id)
	for _, old := range lines {
		if old.How == l.How && l.At.Sub(old.At) < failedEvery {
			return
		}
	}
	if len(lines) >= failedEach {
		lines = slices.Delete(slices.Clone(lines), 0, 1)
	}
	f.lines.Add(id, append(slices.Clone(lines), l))
}

// take gives the lines to who writes them down.
func (f *failed) take(id account.ID) []Line {
	f.mu.Lock()
	defer f.mu.Unlock()
	lines, _ := f.lines.Get(id)
	f.lines.Remove(id)
	return lines
}

func (f *failed) look(id account.ID) []Line {
	f.mu.Lock()
	defer f.mu.Unlock()
	lines, _ := f.lines.Peek(id)
	return slices.Clone(lines)
}

func (f *failed) accounts() []account.ID {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.lines.Keys()
}
