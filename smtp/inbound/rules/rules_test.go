package rules

import (
	"errors"
	"strings"
	"testing"

	"sealpost/account"
	"sealpost/mail"
	"sealpost/pgp"
)

func lookAt(t *testing.T, text string, c pgp.Class) *look {
	t.Helper()
	m := strings.NewReader(text)
	return &look{mail: Mail{Bytes: m, Gist: mail.Look(t.Context(), m, mail.DefaultLimits), Class: c, To: mail.Address{Local: "alice", Domain: "demo.test"}}}
}

func TestConditions(t *testing.T) {
	t.Parallel()
	text := "From: =?utf-8?q?J=C3=BCrgen?= <J@Shop.example>\r\nTo: Team <team@demo.test>\r\nCc: x@y.example\r\nSubject: Your BILL\r\n" +
		"List-Id: News <news.shop.example>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nhi\r\n" +
		"--b\r\nContent-Type: application/pdf\r\nContent-Disposition: attachment; filename=bill.PDF\r\n\r\nx\r\n--b--\r\n"
	for _, c := range []struct {
		field, op, value string
		want             bool
	}{
		{"from", "contains", "jurgen", true}, {"from", "is", "j@shop.example", true}, {"from", "is", "shop.example", false},
		{"from", "ends", "@shop.example", true}, {"to", "is", "alice@demo.test", true}, {"to", "is", "X@Y.example", true},
		{"to", "contains", "nobody", false}, {"subject", "contains", "bill", true}, {"subject", "is", "your bill", true},
		{"list", "is", "news.shop.example", true}, {"list", "contains", "news", true}, {"attachment", "is", "yes", true},
		{"attachment", "ends", ".pdf", true}, {"attachment", "is", "no", false}, {"class", "is", "sealed on arrival", true},
		{"class", "is", "end-to-end", false}, {"size", "over", "10", true}, {"size", "under", "10", false}, {"size", "over", "9999999", false},
	} {
		l := lookAt(t, text, pgp.SealedOnArrival)
		if got := l.holds(Condition{Field: c.field, Op: c.op, Value: c.value}); got != c.want {
			t.Errorf("%s %s %q: %t", c.field, c.op, c.value, got)
		}
	}
	yes, no := Condition{Field: "subject", Op: "contains", Value: "bill"}, Condition{Field: "subject", Op: "contains", Value: "love"}
	not := no
	not.Not = true
	l := lookAt(t, text, pgp.SealedOnArrival)
	for _, c := range []struct {
		all  bool
		list []Condition
		want bool
	}{
		{true, []Condition{yes, no}, false}, {false, []Condition{yes, no}, true}, {true, []Condition{yes, not}, true},
		{false, []Condition{no, no}, false}, {true, nil, false}, {false, nil, false},
	} {
		if got := l.meets(Rule{All: c.all, Conditions: c.list}); got != c.want {
			t.Errorf("all %t, %d conditions: %t", c.all, len(c.list), got)
		}
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	r := &Room{Book: account.NewBook(nil, nil, make([]byte, 32), nil)}
	good := Rule{Conditions: []Condition{{Field: "from", Op: "is", Value: "a"}}, Actions: []Action{{Do: "flag", Flag: `\Seen`}}}
	with := func(edit func(*Rule)) Set {
		one := Rule{Conditions: append([]Condition(nil), good.Conditions...), Actions: append([]Action(nil), good.Actions...)}
		edit(&one)
		return Set{Rules: []Rule{one}}
	}
	bad := map[string]Set{
		"many":          {Rules: make([]Rule, maxRules+1)},
		"no condition":  with(func(r *Rule) { r.Conditions = nil }),
		"conditions":    with(func(r *Rule) { r.Conditions = make([]Condition, maxConditions+1) }),
		"no action":     with(func(r *Rule) { r.Actions = nil }),
		"field":         with(func(r *Rule) { r.Conditions[0].Field = "body" }),
		"op":            with(func(r *Rule) { r.Conditions[0].Op = "over" }),
		"empty":         with(func(r *Rule) { r.Conditions[0].Value = " " }),
		"folds to none": with(func(r *Rule) { r.Conditions[0].Value = "\u0301" }),
		"control":       with(func(r *Rule) { r.Conditions[0].Value = "a\r\nb" }),
		"long":          with(func(r *Rule) { r.Conditions[0].Value = strings.Repeat("x", maxValue+1) }),
		"size":          with(func(r *Rule) { r.Conditions[0] = Condition{Field: "size", Op: "over", Value: "1k"} }),
		"mailbox":       with(func(r *Rule) { r.Actions[0] = Action{Do: "move", Mailbox: "a/../b"} }),
		"flag":          with(func(r *Rule) { r.Actions[0].Flag = `\Deleted` }),
		"ours":          with(func(r *Rule) { r.Actions[0].Flag = "$SealpostUnsent" }),
		"address":       with(func(r *Rule) { r.Actions[0] = Action{Do: "forward", Address: "a@b\r\nBcc: x@y.z"} }),
		"do":            with(func(r *Rule) { r.Actions[0].Do = "run" }),
		"discard":       with(func(r *Rule) { r.Actions = append(r.Actions, Action{Do: "discard"}) }),
		"notice":        {Vacation: Vacation{On: true}},
		"subject":       {Vacation: Vacation{Subject: "a\r\nBcc: x@y.z"}},
	}
	for name, s := range bad {
		var invalid *Invalid
		if err := r.check(t.Context(), account.Account{}, &s); !errors.As(err, &invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	ok := with(func(*Rule) {})
	if err := r.check(t.Context(), account.Account{}, &ok); err != nil {
		t.Error(err)
	}
}

func FuzzConditions(f *testing.F) {
	f.Add("From: a@b.c\r\nList-Id: <x\r\n\r\n", "from", "is", "a@b.c")
	f.Fuzz(func(t *testing.T, text, field, op, value string) {
		l := &look{mail: Mail{Bytes: strings.NewReader(text), Gist: mail.Look(t.Context(), strings.NewReader(text), mail.DefaultLimits)}}
		l.holds(Condition{Field: field, Op: op, Value: value})
		automatic(l.mail.Gist.Header)
		if s := encoded(value); strings.Contains(strings.ReplaceAll(s, "?=\r\n =?", ""), "\n") {
			t.Errorf("%q breaks out of its field", s)
		}
	})
}
