package client

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"sealpost/webmail/api"
)

const (
	// MostSmall is how long a stored file may be that comes whole; MostBatch and
	// MostBatchSize are how many come in one request, and what they have in all.
	MostSmall     = 1 << 20
	MostBatch     = 256
	MostBatchSize = 4 << 20
)

// SmallFile is a stored file that comes whole, under an id that its sender drew: 16
// random bytes.
type SmallFile struct {
	ID     [16]byte
	Octets []byte
}

// Bring stores small files together, all of them or none. It asks again where that may
// help: what came before comes again without harm.
func (c *Client) Bring(ctx context.Context, all []SmallFile) error {
	var b bytes.Buffer
	for _, s := range all {
		b.Write(s.ID[:])
		b.Write(binary.BigEndian.AppendUint32(nil, uint32(len(s.Octets))))
		b.Write(s.Octets)
	}
	sum := sha256.Sum256(b.Bytes())
	digest := "sha-256=:" + base64.StdEncoding.EncodeToString(sum[:]) + ":"
	return c.again(ctx, func() error {
		return c.done(ctx, Request{
			Method: http.MethodPost, Path: "/files/batch", Body: bytes.NewReader(b.Bytes()), Type: "application/octet-stream",
			Header: http.Header{"Content-Digest": {digest}},
		})
	})
}

// Small fetches small files together, at most MostBatch. One that is not there, or that is
// damaged, is not among them; what nobody asked for is refused.
func (c *Client) Small(ctx context.Context, ids []string) (map[string][]byte, error) {
	var all map[string][]byte
	err := c.again(ctx, func() (err error) {
		all, err = c.small(ctx, ids)
		return err
	})
	return all, err
}

// RemoveFiles deletes files for good, at most MostBatch, and asks again for those that did
// not go at once. What is not there is gone.
func (c *Client) RemoveFiles(ctx context.Context, ids []string) error {
	for len(ids) > 0 {
		var said api.Removed
		err := c.again(ctx, func() (err error) {
			said, err = call[api.Removed](ctx, c, Request{Method: http.MethodDelete, Path: "/files/batch", Query: url.Values{"ids": {strings.Join(ids, ",")}}})
			return err
		})
		if err != nil {
			return err
		}
		left, known := []string{}, map[string]bool{}
		for _, f := range said.Files {
			known[f.ID] = true
			if f.Outcome != "gone" {
				left = append(left, f.ID)
			}
		}
		unasked := slices.ContainsFunc(left, func(id string) bool { return !slices.Contains(ids, id) })
		unsaid := slices.ContainsFunc(ids, func(id string) bool { return !known[id] })
		if unasked || unsaid || len(left) >= len(ids) {
			return errors.New("delete files: expected to be told of each that was asked for, and that some are gone")
		}
		ids = left
	}
	return nil
}

func (c *Client) small(ctx context.Context, ids []string) (map[string][]byte, error) {
	resp, err := c.Do(ctx, Request{Path: "/files/batch", Query: url.Values{"ids": {strings.Join(ids, ",")}}})
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	all, from := map[string][]byte{}, bufio.NewReader(resp.Body)
	for {
		var head [20]byte
		if _, err := io.ReadFull(from, head[:]); err == io.EOF {
			return all, nil
		} else if err != nil {
			return nil, fmt.Errorf("read files: %w", err)
		}
		id, n := base64.RawURLEncoding.EncodeToString(head[:16]), binary.BigEndian.Uint32(head[16:])
		if _, twice := all[id]; n > MostSmall || twice || !slices.Contains(ids, id) {
			return nil, errors.New("read files: expected those that were asked for, each once")
		}
		b := make([]byte, n)
		if _, err := io.ReadFull(from, b); err != nil {
			return nil, fmt.Errorf("read files: %w", err)
		}
		if all[id] = b; n == 0 {
			delete(all, id)
		}
	}
}

// again asks once more where that may help and does no harm.
func (c *Client) again(ctx context.Context, ask func() error) error {
	for try := 0; ; try++ {
		err := ask()
		if err == nil || !passing(err) || try+1 == partTries {
			return err
		}
		select {
		case <-time.After(time.Second << try):
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", context.Cause(ctx), err)
		}
	}
}
