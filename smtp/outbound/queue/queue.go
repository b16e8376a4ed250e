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
	Size      int64
	// Outbox says (Strict) where the sealed notice waits that its owner gets if the
	// text is lost: see submission. Opaque here.
	Outbox string
}

// Store is the database of a queue; storage/bolt has one, and storagetest says what
// it must do. Rows are opaque and sealed; times are when a row is next due.
type Store interface {
	// Insert, Update and Delete are durable when they return. Update fails with
	// ErrLease unless the row's fence is fence.
	Insert(ctx context.Context, r Row) error
	Update(ctx context.Context, r Row, fence uint64) error
	Delete(ctx context.Context, id ID, fence uint64) error
	Get(ctx context.Context, id ID) (Row, error)
	// Lease takes up to n rows that are due and whose lease ended, oldest due first,
	// and no row of a group in skip: it raises their fence and sets their lease's end.
	Lease(ctx context.Context, now, until time.Time, n int, skip map[string]bool) ([]Row, error)
	// Next is when the next row is due; zero: none.
	Next(ctx context.Context) (time.Time, error)
	List(ctx context.Context) ([]Row, error)
	// Blobs lists the blobs of all rows, for the sweeper.
	Blobs(ctx context.Context) ([]filestore.ID, error)
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

// Queue is the queue of one process. Its fields are set once, before use.
type Queue struct {
	Store  Store
	Blobs  filestore.Blobs // not the mail store's: its sweeper would take ours
	Key    *nodekey.Key
	Strict bool // text in memory only
	Limits Limits
	Now    func() time.Time
}

// Limits bound a queue. Zero takes the default.
type Limits struct {
	Mails int           // in all: 100,000
	Each  int           // of one account: 5,000
	Bytes int64         // of text in memory (Strict): 256 MiB
	Age   time.Duration // until a mail is given up: 5 days
	Lease time.Duration // 15 min, renewed while a sending goes on
}

// Put takes a mail. It is durable when it returns; m.ID is given.
func (q *Queue) Put(ctx context.Context, m Mail, content mail.Bytes) (ID, error) {
	return "", errNotBuilt
}

// Take waits until a mail is due and leases it; mails of accounts that are being
// sent for wait behind those of others.
func (q *Queue) Take(ctx context.Context) (*Lease, error) { return nil, errNotBuilt }

// Lease is one mail in one sender's hands.
type Lease struct {
	Mail Mail
}

// Content opens the text. Renew keeps the lease. Save stores the mail's new states
// and gives it back; Done removes it. Release gives it back unchanged.
func (l *Lease) Content(ctx context.Context) (Content, error) { return nil, errNotBuilt }
func (l *Lease) Renew(ctx context.Context) error              { return errNotBuilt }
func (l *Lease) Save(ctx context.Context) error               { return errNotBuilt }
func (l *Lease) Done(ctx context.Context) error               { return errNotBuilt }
func (l *Lease) Release(ctx context.Context) error            { return errNotBuilt }

// Content is a queued text; Close it.
type Content interface {
	mail.Bytes
	Close() error
}

// For an operator: List shows what waits, Retry makes due now, Hold holds or frees,
// Drop removes and returns the mail so that its sender can be told.
func (q *Queue) List(ctx context.Context) ([]Mail, error)         { return nil, errNotBuilt }
func (q *Queue) Get(ctx context.Context, id ID) (Mail, error)     { return Mail{}, errNotBuilt }
func (q *Queue) Retry(ctx context.Context, id ID) error           { return errNotBuilt }
func (q *Queue) Hold(ctx context.Context, id ID, hold bool) error { return errNotBuilt }
func (q *Queue) Drop(ctx context.Context, id ID) (*Lease, error)  { return nil, errNotBuilt }

// Lost lists (Strict) the mails of an earlier process whose text is gone, and
// forgets them: their owners get the notices that wait in Outbox.
func (q *Queue) Lost(ctx context.Context) ([]Mail, error) { return nil, errNotBuilt }

// Backoff is when to try again after so many attempts: exponential, with jitter.
func Backoff(attempts int) time.Duration { return 0 }

var errNotBuilt = errors.New("queue: not built yet")
