package live

import (
	"context"

	"sealpost/filestore"
	"sealpost/mailstore"
	"sealpost/mailstore/cabinet"
	"sealpost/move/carry"
)

// boxes is the cabinet.Store of both ends.
type boxes struct{ *Router }

func (x boxes) List(ctx context.Context, o mailstore.Owner, since cabinet.Change) (cabinet.List, error) {
	return read(x.Router, o, func(e *carry.End) (cabinet.List, error) { return e.Cabinet.List(ctx, o, since) })
}

func (x boxes) Box(ctx context.Context, o mailstore.Owner, p cabinet.Place) (cabinet.Box, error) {
	return read(x.Router, o, func(e *carry.End) (cabinet.Box, error) { return e.Cabinet.Box(ctx, o, p) })
}

func (x boxes) Shelf(ctx context.Context, o mailstore.Owner) (cabinet.Shelf, error) {
	return read(x.Router, o, func(e *carry.End) (cabinet.Shelf, error) { return e.Cabinet.Shelf(ctx, o) })
}

func (x boxes) Drawer(ctx context.Context, o mailstore.Owner, drawer string) ([]cabinet.Box, error) {
	return read(x.Router, o, func(e *carry.End) ([]cabinet.Box, error) { return e.Cabinet.Drawer(ctx, o, drawer) })
}

func (x boxes) Apply(ctx context.Context, o mailstore.Owner, w cabinet.Wish) (box cabinet.Box, freed []filestore.ID, err error) {
	err = x.write(ctx, o, cabinet.Refused, func(s Side) error {
		var ids []filestore.ID
		if w.Blob != nil {
			ids = append(ids, w.Blob.ID)
		}
		b, err := x.bring(ctx, o, s, ids)
		if err != nil {
			return err
		}
		if w.Blob != nil {
			ref := b.ref(*w.Blob)
			w.Blob = &ref
		}
		box, freed, err = x.ends[s].Cabinet.Apply(ctx, o, w)
		b.end(ctx, err != nil && cabinet.Refused(err))
		return err
	})
	return box, freed, err
}
