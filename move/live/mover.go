package live

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"sealpost/account"
	"sealpost/mailstore"
	"sealpost/move/carry"
)

// How an owner is brought near, and taken over.
const (
	usualMost   = 500 * time.Millisecond // that a gate is shut at first,
	longestMost = 8 * time.Second        // and after attempts that took too long
	attempts    = 12                     // of one pass
	nearEnough  = 200                    // records that may be left when the gate is shut
	rounds      = 20                     // of bringing what came meanwhile, at most
	lookAgain   = 10 * time.Second       // for accounts that came, or could not go
)

// errGone says that an account is none any more.
var errGone = errors.New("the account was removed")

// Journal is that of the move, which knows who was begun.
type Journal interface {
	carry.Journal
	Owners(ctx context.Context) ([]mailstore.Owner, error)
}

// Mover takes owners to the other end, one after the other, while they are served. Its fields are set once.
type Mover struct {
	Router  *Router
	Move    *carry.Move
	Journal Journal // that of Move
	Log     *slog.Logger
	Most    time.Duration // that a gate is shut, if it can be; 0: half a second
	Wait    time.Duration // between passes; 0: ten seconds

	mu       sync.Mutex
	progress Progress
}

// Progress is how far a Mover is.
type Progress struct {
	Accounts, There int
	Messages        int64         // brought by this process
	Failed          int           // accounts that could not go in the last pass
	Longest         time.Duration // that a gate was shut by this process
}

// Progress may be asked for at any time.
func (m *Mover) Progress() Progress {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.progress
}

// Served are the owners whom a journal has at the other end, to make a Router of. What a move without a
// server brought is served where it was: its owners begin anew.
func Served(ctx context.Context, j Journal) (there []mailstore.Owner, err error) {
	all, err := j.Owners(ctx)
	if err != nil {
		return nil, err
	}
	for _, o := range all {
		switch stage, _, err := j.Stage(ctx, o); {
		case err != nil:
			return nil, err
		case stage == carry.Served:
			there = append(there, o)
		case stage == carry.There:
			if err := j.SetStage(ctx, o, carry.Begun, carry.Digest{}); err != nil {
				return nil, err
			}
		case stage == carry.Removed:
			return nil, fmt.Errorf("account %s was moved by itself", o)
		}
	}
	return there, nil
}

// Run takes all there, and then whoever comes, until ctx ends. It fails with ErrStuck alone.
func (m *Mover) Run(ctx context.Context) error {
	for said := false; ; {
		left, err := m.pass(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, ErrStuck):
			return err
		case err != nil:
			m.Log.Warn("moving waits", "error", err)
		case left == 0 && !said:
			said = true
			p := m.Progress()
			m.Log.Info("all accounts are served at the other end: stop the server, and run sealpost migrate with the same settings", "accounts", p.There, "longest_wait", p.Longest)
		}
		wait := time.NewTimer(cmp.Or(m.Wait, lookAgain))
		select {
		case <-ctx.Done():
			wait.Stop()
			return nil
		case <-wait.C:
		}
	}
}

// pass tries everybody once, and says how many are left.
func (m *Mover) pass(ctx context.Context) (left int, err error) {
	all, err := m.Move.From.Accounts.Accounts(ctx)
	if err != nil {
		return 0, fmt.Errorf("list accounts: %w", err)
	}
	ids := make([]mailstore.Owner, 0, len(all))
	for _, a := range all {
		ids = append(ids, mailstore.Owner(a.ID))
	}
	slices.Sort(ids)
	if err := m.tidy(ctx, ids); err != nil {
		return 0, err
	}
	m.count(ids, 0)
	told := time.Now()
	for _, o := range ids {
		if m.Router.At(o) == To {
			continue
		}
		done, err := m.One(ctx, o)
		switch {
		case ctx.Err() != nil || errors.Is(err, ErrStuck):
			return 0, err
		case errors.Is(err, errGone):
			continue
		case err != nil:
			left++
			m.Log.Warn("an account could not go to the other end, and stays where it is until the next attempt", "account", string(o), "error", err)
		default:
			m.went(done)
		}
		if time.Since(told) > time.Minute {
			told = time.Now()
			m.count(ids, left)
			p := m.Progress()
			m.Log.Info("accounts are moving", "there", p.There, "of", p.Accounts, "messages", p.Messages, "longest_wait", p.Longest)
		}
	}
	m.count(ids, left)
	return left, nil
}

// count says how many of those are there.
func (m *Mover) count(ids []mailstore.Owner, failed int) {
	there := 0
	for _, o := range ids {
		if m.Router.At(o) == To {
			there++
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.progress.Accounts, m.progress.There, m.progress.Failed = len(ids), there, failed
}

func (m *Mover) went(done carry.Moved) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.progress.There++
	m.progress.Messages += done.Messages
	m.progress.Longest = max(m.progress.Longest, done.Fenced)
}

// One takes an owner there.
func (m *Mover) One(ctx context.Context, o mailstore.Owner) (done carry.Moved, err error) {
	books, err := m.Move.From.Rows.Books(ctx, o)
	if err != nil {
		return done, err
	}
	var c *carry.Chase
	if books.Open { // else there is nothing to bring: the account is about to begin, or to go
		if c, err = m.Move.Chase(ctx, o); err != nil {
			return done, err
		}
	}
	most := cmp.Or(m.Most, usualMost)
	for try := range attempts {
		if err := near(ctx, c); err != nil {
			return done, err
		}
		done, err = m.flip(ctx, o, c, most)
		switch {
		case errors.Is(err, errGone):
			return done, errors.Join(err, m.forget(ctx, o))
		case !errors.Is(err, ErrBusy):
			return done, err
		case try%3 == 2: // it does not come down to that: let them wait for longer
			most = min(2*most, max(most, longestMost))
		}
		select {
		case <-ctx.Done():
			return done, ctx.Err()
		case <-time.After(time.Duration(try+1) * 100 * time.Millisecond):
		}
	}
	return done, err
}

// near brings what came, until little comes meanwhile.
func near(ctx context.Context, c *carry.Chase) error {
	for range rounds {
		if c == nil {
			return nil
		}
		if left, err := c.Again(ctx); err != nil || left <= nearEnough {
			return err
		}
	}
	return nil
}

// flip takes an owner over who is near.
func (m *Mover) flip(ctx context.Context, o mailstore.Owner, c *carry.Chase, most time.Duration) (done carry.Moved, err error) {
	bring := func(ctx context.Context) error {
		_, err := m.Move.From.Accounts.Account(ctx, account.ID(o))
		if errors.Is(err, account.ErrUnknown) {
			return errGone
		}
		if err != nil {
			return err
		}
		books, err := m.Move.From.Rows.Books(ctx, o)
		switch {
		case err != nil:
			return err
		case !books.Open:
			return m.Move.To.Rows.RemoveHeavy(ctx, o)
		case c == nil:
			return ErrBusy
		}
		done, err = c.Finish(ctx)
		return err
	}
	shut, err := m.Router.Flip(ctx, o, To, most, bring, func(ctx context.Context) (bool, error) { return m.settle(ctx, o) })
	done.Fenced = shut
	return done, err
}

// settle makes durable that an owner is served there. A write that failed may stand all the same: then it
// has to be durable that he is not.
func (m *Mover) settle(ctx context.Context, o mailstore.Owner) (served bool, err error) {
	if err = m.Journal.SetStage(ctx, o, carry.Served, carry.Digest{}); err == nil {
		return true, nil
	}
	m.Log.Error("the journal of the move could not be written", "account", string(o), "error", err)
	if again := m.Journal.SetStage(ctx, o, carry.Begun, carry.Digest{}); again != nil {
		return false, errors.Join(err, again)
	}
	return false, nil
}

// tidy removes what was brought there of accounts that are none any more.
func (m *Mover) tidy(ctx context.Context, ids []mailstore.Owner) error {
	begun, err := m.Journal.Owners(ctx)
	if err != nil {
		return err
	}
	for _, o := range begun {
		if _, is := slices.BinarySearch(ids, o); is {
			continue
		}
		switch stage, _, err := m.Journal.Stage(ctx, o); {
		case err != nil:
			return err
		case stage == carry.Here:
			continue
		}
		if err := m.forget(ctx, o); err != nil {
			return err
		}
	}
	return nil
}

// forget removes an account at both ends that was removed.
func (m *Mover) forget(ctx context.Context, o mailstore.Owner) error {
	if _, err := m.Move.From.Accounts.Account(ctx, account.ID(o)); !errors.Is(err, account.ErrUnknown) {
		return err
	}
	for _, e := range m.Router.ends {
		if err := e.Rows.RemoveHeavy(ctx, o); err != nil {
			return err
		}
	}
	return m.Journal.SetStage(ctx, o, carry.Here, carry.Digest{})
}
