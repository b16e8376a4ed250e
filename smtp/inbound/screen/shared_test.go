package screen

import (
	"testing"
	"time"

	"sealpost/account/limit/limittest"
)

// Who sends through three nodes at once has in a day what they have at one, and beyond it what
// two nodes give within a round.
func TestRatesOfManyNodes(t *testing.T) {
	t.Parallel()
	const nodes, hourly = 3, 10
	c, ledgers := &clock{t: now}, limittest.Nodes(nodes)
	var all []*Screen
	for _, l := range ledgers {
		s := &Screen{Rates: Rates{PerAddress: hourly}, Shared: l, Now: c.now}
		s.start()
		all = append(all, s)
	}
	taken := 0
	for range 24 * 60 {
		for _, s := range all {
			for s.Sender(t.Context(), from("192.0.2.1", "", alice)) == nil {
				if taken++; taken > 10_000 {
					t.Fatal("there is no rate")
				}
			}
		}
		limittest.Round(t.Context(), ledgers...)
		c.pass(time.Minute)
	}
	if most := nodes*hourly + 24*hourly; taken > most || taken < most/2 {
		t.Errorf("%d mails in a day through %d nodes, want at most %d", taken, nodes, most)
	}
	if all[1].Sender(t.Context(), from("192.0.2.77", "", alice)) != nil {
		t.Error("somebody else is refused")
	}
}

// Who waited, or got through, at one node need not wait at another.
func TestGreylistOfManyNodes(t *testing.T) {
	t.Parallel()
	c, ledgers := &clock{t: now}, limittest.Nodes(3)
	var all []*Screen
	for _, l := range ledgers {
		s := &Screen{Greylist: true, Shared: l, Now: c.now}
		s.start()
		all = append(all, s)
	}
	mail := from("192.0.2.1", "bob@example.org", alice)
	if all[0].Sender(t.Context(), mail) == nil {
		t.Fatal("nobody waits, so this test shows nothing")
	}
	limittest.Round(t.Context(), ledgers...)
	if all[1].Sender(t.Context(), mail) == nil {
		t.Error("who has not waited yet got in at another node")
	}
	c.pass(6 * time.Minute)
	if r := all[1].Sender(t.Context(), mail); r != nil {
		t.Errorf("who waited at one node waits at another: %v", r)
	}
	all[1].got(mail)
	limittest.Round(t.Context(), ledgers...)
	other := from("192.0.2.1", "carol@example.org", alice)
	if r := all[2].Sender(t.Context(), other); r != nil {
		t.Errorf("whose server got through at one node waits at another: %v", r)
	}
}
