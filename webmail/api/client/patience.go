package client

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"
)

// patience is how long a server may say nothing, and take nothing of what is sent.
const patience = 2 * time.Minute

// errSilent says that a connection is none.
var errSilent = errors.New("the server said nothing for too long")

// silence ends a request on which nothing moves.
type silence struct {
	ctx   context.Context
	stop  context.CancelCauseFunc
	timer *time.Timer
	wait  time.Duration
}

func listen(ctx context.Context, wait time.Duration) *silence {
	if wait <= 0 {
		wait = patience
	}
	s := &silence{wait: wait}
	s.ctx, s.stop = context.WithCancelCause(ctx)
	s.timer = time.AfterFunc(wait, func() { s.stop(errSilent) })
	return s
}

// on counts silence from now; off does not count it.
func (s *silence) on() {
	if s.ctx.Err() == nil {
		s.timer.Reset(s.wait)
	}
}

func (s *silence) off() { s.timer.Stop() }

func (s *silence) end() {
	s.timer.Stop()
	s.stop(nil)
}

// reason is why the request ended, where it was silence.
func (s *silence) reason(err error) error {
	if err != nil && err != io.EOF && errors.Is(context.Cause(s.ctx), errSilent) {
		return errSilent
	}
	return err
}

// sent is a request's body: while it is read nobody waits for the server.
type sent struct {
	io.ReadCloser
	s *silence
}

func (b *sent) Read(p []byte) (int, error) {
	b.s.off()
	defer b.s.on()
	return b.ReadCloser.Read(p)
}

// received is an answer's body: while it is read one waits for the server, and who reads
// it may take any time.
type received struct {
	io.ReadCloser
	s *silence
}

func (b *received) Read(p []byte) (int, error) {
	b.s.on()
	defer b.s.off()
	n, err := b.ReadCloser.Read(p)
	return n, b.s.reason(err)
}

func (b *received) Close() error {
	b.s.end()
	return b.ReadCloser.Close()
}

// send makes a request that ends with its context, or with a long silence.
func (c *Client) send(req *http.Request) (*http.Response, error) {
	s := listen(req.Context(), c.Patience)
	req = req.WithContext(s.ctx)
	if req.Body != nil && req.Body != http.NoBody {
		req.Body = &sent{req.Body, s}
	}
	client := c.HTTP
	if client == nil {
		client = http.DefaultClient
	}
	resp, err := client.Do(req)
	if err != nil {
		defer s.end()
		return nil, s.reason(err)
	}
	s.off()
	resp.Body = &received{resp.Body, s}
	return resp, nil
}
