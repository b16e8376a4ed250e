package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"sealpost/account"
	"sealpost/filestore/lease"
	"sealpost/mail"
	"sealpost/pgp"
	"sealpost/smtp"
)

const (
	expiryName  = "keys.told"
	expiryEvery = time.Hour
)

// stages are how many days before the end of a key its owner hears of it; the last
// one is after it.
var stages = [...]int{30, 7, 1, 0}

// A keyWatch tells people that their key is about to expire: in a mail of this server's,
// sealed to that very key, once at each stage.
type keyWatch struct {
	accounts func(context.Context) ([]account.Account, error)
	values   values
	hostname string
	home     func() string // domain whose postmaster writes
	post     func(ctx context.Context, e smtp.Envelope, content mail.Bytes) error
	log      *slog.Logger
	now      func() time.Time
	near     atomic.Pointer[map[int]int] // accounts by the stage of their key, for metrics
}

func (s *server) newKeyWatch() *keyWatch {
	return &keyWatch{
		accounts: s.book.Accounts, values: s.values, hostname: s.settings.Hostname,
		home: s.firstDomain, post: s.outgoingMail.System, log: s.log, now: time.Now,
	}
}

// run looks at all keys, now and every hour, while this node has the lease.
func (x *keyWatch) run(ctx context.Context, by lease.Held) {
	defer x.near.Store(nil)
	for {
		if err := x.look(ctx, by, x.now()); err != nil && ctx.Err() == nil {
			x.log.Error("keys were not looked at", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(expiryEvery):
		}
	}
}

// told is what an account heard last: of which end of its key, and at what stage.
type told struct {
	Expires time.Time
	Stage   int
}

// look tells everybody who has to hear something now. A key that was given a later
// end is a new one. That somebody is told is written down before, by who has the lease: a
// node that dies in between leaves a stage out, and nobody hears of one twice.
func (x *keyWatch) look(ctx context.Context, by lease.Held, now time.Time) error {
	people, err := x.accounts(ctx)
	if err != nil {
		return err
	}
	before, err := x.recall(ctx)
	if err != nil {
		return err
	}
	after, near := map[account.ID]told{}, map[int]int{}
	var due []account.Account
	for _, a := range people {
		t, reached := stageOf(a, now)
		if !reached {
			continue
		}
		near[t.Stage]++
		last, heard := before[a.ID]
		if heard {
			after[a.ID] = last
		}
		if !heard || !last.Expires.Equal(t.Expires) || last.Stage > t.Stage {
			due = append(due, a)
		}
	}
	x.near.Store(&near)
	write := x.writer(before, by)
	for some := range slices.Chunk(due, 1+len(due)/256) { // so that what is written does not grow with the square
		if err := x.tellSome(ctx, some, after, now, write); err != nil {
			return err
		}
	}
	return write(ctx, after)
}

// tellSome tells accounts that have to hear something, and leaves in all what they heard last.
func (x *keyWatch) tellSome(ctx context.Context, some []account.Account, all map[account.ID]told, now time.Time, write writing) error {
	was := maps.Clone(all)
	for _, a := range some {
		all[a.ID], _ = stageOf(a, now)
	}
	if err := write(ctx, all); err != nil {
		return err
	}
	for _, a := range some {
		t := all[a.ID]
		if err := x.tell(ctx, a, t, now); err != nil {
			x.log.Warn("the owner of a key that expires was not told yet", "account", string(a.ID), "cause", smtp.Cause(err))
			delete(all, a.ID)
			if last, heard := was[a.ID]; heard {
				all[a.ID] = last
			}
			continue
		}
		x.log.Info("the owner of a key that expires was told", "account", string(a.ID), "days", t.Stage)
	}
	return nil
}

// stageOf is the stage that an account's key has reached; due: any.
func stageOf(a account.Account, now time.Time) (told, bool) {
	cert, err := pgp.ParseCert(a.Cert)
	if err != nil {
		return told{}, false // account show says so
	}
	t := told{Expires: cert.Expires().UTC().Truncate(time.Second), Stage: -1}
	if cert.Expires().IsZero() {
		return t, false
	}
	for _, days := range stages {
		if left := t.Expires.Sub(now); left <= time.Duration(days)*24*time.Hour {
			t.Stage = days
		}
	}
	return t, t.Stage >= 0
}

func (x *keyWatch) recall(ctx context.Context) (map[account.ID]told, error) {
	text, err := x.values.Get(ctx, expiryName)
	if err != nil {
		return nil, fmt.Errorf("read who was told of a key: %w", err)
	}
	all := map[account.ID]told{}
	if text == nil {
		return all, nil
	}
	if err := json.Unmarshal(text, &all); err != nil {
		x.log.Error("who was told of a key is not known any more", "error", err)
		return map[account.ID]told{}, nil
	}
	return all, nil
}

// writing writes down what everybody heard last.
type writing func(ctx context.Context, all map[account.ID]told) error

// writer writes when something has changed since it was read or written, and only while this
// node has the lease.
func (x *keyWatch) writer(read map[account.ID]told, by lease.Held) writing {
	last, _ := json.Marshal(read) // maps of plain values: sorted, never an error
	return func(ctx context.Context, all map[account.ID]told) error {
		text, err := json.Marshal(all)
		if err != nil || string(text) == string(last) {
			return err
		}
		if err := x.values.PutUnder(context.WithoutCancel(ctx), by, expiryName, text); err != nil {
			return fmt.Errorf("write down who was told of a key: %w", err)
		}
		last = text
		return nil
	}
}

// tell sends the notice.
func (x *keyWatch) tell(ctx context.Context, a account.Account, t told, now time.Time) error {
	from := mail.Address{Local: "postmaster", Domain: x.home()}
	to := a.Addresses[0]
	cert, err := pgp.ParseCert(a.Cert)
	if err != nil {
		return err
	}
	text := x.letter(from, to, cert.Fingerprint(), t, now)
	return x.post(ctx, smtp.Envelope{
		From: &from, To: []smtp.Recipient{{Address: to, Notify: []string{"NEVER"}}}, UTF8: !isASCII(text), EightBit: !isASCII(text),
	}, strings.NewReader(text))
}
