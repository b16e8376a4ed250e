// Package outbound sends what is queued: it takes a lease, signs for the domain, finds
// the route, hands the mail over, keeps sessions for the next one, and tells senders
// what became of theirs.
//
// It never decides who may send, and never reads a mail but for its Message-ID and to
// sign it.
//
// Invariants: every recipient of a lease ends as done, put off or given up, and a
// sender hears of the last; a fault of ours is a deferral; at most PerDestination
// sessions to one destination, and one account's flood delays nobody else.
package outbound

import (
	"cmp"
	"context"
	"log/slog"
	"sync"
	"time"

	"sealpost/smtp"
	"sealpost/smtp/mailauth"
	"sealpost/smtp/outbound/queue"
	"sealpost/smtp/outbound/route"
)

// Router finds the way to a domain and opens it; *route.Router is one.
type Router interface {
	Open(ctx context.Context, domain string, wish route.Wish, skip ...string) (*route.Session, error)
	Destination(ctx context.Context, domain string) (string, error)
}

// Sender empties a queue. Its fields are set once, before use.
type Sender struct {
	Queue    *queue.Queue
	Router   Router
	Hostname string
	Local    smtp.Handler // takes notices for people of this server, through the same sealing
	IsLocal  func(domain string) bool
	Signer   func(domain string) *mailauth.Signer // of mail that leaves; may return nil
	// Sent is told when a mail left the queue wholly (Strict: its copy in Outbox goes).
	Sent           func(ctx context.Context, m queue.Mail)
	Workers        int           // mails sent at the same time; 0: 20
	PerDestination int           // sessions at the same time; 0: 5
	Keep           time.Duration // how long an idle session is kept; 0: 30 s
	Delay          time.Duration // after which a delay notice is sent; 0: 4 h
	Grace          time.Duration // how long a mail being sent may take once Run is to end; 0: 30 s
	Log            *slog.Logger
	Now            func() time.Time

	once    sync.Once
	hosts   hosts
	counted counters
}

func (s *Sender) build() {
	s.Workers = cmp.Or(s.Workers, 20)
	s.PerDestination = cmp.Or(s.PerDestination, 5)
	s.Keep = cmp.Or(s.Keep, 30*time.Second)
	s.Delay = cmp.Or(s.Delay, 4*time.Hour)
	s.Grace = cmp.Or(s.Grace, 30*time.Second)
	if s.Log == nil {
		s.Log = slog.New(slog.DiscardHandler)
	}
	if s.Now == nil {
		s.Now = time.Now
	}
	s.hosts.most, s.hosts.keep = s.PerDestination, s.Keep
}

// Run sends until ctx ends. Then it takes no more mail, lets those that are being
// sent finish within Grace, and returns when every session has ended. A mail that
// was cut short is in the queue as it was.
func (s *Sender) Run(ctx context.Context) error {
	s.once.Do(s.build)
	work, abort := context.WithCancel(context.WithoutCancel(ctx))
	defer abort()
	stop := context.AfterFunc(ctx, func() {
		t := time.AfterFunc(s.Grace, abort)
		context.AfterFunc(work, func() { t.Stop() })
	})
	defer stop()
	var workers sync.WaitGroup
	for range s.Workers {
		workers.Go(func() { s.work(ctx, work) })
	}
	workers.Wait()
	s.hosts.closeAll()
	return nil
}

// Pauses of a worker whose queue fails.
const (
	shortPause = time.Second
	longPause  = time.Minute
)

// work takes mails until stop ends, and sends them under ctx.
func (s *Sender) work(stop, ctx context.Context) {
	pause := shortPause
	for stop.Err() == nil {
		lease, err := s.Queue.Take(stop)
		switch {
		case stop.Err() != nil && lease == nil:
			return
		case err != nil:
			s.Log.Error("no mail could be taken from the queue", "error", err)
			select {
			case <-stop.Done():
			case <-time.After(pause):
			}
			pause = min(2*pause, longPause)
			continue
		}
		pause = shortPause
		s.attempt(ctx, lease)
	}
}
