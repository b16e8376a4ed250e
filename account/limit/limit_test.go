package limit_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"testing"

	"sealpost/account/limit"
	"sealpost/account/limit/limittest"
)

type node struct {
	*limit.Ledger
	at    *limittest.Place
	kind  *limit.Kind
	heard map[limit.Mark]int
}

func nodes(n int) (all []*node) {
	b := new(limittest.Board)
	for range n {
		x := &node{at: b.Place(), heard: map[limit.Mark]int{}}
		x.Ledger = &limit.Ledger{Secret: []byte("secret"), Exchange: x.at}
		x.kind = x.Kind("mails", func(m limit.Mark, n int) { x.heard[m] += n })
		all = append(all, x)
	}
	return all
}

// What each node used is heard by each other one once, also over a connection that broke
// before or after it was told; and nobody hears what was given back at once.
func TestTold(t *testing.T) {
	t.Parallel()
	all := nodes(3)
	m := all[0].kind.Mark("a", "b")
	if m != all[1].kind.Mark("a", "b") || m == all[1].kind.Mark("ab") || m == (*limit.Kind)(nil).Mark("a", "b") {
		t.Fatal("marks are not the same in all nodes, or not of their words and the secret")
	}
	for round := range 20 {
		for i, x := range all {
			x.at.Broken, x.at.Late = (round+i)%5 == 0, (round+i)%7 == 0
			x.kind.Used(m, i+1)
			x.kind.Used(x.kind.Mark("back"), 1)
			x.kind.Used(x.kind.Mark("back"), -1)
			x.Round(t.Context())
		}
	}
	for range 3 {
		for _, x := range all {
			x.at.Broken, x.at.Late = false, false
			x.Round(t.Context())
		}
	}
	for i, x := range all {
		if want := 20 * (6 - i - 1); x.heard[m] != want || len(x.heard) != 1 {
			t.Errorf("node %d heard %d of %d marks, want %d of one", i, x.heard[m], len(x.heard), want)
		}
	}
}

// Of more marks than are kept in a round, the others do not hear, and a round has its size.
func TestUsesAreBounded(t *testing.T) {
	t.Parallel()
	all := nodes(2)
	for i := range 50_000 {
		all[0].kind.Used(all[0].kind.Mark(fmt.Sprint(i)), 1)
	}
	limittest.Round(t.Context(), all[0].Ledger, all[1].Ledger)
	if n := len(all[1].heard); n != 16<<10 {
		t.Errorf("%d marks were heard", n)
	}
}

// listener is an Exchange that says what the test wants.
type listener [][]byte

func (l listener) Tell(context.Context, uint64, []byte) ([][]byte, error) { return l, nil }

// Nothing that another node tells does more than take something off a limit.
func FuzzHear(f *testing.F) {
	one := append([]byte("\x05mails"), binary.BigEndian.AppendUint32(nil, 1)...)
	one = append(one, make([]byte, 16)...)
	f.Add(append(one, 0, 0, 0, 3))
	f.Add(append(one, 0x7f, 0xff, 0xff, 0xff))
	f.Add([]byte("\x05mails\x00\x00\x00\x09"))
	f.Add([]byte("\x05other\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		l := limit.Ledger{Exchange: listener{b}}
		l.Kind("mails", func(_ limit.Mark, n int) {
			if n > 1<<20 || n < -1<<20 {
				t.Errorf("%d were used", n)
			}
		})
		l.Round(t.Context())
	})
}
