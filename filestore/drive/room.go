package drive

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"sealpost/filestore"
	"sealpost/mailstore/notify"
)

// Drive joins rows and blobs. Its fields are set once, and none is left out. Blobs are
// those of mailstore.Store: its sweeper knows what all point at.
type Drive struct {
	Store    Store
	Blobs    filestore.Blobs
	Bus      *notify.Bus
	Log      *slog.Logger
	Now      func() time.Time
	Secret   []byte        // what tickets are proved by: 32 bytes
	Longest  time.Duration // that a link or a request may live
	Usual    time.Duration // that they live if nobody says
	Patience time.Duration // for an upload that nothing comes of
}

// Topic is where what strangers brought is published; see notify.Bus.
func Topic(o Owner) string { return "drive " + string(o) }

// By is who brings something: an owner, or a stranger by one of the owner's requests.
type By struct {
	Owner   Owner
	Request ID
}

// Begin declares an object of a size and reserves its room.
func (d *Drive) Begin(ctx context.Context, by By, size int64) (Object, error) {
	done, err := d.apply(ctx, by.Owner, Begin{ID: NewID(), Request: by.Request, Size: size})
	return done.Object, err
}

// Put stores part n of an object, durably before it returns. Its octets must be as
// many as they are to be, and have this SHA-256. What was put before is put again
// without harm.
func (d *Drive) Put(ctx context.Context, by By, id ID, n int, sum [32]byte, octets io.Reader) (Object, error) {
	o, err := d.Object(ctx, by, id)
	if err != nil {
		return o, err
	}
	in := &part{r: octets, want: o.PartLength(n), sum: sum}
	if in.want == 0 {
		return o, ErrSize
	}
	known, err := d.Store.Parts(ctx, by.Owner, id, n, 1)
	if err != nil {
		return o, fmt.Errorf("read parts: %w", err)
	}
	if len(known) == 1 && known[0].N == n {
		return o, d.same(in, known[0])
	}
	if o.Whole {
		return o, ErrWhole
	}
	refs, err := d.Blobs.Put(ctx, in)
	if in.err != nil {
		return o, in.err
	}
	if err != nil {
		return o, fmt.Errorf("store part: %w", err)
	}
	done, err := d.apply(ctx, by.Owner, Put{Object: id, Request: by.Request, Part: Part{N: n, Sum: sum, Blob: refs[0]}})
	if err != nil && Refused(err) || err == nil && done.Known { // otherwise a row may point at it: the sweeper will know
		d.discard(ctx, []filestore.ID{refs[0].ID})
	}
	return done.Object, err
}

// same compares a part that comes once more with the one that is there.
func (d *Drive) same(in *part, known Part) error {
	if _, err := in.WriteTo(io.Discard); err != nil {
		return err
	}
	if known.Sum != in.sum {
		return ErrPart
	}
	return nil
}

// part checks the octets of a part while they pass.
type part struct {
	r    io.Reader
	want int64
	sum  [32]byte
	err  error // of the sender's side
}

func (p *part) WriteTo(w io.Writer) (int64, error) {
	h, from := sha256.New(), &reader{r: p.r}
	n, err := io.Copy(io.MultiWriter(w, h), io.LimitReader(from, p.want+1))
	switch got := [32]byte(h.Sum(nil)); {
	case from.err != nil:
		p.err = from.err
	case err != nil:
		return n, err
	case n != p.want:
		p.err = ErrSize
	case subtle.ConstantTimeCompare(got[:], p.sum[:]) != 1:
		p.err = ErrDigest
	}
	return n, p.err
}

// reader keeps apart what fails on the sender's side.
type reader struct {
	r   io.Reader
	err error
}

func (r *reader) Read(b []byte) (int, error) {
	n, err := r.r.Read(b)
	if err != nil && err != io.EOF {
		r.err = err
	}
	return n, err
}

// Object is one of an owner's; to a stranger, one that he may still bring.
func (d *Drive) Object(ctx context.Context, by By, id ID) (Object, error) {
	o, err := d.Store.Object(ctx, by.Owner, id)
	if err != nil {
		return Object{}, fmt.Errorf("read file: %w", err)
	}
	if by.Request != (ID{}) && o.Request != by.Request {
		return Object{}, ErrNone
	}
	return o, nil
}

// Have are the numbers of the parts that are there, in order.
func (d *Drive) Have(ctx context.Context, by By, id ID) ([]int, error) {
	var all []int
	for from := 0; ; {
		some, err := d.Store.Parts(ctx, by.Owner, id, from, 4096)
		if err != nil {
			return nil, fmt.Errorf("read parts: %w", err)
		}
		for _, p := range some {
			all = append(all, p.N)
		}
		if len(some) < 4096 {
			return all, nil
		}
		from = some[len(some)-1].N + 1
	}
}

// Complete makes an object whole. What a stranger brought has a head for its owner.
func (d *Drive) Complete(ctx context.Context, by By, id ID, head []byte) (Object, error) {
	done, err := d.apply(ctx, by.Owner, Complete{Object: id, Request: by.Request, Head: head})
	if err == nil && by.Request != (ID{}) {
		d.Bus.Publish(Topic(by.Owner))
	}
	return done.Object, err
}

// Take takes over what a stranger brought.
func (d *Drive) Take(ctx context.Context, o Owner, id ID) (Object, error) {
	done, err := d.apply(ctx, o, Take{id})
	return done.Object, err
}

// Remove deletes an object, its octets and its links.
func (d *Drive) Remove(ctx context.Context, by By, id ID) error {
	if by.Request != (ID{}) { // a stranger gives up what he began
		if o, err := d.Object(ctx, by, id); err != nil || o.Whole {
			return errors.Join(err, ErrNone)
		}
	}
	_, err := d.apply(ctx, by.Owner, Remove{Object: id})
	return err
}

func (d *Drive) apply(ctx context.Context, o Owner, w Wish) (Done, error) {
	done, err := d.Store.Apply(ctx, o, w)
	if err != nil {
		return Done{}, fmt.Errorf("change files: %w", err)
	}
	d.discard(ctx, done.Freed)
	return done, nil
}

// discard deletes blobs that no row points at. What fails here is left to the sweeper.
func (d *Drive) discard(ctx context.Context, blobs []filestore.ID) {
	if len(blobs) == 0 {
		return
	}
	if err := d.Blobs.Delete(context.WithoutCancel(ctx), blobs...); err != nil {
		d.Log.Warn("blobs left to the sweeper", "count", len(blobs), "error", err)
	}
}

// ended is how long its owner still sees a link or a request that is over.
const ended = 30 * 24 * time.Hour

// Tidy removes what was left on its way, and gives back its room.
func (d *Drive) Tidy(ctx context.Context) (removed int, err error) {
	before := d.Now().Add(-d.Patience)
	left, err := d.Store.Left(ctx, before)
	if err != nil {
		return 0, fmt.Errorf("list uploads that were left: %w", err)
	}
	for _, l := range left {
		_, err := d.apply(ctx, l.Owner, Remove{Object: l.Object, Before: before})
		switch {
		case errors.Is(err, ErrNone) || errors.Is(err, ErrNoOwner): // it came to an end by itself
		case err != nil:
			return removed, fmt.Errorf("remove uploads that were left: %w", err)
		default:
			removed++
		}
	}
	return removed, nil
}
