package rules

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"

	"sealpost/mail"
	"sealpost/mailstore"
	"sealpost/pgp"
)

const (
	maxCandidates = 200 // names and addresses that are compared
	maxForwards   = 5   // of one mail
	maxFlags      = 20
)

// Decide asks an account's rules about a mail. A fault is logged, and then the mail is
// stored as it would be without rules.
func (r *Room) Decide(ctx context.Context, m Mail) (o Outcome) {
	defer func() {
		if v := recover(); v != nil {
			r.panicked(m, v)
			o = Outcome{}
		}
	}()
	s, err := r.Get(ctx, m.Account)
	if err != nil {
		r.Log.Warn("rules were passed over", "account", string(m.Account), "error", err)
		return Outcome{}
	}
	l := look{mail: m}
	for _, one := range s.Rules {
		if !one.On || !l.meets(one) {
			continue
		}
		o.take(one.Actions)
		if one.Stop {
			break
		}
	}
	o.vacation = s.Vacation
	return o
}

func (r *Room) panicked(m Mail, v any) {
	r.Log.Error("rules panicked", "account", string(m.Account), "type", fmt.Sprintf("%T", v), "stack", string(debug.Stack()))
}

// take adds what a rule asks for: of several mailboxes the last one counts, and what is
// thrown away goes nowhere else.
func (o *Outcome) take(actions []Action) {
	for _, a := range actions {
		switch a.Do {
		case "move":
			o.Mailbox, o.Trash = a.Mailbox, false
		case "discard":
			o.Mailbox, o.Trash = "", true
			o.flag(mailstore.Seen)
		case "flag":
			o.flag(a.Flag)
		case "forward":
			to, err := mail.ParseAddress(a.Address)
			if err == nil && !slices.Contains(o.Forward, to) && len(o.Forward) < maxForwards {
				o.Forward = append(o.Forward, to)
			}
		}
	}
}

func (o *Outcome) flag(f string) {
	if !slices.Contains(o.Flags, f) && len(o.Flags) < maxFlags {
		o.Flags = append(o.Flags, f)
	}
}

// look is one mail as rules see it. What it compares it folds once.
type look struct {
	mail   Mail
	folded map[string][]string
}

func (l *look) meets(one Rule) bool {
	for _, c := range one.Conditions {
		if ok := l.holds(c) != c.Not; ok != one.All {
			return ok
		}
	}
	return one.All && len(one.Conditions) > 0
}

func (l *look) holds(c Condition) bool {
	if c.Field == "size" {
		n, err := strconv.ParseInt(c.Value, 10, 64)
		if err != nil {
			return false
		}
		return c.Op == "over" && l.mail.Bytes.Size() > n || c.Op == "under" && l.mail.Bytes.Size() < n
	}
	value := mail.Fold(strings.TrimSpace(c.Value))
	if value == "" {
		return false
	}
	return slices.ContainsFunc(l.of(c.Field), func(s string) bool {
		switch c.Op {
		case "is":
			return s == value
		case "ends":
			return strings.HasSuffix(s, value)
		}
		return strings.Contains(s, value)
	})
}

// of are a field's texts, folded: each name and each address by itself.
func (l *look) of(field string) []string {
	if all, ok := l.folded[field]; ok {
		return all
	}
	var all []string
	add := func(s string) {
		if s != "" && len(all) < 2*maxCandidates {
			all = append(all, mail.Fold(s))
		}
	}
	g := l.mail.Gist
	switch field {
	case "from":
		add(g.FromName)
		add(g.From)
	case "to":
		add(l.mail.To.String())
		e := mail.ReadEnvelope(g.Header)
		for _, m := range slices.Concat(e.To, e.Cc) {
			add(m.Name)
			if m.Domain != "" {
				add(mail.Address{Local: m.Local, Domain: m.Domain}.String())
			}
		}
	case "subject":
		add(g.Subject)
	case "list":
		id := header(g.Header, "List-Id")
		add(mail.Decode(id))
		if _, rest, ok := strings.Cut(id, "<"); ok {
			id, _, _ = strings.Cut(rest, ">")
			add(id)
		}
	case "attachment":
		for _, a := range g.Attachments {
			add("yes")
			add(a.Name)
		}
	case "class":
		add(word(l.mail.Class))
	}
	if l.folded == nil {
		l.folded = map[string][]string{}
	}
	l.folded[field] = all
	return all
}

// word is a class as the API says it.
func word(c pgp.Class) string { return string(c) }

func header(h mail.Header, name string) string {
	f, _ := h.Get(name)
	return f.Value()
}

// errNoKey says that somebody has no key to forward to.
var errNoKey = errors.New("no key to forward to")
