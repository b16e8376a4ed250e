package bolt

import (
	"context"
	"encoding/binary"
	"errors"
	"time"

	"go.etcd.io/bbolt"

	"sealpost/filestore/drive"
	"sealpost/mailstore"
)

func (x drives) Totals(ctx context.Context, o drive.Owner) (t drive.Totals, err error) {
	err = x.read(ctx, o, func(r driveRows) error {
		t, err = r.Totals()
		return err
	})
	return t, err
}

func (x drives) Object(ctx context.Context, o drive.Owner, id drive.ID) (found drive.Object, err error) {
	known := false
	err = x.read(ctx, o, func(r driveRows) error {
		known = true
		found, err = r.Object(id)
		return err
	})
	if err == nil && !known {
		err = drive.ErrNone
	}
	return found, err
}

func (x drives) Objects(ctx context.Context, o drive.Owner, after drive.ID, most int, brought bool) (all []drive.Object, err error) {
	err = x.read(ctx, o, func(r driveRows) error {
		in := tableObjects
		if brought {
			in = tableArrivals
		}
		b, prefix := r.in(in), string(ownerKey(r.num))
		if b == nil {
			return nil
		}
		c, from := b.Cursor(), objectKey(r.num, after)
		for k, _ := c.Seek(from); len(all) < most && len(k) == 20 && string(k[:4]) == prefix; k, _ = c.Next() {
			if string(k) == string(from) {
				continue
			}
			o, err := r.Object(drive.ID(k[4:]))
			if err != nil {
				return errors.Join(damaged(in, k), err)
			}
			all = append(all, o)
		}
		return nil
	})
	return all, err
}

func (x drives) Parts(ctx context.Context, o drive.Owner, id drive.ID, from, most int) (all []drive.Part, err error) {
	err = x.read(ctx, o, func(r driveRows) error {
		b, prefix := r.in(tableParts), string(objectKey(r.num, id))
		if b == nil || from < 0 {
			return nil
		}
		c := b.Cursor()
		for k, v := c.Seek(partKey(r.num, id, from)); len(all) < most && len(k) == 24 && string(k[:20]) == prefix; k, v = c.Next() {
			p, ok := decodePart(k, v)
			if !ok {
				return damaged(tableParts, k)
			}
			all = append(all, p)
		}
		return nil
	})
	return all, err
}

func (x drives) Left(ctx context.Context, before time.Time) (all []drive.Left, err error) {
	err = x.d.view(ctx, func(tx *bbolt.Tx) error {
		t := &tables{tx: tx}
		for name := range under(t.in(tableOwners), nil) {
			r, err := t.rows(mailstore.Owner(name))
			if err != nil {
				return err
			}
			for k := range under(t.in(tableUploads), ownerKey(r.num)) {
				if len(k) != 20 {
					return damaged(tableUploads, k)
				}
				o, err := driveRows{r}.Object(drive.ID(k[4:]))
				if err != nil {
					return errors.Join(damaged(tableUploads, k), err)
				}
				if o.Touched.Before(before) {
					all = append(all, drive.Left{Owner: drive.Owner(name), Object: o.ID})
				}
			}
		}
		return nil
	})
	return all, err
}

func (x drives) Link(ctx context.Context, id drive.ID) (l drive.Link, err error) {
	err = x.d.view(ctx, func(tx *bbolt.Tx) error {
		l, err = (&tables{tx: tx}).fileLink(id)
		return err
	})
	return l, err
}

func (x drives) Links(ctx context.Context, o drive.Owner) (all []drive.Link, err error) {
	err = x.read(ctx, o, func(r driveRows) error {
		all, err = r.linksUnder(ownerKey(r.num))
		return err
	})
	return all, err
}

func (x drives) Request(ctx context.Context, id drive.ID) (q drive.Request, err error) {
	err = x.d.view(ctx, func(tx *bbolt.Tx) error {
		q, err = (&tables{tx: tx}).fileRequest(id)
		return err
	})
	return q, err
}

func (x drives) Requests(ctx context.Context, o drive.Owner) (all []drive.Request, err error) {
	err = x.read(ctx, o, func(r driveRows) error {
		all, err = r.requests()
		return err
	})
	return all, err
}

func (x drives) Apply(ctx context.Context, o drive.Owner, w drive.Wish) (done drive.Done, err error) {
	err = x.d.submit(ctx, newCall(func(t *tables) (func() error, error) {
		r, err := t.rows(mailstore.Owner(o))
		if errors.Is(err, mailstore.ErrNoOwner) || err == nil && !r.Open {
			err = drive.ErrNoOwner
		}
		if err != nil {
			return nil, err
		}
		writes, err := drive.Clerk{Now: x.d.o.Now()}.Stamp(driveRows{r}, o, w)
		if err != nil {
			return nil, err
		}
		done = writes.Done
		return func() error { return driveRows{r}.write(writes) }, nil
	}, nil))
	if err != nil {
		return drive.Done{}, err
	}
	return done, nil
}

func (r driveRows) write(w drive.Writes) error {
	p := put{}
	if w.Usage != 0 {
		books := r.owner.Books
		books.Bytes += w.Usage
		r.putOwner(&p, books)
	}
	if w.Object != nil {
		r.putObject(&p, *w.Object)
	}
	if w.Part != nil {
		key := partKey(r.num, w.Object.ID, w.Part.N)
		p.put(r.in(tableParts), key, encodePart(key, *w.Part))
	}
	for _, b := range w.Brought {
		r.putObject(&p, b.Object)
		key := partKey(r.num, b.Object.ID, b.Part.N)
		p.put(r.in(tableParts), key, encodePart(key, b.Part))
	}
	r.remove(&p, w.Removed)
	r.unlink(&p, w.Unlinked)
	if w.Link != nil {
		r.putLink(&p, *w.Link)
	}
	for _, q := range w.Requests {
		r.putRequest(&p, q)
	}
	if w.Dropped != nil {
		r.dropRequest(&p, *w.Dropped)
	}
	key := ownerKey(r.num)
	p.put(r.in(tableDrives), key, encodeDrive(key, w.Totals))
	return p.err
}

func (r driveRows) remove(p *put, objects []drive.Object) {
	for _, o := range objects {
		key := objectKey(r.num, o.ID)
		for _, t := range []table{tableObjects, tableUploads, tableArrivals} {
			p.delete(r.in(t), key)
		}
		p.deleteUnder(r.in(tableParts), key)
	}
}

func (r driveRows) unlink(p *put, links []drive.Link) {
	for _, l := range links {
		p.delete(r.in(tableLinks), l.ID[:])
		p.delete(r.in(tableLinked), linkedKey(r.num, l))
	}
}

func (r driveRows) dropRequest(p *put, q drive.Request) {
	p.delete(r.in(tableRequests), q.ID[:])
	p.delete(r.in(tableRequested), objectKey(r.num, q.ID))
}

func (r driveRows) putObject(p *put, o drive.Object) {
	key := objectKey(r.num, o.ID)
	p.put(r.in(tableObjects), key, encodeObject(key, o))
	if o.Whole {
		p.delete(r.in(tableUploads), key)
	} else {
		p.put(r.in(tableUploads), key, sealRow(tableUploads, key, binary.AppendVarint(newRow(8), o.Touched.Unix())))
	}
	if o.Whole && o.Request != (drive.ID{}) {
		p.put(r.in(tableArrivals), key, nil)
	} else {
		p.delete(r.in(tableArrivals), key)
	}
}

func (r driveRows) putLink(p *put, l drive.Link) {
	row, err := encodeJSON(tableLinks, l.ID[:], linkRow{
		Owner: l.Owner, Object: l.Object, Box: l.Box, KDF: l.KDF, Check: l.Check, Created: l.Created, Expires: l.Expires,
		Most: l.Most, Count: l.Count, Used: l.Used, Revoked: l.Revoked, Killed: l.Killed,
	})
	p.note(err)
	p.put(r.in(tableLinks), l.ID[:], row)
	p.put(r.in(tableLinked), linkedKey(r.num, l), nil)
}

func (r driveRows) putRequest(p *put, q drive.Request) {
	row, err := encodeJSON(tableRequests, q.ID[:], requestRow{
		Owner: q.Owner, Box: q.Box, Created: q.Created, Expires: q.Expires, MostFiles: q.MostFiles, MostBytes: q.MostBytes,
		Files: q.Files, Bytes: q.Bytes, Coming: q.Coming, Revoked: q.Revoked,
	})
	p.note(err)
	p.put(r.in(tableRequests), q.ID[:], row)
	p.put(r.in(tableRequested), objectKey(r.num, q.ID), nil)
}

// freeDrive adds the blobs of an owner's files to what the first Forget freed.
func (r *rows) freeDrive(changes []mailstore.Change, events []mailstore.Event) error {
	for i, c := range changes {
		if _, ok := c.(mailstore.Forget); !ok || r.num == 0 {
			continue
		}
		for id, err := range r.partBlobs(ownerKey(r.num)) {
			if err != nil {
				return err
			}
			events[i].Freed = append(events[i].Freed, id)
		}
		return nil
	}
	return nil
}

// wipeDrive deletes an owner's files, and what strangers know of them.
func (r *rows) wipeDrive(p *put) {
	mine := ownerKey(r.num)
	for k := range under(r.in(tableLinked), mine) {
		if len(k) == 36 {
			p.delete(r.in(tableLinks), k[20:])
		}
	}
	for k := range under(r.in(tableRequested), mine) {
		if len(k) == 20 {
			p.delete(r.in(tableRequests), k[4:])
		}
	}
	for _, t := range []table{tableDrives, tableObjects, tableUploads, tableParts, tableArrivals, tableLinked, tableRequested} {
		p.deleteUnder(r.in(t), mine)
	}
}
