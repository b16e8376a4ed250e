package discover

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sealpost/mail"
	"sealpost/pgp"
)

// maxPeers is how many addresses an account learns of by itself: who may send a mail
// must not be able to fill the database.
const maxPeers = 10_000

// recountAfter is how soon the peers of an account that is full are counted again:
// all of them are read for it, at the wish of whoever sends a mail.
const recountAfter = time.Hour

// count is how many peers an account had, and what was added since.
type count struct {
	peers int
	at    time.Time
}

// Learn takes the Autocrypt header of a mail whose From is proved (DMARC pass) and
// which is no list mail and no junk; h is its header section as it arrived, date its
// Date. A pinned key is never replaced: its newer copies are merged, another key is
// noted for its user to look at. Autocrypt-Gossip is not read at all: outside an
// encrypted mail anybody could have put it there.
func (f *Finder) Learn(ctx context.Context, account string, from mail.Address, h mail.Header, date time.Time) error {
	if date.IsZero() {
		return nil
	}
	if now := f.now(); date.After(now) {
		date = now
	}
	o, ok := readAutocrypt(h, from)
	if ok {
		ok = len(o.cert.Bytes()) <= maxCert && usable(o.cert, f.now()) == nil
	}
	known, err := f.knows(ctx, account, from, ok)
	if err != nil || !known {
		return err
	}
	_, err = f.change(ctx, account, from, func(p *Peer) bool {
		if !ok {
			return p.seen(date)
		}
		return f.hear(p, o, date)
	})
	return err
}

// knows says that a peer is there or may be added.
func (f *Finder) knows(ctx context.Context, account string, a mail.Address, add bool) (bool, error) {
	_, err := f.Peers.Peer(ctx, account, a)
	switch {
	case err == nil:
		return true, nil
	case !errors.Is(err, ErrNoKey):
		return false, fmt.Errorf("find peer: %w", err)
	case !add:
		return false, nil
	}
	f.recent.start()
	c, ok := f.recent.counted.Get(account)
	if !ok || c.peers >= maxPeers && f.now().Sub(c.at) >= recountAfter { // some may have been forgotten
		list, err := f.Peers.Peers(ctx, account)
		if err != nil {
			return false, fmt.Errorf("count peers: %w", err)
		}
		c = count{len(list), f.now()}
	}
	room := c.peers < maxPeers
	if room {
		c.peers++
	}
	f.recent.counted.Add(account, c)
	return room, nil
}

// seen notes that mail came without a key, to a day, and says whether it did.
func (p *Peer) seen(date time.Time) bool {
	if date.Sub(p.SeenAt) < 24*time.Hour {
		return false
	}
	p.SeenAt = date
	return true
}

// hear follows Autocrypt 1.1, "Updating Autocrypt peer state", but for pinned keys.
func (f *Finder) hear(p *Peer, o offer, date time.Time) bool {
	if !date.After(p.AutocryptAt) {
		return p.seen(date)
	}
	p.AutocryptAt = date
	if date.After(p.SeenAt) {
		p.SeenAt = date
	}
	if p.Pinned.IsZero() {
		p.Cert, p.Source, p.Prefer = o.cert.Bytes(), Autocrypt, o.mutual
		return true
	}
	if have, err := pgp.ParseCert(p.Cert); err == nil && have.Fingerprint() == o.cert.Fingerprint() {
		p.merge(o.cert)
		p.Prefer = p.Prefer || o.mutual // what was asked for once is not taken back by a header
		return true
	}
	p.note(o.cert, Autocrypt, f.now())
	return true
}
