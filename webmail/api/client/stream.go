package client

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"
)

// Room bounds how many parts all streams together have in memory.
type Room struct {
	free chan struct{}
	kept sync.Pool // of *[]byte
}

// NewRoom has room for so many parts.
func NewRoom(parts int) *Room { return &Room{free: make(chan struct{}, parts)} }

func (r *Room) take(ctx context.Context, n int64) ([]byte, error) {
	select {
	case r.free <- struct{}{}:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	if b, ok := r.kept.Get().(*[]byte); ok && int64(cap(*b)) >= n {
		return (*b)[:0], nil
	}
	return make([]byte, 0, n), nil
}

func (r *Room) give(b []byte) {
	r.kept.Put(&b)
	<-r.free
}

// Stream is a file on its way in whose octets come once: of what was not sent yet, some
// parts are in memory, and nothing is on a disk.
type Stream struct {
	c     *Client
	ctx   context.Context // ends with the first part that could not be sent
	stop  context.CancelCauseFunc
	f     File
	room  *Room
	lanes chan struct{}
	all   sync.WaitGroup
	n     int
	part  []byte
}

// Stream declares a file of so many bytes. It ends with Close, or Abort.
func (c *Client) Stream(ctx context.Context, size int64, room *Room) (*Stream, error) {
	f, err := c.begin(ctx, Upload{Size: size})
	if err != nil {
		return nil, err
	}
	s := &Stream{c: c, f: f, room: room, lanes: make(chan struct{}, partLanes)}
	s.ctx, s.stop = context.WithCancelCause(ctx)
	return s, nil
}

// Write takes octets; those of a part that is full are sent while more come.
func (s *Stream) Write(p []byte) (n int, err error) {
	for n < len(p) {
		length := min(s.f.Part, s.f.Size-int64(s.n)*s.f.Part)
		if length <= 0 {
			return n, fmt.Errorf("send file %s: expected no more than %d bytes", s.f.ID, s.f.Size)
		}
		if s.part == nil {
			if s.part, err = s.room.take(s.ctx, length); err != nil {
				return n, err
			}
		}
		more := p[n:][:min(int64(len(p)-n), length-int64(len(s.part)))]
		s.part = append(s.part, more...)
		n += len(more)
		if int64(len(s.part)) == length {
			if err := s.send(); err != nil {
				return n, err
			}
		}
	}
	return n, nil
}

// send sends the part that is full, beside others.
func (s *Stream) send() error {
	select {
	case s.lanes <- struct{}{}:
	case <-s.ctx.Done():
		return context.Cause(s.ctx)
	}
	n, b := s.n, s.part
	s.n, s.part = s.n+1, nil
	s.all.Go(func() {
		if err := s.c.sendPart(s.ctx, filesPlace, s.f, n, b, nil); err != nil {
			s.stop(fmt.Errorf("send part %d: %w", n, err))
		}
		s.room.give(b)
		<-s.lanes
	})
	return nil
}

// Close waits for what is on its way, and makes the file complete.
func (s *Stream) Close() (File, error) {
	s.all.Wait()
	defer s.stop(nil)
	if err := context.Cause(s.ctx); err != nil {
		return s.f, err
	}
	if s.n != s.f.Parts {
		return s.f, fmt.Errorf("send file %s: expected %d bytes", s.f.ID, s.f.Size)
	}
	return s.c.complete(s.ctx, s.f)
}

// Abort gives the file up, at the server too: its room is free again at once.
func (s *Stream) Abort(ctx context.Context) {
	s.stop(context.Canceled)
	s.all.Wait()
	if s.part != nil {
		s.room.give(s.part)
		s.part = nil
	}
	_ = s.c.RemoveFile(ctx, s.f.ID) // else the server gives it up in a day
}

// complete makes a file complete, and finds that the server means the same one.
func (c *Client) complete(ctx context.Context, f File) (File, error) {
	whole, err := call[File](ctx, c, Request{Method: http.MethodPost, Path: fileAt(f.ID) + "/complete"})
	if err == nil && (whole.ID != f.ID || whole.Size != f.Size || !whole.Complete) {
		err = fmt.Errorf("upload file %s: the server says that another one is complete", f.ID)
	}
	return whole, err
}

// sendPart sends one of a file that stands below a place, again where that may help: it
// does no harm.
func (c *Client) sendPart(ctx context.Context, place string, f File, n int, b []byte, wait func(try int) time.Duration) error {
	sum := sha256.Sum256(b)
	digest := "sha-256=:" + base64.StdEncoding.EncodeToString(sum[:]) + ":"
	for try := 0; ; try++ {
		resp, err := c.Do(ctx, Request{
			Method: http.MethodPut, Path: fmt.Sprintf("%s/%s/parts/%d", place, url.PathEscape(f.ID), n), Body: bytes.NewReader(b), Type: "application/octet-stream",
			Header: http.Header{"Content-Digest": {digest}},
		})
		if err == nil {
			return resp.Body.Close()
		}
		if !passing(err) || try+1 == partTries {
			return err
		}
		pause := time.Second << try
		if wait != nil {
			pause = wait(try)
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
