package signin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"sealpost/account"
)

// What is sealed under the node key is for these purposes (nodekey).
const (
	purposeSealed = "sign-in"
	purposeInvite = "invitation"
)

// state is a record that was read, to look at or to change.
type state struct {
	id       account.ID
	revision uint64
	keys
	private
}

// keys is the JSON of Record.Keys. Its names are the format.
type keys struct {
	Proof      []byte            `json:"proof"`     // SHA-256 of "sealpost proof v1" and the passphrase's proof
	KitProof   []byte            `json:"kit_proof"` // likewise, of the kit's
	Version    uint64            `json:"version"`
	Salt       []byte            `json:"salt"`
	KDF        KDF               `json:"kdf"`
	Containers map[string][]byte `json:"containers"`
	Created    time.Time         `json:"created"`
}

// private is the JSON of Record.Sealed. Its names are the format.
type private struct {
	Sessions []session `json:"sessions,omitempty"`
	TOTP     *totp     `json:"totp,omitempty"`
	NewTOTP  *totp     `json:"new_totp,omitempty"` // until a code of it was typed
	Passkeys []passkey `json:"passkeys,omitempty"`
	History  []Line    `json:"history,omitempty"` // the newest last
	Uses     []Use     `json:"uses,omitempty"`    // of app passwords
	Requests []request `json:"requests,omitempty"`
	Spent    []spent   `json:"spent,omitempty"`
}

// session is one browser that is signed in.
type session struct {
	ID      string    `json:"id"`
	Hash    []byte    `json:"hash"`
	Device  string    `json:"device"`
	How     string    `json:"how"`
	By      string    `json:"by,omitempty"` // the passkey's id
	Created time.Time `json:"created"`
	Used    time.Time `json:"used"`
	Expires time.Time `json:"expires"`
	Share   []byte    `json:"share"`
	Proved  []proved  `json:"proved,omitempty"` // lately
}

// Line is one sign-in, or a try.
type Line struct {
	At     time.Time `json:"at"`
	How    string    `json:"how"`
	OK     bool      `json:"ok"`
	Device string    `json:"device"` // of an app password: its name
	// Of app passwords:
	Door    string `json:"door,omitempty"`
	Network string `json:"network,omitempty"`
}

func (d *Desk) decode(r Record) (*state, error) {
	if d.Opened != nil {
		d.Opened()
	}
	s := &state{id: r.Account, revision: r.Revision}
	if err := json.Unmarshal(r.Keys, &s.keys); err != nil {
		return nil, fmt.Errorf("sign-in of account %s is damaged", r.Account) // the error would quote the row
	}
	plain, err := d.Key.Open(purposeSealed, string(r.Account), r.Sealed)
	if err != nil {
		return nil, fmt.Errorf("open sign-in of account %s: %w", r.Account, err)
	}
	if err := json.Unmarshal(plain, &s.private); err != nil {
		return nil, fmt.Errorf("sealed sign-in of account %s is damaged", r.Account)
	}
	return s, nil
}

// strangers is the account that nobody has; tries at addresses without a sign-in are
// as if they were its.
const strangers account.ID = "0000000000000000"

// stranger is a record as long as others are, of nobody: who asks for an address that has
// no sign-in costs the same as who asks for one that has.
func (d *Desk) stranger() Record {
	s := &state{id: strangers, keys: keys{
		Proof: random(32), KitProof: random(32), Version: 1, Salt: random(saltSize), KDF: defaultKDF, Created: d.Now(),
		Containers: map[string][]byte{
			passphraseName: random(200), kitName: random(200), "secret": random(120), "list": random(200), "openpgp." + strings.Repeat("0", 40): random(1000),
		},
	}}
	for range 2 {
		s.Sessions = append(s.Sessions, session{ID: newID(), Hash: random(32), Device: "Firefox", How: ByPassphrase, Share: random(32)})
		s.History = append(s.History, Line{At: d.Now(), How: ByPassphrase, OK: true, Device: "Firefox"})
	}
	r, err := d.encode(s)
	if err != nil {
		panic(err) // of our own making
	}
	return r
}

func (d *Desk) encode(s *state) (Record, error) {
	r := Record{Account: s.id, Revision: s.revision}
	var err error
	if r.Keys, err = json.Marshal(s.keys); err != nil {
		return r, fmt.Errorf("encode sign-in of account %s: %w", s.id, err)
	}
	plain, err := json.Marshal(s.private)
	if err != nil {
		return r, fmt.Errorf("encode sign-in of account %s: %w", s.id, err)
	}
	defer clear(plain)
	r.Sealed = d.Key.Seal(purposeSealed, string(s.id), plain)
	for _, one := range s.Sessions {
		r.Tokens = append(r.Tokens, Token(one.Hash))
	}
	for _, one := range s.Requests {
		r.Tokens = append(r.Tokens, Token(one.Hash))
	}
	return r, nil
}

func (d *Desk) read(ctx context.Context, id account.ID) (*state, error) {
	r, err := d.Store.Record(ctx, id)
	if err != nil {
		return nil, err
	}
	return d.decode(r)
}

// change reads an account's state, edits it and writes it back; edit may be called
// more than once, and its error ends it.
func (d *Desk) change(ctx context.Context, id account.ID, edit func(*state) error) (s *state, err error) {
	err = account.Anew(ctx, func() (overtaken bool, err error) {
		if s, err = d.read(ctx, id); err != nil {
			return false, err
		}
		before := sessionIDs(s)
		d.prune(s)
		if err := edit(s); err != nil {
			return false, err
		}
		s.revision++
		r, err := d.encode(s)
		if err != nil {
			return false, err
		}
		if err := d.Store.Put(ctx, r); err != nil {
			return errors.Is(err, ErrConflict), fmt.Errorf("write sign-in of account %s: %w", id, err)
		}
		d.ended(id, before, sessionIDs(s))
		return false, nil
	})
	if err != nil {
		return nil, err
	}
	return s, nil
}

func sessionIDs(s *state) (ids []string) {
	for _, one := range s.Sessions {
		ids = append(ids, one.ID)
	}
	return ids
}

const (
	maxSessions = 50
	maxHistory  = 100
)

// prune drops what is over, and the oldest of what is too many.
func (d *Desk) prune(s *state) {
	now := d.Now()
	s.Sessions = slices.DeleteFunc(s.Sessions, func(one session) bool { return !now.Before(one.Expires) })
	if n := len(s.Sessions) - maxSessions; n > 0 {
		slices.SortStableFunc(s.Sessions, func(a, b session) int { return a.Used.Compare(b.Used) })
		s.Sessions = slices.Delete(s.Sessions, 0, n)
	}
	s.Requests = slices.DeleteFunc(s.Requests, func(r request) bool { return now.Sub(r.At) >= requestTime })
	s.Spent = slices.DeleteFunc(s.Spent, func(one spent) bool { return now.Sub(one.At) > 2*challengeTime })
	for i := range s.Sessions {
		p := &s.Sessions[i].Proved
		*p = slices.DeleteFunc(*p, func(one proved) bool { return !now.Before(one.Until) })
	}
	s.History = append(s.History, d.failed.take(s.id)...)
	slices.SortStableFunc(s.History, func(a, b Line) int { return a.At.Compare(b.At) })
	if n := len(s.History) - maxHistory; n > 0 {
		s.History = slices.Delete(s.History, 0, n)
	}
}

func (s *state) keyring() Keyring {
	return Keyring{Version: s.Version, Salt: slices.Clone(s.Salt), KDF: s.KDF, Containers: maps.Clone(s.Containers)}
}
