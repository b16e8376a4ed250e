package main

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"time"

	"sealpost/account"
	"sealpost/config"
	"sealpost/filestore/placement"
	"sealpost/mail"
)

// newPlaces finds under which rule of s3.rule an account is.
func newPlaces(accounts account.Store, rules map[string]config.Rule) (*placement.Finder, error) {
	lists, err := placementLists(rules)
	if err != nil {
		return nil, err
	}
	addresses := func(ctx context.Context, owner string) (keys []string, err error) {
		a, err := accounts.Account(ctx, account.ID(owner))
		for _, address := range a.Addresses {
			keys = append(keys, address.Key())
		}
		return keys, err
	}
	return placement.NewFinder(addresses, lists, time.Now)
}

// placementLists are those of the settings, in the words of look-ups.
func placementLists(rules map[string]config.Rule) (*placement.Lists, error) {
	named := map[string][]string{}
	for name, r := range rules {
		for _, who := range r.For {
			key, err := placementKey(who)
			if err != nil {
				return nil, fmt.Errorf("s3.rule.%s.for: %q is %w", name, who, err)
			}
			named[ruleName(name)] = append(named[ruleName(name)], key)
		}
	}
	lists, err := placement.NewLists(named)
	if err != nil {
		return nil, fmt.Errorf("s3.rule: %w", err)
	}
	return lists, nil
}

// placementKey is an address, or a domain, as look-ups compare it.
func placementKey(who string) (string, error) {
	local, domain, ok := strings.Cut(who, "@")
	if !ok {
		local, domain = "x", who
	}
	a, err := mail.ParseAddress(local + "@" + domain)
	if err != nil || ok {
		return a.Key(), err
	}
	return strings.TrimPrefix(a.Key(), "x@"), nil
}

// onlyFor says whether rules differ in nothing but whom they are for.
func onlyFor(a, b map[string]config.Rule) bool {
	same := func(x, y config.Rule) bool {
		x.For, y.For = nil, nil
		return fmt.Sprint(x) == fmt.Sprint(y)
	}
	return maps.EqualFunc(a, b, same)
}

// placeView is where what is an account's may lie.
type placeView struct {
	Rule          string   `json:"rule"`
	Copies        int      `json:"copies"`
	Providers     []string `json:"providers"`
	Jurisdictions []string `json:"jurisdictions,omitempty"`
}

// place says it; nil where everything is in the data folder.
func (o *office) place(ctx context.Context, id account.ID) (*placeView, error) {
	if o.cluster == nil {
		return nil, nil
	}
	rule, err := o.cluster.places.Rule(ctx, string(id))
	if err != nil {
		return nil, err
	}
	reach := o.cluster.blobs.Reach(rule)
	v := &placeView{Rule: rule, Copies: reach.Copies, Providers: reach.Providers, Jurisdictions: reach.Jurisdictions}
	if rule == "" {
		v.Rule = defaultRule
	}
	return v, nil
}

func (v *placeView) String() string {
	with := strings.Join(v.Providers, ", ")
	switch {
	case v.Copies == 1 && len(v.Providers) > 1:
		with = "one of " + with
	case v.Copies < len(v.Providers):
		with = fmt.Sprintf("%d of %s", v.Copies, with)
	}
	text := fmt.Sprintf("rule %s: with %s", v.Rule, with)
	if len(v.Jurisdictions) > 0 {
		text += " (" + strings.Join(v.Jurisdictions, ", ") + ")"
	}
	return text
}
