package imap

import (
	"cmp"
	"slices"
	"strings"

	goimap "github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"

	"sealpost/mailstore"
)

// delimiter stands between the levels of a mailbox name.
const delimiter = '/'

// List is LIST and LSUB (RFC 9051, section 6.3.9; RFC 3501, section 6.3.9;
// RFC 5258, 5819, 6154).
func (s *session) List(w *imapserver.ListWriter, ref string, patterns []string, o *goimap.ListOptions) error {
	if len(patterns) == 0 { // LIST "" "" asks for the delimiter
		return w.WriteList(&goimap.ListData{Attrs: []goimap.MailboxAttr{goimap.MailboxAttrNoSelect}, Delim: delimiter})
	}
	t, err := s.tree()
	if err != nil {
		return s.fault("list", err)
	}
	t.hide(ref, patterns)
	lsub := s.command == "LSUB"
	for _, b := range t.branches {
		if !matches(b.name, ref, patterns) {
			continue
		}
		if data := t.show(b, o, lsub); data != nil {
			if o.ReturnStatus != nil && b.real {
				data.Status = s.status(b.box)
			}
			if err := w.WriteList(data); err != nil {
				return err
			}
		}
	}
	return nil
}

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
		if name[i] == delimiter {
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

// show is what LIST says of a branch, or nil.
func (t *tree) show(b *branch, o *goimap.ListOptions, lsub bool) *goimap.ListData {
	data := &goimap.ListData{Delim: delimiter, Mailbox: b.name}
	switch {
	case lsub && !b.subscribed && b.hidden:
		data.Attrs = []goimap.MailboxAttr{goimap.MailboxAttrNoSelect}
		return data
	case o.SelectSpecialUse && b.box.Use == "":
		return nil
	case o.SelectSubscribed && !b.subscribed:
		if !o.SelectRecursiveMatch || !b.hidden {
			return nil
		}
	case !o.SelectSubscribed && !b.real && !b.children:
		return nil
	}
	if o.SelectRecursiveMatch && b.hidden {
		data.ChildInfo = &goimap.ListDataChildInfo{Subscribed: true}
	}
	data.Attrs = b.attributes(o, lsub)
	return data
}

func (b *branch) attributes(o *goimap.ListOptions, lsub bool) []goimap.MailboxAttr {
	attrs := []goimap.MailboxAttr{}
	if !b.real {
		attrs = append(attrs, goimap.MailboxAttrNonExistent)
		if lsub {
			attrs[0] = goimap.MailboxAttrNoSelect
		}
	}
	if b.children {
		attrs = append(attrs, goimap.MailboxAttrHasChildren)
	} else {
		attrs = append(attrs, goimap.MailboxAttrHasNoChildren)
	}
	if b.box.Use != "" {
		attrs = append(attrs, goimap.MailboxAttr(b.box.Use))
	}
	if b.subscribed && (o.ReturnSubscribed || o.SelectSubscribed) && !lsub {
		attrs = append(attrs, goimap.MailboxAttrSubscribed)
	}
	return attrs
}

func matches(name, ref string, patterns []string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		p = ref + p
		if level, rest, _ := strings.Cut(p, string(delimiter)); strings.EqualFold(level, mailstore.Inbox) {
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
				at[i+1] = at[i+1] || at[i] && (c == '*' || name[i] != delimiter)
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
