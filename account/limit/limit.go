// Package limit lets several nodes keep one limit. Nobody who waits at a door waits for it: a
// node counts by itself, tells the others about once a second what was used here, and takes
// what was used there off its own.
//
// It never knows whose a limit is: a mark is a hash under a key that all nodes have.
//
// Invariants: what a node tells is counted by each other node once, or, when it could not be
// told, by none; nothing blocks who counts; memory is bounded. Without the others, limits are
// each node's own. Between two rounds nodes do not know of each other, so of what is full
// everywhere, each node gives all it has: a limit is passed at most by what the other nodes
// give within a round, and as long as a node is away, by what it gives meanwhile. What was
// given beyond a limit is owed (Debt), so that it is not given again in the next round.
package limit

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"sync"
	"time"
)

// Debt is how many times a limit may be owed: nodes beyond so many that are all at a limit
// at once are counted as so many.
const Debt = 8

const (
	every    = time.Second
	maxUses  = 16 << 10 // of one kind in a round: about 300 KB
	maxKinds = 64
	maxUse   = 1 << 20
	askTime  = 5 * time.Second
)

// Mark stands for whose a limit is.
type Mark [16]byte

// Exchange is what this room asks of a database.
type Exchange interface {
	// Tell leaves what this node used in a round, if it is not empty, and returns what other
	// nodes left since it was called last, each once. Rounds are told in their order. One that
	// is told again counts once.
	Tell(ctx context.Context, round uint64, used []byte) (others [][]byte, err error)
}

// Ledger is what one node used of all limits, and has not told yet. Its fields are set once,
// before use.
type Ledger struct {
	Secret   []byte // the same in all nodes
	Exchange Exchange
	Log      *slog.Logger
	Every    time.Duration // between two rounds; 0: a second

	mu    sync.Mutex
	kinds []*Kind

	round uint64
	told  []byte // the round that was told last, if it is not known to have arrived
	away  bool
}

// Kind is all limits of one kind. Of a nil one nobody is told: a process that is alone.
type Kind struct {
	name  string
	key   []byte
	heard func(m Mark, n int)

	mu   sync.Mutex
	uses map[Mark]int
}

// Kind makes the limits of a kind known by a name, which is the same in all nodes. heard is
// told what another node used, or gave back if n is negative, and must not wait. A nil
// ledger has none.
func (l *Ledger) Kind(name string, heard func(m Mark, n int)) *Kind {
	if l == nil {
		return nil
	}
	h := hmac.New(sha256.New, l.Secret)
	io.WriteString(h, "sealpost limit "+name)
	k := &Kind{name: name, key: h.Sum(nil), heard: heard, uses: map[Mark]int{}}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.kinds = append(l.kinds, k)
	return k
}

// Mark is that of some words.
func (k *Kind) Mark(words ...string) Mark {
	if k == nil {
		return markOf(nil, words)
	}
	return markOf(k.key, words)
}

// markOf is half a hash of a key and of words with their lengths: half, so that nobody can
// make another one of it.
func markOf(key []byte, words []string) (m Mark) {
	b := append(make([]byte, 0, 160), key...)
	for _, w := range words {
		b = binary.BigEndian.AppendUint32(b, uint32(len(w)))
		b = append(b, w...)
	}
	sum := sha256.Sum256(b)
	copy(m[:], sum[:])
	return m
}

// Used notes that n were used here; a negative n gives some back. Of more marks in a round
// than are kept, the others do not hear.
func (k *Kind) Used(m Mark, n int) {
	if k == nil {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	sum, known := k.uses[m]
	if sum += n; sum == 0 {
		delete(k.uses, m)
	} else if known || len(k.uses) < maxUses {
		k.uses[m] = min(max(sum, -maxUse), maxUse)
	}
}

// Run tells and hears until ctx ends, and tells once more then.
func (l *Ledger) Run(ctx context.Context) {
	between := l.Every
	if between == 0 {
		between = every
	}
	tick := time.NewTicker(between)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			l.Round(context.WithoutCancel(ctx))
			return
		case <-tick.C:
		}
		l.Round(ctx)
	}
}

// Round tells and hears once. What could not be told is told in the next round. It is called
// by one goroutine at a time.
func (l *Ledger) Round(ctx context.Context) {
	if l.told == nil {
		l.round++
		l.told = l.take()
	}
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	others, err := l.Exchange.Tell(ctx, l.round, l.told)
	if away := err != nil; away != l.away {
		l.away = away
		if l.Log != nil && away {
			l.Log.Warn("limits are this node's own: the others cannot be told", "error", err)
		} else if l.Log != nil {
			l.Log.Info("limits are shared again")
		}
	}
	if err != nil {
		return
	}
	l.told = nil
	for _, used := range others {
		l.hear(used)
	}
}

// take is all that was used and not told, as it is told: for each kind its name, how many
// marks there are, and these with their numbers. It is not nil.
func (l *Ledger) take() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := []byte{}
	for _, k := range l.kinds {
		k.mu.Lock()
		uses := k.uses
		if len(uses) > 0 {
			k.uses = map[Mark]int{}
		}
		k.mu.Unlock()
		if len(uses) == 0 {
			continue
		}
		b = append(b, byte(len(k.name)))
		b = append(b, k.name...)
		b = binary.BigEndian.AppendUint32(b, uint32(len(uses)))
		for m, n := range uses {
			b = append(b, m[:]...)
			b = binary.BigEndian.AppendUint32(b, uint32(int32(n)))
		}
	}
	return b
}

var errUses = errors.New("not what a node tells of limits")

// hear takes off what another node used. A kind that this program does not know is passed over.
func (l *Ledger) hear(b []byte) {
	if err := l.each(b); err != nil && l.Log != nil {
		l.Log.Warn("what another node used of limits cannot be read", "error", err)
	}
}

func (l *Ledger) each(b []byte) error {
	for range maxKinds {
		if len(b) == 0 {
			return nil
		}
		n := int(b[0])
		if len(b) < 1+n+4 {
			return errUses
		}
		k, count := l.named(string(b[1:1+n])), int(binary.BigEndian.Uint32(b[1+n:]))
		b = b[1+n+4:]
		if count > maxUses || len(b) < count*(len(Mark{})+4) {
			return errUses
		}
		for ; count > 0; count-- {
			used := int(int32(binary.BigEndian.Uint32(b[len(Mark{}):])))
			if k != nil {
				k.heard(Mark(b), min(max(used, -maxUse), maxUse))
			}
			b = b[len(Mark{})+4:]
		}
	}
	return errUses
}

func (l *Ledger) named(name string) *Kind {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, k := range l.kinds {
		if k.name == name {
			return k
		}
	}
	return nil
}
