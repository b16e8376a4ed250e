package imap

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	goimap "github.com/emersion/go-imap/v2"

	"sealpost/mailstore"
)

// view is the selected mailbox as its client knows it. A message's number is
// its place in rows, so rows only change together with what the client is told.
//
// It takes 24 bytes a message: flags are a number into a table of the
// combinations that occur, which are few.
type view struct {
	id       mailstore.MailboxID
	valid    uint32
	readOnly bool
	since    mailstore.Modseq // everything up to here has been read
	rows     []row            // by UID
	gone     map[mailstore.UID]struct{}
	flags    flagTable
	dead     bool // the mailbox itself is gone

	woken  <-chan struct{}
	sleep  func()
	looked time.Time
}

// row is what is shown of a message without reading it.
type row struct {
	uid      mailstore.UID
	flags    uint32 // index into the view's flag table
	size     int64
	received int64 // Unix seconds
}

// news is what a view read since it was last asked.
type news struct {
	flagged  []mailstore.UID // their flags differ from what the client knows
	added    int
	keywords bool // there are keywords it did not know
}

func (v *view) find(uid mailstore.UID) (int, bool) {
	return slices.BinarySearchFunc(v.rows, uid, func(r row, u mailstore.UID) int { return cmp.Compare(r.uid, u) })
}

// take puts what an entry says into the view.
func (v *view) take(e mailstore.Entry, n *news) {
	v.since = max(v.since, e.Modseq)
	at, known := v.find(e.UID)
	switch {
	case e.Gone && known:
		v.lose(e.UID)
	case e.Gone:
	case known:
		if f := v.flags.number(e.Flags); f != v.rows[at].flags {
			v.rows[at].flags = f
			n.flagged = append(n.flagged, e.UID)
		}
	case at == len(v.rows): // UIDs only grow
		v.rows = append(v.rows, row{uid: e.UID, flags: v.flags.number(e.Flags), size: e.Size, received: e.Received.Unix()})
		n.added++
	}
}

// lose notes an expunge that the client has yet to be told.
func (v *view) lose(uid mailstore.UID) {
	if v.gone == nil {
		v.gone = map[mailstore.UID]struct{}{}
	}
	v.gone[uid] = struct{}{}
}

// read brings the view up to date with the index.
func (v *view) read(ctx context.Context, s *mailstore.Store, o mailstore.Owner) (n news, err error) {
	known := v.flags.keywords
	boxes, err := s.Index.Mailboxes(ctx, o)
	if err != nil {
		return n, err
	}
	if len(boxes) == 0 { // nobody is without INBOX
		return n, mailstore.ErrNoOwner
	}
	at := slices.IndexFunc(boxes, func(b mailstore.Mailbox) bool { return b.ID == v.id })
	switch {
	case at < 0:
		v.die()
	case boxes[at].Modseq <= v.since:
	case boxes[at].Floor > v.since: // some expunges are no longer remembered
		err = v.compare(ctx, s, o, &n)
	default:
		err = v.change(ctx, s, o, &n)
	}
	n.keywords = v.flags.keywords > known
	return n, err
}

func (v *view) die() {
	v.dead = true
	for _, r := range v.rows {
		v.lose(r.uid)
	}
}

func (v *view) change(ctx context.Context, s *mailstore.Store, o mailstore.Owner, n *news) error {
	for e, err := range s.Index.Entries(ctx, o, v.id, v.since) {
		if err != nil {
			return err
		}
		v.take(e, n)
	}
	return nil
}

// compare reads everything and finds out what is gone.
func (v *view) compare(ctx context.Context, s *mailstore.Store, o mailstore.Owner, n *news) error {
	at := 0
	for e, err := range s.Index.Entries(ctx, o, v.id, 0) {
		if err != nil {
			return err
		}
		for ; at < len(v.rows) && v.rows[at].uid < e.UID; at++ {
			v.lose(v.rows[at].uid)
		}
		v.take(e, n)
		at++
	}
	for ; at < len(v.rows); at++ {
		v.lose(v.rows[at].uid)
	}
	return nil
}

// drop takes the expunged out of rows and gives their numbers, the highest
// first, so that each is right at the moment it is said.
func (v *view) drop() (numbers []uint32) {
	if len(v.gone) == 0 {
		return nil
	}
	kept := v.rows[:0]
	for i, r := range v.rows {
		if _, gone := v.gone[r.uid]; gone {
			numbers = append(numbers, uint32(i+1))
		} else {
			kept = append(kept, r)
		}
	}
	v.rows = kept
	v.gone = nil
	slices.Reverse(numbers)
	return numbers
}

// flagTable numbers the combinations of flags that occur. Two that differ only
// in order or case are one.
type flagTable struct {
	sets     [][]goimap.Flag
	numbers  map[string]uint32
	known    map[string]goimap.Flag // keywords by lower case
	keywords int
}

func (t *flagTable) number(flags []string) uint32 {
	key := flagKey(flags)
	if n, ok := t.numbers[key]; ok {
		return n
	}
	if t.numbers == nil {
		t.numbers, t.known = map[string]uint32{}, map[string]goimap.Flag{}
	}
	set := make([]goimap.Flag, len(flags))
	for i, f := range flags {
		set[i] = goimap.Flag(f)
		if lower := strings.ToLower(f); !strings.HasPrefix(f, `\`) && t.known[lower] == "" {
			t.known[lower] = goimap.Flag(f)
			t.keywords++
		}
	}
	n := uint32(len(t.sets))
	t.sets = append(t.sets, set)
	t.numbers[key] = n
	return n
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
func (t *flagTable) of(r row) []goimap.Flag { return t.sets[r.flags] }

func (t *flagTable) has(r row, flag string) bool {
	return slices.ContainsFunc(t.sets[r.flags], func(f goimap.Flag) bool { return strings.EqualFold(string(f), flag) })
}

// after gives the number of what a message's flags become by an operation, as
// mailstore will have it.
func (t *flagTable) after(r row, op mailstore.FlagOp, change []string) uint32 {
	var flags []string
	if op != mailstore.Replace {
		for _, f := range t.of(r) {
			if op == mailstore.Add || !containsFold(change, string(f)) {
				flags = append(flags, string(f))
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
var system = []goimap.Flag{goimap.FlagAnswered, goimap.FlagFlagged, goimap.FlagDeleted, goimap.FlagSeen, goimap.FlagDraft}

// all are the flags of the mailbox: the system's and the keywords in use.
func (t *flagTable) all() []goimap.Flag {
	flags := slices.Clone(system)
	for _, f := range t.known {
		flags = append(flags, f)
	}
	slices.Sort(flags[len(system):])
	return flags
}
