package bolt

import (
	"context"
	"fmt"

	"sealpost/smtp/outbound/route"
)

type policies struct {
	*Known
	max, aside int
}

// Policies is the file as smtp/outbound/route sees it.
func (x *Known) Policies() route.PolicyStore {
	return policies{x, route.MaxPolicies, route.PoliciesAside}
}

func (x policies) key(domain string) []byte { return x.name("policy domain", domain) }

func decodePolicy(key, plain []byte) (route.Policy, error) {
	p, err := route.DecodePolicy(plain)
	if err != nil {
		return p, damaged(tablePolicies, key)
	}
	return p, nil
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
	plain, err := route.EncodePolicy(p)
	if err != nil {
		return fmt.Errorf("encode policy: %w", err)
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

func (x policies) makeRoom(ctx context.Context) error {
	keys, plains, err := x.readAll(ctx, tablePolicies, purposePolicy, nil)
	if err != nil {
		return err
	}
	all := make([]route.Policy, len(plains))
	for i, plain := range plains {
		if all[i], err = decodePolicy(keys[i], plain); err != nil {
			return err
		}
	}
	var old [][]byte
	for _, i := range route.ExpendablePolicies(all, x.aside, x.o.Now()) {
		old = append(old, keys[i])
	}
	return x.deleteRows(ctx, tablePolicies, old...)
}
