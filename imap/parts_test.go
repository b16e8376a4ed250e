package imap

import (
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"sealpost/imap/wire"
	"sealpost/mailstore"
)

func TestPatterns(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, ref, pattern string
		want               bool
	}{
		{"INBOX", "", "*", true},
		{"INBOX", "", "inbox", true},
		{"INBOX", "", "InBoX/%", false},
		{"INBOX/a", "", "inbox/%", true},
		{"a/b", "", "%", false},
		{"a/b", "", "%/%", true},
		{"a/b", "", "*", true},
		{"a/b/c", "", "a/*c", true},
		{"a/b/c", "", "a/%c", false},
		{"a/b", "a/", "%", true},
		{"a/b", "a", "/b", true},
		{"ab", "a", "%", true},
		{"a", "", "A", false},
		{"", "", "*", true},
		{"a", "", "", false},
	} {
		if got := matches(c.name, c.ref, []string{c.pattern}); got != c.want {
			t.Errorf("%q fits %q+%q: %v", c.name, c.ref, c.pattern, got)
		}
	}
}

// imapserver's own matcher takes exponential time for this.
func TestPatternsTakeNoTime(t *testing.T) {
	t.Parallel()
	start := time.Now()
	if match(strings.Repeat("a", 250), strings.Repeat("*a", 2000)+"b") {
		t.Error("that fits?")
	}
	if d := time.Since(start); d > time.Second {
		t.Errorf("took %v", d)
	}
}

func TestNumbers(t *testing.T) {
	t.Parallel()
	s := &session{box: &view{set: mailstore.UIDsOf(3, 5, 9, 10, 4294967295)}}
	for _, c := range []struct {
		set  string
		uid  bool
		want string
	}{
		{"1:4294967295", false, "[{0 5}]"},
		{"*", false, "[{4 5}]"},
		{"4:*", false, "[{3 5}]"},
		{"9:*", false, "[{4 5}]"},
		{"6:7", false, "[]"},
		{"1:2,2:3", false, "[{0 3}]"},
		{"4:9", true, "[{1 3}]"},
		{"6:8", true, "[]"},
		{"11:*", true, "[{4 5}]"},
		{"1:4294967295", true, "[{0 5}]"},
		{"3,10", true, "[{0 1} {3 4}]"},
	} {
		p := wire.Parse(c.set)
		if got, err := s.places(&p, c.uid); err != nil || fmt.Sprint(got) != c.want {
			t.Errorf("%v is %v, want %s", c.set, got, c.want)
		}
	}
	s.box.set = mailstore.UIDSet{}
	if got := s.find(wire.Set{Ranges: []wire.Range{{Start: 1, Stop: wire.Star}}}, false); len(got) != 0 {
		t.Errorf("an empty mailbox has %v", got)
	}
}

func TestExpungesAreNumberedFromTheTop(t *testing.T) {
	t.Parallel()
	v := &view{set: mailstore.UIDSpan(1, 6), gone: mailstore.UIDsOf(2, 5)}
	if got := v.drop(); !slices.Equal(got, []uint32{5, 2}) {
		t.Errorf("said %v", got)
	}
	if v.set.String() != "1,3:4,6" || v.gone.Len() > 0 {
		t.Errorf("kept %v", v.set)
	}
}

// Who idles and could not be told all is not left alone for as long as others.
func TestIdlePatience(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		box  view
		want time.Duration
	}{
		{view{looked: time.Now()}, lookIdle},
		{view{looked: time.Now(), behind: true}, lookAgain},
		{view{}, lookAgain}, // the look failed
	} {
		s := &session{idling: "a", box: &c.box}
		if _, look := s.patience(); look != c.want {
			t.Errorf("a look after %v, want %v", look, c.want)
		}
	}
}

// A silent STORE keeps its own outcome from its client, and nothing that others did.
func TestSilentStoreHidesOnlyItsOwn(t *testing.T) {
	t.Parallel()
	lines := map[mailstore.UID]mailstore.Entry{1: {Modseq: 5}, 2: {Modseq: 12, Flags: []string{mailstore.Flagged}}, 3: {Modseq: 7}}
	v := &view{set: mailstore.UIDSpan(1, 3), since: 10, list: func(uids mailstore.UIDSet) iter.Seq2[*mailstore.Line, error] {
		return func(yield func(*mailstore.Line, error) bool) {
			for uid := range uids.All() {
				l := mailstore.Line{Entry: lines[uid]}
				if l.UID = uid; !yield(&l, nil) {
					return
				}
			}
		}
	}}
	expected, err := v.expect([]span{{0, 3}}, storeArgs{op: mailstore.Add, silent: true, flags: []string{mailstore.Seen}})
	if err != nil {
		t.Fatal(err)
	}
	for uid, what := range expected {
		v.believe(uid, what)
	}
	lines[1] = mailstore.Entry{Modseq: 13, Flags: []string{mailstore.Seen}}
	lines[2] = mailstore.Entry{Modseq: 13, Flags: []string{mailstore.Seen, mailstore.Flagged}}
	lines[3] = mailstore.Entry{Modseq: 14, Flags: []string{mailstore.Seen, mailstore.Deleted}}
	var n news
	c := mailstore.Changes{Changed: mailstore.UIDSpan(1, 4), Vanished: mailstore.UIDsOf(1, 9)}
	c.Modseq, c.UIDNext = 14, 5
	if err := v.take(c, &n); err != nil || !slices.Equal(n.flagged, []mailstore.UID{2, 3}) || n.fresh.String() != "4" {
		t.Errorf("told %v, %v new, %v", n.flagged, n.fresh, err)
	}
	if v.gone.String() != "1" || v.set.String() != "1:4" || v.since != 14 || len(v.told) > 0 {
		t.Errorf("gone %v of %v, since %d", v.gone, v.set, v.since)
	}
}

// Patterns as long as a command over as many mailboxes as there may be are refused,
// and what a client asks for is not.
func TestLongPatternsAreRefused(t *testing.T) {
	t.Parallel()
	all := tree{named: map[string]*branch{}}
	for n := range 5000 {
		all.at(strings.Repeat("a", 200) + fmt.Sprint(n))
	}
	if n := all.steps("", []string{strings.Repeat("*a", 30_000)}); n <= maxSteps {
		t.Errorf("%d steps are not too many", n)
	}
	if n := all.steps("", []string{"*", "%", "Archive/%"}); n > maxSteps {
		t.Errorf("%d steps are too many", n)
	}
}

// What a client is taken to believe after a STORE is what mailstore will say.
func TestFlagArithmetic(t *testing.T) {
	t.Parallel()
	var table flagTable
	was := table.set([]string{`\Seen`, "Work"})
	for _, c := range []struct {
		op     mailstore.FlagOp
		change []string
		want   []string
	}{
		{mailstore.Add, []string{`\Flagged`, "WORK"}, []string{"Work", `\Flagged`, `\Seen`}},
		{mailstore.Clear, []string{"work"}, []string{`\Seen`}},
		{mailstore.Replace, nil, nil},
		{mailstore.Replace, []string{`\Draft`}, []string{`\Draft`}},
	} {
		if got, want := table.after(was, c.op, c.change), table.set(c.want); got != want {
			t.Errorf("%v %v: %v", c.op, c.change, got.flags)
		}
	}
	if table.keywords != 1 {
		t.Errorf("%d keywords, want 1", table.keywords)
	}
}

// However many combinations of flags there are, a session does not keep them all, and
// knows flags again that it has forgotten.
func TestFlagSetsAreForgotten(t *testing.T) {
	t.Parallel()
	v := view{}
	first := v.flags.set([]string{mailstore.Seen, "Work"})
	v.believe(1, told{flags: first.sum})
	for i := range 3 * maxFlagSets {
		v.flags.set([]string{fmt.Sprint("k", i)})
	}
	if n := len(v.flags.sets); n > maxFlagSets {
		t.Errorf("%d combinations are kept", n)
	}
	if n := len(v.flags.known); n > maxLearned {
		t.Errorf("%d keywords are kept", n)
	}
	if first.text != `(\Seen Work)` {
		t.Errorf("a set in use became %s", first.text)
	}
	if !v.knows(&mailstore.Line{Entry: mailstore.Entry{UID: 1}}, v.flags.set([]string{"work", mailstore.Seen})) {
		t.Error("flags that were told are not known again")
	}
}

// FuzzSearch: whatever keys come, reading ends, nothing panics, and NOT is the
// opposite.
func FuzzSearch(f *testing.F) {
	for _, s := range []string{
		"ALL", "OR SEEN (1:* NOT $)", "RETURN (MIN SAVE) UID 1,3:*", "CHARSET UTF-8 FROM \"x\"", "SINCE 1-Jan-2006 SMALLER 10",
		"HEADER a b KEYWORD c", "NOT NOT NOT ALL", "((((1))))", "*:4294967295", "SENTON \" 1-Feb-2020\"",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, args string) {
		s := &session{server: &Server{Now: time.Now}, box: &view{set: mailstore.UIDsOf(1, 3, 9)}, saved: []mailstore.UID{3, 4}}
		var rows []row
		for u := range s.box.set.All() {
			rows = append(rows, row{uid: u, flags: s.box.flags.set([]string{`\Seen`})})
		}
		_, tree, err := s.searching(wire.Parse(args)).search()
		if err != nil {
			return
		}
		_, opposite, err := s.searching(wire.Parse("NOT (" + keysOf(args) + ")")).search()
		for at, r := range rows {
			c := &candidate{view: s.box, at: at, row: r}
			if v := tree(c); err == nil && v != -opposite(c) {
				t.Fatalf("%q and its opposite both say %d of %d", args, v, at)
			}
		}
	})
}

// keysOf cuts off what stands before the keys.
func keysOf(args string) string {
	p := searchParser{Parser: wire.Parse(args), session: &session{}}
	if _, err := p.returns(); err == nil && p.charset() == nil {
		return p.Rest()
	}
	return args
}

// FuzzAppend: an APPEND that is understood names a mailbox and is understood
// again when it is written the one way.
func FuzzAppend(f *testing.F) {
	for _, s := range []string{"INBOX ", `"a b" (\Seen x) "02-Jan-2006 15:04:05 +0100" `, "&AOQ- UTF8 (", "x () "} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, args string) {
		a, ok := parseAppend(wire.Parse(args), &wire.Literal{Size: 1, Binary: true}, true)
		if !ok {
			return
		}
		b, ok := parseAppend(wire.Parse(string(wire.AppendQuoted(nil, a.box))+" ("+strings.Join(a.flags, " ")+") "), &wire.Literal{Size: 1}, true)
		if !strings.ContainsFunc(a.box, func(r rune) bool { return r < ' ' || r == 0x7f }) && (!ok || b.box != a.box || !slices.Equal(a.flags, b.flags)) {
			t.Fatalf("%q became %+v and then %+v", args, a, b)
		}
	})
}
