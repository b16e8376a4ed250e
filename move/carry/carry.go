// Package carry takes accounts from one installation's engines to another's, whole: rows with
// every number they have, and blobs.
//
// It never knows what a mail, a box or a file says, nor a key that opens one: what is sealed goes
// as it is.
//
// Invariants: UIDs, MODSEQs, versions, ids and links are those they were, whatever engine holds
// them; no account is taken for carried before what the other end then has was read back and compared
// with what this end has, by a digest of all (Move.Account) or record by record since each last changed
// (Chase); nothing is removed here before that is durable there.
package carry

import (
	"context"

	"sealpost/account"
	"sealpost/account/signin"
	"sealpost/filestore"
	"sealpost/filestore/drive"
	"sealpost/mailstore"
	"sealpost/mailstore/cabinet"
)

// End is the engines of one installation. Nobody writes of an owner while it is imported, nor while it is
// exported, but for what Ahead and Chase read.
type End struct {
	Index    mailstore.Index
	Cabinet  cabinet.Store
	Drive    drive.Store
	Accounts account.Store
	SignIns  signin.Store
	Rows     Rows
	Blobs    filestore.Blobs
}

// Rows are what an engine knows of an owner beyond what rooms ask for, and how it takes rows
// with the numbers that another one gave.
type Rows interface {
	// Books are an owner's counters; Open is false for an unknown one.
	Books(ctx context.Context, o mailstore.Owner) (mailstore.Books, error)
	// Expunged are the UIDs of a mailbox that are remembered, of what went after a MODSEQ; Keywords are those in use.
	Expunged(ctx context.Context, o mailstore.Owner, b mailstore.MailboxID, since mailstore.Modseq) ([]Expunged, error)
	Keywords(ctx context.Context, o mailstore.Owner, b mailstore.MailboxID) ([]Keyword, error)
	// Shares are the blobs that more than one entry points at.
	Shares(ctx context.Context, o mailstore.Owner) ([]Share, error)
	// Shelved are the boxes of the cabinet that changed after since, and what is remembered of removed ones.
	Shelved(ctx context.Context, o mailstore.Owner, since cabinet.Change) ([]cabinet.Box, error)
	// Sealed are rows under the node key: of an owner, or with none those of the server itself.
	Sealed(ctx context.Context, o mailstore.Owner) ([]Sealed, error)

	// Write puts a batch, durably, one transaction for each engine that it is about. Of messages and parts nothing
	// stands there unless the batch says so; other rows may, and are put over. Account and SignIn come last: before them nobody finds the owner. With no
	// owner it is of the server itself, and may stand there already.
	Write(ctx context.Context, o mailstore.Owner, b *Batch) error
	// Remove removes all of an owner, and remembers no former addresses. One that is not there
	// is no error. Blobs are left to the sweeper. RemoveHeavy removes mail, boxes and files only;
	// RemoveLight what the owner is found by, and what is sealed.
	Remove(ctx context.Context, o mailstore.Owner) error
	RemoveHeavy(ctx context.Context, o mailstore.Owner) error
	RemoveLight(ctx context.Context, o mailstore.Owner) error
	// Former are addresses, by their account.FormerSum, of accounts that are gone.
	Former(ctx context.Context) ([][32]byte, error)
}
