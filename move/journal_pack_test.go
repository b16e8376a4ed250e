package move

import (
	"encoding/json"
	"fmt"
	"testing"

	"sealpost/filestore/nodekey"
	"sealpost/mailstore"
)

// half is a journal of so many mails of which every other one stayed behind.
func half(t *testing.T, mails int) *Journal {
	t.Helper()
	j, err := shortJournal(nil)
	if err != nil {
		t.Fatal(err)
	}
	var arrived, behind []Position
	for uid := 1; uid <= mails; uid++ {
		if p := (Position{Part: "INBOX:1", Place: int64(uid)}); uid%2 == 0 {
			behind = append(behind, p)
		} else {
			arrived = append(arrived, p)
		}
	}
	if err := j.Behind(behind...); err != nil {
		t.Fatal(err)
	}
	if err := j.Add(arrived...); err != nil {
		t.Fatal(err)
	}
	return j
}

// What was packed says the same.
func TestPackedJournal(t *testing.T) {
	t.Parallel()
	j := half(t, 9)
	for place := int64(20); place < 30; place++ {
		if err := j.Behind(Position{Part: "Sent:7", Place: place}); err != nil {
			t.Fatal(err)
		}
	}
	again, err := shortJournal(j.pack())
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"INBOX:1", "Sent:7", "Other:1"} {
		if got, want := again.Last(part), j.Last(part); got != want {
			t.Errorf("%s: last %d, want %d", part, got, want)
		}
		for place := int64(1); place < 40; place++ {
			p := Position{Part: part, Place: place}
			if got, want := again.Has(p), j.Has(p); got != want || want != (part == "INBOX:1" && place <= 9 && place%2 == 1) {
				t.Errorf("%v: %v, and it was %v", p, got, want)
			}
		}
	}
}

// A hundred thousand mails of the worst kind fit into a note, and many mailboxes. Of sources that
// do not fit together those that were not used for longest go.
func TestPackedJournalsFit(t *testing.T) {
	t.Parallel()
	i := &Imports{Key: nodekey.Random()}
	n := noted{Version: notedVersion}
	n.use("large")
	n.arrived(half(t, 100_000).pack())
	many, err := shortJournal(nil)
	if err != nil {
		t.Fatal(err)
	}
	for box := range 1000 {
		if err := many.Add(Position{Part: fmt.Sprint("a mailbox whose name is long, as some are, and which is the ", box), Place: 1 << 31}); err != nil {
			t.Fatal(err)
		}
	}
	n.use("many")
	n.arrived(many.pack())
	if sealed := i.seal("ann", &n); len(sealed) > mailstore.MaxNote || len(n.Sources) != 2 {
		t.Errorf("%d octets for %d sources", len(sealed), len(n.Sources))
	}
	for _, of := range []string{"third", "large"} {
		n.use(of)
		n.arrived(half(t, 100_000).pack())
	}
	if sealed := i.seal("ann", &n); len(sealed) > mailstore.MaxNote || n.Sources[len(n.Sources)-1].Of != "large" {
		t.Errorf("%d octets, and the last source is %+v", len(sealed), n.Sources)
	}
	if _, known := n.use("many"); known {
		t.Error("what was not used for longest is still there")
	}
}

// A source whose mails stay behind without end is given up.
func TestMostBehind(t *testing.T) {
	t.Parallel()
	j, err := shortJournal([]packedPart{{Part: "x", Behind: packRuns([]int64{1})}})
	if err != nil {
		t.Fatal(err)
	}
	if err := j.Behind(make([]Position, mostBehind)...); err != errBehind {
		t.Errorf("%v", err)
	}
}

// FuzzPackedJournal: whatever a note says makes a journal that is packed as it says, or none.
func FuzzPackedJournal(f *testing.F) {
	for _, runs := range [][]byte{nil, {0, 0}, {5, 3, 1, 0}, {0xff, 0xff, 0xff}, {1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1}} {
		text, _ := json.Marshal([]packedPart{{"a", 7, runs}, {"b", 0, runs}})
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var parts []packedPart
		if json.Unmarshal(text, &parts) != nil {
			return
		}
		j, err := shortJournal(parts)
		if err != nil {
			return
		}
		again, err := shortJournal(j.pack())
		if err != nil {
			t.Fatal(err)
		}
		one, _ := json.Marshal(j.pack())
		two, _ := json.Marshal(again.pack())
		if string(one) != string(two) {
			t.Errorf("%s\n%s", one, two)
		}
	})
}
