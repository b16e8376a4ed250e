package imap

import (
	"slices"
	"strings"

	"sealpost/mailstore"
)

// flagTable numbers the combinations of flags that occur. Two that differ only
// in order or case are one.
type flagTable struct {
	sets     []flagSet
	numbers  map[string]uint32
	known    map[string]string // keywords by lower case
	keywords int

	last       []string // whose number was asked for last,
	lastNumber uint32
	asked      bool // if any was
}

// flagSet is one combination of flags.
type flagSet struct {
	flags []string
	text  string // in parentheses
}

func (t *flagTable) number(flags []string) uint32 {
	key := flagKey(flags)
	if n, ok := t.numbers[key]; ok {
		return n
	}
	t.learn(flags)
	n := uint32(len(t.sets))
	if t.numbers == nil {
		t.numbers = map[string]uint32{}
	}
	t.sets = append(t.sets, flagSet{slices.Clone(flags), "(" + strings.Join(flags, " ") + ")"})
	t.numbers[key] = n
	return n
}

// again is number, and quick where one message has the flags of the one before.
func (t *flagTable) again(flags []string) uint32 {
	if !t.asked || !sameSlice(flags, t.last) {
		t.last, t.lastNumber, t.asked = flags, t.number(flags), true
	}
	return t.lastNumber
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
		if lower := strings.ToLower(f); !strings.HasPrefix(f, `\`) && t.known[lower] == "" {
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

// of gives a message's flags; the slice is not the caller's to change.
func (t *flagTable) of(r row) []string { return t.sets[r.flags].flags }

// text is a message's flags as they are written.
func (t *flagTable) text(r row) string { return t.sets[r.flags].text }

func (t *flagTable) has(r row, flag string) bool { return containsFold(t.of(r), flag) }

// after gives the number of what a message's flags become by an operation, as
// mailstore will have it.
func (t *flagTable) after(r row, op mailstore.FlagOp, change []string) uint32 {
	var flags []string
	if op != mailstore.Replace {
		for _, f := range t.of(r) {
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
	return t.number(flags)
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
