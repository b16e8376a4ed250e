package main

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"slices"
	"time"

	"sealpost/smtp/mailauth"
)

// oldStays is how long the record of a key is wanted after it signed last: mail that
// is under way is judged later.
const oldStays = 7 * 24 * time.Hour

// A keyView is what is told of a DKIM key.
type keyView struct {
	Selector  string    `json:"selector"`
	Algorithm string    `json:"algorithm"` // rsa, ed25519
	State     keyState  `json:"state"`
	Since     time.Time `json:"since"`
	Record    string    `json:"record"`
	held      heldKey
}

// keysIn lists the keys of a domain by selector, which is by age.
func keysIn(ctx context.Context, rack keyRack, domain string) (all []keyView, err error) {
	held, err := rack.keys(ctx, domain)
	if err != nil {
		return nil, err
	}
	for _, h := range held {
		k, err := h.view()
		if err != nil {
			return nil, fmt.Errorf("DKIM keys of %s in %s: %s: %w", domain, rack.place(domain), h.Selector, err)
		}
		all = append(all, k)
	}
	markUnused(all)
	return all, nil
}

func (h heldKey) view() (keyView, error) {
	k := keyView{
		Selector: h.Selector, Algorithm: "rsa", Since: h.Since, held: h,
		State: h.State,
	}
	private, err := mailauth.ParseKey(h.PEM)
	if err != nil {
		return k, err
	}
	if _, ok := private.(ed25519.PrivateKey); ok {
		k.Algorithm = "ed25519"
	}
	k.Record, err = mailauth.Record(private)
	return k, err
}

// markUnused calls old what would sign if a later key did not.
func markUnused(all []keyView) {
	last := map[string]bool{}
	for i := len(all) - 1; i >= 0; i-- {
		k := &all[i]
		if k.State != keySigns {
			continue
		}
		if last[k.Algorithm] {
			k.State = keyOld
		}
		last[k.Algorithm] = true
	}
}

// inState are the keys of one state.
func inState(all []keyView, state keyState) []keyView {
	return slices.DeleteFunc(slices.Clone(all), func(k keyView) bool { return k.State != state })
}

// signingKeys are the newest key of each algorithm that a domain has.
func signingKeys(ctx context.Context, rack keyRack, domain string) ([]mailauth.SigningKey, error) {
	held, err := rack.keys(ctx, domain)
	if err != nil {
		return nil, err
	}
	keys, err := newestOf(held)
	if err != nil {
		return nil, fmt.Errorf("DKIM keys of %s in %s: %w", domain, rack.place(domain), err)
	}
	return keys, nil
}

func newestOf(held []heldKey) (keys []mailauth.SigningKey, err error) {
	newest := map[bool]mailauth.SigningKey{}
	for _, h := range held {
		if h.State != keySigns {
			continue
		}
		key, err := mailauth.ParseKey(h.PEM)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", h.Selector, err)
		}
		_, short := key.(ed25519.PrivateKey)
		newest[short] = mailauth.SigningKey{Selector: h.Selector, Private: key}
	}
	for _, short := range []bool{false, true} {
		if k, ok := newest[short]; ok {
			keys = append(keys, k)
		}
	}
	return keys, nil
}
