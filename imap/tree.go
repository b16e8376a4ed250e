package imap

import (
	"cmp"
	"slices"
	"strings"

	"sealpost/mailstore"
)

// delimiter stands between the levels of a mailbox name.
const delimiter = "/"

// tree is all names there are: mailboxes, subscribed names and the levels
// above them.
type tree struct {
	branches []*branch // by name, INBOX first
	named    map[string]*branch
}

type branch struct {
	name       string
	box        mailstore.Mailbox
	real       bool // a mailbox, not only a name
	subscribed bool
	children   bool // mailboxes below it
	hidden     bool // subscribed names below it that the patterns do not show
}

func (s *session) tree() (*tree, error) {
	boxes, err := s.server.Store.Index.Mailboxes(s.ctx, s.owner)
	if err != nil {
		return nil, err
	}
	subscribed, err := s.server.Store.Index.Subscriptions(s.ctx, s.owner)
	if err != nil {
		return nil, err
	}
	t := &tree{named: map[string]*branch{}}
	for _, b := range boxes {
		leaf := t.at(b.Name)
		leaf.box, leaf.real = b, true
		t.above(b.Name, func(up *branch) { up.children = true })
	}
	for _, name := range subscribed {
		t.at(name).subscribed = true
		t.above(name, func(*branch) {})
	}
	slices.SortFunc(t.branches, func(a, b *branch) int {
		if (a.name == mailstore.Inbox) != (b.name == mailstore.Inbox) {
			if a.name == mailstore.Inbox {
				return -1
			}
			return 1
		}
		return cmp.Compare(a.name, b.name)
	})
	return t, nil
}

func (t *tree) at(name string) *branch {
	b := t.named[name]
	if b == nil {
		b = &branch{name: name}
		t.named[name] = b
		t.branches = append(t.branches, b)
	}
	return b
}

func (t *tree) above(name string, visit func(*branch)) {
	for i := range name {
		if name[i] == '/' {
			visit(t.at(name[:i]))
		}
	}
}

// hide marks what stands for subscribed names that are not listed themselves
// (RFC 5258, section 3.5; "%" in RFC 3501, section 6.3.9).
func (t *tree) hide(ref string, patterns []string) {
	for _, b := range t.branches {
		if b.subscribed && !matches(b.name, ref, patterns) {
			t.above(b.name, func(up *branch) { up.hidden = true })
		}
	}
}

// show gives the attributes LIST says of a branch, if it is to be said.
func (t *tree) show(b *branch, l *listing) (attrs []string, shown bool) {
	switch {
	case l.lsub && !b.subscribed && b.hidden:
		return []string{`\Noselect`}, true
	case l.use && b.box.Use == "":
		return nil, false
	case l.subscribed && !b.subscribed:
		if !l.recursive || !b.hidden {
			return nil, false
		}
	case !l.subscribed && !b.real && !b.children:
		return nil, false
	}
	return b.attributes(l), true
}

func (b *branch) attributes(l *listing) (attrs []string) {
	switch {
	case !b.real && l.lsub:
		attrs = append(attrs, `\Noselect`)
	case !b.real:
		attrs = append(attrs, `\NonExistent`)
	}
	if b.children {
		attrs = append(attrs, `\HasChildren`)
	} else {
		attrs = append(attrs, `\HasNoChildren`)
	}
	if b.box.Use != "" {
		attrs = append(attrs, b.box.Use)
	}
	if b.subscribed && (l.showSubscribed || l.subscribed) && !l.lsub {
		attrs = append(attrs, `\Subscribed`)
	}
	return attrs
}

// steps is how many matching the names takes.
func (t *tree) steps(ref string, patterns []string) (n int64) {
	length := int64(0)
	for _, p := range patterns {
		length += int64(len(ref) + len(p))
	}
	for _, b := range t.branches {
		n += int64(len(b.name)) * length
	}
	return n
}

func matches(name, ref string, patterns []string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		p = ref + p
		if level, rest, _ := strings.Cut(p, delimiter); strings.EqualFold(level, mailstore.Inbox) {
			p = mailstore.Inbox + p[len(p)-len(rest)-min(1, len(p)-len(level)):]
		}
		return match(name, p)
	})
}

// match says whether a name fits a pattern in which "*" is anything and "%"
// anything within a level. It takes time for the product of their lengths, not
// more, however many wildcards there are (ATTACKS D10).
func match(name, pattern string) bool {
	at := make([]bool, len(name)+1) // at[i]: the pattern so far fits name[:i]
	at[0] = true
	for p := range len(pattern) {
		c := pattern[p]
		if c == '*' || c == '%' {
			for i := range len(name) {
				at[i+1] = at[i+1] || at[i] && (c == '*' || name[i] != '/')
			}
			continue
		}
		for i := len(name); i > 0; i-- {
			at[i] = at[i-1] && name[i-1] == c
		}
		at[0] = false
	}
	return at[len(name)]
}
