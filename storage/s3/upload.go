package s3

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/minio/minio-go/v7"

	"sealpost/filestore/packs"
)

// upload sends one large object to all of its endpoints at once, part by part: what it holds
// in memory is one part, however long the object. An endpoint that fails is left behind, as
// long as enough are left.
type upload struct {
	ctx    context.Context // of the one Put that this lives for
	b      *Blobs
	rule   *rule
	object packs.Object
	part   *[]byte
	number int // parts that were sent
	flows  []*flow
	errs   []error
}

// parts are buffers of a large blob's octets. They go back when nothing reads them any more.
var parts = sync.Pool{New: func() any { b := make([]byte, 0, partSize); return &b }}

// flow is an upload at one endpoint.
type flow struct {
	at    *endpoint
	id    string
	parts []minio.CompletePart
	err   error
}

func newUpload(ctx context.Context, b *Blobs, r *rule, key packs.Key) *upload {
	return &upload{ctx: ctx, b: b, rule: r, part: parts.Get().(*[]byte),
		object: packs.Object{Key: key, Rule: r.name, Made: b.now()}}
}

func (u *upload) write(p []byte) error {
	for len(p) > 0 {
		n := min(len(p), partSize-len(*u.part))
		*u.part = append(*u.part, p[:n]...)
		p = p[n:]
		if len(*u.part) == partSize {
			if err := u.send(); err != nil {
				return err
			}
		}
	}
	return nil
}

// send sends the part that is full, and empties it.
func (u *upload) send() error {
	if u.number == 0 {
		if err := u.begin(); err != nil {
			return err
		}
	}
	u.number++
	body := *u.part
	m, s := digests(body)
	err := u.each(func(f *flow) error {
		part, err := f.at.sendPart(u.ctx, u.object.Key, f.id, u.number, body, m, s)
		f.parts = append(f.parts, part)
		return err
	})
	u.object.Size += int64(len(body))
	*u.part = body[:0]
	return err
}

// begin chooses the endpoints: as many as the rule asks, of those that answer.
func (u *upload) begin() error {
	p := &placing{rule: u.rule, left: u.rule.order(u.object.Key), results: make(chan placed, len(u.rule.allowed))}
	var mu sync.Mutex
	begin := func(e *endpoint) {
		id, err := e.beginParts(u.ctx, u.object.Key)
		mu.Lock()
		u.flows = append(u.flows, &flow{at: e, id: id, err: err})
		mu.Unlock()
		p.results <- placed{e, err}
	}
	for p.more(begin) {
		done := <-p.results
		p.flying = slices.DeleteFunc(p.flying, func(e *endpoint) bool { return e == done.at })
		if done.err == nil {
			p.done = append(p.done, done.at)
		}
	}
	return u.sift()
}

// each does the same at all endpoints and leaves those behind that fail.
func (u *upload) each(do func(*flow) error) error {
	var wg sync.WaitGroup
	for _, f := range u.flows {
		wg.Go(func() { f.err = do(f) })
	}
	wg.Wait()
	return u.sift()
}

// sift takes flows that failed off, and fails when too few are left.
func (u *upload) sift() error {
	var left []*flow
	for _, f := range u.flows {
		if f.err == nil {
			left = append(left, f)
			continue
		}
		u.errs = append(u.errs, f.err)
		u.abort(f)
	}
	u.flows = left
	if len(left) < u.rule.Enough {
		return fmt.Errorf("store object: %w", errors.Join(append(u.errs, u.ctx.Err(), errFew)...))
	}
	return nil
}

// abort tells an endpoint to forget the parts; what it does not hear the sweep says again.
func (u *upload) abort(f *flow) {
	if f.id == "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(u.ctx), cleaning)
	defer cancel()
	if err := f.at.abort(ctx, f.at.name(u.object.Key), f.id); err != nil {
		u.b.o.Log.Info("unfinished upload is left to the sweep", "object", u.object.Key.String(), "error", err)
	}
}

// finish sends what is left of a blob of that length. An object of less than a part is sent as a whole.
func (u *upload) finish(content int64) (packs.Object, error) {
	defer u.recycle()
	if u.number == 0 {
		copies, err := u.b.place(u.ctx, u.rule, u.object.Key, *u.part)
		o := u.b.object(u.rule, u.object.Key, int64(len(*u.part)), content, copies, u.object.Made)
		if err != nil {
			u.b.discard(u.ctx, []packs.Object{o})
		}
		return o, err
	}
	if len(*u.part) > 0 {
		if err := u.send(); err != nil {
			return packs.Object{}, err
		}
	}
	flows := u.flows
	err := u.each(func(f *flow) error { return f.at.endParts(u.ctx, u.object.Key, f.id, f.parts, u.object.Size) })
	if err != nil { // some may have come to their end all the same
		u.object.Copies = endpointsOf(flows)
		u.b.discard(u.ctx, []packs.Object{u.object})
		return packs.Object{}, err
	}
	u.object.Copies = endpointsOf(u.flows)
	return u.b.object(u.rule, u.object.Key, u.object.Size, content, u.object.Copies, u.object.Made), nil
}

func endpointsOf(flows []*flow) (list []string) {
	for _, f := range flows {
		list = append(list, f.at.Name)
	}
	return list
}

// abandon ends an upload that is not wanted any more.
func (u *upload) abandon() {
	for _, f := range u.flows {
		u.abort(f)
	}
	u.recycle()
}

func (u *upload) recycle() {
	if u.part != nil {
		*u.part = (*u.part)[:0]
		parts.Put(u.part)
		u.part = nil
	}
}

func (e *endpoint) beginParts(ctx context.Context, key packs.Key) (id string, err error) {
	err = e.persist(ctx, 0, func(ctx context.Context) error {
		id, err = e.core.NewMultipartUpload(ctx, e.Bucket, e.name(key), minio.PutObjectOptions{ContentType: "application/octet-stream"})
		return err
	})
	return id, err
}

func (e *endpoint) sendPart(ctx context.Context, key packs.Key, id string, number int, body []byte, md5Base64, sha256Hex string) (part minio.CompletePart, err error) {
	err = e.persist(ctx, len(body), func(ctx context.Context) error {
		sent := lend(body)
		defer sent.end()
		p, err := e.core.PutObjectPart(ctx, e.Bucket, e.name(key), id, number, sent, int64(len(body)),
			minio.PutObjectPartOptions{Md5Base64: md5Base64, Sha256Hex: sha256Hex})
		part = minio.CompletePart{PartNumber: number, ETag: p.ETag}
		return tagged(p.ETag, err)
	})
	return part, err
}

// endParts makes an object of the parts. When the upload is not there any more, or the object
// is there already, an earlier try came through.
func (e *endpoint) endParts(ctx context.Context, key packs.Key, id string, list []minio.CompletePart, size int64) error {
	err := e.persist(ctx, int(min(size>>4, 1<<30)), func(ctx context.Context) error {
		_, err := e.core.CompleteMultipartUpload(ctx, e.Bucket, e.name(key), id, list, putOptions())
		return err
	})
	if errors.Is(err, errExists) || errors.Is(err, errAbsent) {
		there, err := e.size(ctx, key)
		if err == nil && there != size {
			err = fmt.Errorf("endpoint %s: object %s has %d of %d octets", e.Name, key, there, size)
		}
		return err
	}
	return err
}
