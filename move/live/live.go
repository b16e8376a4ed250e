// Package live serves accounts while they move from one installation's engines to another's. A Router
// answers for both: what an owner has is asked for where it is served, and what is changed passes a gate
// of its owner, which is shut for the moment in which the owner goes to the other end. A Mover takes
// one owner after the other there.
//
// It never knows what a mail, a box or a file says, nor an engine: two ends are all it sees.
//
// Invariants: an owner is written at one end only; before anybody is let write at the other, it is durable
// that this is where the owner is served; whoever meets a shut gate waits, and hears no error for it; no row
// points at a blob that is not at its own end; of who is served nothing is removed at the end that was left.
package live

import (
	"log/slog"
	"sync"
	"time"

	"sealpost/filestore"
	"sealpost/filestore/drive"
	"sealpost/mailstore"
	"sealpost/mailstore/cabinet"
	"sealpost/move/carry"
)

// Side is one of two ends.
type Side uint8

const (
	From Side = iota // where all were served when the move began, and who is unknown still is
	To
)

func (s Side) other() Side { return 1 - s }

// Router serves owners at two ends. Near and Log are set once, before it is used.
type Router struct {
	Near Side // where a blob of which nothing is known is looked for first: where that costs less
	Log  *slog.Logger

	ends [2]*carry.End
	put  memory // of blobs that nothing points at yet

	mu    sync.Mutex
	there map[mailstore.Owner]bool      // who is served at To
	gates map[mailstore.Owner]*gate     // of who writes, or is waited for
	doubt map[mailstore.Owner]time.Time // until when a write may still land whose end nobody knows

	readers map[reader]int
}

// New makes a router. Of those there all writes went to To before.
func New(from, to *carry.End, there []mailstore.Owner, log *slog.Logger) *Router {
	r := &Router{
		Log: log, ends: [2]*carry.End{from, to}, there: map[mailstore.Owner]bool{}, gates: map[mailstore.Owner]*gate{},
		doubt: map[mailstore.Owner]time.Time{}, readers: map[reader]int{},
	}
	for _, o := range there {
		r.there[o] = true
	}
	return r
}

// Index, Cabinet, Drive and Blobs are the seams that rooms ask.
func (r *Router) Index() mailstore.Index { return index{r} }
func (r *Router) Cabinet() cabinet.Store { return boxes{r} }
func (r *Router) Drive() drive.Store     { return files{r} }
func (r *Router) Blobs() filestore.Blobs { return blobs{r} }

// At says where an owner is served.
func (r *Router) At(o mailstore.Owner) Side {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.at(o)
}

func (r *Router) at(o mailstore.Owner) Side {
	if r.there[o] {
		return To
	}
	return From
}

// reading is where an owner is read until done. Rows at the end that was left stay as they were at that
// moment, so who began to read there reads on: nobody comes back to it before.
func (r *Router) reading(o mailstore.Owner) (e *carry.End, done func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	k := reader{o, r.at(o)}
	r.readers[k]++
	return r.ends[k.at], func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.readers[k]--; r.readers[k] == 0 {
			delete(r.readers, k)
		}
	}
}

// reader is who reads an owner at an end.
type reader struct {
	o  mailstore.Owner
	at Side
}

// read asks for something of an owner.
func read[V any](r *Router, o mailstore.Owner, ask func(*carry.End) (V, error)) (V, error) {
	e, done := r.reading(o)
	defer done()
	return ask(e)
}
