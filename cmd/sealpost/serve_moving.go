package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"

	"sealpost/account"
	"sealpost/config"
	"sealpost/mailstore"
	"sealpost/move/carry"
	"sealpost/move/live"
	"sealpost/storage/bolt"
)

// moving is a server whose accounts go to another installation while it runs.
type moving struct {
	*relocation
	mover *live.Mover
}

// openMoving opens an installation that is served, and the one that other settings name, where its accounts go.
func openMoving(file string) (opener, error) {
	other, err := config.Load(file)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, settings config.Config, log *slog.Logger) (*engines, error) {
		if err := apart(settings, other); err != nil {
			return nil, err
		}
		r := &relocation{settings: settings, other: other, fromData: settings.Data, toData: other.Data, bar: newBar(console{Err: io.Discard})}
		err := r.open(ctx, settings, other, log)
		if err == nil {
			err = r.beginServed(ctx)
		}
		if err == nil {
			err = r.serveBoth(ctx, log)
		}
		if err != nil {
			return nil, errors.Join(err, r.Close())
		}
		return r.from, nil
	}, nil
}

// beginServed keeps whoever does not know of the move from serving either end.
func (r *relocation) beginServed(ctx context.Context) error {
	what, err := r.from.moveState(ctx, r.fromData)
	if err != nil {
		return err
	}
	if what == moveLeft {
		return errors.New("all that was here was moved away: serve with the settings that it was moved to")
	}
	if err := r.journal.settle(ctx, true); err != nil {
		return err
	}
	return r.begin(ctx, true)
}

// serveBoth has the engines that are served ask both ends.
func (r *relocation) serveBoth(ctx context.Context, log *slog.Logger) error {
	there, err := live.Served(ctx, r.journal)
	if err != nil {
		return err
	}
	m := r.move(true)
	both := live.New(m.From, m.To, there, log)
	if r.from.folder == nil && r.to.folder != nil {
		both.Near = live.To
	}
	e := r.from
	e.opened(r.to.Close)
	e.opened(r.journal.Close)
	e.index, e.cabinet, e.drive, e.blobs = both.Index(), both.Cabinet(), both.Drive(), both.Blobs()
	e.moving = &moving{r, &live.Mover{Router: both, Move: m, Journal: r.journal, Log: log}}
	log.Info("accounts move while they are served", "there", len(there))
	return nil
}

// moveAway moves accounts until ctx ends, where they are to.
func (s *server) moveAway(ctx context.Context) {
	if s.moving == nil {
		return
	}
	if c := s.moving.to.cluster; c != nil {
		s.running.Go(func() { _ = c.worker.Run(ctx) }) // ends with ctx alone
	}
	if err := s.moving.mover.Run(ctx); err != nil {
		select {
		case s.failed <- fmt.Errorf("move accounts: %w", err):
		default:
		}
	}
}

// measureMove tells how far accounts are on their way.
func (s *server) measureMove(_ context.Context, e *exposition) {
	if s.moving == nil {
		return
	}
	p := s.moving.mover.Progress()
	e.family("sealpost_moving_accounts", "gauge", "Accounts, by where they are served while they move: here, or there.")
	e.count(int64(p.Accounts-p.There), "served", "here")
	e.count(int64(p.There), "served", "there")
	e.one("sealpost_moving_failed", "gauge", "Accounts that could not go in the last attempt, and will be tried again.", float64(p.Failed))
	e.one("sealpost_moving_longest_wait_seconds", "gauge", "The longest that changes of one account had to wait while it went.", p.Longest.Seconds())
}

// bringBack carries back who was served there already.
func (r *relocation) bringBack(ctx context.Context, m *carry.Move, ids []mailstore.Owner) error {
	file := filepath.Join(r.fromData, "move-back.db")
	back, err := bolt.OpenJournal(file, bolt.Options{})
	if err != nil {
		return err
	}
	for _, o := range ids {
		if err := r.bringHome(ctx, m, o, back); err != nil {
			return errors.Join(err, back.Close())
		}
	}
	return errors.Join(back.Close(), os.Remove(file))
}

func (r *relocation) bringHome(ctx context.Context, m *carry.Move, o mailstore.Owner, back carry.Journal) error {
	_, err := r.from.accounts.Account(ctx, account.ID(o))
	if errors.Is(err, account.ErrUnknown) { // it was removed, while a server moved it
		if err := errors.Join(m.From.Rows.RemoveHeavy(ctx, o), m.To.Rows.Remove(ctx, o)); err != nil {
			return err
		}
		return r.journal.SetStage(ctx, o, carry.Here, carry.Digest{})
	}
	if err == nil {
		_, err = m.BringBack(ctx, o, back)
	}
	return err
}
