package bolt

import (
	"fmt"

	"sealpost/filestore/kept"
	"sealpost/filestore/nodekey"
)

// The file of what people asked the server to do by itself has one bucket beside
// "meta". Its keys are pseudonyms that the node key gives: who has the file alone
// learns neither whose a row is nor what it is about.
//
//	bucket  key                                   value
//	papers  account (16), purpose (16), name (16) row: octets, sealed

// Papers is kept.Papers in a file of its own.
type Papers struct {
	kept.Papers
	known *Known
}

// OpenPapers opens or makes the file. It fails with ErrInUse, ErrNewer, ErrDamaged
// or ErrOtherKey.
func OpenPapers(path string, k *nodekey.Key, o Options) (*Papers, error) {
	d, err := openSealed(path, k, o, papersFile)
	if err != nil {
		return nil, fmt.Errorf("open papers: %w", err)
	}
	x := &Known{d, k}
	return &Papers{kept.Papers{Rows: sealedRows{x}}, x}, nil
}

// File is the file itself, to close and compact.
func (x *Papers) File() *DB { return x.known.DB }

// Close is that of File.
func (x *Papers) Close() error { return x.known.Close() }
