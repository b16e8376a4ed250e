package carry

import (
	"context"
	"time"

	"sealpost/filestore"
	"sealpost/mailstore"
)

// Copied is what became of a blob.
type Copied struct {
	From, To filestore.ID
	Sum      [16]byte // the first half of its SHA-256
	At       time.Time
	Lost     bool // it cannot be read where it was: its id stays, and leads nowhere at the other end either
}

// Stage is how far an account is.
type Stage uint8

const (
	Here    Stage = iota // nothing of it was written at the other end
	Begun                // something was, perhaps
	There                // all was, and was read back
	Removed              // and nothing is left here
	Served               // mail, boxes and files were, and are served there; the account and what is sealed is here
)

// Journal remembers how far a move is. What it was told is durable when it returns.
type Journal interface {
	// Copies say what became of blobs, in their order; those that were not copied have no To.
	Copies(ctx context.Context, from []filestore.ID) ([]Copied, error)
	// Landed is the sum of a blob by its id at the other end.
	Landed(ctx context.Context, to filestore.ID) (sum [16]byte, there bool, err error)
	Keep(ctx context.Context, copies []Copied) error

	Stage(ctx context.Context, o mailstore.Owner) (Stage, Digest, error)
	SetStage(ctx context.Context, o mailstore.Owner, s Stage, d Digest) error
}
