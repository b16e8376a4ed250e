package placement

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Lists say which addresses and which domains are under which rule. They do not change.
type Lists struct {
	rules map[string]string // of an address, or a domain
}

// NewLists reads for each rule the addresses (mail.Address.Key) and domains that are named for
// it. None may be named for two.
func NewLists(named map[string][]string) (*Lists, error) {
	l := &Lists{rules: map[string]string{}}
	for _, rule := range slices.Sorted(maps.Keys(named)) {
		for _, of := range named[rule] {
			if other, ok := l.rules[of]; ok && other != rule {
				return nil, fmt.Errorf("%q is named for two rules, %q and %q", of, other, rule)
			}
			l.rules[of] = rule
		}
	}
	return l, nil
}

// Rule is the rule of who has those addresses: that of the first address which is named itself,
// else that of the first whose domain is, else "".
func (l *Lists) Rule(addresses []string) string {
	for _, a := range addresses {
		if rule, ok := l.rules[a]; ok {
			return rule
		}
	}
	for _, a := range addresses {
		if rule, ok := l.rules[a[strings.LastIndexByte(a, '@')+1:]]; ok {
			return rule
		}
	}
	return ""
}
