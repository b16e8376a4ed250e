package s3

import (
	"fmt"
	"iter"
	"slices"
	"testing"
	"time"

	"sealpost/filestore/packs"
)

func living(rule string, octets, content int64) packs.Living {
	return packs.Living{Object: packs.Object{Rule: rule, Size: content, Content: content}, Octets: octets}
}

func TestChoose(t *testing.T) {
	t.Parallel()
	many := slices.Repeat([]packs.Living{living("", 10, 10)}, 8)
	for name, test := range map[string]struct {
		loose []packs.Living
		want  int
	}{
		"nothing":                    {nil, 0},
		"a few small ones":           {many[:7], 0},
		"enough small ones":          {many, 8},
		"one is most of them":        {append(slices.Clone(many), living("", 400, 400)), 8},
		"none is most of them":       {append(slices.Clone(many), living("", 60, 60)), 9},
		"mostly dead":                {[]packs.Living{living("", 10, 100)}, 1},
		"mostly dead among few":      {[]packs.Living{living("", 30, 100), living("", 10, 10)}, 2},
		"too much for one pack":      {slices.Repeat([]packs.Living{living("", 100, 300)}, 12), 10},
		"two rules are not mixed":    {append(slices.Clone(many[:7]), living("x", 10, 10)), 0},
		"a pack of empty blobs only": {[]packs.Living{living("", 0, 0)}, 0},
	} {
		if got := choose(test.loose, 1000); len(got) != test.want {
			t.Errorf("%s: %d packs were chosen, want %d", name, len(got), test.want)
		}
	}
}

// TestJoin brings two lists together, and notices one that is not sorted.
func TestJoin(t *testing.T) {
	t.Parallel()
	there := func(keys ...byte) iter.Seq2[stored, error] {
		return func(yield func(stored, error) bool) {
			for _, k := range keys {
				if !yield(stored{key: packs.Key{k}}, nil) {
					return
				}
			}
		}
	}
	named := func(keys ...byte) iter.Seq2[packs.Object, error] {
		return func(yield func(packs.Object, error) bool) {
			for _, k := range keys {
				if !yield(packs.Object{Key: packs.Key{k}}, nil) {
					return
				}
			}
		}
	}
	for _, test := range []struct {
		there, named []byte
		want         string
	}{
		{nil, nil, ""},
		{[]byte{1, 2, 5}, []byte{2, 3}, "1- 2= 3+ 5- "},
		{nil, []byte{1, 2}, "1+ 2+ "},
		{[]byte{1, 2}, []byte{1, 2}, "1= 2= "},
		{[]byte{2, 1}, nil, "2- error "},
		{[]byte{1, 1}, nil, "1- error "},
	} {
		said := ""
		for both, err := range join(there(test.there...), named(test.named...)) {
			switch {
			case err != nil:
				said += "error "
			case both.named == nil:
				said += fmt.Sprintf("%d- ", both.key[0])
			case both.stored == nil:
				said += fmt.Sprintf("%d+ ", both.key[0])
			default:
				said += fmt.Sprintf("%d= ", both.key[0])
			}
		}
		if said != test.want {
			t.Errorf("%v and %v: %q, want %q", test.there, test.named, said, test.want)
		}
	}
}

// TestHealth: an endpoint is sick after two failures in a row or one that took all of its
// time, longer each time, and one caller at a time finds out whether it is well again.
func TestHealth(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_800_000_000, 0)
	h := &health{now: func() time.Time { return now }, first: time.Second}
	say := func(o outcome) { h.enter()(o) }
	say(failed)
	if !h.well() {
		t.Error("sick after one failure")
	}
	say(answered)
	say(failed)
	if !h.well() {
		t.Error("an answer between two failures does not count")
	}
	say(failed)
	if h.well() {
		t.Error("well after two failures")
	}
	say(untold)
	now = now.Add(time.Second)
	if !h.well() {
		t.Error("nobody tries it again")
	}
	leave := h.enter()
	if h.well() {
		t.Error("two try it at once")
	}
	leave(failed)
	now = now.Add(time.Second)
	if h.well() {
		t.Error("the second time is not longer")
	}
	now = now.Add(time.Second)
	say(answered)
	if !h.well() {
		t.Error("sick after it answered")
	}
	say(hung)
	if h.well() {
		t.Error("well after it hung")
	}
	for range 40 {
		say(failed)
	}
	if now = now.Add(time.Minute); !h.well() {
		t.Error("sick for more than a minute")
	}
}
