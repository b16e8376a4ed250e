package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"sealpost/smtp/mailauth"
)

// signers are the DKIM keys of the domains. Of each algorithm the selector that sorts last
// signs; quickstart and rotation name them by date.
type signers struct {
	mu   sync.Mutex
	rack keyRack
	read map[string]signer
}

// signer is that of one domain, and what it was made of.
type signer struct {
	*mailauth.Signer
	held []heldKey
}

// of is the signer of a domain, or nil when it has no keys.
func (s *signers) of(domain string) *mailauth.Signer {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.read[domain].Signer
}

// from says where the keys are read from next time.
func (s *signers) from(rack keyRack) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rack = rack
}

// reload reads all keys. On an error those that were read stay.
func (s *signers) reload(ctx context.Context) error {
	s.mu.Lock()
	rack, was := s.rack, s.read
	s.mu.Unlock()
	all, err := rack.all(ctx)
	if err != nil {
		return err
	}
	read := map[string]signer{}
	for domain, held := range all {
		if slices.EqualFunc(was[domain].held, held, heldKey.same) && len(held) > 0 {
			read[domain] = was[domain]
			continue
		}
		keys, err := newestOf(held)
		if err != nil {
			return fmt.Errorf("DKIM keys of %s in %s: %w", domain, rack.place(domain), err)
		}
		if len(keys) > 0 {
			read[domain] = signer{&mailauth.Signer{Domain: domain, Keys: keys, Now: time.Now}, held}
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.read = read
	return nil
}

// A node of a cluster looks whether another one changed the keys, a little less than
// once a minute.
const lookAgain = 50 * time.Second

// followKeys has a node sign with the keys that all nodes sign with, until ctx ends.
func (s *server) followKeys(ctx context.Context, every time.Duration) {
	for s.cluster != nil {
		select {
		case <-ctx.Done():
			return
		case <-time.After(every - rand.N(every/5)):
		}
		if err := s.signers.reload(ctx); err != nil && ctx.Err() == nil {
			s.log.Warn("DKIM keys could not be read again, and those that were read go on signing", "error", err)
		}
	}
}
