package bolt

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"sealpost/smtp/outbound/route"
)

// maxPolicies bounds the cache of MTA-STS. When it is reached, what has expired
// makes room, then what was fetched first.
const (
	maxPolicies   = 10_000
	policiesAside = maxPolicies / 10
)

// policyRow is the JSON of a policy before it is sealed. Its names are the format.
type policyRow struct {
	Domain  string    `json:"domain"`
	ID      string    `json:"id"`
	Mode    string    `json:"mode"`
	MX      []string  `json:"mx,omitempty"`
	Fetched time.Time `json:"fetched"`
	Expires time.Time `json:"expires"`
}

type policies struct {
	*Known
	max, aside int
}

// Policies is the file as smtp/outbound/route sees it.
func (x *Known) Policies() route.PolicyStore { return policies{x, maxPolicies, policiesAside} }

func (x policies) key(domain string) []byte { return x.name("policy domain", domain) }

func decodePolicy(key, plain []byte) (route.Policy, error) {
	var row policyRow
	if json.Unmarshal(plain, &row) != nil {
		return route.Policy{}, damaged(tablePolicies, key)
	}
	return route.Policy(row), nil
}

func (x policies) Policy(ctx context.Context, domain string) (route.Policy, error) {
	key := x.key(domain)
	plain, err := x.read(ctx, tablePolicies, purposePolicy, key)
	if err != nil {
		return route.Policy{}, fmt.Errorf("read policy: %w", err)
	}
	if plain == nil {
		return route.Policy{}, nil
	}
	return decodePolicy(key, plain)
}

func (x policies) KeepPolicy(ctx context.Context, p route.Policy) error {
	plain, err := json.Marshal(policyRow(p))
	if err != nil {
		return errors.New("encode policy")
	}
	key := x.key(p.Domain)
	there, n, err := x.has(ctx, tablePolicies, key, nil)
	if err == nil && !there && n >= x.max {
		err = x.makeRoom(ctx)
	}
	if err == nil {
		err = x.putRow(ctx, tablePolicies, key, x.seal(tablePolicies, purposePolicy, key, plain))
	}
	if err != nil {
		return fmt.Errorf("store policy: %w", err)
	}
	return nil
}

// makeRoom drops all that have expired, and of the others the oldest, so that
// not every new one makes room again.
func (x policies) makeRoom(ctx context.Context) error {
	keys, plains, err := x.readAll(ctx, tablePolicies, purposePolicy, nil)
	if err != nil {
		return err
	}
	type aged struct {
		key     []byte
		expired bool
		fetched time.Time
	}
	var all []aged
	for i, plain := range plains {
		p, err := decodePolicy(keys[i], plain)
		if err != nil {
			return err
		}
		all = append(all, aged{keys[i], p.Expires.Before(x.o.Now()), p.Fetched})
	}
	slices.SortFunc(all, func(a, b aged) int {
		if a.expired != b.expired {
			if a.expired {
				return -1
			}
			return 1
		}
		return a.fetched.Compare(b.fetched)
	})
	var old [][]byte
	for i, p := range all {
		if p.expired || i < x.aside {
			old = append(old, p.key)
		}
	}
	return x.deleteRows(ctx, tablePolicies, old...)
}
