package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"syscall"
	"time"
)

type drainCommand struct{ settingsFile }

func (cmd drainCommand) Help() string {
	return "The running server says at /readyz that it is not ready, takes no more mail from the queue, and after cluster.drain " +
		"closes its doors, finishes what it accepted, says goodbye to mail clients and stops. SIGTERM does the same. Without " +
		"cluster.database nobody else could be asked meanwhile, and the doors close at once."
}

func (cmd drainCommand) Run(ctx context.Context, c console) error {
	v, err := ask[drainView](ctx, cmd.Config, "server.drain", struct{}{})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.Out, "not ready any more; the doors close in %v\n", v.Doors)
	return err
}

// drainView is what a server answers that is asked to go.
type drainView struct {
	Doors time.Duration `json:"doors"` // until they close, in nanoseconds
}

// drainServer is the operation.
func drainServer(_ context.Context, o *office, _ struct{}) (drainView, error) {
	if o.leave == nil {
		return drainView{}, errors.New("no server is running")
	}
	return drainView{o.leave()}, nil
}

// A phase is how far a server is.
type phase struct{ atomic.Int32 }

const (
	starting int32 = iota
	serving
	draining
)

var (
	errStarting = errors.New("starting")
	errDraining = errors.New("draining")
)

// readyTime bounds what one question whether the node is ready may cost.
const readyTime = 5 * time.Second

// ready says whether this node is one to send people to: its doors are open and stay so, and
// its engines answer.
func (s *server) ready(ctx context.Context) error {
	switch s.phase.Load() {
	case starting:
		return errStarting
	case draining:
		return errDraining
	}
	ctx, cancel := context.WithTimeout(ctx, readyTime)
	defer cancel()
	return s.healthy(ctx)
}

// askToLeave has the server drain and stop, and says in how long its doors close.
func (s *server) askToLeave() time.Duration {
	s.phase.Store(draining)
	select {
	case s.leaving <- struct{}{}:
	default: // it is leaving already
	}
	return s.drainTime()
}

// drainTime is how long others have to notice that this node is going.
func (s *server) drainTime() time.Duration {
	if s.cluster == nil {
		return 0
	}
	return s.settings.Cluster.Drain
}

// drain says that this node is not ready any more and takes no more from the queue, and
// returns when its doors are to close: after a while, in which who balances load notices, or at
// a second signal.
func (s *server) drain(signals <-chan os.Signal) {
	s.phase.Store(draining)
	s.sending()
	wait := s.drainTime()
	if wait == 0 {
		return
	}
	s.log.Info("draining", "doors", wait)
	for end := time.NewTimer(wait); ; {
		select {
		case <-end.C:
			return
		case sig := <-signals:
			if sig != syscall.SIGHUP {
				end.Stop()
				return
			}
		}
	}
}
