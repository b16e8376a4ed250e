package signin

import (
	"context"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"slices"
	"time"

	"sealpost/account"
)

// A new device asks to be let in: it shows a key and six words of it, and one that is
// signed in seals the master key to it. Requests stand in the account's record, so that any
// node has them, and nobody else makes the server remember anything: what a device comes back
// with says by its own code until when it may. One for a stranger's address waits just as long.

const (
	requestTime   = 15 * time.Minute
	requestsEach  = 5    // of one account; a new one takes the place of the oldest
	maxSealedGift = 4096 // bytes
	clocksApart   = time.Minute
)

// request is a device that asks. Its names are the format.
type request struct {
	ID     string    `json:"id"`
	Hash   []byte    `json:"hash"` // of what the device comes back with
	Device string    `json:"device"`
	Key    []byte    `json:"key"`
	At     time.Time `json:"at"`
	Sealed []byte    `json:"sealed,omitempty"` // once granted
	Over   bool      `json:"over,omitempty"`   // sent away, or let in: until its time is over, it is told so
}

func (r request) waits() bool { return !r.Over && r.Sealed == nil }

// Request is a device that waits.
type Request struct {
	ID        string
	Device    string
	PublicKey []byte
	At        time.Time
}

// Asked is what the new device keeps, to come back with.
type Asked struct {
	ID     string
	Secret []byte
}

// requestSecret is 8 bytes of time, 8 random ones, and 16 of a code over both and the id.
func (d *Desk) requestSecret(id string) []byte {
	b := binary.BigEndian.AppendUint64(nil, uint64(d.Now().Unix()))
	b = append(b, random(8)...)
	return append(b, keyed(d.Secret, "request", id, string(b))[:16]...)
}

// asked says whether a secret is one that was given to a device not too long ago.
func (d *Desk) asked(id string, secret []byte) bool {
	if len(secret) != 32 {
		return false
	}
	right := keyed(d.Secret, "request", id, string(secret[:16]))[:16]
	age := d.Now().Sub(time.Unix(int64(binary.BigEndian.Uint64(secret)), 0))
	return subtle.ConstantTimeCompare(right, secret[16:]) == 1 && age >= -clocksApart && age < requestTime
}

// Ask has a device wait.
func (d *Desk) Ask(ctx context.Context, c account.Caller, address string, publicKey []byte, name string) (a Asked, err error) {
	d.start()
	if len(publicKey) != 32 {
		return Asked{}, ErrForm
	}
	start := time.Now()
	err = d.door().Wait(ctx, c, address) // it gives no token back: asking is no sign-in
	if err != nil {
		return Asked{}, err
	}
	defer account.OnTick(ctx, start)
	s, _, _, err := d.known(ctx, address)
	if err != nil && !errors.Is(err, ErrNone) {
		return Asked{}, err
	}
	a.ID = newID()
	a.Secret = d.requestSecret(a.ID)
	hash := TokenOf(a.Secret)
	r := request{ID: a.ID, Hash: hash[:], Device: device(name), Key: publicKey, At: d.Now().UTC()}
	if s == nil {
		return a, d.asIfAsked(ctx)
	}
	_, err = d.change(ctx, s.id, func(s *state) error {
		s.ask(r)
		return nil
	})
	return a, err
}

// asIfAsked looks up and opens what a change does. Only the write is missing, and when the
// answer leaves tells nothing of it.
func (d *Desk) asIfAsked(ctx context.Context) error {
	if _, err := d.Store.Record(ctx, strangers); err != nil && !errors.Is(err, ErrNone) {
		return err
	}
	s, err := d.decode(d.nobody)
	if err == nil {
		_, err = d.encode(s)
	}
	return err
}

func (s *state) ask(r request) {
	if len(s.Requests) >= requestsEach {
		s.Requests = slices.Delete(s.Requests, 0, len(s.Requests)-requestsEach+1)
	}
	s.Requests = append(s.Requests, r)
}

// refuseAll sends away all that wait.
func (s *state) refuseAll() {
	for i := range s.Requests {
		s.Requests[i].Over, s.Requests[i].Sealed = true, nil
	}
}

// Requests lists the devices that wait for an account.
func (d *Desk) Requests(ctx context.Context, id account.ID) (all []Request, err error) {
	s, err := d.read(ctx, id)
	if errors.Is(err, ErrNone) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	for _, r := range s.Requests {
		if r.waits() && d.Now().Sub(r.At) < requestTime {
			all = append(all, Request{r.ID, r.Device, r.Key, r.At})
		}
	}
	return all, nil
}

// answer changes a request that waits, or fails with ErrNotFound.
func (d *Desk) answer(ctx context.Context, id account.ID, which string, how func(*request)) error {
	d.start()
	_, err := d.change(ctx, id, func(s *state) error {
		i := slices.IndexFunc(s.Requests, func(r request) bool { return r.ID == which && !r.Over })
		if i < 0 {
			return ErrNotFound
		}
		how(&s.Requests[i])
		return nil
	})
	if errors.Is(err, ErrNone) {
		return ErrNotFound
	}
	return err
}

// Grant leaves for a waiting device what was sealed to its key.
func (d *Desk) Grant(ctx context.Context, id account.ID, which string, sealed []byte) error {
	if len(sealed) == 0 || len(sealed) > maxSealedGift {
		return ErrForm
	}
	twice := false
	err := d.answer(ctx, id, which, func(r *request) {
		if twice = r.Sealed != nil; !twice {
			r.Sealed = sealed
		}
	})
	if err == nil && twice {
		return ErrNotFound
	}
	return err
}

// Deny sends a waiting device away.
func (d *Desk) Deny(ctx context.Context, id account.ID, which string) error {
	return d.answer(ctx, id, which, func(r *request) { r.Over, r.Sealed = true, nil })
}

// Granted is what a device that was let in gets, once.
type Granted struct {
	Entered
	Sealed []byte
}

// Come asks whether a device was let in: nil while it waits. It fails with ErrNotFound
// for who was sent away, waited too long, or never asked.
func (d *Desk) Come(ctx context.Context, id string, secret []byte) (*Granted, error) {
	d.start()
	if !d.asked(id, secret) {
		return nil, ErrNotFound
	}
	hash := TokenOf(secret)
	row, err := d.Store.ByToken(ctx, hash)
	if errors.Is(err, ErrNone) { // for a stranger's address, or others came after it
		_, err := d.decode(d.nobody)
		return nil, err
	}
	if err != nil {
		return nil, err
	}
	s, err := d.decode(row)
	if err != nil {
		return nil, err
	}
	r := s.requestOf(id, hash)
	switch {
	case r == nil || r.waits():
		return nil, nil
	case r.Over:
		return nil, ErrNotFound
	}
	return d.letIn(ctx, s.id, *r)
}

func (s *state) requestOf(id string, hash Token) *request {
	i := slices.IndexFunc(s.Requests, func(r request) bool {
		return r.ID == id && subtle.ConstantTimeCompare(r.Hash, hash[:]) == 1
	})
	if i < 0 {
		return nil
	}
	return &s.Requests[i]
}

// letIn signs in a device that was let in: at one node, once.
func (d *Desk) letIn(ctx context.Context, id account.ID, r request) (*Granted, error) {
	if err := d.answer(ctx, id, r.ID, func(r *request) { r.Over, r.Sealed = true, nil }); err != nil {
		return nil, err
	}
	a, err := d.Book.Account(ctx, id)
	if err != nil {
		return nil, err
	}
	e, err := d.enter(ctx, a, Line{How: ByApproval, Device: r.Device}, "")
	if err != nil {
		return nil, err
	}
	return &Granted{e, r.Sealed}, nil
}
