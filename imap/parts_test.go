package imap

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	goimap "github.com/emersion/go-imap/v2"

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

func TestNames(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"INBOX":                  "INBOX",
		"R&-D":                   "R&D",
		"Entw&APw-rfe":           "Entwürfe",
		"&U,BTFw-":               "台北",
		"&2D3eAA-":               "\U0001f600",
		"Grüße":                  "Grüße",
		"a&AOQ-b&AOQ-":           "aäbä",
		"../etc/passwd":          "../etc/passwd", // CleanName refuses it
		"&AAA-":                  "\x00",          // and this
		"&AGE-":                  "<refused>",     // "a" in base64
		"&AOQ-&APw-":             "<refused>",     // two runs where one would do
		"&AOR-":                  "<refused>",     // bits left over
		"&AOQ=-":                 "<refused>",
		"&":                      "<refused>",
		"&AOQ":                   "<refused>",
		"&2D0-":                  "<refused>", // half a surrogate
		"&3gA-":                  "<refused>",
		"a\x01":                  "<refused>",
		"\xff":                   "<refused>",
		"&AC8-etc":               "<refused>", // "/" in base64
		"&AOQALwAu-":             "<refused>",
		"&AOQ\r\n-":              "<refused>",
		"&ACYAJg-":               "<refused>",
		"&Jjo-!":                 "\u263a!",
		"&AOQ-&-&APw-":           "ä&ü",
		"~peter/mail/&ZeVnLIqe-": "~peter/mail/日本語",
	} {
		got, ok := decodeName(in)
		if !ok {
			got = "<refused>"
		}
		if got != want {
			t.Errorf("%q is %q, want %q", in, got, want)
		}
	}
}

// FuzzName: no two ways to write one name, but for raw UTF-8, and no control
// or printable ASCII out of base64.
func FuzzName(f *testing.F) {
	for _, s := range []string{"R&-D", "&U,BTFw-", "&2D3eAA-", "a&AOQ-b&AOQ-", "&AAA-", "&AOR-"} {
		f.Add(s, "INBOX")
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		one, ok1 := decodeName(a)
		two, ok2 := decodeName(b)
		ascii := strings.IndexFunc(a+b, func(r rune) bool { return r > '~' }) < 0
		if ok1 && ok2 && ascii && a != b && one == two {
			t.Fatalf("%q and %q are both %q", a, b, one)
		}
	})
}

func TestNumbers(t *testing.T) {
	t.Parallel()
	s := &session{box: &view{}}
	for _, u := range []mailstore.UID{3, 5, 9, 10, 4294967295} {
		s.box.rows = append(s.box.rows, row{uid: u})
	}
	const all = 1<<32 - 1
	for _, c := range []struct {
		set  goimap.NumSet
		want string
	}{
		{goimap.SeqSet{{Start: 1, Stop: all}}, "[{0 5}]"},
		{goimap.SeqSet{{Start: 0, Stop: 0}}, "[{4 5}]"},
		{goimap.SeqSet{{Start: 4, Stop: 0}}, "[{3 5}]"},
		{goimap.SeqSet{{Start: 9, Stop: 0}}, "[{4 5}]"},
		{goimap.SeqSet{{Start: 6, Stop: 7}}, "[]"},
		{goimap.SeqSet{{Start: 1, Stop: 2}, {Start: 2, Stop: 3}}, "[{0 3}]"},
		{goimap.UIDSet{{Start: 4, Stop: 9}}, "[{1 3}]"},
		{goimap.UIDSet{{Start: 6, Stop: 8}}, "[]"},
		{goimap.UIDSet{{Start: 11, Stop: 0}}, "[{4 5}]"},
		{goimap.UIDSet{{Start: 1, Stop: all}}, "[{0 5}]"},
		{goimap.UIDSet{{Start: 3, Stop: 3}, {Start: 10, Stop: 10}}, "[{0 1} {3 4}]"},
	} {
		if got := fmt.Sprint(s.places(c.set)); got != c.want {
			t.Errorf("%v is %s, want %s", c.set, got, c.want)
		}
	}
	s.box.rows = nil
	if got := s.places(goimap.SeqSet{{Start: 1, Stop: 0}}); len(got) != 0 {
		t.Errorf("an empty mailbox has %v", got)
	}
}

func TestExpungesAreNumberedFromTheTop(t *testing.T) {
	t.Parallel()
	v := &view{}
	for u := range mailstore.UID(6) {
		v.rows = append(v.rows, row{uid: u + 1})
	}
	v.lose(2)
	v.lose(5)
	if got := v.drop(); !slices.Equal(got, []uint32{5, 2}) {
		t.Errorf("said %v", got)
	}
	if len(v.rows) != 4 || v.rows[1].uid != 3 {
		t.Errorf("kept %v", v.rows)
	}
}

// What a client is taken to believe after a STORE is what mailstore will say.
func TestFlagArithmetic(t *testing.T) {
	t.Parallel()
	var table flagTable
	r := row{flags: table.number([]string{`\Seen`, "Work"})}
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
		if got, want := table.after(r, c.op, c.change), table.number(c.want); got != want {
			t.Errorf("%v %v: %v", c.op, c.change, table.sets[got])
		}
	}
	if table.keywords != 1 {
		t.Errorf("%d keywords, want 1", table.keywords)
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
		s := &session{box: &view{}, saved: []mailstore.UID{3, 4}}
		for _, u := range []mailstore.UID{1, 3, 9} {
			s.box.rows = append(s.box.rows, row{uid: u, flags: s.box.flags.number([]string{`\Seen`})})
		}
		_, tree, err := s.parseSearch(args)
		if err != nil {
			return
		}
		_, opposite, err := s.parseSearch("NOT (" + keysOf(args) + ")")
		for at, r := range s.box.rows {
			c := &candidate{view: s.box, at: at, row: r}
			if v := tree(c); err == nil && v != -opposite(c) {
				t.Fatalf("%q and its opposite both say %d of %d", args, v, at)
			}
		}
	})
}

// keysOf cuts off what stands before the keys.
func keysOf(args string) string {
	p := searchParser{parser: parser{rest: args}}
	if _, err := p.returns(); err == nil && p.charset() == nil {
		return p.rest
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
		a, ok := parseAppend(command{args: args, mail: &literal{size: 1, binary: true}})
		if !ok {
			return
		}
		b, ok := parseAppend(command{args: string(appendQuoted(nil, []byte(strings.ReplaceAll(a.box, "&", "&-")))) + " (" + strings.Join(a.flags, " ") + ") ", mail: &literal{size: 1}})
		if !strings.ContainsFunc(a.box, func(r rune) bool { return r < ' ' || r == 0x7f }) && (!ok || b.box != a.box || !slices.Equal(a.flags, b.flags)) {
			t.Fatalf("%q became %+v and then %+v", args, a, b)
		}
	})
}
