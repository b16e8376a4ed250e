// Package drive holds the sealed files of accounts: objects that come in parts, links
// by which strangers fetch one, and requests by which strangers bring some.
//
// It never knows a name, a type, an exact size, a key or a password: what it keeps was
// sealed by the owner's clients or by the page that brings it (docs/formats.md), and
// folders, versions and trash stand in the owner's cabinet.
//
// Invariants: a part is durable before a row points at it; an object that is whole
// never changes; the room that an object takes is counted when it is declared, exactly,
// and against the one quota of mail and files; an id is never given twice and says
// nothing; a blob is deleted only after no row points at it; whoever has no right to
// something learns no more than that it cannot be had.
package drive

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"slices"
	"time"

	"sealpost/filestore"
)

// Owner is an account's id.
type Owner string

// ID names an object, a link or a request: 128 random bits, chosen here.
type ID [16]byte

// NewID is one that nobody can guess. It begins with a letter or a digit, so that no
// program takes it for an option.
func NewID() (id ID) {
	for !id.Fit() {
		rand.Read(id[:])
	}
	return id
}

// Fit says whether an id that somebody else drew is as NewID makes them.
func (id ID) Fit() bool { return id != ID{} && id[0]>>2 < 62 }

func (id ID) String() string { return base64.RawURLEncoding.EncodeToString(id[:]) }

// MarshalText and UnmarshalText are for rows.
func (id ID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

func (id *ID) UnmarshalText(text []byte) (err error) {
	*id, err = ParseID(string(text))
	return err
}

// ParseID reads what String wrote, and nothing else.
func ParseID(s string) (id ID, err error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil || len(b) != len(id) || base64.RawURLEncoding.EncodeToString(b) != s {
		return id, ErrNone
	}
	return ID(b), nil
}

const (
	// PartSize is the length of every part but the last, which may be shorter.
	PartSize = 8 << 20
	// MaxSize bounds one object, and with it its parts.
	MaxSize = 1 << 40
	// MaxBox bounds what is sealed beside an object: the box of a link or a request,
	// the head of what a stranger brings.
	MaxBox = 4 << 10
	// MaxSmall bounds an object that comes whole with others; MaxBatch and MaxBatchSize
	// how many come together, and what they have in all.
	MaxSmall     = 1 << 20
	MaxBatch     = 256
	MaxBatchSize = 4 << 20
	// MaxFreed bounds the parts of what is removed by one RemoveMany, but for the first
	// object of it: 32 GiB.
	MaxFreed = 4096

	maxObjects  = 200_000
	maxOpen     = 256 // uploads of an owner at the same time,
	maxBrought  = 128 // and of those, by strangers,
	maxComing   = 16  // and by one request: who has it blocks nobody who has another
	leastStep   = 64 << 20
	maxLinks    = 10_000
	maxRequests = 100
	receipts    = 50 // times of downloads that are kept of a link
)

var (
	// ErrNone is all that is ever said of what cannot be had: it is another's, it is
	// over, or it never was.
	ErrNone     = errors.New("no such file")
	ErrNoOwner  = errors.New("no such owner of files")
	ErrQuota    = errors.New("files are over quota")
	ErrTooMany  = errors.New("too many files, uploads, links or requests")
	ErrSize     = errors.New("not a size that a file or a part can have")
	ErrPart     = errors.New("another part stands in this place")
	ErrMissing  = errors.New("parts are missing")
	ErrWhole    = errors.New("a whole file does not change")
	ErrDigest   = errors.New("the part is not what its digest says")
	ErrLimit    = errors.New("not a limit that a link or a request can have")
	ErrTooLarge = errors.New("what is sealed beside a file has at most 4 KiB")
)

// Refused says whether err is an answer that nothing was and will be changed.
func Refused(err error) bool {
	return slices.ContainsFunc([]error{ErrNone, ErrNoOwner, ErrQuota, ErrTooMany, ErrSize, ErrPart, ErrMissing, ErrWhole, ErrLimit, ErrTooLarge},
		func(no error) bool { return errors.Is(err, no) })
}

// Object is a file, or one that is on its way in.
type Object struct {
	ID      ID
	Size    int64 // of what is stored: its ciphertext
	Created time.Time
	Touched time.Time // of one on its way: when something of it came last
	Whole   bool
	Request ID     // by which a stranger brought it, or Outgoing; zero: its owner did, or took it over
	Head    []byte // that a stranger, or this server, sealed for its owner
	Mail    MailID // that it was cut out of on arrival; zero: of none, or its owner took it over
}

// MailID names a mail of the owner, whatever mailboxes it is in (mailstore.Mail.ID).
type MailID [16]byte

// Outgoing stands where a request's id does, of what this server made of a mail that
// its owner sent. It says "submitted by you", and is nothing that NewID gives.
var Outgoing = ID([]byte("submitted by you"))

// Parts is how many an object has.
func (o Object) Parts() int { return int((o.Size + PartSize - 1) / PartSize) }

// PartLength is how long part n is, from 0; 0: there is no such part.
func (o Object) PartLength(n int) int64 {
	if n < 0 || n >= o.Parts() {
		return 0
	}
	return min(PartSize, o.Size-int64(n)*PartSize)
}

// Part is one that is there.
type Part struct {
	N    int
	Sum  [32]byte // SHA-256, as its sender said and it was checked
	Blob filestore.Ref
}

// Whole is an object of one part.
type Whole struct {
	ID   ID
	Part Part
}

// Link lets whoever has it fetch one object.
type Link struct {
	ID, Object ID
	Owner      Owner
	Box        []byte // sealed for who has the link's secret
	KDF        []byte // how a password is derived; the octets are the client's
	Check      []byte // SHA-256 of what proves that somebody has the secret; empty: nothing is asked
	Created    time.Time
	Expires    time.Time
	Most       int64 // downloads; 0: no limit
	Count      int64
	Used       []time.Time // the last downloads, the newest first
	Revoked    bool        // for good
	Killed     bool        // by an operator
}

// Open says whether somebody may still begin a download.
func (l Link) Open(now time.Time) bool {
	return !l.Revoked && !l.Killed && now.Before(l.Expires) && (l.Most == 0 || l.Count < l.Most)
}

// Request lets whoever has it bring objects.
type Request struct {
	ID        ID
	Owner     Owner
	Box       []byte // sealed for who has the request's secret
	Created   time.Time
	Expires   time.Time
	MostFiles int64
	MostBytes int64
	Files     int64 // that came or are on their way,
	Bytes     int64 // and what they take
	Coming    int64 // that are on their way
	Revoked   bool
}

// Open says whether somebody may still bring something.
func (r Request) Open(now time.Time) bool { return !r.Revoked && now.Before(r.Expires) }

// Totals are what an owner has.
type Totals struct {
	Objects, Uploads, Brought, Links, Requests int64 // Uploads are on their way, and among Objects; Brought are those of strangers
	Bytes                                      int64 // of all objects, as they were declared
}

// A Wish is one change of one owner's files.
type Wish interface{ wish() }

type (
	// Begin declares an object. With a Request it is a stranger's.
	Begin struct {
		ID, Request ID
		Size        int64
		Mail        MailID
	}
	// Put says that a part is durable. The same part once more changes nothing.
	Put struct {
		Object, Request ID
		Part            Part
	}
	// Complete makes an object whole whose parts are all there. Once more changes nothing.
	Complete struct {
		Object, Request ID
		Head            []byte
	}
	// Bring says that objects of one part are durable: each is declared, there and whole
	// at once, all of them or none. The same object once more changes nothing. Their ids
	// were chosen by who brings them, so that he may ask again.
	Bring struct{ Whole []Whole }
	// Take takes over what a stranger brought.
	Take struct{ Object ID }
	// Remove deletes an object and its links. With Before, only one on its way that
	// nothing came of since then; with a Request, one on its way that came by it. With
	// Unused, only one that this server made, that its owner did not take over and, of
	// what was sent, that no link leads to. With Brought, only one that its owner did not
	// take over.
	Remove struct {
		Object, Request ID
		Before          time.Time
		Unused, Brought bool
	}
	// RemoveMany deletes objects and their links, at most MaxBatch. One that is not there
	// went before. With the first that has more parts than go at once, and those after
	// it, nothing is done: Done.Later has them.
	RemoveMany struct{ Objects []ID }
	// AddLink adds a link to an object that is whole; ChangeLink changes one, what is
	// nil stays; Download counts one; RemoveLink forgets it.
	AddLink    struct{ Link Link }
	ChangeLink struct {
		ID             ID
		Expires        *time.Time
		Most           *int64
		Revoke, Killed bool
	}
	Download   struct{ Link ID }
	RemoveLink struct{ ID ID }
	// AddRequest adds a request; ChangeRequest changes one; RemoveRequest forgets it.
	AddRequest    struct{ Request Request }
	ChangeRequest struct {
		ID        ID
		Expires   *time.Time
		MostFiles *int64
		MostBytes *int64
		Revoke    bool
	}
	RemoveRequest struct{ ID ID }
)

func (Begin) wish()         {}
func (Put) wish()           {}
func (Complete) wish()      {}
func (Bring) wish()         {}
func (Take) wish()          {}
func (Remove) wish()        {}
func (RemoveMany) wish()    {}
func (AddLink) wish()       {}
func (ChangeLink) wish()    {}
func (Download) wish()      {}
func (RemoveLink) wish()    {}
func (AddRequest) wish()    {}
func (ChangeRequest) wish() {}
func (RemoveRequest) wish() {}

// Done is what a wish came to: what it was about, as it is now.
type Done struct {
	Object  Object
	Link    Link
	Request Request
	Known   bool           // Put: the part was there, and the blob of this one is the caller's to delete
	Objects []Object       // Bring: in the order in which they came
	Later   []ID           // RemoveMany: to be asked for again
	Freed   []filestore.ID // blobs that no row points at any more, or that none came to point at
}

// Left is an object that was left on its way, and whose it is.
type Left struct {
	Owner  Owner
	Object ID
}

// Store is what a drive asks of a database. Owners are those of mailstore.Index in the
// same database: before its SetQuota every Apply fails with ErrNoOwner, its Usage
// counts Totals.Bytes too, its Forget removes all that stands here (the blobs are
// among those freed), and its Blobs lists those of parts.
type Store interface {
	Totals(ctx context.Context, o Owner) (Totals, error)
	// Object is one, or ErrNone.
	Object(ctx context.Context, o Owner, id ID) (Object, error)
	// Objects lists at most so many after an id, in the order of ids; with brought,
	// those that strangers brought and that were not taken over.
	Objects(ctx context.Context, o Owner, after ID, most int, brought bool) ([]Object, error)
	// Parts lists at most so many that are there, from a number on, in their order.
	Parts(ctx context.Context, o Owner, id ID, from, most int) ([]Part, error)
	// Left lists objects on their way of which nothing came since a time.
	Left(ctx context.Context, before time.Time) ([]Left, error)
	// Link is one of anybody's, or ErrNone; Links are those of an owner.
	Link(ctx context.Context, id ID) (Link, error)
	Links(ctx context.Context, o Owner) ([]Link, error)
	// Request is one of anybody's, or ErrNone; Requests are those of an owner.
	Request(ctx context.Context, id ID) (Request, error)
	Requests(ctx context.Context, o Owner) ([]Request, error)
	// Apply is atomic, and durable when it returns. After an error that Refused does
	// not know the wish may have been granted.
	Apply(ctx context.Context, o Owner, w Wish) (Done, error)
}
