// Package rules does what people asked for with mail that arrives: into which mailbox
// it goes, which flags it gets, to whom it is forwarded, and who is told that they are
// away. It looks at a mail while that is in memory, before it is sealed and after it
// was screened.
//
// It never keeps anything of a mail, and never knows what a stored one says.
//
// Invariants: whatever fails here, a mail is stored in INBOX as it would be without
// rules; mail is only forwarded encrypted, and filed in any case; nothing that leaves by
// itself can answer or multiply without end (RFC 3834, sections 2 and 4).
package rules

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"sealpost/account"
	"sealpost/mail"
	"sealpost/pgp"
	"sealpost/pgp/discover"
	"sealpost/smtp"
	"sealpost/smtp/outbound/queue"
)

// ErrConflict says that a set was changed by somebody else since it was read.
var ErrConflict = errors.New("the rules were changed meanwhile")

// Papers keeps octets of accounts, sealed and durable; storage/bolt has them. Put of
// nil removes.
type Papers interface {
	Get(ctx context.Context, account, name string) ([]byte, error)
	Put(ctx context.Context, account, name string, value []byte) error
	All(ctx context.Context, account string) ([][]byte, error)
}

// Room is all of it. Its fields are set once, before use.
type Room struct {
	Rules Papers // one for each account
	Heard Papers // who was told that somebody is away, and when
	Book  *account.Book
	Keys  *discover.Finder // nil: nobody has a key
	Queue *queue.Queue
	Local smtp.Handler // the way in, for people of this server
	Spool string       // folder, as in inbound
	Log   *slog.Logger
	Now   func() time.Time

	changing sync.Mutex // of a set, or of who has heard
	spent    allowance
}

// Set is what one account asked for. Its JSON is what the API says and what is sealed.
type Set struct {
	Version  uint64   `json:"version"`
	Rules    []Rule   `json:"rules"`
	Vacation Vacation `json:"vacation"`
}

// Rule is done with a mail that meets all of its conditions, or any.
type Rule struct {
	Name       string      `json:"name"`
	On         bool        `json:"on"`
	All        bool        `json:"all"`
	Conditions []Condition `json:"conditions"`
	Actions    []Action    `json:"actions"`
	Stop       bool        `json:"stop"` // no later rule is asked
}

// Condition compares a field of a mail with a value.
type Condition struct {
	Field string `json:"field"`
	Op    string `json:"op"`
	Value string `json:"value"`
	Not   bool   `json:"not,omitempty"`
}

// Action is one thing to do: move (Mailbox), flag (Flag), forward (Address) or discard.
type Action struct {
	Do      string `json:"do"`
	Mailbox string `json:"mailbox,omitempty"`
	Flag    string `json:"flag,omitempty"`
	Address string `json:"address,omitempty"`
}

// Vacation is what people are told while somebody is away.
type Vacation struct {
	On      bool      `json:"on"`
	From    time.Time `json:"from,omitzero"`
	Until   time.Time `json:"until,omitzero"`
	Subject string    `json:"subject"`
	Text    string    `json:"text"`
}

// Mail is one mail on its way to one account.
type Mail struct {
	Account account.ID
	Bytes   mail.Bytes
	Gist    *mail.Gist
	Class   pgp.Class
	From    *mail.Address // the reverse-path; nil: <>
	To      mail.Address  // the recipient that led to the account
	Proved  bool          // the reverse-path is its sender's, as far as one can tell
}

// Outcome is what the rules say of a mail. The zero value is what happens without.
type Outcome struct {
	Mailbox string // by name; empty: INBOX
	Trash   bool   // it goes where its owner keeps what is thrown away
	Flags   []string
	Forward []mail.Address

	vacation Vacation // zero: nobody is told anything
}

// Get is the set of an account; one that asked for nothing has an empty one.
func (r *Room) Get(ctx context.Context, id account.ID) (Set, error) {
	s := Set{Rules: []Rule{}}
	text, err := r.Rules.Get(ctx, string(id), "")
	if err != nil {
		return s, fmt.Errorf("read rules of account %s: %w", id, err)
	}
	defer clear(text)
	if text == nil {
		return s, nil
	}
	if json.Unmarshal(text, &s) != nil { // its error would quote them
		return Set{Rules: []Rule{}}, fmt.Errorf("rules of account %s are none that this sealpost wrote", id)
	}
	return s, nil
}

// Put replaces a set, whose Version is that of the one it was made from, and returns it
// with its new version. It fails with ErrConflict or an *Invalid.
func (r *Room) Put(ctx context.Context, id account.ID, s Set) (Set, error) {
	a, err := r.Book.Account(ctx, id)
	if err != nil {
		return Set{}, fmt.Errorf("find account %s: %w", id, err)
	}
	if err := r.check(ctx, a, &s); err != nil {
		return Set{}, err
	}
	r.changing.Lock()
	defer r.changing.Unlock()
	old, err := r.Get(ctx, id)
	switch {
	case err != nil:
		return Set{}, err
	case old.Version != s.Version:
		return Set{}, ErrConflict
	}
	s.Version++
	text, err := json.Marshal(s)
	if err != nil {
		return Set{}, errors.New("encode rules") // its error might quote them
	}
	defer clear(text)
	if err := r.Rules.Put(ctx, string(id), "", text); err != nil {
		return Set{}, fmt.Errorf("store rules of account %s: %w", id, err)
	}
	return s, nil
}
