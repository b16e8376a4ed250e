package move

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"maps"
	"slices"
)

// A journal can be packed into a note beside mailboxes. Parts are then known by 12 octets of
// their SHA-256: mailboxes of others have names of any length.

// packedPart is what a journal holds of one part. Places that stayed behind are runs, each as
// two varints: the gap since the last run's end, and its length less one.
type packedPart struct {
	Part   string `json:"part"`
	Last   int64  `json:"last"`
	Behind []byte `json:"behind,omitempty"`
}

// mostBehind bounds the messages that stay behind: they are in memory one by one.
const mostBehind = 1 << 20

var (
	errBehind = errors.New("too many messages stayed behind")
	errPacked = errors.New("a journal is damaged")
)

// name is what a part is called in the journal.
func (j *Journal) name(part string) string {
	if !j.short {
		return part
	}
	sum := sha256.Sum256([]byte(part))
	return base64.RawURLEncoding.EncodeToString(sum[:12])
}

// shortJournal is one in memory with these parts.
func shortJournal(parts []packedPart) (*Journal, error) {
	a := newArrivals()
	for _, p := range parts {
		if p.Last > 0 {
			a.place[p.Part] = p.Last
		}
		if err := a.unpackBehind(p.Part, p.Behind); err != nil {
			return nil, err
		}
	}
	return &Journal{short: true, imports: map[string]*arrivals{"": a}}, nil
}

func (a *arrivals) unpackBehind(part string, runs []byte) error {
	for at := int64(0); len(runs) > 0; {
		gap, n := binary.Uvarint(runs)
		if n <= 0 || gap > 1<<33 {
			return errPacked
		}
		more, m := binary.Uvarint(runs[n:])
		if m <= 0 || more >= uint64(mostBehind-len(a.behind)) {
			return errPacked
		}
		runs = runs[n+m:]
		at += int64(gap)
		for end := at + int64(more); at <= end; at++ {
			a.behind[Position{Part: part, Place: at}] = true
		}
	}
	return nil
}

// shorten is what a journal holds, packed by another.
func (j *Journal) shorten() (*Journal, error) {
	s, err := shortJournal(nil)
	a := j.imports[j.of]
	if err != nil || a == nil {
		return s, err
	}
	for part, last := range a.place {
		err = errors.Join(err, s.Add(Position{Part: part, Place: last}))
	}
	return s, errors.Join(err, s.Behind(slices.Collect(maps.Keys(a.behind))...))
}

// pack is what a short journal holds.
func (j *Journal) pack() (parts []packedPart) {
	j.mu.Lock()
	defer j.mu.Unlock()
	a, places := j.imports[j.of], map[string][]int64{}
	for part := range a.place {
		places[part] = nil
	}
	for p := range a.behind {
		places[p.Part] = append(places[p.Part], p.Place)
	}
	for part, behind := range places {
		parts = append(parts, packedPart{part, a.place[part], packRuns(behind)})
	}
	slices.SortFunc(parts, func(x, y packedPart) int { return cmp.Compare(x.Part, y.Part) })
	return parts
}

func packRuns(places []int64) (runs []byte) {
	slices.Sort(places)
	for at := int64(0); len(places) > 0; {
		n := 1
		for n < len(places) && places[n] == places[0]+int64(n) {
			n++
		}
		runs = binary.AppendUvarint(binary.AppendUvarint(runs, uint64(places[0]-at)), uint64(n-1))
		at, places = places[n-1]+1, places[n:]
	}
	return runs
}
