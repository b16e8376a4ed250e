package drive

import (
	"slices"
	"time"
)

func (d *desk) addLink(w AddLink) error {
	l := w.Link
	o, err := d.rows.Object(l.Object)
	switch {
	case err != nil:
		return err
	case !o.Whole || o.Request != (ID{}) && o.Request != Outgoing:
		return ErrNone
	case len(l.Box) > MaxBox || len(l.KDF) > 256 || len(l.Check) != 0 && len(l.Check) != 32:
		return ErrTooLarge
	case l.Most < 0 || !d.now.Before(l.Expires):
		return ErrLimit
	case d.out.Totals.Links >= maxLinks:
		return ErrTooMany
	}
	l.Owner, l.Created, l.Expires, l.Count, l.Used, l.Revoked, l.Killed = d.owner, d.now, seconds(l.Expires), 0, nil, false, false
	d.out.Totals.Links++
	d.keepLink(l)
	return nil
}

func seconds(t time.Time) time.Time { return t.UTC().Truncate(time.Second) }

func (d *desk) keepLink(l Link) { d.out.Link, d.out.Done.Link = &l, l }

// link is one of this owner's.
func (d *desk) link(id ID) (Link, error) {
	l, err := d.rows.Link(id)
	if err == nil && l.Owner != d.owner {
		err = ErrNone
	}
	return l, err
}

func (d *desk) changeLink(w ChangeLink) error {
	l, err := d.link(w.ID)
	if err != nil {
		return err
	}
	if w.Expires != nil {
		l.Expires = seconds(*w.Expires)
	}
	if w.Most != nil {
		l.Most = *w.Most
	}
	if l.Most < 0 {
		return ErrLimit
	}
	l.Revoked, l.Killed = l.Revoked || w.Revoke, l.Killed || w.Killed
	d.keepLink(l)
	return nil
}

func (d *desk) download(w Download) error {
	l, err := d.link(w.Link)
	if err != nil {
		return err
	}
	if !l.Open(d.now) {
		return ErrNone
	}
	l.Count++
	l.Used = slices.Insert(l.Used, 0, d.now)
	l.Used = l.Used[:min(len(l.Used), receipts)]
	d.keepLink(l)
	return nil
}

func (d *desk) removeLink(w RemoveLink) error {
	l, err := d.link(w.ID)
	if err != nil {
		return err
	}
	d.out.Totals.Links--
	d.out.Unlinked, d.out.Done.Link = []Link{l}, l
	return nil
}

func (d *desk) addRequest(w AddRequest) error {
	r := w.Request
	switch {
	case len(r.Box) > MaxBox:
		return ErrTooLarge
	case !d.now.Before(r.Expires) || !r.bounded():
		return ErrLimit
	case d.out.Totals.Requests >= maxRequests:
		return ErrTooMany
	}
	r.Owner, r.Created, r.Expires, r.Files, r.Bytes, r.Coming, r.Revoked = d.owner, d.now, seconds(r.Expires), 0, 0, 0, false
	d.out.Totals.Requests++
	d.out.Done.Request = r
	d.keepRequest(r)
	return nil
}

// bounded says whether a request's limits are some.
func (r Request) bounded() bool {
	return r.MostFiles >= 1 && r.MostFiles <= 10_000 && r.MostBytes >= 1 && r.MostBytes <= MaxSize
}

// request is one of this owner's.
func (d *desk) request(id ID) (Request, error) {
	r, err := d.rows.Request(id)
	if err == nil && r.Owner != d.owner {
		err = ErrNone
	}
	return r, err
}

func (d *desk) changeRequest(w ChangeRequest) error {
	r, err := d.request(w.ID)
	if err != nil {
		return err
	}
	if w.Expires != nil {
		r.Expires = seconds(*w.Expires)
	}
	if w.MostFiles != nil {
		r.MostFiles = *w.MostFiles
	}
	if w.MostBytes != nil {
		r.MostBytes = *w.MostBytes
	}
	if !r.bounded() {
		return ErrLimit
	}
	r.Revoked = r.Revoked || w.Revoke
	d.out.Done.Request = r
	d.keepRequest(r)
	return nil
}

func (d *desk) removeRequest(w RemoveRequest) error {
	r, err := d.request(w.ID)
	if err != nil {
		return err
	}
	d.out.Totals.Requests--
	d.out.Dropped, d.out.Done.Request = &r, r
	return nil
}
