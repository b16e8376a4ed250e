package route

import (
	"cmp"
	"encoding/json"
	"errors"
	"slices"
	"time"
)

// MaxPolicies bounds what an engine keeps of MTA-STS. When there are so many,
// ExpendablePolicies says which make room, PoliciesAside of them at a time.
const (
	MaxPolicies   = 10_000
	PoliciesAside = MaxPolicies / 10
)

// ErrRow says that a row is not what EncodePolicy made. It quotes nothing of it.
var ErrRow = errors.New("row is not a policy")

// policyRow is the JSON of a policy before it is sealed. Its names are the format.
type policyRow struct {
	Domain  string    `json:"domain"`
	ID      string    `json:"id"`
	Mode    string    `json:"mode"`
	MX      []string  `json:"mx,omitempty"`
	Fetched time.Time `json:"fetched"`
	Expires time.Time `json:"expires"`
}

// EncodePolicy makes of a policy what an engine seals and keeps.
func EncodePolicy(p Policy) ([]byte, error) {
	b, err := json.Marshal(policyRow(p))
	if err != nil { // it might quote the policy
		return nil, ErrRow
	}
	return b, nil
}

// DecodePolicy reads what EncodePolicy made, or fails with ErrRow.
func DecodePolicy(b []byte) (Policy, error) {
	var row policyRow
	if json.Unmarshal(b, &row) != nil { // the error would quote the row
		return Policy{}, ErrRow
	}
	return Policy(row), nil
}

// ExpendablePolicies are the places in all of the policies that make room for others:
// those that have expired, and others up to n in all, the oldest first, so that not every
// new one makes room again.
func ExpendablePolicies(all []Policy, n int, now time.Time) []int {
	places := make([]int, len(all))
	for i := range places {
		places[i] = i
	}
	slices.SortStableFunc(places, func(i, j int) int {
		return cmp.Or(all[i].rank(now)-all[j].rank(now), all[i].Fetched.Compare(all[j].Fetched))
	})
	for n < len(places) && all[places[n]].rank(now) == 0 {
		n++
	}
	return places[:min(n, len(places))]
}

// rank has what expired come first.
func (p Policy) rank(now time.Time) int {
	if p.Expires.Before(now) {
		return 0
	}
	return 1
}
