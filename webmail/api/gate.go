package api

import (
	"sync"

	"sealpost/account"
)

// A gate bounds what goes on at the same time: of one account, and in all.
type gate struct {
	each, all int

	mu     sync.Mutex
	inside map[account.ID]int
	n      int
}

// gates are those of an API.
type gates struct {
	heavy   gate // listings, letters, appended mail
	large   gate // boxes that are held in memory while they come
	stream  gate // of events
	strange gate // what strangers fetch and answer, for each network
	parts   gate // of files on their way in
	batches gate // of small ones, which are held in memory while they come
	files   gate // on their way out, which may take long
	shared  gate // either of them, of strangers, for each network
	lists   gate // of links, which have boxes
}

func newGates() *gates {
	return &gates{
		heavy:   gate{each: 12, all: 512},
		large:   gate{each: 2, all: 8},
		stream:  gate{each: 32, all: 8192},
		strange: gate{each: 4, all: 32},
		parts:   gate{each: 8, all: 64},
		batches: gate{each: 4, all: 16},
		files:   gate{each: 16, all: 1024},
		shared:  gate{each: 8, all: 1024},
		lists:   gate{each: 2, all: 8},
	}
}

// enter lets a caller in, who must leave; or it is too many at once.
func (g *gate) enter(id account.ID) (leave func(), err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.n >= g.all || g.inside[id] >= g.each {
		return nil, slowDown(2)
	}
	if g.inside == nil {
		g.inside = map[account.ID]int{}
	}
	g.n++
	g.inside[id]++
	return sync.OnceFunc(func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.n--
		if g.inside[id]--; g.inside[id] == 0 {
			delete(g.inside, id)
		}
	}), nil
}
