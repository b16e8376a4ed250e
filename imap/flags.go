package imap

import (
	"hash/maphash"
	"slices"
	"strings"

	"sealpost/mailstore"
)

const (
	// maxFlagSets bounds the combinations of flags that a table knows again. Each
	// message of a mailbox may have another, with kilobytes of keywords.
	maxFlagSets = 4096

	// maxLearned bounds the keywords that a client is told of.
	maxLearned = 2000
)

// flagTable knows combinations of flags again when they come again, as most do.
// Two that differ only in order or case are one.
type flagTable struct {
	sets     map[string]*flagSet
	seed     maphash.Seed
	known    map[string]string // keywords by lower case
	keywords int

	last    []string // what was asked for last,
	lastSet *flagSet
}

// flagSet is one combination of flags.
type flagSet struct {
	flags []string
	text  string // in parentheses
	sum   uint64 // of the flags, whatever their order and case
}

// set gives the set of some flags.
func (t *flagTable) set(flags []string) *flagSet {
	key := flagKey(flags)
	if f := t.sets[key]; f != nil {
		return f
	}
	t.learn(flags)
	if len(t.sets) >= maxFlagSets {
		t.sets = nil // those in use stay with whoever uses them
	}
	if t.sets == nil {
		t.sets = map[string]*flagSet{}
	}
	if t.seed == (maphash.Seed{}) {
		t.seed = maphash.MakeSeed()
	}
	f := &flagSet{slices.Clone(flags), "(" + strings.Join(flags, " ") + ")", maphash.String(t.seed, key)}
	t.sets[key] = f
	return f
}

// again is set, and quick where one message has the flags of the one before.
func (t *flagTable) again(flags []string) *flagSet {
	if t.lastSet == nil || !sameSlice(flags, t.last) {
		t.last, t.lastSet = flags, t.set(flags)
	}
	return t.lastSet
}

// sameSlice says whether two are one: List gives the same one to all messages with
// the same flags.
func sameSlice(a, b []string) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}

// learn takes down keywords that are in use.
func (t *flagTable) learn(flags []string) {
	if t.known == nil {
		t.known = map[string]string{}
	}
	for _, f := range flags {
		if lower := strings.ToLower(f); !strings.HasPrefix(f, `\`) && t.known[lower] == "" && t.keywords < maxLearned {
			t.known[lower] = f
			t.keywords++
		}
	}
}

func flagKey(flags []string) string {
	switch len(flags) {
	case 0:
		return ""
	case 1:
		return strings.ToLower(flags[0])
	}
	sorted := make([]string, len(flags))
	for i, f := range flags {
		sorted[i] = strings.ToLower(f)
	}
	slices.Sort(sorted)
	return strings.Join(sorted, " ")
}

// has says whether a message has a flag.
func (f *flagSet) has(flag string) bool { return containsFold(f.flags, flag) }

// after gives what a message's flags become by an operation, as mailstore will
// have it.
func (t *flagTable) after(was *flagSet, op mailstore.FlagOp, change []string) *flagSet {
	var flags []string
	if op != mailstore.Replace {
		for _, f := range was.flags {
			if op == mailstore.Add || !containsFold(change, f) {
				flags = append(flags, f)
			}
		}
	}
	if op != mailstore.Clear {
		for _, f := range change {
			if !containsFold(flags, f) {
				flags = append(flags, f)
			}
		}
	}
	return t.set(flags)
}

func containsFold(flags []string, f string) bool {
	return slices.ContainsFunc(flags, func(g string) bool { return strings.EqualFold(f, g) })
}

// system are the flags every mailbox has.
var system = []string{mailstore.Answered, mailstore.Flagged, mailstore.Deleted, mailstore.Seen, mailstore.Draft}

// all are the flags of the mailbox, as they are written: the system's and the
// keywords in use.
func (t *flagTable) all() string {
	flags := slices.Clone(system)
	for _, f := range t.known {
		flags = append(flags, f)
	}
	slices.Sort(flags[len(system):])
	return strings.Join(flags, " ")
}
