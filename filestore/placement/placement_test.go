package placement_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"sealpost/filestore"
	"sealpost/filestore/placement"
)

// TestMostSpecificFirst: an address that is named decides before any domain, and of several the
// first that the owner has.
func TestMostSpecificFirst(t *testing.T) {
	t.Parallel()
	lists, err := placement.NewLists(map[string][]string{"eu": {"example.org", "bob@example.com"}, "home": {"alice@example.org", "example.com"}, "none": nil})
	if err != nil {
		t.Fatal(err)
	}
	for addresses, want := range map[string]string{
		"carol@example.org":                   "eu",
		"alice@example.org":                   "home",
		"carol@example.org alice@example.org": "home",
		"dave@example.com bob@example.com":    "eu",
		"dave@example.net carol@example.org":  "eu",
		"dave@example.com carol@example.org":  "home",
		`"a@example.org"@example.net`:         "",
		"carol@mail.example.org":              "",
		"example.org@example.net":             "",
		"":                                    "",
	} {
		if got := lists.Rule(strings.Fields(addresses)); got != want {
			t.Errorf("%s: under %q, want %q", addresses, got, want)
		}
	}
	if _, err := placement.NewLists(map[string][]string{"eu": {"example.org"}, "us": {"example.org"}}); err == nil {
		t.Error("a domain was named for two rules")
	}
	if _, err := placement.NewLists(map[string][]string{"eu": {"example.org", "example.org"}}); err != nil {
		t.Errorf("a domain named twice for one rule: %v", err)
	}
}

// ruled is an engine that keeps no more than under which rules Put was called.
type ruled struct {
	filestore.Blobs
	filestore.Gatherer
	has  []string
	puts []string
}

func (r *ruled) Under(rule string) (filestore.Blobs, error) {
	for _, name := range r.has {
		if name == rule {
			return underRule{r, rule}, nil
		}
	}
	return nil, fmt.Errorf("there is no rule %q", rule)
}

type underRule struct {
	*ruled
	rule string
}

func (u underRule) Put(context.Context, ...io.WriterTo) ([]filestore.Ref, error) {
	u.puts = append(u.puts, u.rule)
	return nil, nil
}

func lists(t *testing.T, named map[string][]string) *placement.Lists {
	t.Helper()
	l, err := placement.NewLists(named)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// TestPutFor: each owner's is put under the owner's rule, which is remembered for a minute and
// until the lists change; an owner of whom nothing is known puts nothing.
func TestPutFor(t *testing.T) {
	t.Parallel()
	r := &ruled{has: []string{"", "eu", "home"}}
	now, asked := time.Unix(1_700_000_000, 0), 0
	of := map[string][]string{"a": {"alice@example.org"}, "b": {"bob@example.net"}}
	unknown := errors.New("no such owner")
	addresses := func(_ context.Context, owner string) ([]string, error) {
		asked++
		if list, ok := of[owner]; ok {
			return list, nil
		}
		return nil, unknown
	}
	f, err := placement.NewFinder(addresses, lists(t, nil), func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	b := placement.Blobs{Ruled: r, Finder: f}
	put := func(owner, rule string, asks int) {
		t.Helper()
		before := asked
		if _, err := filestore.PutFor(t.Context(), b, owner, strings.NewReader("x")); err != nil {
			t.Fatal(err)
		}
		if got := r.puts[len(r.puts)-1]; got != rule {
			t.Errorf("%q was put under %q, want %q", owner, got, rule)
		}
		if asked-before != asks {
			t.Errorf("%q: %d questions, want %d", owner, asked-before, asks)
		}
	}
	put("a", "", 0) // no lists: nothing to ask
	f.SetLists(lists(t, map[string][]string{"eu": {"example.org"}}))
	put("a", "eu", 1)
	put("a", "eu", 0)
	put("b", "", 1)
	put("", "", 0)
	f.SetLists(lists(t, map[string][]string{"home": {"alice@example.org"}}))
	put("a", "home", 1)
	of["a"] = []string{"alice@example.com"}
	put("a", "home", 0)
	now = now.Add(time.Minute)
	put("a", "", 1)

	puts := len(r.puts)
	if _, err := b.PutFor(t.Context(), "c", strings.NewReader("x")); !errors.Is(err, unknown) {
		t.Errorf("an owner nobody knows: %v", err)
	}
	f.SetLists(lists(t, map[string][]string{"sea": {"example.com"}}))
	if _, err := b.PutFor(t.Context(), "a", strings.NewReader("x")); err == nil {
		t.Error("something was put under a rule that is not there")
	}
	if len(r.puts) != puts {
		t.Error("something of an unknown owner was put")
	}
}
