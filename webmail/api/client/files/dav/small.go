package dav

import (
	"context"
	"sync"

	"sealpost/webmail/api/client"
	"sealpost/webmail/api/client/files"
)

// small brings small files together: those that come while some are on their way.
type small struct {
	drive *files.Drive

	mu    sync.Mutex
	busy  bool
	queue []*parcel
}

type parcel struct {
	file files.Small
	done chan error
}

// bring brings one.
func (s *small) bring(ctx context.Context, f files.Small) error {
	p := &parcel{file: f, done: make(chan error, 1)}
	s.mu.Lock()
	s.queue = append(s.queue, p)
	busy := s.busy
	s.busy = true
	s.mu.Unlock()
	if !busy {
		go s.work(context.WithoutCancel(ctx)) // for others too, whatever becomes of this one
	}
	return <-p.done // the body came already, and every wait below has its end
}

func (s *small) work(ctx context.Context) {
	for {
		todo := s.next()
		if len(todo) == 0 {
			return
		}
		s.carryOut(ctx, todo)
	}
}

// next takes as many as come in one request; none: nobody works any more.
func (s *small) next() (todo []*parcel) {
	s.mu.Lock()
	defer s.mu.Unlock()
	size := 0
	for _, p := range s.queue {
		if size += p.file.Size() + 20; len(todo) > 0 && (size > client.MostBatchSize || len(todo) == client.MostBatch) {
			break
		}
		todo = append(todo, p)
	}
	s.queue = s.queue[len(todo):]
	s.busy = len(todo) > 0
	return todo
}

// carryOut brings some, or where they do not go together each alone: one that has no room
// left must not keep out another.
func (s *small) carryOut(ctx context.Context, todo []*parcel) {
	ctx, stop := context.WithTimeout(ctx, changeTime)
	defer stop()
	all := make([]files.Small, len(todo))
	for i, p := range todo {
		all[i] = p.file
	}
	err := s.drive.Bring(ctx, all)
	for _, p := range todo {
		if err != nil && len(todo) > 1 {
			p.done <- s.drive.Bring(ctx, []files.Small{p.file})
			continue
		}
		p.done <- err
	}
}
