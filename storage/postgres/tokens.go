package postgres

import (
	"bytes"
	"slices"
)

// A token is left in an owner's row by each transaction, so that a node whose connection
// broke in the commit can find out whether it was done.
const (
	tokenSize  = 8
	keptTokens = 16
)

type token [tokenSize]byte

// tokens are those of the last transactions, one after the other, the last one first.
type tokens []byte

// and are the tokens when one more wrote.
func (t tokens) and(by token) []byte {
	return slices.Concat(by[:], t[:min(len(t), (keptTokens-1)*tokenSize)])
}

func (t tokens) has(one token) bool {
	for kept := range slices.Chunk(t, tokenSize) {
		if bytes.Equal(kept, one[:]) {
			return true
		}
	}
	return false
}

// last is that of who wrote last.
func (t tokens) last() (last token) {
	copy(last[:], t)
	return last
}
