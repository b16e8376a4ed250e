// Package limittest is several nodes in one process, for tests of limits that they share.
package limittest

import (
	"context"
	"errors"
	"sync"

	"sealpost/account/limit"
)

// Board is where nodes tell each other what they used.
type Board struct {
	mu   sync.Mutex
	left [][]byte
	by   []*Place
}

// Place is one node's Exchange at a board. One that is Broken fails before it told anything,
// one that is Late after it.
type Place struct {
	Broken, Late bool

	board *Board
	seen  int
	last  uint64
}

var _ limit.Exchange = (*Place)(nil)

// Place makes one.
func (b *Board) Place() *Place { return &Place{board: b} }

// Nodes are ledgers of so many nodes at one board, that hear of each other by Round.
func Nodes(n int) (all []*limit.Ledger) {
	b := new(Board)
	for range n {
		all = append(all, &limit.Ledger{Secret: []byte("the same in all nodes"), Exchange: b.Place()})
	}
	return all
}

// Round has every node hear what each other one used until now.
func Round(ctx context.Context, all ...*limit.Ledger) {
	for range 2 {
		for _, l := range all {
			l.Round(ctx)
		}
	}
}

// Tell is that of limit.Exchange.
func (p *Place) Tell(_ context.Context, round uint64, used []byte) (others [][]byte, err error) {
	if p.Broken {
		return nil, errors.New("broken")
	}
	p.board.mu.Lock()
	defer p.board.mu.Unlock()
	if round > p.last && len(used) > 0 {
		p.board.left, p.board.by = append(p.board.left, used), append(p.board.by, p)
	}
	p.last = round
	if p.Late {
		return nil, errors.New("no answer")
	}
	for ; p.seen < len(p.board.left); p.seen++ {
		if p.board.by[p.seen] != p {
			others = append(others, p.board.left[p.seen])
		}
	}
	return others, nil
}
