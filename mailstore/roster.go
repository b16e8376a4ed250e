package mailstore

// Roster is a mailbox at one moment: what a client that opens it is told, without
// a look at its entries.
type Roster struct {
	Mailbox
	UIDs        UIDSet   // those that are there
	FirstUnseen UID      // the lowest without \Seen; 0: none
	Keywords    []string // in use on at least one of them, each in one of its spellings, sorted without case
}

// Mark is a kind of message that an index keeps a set of.
type Mark uint8

const (
	MarkUnseen  Mark = iota + 1 // without \Seen
	MarkDeleted                 // with \Deleted
)

// Changes are what happened to a mailbox since a MODSEQ, as a client needs it that
// comes back (RFC 7162): both sets are there at once, whatever happened in how long.
type Changes struct {
	Mailbox
	Changed UIDSet // those there whose MODSEQ is above
	// Vanished are those that were expunged after it. Some of them a client may
	// never have seen; and when not all expunges are remembered any more (Floor),
	// they are all UIDs below UIDNext that are not there.
	Vanished UIDSet
}

// Columns say what List reads of a message beside its entry.
type Columns struct {
	Envelope bool
	Whole    bool // the whole Mail
}

// Line is a message as List yields it: its entry and of its mail what was asked for.
// UID stands in both.
type Line struct {
	Entry
	Mail Mail
}
