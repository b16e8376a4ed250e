package files

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"

	"sealpost/webmail/api/client"
)

const (
	blockSize  = 4 << 20
	blocksKept = 2*lanes + 2
	blockTries = 5
)

// blocks reads a stored file in large pieces, some of which it keeps: who opens a sealed
// file asks for it in small ones.
type blocks struct {
	ctx  context.Context
	from io.ReaderAt
	size int64
	wait func(try int) time.Duration

	mu   sync.Mutex
	kept map[int64]*block
	turn int64
}

func waitFor(try int) time.Duration { return time.Second << try }

type block struct {
	ready chan struct{}
	turn  int64 // when it was asked for last
	b     []byte
	err   error
}

func newBlocks(ctx context.Context, from io.ReaderAt, size int64) *blocks {
	return &blocks{ctx: ctx, from: from, size: size, kept: map[int64]*block{}, wait: waitFor}
}

// ReadAt is that of io.ReaderAt.
func (s *blocks) ReadAt(p []byte, at int64) (n int, err error) {
	for n < len(p) {
		if at+int64(n) >= s.size {
			return n, io.EOF
		}
		i := (at + int64(n)) / blockSize
		b, err := s.block(i)
		if err != nil {
			return n, err
		}
		n += copy(p[n:], b[at+int64(n)-i*blockSize:])
	}
	return n, nil
}

func (s *blocks) block(i int64) ([]byte, error) {
	s.mu.Lock()
	s.turn++
	b, known := s.kept[i]
	if !known {
		b = &block{ready: make(chan struct{})}
		s.makeRoom()
		s.kept[i] = b
	}
	b.turn = s.turn
	s.mu.Unlock()
	if known {
		select {
		case <-b.ready:
			return b.b, b.err
		case <-s.ctx.Done():
			return nil, context.Cause(s.ctx)
		}
	}
	b.b, b.err = s.fetch(i)
	close(b.ready)
	if b.err != nil {
		s.mu.Lock()
		delete(s.kept, i)
		s.mu.Unlock()
	}
	return b.b, b.err
}

// makeRoom drops the block that was not asked for the longest.
func (s *blocks) makeRoom() {
	if len(s.kept) < blocksKept {
		return
	}
	oldest := int64(-1)
	for i, b := range s.kept {
		if oldest < 0 || b.turn < s.kept[oldest].turn {
			oldest = i
		}
	}
	delete(s.kept, oldest)
}

// fetch asks again where that may help.
func (s *blocks) fetch(i int64) ([]byte, error) {
	b := make([]byte, min(blockSize, s.size-i*blockSize))
	for try := 0; ; try++ {
		n, err := s.from.ReadAt(b, i*blockSize)
		if n == len(b) {
			return b, nil
		}
		if err == nil || errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		if s.ctx.Err() != nil {
			return nil, context.Cause(s.ctx)
		}
		if try+1 == blockTries || !passing(err) {
			return nil, err
		}
		if err := pause(s.ctx, s.wait(try)); err != nil {
			return nil, err
		}
	}
}

// passing says whether an error of a server may not come again.
func passing(err error) bool {
	var p *client.Problem
	return !errors.As(err, &p) || p.Status == http.StatusTooManyRequests || p.Status >= 500
}
