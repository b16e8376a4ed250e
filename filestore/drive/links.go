package drive

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"
)

// ticketFor is how long one download may take, with all its ranges and returns.
const ticketFor = 12 * time.Hour

// Check is what a link keeps of a proof.
func Check(proof []byte) []byte {
	sum := sha256.Sum256(slices.Concat([]byte("sealpost link check v1"), proof))
	return sum[:]
}

// Link makes a link to an object; without an end it gets the usual one.
func (d *Drive) Link(ctx context.Context, o Owner, l Link) (Link, error) {
	l.ID, l.Expires = NewID(), d.end(l.Expires)
	if err := d.bounded(l.Expires); err != nil {
		return Link{}, err
	}
	done, err := d.apply(ctx, o, AddLink{l})
	return done.Link, err
}

// Lasting is when a link ends that lasts as long as its object.
var Lasting = time.Date(9999, time.December, 31, 0, 0, 0, 0, time.UTC)

// LastingLink makes a link that ends with its object: what stands in its owner's own
// sealed mail, and in no list of links.
func (d *Drive) LastingLink(ctx context.Context, o Owner, l Link) (Link, error) {
	l.ID, l.Expires = NewID(), Lasting
	done, err := d.apply(ctx, o, AddLink{l})
	return done.Link, err
}

// end is when something ends of which nobody said it.
func (d *Drive) end(t time.Time) time.Time {
	if t.IsZero() {
		return d.Now().Add(d.Usual)
	}
	return t
}

func (d *Drive) bounded(end time.Time) error {
	if end.After(d.Now().Add(d.Longest)) {
		return ErrLimit
	}
	return nil
}

// ChangeLink changes one of an owner's links.
func (d *Drive) ChangeLink(ctx context.Context, o Owner, w ChangeLink) (Link, error) {
	if w.Expires != nil {
		if err := d.bounded(*w.Expires); err != nil {
			return Link{}, err
		}
	}
	done, err := d.apply(ctx, o, w)
	return done.Link, err
}

// RemoveLink forgets one of an owner's links.
func (d *Drive) RemoveLink(ctx context.Context, o Owner, id ID) error {
	_, err := d.apply(ctx, o, RemoveLink{id})
	return err
}

// Kill ends anybody's link or request, for operators: they see no content, and need
// none.
func (d *Drive) Kill(ctx context.Context, id ID) (l Link, r Request, err error) {
	l, err = d.Store.Link(ctx, id)
	var w Wish = ChangeLink{ID: id, Killed: true}
	o := l.Owner
	if errors.Is(err, ErrNone) {
		r, err = d.Store.Request(ctx, id)
		w, o = ChangeRequest{ID: id, Revoke: true}, r.Owner
	}
	if err != nil {
		return l, r, fmt.Errorf("find link: %w", err)
	}
	done, err := d.apply(ctx, o, w)
	return done.Link, done.Request, err
}

// Shared is a link that is open, and the object it leads to. proven says whether proof
// is the one that the link asks for, if it asks for one.
func (d *Drive) Shared(ctx context.Context, id ID, proof []byte) (l Link, o Object, proven bool, err error) {
	l, err = d.Store.Link(ctx, id)
	if err != nil {
		return Link{}, Object{}, false, fmt.Errorf("find link: %w", err)
	}
	proven = len(l.Check) == 0 || subtle.ConstantTimeCompare(Check(proof), l.Check) == 1
	if !l.Open(d.Now()) || len(proof) > 0 && !proven {
		return Link{}, Object{}, false, ErrNone
	}
	o, err = d.Object(ctx, By{Owner: l.Owner}, l.Object)
	return l, o, proven, err
}

// Download counts one, and gives a ticket for it: what it lets in is not counted again.
func (d *Drive) Download(ctx context.Context, id ID, proof []byte) (ticket string, until time.Time, err error) {
	l, _, proven, err := d.Shared(ctx, id, proof)
	if err == nil && !proven {
		err = ErrNone
	}
	if err == nil {
		_, err = d.apply(ctx, l.Owner, Download{id})
	}
	if err != nil {
		return "", until, err
	}
	until = d.Now().UTC().Truncate(time.Second).Add(ticketFor)
	stamp := binary.BigEndian.AppendUint64(nil, uint64(until.Unix()))
	return base64.RawURLEncoding.EncodeToString(append(stamp, d.mac(id, stamp)...)), until, nil
}

func (d *Drive) mac(id ID, stamp []byte) []byte {
	h := hmac.New(sha256.New, d.Secret)
	h.Write([]byte("sealpost ticket v1\n"))
	h.Write(id[:])
	h.Write(stamp)
	return h.Sum(nil)
}

// Fetch opens what a link leads to, for who has a ticket. Its end and its limit stop
// no download that was begun; its owner does, and an operator, at the next part.
func (d *Drive) Fetch(ctx context.Context, id ID, ticket string) (*Content, error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(ticket)
	if err != nil || len(b) != 8+sha256.Size {
		b = make([]byte, 8+sha256.Size)
	}
	good := hmac.Equal(d.mac(id, b[:8]), b[8:]) && d.Now().Unix() < int64(binary.BigEndian.Uint64(b[:8]))
	l, err := d.taken(ctx, id)
	if err != nil {
		return nil, err
	}
	if !good {
		return nil, ErrNone
	}
	c, err := d.Open(ctx, l.Owner, l.Object)
	if err == nil { // one request may take hours
		c.may = func(ctx context.Context) error {
			_, err := d.taken(ctx, id)
			return err
		}
	}
	return c, err
}

// taken is a link by which something may still be taken that was begun.
func (d *Drive) taken(ctx context.Context, id ID) (Link, error) {
	l, err := d.Store.Link(ctx, id)
	if err != nil {
		return l, fmt.Errorf("find link: %w", err)
	}
	if l.Revoked || l.Killed {
		return Link{}, ErrNone
	}
	return l, nil
}

// Request makes a request; without an end it gets the usual one.
func (d *Drive) Request(ctx context.Context, o Owner, r Request) (Request, error) {
	r.ID, r.Expires = NewID(), d.end(r.Expires)
	if err := d.bounded(r.Expires); err != nil {
		return Request{}, err
	}
	done, err := d.apply(ctx, o, AddRequest{r})
	return done.Request, err
}

// ChangeRequest changes one of an owner's requests.
func (d *Drive) ChangeRequest(ctx context.Context, o Owner, w ChangeRequest) (Request, error) {
	if w.Expires != nil {
		if err := d.bounded(*w.Expires); err != nil {
			return Request{}, err
		}
	}
	done, err := d.apply(ctx, o, w)
	return done.Request, err
}

// RemoveRequest forgets one of an owner's requests. What came by it stays.
func (d *Drive) RemoveRequest(ctx context.Context, o Owner, id ID) error {
	_, err := d.apply(ctx, o, RemoveRequest{id})
	return err
}

// Asked is a request by which something may be brought.
func (d *Drive) Asked(ctx context.Context, id ID) (Request, error) {
	r, err := d.Store.Request(ctx, id)
	if err != nil {
		return Request{}, fmt.Errorf("find request: %w", err)
	}
	if !r.Open(d.Now()) {
		return Request{}, ErrNone
	}
	return r, nil
}

// TidyOf removes what of an owner ended long ago.
func (d *Drive) TidyOf(ctx context.Context, o Owner) error {
	before := d.Now().Add(-ended)
	links, err := d.Store.Links(ctx, o)
	if err != nil {
		return fmt.Errorf("list links: %w", err)
	}
	requests, err := d.Store.Requests(ctx, o)
	if err != nil {
		return fmt.Errorf("list requests: %w", err)
	}
	var over []Wish
	for _, l := range links {
		if l.Expires.Before(before) {
			over = append(over, RemoveLink{l.ID})
		}
	}
	for _, r := range requests {
		if r.Expires.Before(before) {
			over = append(over, RemoveRequest{r.ID})
		}
	}
	for _, w := range over {
		if _, err := d.apply(ctx, o, w); err != nil && !errors.Is(err, ErrNone) {
			return fmt.Errorf("remove what has ended: %w", err)
		}
	}
	return nil
}
