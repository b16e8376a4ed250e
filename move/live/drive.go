package live

import (
	"context"
	"errors"
	"slices"
	"time"

	"sealpost/filestore"
	"sealpost/filestore/drive"
	"sealpost/mailstore"
	"sealpost/move/carry"
)

// files is the drive.Store of both ends.
type files struct{ *Router }

func filesOf[V any](x files, o drive.Owner, ask func(drive.Store) (V, error)) (V, error) {
	return read(x.Router, mailstore.Owner(o), func(e *carry.End) (V, error) { return ask(e.Drive) })
}

func (x files) Totals(ctx context.Context, o drive.Owner) (drive.Totals, error) {
	return filesOf(x, o, func(d drive.Store) (drive.Totals, error) { return d.Totals(ctx, o) })
}

func (x files) Object(ctx context.Context, o drive.Owner, id drive.ID) (drive.Object, error) {
	return filesOf(x, o, func(d drive.Store) (drive.Object, error) { return d.Object(ctx, o, id) })
}

func (x files) Objects(ctx context.Context, o drive.Owner, after drive.ID, most int, brought bool) ([]drive.Object, error) {
	return filesOf(x, o, func(d drive.Store) ([]drive.Object, error) { return d.Objects(ctx, o, after, most, brought) })
}

func (x files) Parts(ctx context.Context, o drive.Owner, id drive.ID, from, most int) ([]drive.Part, error) {
	return filesOf(x, o, func(d drive.Store) ([]drive.Part, error) { return d.Parts(ctx, o, id, from, most) })
}

func (x files) Links(ctx context.Context, o drive.Owner) ([]drive.Link, error) {
	return filesOf(x, o, func(d drive.Store) ([]drive.Link, error) { return d.Links(ctx, o) })
}

func (x files) Requests(ctx context.Context, o drive.Owner) ([]drive.Request, error) {
	return filesOf(x, o, func(d drive.Store) ([]drive.Request, error) { return d.Requests(ctx, o) })
}

// Left asks both ends, and leaves out what an owner had where he is served no more, or not yet.
func (x files) Left(ctx context.Context, before time.Time) (all []drive.Left, err error) {
	for s, e := range x.ends {
		left, err := e.Drive.Left(ctx, before)
		if err != nil {
			return nil, err
		}
		all = append(all, slices.DeleteFunc(left, func(l drive.Left) bool { return x.At(mailstore.Owner(l.Owner)) != Side(s) })...)
	}
	return all, nil
}

// Link and Request are asked for by who does not know whose they are.
func (x files) Link(ctx context.Context, id drive.ID) (drive.Link, error) {
	return anybodys(x.Router, func(e *carry.End) (l drive.Link, o drive.Owner, err error) {
		l, err = e.Drive.Link(ctx, id)
		return l, l.Owner, err
	})
}

func (x files) Request(ctx context.Context, id drive.ID) (drive.Request, error) {
	return anybodys(x.Router, func(e *carry.End) (q drive.Request, o drive.Owner, err error) {
		q, err = e.Drive.Request(ctx, id)
		return q, q.Owner, err
	})
}

// anybodys is what the end says at which its owner is served: the other may have it as it was, or as it is
// on its way. An owner may go to the other end between the looks, so there is a second one.
func anybodys[V any](r *Router, ask func(*carry.End) (V, drive.Owner, error)) (none V, err error) {
	for range 2 {
		seen := false
		for s, e := range r.ends {
			v, o, err := ask(e)
			if errors.Is(err, drive.ErrNone) {
				continue
			}
			if err != nil {
				return none, err
			}
			if r.At(mailstore.Owner(o)) == Side(s) {
				if Side(s) == To { // what was read may be from before he came
					v, _, err = ask(e)
				}
				return v, err
			}
			seen = true
		}
		if !seen {
			break
		}
	}
	return none, drive.ErrNone
}

func (x files) Apply(ctx context.Context, o drive.Owner, w drive.Wish) (done drive.Done, err error) {
	who := mailstore.Owner(o)
	err = x.write(ctx, who, drive.Refused, func(s Side) error {
		var ids []filestore.ID
		for _, p := range partsOf(w) {
			ids = append(ids, p.Blob.ID)
		}
		b, err := x.bring(ctx, who, s, ids)
		if err != nil {
			return err
		}
		done, err = x.ends[s].Drive.Apply(ctx, o, b.renamedWish(w))
		b.end(ctx, err != nil && drive.Refused(err) || err == nil && done.Known)
		return err
	})
	return done, err
}

// partsOf are what a wish says to be durable.
func partsOf(w drive.Wish) (all []drive.Part) {
	switch w := w.(type) {
	case drive.Put:
		all = append(all, w.Part)
	case drive.Bring:
		for _, o := range w.Whole {
			all = append(all, o.Part)
		}
	}
	return all
}

func (b brought) renamedWish(w drive.Wish) drive.Wish {
	if len(b.ids) == 0 {
		return w
	}
	switch w := w.(type) {
	case drive.Put:
		w.Part.Blob = b.ref(w.Part.Blob)
		return w
	case drive.Bring:
		w.Whole = slices.Clone(w.Whole)
		for i := range w.Whole {
			w.Whole[i].Part.Blob = b.ref(w.Whole[i].Part.Blob)
		}
		return w
	}
	return w
}
