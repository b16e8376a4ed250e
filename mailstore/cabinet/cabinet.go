// Package cabinet holds what an owner's clients sealed for each other: boxes under
// names in drawers, such as settings, drafts, or the pages that cards are folded into.
//
// It never knows what a box says or a key that opens one, and it reads no more of it
// than its length and its first byte: what does not have the shape of a box is refused,
// so that a client's mistake is not stored in the clear.
//
// Invariants: a box is durable before a row points at it; the versions of a box and
// the changes of a cabinet only grow; nobody replaces what he has not seen; a blob is
// deleted only after no row points at it.
package cabinet

import (
	"context"
	"errors"
	"slices"
	"time"

	"sealpost/filestore"
	"sealpost/mailstore"
)

type (
	Version uint64 // of one box, from 1
	Change  uint64 // of one owner's cabinet: one number orders all its changes
)

var (
	ErrNoBox = errors.New("no such box")
	ErrName  = errors.New("not a name of a drawer or a box")
	ErrShape = errors.New("expected a sealed box: version 1 and a padded length")
	ErrLarge = errors.New("a box has at most 16 MiB")
	ErrFull  = errors.New("the cabinet is full")
)

// A Conflict says that a box is at another version than the caller has seen.
type Conflict struct{ Version Version } // 0: there is none and never was one that is remembered

func (Conflict) Error() string { return "the box has another version by now" }

// Refused says whether err is an answer that nothing was and will be changed.
func Refused(err error) bool {
	var c Conflict
	return errors.As(err, &c) || slices.ContainsFunc([]error{ErrNoBox, ErrName, ErrShape, ErrLarge, ErrFull, mailstore.ErrNoOwner},
		func(no error) bool { return errors.Is(err, no) })
}

// drawers never change their places: rows know them by number, from 1.
func drawers() []string {
	return []string{"settings", "contacts", "drafts", "pages", "segments", "pins", "searches", "templates", "files", "parcels", "receipts", "drive"}
}

// Drawer is the number of a drawer; 0: there is none of that name.
func Drawer(name string) uint8 { return uint8(slices.Index(drawers(), name) + 1) }

// DrawerName is the name of a drawer; empty: there is none of that number.
func DrawerName(n uint8) string {
	if n == 0 || int(n) > len(drawers()) {
		return ""
	}
	return drawers()[n-1]
}

// Place is where a box stands.
type Place struct{ Drawer, Name string }

// Valid says whether a box can stand there.
func (p Place) Valid() bool {
	return Drawer(p.Drawer) != 0 && len(p.Name) >= 1 && len(p.Name) <= 64 && !slices.ContainsFunc([]byte(p.Name), func(c byte) bool {
		return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' && c != '-'
	})
}

// Box is a box, or what is remembered of one that was removed.
type Box struct {
	Place
	Version  Version
	Change   Change
	Modified time.Time // whole seconds
	Gone     bool
	Blob     filestore.Ref // of a box that is there
}

// Shelf is one owner's counters.
type Shelf struct {
	Change Change // the last that was given
	Floor  Change // at or below it, removed boxes may be forgotten
	Boxes  int64
	Bytes  int64
	Gone   int64 // removed boxes that are remembered
}

// List is what changed in a cabinet, in the order of changes.
type List struct {
	Change   Change
	Complete bool // false: what was removed since may be forgotten; compare with all there is
	Boxes    []Box
}

// Wish is one change of one box that must be at version Was: 0 is one that never was.
// A nil Blob removes it. The next version is Was and 1.
type Wish struct {
	Place
	Was  Version
	Blob *filestore.Ref
}

// Store is what a cabinet asks of a database. Owners are those of mailstore.Index in
// the same database: before SetQuota every call of Apply fails with
// mailstore.ErrNoOwner, and Forget removes the cabinet too, its blobs among those
// freed. Index.Blobs lists those of cabinets as well, so that no sweeper takes them.
type Store interface {
	// List lists the boxes that changed after since; of all, since 0, only those that
	// are there.
	List(ctx context.Context, o mailstore.Owner, since Change) (List, error)
	// Box is one row, also of a box that is gone, or ErrNoBox.
	Box(ctx context.Context, o mailstore.Owner, p Place) (Box, error)
	Shelf(ctx context.Context, o mailstore.Owner) (Shelf, error)
	// Drawer lists the boxes of one drawer that are there, in the order of their names.
	Drawer(ctx context.Context, o mailstore.Owner, drawer string) ([]Box, error)
	// Apply is atomic, and durable when it returns. After an error that Refused does
	// not know the wish may have been granted.
	Apply(ctx context.Context, o mailstore.Owner, w Wish) (Box, []filestore.ID, error)
}
