package storagetest

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"sealpost/filestore/kept"
	"sealpost/mail"
	"sealpost/pgp/discover"
)

// Bounded is the suite of what makes room over an engine's rows, which are empty: what was learned
// and seen least lately, never a key that a user gave or a domain published, nor one that mail was
// encrypted to. Strangers must not be able to push a pin out.
func Bounded(t *testing.T, rows kept.Rows) {
	p := discover.Kept{Rows: rows, Max: 10, Aside: 3}
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	put := func(name string, source discover.Source, seen int) error {
		one := discover.Peer{
			Address: mail.Address{Local: name, Domain: "example.org"}, Source: source, Cert: []byte{1}, SeenAt: start.Add(time.Duration(seen) * time.Hour),
		}
		if source != discover.Autocrypt || name == "p9" {
			one.Pinned = start
		}
		return p.PutPeer(t.Context(), "a", one)
	}
	for i, source := range []discover.Source{discover.Manual, discover.WKD, discover.Autocrypt, discover.Autocrypt, discover.Autocrypt,
		discover.Autocrypt, discover.Autocrypt, discover.Autocrypt, discover.Autocrypt, discover.Autocrypt} {
		if err := put(fmt.Sprint("p", i), source, 100-i); err != nil {
			t.Fatal(err)
		}
	}
	if err := put("p5", discover.Autocrypt, 200); err != nil { // is there already
		t.Fatal(err)
	}
	names := func() (all []string) {
		list, err := p.Peers(t.Context(), "a")
		if err != nil {
			t.Fatal(err)
		}
		for _, one := range list {
			all = append(all, one.Address.Local)
		}
		return all
	}
	if n := len(names()); n != 10 {
		t.Errorf("%d peers", n)
	}
	if err := put("new", discover.Autocrypt, 300); err != nil {
		t.Fatal(err)
	}
	if got := names(); !slices.Equal(got, []string{"new", "p0", "p1", "p2", "p3", "p4", "p5", "p9"}) {
		t.Errorf("left are %v", got)
	}
	if err := p.ForgetPeers(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	for i := range 10 {
		if err := put(fmt.Sprint("m", i), discover.Manual, i); err != nil {
			t.Fatal(err)
		}
	}
	if err := put("more", discover.Manual, 1); !errors.Is(err, discover.ErrFull) {
		t.Errorf("no room: %v", err)
	}
}
