package main

import (
	"context"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"golang.org/x/crypto/acme/autocert"

	"sealpost/filestore/lease"
)

// Nodes that start at once, and have no certificate, are not to ask for one each: the authority
// counts both orders and failures. So who first asks for a name takes its turn: it is alone in all
// nodes, and finds what the one before it got, or that the name rests. Renewal needs none: autocert
// does it at a moment within an hour that it chooses by chance, and looks before it asks.

// turns has one node at a time do something about a name.
type turns func(ctx context.Context, name string, do func(context.Context) error) error

const (
	turnTime  = 5 * time.Minute // until a node gives up waiting, as long as autocert takes for an order
	turnLease = time.Minute     // until the others go on without a node that died
	turnPause = 300 * time.Millisecond
)

// acmeTurn has one node at a time, of all, ask the authority for a name.
func (e *engines) acmeTurn(ctx context.Context, name string, do func(context.Context) error) error {
	job := e.key.Pseudonym("turn at the ACME authority", name)
	l := e.cluster.db.Lease("acme " + hex.EncodeToString(job[:]))
	for {
		err := lease.Do(ctx, l, turnLease, func(ctx context.Context, _ lease.Token) error { return do(ctx) })
		if !errors.Is(err, lease.ErrHeld) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(turnPause + rand.N(turnPause)):
		}
	}
}

// flights are questions under way, of which those who ask the same hear the answer.
type flights struct {
	mu    sync.Mutex
	under map[string]*flight
	had   map[string]bool // names of which this node has a certificate, and renews it
}

type flight struct {
	done chan struct{}
	cert *tls.Certificate
	err  error
}

// take returns a flight, and whether its caller is the one to fly; or nil where none is needed.
func (f *flights) take(name string) (one *flight, mine bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.had[name] {
		return nil, false
	}
	if one := f.under[name]; one != nil {
		return one, false
	}
	if f.under == nil {
		f.under, f.had = map[string]*flight{}, map[string]bool{}
	}
	one = &flight{done: make(chan struct{})}
	f.under[name] = one
	return one, true
}

func (f *flights) land(name string, one *flight) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.under, name)
	f.had[name] = one.err == nil
	close(one.done)
}

// ask asks autocert for a certificate, after this node's turn where there are others.
func (i *identity) ask(hello *tls.ClientHelloInfo, name string) (*tls.Certificate, error) {
	if i.turn == nil {
		return i.acme.GetCertificate(hello)
	}
	one, mine := i.flights.take(name)
	switch {
	case one == nil:
		return i.acme.GetCertificate(hello)
	case mine:
		func() {
			defer i.flights.land(name, one)
			one.err = errCertsAway // of one that panics
			one.cert, one.err = i.askInTurn(hello, name)
		}()
	}
	<-one.done
	return one.cert, one.err
}

func (i *identity) askInTurn(hello *tls.ClientHelloInfo, name string) (cert *tls.Certificate, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), turnTime) // autocert takes none either
	defer cancel()
	err = i.turn(ctx, name, func(ctx context.Context) error {
		if err := i.restsElsewhere(ctx, name); err != nil {
			return err
		}
		var refused error
		if cert, refused = i.acme.GetCertificate(hello); errors.Is(refused, errCertsAway) {
			return refused
		}
		return errors.Join(refused, i.tellRest(ctx, name, refused != nil))
	})
	if err != nil && cert == nil {
		return nil, err
	}
	return cert, nil // there is one, whatever the database said of the turn
}

// restKey is where what nodes know of failures for a name is kept, beside its certificate.
func restKey(name string) string { return name + "+rest" }

// restsElsewhere is errResting when another node found out that the authority refuses.
func (i *identity) restsElsewhere(ctx context.Context, name string) error {
	text, err := i.acme.Cache.Get(ctx, restKey(name))
	if errors.Is(err, autocert.ErrCacheMiss) {
		return nil
	}
	var r rest
	if err == nil && json.Unmarshal(text, &r) == nil {
		i.resting.adopt(name, r)
	}
	if err == nil && i.resting.at(name, time.Now()) {
		err = errResting
	}
	return err
}

// tellRest lets the other nodes know.
func (i *identity) tellRest(ctx context.Context, name string, failed bool) error {
	if !failed {
		return i.acme.Cache.Delete(ctx, restKey(name))
	}
	text, err := json.Marshal(i.resting.failed(name, time.Now()))
	if err != nil {
		return err
	}
	return i.acme.Cache.Put(ctx, restKey(name), text)
}
