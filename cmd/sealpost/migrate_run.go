package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"sealpost/account"
	"sealpost/mail"
	"sealpost/mailstore"
	"sealpost/move/carry"
	"sealpost/smtp/outbound/queue"
)

// relocated is what a move came to.
type relocated struct {
	accounts, before int // moved now, and by runs before
	served           int // of those moved now: who was served there already
	carry.Moved
	waiting, textless int64 // mail that waits to leave, and what of it has lost its text
	whole             bool
}

// moveWorkers copy blobs at a time: buckets answer slowly, and each waits for one.
const moveWorkers = 8

// youngBlobs is for how long blobs are counted on that a node may sweep.
const youngBlobs = sweepGrace / 2

func (r *relocation) move(whole bool) *carry.Move {
	m := &carry.Move{From: r.from.end(), To: r.to.end(), Journal: r.journal, Workers: moveWorkers}
	if !whole {
		m.Young = youngBlobs
	}
	return m
}

func (r *relocation) run(ctx context.Context, addresses []string) (sum relocated, err error) {
	sum.whole = len(addresses) == 0
	if done, err := r.over(ctx); done || err != nil {
		return sum, err
	}
	ids, total, err := r.chosen(ctx, addresses)
	if err == nil {
		err = r.journal.settle(ctx, sum.whole)
	}
	if err == nil {
		err = r.begin(ctx, sum.whole)
	}
	if err != nil {
		return sum, err
	}
	m, sent := r.move(sum.whole), int64(0)
	m.Tell = func(_, messages int) {
		sent += int64(messages)
		r.bar.show(step{What: "moving mail", Done: sent, Of: total})
	}
	for _, o := range ids {
		stage, _, err := r.journal.Stage(ctx, o)
		if err != nil {
			return sum, err
		}
		done, err := m.Account(ctx, o)
		if err != nil {
			return sum, err
		}
		sum.count(done)
		if stage == carry.Served {
			sum.served++
		}
	}
	if sum.whole {
		if err := r.removeGone(ctx, ids); err != nil {
			return sum, err
		}
		return sum, r.finish(ctx, m, &sum)
	}
	return sum, r.leave(ctx, m, ids)
}

func (s *relocated) count(done carry.Moved) {
	if done.Records == 0 {
		s.before++
		return
	}
	s.accounts++
	s.Messages, s.Blobs, s.Lost = s.Messages+done.Messages, s.Blobs+done.Blobs, s.Lost+done.Lost
}

// over says whether all was moved before, and ends what a crash left of the end of it.
func (r *relocation) over(ctx context.Context) (bool, error) {
	what, err := r.from.moveState(ctx, r.fromData)
	if err != nil || what != moveLeft {
		return false, err
	}
	return true, r.to.setMoving(ctx, r.toData, "")
}

// chosen are the accounts to move, and how much mail they have.
func (r *relocation) chosen(ctx context.Context, addresses []string) (ids []mailstore.Owner, messages int64, err error) {
	all, err := r.from.accounts.Accounts(ctx)
	if len(addresses) > 0 {
		all, err = r.named(ctx, addresses)
	}
	for _, a := range all {
		ids = append(ids, owner(a))
		usage, wrong := r.from.index.Usage(ctx, owner(a))
		err = errors.Join(err, wrong)
		messages += usage.Messages
	}
	slices.Sort(ids)
	return slices.Compact(ids), messages, err
}

// named are accounts by their addresses. Those that left already were found by them, too.
func (r *relocation) named(ctx context.Context, addresses []string) (all []account.Account, err error) {
	for _, address := range addresses {
		at, err := mail.ParseAddress(address)
		if err != nil {
			return nil, fmt.Errorf("%q is %w", address, err)
		}
		a, err := r.from.accounts.ByAddress(ctx, at.Key())
		if errors.Is(err, account.ErrUnknown) {
			if a, err = r.to.accounts.ByAddress(ctx, at.Key()); err == nil {
				err = r.wasHere(ctx, a, address)
			}
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", address, err)
		}
		all = append(all, a)
	}
	return all, nil
}

// wasHere refuses an account that is there and was not brought there by this move.
func (r *relocation) wasHere(ctx context.Context, a account.Account, address string) error {
	stage, _, err := r.journal.Stage(ctx, owner(a))
	if err == nil && stage != carry.Removed {
		err = account.ErrUnknown
	}
	return err
}

// begin keeps both ends from being served. An installation that all is moved to is empty.
func (r *relocation) begin(ctx context.Context, whole bool) error {
	if whole {
		what, err := r.to.moveState(ctx, r.toData)
		if err != nil {
			return err
		}
		if what != moveArriving {
			if err := errors.Join(r.to.alone(ctx), r.vacant(ctx)); err != nil {
				return err
			}
			if err := r.to.setMoving(ctx, r.toData, moveArriving); err != nil {
				return err
			}
		}
	} else if err := r.to.unmoved(ctx, r.toData); err != nil {
		return fmt.Errorf("where it moves to: %w", err)
	}
	return r.from.setMoving(ctx, r.fromData, moveLeaving)
}

func (r *relocation) vacant(ctx context.Context) error {
	there, err := r.to.accounts.Accounts(ctx)
	if err == nil && len(there) > 0 {
		err = fmt.Errorf("there are %s where all is to move to: name the addresses to move, or choose an empty installation", counting(int64(len(there)), "account"))
	}
	return err
}

// finish carries what is no account's, and then serves there and not here.
func (r *relocation) finish(ctx context.Context, m *carry.Move, sum *relocated) error {
	r.bar.show(step{What: "moving what waits to leave"})
	if err := carry.Common(ctx, m.From, m.To); err != nil {
		return err
	}
	here := newVault(r.from, r.settings, slog.New(slog.DiscardHandler))
	if err := errors.Join(r.queue(ctx, m, here.queue, r.from.leaving, r.to.leaving, sum), r.queue(ctx, m, here.outbox, r.from.held, r.to.held, sum)); err != nil {
		return err
	}
	if _, err := bringKeys(ctx, r.from.room(r.settings).dkim, r.to.room(r.other).dkim); err != nil {
		return err
	}
	if err := r.to.bringSecret(ctx, r.toData, r.from.secret); err != nil {
		return err
	}
	if err := r.from.setMoving(ctx, r.fromData, moveLeft); err != nil {
		return err
	}
	return r.to.setMoving(ctx, r.toData, "")
}

// queue carries mail that waits; one that cannot be read is nobody's.
func (r *relocation) queue(ctx context.Context, m *carry.Move, q *queue.Queue, from, to shelf, sum *relocated) error {
	all, err := q.List(ctx)
	if err != nil {
		return err
	}
	whose := map[queue.ID]string{}
	for _, waits := range all {
		whose[waits.ID] = waits.Account
	}
	n, lost, err := m.Queue(ctx, carry.Waiting{Rows: from.rows, Texts: from.texts, Whose: whose}, carry.Waiting{Rows: to.rows, Texts: to.texts})
	sum.waiting, sum.textless = sum.waiting+n, sum.textless+lost
	return err
}

// removeGone removes there what came of accounts that were removed here since, while a server moved them.
func (r *relocation) removeGone(ctx context.Context, ids []mailstore.Owner) error {
	begun, err := r.journal.Owners(ctx)
	if err != nil {
		return err
	}
	for _, o := range begun {
		if _, is := slices.BinarySearch(ids, o); is {
			continue
		}
		if err := r.to.end().Rows.Remove(ctx, o); err != nil {
			return err
		}
		if err := r.journal.SetStage(ctx, o, carry.Here, carry.Digest{}); err != nil {
			return err
		}
	}
	return nil
}

// leave removes single accounts here when all of them are there.
func (r *relocation) leave(ctx context.Context, m *carry.Move, ids []mailstore.Owner) error {
	for _, o := range ids {
		if err := m.Leave(ctx, o); err != nil {
			return err
		}
	}
	if err := r.from.setMoving(ctx, r.fromData, ""); err != nil {
		return err
	}
	return r.journal.remove()
}

// undo takes back what was not finished.
func (r *relocation) undo(ctx context.Context, whole bool) error {
	what, err := r.from.moveState(ctx, r.fromData)
	if err != nil {
		return err
	}
	if what == moveLeft {
		return errors.New("the move was finished: to come back, move the other way")
	}
	m := r.move(whole)
	ids, err := r.journal.Owners(ctx)
	if err != nil {
		return err
	}
	if err := r.bringBack(ctx, m, ids); err != nil {
		return err
	}
	for _, o := range ids {
		if err := m.Undo(ctx, o); err != nil {
			return err
		}
	}
	if there, err := r.to.moveState(ctx, r.toData); err != nil || there == moveArriving {
		if err := errors.Join(err, r.to.setMoving(ctx, r.toData, "")); err != nil {
			return err
		}
	}
	if err := r.from.setMoving(ctx, r.fromData, ""); err != nil {
		return err
	}
	if err := r.journal.remove(); err != nil {
		return err
	}
	r.bar.clear()
	fmt.Fprintf(r.c.Out, "The move was taken back: %s removed there. Serve here again.\n", counting(int64(len(ids)), "account"))
	return nil
}

// tell says what was moved, and what is to be done now.
func (s relocated) tell(c console, cmd migrateCommand, took time.Duration) error {
	fmt.Fprintf(c.Out, "Moved %s, %s and %s in %s.\n", counting(int64(s.accounts), "account"), counting(s.Messages, "message"), counting(s.Blobs, "blob"), took.Round(10*time.Millisecond))
	if s.before > 0 {
		fmt.Fprintf(c.Out, "  %s were there already.\n", counting(int64(s.before), "account"))
	}
	if s.served > 0 {
		fmt.Fprintf(c.Out, "  %s had been served there while they moved.\n", counting(int64(s.served), "account"))
	}
	if s.waiting > 0 {
		fmt.Fprintf(c.Out, "  %s waits to leave, there.\n", counting(s.waiting, "mail"))
	}
	if s.whole {
		fmt.Fprintf(c.Out, "Serve with --config=%s from now on; here nothing is served any more, and nothing was removed.\n"+
			"TLS keys are no part of it: docs/moving.md says where they go.\n", cmd.To)
	}
	if s.Lost+s.textless > 0 {
		return fmt.Errorf("%d blobs could not be read here and cannot be there: `sealpost verify` says whose they are", s.Lost+s.textless)
	}
	return nil
}
