package account

import (
	"errors"
	"slices"
	"sync"
	"testing"
)

// Domains come and go while mail is being resolved.
func TestSetDomains(t *testing.T) {
	t.Parallel()
	b, _, _ := newBook(t)
	a := add(t, b, "ann@demo.test")
	if got := b.Domains(); !slices.Equal(got, []string{"bücher.test", "demo.test"}) {
		t.Errorf("at first: %q", got)
	}
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for range 200 {
				if !b.Local("demo.test") {
					t.Error("a domain that stays was gone for a moment")
				}
				b.Resolve(t.Context(), address(t, "ann@demo.test"))
			}
		})
	}
	for range 200 {
		b.SetDomains([]string{"demo.test", "New.test"})
		b.SetDomains([]string{"demo.test"})
	}
	readers.Wait()

	b.SetDomains([]string{"New.test", "xn--bcher-kva.test"})
	for domain, want := range map[string]bool{"new.test": true, "NEW.test": true, "bücher.test": true, "demo.test": false} {
		if b.Local(domain) != want {
			t.Errorf("%s is local: %v", domain, !want)
		}
	}
	if _, err := b.Resolve(t.Context(), address(t, "ann@demo.test")); !errors.Is(err, ErrUnknown) {
		t.Errorf("mail for a domain that is gone: %v", err)
	}
	if _, err := b.AddAlias(t.Context(), a.ID, address(t, "ann@new.test")); err != nil {
		t.Errorf("an alias in a domain that came: %v", err)
	}
	b.SetDomains([]string{"demo.test"})
	if got, err := b.Resolve(t.Context(), address(t, "ann@demo.test")); err != nil || got.ID != a.ID {
		t.Errorf("after its domain came back: %v, %v", got.ID, err)
	}
}
