package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"sealpost/account"
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

// run looks at all keys, now and every hour.
func (x *keyWatch) run(ctx context.Context) {
	for {
		if err := x.look(ctx, x.now()); err != nil && ctx.Err() == nil {
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
// end is a new one.
func (x *keyWatch) look(ctx context.Context, now time.Time) error {
	people, err := x.accounts(ctx)
	if err != nil {
		return err
	}
	before, err := x.recall(ctx)
	if err != nil {
		return err
	}
	after, near := map[account.ID]told{}, map[int]int{}
	for _, a := range people {
		t, due := stageOf(a, now)
		if !due {
			continue
		}
		near[t.Stage]++
		last, heard := before[a.ID]
		if heard && last.Expires.Equal(t.Expires) && last.Stage <= t.Stage {
			after[a.ID] = last
			continue
		}
		if err := x.tell(ctx, a, t, now); err != nil {
			x.log.Warn("the owner of a key that expires was not told yet", "account", string(a.ID), "cause", smtp.Cause(err))
			if heard {
				after[a.ID] = last
			}
			continue
		}
		x.log.Info("the owner of a key that expires was told", "account", string(a.ID), "days", t.Stage)
		after[a.ID] = t
	}
	x.near.Store(&near)
	return x.remember(ctx, before, after)
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

func (x *keyWatch) remember(ctx context.Context, before, after map[account.ID]told) error {
	old, _ := json.Marshal(before) // maps of plain values: sorted, never an error
	text, err := json.Marshal(after)
	if err != nil || string(old) == string(text) {
		return err
	}
	if err := x.values.Put(context.WithoutCancel(ctx), expiryName, text); err != nil {
		return fmt.Errorf("write down who was told of a key: %w", err)
	}
	return nil
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
