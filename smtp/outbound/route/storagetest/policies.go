// Package storagetest holds the tests that every engine of route.PolicyStore passes.
package storagetest

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"sealpost/smtp/outbound/route"
)

// Limits are those of an engine under test: how many policies it keeps at most, how many
// make room at a time, and its clock.
type Limits struct {
	Max, Aside int
	Now        func() time.Time
}

// Open returns an engine over what belongs to t: the first time for one t it is empty, and
// when it is called again for the same t, after close, it holds what was kept before.
type Open func(t *testing.T, l Limits) (p route.PolicyStore, close func() error)

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func usual() Limits {
	return Limits{route.MaxPolicies, route.PoliciesAside, func() time.Time { return epoch }}
}

// Policies runs the suite.
func Policies(t *testing.T, open Open) {
	for name, test := range map[string]func(*testing.T, Open){
		"round trip":  roundTrip,
		"bounded":     bounded,
		"concurrency": concurrency,
		"reopen":      reopen,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open)
		})
	}
}

// Sample is a policy with every field set.
func Sample(domain string) route.Policy {
	return route.Policy{
		Domain: domain, ID: "20260101T000000", Mode: "enforce", MX: []string{"mx." + domain, "*.mx." + domain},
		Fetched: epoch.Add(-time.Hour + time.Nanosecond), Expires: epoch.Add(7 * 24 * time.Hour),
	}
}

func expect(t *testing.T, p route.PolicyStore, domain string, want route.Policy) {
	t.Helper()
	if got, err := p.Policy(context.WithoutCancel(t.Context()), domain); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%s: %v\nkept %+v\nread %+v", domain, err, want, got)
	}
}

func keep(t *testing.T, p route.PolicyStore, one route.Policy) {
	t.Helper()
	if err := p.KeepPolicy(t.Context(), one); err != nil {
		t.Fatalf("keep a policy: %v", err)
	}
}

// roundTrip: everything that Policy has comes back, a new one is in the old one's place,
// and of a domain that nothing is known of there is the zero policy.
func roundTrip(t *testing.T, open Open) {
	p, _ := open(t, usual())
	full := Sample("example.org")
	for fields, i := reflect.ValueOf(full), 0; i < fields.NumField(); i++ {
		if fields.Field(i).IsZero() {
			t.Errorf("the sample has no %s", fields.Type().Field(i).Name)
		}
	}
	expect(t, p, "example.org", route.Policy{})
	keep(t, p, full)
	expect(t, p, "example.org", full)
	expect(t, p, "example.or", route.Policy{})
	expect(t, p, "mx.example.org", route.Policy{})
	full.Mode, full.MX = "none", nil
	keep(t, p, full)
	expect(t, p, "example.org", full)
	keep(t, p, Sample("bücher.example"))
	expect(t, p, "bücher.example", Sample("bücher.example"))
}

// bounded: what has expired makes room first, then what was fetched first; and who is in
// already needs none.
func bounded(t *testing.T, open Open) {
	p, _ := open(t, Limits{10, 3, func() time.Time { return epoch }})
	put := func(i int) {
		one := route.Policy{Domain: fmt.Sprint("d", i), ID: "x", Fetched: epoch.Add(time.Duration(i)), Expires: epoch.Add(time.Hour)}
		if i == 7 || i == 8 {
			one.Expires = epoch.Add(-time.Hour)
		}
		keep(t, p, one)
	}
	left := func() (names []string) {
		for i := range 12 {
			if got, err := p.Policy(t.Context(), fmt.Sprint("d", i)); err != nil {
				t.Error(err)
			} else if got.ID != "" {
				names = append(names, got.Domain)
			}
		}
		return names
	}
	for i := range 10 {
		put(i)
	}
	put(9)
	if got := left(); len(got) != 10 {
		t.Errorf("one that was in pushed others out: %v", got)
	}
	put(10)
	if got := left(); !slices.Equal(got, []string{"d1", "d2", "d3", "d4", "d5", "d6", "d9", "d10"}) {
		t.Errorf("left are %v", got)
	}
}

func concurrency(t *testing.T, open Open) {
	p, _ := open(t, usual())
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for j := range 5 {
				if err := p.KeepPolicy(t.Context(), Sample(fmt.Sprintf("d%d.example", (i+j)%8))); err != nil {
					t.Errorf("keep: %v", err)
				}
			}
		})
	}
	all.Wait()
	for i := range 8 {
		domain := fmt.Sprintf("d%d.example", i)
		expect(t, p, domain, Sample(domain))
	}
}

func reopen(t *testing.T, open Open) {
	p, end := open(t, usual())
	keep(t, p, Sample("example.org"))
	if err := end(); err != nil {
		t.Fatal(err)
	}
	p, _ = open(t, usual())
	expect(t, p, "example.org", Sample("example.org"))
}
