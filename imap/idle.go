package imap

import (
	"context"
	"errors"
	"runtime/debug"
	"time"
)

// idle is IDLE (RFC 2177). What is new is told at once, beginning with what
// became new before the command: the first look comes after the subscription.
func (s *session) idle(c command) error {
	if c.args != "" {
		return bad("IDLE takes no argument")
	}
	s.wire.WriteString("+ idling\r\n")
	ctx, stop := context.WithCancel(s.ctx)
	watched := make(chan error, 1)
	go func() { watched <- s.watch(ctx) }()
	s.wire.wait = s.server.Limits.Idle
	line, err := s.wire.readLine(nil, maxLobbyCommand)
	stop()
	failed := <-watched // from here on this goroutine is alone again
	switch {
	case errors.Is(err, errTooBig):
		s.wire.linger = true
		s.wire.bye("expected DONE")
		return nil
	case err != nil:
		return nil // the connection is over
	case failed != nil:
		return failed
	case !isDone(line):
		return bad("expected DONE")
	}
	return s.done(c)
}

func isDone(line []byte) bool {
	return len(line) == 4 && line[0]|0x20 == 'd' && line[1]|0x20 == 'o' && line[2]|0x20 == 'n' && line[3]|0x20 == 'e'
}

// watch tells what is new until ctx ends. It works beside a goroutine that only
// reads from the wire.
func (s *session) watch(ctx context.Context) (err error) {
	defer func() {
		if v := recover(); v != nil {
			s.log.Error("panic in IDLE", "stack", string(debug.Stack()))
			s.wire.fail(errOver)
		}
	}()
	var woken <-chan struct{}
	if s.box != nil {
		woken = s.box.woken
	}
	again := time.NewTicker(lookAgain)
	defer again.Stop()
	for {
		if err := s.tell(true); err != nil {
			return err
		}
		if err := s.wire.flush(); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-woken:
			if s.box != nil {
				s.box.looked = time.Time{} // look, although the wake-up is used
			}
		case <-again.C:
		}
	}
}
