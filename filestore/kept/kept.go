// Package kept holds small things that a server learned, or was told to remember: octets in rows
// of an engine, under pseudonyms and sealed, both under the node key.
//
// It never knows what the octets mean, and the engine knows neither whose a row is nor what it is
// about. What people asked the server to do lies in Papers, what it must remember by itself in
// Values; pgp/discover and smtp/outbound/route keep what they learn in rows of their own.
//
// Invariants: what was put is durable and reads back unchanged in its own place, or it is an error;
// where a row lies and what it is sealed for is the same in all engines, so that it can go from
// one to another as it is (docs/formats.md).
package kept

import "context"

// Table names one kind of rows. Who keeps something has a table to itself.
type Table string

// The tables of all engines.
const (
	TablePeers    Table = "peers"
	TablePolicies Table = "policies"
	TableValues   Table = "values"
	TablePapers   Table = "papers"
)

// Rows is what an engine gives: octets under keys, each sealed for a purpose and its place.
type Rows interface {
	// Name is the pseudonym of what must not stand in a key: 16 octets.
	Name(purpose, value string) []byte
	// Get returns the octets of a row, or nil.
	Get(ctx context.Context, in Table, purpose string, key []byte) ([]byte, error)
	// Under returns the octets of all rows whose keys begin with prefix, and their keys. A damaged
	// one is logged and left out.
	Under(ctx context.Context, in Table, purpose string, prefix []byte) (keys, octets [][]byte, err error)
	// Has says whether there is a row, and if there is none how many keys begin with prefix.
	Has(ctx context.Context, in Table, key, prefix []byte) (there bool, n int, err error)
	// Put seals octets, durably, in the place of what was there; nil removes it.
	Put(ctx context.Context, in Table, purpose string, key, octets []byte) error
	// Delete removes rows; one that is not there is no error.
	Delete(ctx context.Context, in Table, keys ...[]byte) error
	// DeleteUnder removes all whose keys begin with prefix.
	DeleteUnder(ctx context.Context, in Table, prefix []byte) error
	// Damaged is the engine's error for a row that opens and is not what was put.
	Damaged(in Table, key []byte) error
}
