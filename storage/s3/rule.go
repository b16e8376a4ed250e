package s3

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"

	"sealpost/filestore/packs"
)

// Rule says where objects may lie, and how many copies of each. Copies of one object lie with
// different providers, so the loss of one provider is the loss of one copy.
type Rule struct {
	Copies        int      // 1
	Enough        int      // copies with which Put answers while providers are down; the rest is repaired. 1
	Providers     []string // that may have one; none named: all
	Jurisdictions []string // where one may lie; none named: all
}

// rule is a Rule with the endpoints that it allows.
type rule struct {
	Rule
	name    string
	allowed []*endpoint
}

func (b *Blobs) newRule(name string, r Rule) (*rule, error) {
	r.Copies, r.Enough = max(r.Copies, 1), max(r.Enough, 1)
	if r.Enough > r.Copies {
		return nil, fmt.Errorf("%d of %d copies cannot be enough", r.Enough, r.Copies)
	}
	known := &rule{Rule: r, name: name}
	providers := map[string]bool{}
	for _, e := range b.endpoints {
		if (len(r.Providers) == 0 || slices.Contains(r.Providers, e.Provider)) &&
			(len(r.Jurisdictions) == 0 || slices.Contains(r.Jurisdictions, e.Jurisdiction)) {
			known.allowed = append(known.allowed, e)
			providers[e.Provider] = true
		}
	}
	if len(providers) < r.Copies {
		return nil, fmt.Errorf("%d copies need as many providers, %d are allowed", r.Copies, len(providers))
	}
	return known, nil
}

// order lists the endpoints that the rule allows, best first: those that are well, each key
// with another one at the beginning, so that load is even.
func (r *rule) order(key packs.Key) []*endpoint {
	weights := map[*endpoint][]byte{}
	well := map[*endpoint]int{}
	for _, e := range r.allowed {
		sum := sha256.Sum256(append(key[:], e.Name...))
		weights[e] = sum[:]
		if !e.health.well() {
			well[e] = 1
		}
	}
	return slices.SortedFunc(slices.Values(r.allowed), func(x, y *endpoint) int {
		return cmp.Or(cmp.Compare(well[x], well[y]), bytes.Compare(weights[x], weights[y]))
	})
}

// fits says whether an object's copies are as many as the rule asks, with different
// providers, and none where the rule allows none.
func (r *rule) fits(copies []string) bool {
	providers := map[string]bool{}
	for _, name := range copies {
		i := slices.IndexFunc(r.allowed, func(e *endpoint) bool { return e.Name == name })
		if i < 0 {
			return false
		}
		providers[r.allowed[i].Provider] = true
	}
	return len(providers) == r.Copies && len(copies) == r.Copies
}

// Reach is where objects of a rule may lie. Names are sorted.
type Reach struct {
	Copies        int
	Providers     []string
	Jurisdictions []string
}

// Reach says where what is put under a rule may lie, of one that is not there as of "".
func (b *Blobs) Reach(name string) Reach {
	r := b.ruleOf(packs.Object{Rule: name})
	reach := Reach{Copies: r.Copies}
	for _, e := range r.allowed {
		reach.Providers = append(reach.Providers, e.Provider)
		if e.Jurisdiction != "" {
			reach.Jurisdictions = append(reach.Jurisdictions, e.Jurisdiction)
		}
	}
	slices.Sort(reach.Providers)
	slices.Sort(reach.Jurisdictions)
	reach.Providers, reach.Jurisdictions = slices.Compact(reach.Providers), slices.Compact(reach.Jurisdictions)
	return reach
}

// errFew says that too few copies could be stored.
var errFew = errors.New("too few endpoints have taken it")
