package s3

import (
	"context"
	"iter"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"

	"sealpost/filestore/packs"
)

// stored is an object as an endpoint lists it.
type stored struct {
	key  packs.Key
	size int64
	at   time.Time // by the endpoint's clock
}

const pageSize = 1000

// list lists our objects in the order of their keys. Names that are not ours are passed over.
func (e *endpoint) list(ctx context.Context) iter.Seq2[stored, error] {
	return func(yield func(stored, error) bool) {
		after := e.prefix
		for {
			page, err := e.page(ctx, after)
			if err != nil {
				yield(stored{}, err)
				return
			}
			for _, o := range page {
				key, ours := packs.ParseKey(strings.TrimPrefix(o.Key, e.prefix))
				if ours && !yield(stored{key, o.Size, o.LastModified}, nil) {
					return
				}
			}
			if len(page) < pageSize {
				return
			}
			after = page[len(page)-1].Key
		}
	}
}

func (e *endpoint) page(ctx context.Context, after string) (page []minio.ObjectInfo, err error) {
	err = e.persist(ctx, 1<<20, func(ctx context.Context) error {
		page = page[:0]
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		for o := range e.core.ListObjectsIter(ctx, e.Bucket, minio.ListObjectsOptions{
			Prefix: e.prefix, Recursive: true, StartAfter: after, MaxKeys: pageSize}) {
			if o.Err != nil {
				return o.Err
			}
			if page = append(page, o); len(page) == pageSize {
				break
			}
		}
		return ctx.Err()
	})
	return page, err
}

// unfinished is an upload in parts that was begun.
type unfinished struct {
	name, id string
	at       time.Time
}

// unfinishedUploads lists those of our objects, at most a page; the next time there are others.
func (e *endpoint) unfinishedUploads(ctx context.Context) (list []unfinished, err error) {
	err = e.persist(ctx, 1<<20, func(ctx context.Context) error {
		r, err := e.core.ListMultipartUploads(ctx, e.Bucket, e.prefix, "", "", "", pageSize)
		list = list[:0]
		for _, u := range r.Uploads {
			list = append(list, unfinished{u.Key, u.UploadID, u.Initiated})
		}
		return err
	})
	return list, err
}

func (e *endpoint) abort(ctx context.Context, name, id string) error {
	return e.persist(ctx, 0, func(ctx context.Context) error {
		err := e.core.AbortMultipartUpload(ctx, e.Bucket, name, id)
		if asked := asAnswer(err); err != nil && !worthAnother(asked) {
			return nil // it is over
		}
		return err
	})
}
