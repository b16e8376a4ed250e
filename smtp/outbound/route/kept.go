package route

import (
	"context"
	"fmt"
	"time"

	"sealpost/filestore/kept"
)

// What the sealing of a policy is for.
const purposePolicy = "policy"

// Kept is the PolicyStore of an engine, sealed in rows. There are up to Max policies, and Aside of
// them, or all that have expired Now, make room for others. Nodes that fetch at once may pass Max
// by as many as they are.
type Kept struct {
	Rows       kept.Rows
	Max, Aside int
	Now        func() time.Time
}

// Keep keeps up to MaxPolicies in rows.
func Keep(rows kept.Rows, now func() time.Time) Kept {
	return Kept{rows, MaxPolicies, PoliciesAside, now}
}

// Policy is that of a domain, or empty.
func (x Kept) Policy(ctx context.Context, domain string) (Policy, error) {
	key := x.key(domain)
	octets, err := x.Rows.Get(ctx, kept.TablePolicies, purposePolicy, key)
	if err != nil {
		return Policy{}, fmt.Errorf("read policy: %w", err)
	}
	if octets == nil {
		return Policy{}, nil
	}
	return x.decode(key, octets)
}

func (x Kept) key(domain string) []byte { return x.Rows.Name("policy domain", domain) }

func (x Kept) decode(key, octets []byte) (Policy, error) {
	p, err := DecodePolicy(octets)
	if err != nil {
		return p, x.Rows.Damaged(kept.TablePolicies, key)
	}
	return p, nil
}

// KeepPolicy puts a policy in the place of its domain's last one.
func (x Kept) KeepPolicy(ctx context.Context, p Policy) error {
	octets, err := EncodePolicy(p)
	if err != nil {
		return fmt.Errorf("encode policy: %w", err)
	}
	key := x.key(p.Domain)
	there, n, err := x.Rows.Has(ctx, kept.TablePolicies, key, nil)
	if err == nil && !there && n >= x.Max {
		err = x.makeRoom(ctx)
	}
	if err == nil {
		err = x.Rows.Put(ctx, kept.TablePolicies, purposePolicy, key, octets)
	}
	if err != nil {
		return fmt.Errorf("store policy: %w", err)
	}
	return nil
}

func (x Kept) makeRoom(ctx context.Context) error {
	keys, octets, err := x.Rows.Under(ctx, kept.TablePolicies, purposePolicy, nil)
	if err != nil {
		return err
	}
	all := make([]Policy, len(octets))
	for i := range octets {
		if all[i], err = x.decode(keys[i], octets[i]); err != nil {
			return err
		}
	}
	var old [][]byte
	for _, i := range ExpendablePolicies(all, x.Aside, x.Now()) {
		old = append(old, keys[i])
	}
	return x.Rows.Delete(ctx, kept.TablePolicies, old...)
}
