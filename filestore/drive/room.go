package drive

import (
	"bytes"
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
	Mail    MailID // for Begin: it goes when that mail does
}

// Begin declares an object of a size and reserves its room.
func (d *Drive) Begin(ctx context.Context, by By, size int64) (Object, error) {
	done, err := d.apply(ctx, by.Owner, Begin{ID: NewID(), Request: by.Request, Size: size, Mail: by.Mail})
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
	refs, err := filestore.PutFor(ctx, d.Blobs, string(by.Owner), in)
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

// Make stores an object whole that this server makes itself, durably before it returns;
// octets has as many as it is to have. head, if there is one, is asked for what is
// sealed beside it. What fails leaves nothing.
func (d *Drive) Make(ctx context.Context, by By, size int64, octets io.Reader, head func(Object) ([]byte, error)) (o Object, err error) {
	if o, err = d.Begin(ctx, by, size); err != nil {
		return Object{}, err
	}
	defer func() {
		if err != nil { // what cannot be removed now is given up as an upload that was left
			_, gone := d.apply(context.WithoutCancel(ctx), by.Owner, Remove{Object: o.ID})
			err = errors.Join(err, gone)
		}
	}()
	for n := range o.Parts() {
		if err := d.fill(ctx, by, o, n, octets); err != nil {
			return o, err
		}
	}
	var sealed []byte
	if head != nil {
		if sealed, err = head(o); err != nil {
			return o, err
		}
	}
	return d.Complete(ctx, by, o.ID, sealed)
}

// fill stores the next octets as part n.
func (d *Drive) fill(ctx context.Context, by By, o Object, n int, octets io.Reader) error {
	in := &part{r: io.LimitReader(octets, o.PartLength(n)), want: o.PartLength(n), own: true}
	refs, err := filestore.PutFor(ctx, d.Blobs, string(by.Owner), in)
	if in.err != nil {
		return in.err
	}
	if err != nil {
		return fmt.Errorf("store part: %w", err)
	}
	_, err = d.apply(ctx, by.Owner, Put{Object: o.ID, Request: by.Request, Part: Part{N: n, Sum: in.sum, Blob: refs[0]}})
	if err != nil && Refused(err) {
		d.discard(ctx, []filestore.ID{refs[0].ID})
	}
	return err
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
	own  bool  // sum is found out, not compared
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
	case p.own:
		p.sum = got
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

// Small is an object that comes whole. Its id is new, and says nothing: NewID made it,
// where it was sealed.
type Small struct {
	ID     ID
	Octets []byte
}

// Bring stores objects that come whole, durably and all of them or none. What came
// before comes again without harm; another content under an id is refused.
func (d *Drive) Bring(ctx context.Context, o Owner, all []Small) ([]Object, error) {
	if len(all) < 1 || len(all) > MaxBatch {
		return nil, ErrSize
	}
	var sources []io.WriterTo
	var w Bring
	for _, s := range all {
		if len(s.Octets) < 1 || len(s.Octets) > MaxSmall {
			return nil, ErrSize
		}
		sources = append(sources, bytes.NewReader(s.Octets))
		w.Whole = append(w.Whole, Whole{ID: s.ID, Part: Part{Sum: sha256.Sum256(s.Octets)}})
	}
	refs, err := filestore.PutFor(ctx, d.Blobs, string(o), sources...)
	if err != nil {
		return nil, fmt.Errorf("store files: %w", err)
	}
	var blobs []filestore.ID
	for i, r := range refs {
		w.Whole[i].Part.Blob = r
		blobs = append(blobs, r.ID)
	}
	done, err := d.apply(ctx, o, w)
	if err != nil && Refused(err) { // otherwise rows may point at them: the sweeper will know
		d.discard(ctx, blobs)
	}
	return done.Objects, err
}

// Take takes over what a stranger brought.
func (d *Drive) Take(ctx context.Context, o Owner, id ID) (Object, error) {
	done, err := d.apply(ctx, o, Take{id})
	return done.Object, err
}

// Remove deletes an object, its octets and its links. A stranger gives up what he began
// and did not complete.
func (d *Drive) Remove(ctx context.Context, by By, id ID) error {
	_, err := d.apply(ctx, by.Owner, Remove{Object: id, Request: by.Request})
	return err
}

// Refuse deletes what was brought and not taken over.
func (d *Drive) Refuse(ctx context.Context, o Owner, id ID) error {
	_, err := d.apply(ctx, o, Remove{Object: id, Brought: true})
	return err
}

// RemoveMany deletes objects of an owner, their octets and their links, all of them or
// none. later are those that it left, because one request frees no more at once: ask
// again.
func (d *Drive) RemoveMany(ctx context.Context, o Owner, ids []ID) (later []ID, err error) {
	done, err := d.apply(ctx, o, RemoveMany{ids})
	return done.Later, err
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
