package s3

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/minio/minio-go/v7"

	"sealpost/filestore"
)

// What an endpoint can say that a caller here wants to know. The rest is temporary, and worth
// another try.
var (
	errAbsent  = errors.New("object is not there")
	errExists  = errors.New("object is there already")
	errRefused = errors.New("request was refused") // and would be again
	errNotS3   = errors.New("its answer is not S3's")
	errLate    = errors.New("no answer in time")
)

// asAnswer turns an error of the client's into one of ours. An endpoint's own words stay out
// of it: they may be anything.
func asAnswer(err error) error {
	var r minio.ErrorResponse
	if !errors.As(err, &r) || r.StatusCode == 0 && r.Code == "" {
		return withoutURL(err)
	}
	said := fmt.Sprintf("status %d", r.StatusCode)
	switch {
	case r.StatusCode == 0:
		return errNotS3
	case r.Code == minio.NoSuchBucket:
		return fmt.Errorf("%s: the bucket is missing: %w", said, errRefused)
	case r.StatusCode == http.StatusNotFound:
		return fmt.Errorf("%s: %w", said, errAbsent)
	case r.StatusCode == http.StatusPreconditionFailed:
		return fmt.Errorf("%s: %w", said, errExists)
	case r.StatusCode == http.StatusRequestedRangeNotSatisfiable:
		return fmt.Errorf("%s: object is too short: %w", said, filestore.ErrCorrupt)
	case r.StatusCode == http.StatusInsufficientStorage, r.Code == "QuotaExceeded", r.Code == "XMinioStorageFull":
		return fmt.Errorf("%s: %w", said, filestore.ErrFull)
	case r.StatusCode >= 500, r.StatusCode == http.StatusTooManyRequests, r.StatusCode == http.StatusRequestTimeout,
		r.StatusCode == http.StatusConflict, again[r.Code]:
		return errors.New(said)
	}
	return fmt.Errorf("%s: %w", said, errRefused)
}

// again are codes of status 400 that say that the request was damaged on its way.
var again = map[string]bool{"BadDigest": true, "InvalidDigest": true, "IncompleteBody": true, "RequestTimeout": true, "XAmzContentSHA256Mismatch": true}

// withoutURL takes the address that net/http and the client put into their errors off again.
func withoutURL(err error) error {
	var u *url.Error
	var n *net.OpError
	switch {
	case errors.As(err, &n):
		return n
	case errors.As(err, &u) && u.Timeout():
		return errLate
	case errors.As(err, &u) && !errors.Is(err, context.Canceled):
		return errors.New("the request failed on its way")
	}
	return err
}

// worthAnother says whether the same request may have another answer.
func worthAnother(err error) bool {
	for _, final := range []error{errAbsent, errExists, errRefused, filestore.ErrFull, filestore.ErrCorrupt} {
		if errors.Is(err, final) {
			return false
		}
	}
	return true
}

// pause waits for a time between half of d and d.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d/2 + rand.N(d/2+1))
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
