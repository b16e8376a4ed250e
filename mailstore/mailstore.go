// Package mailstore holds mailboxes over sealed bytes: who owns which mailbox,
// the UIDs, MODSEQs, flags and quota, and which blobs are a mail's letters.
//
// It never knows what a mail says. It imports no MIME parser and takes only
// pgp.Sealed, so the compiler holds the promise.
//
// Invariants: an Entry never points at a blob that is not durable; UIDs and
// MODSEQs of a mailbox only grow and are never given twice; a blob is deleted
// only after no entry points at it.
package mailstore

import (
	"context"
	"errors"
	"iter"
	"time"

	"sealpost/filestore"
	"sealpost/pgp"
)

// Owner is an account's id.
type Owner string

// MailboxID names a mailbox for ever, whatever it is called.
type MailboxID uint64

// Notes stand beside mailboxes, and at these places beside the owner: what mail clients keep
// there, and what an owner's imports have brought. No mailbox is ever given such a number.
const (
	NoteOwner   MailboxID = 0
	NoteImports MailboxID = 1<<32 - 1
)

type (
	UID    uint32 // RFC 9051, section 2.3.1.1
	Modseq uint64 // RFC 7162, per owner, so one number orders all of an account's changes
)

var (
	ErrNoMailbox = errors.New("no such mailbox")
	ErrExists    = errors.New("mailbox exists already")
	ErrNoMail    = errors.New("no such message")
	ErrOverQuota = errors.New("over quota")
	ErrName      = errors.New("not a mailbox name")
	ErrInbox     = errors.New("INBOX cannot be deleted")
	ErrFlag      = errors.New("flag is not allowed")
	ErrUse       = errors.New("special use is unknown or taken")
	ErrTooMany   = errors.New("too many mailboxes or subscriptions")
	ErrNoOwner   = errors.New("no such owner")
	ErrLetter    = errors.New("only cards and terms can be put and shed")
	ErrChanged   = errors.New("somebody else changed it meanwhile")
	ErrNotes     = errors.New("too much is kept beside mailboxes")
)

// Refused says whether err is an Index's answer that it did not and will not do
// what was asked. After any other error the outcome is unknown.
func Refused(err error) bool {
	for _, no := range []error{ErrNoMailbox, ErrExists, ErrNoMail, ErrOverQuota, ErrName, ErrInbox, ErrFlag, ErrUse, ErrTooMany, ErrNoOwner, ErrLetter, ErrChanged, ErrNotes} {
		if errors.Is(err, no) {
			return true
		}
	}
	return false
}

// Uses are the special uses a mailbox can be made with (RFC 6154). \All and
// \Flagged are views, and this store has none.
func Uses() []string { return []string{`\Archive`, `\Drafts`, `\Junk`, `\Sent`, `\Trash`} }

// Mailbox is a mailbox and its counters.
type Mailbox struct {
	ID          MailboxID
	Name        string // UTF-8, "/" between levels, "INBOX" in capitals
	Use         string // special use with its backslash (RFC 6154), or empty
	UIDValidity uint32
	UIDNext     UID
	Modseq      Modseq // highest of the mailbox
	Floor       Modseq // expunges at or below it may be forgotten: Entries since less than Floor is incomplete
	Subscribed  bool
	Messages    uint32
	Unseen      uint32
	Deleted     uint32
	Expunged    uint32 // expunged UIDs still remembered
	Bytes       int64  // sum of served sizes
}

// Entry is the changing half of a message: small, listed often.
type Entry struct {
	UID      UID
	Modseq   Modseq
	Received time.Time // INTERNALDATE, whole seconds
	Saved    time.Time // when it entered this mailbox
	Size     int64     // RFC822.SIZE
	Flags    []string  // system flags first, keywords as first written
	Gone     bool      // expunged at Modseq; only UID and Modseq are set
}

// Mail is the unchanging half: what is served and where the letters are.
type Mail struct {
	UID      UID
	ID       [16]byte // random, kept over COPY, MOVE and Reseal: not an EMAILID (RFC 8474), which changes with the octets
	Outer    []byte
	Envelope []byte
	Form     pgp.Form
	Class    pgp.Class
	Letters  []Stored
}

// Stored is one letter of a mail.
type Stored struct {
	Kind pgp.Kind
	filestore.Ref
}

// Usage is what an owner stores and may store. Bytes counts the letters of
// every entry: a copy counts again although its blobs are shared, so usage is
// the sum of what the owner sees and a copy cannot be had for nothing.
// Files of filestore/drive in the same database count too, from when they are declared.
type Usage struct {
	Bytes    int64
	Messages int64
	Quota    int64 // 0: no limit; Append and Copy never take Bytes past it
}

// A Change is one wish about one owner's mailboxes.
type Change interface{ change() }

type (
	// Create makes a mailbox. Missing parents are made too; one "/" at the end is
	// ignored (RFC 9051, section 6.3.4). Use is one of Uses, or empty; an owner
	// has at most one mailbox of a use.
	Create struct{ Name, Use string }
	// Rename moves a mailbox and all below it; renaming INBOX moves its mail into
	// a new mailbox and leaves INBOX empty (RFC 9051, section 6.3.6).
	Rename struct{ From, To string }
	// Remove deletes a mailbox and what is in it, but nothing below it.
	Remove struct{ Name string }
	// Subscribe sets or clears a subscription; the name need not exist. Only the owner gets
	// a MODSEQ.
	Subscribe struct {
		Name string
		On   bool
	}
	// Append adds one mail whose blobs are durable.
	Append struct {
		Box      MailboxID
		Mail     Mail // UID is stamped
		Size     int64
		Received time.Time
		Flags    []string
	}
	// SetFlags changes flags. Unless is 0 or the MODSEQ a message must not have
	// passed. A message whose flags stay as they were keeps its MODSEQ.
	SetFlags struct {
		Box    MailboxID
		UIDs   []UID
		Op     FlagOp
		Flags  []string
		Unless Modseq
	}
	// Copy copies messages; Move moves them (RFC 6851). Order of UIDs is kept;
	// those that do not exist or stand there twice are passed over.
	Copy struct {
		From, To MailboxID
		UIDs     []UID
	}
	Move struct {
		From, To MailboxID
		UIDs     []UID
	}
	// Expunge removes messages; with OnlyDeleted only those flagged \Deleted.
	Expunge struct {
		Box         MailboxID
		UIDs        []UID // nil: all
		OnlyDeleted bool
	}
	// PutLetters gives one message letters that its owner's client made, each in the
	// place of the one of its kind or beside the others. Only cards and terms can be
	// put, and the message has to be there: a copy of it keeps what it has.
	PutLetters struct {
		Box     MailboxID
		UID     UID
		Letters []Stored
	}
	// Reseal puts a message in the place of one whose letters its owner's client sealed
	// anew: the octets that IMAP serves are others, so the UID is another. Flags,
	// INTERNALDATE and the mail's id stay, and so do the letters of other kinds. One that is
	// not there (another client was faster) is passed over, and its letters are freed.
	Reseal struct {
		Box     MailboxID
		UID     UID
		Size    int64 // RFC822.SIZE
		Letters []Stored
	}
	// Shed drops letters of these kinds, card or terms: the owner's clients have
	// folded them into pages and segments of their own.
	Shed struct {
		Box   MailboxID
		UIDs  []UID
		Kinds []pgp.Kind
	}
	// Note puts octets beside a mailbox, or with NoteOwner or NoteImports beside the owner, in
	// the place of Was; empty is none. What was put there by somebody else meanwhile is not
	// lost: ErrChanged, and the other changes of the call are refused with it. They stay with a mailbox that is renamed, go when it goes, and count
	// towards no quota. The mailbox gets a MODSEQ (RFC 7162, section 3.2). Whoever puts
	// them has sealed them.
	Note struct {
		Box      MailboxID
		Was, Now []byte
	}
	// SetQuota sets the owner's quota in bytes; 0 is no limit. It is also how an
	// owner begins: every other change fails with ErrNoOwner before it and after
	// Forget, so a delivery that raced a removal cannot bring the owner back.
	SetQuota struct{ Bytes int64 }
	// Forget removes the owner, all mailboxes, all entries, and the cabinet.
	Forget struct{}
)

// FlagOp says what SetFlags does.
type FlagOp uint8

const (
	Replace FlagOp = iota
	Add
	Clear
)

func (Create) change()     {}
func (Rename) change()     {}
func (Remove) change()     {}
func (Subscribe) change()  {}
func (Append) change()     {}
func (SetFlags) change()   {}
func (Copy) change()       {}
func (Move) change()       {}
func (Expunge) change()    {}
func (PutLetters) change() {}
func (Reseal) change()     {}
func (Shed) change()       {}
func (Note) change()       {}
func (SetQuota) change()   {}
func (Forget) change()     {}

// Event is what one change did, in the order of the changes.
type Event struct {
	Box     MailboxID      // the mailbox changed (for Copy and Move the target)
	UIDs    []UID          // stamped, changed or removed
	Sources []UID          // Copy, Move and Reseal: the UIDs they came from, aligned with UIDs
	Failed  []UID          // SetFlags: those past Unless
	Valid   uint32         // UIDVALIDITY of Box
	Modseq  Modseq         // given to this change; 0 when it changed no message, mailbox or note
	Freed   []filestore.ID // blobs that no entry points at any more
}

// Index is what mailstore asks of a database. One Apply is atomic and durable
// when it returns, and costs a fixed number of round trips however much it
// carries; engines may commit many callers' calls together. An error that
// Refused knows means that nothing was changed; after any other the call may
// have been stored.
type Index interface {
	// Mailboxes lists an owner's mailboxes by name; none for an unknown owner.
	Mailboxes(ctx context.Context, o Owner) ([]Mailbox, error)
	// Subscriptions lists the subscribed names, existing or not.
	Subscriptions(ctx context.Context, o Owner) ([]string, error)
	// Entries lists the entries changed after since, expunged ones included
	// (Gone); with since 0 all that exist. Order: by UID when since is 0, else by
	// Modseq. It is one moment's view, however slowly it is read.
	Entries(ctx context.Context, o Owner, b MailboxID, since Modseq) iter.Seq2[Entry, error]
	// Entry is one of them that is there, or ErrNoMail.
	Entry(ctx context.Context, o Owner, b MailboxID, uid UID) (Entry, error)
	// Mails reads the unchanging halves of those messages that exist, in the
	// order asked. It reads in pages, so an expunge in between leaves gaps.
	Mails(ctx context.Context, o Owner, b MailboxID, uids []UID) iter.Seq2[Mail, error]
	// Roster is a mailbox at one moment, or ErrNoMailbox. It costs a row for every
	// 4,096 messages, not one for each.
	Roster(ctx context.Context, o Owner, b MailboxID) (Roster, error)
	// Marked are those of a mailbox with a mark, at as little cost.
	Marked(ctx context.Context, o Owner, b MailboxID, m Mark) (UIDSet, error)
	// Changes are what happened to a mailbox since a MODSEQ, at one moment, or
	// ErrNoMailbox. It costs what changed, not what there is.
	Changes(ctx context.Context, o Owner, b MailboxID, since Modseq) (Changes, error)
	// List reads those of uids that exist, by UID. It reads in pages, each one
	// moment's view: an entry and its mail agree, but between two lines may lie a
	// change, whose MODSEQ tells. No transaction is open while a line is used. What is in
	// a line lives until the next one; its Flags live longer, and are not to be changed.
	List(ctx context.Context, o Owner, b MailboxID, uids UIDSet, c Columns) iter.Seq2[*Line, error]
	Usage(ctx context.Context, o Owner) (Usage, error)
	// Note is what stands beside a mailbox, or at NoteOwner or NoteImports; nil: nothing.
	Note(ctx context.Context, o Owner, b MailboxID) ([]byte, error)
	// Modseq is the highest given to any change of an owner; 0 for an unknown one.
	Modseq(ctx context.Context, o Owner) (Modseq, error)
	Apply(ctx context.Context, o Owner, changes []Change) ([]Event, error)
	// Blobs lists every blob any entry points at, for the orphan sweeper, and those
	// that cabinets and drives point at in the same database: one moment's view, a shared blob
	// as often as it is shared. Read it quickly, and ask nothing else of the index
	// meanwhile.
	Blobs(ctx context.Context) iter.Seq2[filestore.ID, error]
}
