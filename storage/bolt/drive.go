package bolt

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"iter"
	"math"
	"slices"
	"time"

	"sealpost/filestore"
	"sealpost/filestore/drive"
	"sealpost/mailstore"
)

// Rows of drives. What a drive's objects take is in its owner's usage too.
//
//	drives     owner u32                 objects, uploads, brought, links, requests, bytes
//	objects    owner u32, id (16)        size, created, whole u8, request (16), head, and of one cut out of a mail the mail (16)
//	uploads    owner u32, id (16)        touched; of each object that is on its way
//	parts      owner u32, id (16), n u32 SHA-256 (32), blob id (16), size
//	arrivals   owner u32, id (16)        empty; of each object that a stranger brought whole
//	links      id (16)                   JSON (linkRow)
//	linked     owner u32, object (16), id (16)  empty
//	requests   id (16)                   JSON (requestRow)
//	requested  owner u32, id (16)        empty
type drives struct{ d *DB }

// Drive is the file as filestore/drive sees it.
func (d *DB) Drive() drive.Store { return drives{d} }

func objectKey(num uint32, id drive.ID) []byte { return append(ownerKey(num), id[:]...) }

func partKey(num uint32, id drive.ID, n int) []byte {
	return binary.BigEndian.AppendUint32(objectKey(num, id), uint32(n))
}

func linkedKey(num uint32, l drive.Link) []byte { return append(objectKey(num, l.Object), l.ID[:]...) }

func encodeDrive(key []byte, t drive.Totals) []byte {
	b := newRow(40)
	for _, v := range []int64{t.Objects, t.Uploads, t.Brought, t.Links, t.Requests, t.Bytes} {
		b = binary.AppendUvarint(b, uint64(v))
	}
	return sealRow(tableDrives, key, b)
}

func decodeDrive(key, row []byte) (t drive.Totals, ok bool) {
	body, ok := unsealRow(tableDrives, key, row)
	f := fields{b: body, bad: !ok}
	t.Objects, t.Uploads, t.Brought, t.Links, t.Requests, t.Bytes = f.int64(), f.int64(), f.int64(), f.int64(), f.int64(), f.int64()
	return t, f.done()
}

func encodeObject(key []byte, o drive.Object) []byte {
	b := newRow(60 + len(o.Head))
	b = binary.AppendUvarint(b, uint64(o.Size))
	b = binary.AppendVarint(b, o.Created.Unix())
	whole := byte(0)
	if o.Whole {
		whole = 1
	}
	b = append(append(b, whole), o.Request[:]...)
	b = appendString(b, o.Head)
	if o.Mail != (drive.MailID{}) {
		b = append(b, o.Mail[:]...)
	}
	return sealRow(tableObjects, key, b)
}

func decodeObject(key, row []byte) (o drive.Object, ok bool) {
	body, ok := unsealRow(tableObjects, key, row)
	f := fields{b: body, bad: !ok || len(key) != 20}
	o.Size, o.Created = f.int64(), f.time()
	whole := f.byte()
	copy(o.Request[:], f.take(uint64(len(o.Request))))
	o.Head = slices.Clone(f.string())
	if len(f.b) > 0 { // rows of older programs end here, and so do those of no mail
		copy(o.Mail[:], f.take(uint64(len(o.Mail))))
	}
	if !f.done() || whole > 1 {
		return drive.Object{}, false
	}
	o.ID, o.Whole = drive.ID(key[4:]), whole == 1
	if len(o.Head) == 0 {
		o.Head = nil
	}
	return o, true
}

func encodePart(key []byte, p drive.Part) []byte {
	b := append(append(newRow(60), p.Sum[:]...), p.Blob.ID[:]...)
	return sealRow(tableParts, key, binary.AppendUvarint(b, uint64(p.Blob.Size)))
}

func decodePart(key, row []byte) (p drive.Part, ok bool) {
	body, ok := unsealRow(tableParts, key, row)
	f := fields{b: body, bad: !ok || len(key) != 24}
	copy(p.Sum[:], f.take(uint64(len(p.Sum))))
	copy(p.Blob.ID[:], f.take(uint64(len(filestore.ID{}))))
	p.Blob.Size = f.int64()
	if !f.done() {
		return drive.Part{}, false
	}
	p.N = int(binary.BigEndian.Uint32(key[20:]))
	return p, true
}

// linkRow and requestRow are links and requests with names that do not change.
type linkRow struct {
	Owner   drive.Owner `json:"owner"`
	Object  drive.ID    `json:"object"`
	Box     []byte      `json:"box"`
	KDF     []byte      `json:"kdf,omitempty"`
	Check   []byte      `json:"check,omitempty"`
	Created time.Time   `json:"created"`
	Expires time.Time   `json:"expires"`
	Most    int64       `json:"most"`
	Count   int64       `json:"count"`
	Used    []time.Time `json:"used,omitempty"`
	Revoked bool        `json:"revoked,omitempty"`
	Killed  bool        `json:"killed,omitempty"`
}

type requestRow struct {
	Owner     drive.Owner `json:"owner"`
	Box       []byte      `json:"box"`
	Created   time.Time   `json:"created"`
	Expires   time.Time   `json:"expires"`
	MostFiles int64       `json:"most_files"`
	MostBytes int64       `json:"most_bytes"`
	Files     int64       `json:"files"`
	Bytes     int64       `json:"bytes"`
	Coming    int64       `json:"coming,omitempty"`
	Revoked   bool        `json:"revoked,omitempty"`
}

func encodeJSON(t table, key []byte, v any) ([]byte, error) {
	text, err := json.Marshal(v)
	return sealRow(t, key, append(newRow(len(text)), text...)), err
}

func decodeJSON[V any](t table, key, row []byte) (v V, err error) {
	body, ok := unsealRow(t, key, row)
	if !ok || len(key) != len(drive.ID{}) || json.Unmarshal(body, &v) != nil {
		return v, damaged(t, key)
	}
	return v, nil
}

func (t *tables) fileLink(id drive.ID) (l drive.Link, err error) {
	row := t.get(tableLinks, id[:])
	if row == nil {
		return l, drive.ErrNone
	}
	r, err := decodeJSON[linkRow](tableLinks, id[:], row)
	return drive.Link{
		ID: id, Object: r.Object, Owner: r.Owner, Box: r.Box, KDF: r.KDF, Check: r.Check, Created: r.Created, Expires: r.Expires,
		Most: r.Most, Count: r.Count, Used: r.Used, Revoked: r.Revoked, Killed: r.Killed,
	}, err
}

func (t *tables) fileRequest(id drive.ID) (q drive.Request, err error) {
	row := t.get(tableRequests, id[:])
	if row == nil {
		return q, drive.ErrNone
	}
	r, err := decodeJSON[requestRow](tableRequests, id[:], row)
	return drive.Request{
		ID: id, Owner: r.Owner, Box: r.Box, Created: r.Created, Expires: r.Expires, MostFiles: r.MostFiles, MostBytes: r.MostBytes,
		Files: r.Files, Bytes: r.Bytes, Coming: r.Coming, Revoked: r.Revoked,
	}, err
}

// driveRows are one owner's rows as drive.Clerk reads them.
type driveRows struct{ *rows }

func (r driveRows) Totals() (drive.Totals, error) {
	key := ownerKey(r.num)
	row := r.get(tableDrives, key)
	if row == nil {
		return drive.Totals{}, nil
	}
	t, ok := decodeDrive(key, row)
	if !ok {
		return t, damaged(tableDrives, key)
	}
	return t, nil
}

func (r driveRows) Usage() (bytes, quota int64) { return r.owner.Bytes, r.owner.Quota }

func (r driveRows) Object(id drive.ID) (drive.Object, error) {
	key := objectKey(r.num, id)
	row := r.get(tableObjects, key)
	if row == nil {
		return drive.Object{}, drive.ErrNone
	}
	return r.object(key, row)
}

// object reads a row of objects, and that of uploads which belongs to it.
func (r driveRows) object(key, row []byte) (drive.Object, error) {
	o, ok := decodeObject(key, row)
	if !ok {
		return o, damaged(tableObjects, key)
	}
	if o.Whole {
		return o, nil
	}
	body, ok := unsealRow(tableUploads, key, r.get(tableUploads, key))
	f := fields{b: body, bad: !ok}
	if o.Touched = f.time(); !f.done() {
		return o, damaged(tableUploads, key)
	}
	return o, nil
}

func (r driveRows) Part(id drive.ID, n int) (drive.Part, error) {
	if n < 0 || n > math.MaxInt32 {
		return drive.Part{}, drive.ErrNone
	}
	key := partKey(r.num, id, n)
	row := r.get(tableParts, key)
	if row == nil {
		return drive.Part{}, drive.ErrNone
	}
	p, ok := decodePart(key, row)
	if !ok {
		return p, damaged(tableParts, key)
	}
	return p, nil
}

func (r driveRows) Parts(id drive.ID) (all []drive.Part, err error) {
	for k, v := range under(r.in(tableParts), objectKey(r.num, id)) {
		p, ok := decodePart(k, v)
		if !ok {
			return nil, damaged(tableParts, k)
		}
		all = append(all, p)
	}
	return all, nil
}

func (r driveRows) Link(id drive.ID) (drive.Link, error)       { return r.fileLink(id) }
func (r driveRows) Request(id drive.ID) (drive.Request, error) { return r.fileRequest(id) }

func (r driveRows) LinksTo(id drive.ID) ([]drive.Link, error) {
	return r.linksUnder(objectKey(r.num, id))
}

func (r driveRows) linksUnder(prefix []byte) (all []drive.Link, err error) {
	for k := range under(r.in(tableLinked), prefix) {
		if len(k) != 36 {
			return nil, damaged(tableLinked, k)
		}
		l, err := r.fileLink(drive.ID(k[20:]))
		if err != nil {
			return nil, errors.Join(damaged(tableLinked, k), err)
		}
		all = append(all, l)
	}
	return all, nil
}

func (r driveRows) requests() (all []drive.Request, err error) {
	for k := range under(r.in(tableRequested), ownerKey(r.num)) {
		if len(k) != 20 {
			return nil, damaged(tableRequested, k)
		}
		q, err := r.fileRequest(drive.ID(k[4:]))
		if err != nil {
			return nil, errors.Join(damaged(tableRequested, k), err)
		}
		all = append(all, q)
	}
	return all, nil
}

// partBlobs yields the blobs of the parts whose keys begin with prefix.
func (t *tables) partBlobs(prefix []byte) iter.Seq2[filestore.ID, error] {
	return func(yield func(filestore.ID, error) bool) {
		for k, v := range under(t.in(tableParts), prefix) {
			p, ok := decodePart(k, v)
			if !ok {
				yield(filestore.ID{}, damaged(tableParts, k))
				return
			}
			if !yield(p.Blob.ID, nil) {
				return
			}
		}
	}
}

// read runs fn on an owner's rows; it is not run for an unknown owner.
func (x drives) read(ctx context.Context, o drive.Owner, fn func(driveRows) error) error {
	return index{x.d}.read(ctx, mailstore.Owner(o), func(r *rows) error { return fn(driveRows{r}) })
}
