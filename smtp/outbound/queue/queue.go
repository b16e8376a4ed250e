// Package queue holds mail that must still leave: durable before it is promised,
// sealed under the node key, leased to one sender at a time.
//
// It never knows routes or other servers, and never a recipient's key.
//
// Invariants: what Put returned survives a crash, or (Strict) its notice does;
// every byte on the disk is sealed, addresses too; a lease that ended cannot
// change an entry (fencing); a mail is never dropped but by Done, Drop or its age,
// and the last two leave a notice to its sender.
package queue

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"sealpost/filestore"
	"sealpost/filestore/nodekey"
	"sealpost/mail"
	"sealpost/smtp"
)

var (
	ErrFull   = errors.New("the queue is full")
	ErrLease  = errors.New("the lease has ended")
	ErrNoSuch = errors.New("no such mail in the queue")
	// ErrBusy says that a mail is in a sender's hands at this moment.
	ErrBusy = errors.New("the mail is being sent at this moment")
	// ErrLater says that a Strict queue keeps nothing for a later time.
	ErrLater = errors.New("a queue in memory only keeps no mail for later")
)

// ID names one queued mail: random, for logs and commands.
type ID string

// State is what is known of one recipient.
type State struct {
	smtp.Recipient
	Attempts int
	Next     time.Time
	Last     smtp.Reply // what was said last; Code 0: never tried
	Server   string     // who said it
	Delayed  bool       // a delay notice was sent
	Failed   bool       // given up, and its sender could not be told so yet
}

// Mail is one queued mail: an envelope whose recipients each have a state. Those
// that are done are no longer there.
type Mail struct {
	ID        ID
	Envelope  smtp.Envelope // To is empty: see Recipients
	Recipient []State
	Account   string // account.ID of who submitted it; empty: this server itself
	Created   time.Time
	Expires   time.Time
	Held      bool
	Sending   bool // of List and Get: it is in a sender's hands
	Size      int64
	Sign      string // the domain whose keys sign it when it leaves; empty: none do
	// Outbox says (Strict) where the sealed notice waits that its owner gets if the
	// text is lost: see submission. Opaque here.
	Outbox string
	// Note is what who put the mail, or marked it, wants to find with it. Opaque here.
	Note string
	// Given says that somebody has the mail, or may have: whoever is told that it left
	// the queue without it knows that nobody got it.
	Given bool
}

// Store is the database of a queue; storage/bolt and storage/postgres have one, and
// storagetest says what it must do. Rows are opaque and sealed; times are when a row is next
// due. One that many nodes share goes by a clock of its own, and Queue.Now is that clock.
type Store interface {
	// Insert, Update and Delete are durable when they return. Update and Delete
	// fail with ErrLease unless the row's fence is fence, and with ErrNoSuch if
	// there is no such row; Update sets every field, the fence too.
	Insert(ctx context.Context, r Row) error
	Update(ctx context.Context, r Row, fence uint64) error
	Delete(ctx context.Context, id ID, fence uint64) error
	Get(ctx context.Context, id ID) (Row, error)
	// Lease takes up to n rows that are due, not held and whose lease ended, oldest
	// due first, and no row of a group in skip: it raises their fence and sets their
	// lease's end. A lease outlives a crash of its process by no more than that end.
	Lease(ctx context.Context, now, until time.Time, n int, skip map[string]bool) ([]Row, error)
	// Next is when the next row that is not held is due, or its lease ends; zero: none.
	Next(ctx context.Context) (time.Time, error)
	// List lists up to n rows after an id, by id.
	List(ctx context.Context, after ID, n int) ([]Row, error)
	// Blobs lists the blobs of all rows, for the sweeper.
	Blobs(ctx context.Context) ([]filestore.ID, error)
	// Count is how many rows there are, in all and of one group, and how large the
	// stored texts of the group are. Of many the number of all may be a second old.
	Count(ctx context.Context, group string) (Count, error)
	Depth(ctx context.Context, now time.Time) (Depth, error)
}

// Row is one entry as a Store keeps it.
type Row struct {
	ID    ID
	Group string // pseudonym of the sender, for fairness
	Due   time.Time
	Fence uint64
	Until time.Time // end of the lease; zero: free
	Held  bool
	Body  filestore.Ref // zero: the text is in memory only (Strict)
	Data  []byte        // sealed Mail
}

// Count is how much there is.
type Count struct {
	All, Group int   // rows
	Bytes      int64 // of the group's texts that have a Body
}

// Depth is how much waits: numbers for metrics.
type Depth struct {
	Mails, Due, Held int
	Bytes            int64         // of texts
	Late             time.Duration // for how long the mail that was due first has been due
}

// Queue is the queue of one process. Its fields are set once, before use. A
// Strict queue has its Store to itself: what another process has in memory it
// would take for lost.
type Queue struct {
	Store  Store
	Blobs  filestore.Blobs // not the mail store's: its sweeper would take ours
	Key    *nodekey.Key
	Name   string // of what it holds, for its sealings; empty: "queue"
	Strict bool   // text in memory only
	Limits Limits
	Now    func() time.Time
	Log    *slog.Logger // nil: none
	// Stirred, if there is one, is told when there may be something to take for other processes
	// on the same store, which call Wake. It returns at once.
	Stirred func()

	mu     sync.Mutex
	wake   chan struct{} // holds something when it is worth looking
	active map[string]int
	served map[string]bool       // groups that had their turn in this round
	latest time.Time             // the latest time the clock has shown
	flying map[filestore.ID]bool // stored, and their rows are not yet
	texts  map[ID]*text
	memory int64            // bytes promised to texts
	shares map[string]int64 // of them, those of each group
	asked  time.Time        // when an operator last wanted something tried

	landing sync.RWMutex // held by Put until it knows the id of what it stores
}

// Limits bound a queue. Zero takes the default. Mails that are put at the same
// moment may pass a limit together.
type Limits struct {
	Mails int // in all: 100,000
	Each  int // of one account: 5,000
	// EachBytes is how large the texts of one account may be: 2 GiB, Strict half of
	// Bytes. Nobody fills the disk, or the memory, that others need.
	EachBytes int64
	Share     int           // of one account in senders' hands at the same time: 15
	Bytes     int64         // of text in memory (Strict): 256 MiB
	Age       time.Duration // until a mail is given up: 5 days
	Lease     time.Duration // 15 min, renewed while a sending goes on
}

func or[T int | int64 | string | time.Duration](v, otherwise T) T {
	if v == *new(T) {
		return otherwise
	}
	return v
}

func (l Limits) mails() int { return or(l.Mails, 100_000) }
func (l Limits) each() int  { return or(l.Each, 5000) }
func (l Limits) eachBytes(strict bool) int64 {
	if strict {
		return or(l.EachBytes, l.bytes()/2)
	}
	return or(l.EachBytes, 2<<30)
}

func (l Limits) share() int           { return or(l.Share, 15) }
func (l Limits) bytes() int64         { return or(l.Bytes, 256<<20) }
func (l Limits) age() time.Duration   { return or(l.Age, 5*24*time.Hour) }
func (l Limits) lease() time.Duration { return or(l.Lease, 15*time.Minute) }

func (q *Queue) now() time.Time {
	if q.Now == nil {
		return time.Now()
	}
	return q.Now()
}

func (q *Queue) log() *slog.Logger {
	if q.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return q.Log
}

// group is a sender's pseudonym.
func (q *Queue) group(account string) string {
	name := q.Key.Pseudonym(q.purpose("group"), account)
	return string(name[:])
}

// Content is a queued text; Close it.
type Content interface {
	mail.Bytes
	Close() error
}
