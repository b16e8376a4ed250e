package imaptest

import "testing"

// A runner that takes any answer would pass every server.
func TestMatches(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		want, came string
		prefix, ok bool
	}{
		{"1 exists", "1 EXISTS", false, true},
		{"1 exists", "2 EXISTS", false, false},
		{"1 exists", "1 EXISTS 2", false, false},
		{"ok [uidnext $n]", "OK [UIDNEXT 7] next", true, true},
		{"ok [uidnext 8]", "OK [UIDNEXT 7] next", true, false},
		{"1 fetch (uid $u flags (\\seen))", "1 FETCH (FLAGS (\\Recent \\Seen) UID 4)", false, true},
		{"1 fetch (flags (\\seen))", "1 FETCH (FLAGS (\\Seen \\Draft))", false, false},
		{"1 fetch (flags (\\seen \\draft))", "1 FETCH (FLAGS (\\Seen))", false, false},
		{"1 fetch (flags ($!extra $!unordered \\seen))", "1 FETCH (FLAGS (\\Seen \\Draft))", false, true},
		{"list ($!unordered $!ban=\\noselect) / a", `LIST (\HasChildren) "/" a`, false, true},
		{"list ($!unordered $!ban=\\noselect) / a", `LIST (\NoSelect) "/" a`, false, false},
		{"list () $sep ${case:Box}", `LIST () "/" Box`, false, true},
		{"list () $sep ${case:Box}", `LIST () "/" BOX`, false, false},
		{"search $a $b", "SEARCH 3 4", false, true},
		{"search $a $a", "SEARCH 3 4", false, false},
		{"$2 expunge", "2 EXPUNGE", false, true},
		{"$4 expunge", "4 EXPUNGE", false, false},
		{"x $modseq1 $modseq3", "X 10 12", false, true},
		{"x $modseq1 $modseq3", "X 10 11", false, false},
		{"envelope (nil \"s1\")", `ENVELOPE (NIL {2}` + "\r\ns1)", false, true},
		{"envelope (nil \"s1\")", `ENVELOPE ("NIL" "s1")`, false, false},
		{"x $$a", "X $a", false, true},
	} {
		want, err := parseArgs(c.want)
		if err != nil {
			t.Fatal(err)
		}
		came, err := parseArgs(c.came)
		if err != nil {
			t.Fatal(err)
		}
		m := matcher{vars: map[string]string{}, seqs: []int{1, 2, 3}}
		if ok := m.matches(withDefaults(want), came, c.prefix); ok != c.ok {
			t.Errorf("%s against %s: %v", c.want, c.came, ok)
		}
	}
}

// $1 is the message that had number 1 when the commands were sent.
func TestNumbersFollowExpunges(t *testing.T) {
	t.Parallel()
	m := matcher{vars: map[string]string{}, seqs: []int{1, 2, 3}}
	m.expunged(1)
	for n, want := range map[int]string{1: "<expunged>", 2: "1", 3: "2", 4: "<out of range>"} {
		if got := m.number(n); got != want {
			t.Errorf("$%d is %s, not %s", n, got, want)
		}
	}
}
