// Package ordering proves from a log that IMAP's rules of order hold, whichever nodes
// clients asked and whatever happened to those meanwhile.
//
// Clients (client.go) write down what they asked and were answered, by one clock; Check
// reads that log and nothing else, so it is also right about a log that other programs
// wrote. It never knows how a node works, and takes nothing for true but what a client was
// told.
//
// Invariants: what Check finds can be shown by the lines of the log that it names; an
// operation that was not answered counts as one that may have happened at any moment after it
// began.
package ordering

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"sync"
)

// What a line of the log is about.
const (
	Put     = "put"     // a mail came into Box: APPEND or SMTP
	Copy    = "copy"    // messages of Source were copied into Box,
	Move    = "move"    // or moved
	Expunge = "expunge" // UID EXPUNGE of Asked
	Store   = "store"   // STORE of Flag for Asked
	Status  = "status"  // STATUS
	Look    = "look"    // SELECT, and FETCH of all there is
	Told    = "told"    // what else was said of messages, behind any command
	Read    = "read"    // bodies were fetched and opened; Mark of Seen is what stood inside
)

// How a command ended.
const (
	OK = "ok"
	No = "no" // refused or failed; it may have happened all the same
	// Cut says that there was no answer.
	Cut = "cut"
)

// Record is one line: one command of one client, or one mail that was brought. Times are
// nanoseconds of one clock for all clients.
type Record struct {
	Line   int    `json:"-"` // of the file
	Client string `json:"client"`
	Node   string `json:"node"`
	Box    string `json:"box"`
	Start  int64  `json:"start"` // before the first octet was sent
	End    int64  `json:"end"`   // after the last one was read, or when the client gave up
	Do     string `json:"do"`
	Answer string `json:"answer"`

	// Of a mailbox at one moment (RFC 9051, section 2.3.1.1; RFC 7162, section 3.1.2).
	Valid   uint32 `json:"uidvalidity,omitempty"`
	Next    uint32 `json:"uidnext,omitempty"`
	Highest uint64 `json:"highestmodseq,omitempty"`
	Count   int    `json:"messages,omitempty"`

	Mark   string      `json:"mark,omitempty"`  // of a Put: what the mail is known by
	Flags  []string    `json:"flags,omitempty"` // it was put with
	UID    uint32      `json:"uid,omitempty"`   // and got, if that was told
	Source string      `json:"source,omitempty"`
	Asked  []uint32    `json:"asked,omitempty"` // UIDs in the command
	Pairs  [][2]uint32 `json:"pairs,omitempty"` // COPYUID: of Source, and of Box

	Flag   string   `json:"flag,omitempty"` // of a Store
	On     bool     `json:"on,omitempty"`
	Unless uint64   `json:"unchangedsince,omitempty"`
	Failed []uint32 `json:"modified,omitempty"` // which UNCHANGEDSINCE kept as they were

	Mid     int64     `json:"mid,omitempty"`     // of a Look: SELECT ended, FETCH began
	Since   uint64    `json:"since,omitempty"`   // of a Look: QRESYNC from this MODSEQ
	Changed []Message `json:"changed,omitempty"` // what SELECT told because of it
	Whole   bool      `json:"whole,omitempty"`   // Seen is all there is
	Seen    []Message `json:"seen,omitempty"`    // by FETCH
	Gone    []uint32  `json:"gone,omitempty"`    // by VANISHED
}

// Message is a message as it was shown.
type Message struct {
	UID    uint32   `json:"uid"`
	Mark   string   `json:"mark,omitempty"`
	Flags  []string `json:"flags,omitempty"`
	Modseq uint64   `json:"modseq,omitempty"`
}

// Log is a log that is being written. Its methods are safe for concurrent use.
type Log struct {
	mu  sync.Mutex
	out *json.Encoder
	all []*Record
	err error
}

// NewLog begins a log; to is nil when it need not be kept in a file.
func NewLog(to io.Writer) *Log {
	l := &Log{}
	if to != nil {
		l.out = json.NewEncoder(to)
	}
	return l
}

// Add writes a line.
func (l *Log) Add(r *Record) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, r)
	r.Line = len(l.all)
	if l.out != nil && l.err == nil {
		l.err = l.out.Encode(r)
	}
}

// Records is what was written so far.
func (l *Log) Records() ([]*Record, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]*Record(nil), l.all...), l.err
}

// maxLine bounds a line of a log: a look at some 100,000 messages.
const maxLine = 16 << 20

// ReadLog reads a log that was written to a file.
func ReadLog(from io.Reader) (all []*Record, err error) {
	lines := bufio.NewScanner(from)
	lines.Buffer(nil, maxLine)
	for n := 1; lines.Scan(); n++ {
		r := &Record{Line: n}
		if err := json.Unmarshal(lines.Bytes(), r); err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		all = append(all, r)
	}
	return all, lines.Err()
}
