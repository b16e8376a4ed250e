package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// IMAP beside Dovecot: one client, the same mailboxes, turn by turn.

// imapPlan is what of IMAP a run measures.
type imapPlan struct {
	mails   int   // of 4 KB, fetched whole
	lists   []int // mailboxes whose flags and envelopes are fetched, by their size
	opened  []int // mailboxes that are only opened
	changed int   // flags changed while a client was away
	gone    int   // messages expunged meanwhile
	idle    []int // connections that wait
	costly  int   // the most that wait at a server which has a process for each
	rest    time.Duration
	wakes   int // changes that somebody waits for
	span    time.Duration
	turns   int
}

func fullIMAP() imapPlan {
	return imapPlan{
		mails: 2000, lists: []int{10_000, 100_000}, opened: []int{1_000_000}, changed: 10_000, gone: 1000,
		idle: []int{1000, 10_000}, costly: 1000, rest: 45 * time.Second, wakes: 500, span: 1500 * time.Millisecond, turns: 3,
	}
}

func quickIMAP() imapPlan {
	return imapPlan{
		mails: 500, lists: []int{5000}, opened: []int{20_000}, changed: 1000, gone: 100,
		idle: []int{200}, costly: 200, rest: 21 * time.Second, wakes: 100, span: 500 * time.Millisecond, turns: 1,
	}
}

// A door is one IMAP server under measure.
type door struct {
	*peer
	name   string
	revive func(context.Context) error // starts the peer, which was stopped
	unseen []string                    // patterns of what a server keeps of mailboxes that it has seen
	forks  bool                        // a process for each connection
	shelve func(size int) error        // makes the mailbox of that size by itself; nil: COPY does
	most   int                         // mails in a mailbox that it is measured with; 0: any number
	offers string                      // its capabilities
	span   time.Duration               // of writing
}

// reads is what was measured of IMAP.
type reads struct {
	plan  imapPlan
	names []string // of the doors
	races []*race
	waits []wait
}

const (
	nameDovecot = "Dovecot"
	readers     = 60 // connections that wait and share an account; sealpost allows 64, Dovecot as many as it is told
)

// owner is whose mailboxes are read.
var owner = keeper(4 << 10)

func boxOf(size int) string { return fmt.Sprintf("box%d", size) }

// crowd are the accounts of those that wait and are not woken.
func (p imapPlan) crowd() []string {
	var names []string
	for i := range slices.Max(p.idle)/readers + 1 {
		names = append(names, fmt.Sprintf("c%03d", i))
	}
	return names
}

func (r *record) measureIMAP(ctx context.Context, s *site, only string) (err error) {
	p := r.plan.read
	r.reads.plan = p
	doors, err := r.openDoors(ctx, s, only)
	defer func() {
		for _, d := range doors {
			err = errors.Join(err, d.stop(ctx))
		}
	}()
	if err != nil {
		return err
	}
	for _, d := range doors {
		d.span = p.span
		r.reads.names = append(r.reads.names, d.name)
		if err := d.stock(ctx, s, p, r.say); err != nil {
			return fmt.Errorf("fill the mailboxes of %s: %w", d.name, err)
		}
		r.say("%s: mailboxes are filled", d.name)
	}
	for _, step := range []func(context.Context, *site, []*door) error{r.raceFetch, r.raceLists, r.raceResync, r.raceWrites, r.raceIdle} {
		if err := step(ctx, s, doors); err != nil {
			return err
		}
	}
	return nil
}

func (r *record) openDoors(ctx context.Context, s *site, only string) (doors []*door, err error) {
	if strings.Contains(nameSealpost, only) {
		d, err := openSealpost(ctx, s, r.plan.read.crowd())
		if d != nil {
			doors = append(doors, d)
		}
		if err != nil {
			return doors, err
		}
	}
	if r.skipped == nil && strings.Contains(nameDovecot, only) {
		d, err := openDovecot(ctx, s)
		if err != nil {
			return doors, err
		}
		doors = append(doors, d)
	}
	return doors, nil
}

func openSealpost(ctx context.Context, s *site, crowd []string) (*door, error) {
	const more = "connections = 20000\nconnections_per_address = 20000"
	p, err := startSealpost(ctx, s, "imap-"+nameSealpost, settings{profile: "compat", imap: more})
	if err != nil {
		return nil, err
	}
	d := &door{peer: p, name: nameSealpost, revive: func(ctx context.Context) error { return s.serve(ctx, p) }}
	return d, s.addCrowd(ctx, p, crowd)
}

// addCrowd opens accounts at a server that runs, a few at a time.
func (s *site) addCrowd(ctx context.Context, p *peer, crowd []string) error {
	const hands = 4
	known := p.password
	passwords, errs := make([]map[string]string, hands), make([]error, hands)
	var all sync.WaitGroup
	for k := range hands {
		part := crowd[len(crowd)*k/hands : len(crowd)*(k+1)/hands]
		all.Go(func() {
			passwords[k], errs[k] = s.addAccounts(ctx, filepath.Join(s.dir, p.name), s.config(p), settings{profile: "compat", people: part})
		})
	}
	all.Wait()
	p.password = func(user string) string {
		for _, some := range passwords {
			if password, found := some[user]; found {
				return password
			}
		}
		return known(user)
	}
	return errors.Join(errs...)
}

// dovecotReaders is what a Dovecot for many readers is told beyond its defaults: its
// "high-performance" sign-in, and no limits that the load would reach.
const dovecotReaders = `
mail_max_userip_connections = 100
service imap-login {
  service_count = 0
  process_min_avail = 2
  client_limit = 6000
}
service imap {
  process_limit = 20000
}
service anvil {
  client_limit = 19000
}
service auth {
  client_limit = 19000
}
service config {
  client_limit = 19000
}
service stats {
  client_limit = 19000
}
`

func openDovecot(ctx context.Context, s *site) (*door, error) {
	const name = "imap-dovecot"
	p, err := startDovecot(ctx, s, newGroup(name), name, dovecotReaders)
	if err != nil {
		return nil, err
	}
	d := &door{peer: p, name: nameDovecot, forks: true, most: 100_000}
	home := filepath.Join(p.folders[0], owner, "Maildir")
	d.unseen = []string{filepath.Join(home, "dovecot*"), filepath.Join(home, ".*", "dovecot*")}
	d.shelve = func(size int) error { return linkMaildir(home, boxOf(size), size) }
	d.revive = func(ctx context.Context) error {
		p.group = newGroup(name)
		return s.serveDovecot(ctx, p)
	}
	return d, nil
}

// coldly starts the server again: it and the kernel know nothing of its mail.
func (d *door) coldly(ctx context.Context) error {
	if err := d.peer.stop(ctx); err != nil {
		return err
	}
	if err := d.forget(); err != nil {
		return err
	}
	if err := evict(d.folders...); err != nil {
		return err
	}
	return d.revive(ctx)
}

func (d *door) freshly(ctx context.Context) error {
	if err := d.peer.stop(ctx); err != nil {
		return err
	}
	return d.revive(ctx)
}

// open signs in as a user; selects a mailbox if one is named.
func (d *door) open(ctx context.Context, s *site, user, box string) (*reader, answer, error) {
	r, err := dialIMAP(ctx, d.imap, s.trust, address(user), d.password(user))
	if err != nil || box == "" {
		return r, answer{}, err
	}
	a, err := r.command("SELECT " + box)
	if err != nil {
		r.close()
		return nil, a, fmt.Errorf("select %s: %w", box, err)
	}
	return r, a, nil
}
