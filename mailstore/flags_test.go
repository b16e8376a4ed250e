package mailstore

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func drawFlags(t *rapid.T, label string) []string {
	return rapid.SliceOfN(rapid.OneOf(
		rapid.SampledFrom([]string{`\Seen`, `\sEEN`, `\Deleted`, `\Flagged`, `\answered`, `\Draft`, "a", "A", "$Junk", "$junk"}),
		rapid.StringMatching(`[a-zA-Z$.+-]{1,3}`),
	), 0, 12).Draw(t, label)
}

// folded is a set of flags as IMAP compares them.
func folded(flags []string) []string {
	var set []string
	for _, f := range flags {
		set = append(set, strings.ToLower(f))
	}
	slices.Sort(set)
	return slices.Compact(set)
}

func TestMergeFlags(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		old, err := CleanFlags(drawFlags(t, "old"))
		if err != nil {
			t.Fatal(err)
		}
		change := drawFlags(t, "change")
		for _, op := range []FlagOp{Replace, Add, Clear} {
			got, err := mergeFlags(old, op, change)
			if err != nil {
				t.Fatal(err)
			}
			var want []string
			switch op {
			case Replace:
				want = folded(change)
			case Add:
				want = folded(slices.Concat(old, change))
			case Clear:
				want = slices.DeleteFunc(folded(old), func(f string) bool { return slices.Contains(folded(change), f) })
			}
			if !slices.Equal(folded(got), want) || len(got) != len(want) {
				t.Fatalf("%v, op %d, %v: got %v, want the set %v", old, op, change, got, want)
			}
			if again, err := mergeFlags(got, op, change); err != nil || !slices.Equal(again, got) {
				t.Fatalf("op %d twice: %v, then %v, %v", op, got, again, err)
			}
			if clean, _ := CleanFlags(got); !slices.Equal(clean, got) {
				t.Fatalf("%v is not in the order flags are kept", got)
			}
			checkSpelling(t, old, got)
		}
	})
}

// checkSpelling wants kept keywords as the message had them, and system flags
// in the one spelling there is.
func checkSpelling(t *rapid.T, old, got []string) {
	for _, f := range got {
		if f[0] == '\\' && !slices.Contains(systemFlags[:], f) {
			t.Fatalf("system flag spelled %s", f)
		}
		if hasFlag(old, f) && !slices.Contains(old, f) {
			t.Fatalf("%s had another spelling in %v", f, old)
		}
	}
}
