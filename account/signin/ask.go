package signin

import (
	"bytes"
	"context"
	"crypto/subtle"
	"errors"
	"slices"
	"sync"
	"time"

	"sealpost/account"
)

// A new device asks to be let in: it shows a key and six words of it, and one that is
// signed in seals the master key to it. Requests live in memory: a restart, as any
// other end, has the device ask again. One for a stranger's address waits just as long.

const (
	requestTime   = 15 * time.Minute
	requestsEach  = 5    // of one address; a new one takes the place of the oldest
	requestsAll   = 4096 // of all
	maxSealedGift = 4096 // bytes
)

type request struct {
	id      string
	secret  Token
	account account.ID // empty: nobody's
	name    string     // of the address, as addresses are compared
	device  string
	key     []byte
	at      time.Time
	sealed  []byte // once granted
}

type asking struct {
	mu  sync.Mutex
	all []*request // the oldest first
}

func newAsking() *asking { return new(asking) }

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
	s, _, who, err := d.known(ctx, address)
	if err != nil && !errors.Is(err, ErrNone) {
		return Asked{}, err
	}
	a = Asked{newID(), random(32)}
	r := &request{id: a.ID, secret: TokenOf(a.Secret), name: who, device: device(name), key: publicKey, at: d.Now()}
	if s != nil {
		r.account = s.id
	}
	d.asking.add(r)
	return a, nil
}

func (q *asking) add(r *request) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.expire(r.at)
	same := func(o *request) bool { return o.name == r.name }
	n := 0
	for _, o := range q.all {
		if same(o) {
			n++
		}
	}
	switch {
	case n >= requestsEach:
		i := slices.IndexFunc(q.all, same)
		q.all = slices.Delete(q.all, i, i+1)
	case len(q.all) >= requestsAll:
		q.all = slices.Delete(q.all, 0, 1)
	}
	q.all = append(q.all, r)
}

// expire drops what waited too long. Called with mu held.
func (q *asking) expire(now time.Time) {
	q.all = slices.DeleteFunc(q.all, func(r *request) bool { return now.Sub(r.at) >= requestTime })
}

// drop sends away all that wait for an account.
func (q *asking) drop(id account.ID) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.all = slices.DeleteFunc(q.all, func(r *request) bool { return r.account == id })
}

// own finds a request of an account. Called with mu held.
func (q *asking) own(id account.ID, which string) int {
	return slices.IndexFunc(q.all, func(r *request) bool { return r.id == which && r.account == id && id != "" })
}

// Requests lists the devices that wait for an account.
func (d *Desk) Requests(id account.ID) (all []Request) {
	d.start()
	d.asking.mu.Lock()
	defer d.asking.mu.Unlock()
	d.asking.expire(d.Now())
	for _, r := range d.asking.all {
		if r.account == id && r.sealed == nil {
			all = append(all, Request{r.id, r.device, r.key, r.at.UTC()})
		}
	}
	return all
}

// Grant leaves for a waiting device what was sealed to its key.
func (d *Desk) Grant(id account.ID, request string, sealed []byte) error {
	d.start()
	if len(sealed) == 0 || len(sealed) > maxSealedGift {
		return ErrForm
	}
	d.asking.mu.Lock()
	defer d.asking.mu.Unlock()
	d.asking.expire(d.Now())
	i := d.asking.own(id, request)
	if i < 0 || d.asking.all[i].sealed != nil {
		return ErrNotFound
	}
	d.asking.all[i].sealed = bytes.Clone(sealed)
	return nil
}

// Deny sends a waiting device away.
func (d *Desk) Deny(id account.ID, request string) error {
	d.start()
	d.asking.mu.Lock()
	defer d.asking.mu.Unlock()
	i := d.asking.own(id, request)
	if i < 0 {
		return ErrNotFound
	}
	d.asking.all = slices.Delete(d.asking.all, i, i+1)
	return nil
}

// Granted is what a device that was let in gets, once.
type Granted struct {
	Entered
	Sealed []byte
}

// Come asks whether a device was let in: nil while it waits. It fails with ErrNotFound
// for who was sent away, waited too long, or never asked.
func (d *Desk) Come(ctx context.Context, request string, secret []byte) (*Granted, error) {
	d.start()
	r := d.asking.collect(request, secret, d.Now())
	switch {
	case r == nil:
		return nil, ErrNotFound
	case r.sealed == nil:
		return nil, nil
	}
	a, err := d.Book.Account(ctx, r.account)
	if err != nil {
		return nil, err
	}
	e, err := d.enter(ctx, a, Line{How: ByApproval, Device: r.device}, "")
	if err != nil {
		return nil, err
	}
	return &Granted{e, r.sealed}, nil
}

// collect finds a request by its secret, and takes it out if it was granted.
func (q *asking) collect(id string, secret []byte, now time.Time) *request {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.expire(now)
	hash := TokenOf(secret)
	i := slices.IndexFunc(q.all, func(r *request) bool {
		return subtle.ConstantTimeCompare(r.secret[:], hash[:]) == 1 && r.id == id
	})
	if i < 0 {
		return nil
	}
	r := q.all[i]
	if r.sealed != nil {
		q.all = slices.Delete(q.all, i, i+1)
	}
	return r
}
