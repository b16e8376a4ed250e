// Package packs is what an engine that keeps blobs in objects of remote stores asks of a
// database: which blob lies where in which object, at which endpoints the object has
// copies, and since when what may go.
//
// It never knows what the bytes mean or whose they are. The engine that asks is in
// storage/s3; databases answer in storage/, and pass filestore/packs/storagetest.
//
// Invariants: an object's octets never change and its key is never given twice; what was
// deleted keeps its object for a grace, so that a database that is put back to an earlier
// moment of that grace finds all it points at; nothing is removed from a store before the
// database has said in a transaction of its own that nothing points at it any more.
package packs

import (
	"context"
	"encoding/hex"
	"errors"
	"iter"
	"time"

	"sealpost/filestore"
	"sealpost/filestore/lease"
)

// One worker at a time does the housekeeping, under a lease.
type (
	// Token says which holder of the lease is calling.
	Token = lease.Token
	// Leases is that lease. The Index of the same database knows the token of the last one
	// and refuses those before it.
	Leases = lease.Leases
)

var (
	// ErrHeld says that somebody else has the lease.
	ErrHeld = lease.ErrHeld
	// ErrFenced says that the lease under which a call was made is over.
	ErrFenced = lease.ErrFenced
)

// ErrChanged says that a blob would have been lost by what was asked for, since it is not
// among those that were moved. Nothing was done.
var ErrChanged = errors.New("object holds other blobs than were moved")

// Key names one object. It is random, and so says nothing about what is in it.
type Key [16]byte

func (k Key) String() string { return hex.EncodeToString(k[:]) }

// ParseKey reads what String made, and nothing else.
func ParseKey(s string) (k Key, ok bool) {
	raw, err := hex.DecodeString(s)
	if err != nil || len(raw) != len(k) {
		return k, false
	}
	k = Key(raw)
	return k, k.String() == s
}

// Store is what one index and its objects have in common for as long as they exist. It is
// made at random when the index is first asked.
type Store struct {
	ID     [16]byte // under which the objects lie in each bucket
	Secret Secret   // authenticates what the endpoints give back
}

// Secret never leaves the database and the nodes; it does not show itself.
type Secret [32]byte

func (Secret) String() string   { return "[withheld]" }
func (Secret) GoString() string { return "[withheld]" }

// Object is one object: a pack of blobs, or a large blob alone. Times are of whole seconds.
type Object struct {
	Key     Key
	Size    int64     // octets
	Content int64     // of those, of the blobs that were put into it
	Made    time.Time // before it was sent
	Rule    string    // by which it was placed
	Copies  []string  // names of the endpoints that have it
	Changed time.Time // when Copies were last set
	Short   bool      // the repair note: copies are missing, damaged or in the wrong place
	Retired time.Time // since when no blob is in it any more; zero while one is
	Doomed  bool      // nothing will be read from it again: it may be removed, and nothing else
}

// Entry is one blob in an object.
type Entry struct {
	ID      filestore.ID
	Key     Key       // of the object
	Off     int64     // of its frame in the object
	Size    int64     // of its content
	Stored  time.Time // whole seconds
	Deleted time.Time // zero while it lives
}

// Found is a living blob and the object it lies in; Entry.Key is zero when there is none.
type Found struct {
	Entry
	Object Object
}

// Index is what the engine asks of a database. Each call is one transaction: all of it
// happens or nothing does. Errors other than those of this package are temporary.
type Index interface {
	// Store says which store this is the index of.
	Store(ctx context.Context) (Store, error)
	// Add makes objects known and what lies in them.
	Add(ctx context.Context, objects []Object, entries []Entry) error
	// Find looks blobs up, in the order of ids.
	Find(ctx context.Context, ids []filestore.ID) ([]Found, error)
	// Delete marks blobs as deleted at that time; ids that are not there, and those that were
	// marked before, are left as they are.
	Delete(ctx context.Context, at time.Time, ids []filestore.ID) error
	// All lists the living blobs whose ids begin with that octet. What changes while it runs
	// may or may not be seen.
	All(ctx context.Context, space byte) iter.Seq2[filestore.Info, error]
	// Note puts the repair note on objects, so that a worker looks at their copies.
	Note(ctx context.Context, keys []Key) error

	Housekeeping
}

// Loose is which objects Housekeeping.Loose looks for.
type Loose struct {
	Deleted time.Time // blobs deleted before this count as gone
	Made    time.Time // objects made after this are left alone
	Share   float64   // of an object's content that lives, below which it is worth writing anew
	Stale   time.Time // a blob deleted before this makes it worth that, whatever lives
	Small   int64     // octets below which an object is worth merging with others
	Largest int64     // octets beyond which an object is not a pack, and is left alone
	Limit   int       // objects at most
}

// Living is an object and what is left in it.
type Living struct {
	Object
	Octets int64 // of its content that live
	Stale  bool  // a blob in it was deleted before Loose.Stale
}

// Housekeeping is what the worker asks. Calls that change something carry the token of its
// lease and fail with ErrFenced when the lease has passed to another.
type Housekeeping interface {
	// Objects lists all objects in the order of their keys, doomed ones too. What changes
	// while it runs may or may not be seen.
	Objects(ctx context.Context) iter.Seq2[Object, error]
	// Lookup returns the objects that exist of these keys, in any order.
	Lookup(ctx context.Context, keys []Key) ([]Object, error)
	// Entries lists what lies in an object, deleted blobs too, in the order of their offsets.
	Entries(ctx context.Context, key Key) ([]Entry, error)

	// Doom marks the objects of which nothing is needed any more: those retired before that
	// time, and those whose blobs were all deleted before it. It returns up to limit objects
	// that are doomed, those of earlier calls too.
	Doom(ctx context.Context, token Token, before time.Time, limit int) ([]Object, error)
	// Forget removes doomed objects and what lies in them; others are left as they are.
	Forget(ctx context.Context, token Token, keys []Key) error

	// Loose lists objects that are worth writing anew, from the smallest on: neither retired,
	// nor doomed, nor noted for repair.
	Loose(ctx context.Context, q Loose) ([]Living, error)
	// Move says that entries lie in the object to from now on, at the offsets they have here,
	// and retires the objects from at that time. Whether a blob is deleted stays as it is in the
	// index. What is left in from was deleted before the time deleted and is forgotten; if it was
	// not, Move fails with ErrChanged. Entries that are not in the index are passed over.
	Move(ctx context.Context, token Token, at, deleted time.Time, from []Key, to Object, entries []Entry) error

	// Noted lists up to limit objects with the repair note, in the order of keys from after on.
	Noted(ctx context.Context, after Key, limit int) ([]Object, error)
	// SetCopies says at which endpoints an object is, at that time, and whether the note stays.
	SetCopies(ctx context.Context, token Token, at time.Time, key Key, copies []string, short bool) error

	// Done says that a job was done at that time.
	Done(ctx context.Context, token Token, job string, at time.Time) error
	// LastDone says when it was; zero if never.
	LastDone(ctx context.Context, job string) (time.Time, error)
}
