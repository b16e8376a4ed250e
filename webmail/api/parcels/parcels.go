// Package parcels hands out what people of this server sealed under a password for
// somebody outside (docs/formats.md, "Parcels"), until its time is over, and counts
// the answers that come back.
//
// It never knows a password, the secret of a link, a word of a parcel or whom it is
// for: a parcel is a box of its owner's cabinet, and all that the server goes by stands
// in its name.
//
// Invariants: what has ended, was taken back or never was is the same to whoever asks;
// no parcel is ever replaced by another; nobody answers one without what only its
// password gives; an account has a bounded number of parcels, and a parcel of answers.
package parcels

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"sealpost/filestore"
	"sealpost/mailstore"
	"sealpost/mailstore/cabinet"
)

var (
	// ErrNone is all that is ever said of a parcel that cannot be had.
	ErrNone = errors.New("no such parcel")
	// ErrTooMany says that an account has as many parcels as it may.
	ErrTooMany = errors.New("too many parcels")
	// ErrAnswered says that a parcel has as many answers as it may.
	ErrAnswered = errors.New("a parcel has all its answers")
	// ErrName says that a box was put under a name that is none of a parcel.
	ErrName = errors.New("not a name of a parcel: expected its end within 62 days, its answers and what proves one")
)

const (
	drawer     = "parcels"
	mostOpen   = 100                 // parcels of an account at the same time
	latest     = 62 * 24 * time.Hour // 28 days, of a mail that is sent a month from now
	endSize    = 8                   // hex digits, Unix seconds
	stemSize   = endSize + 1 + 22    // and the number of answers, and 128 random bits in base64url
	checkSize  = 16
	proofSize  = 32
	keepAnswer = 16 // digests of answers that are kept, however many a name allows
)

// Papers keeps octets of accounts, sealed and durable; storage/bolt has them. Put of
// nil removes.
type Papers interface {
	Get(ctx context.Context, account, name string) ([]byte, error)
	Put(ctx context.Context, account, name string, value []byte) error
}

// Room hands out parcels. Its fields are set once, before use.
type Room struct {
	Cabinet *cabinet.Cabinet
	Answers Papers // how many each parcel had
	Now     func() time.Time

	mu sync.Mutex // of counting: two at once must not pass a bound together
}

// Name is what the name of a parcel says.
type Name struct {
	Ends    time.Time
	Answers int
	check   [checkSize]byte
}

// ParseName reads a name: END, 8 hex digits; ANSWERS, a digit; 22 characters that are
// random; and, where there may be answers, 22 of what proves one.
func ParseName(s string) (n Name, ok bool) {
	if len(s) < stemSize {
		return n, false
	}
	end, err := strconv.ParseUint(s[:endSize], 16, 32)
	if err != nil || s[:endSize] != fmt.Sprintf("%08x", end) || s[endSize] < '0' || s[endSize] > '9' {
		return n, false
	}
	n.Ends, n.Answers = time.Unix(int64(end), 0).UTC(), int(s[endSize]-'0')
	if _, ok := bits128(s[endSize+1 : stemSize]); !ok {
		return n, false
	}
	if n.Answers == 0 {
		return n, len(s) == stemSize
	}
	n.check, ok = bits128(s[stemSize:])
	return n, ok
}

func bits128(s string) (b [checkSize]byte, ok bool) {
	got, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil || len(got) != len(b) {
		return b, false
	}
	return [checkSize]byte(got), true
}

// Check is what the name of a parcel says of a proof.
func Check(proof []byte) []byte {
	sum := sha256.Sum256(slices.Concat([]byte("sealpost parcel check v1"), proof))
	return sum[:checkSize]
}

// Put stores a parcel, as Cabinet.Put does a box. It is the first of its name.
func (r *Room) Put(ctx context.Context, o mailstore.Owner, name string, was cabinet.Version, box []byte) (cabinet.Box, error) {
	n, ok := ParseName(name)
	if now := r.Now(); !ok || !n.Ends.After(now) || n.Ends.After(now.Add(latest)) {
		return cabinet.Box{}, ErrName
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	all, err := r.Cabinet.Store.Drawer(ctx, o, drawer)
	if err != nil {
		return cabinet.Box{}, fmt.Errorf("count parcels: %w", err)
	}
	if i := slices.IndexFunc(all, func(b cabinet.Box) bool { return b.Name == name }); i >= 0 || was != 0 {
		return cabinet.Box{}, cabinet.Conflict{Version: was + 1} // whoever has the link must find what it was made for
	}
	if len(all) >= mostOpen {
		return cabinet.Box{}, ErrTooMany
	}
	return r.Cabinet.Put(ctx, o, cabinet.Place{Drawer: drawer, Name: name}, 0, box)
}

// Remove takes a parcel back, as Cabinet.Remove does a box.
func (r *Room) Remove(ctx context.Context, o mailstore.Owner, name string, was cabinet.Version) (cabinet.Box, error) {
	b, err := r.Cabinet.Remove(ctx, o, cabinet.Place{Drawer: drawer, Name: name}, was)
	if err != nil {
		return b, err
	}
	return b, r.Answers.Put(ctx, string(o), name, nil)
}

// Open opens a parcel whose time is not over, or fails with ErrNone.
func (r *Room) Open(ctx context.Context, o mailstore.Owner, name string) (filestore.Blob, error) {
	n, ok := ParseName(name)
	_, blob, err := r.Cabinet.Open(ctx, o, cabinet.Place{Drawer: drawer, Name: name})
	if errors.Is(err, cabinet.ErrNoBox) || errors.Is(err, mailstore.ErrNoOwner) {
		return nil, ErrNone
	}
	if err != nil {
		return nil, err
	}
	if !ok || !r.Now().Before(n.Ends) {
		blob.Close()
		return nil, ErrNone
	}
	return blob, nil
}

// May says whether who has this proof may answer a parcel. Without the proof that only
// its password gives, there is none.
func (r *Room) May(ctx context.Context, o mailstore.Owner, name string, proof []byte) error {
	n, ok := ParseName(name)
	b, err := r.Cabinet.Store.Box(ctx, o, cabinet.Place{Drawer: drawer, Name: name})
	if err != nil && !errors.Is(err, cabinet.ErrNoBox) && !errors.Is(err, mailstore.ErrNoOwner) {
		return fmt.Errorf("read parcel: %w", err)
	}
	there := err == nil && !b.Gone && ok && n.Answers > 0 && r.Now().Before(n.Ends)
	if subtle.ConstantTimeCompare(Check(proof), n.check[:]) != 1 || len(proof) != proofSize || !there {
		return ErrNone
	}
	return nil
}

// answer is one that was begun. Until it is done it may have been stored or not: then
// the same one again is stored, perhaps twice, rather than lost.
type answer struct {
	Sum  []byte `json:"s"` // SHA-256
	Done bool   `json:"d"`
}

// Begin counts an answer before it is stored, or says that the same one was stored
// already. It fails with ErrAnswered where a parcel has all it may have.
func (r *Room) Begin(ctx context.Context, o mailstore.Owner, name string, sum [sha256.Size]byte) (done bool, err error) {
	n, _ := ParseName(name)
	err = r.change(ctx, o, name, func(all []answer) ([]answer, error) {
		if i := find(all, sum); i >= 0 {
			done = all[i].Done
			return nil, nil
		}
		if len(all) >= min(n.Answers, keepAnswer) {
			return nil, ErrAnswered
		}
		return append(all, answer{Sum: sum[:]}), nil
	})
	return done, err
}

// End says that an answer is stored durably, or (kept false) that it was refused.
func (r *Room) End(ctx context.Context, o mailstore.Owner, name string, sum [sha256.Size]byte, kept bool) error {
	return r.change(context.WithoutCancel(ctx), o, name, func(all []answer) ([]answer, error) {
		i := find(all, sum)
		switch {
		case i < 0:
			return nil, nil
		case kept:
			all[i].Done = true
		default:
			all = slices.Delete(all, i, i+1)
		}
		return all, nil
	})
}

func find(all []answer, sum [sha256.Size]byte) int {
	return slices.IndexFunc(all, func(a answer) bool { return subtle.ConstantTimeCompare(a.Sum, sum[:]) == 1 })
}

// change writes what do answers; nil: there is nothing to write.
func (r *Room) change(ctx context.Context, o mailstore.Owner, name string, do func([]answer) ([]answer, error)) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	old, err := r.Answers.Get(ctx, string(o), name)
	if err != nil {
		return fmt.Errorf("count answers: %w", err)
	}
	var all []answer
	if old != nil {
		if err := json.Unmarshal(old, &all); err != nil {
			return errors.New("count answers: a damaged count")
		}
	}
	if all, err = do(all); err != nil || all == nil {
		return err
	}
	paper, err := json.Marshal(all)
	if err == nil {
		err = r.Answers.Put(ctx, string(o), name, paper)
	}
	if err != nil {
		return fmt.Errorf("count answers: %w", err)
	}
	return nil
}

// Tidy removes what of an owner has ended.
func (r *Room) Tidy(ctx context.Context, o mailstore.Owner) (removed int, err error) {
	all, err := r.Cabinet.Store.Drawer(ctx, o, drawer)
	if err != nil {
		return 0, fmt.Errorf("list parcels: %w", err)
	}
	for _, b := range all {
		if n, ok := ParseName(b.Name); ok && r.Now().Before(n.Ends) {
			continue
		}
		_, err := r.Remove(ctx, o, b.Name, b.Version)
		var changed cabinet.Conflict
		switch {
		case errors.Is(err, cabinet.ErrNoBox) || errors.As(err, &changed): // taken back meanwhile
		case err != nil:
			return removed, fmt.Errorf("remove parcels that have ended: %w", err)
		default:
			removed++
		}
	}
	return removed, nil
}
