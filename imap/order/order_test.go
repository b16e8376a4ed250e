package order

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// RFC 5256, section 2.1.
func TestBaseSubject(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		subject, base string
		answered      bool
	}{
		{"hello", "hello", false},
		{"Re: hello", "hello", true},
		{"RE :  hello", "hello", true},
		{"fw: hello", "hello", true},
		{"Fwd[2]: hello (fwd) (FWD)", "hello", true},
		{"hello (fwd)", "hello", true},
		{"[list] Re: [list] hello", "hello", true},
		{"[list] hello", "hello", false},
		{"[list]", "[list]", false},
		{"[list] [other]", "[other]", false},
		{"Re: [list]", "[list]", true},
		{"[fwd: hello]", "hello", true},
		{"re: [fwd: [fwd: re: [fwd: babylon]]]", "babylon", true},
		{"Ad: Re: x", "Ad: Re: x", false},
		{"refuse: x", "refuse: x", false},
		{"a\t b\r\n c", "a b c", false},
		{"", "", false},
		{"Re:", "", true},
		{"[unclosed Re: x", "[unclosed Re: x", false},
		{"[fwd:]", "", true},
	} {
		base, answered := BaseSubject(c.subject)
		if base != c.base || answered != c.answered {
			t.Errorf("%q: %q, %v; not %q, %v", c.subject, base, answered, c.base, c.answered)
		}
	}
}

// A long subject of nothing but lists' names takes no longer than its length.
func TestBaseSubjectIsLinear(t *testing.T) {
	t.Parallel()
	for _, part := range []string{"[a]", "[a] ", "re:", "[fwd:", "(fwd)", "[a]re:", "re[a]:"} {
		subject := strings.Repeat(part, 1<<17)
		began := time.Now()
		BaseSubject(subject + "x")
		BaseSubject(subject)
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("%q took %v", part, took)
		}
	}
}

func FuzzBaseSubject(f *testing.F) {
	f.Add("[a] Re: [fwd: b] (fwd)")
	f.Fuzz(func(t *testing.T, s string) {
		base, _ := BaseSubject(s)
		if again, _ := BaseSubject(base); again != base {
			t.Errorf("%q has base %q, which has base %q", s, base, again)
		}
	})
}

// at is a message of minute n.
func at(n int, id, subject string, references ...string) Message {
	return Message{Number: uint32(n), ID: id, Subject: subject, References: references, Date: time.Unix(int64(n)*60, 0)}
}

func TestReferences(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		messages []Message
		want     string
	}{
		"none":            {nil, ""},
		"a chain":         {[]Message{at(1, "a", "x"), at(2, "b", "Re: x", "a"), at(3, "c", "Re: x", "a", "b")}, "(1 2 3)"},
		"a fork":          {[]Message{at(1, "a", "x"), at(2, "b", "x", "a"), at(3, "c", "x", "a")}, "(1 (2)(3))"},
		"lost parent":     {[]Message{at(1, "b", "x", "gone"), at(2, "c", "y", "gone")}, "((1)(2))"},
		"one lost parent": {[]Message{at(1, "b", "x", "gone")}, "(1)"},
		"same subject":    {[]Message{at(1, "a", "x"), at(2, "b", "Re: x")}, "(1 2)"},
		"two answers":     {[]Message{at(1, "a", "Re: x"), at(2, "b", "Re: x")}, "((1)(2))"},
		"no subject":      {[]Message{at(1, "a", ""), at(2, "b", "")}, "(1)(2)"},
		"hidden":          {[]Message{{Number: 1, Hidden: true}, {Number: 2, Hidden: true}}, "(1)(2)"},
		"hidden, as told": {[]Message{{Number: 1, Subject: "[...]", Hidden: true}, {Number: 2, Subject: "[...]", Hidden: true}}, "(1)(2)"},
		"named as hidden": {[]Message{at(1, "a", "[...]"), {Number: 2, Subject: "[...]", Hidden: true, Arrival: 120}, at(3, "c", "Re: [...]")}, "(1 3)(2)"},
		"a loop":          {[]Message{at(1, "a", "x", "b"), at(2, "b", "y", "a")}, "(2 1)"},
		"itself":          {[]Message{at(1, "a", "x", "a")}, "(1)"},
		"one id twice":    {[]Message{at(1, "a", "x"), at(2, "a", "y")}, "(1)(2)"},
		"older later":     {[]Message{at(1, "c", "z", "b"), at(2, "b", "y", "a"), at(3, "a", "x")}, "(3 2 1)"},
	} {
		got, err := References(c.messages)
		if err != nil {
			t.Fatal(err)
		}
		if text := string(Write(nil, got)); text != c.want {
			t.Errorf("%s: %s, not %s", name, text, c.want)
		}
	}
}

func TestOrderedSubject(t *testing.T) {
	t.Parallel()
	got := OrderedSubject([]Message{at(3, "", "b"), at(1, "", "a"), at(4, "", "Re: a"), at(5, "", "[x] A"), at(2, "", "c")})
	if text := string(Write(nil, got)); text != "(1 (4)(5))(2)(3)" {
		t.Error(text)
	}
	got = OrderedSubject([]Message{{Number: 1, Hidden: true}, {Number: 2, Hidden: true}, {Number: 3}})
	if text := string(Write(nil, got)); text != "(1)(2)(3)" {
		t.Errorf("hidden subjects: %s", text)
	}
}

// Whatever messages say of each other, each stands in the threads once.
func TestThreadsHoldEveryMessageOnce(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		var all []Message
		n := 1 + r.IntN(30)
		for i := range n {
			m := at(i+1, fmt.Sprint(r.IntN(n)), []string{"", "x", "Re: x", "y"}[r.IntN(4)])
			for range r.IntN(4) {
				m.References = append(m.References, fmt.Sprint(r.IntN(n+5)))
			}
			all = append(all, m)
		}
		threads, err := References(all)
		if err != nil {
			t.Fatal(err)
		}
		text := string(Write(nil, threads))
		numbers := strings.FieldsFunc(text, func(c rune) bool { return c < '0' || c > '9' })
		slices.Sort(numbers)
		if len(slices.Compact(numbers)) != n || strings.Count(text, "(") != strings.Count(text, ")") {
			t.Fatalf("%d messages became %s", n, text)
		}
	}
}

// A long chain of answers, read from its end, and a mesh of references take no
// more than their bounded number of steps, and no stack.
func TestThreadsAreBounded(t *testing.T) {
	t.Parallel()
	const n = 5_000
	var chain, mesh []Message
	for i := range n {
		chain = append(chain, at(i+1, fmt.Sprint(n-i), "x", fmt.Sprint(n-i-1)))
		m := at(i+1, fmt.Sprint(i), "")
		for j := range 40 {
			m.References = append(m.References, fmt.Sprint((i*7919+j*104729)%n))
		}
		mesh = append(mesh, m)
	}
	for name, all := range map[string][]Message{"chain": chain, "mesh": mesh} {
		began := time.Now()
		if threads, err := References(all); err == nil {
			Write(nil, threads)
		}
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("the %s took %v", name, took)
		}
	}
}

func TestSort(t *testing.T) {
	t.Parallel()
	all := []Message{
		{Number: 1, Arrival: 30, Size: 10, Subject: "Re: b", From: "Zoe"},
		{Number: 2, Arrival: 10, Size: 10, Subject: "a", From: "adam"},
		{Number: 3, Arrival: 20, Size: 5, Subject: "B", From: "Änne", Date: time.Unix(40, 0)},
	}
	for _, c := range []struct {
		keys []Key
		want []uint32
	}{
		{[]Key{{By: Arrival}}, []uint32{2, 3, 1}},
		{[]Key{{By: Date}}, []uint32{2, 1, 3}},
		{[]Key{{By: Size}}, []uint32{3, 1, 2}},
		{[]Key{{By: Size, Reverse: true}}, []uint32{1, 2, 3}},
		{[]Key{{By: Subject}}, []uint32{2, 1, 3}},
		{[]Key{{By: Subject}, {By: Arrival, Reverse: true}}, []uint32{2, 1, 3}},
		{[]Key{{By: From}}, []uint32{2, 3, 1}},
	} {
		if got := Sort(all, c.keys); !slices.Equal(got, c.want) {
			t.Errorf("%v: %v, not %v", c.keys, got, c.want)
		}
	}
}
