package drive

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
	"slices"
	"time"
)

// Rows is what stamping reads of one owner's rows, from within the transaction that
// will write. What is not there is ErrNone.
type Rows interface {
	Totals() (Totals, error)
	Usage() (bytes, quota int64) // of mail and files; quota 0: none
	Object(ID) (Object, error)
	Part(object ID, n int) (Part, error)
	Parts(object ID) ([]Part, error)
	Link(ID) (Link, error)
	LinksTo(object ID) ([]Link, error)
	Request(ID) (Request, error)
}

// Writes is all that one wish changes. The engine writes it whole or not at all.
type Writes struct {
	Totals   Totals
	Usage    int64 // what the owner's usage changes by
	Object   *Object
	Part     *Part // of Object
	Brought  []Brought
	Removed  []Object
	Link     *Link
	Unlinked []Link
	Requests []Request // each once
	Dropped  *Request
	Done     Done
}

// Brought is an object that came whole, and its part.
type Brought struct {
	Object Object
	Part   Part
}

// Clerk stamps wishes: it is all that engines share.
type Clerk struct{ Now time.Time }

// desk is one wish in the making.
type desk struct {
	rows  Rows
	owner Owner
	now   time.Time
	out   Writes
}

// Stamp works out what a wish does. It reads rows and changes nothing.
func (c Clerk) Stamp(rows Rows, o Owner, w Wish) (Writes, error) {
	d := &desk{rows: rows, owner: o, now: c.Now.UTC().Truncate(time.Second)}
	var err error
	if d.out.Totals, err = rows.Totals(); err != nil {
		return Writes{}, fmt.Errorf("read totals: %w", err)
	}
	if err := d.grant(w); err != nil {
		return Writes{}, err
	}
	return d.out, nil
}

func (d *desk) grant(w Wish) error {
	switch w := w.(type) {
	case Begin:
		return d.begin(w)
	case Put:
		return d.put(w)
	case Complete:
		return d.complete(w)
	case Bring:
		return d.bring(w)
	case Take:
		return d.take(w)
	case Remove:
		return d.remove(w)
	case RemoveMany:
		return d.removeMany(w)
	case AddLink:
		return d.addLink(w)
	case ChangeLink:
		return d.changeLink(w)
	case Download:
		return d.download(w)
	case RemoveLink:
		return d.removeLink(w)
	case AddRequest:
		return d.addRequest(w)
	case ChangeRequest:
		return d.changeRequest(w)
	case RemoveRequest:
		return d.removeRequest(w)
	}
	return fmt.Errorf("unknown wish %T", w)
}

func (d *desk) begin(w Begin) error {
	used, quota := d.rows.Usage()
	t := &d.out.Totals
	switch _, err := d.rows.Object(w.ID); {
	case err == nil:
		return errors.New("an id was given twice")
	case !errors.Is(err, ErrNone):
		return err
	case w.Size < 1 || w.Size > MaxSize || w.Size > math.MaxInt64-used:
		return ErrSize
	case quota > 0 && used+w.Size > quota && !w.asked():
		return ErrQuota
	case t.Objects >= maxObjects || t.Uploads >= maxOpen:
		return ErrTooMany
	}
	o := Object{ID: w.ID, Size: w.Size, Created: d.now, Touched: d.now, Request: w.Request, Mail: w.Mail}
	if w.Request != (ID{}) {
		if err := d.admit(w); err != nil {
			return err
		}
		t.Brought++
	}
	t.Objects, t.Uploads, t.Bytes = t.Objects+1, t.Uploads+1, t.Bytes+w.Size
	d.out.Usage, d.out.Object, d.out.Done.Object = w.Size, &o, o
	return nil
}

// admit counts what a stranger brings, within what the request allows.
func (d *desk) admit(w Begin) error {
	if !w.asked() {
		return nil
	}
	r, err := d.request(w.Request)
	if err != nil {
		return err
	}
	used, quota := d.rows.Usage()
	switch {
	case !r.Open(d.now):
		return ErrNone
	case r.Files >= r.MostFiles || r.Coming >= maxComing || d.out.Totals.Brought >= maxBrought:
		return ErrTooMany
	case w.Size > r.MostBytes-r.Bytes:
		return ErrSize
	case quota > 0 && quota-used < r.step(w.Size):
		return ErrQuota
	}
	r.Files, r.Bytes, r.Coming = r.Files+1, r.Bytes+w.Size, r.Coming+1
	d.keepRequest(r)
	return nil
}

// asked says whether a stranger begins what a request asks for.
func (w Begin) asked() bool { return w.Request != (ID{}) && w.Request != Outgoing }

// step is how much room there must be for more of a request: so much that all it takes
// has is a power of two, or its most. By sizes that are refused and sizes that are not, a
// stranger would otherwise find out to the octet how much its owner stores.
func (r Request) step(more int64) int64 {
	all := max(r.Bytes+more, leastStep)
	if bits.OnesCount64(uint64(all)) > 1 {
		all = 1 << bits.Len64(uint64(all))
	}
	return min(all, r.MostBytes) - r.Bytes
}

// open is an object on its way that came by this request, which is still open, or by
// none.
func (d *desk) open(id, request ID) (Object, error) {
	o, err := d.rows.Object(id)
	if err != nil {
		return o, err
	}
	if o.Request != request {
		return o, ErrNone
	}
	if request == (ID{}) || request == Outgoing {
		return o, nil
	}
	r, err := d.request(request)
	if err == nil && !r.Open(d.now) {
		err = ErrNone
	}
	return o, err
}

func (d *desk) put(w Put) error {
	o, err := d.open(w.Object, w.Request)
	if err != nil {
		return err
	}
	switch known, err := d.rows.Part(o.ID, w.Part.N); {
	case err == nil && known.Sum != w.Part.Sum:
		return ErrPart
	case err == nil:
		d.out.Done = Done{Object: o, Known: true}
		return nil
	case !errors.Is(err, ErrNone):
		return err
	case o.Whole:
		return ErrWhole
	case w.Part.Blob.Size < 1 || w.Part.Blob.Size != o.PartLength(w.Part.N):
		return ErrSize
	}
	o.Touched = d.now
	part := w.Part
	d.out.Object, d.out.Part, d.out.Done.Object = &o, &part, o
	return nil
}

func (d *desk) complete(w Complete) error {
	if len(w.Head) > MaxBox {
		return ErrTooLarge
	}
	o, err := d.open(w.Object, w.Request)
	switch {
	case err != nil:
		return err
	case o.Whole && slices.Equal(o.Head, w.Head):
		d.out.Done.Object = o
		return nil
	case o.Whole:
		return ErrWhole
	}
	parts, err := d.rows.Parts(o.ID)
	if err != nil {
		return err
	}
	if len(parts) != o.Parts() {
		return ErrMissing
	}
	d.out.Totals.Uploads--
	if o.Request != (ID{}) {
		d.out.Totals.Brought--
		if err := d.came(o); err != nil {
			return err
		}
	}
	o.Whole, o.Touched, o.Head = true, time.Time{}, w.Head
	d.out.Object, d.out.Done.Object = &o, o
	return nil
}

// bring counts objects that come whole, as begin, put and complete would one after
// another.
func (d *desk) bring(w Bring) error {
	used, quota := d.rows.Usage()
	if len(w.Whole) < 1 || len(w.Whole) > MaxBatch {
		return ErrSize
	}
	t, twice := &d.out.Totals, map[ID]bool{}
	for _, x := range w.Whole {
		size := x.Part.Blob.Size
		if twice[x.ID] {
			return ErrPart
		}
		twice[x.ID] = true
		known, err := d.known(x)
		switch {
		case err == nil:
			d.out.Done.Objects = append(d.out.Done.Objects, known)
			continue
		case !errors.Is(err, ErrNone):
			return err
		case size < 1 || size > MaxSmall || x.Part.N != 0 || size > math.MaxInt64-used-d.out.Usage:
			return ErrSize
		case quota > 0 && used+d.out.Usage+size > quota:
			return ErrQuota
		case t.Objects >= maxObjects:
			return ErrTooMany
		}
		o := Object{ID: x.ID, Size: size, Created: d.now, Whole: true}
		t.Objects, t.Bytes, d.out.Usage = t.Objects+1, t.Bytes+size, d.out.Usage+size
		d.out.Brought = append(d.out.Brought, Brought{o, x.Part})
		d.out.Done.Objects = append(d.out.Done.Objects, o)
	}
	return nil
}

// known is an object that came before as it comes now, whose new blob is not needed;
// ErrNone: it did not come.
func (d *desk) known(x Whole) (Object, error) {
	o, err := d.rows.Object(x.ID)
	if err != nil {
		return o, err
	}
	p, err := d.rows.Part(o.ID, 0)
	if errors.Is(err, ErrNone) || err == nil && (p.Sum != x.Part.Sum || !o.Whole || o.Parts() != 1) {
		return o, ErrPart
	}
	if err == nil && p.Blob.ID != x.Part.Blob.ID {
		d.out.Done.Freed = append(d.out.Done.Freed, x.Part.Blob.ID)
	}
	return o, err
}

func (d *desk) take(w Take) error {
	o, err := d.rows.Object(w.Object)
	switch {
	case err != nil:
		return err
	case !o.Whole:
		return ErrNone
	}
	o.Request, o.Head, o.Mail = ID{}, nil, MailID{}
	d.out.Object, d.out.Done.Object = &o, o
	return nil
}

func (d *desk) remove(w Remove) error {
	o, err := d.rows.Object(w.Object)
	if err != nil {
		return err
	}
	if !w.Before.IsZero() && (o.Whole || !o.Touched.Before(w.Before)) {
		return ErrNone // it is no longer what was to go
	}
	if w.Request != (ID{}) && (o.Whole || o.Request != w.Request) {
		return ErrNone // a stranger's no more, or never his
	}
	if w.Brought && o.Request == (ID{}) {
		return ErrNone // another device took it over, and a folder leads there by now
	}
	links, err := d.rows.LinksTo(o.ID)
	if err != nil {
		return err
	}
	if w.Unused && o.Mail == (MailID{}) && (o.Request != Outgoing || len(links) > 0) {
		return ErrNone
	}
	d.out.Done.Object = o
	return d.drop(o, links)
}

func (d *desk) removeMany(w RemoveMany) error {
	if len(w.Objects) < 1 || len(w.Objects) > MaxBatch {
		return ErrSize
	}
	freed, twice := 0, map[ID]bool{}
	for i, id := range w.Objects {
		o, err := d.rows.Object(id)
		switch {
		case twice[id] || errors.Is(err, ErrNone):
			continue
		case err != nil:
			return err
		case freed > 0 && freed+o.Parts() > MaxFreed:
			d.out.Done.Later = slices.Clone(w.Objects[i:])
			return nil
		}
		links, err := d.rows.LinksTo(id)
		if err == nil {
			err = d.drop(o, links)
		}
		if err != nil {
			return err
		}
		freed, twice[id] = freed+o.Parts(), true
	}
	return nil
}

// drop takes an object out of the books, with all that leads to it.
func (d *desk) drop(o Object, links []Link) error {
	parts, err := d.rows.Parts(o.ID)
	if err != nil {
		return err
	}
	t := &d.out.Totals
	t.Objects, t.Bytes, t.Links = t.Objects-1, t.Bytes-o.Size, t.Links-int64(len(links))
	if !o.Whole {
		t.Uploads--
	}
	if !o.Whole && o.Request != (ID{}) {
		t.Brought--
		if err := d.giveBack(o); err != nil {
			return err
		}
	}
	for _, p := range parts {
		d.out.Done.Freed = append(d.out.Done.Freed, p.Blob.ID)
	}
	d.out.Usage -= o.Size
	d.out.Removed, d.out.Unlinked = append(d.out.Removed, o), append(d.out.Unlinked, links...)
	return nil
}

// giveBack lets a request have again what was never brought whole.
func (d *desk) giveBack(o Object) error {
	r, err := d.asked(o.Request)
	if errors.Is(err, ErrNone) {
		return nil
	}
	r.Files, r.Bytes, r.Coming = r.Files-1, r.Bytes-o.Size, max(r.Coming-1, 0)
	d.keepRequest(r)
	return err
}

// asked is a request as it will be: several objects of one may go at once.
func (d *desk) asked(id ID) (Request, error) {
	for _, r := range d.out.Requests {
		if r.ID == id {
			return r, nil
		}
	}
	return d.rows.Request(id)
}

func (d *desk) keepRequest(r Request) {
	d.out.Requests = append(slices.DeleteFunc(d.out.Requests, func(was Request) bool { return was.ID == r.ID }), r)
}

// came lets another come by a request in the place of what is whole now.
func (d *desk) came(o Object) error {
	r, err := d.rows.Request(o.Request)
	if errors.Is(err, ErrNone) {
		return nil
	}
	r.Coming = max(r.Coming-1, 0) // what came before requests counted it
	d.keepRequest(r)
	return err
}
