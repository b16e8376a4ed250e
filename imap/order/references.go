package order

import (
	"cmp"
	"errors"
	"slices"
	"strings"
)

// ErrTooTangled says that messages refer to each other in ways that would take
// too long to follow.
var ErrTooTangled = errors.New("messages refer to each other in too many ways")

// stepsFor bounds the looking for loops, which alone could take long: a chain of
// answers that is read from its end.
func stepsFor(messages int) int { return 1_000_000 + 200*messages }

// node is a message in the making of threads, or one that is only referred to.
type node struct {
	message  *Message // nil: a dummy
	parent   *node
	children []*node
	sent     int64
}

// builder makes threads of references (RFC 5256, section 3, THREAD=REFERENCES).
type builder struct {
	ids   map[string]*node
	all   []*node
	steps int
}

// References is THREAD=REFERENCES: messages are threaded by what they refer to,
// and threads whose base subjects agree are joined.
func References(messages []Message) ([]*Thread, error) {
	b := builder{ids: make(map[string]*node, len(messages)), steps: stepsFor(len(messages))}
	for i := range messages {
		b.enter(&messages[i])
	}
	if b.steps < 0 {
		return nil, ErrTooTangled
	}
	roots := b.prune()
	b.sortAll(roots)
	roots = joinSubjects(roots)
	b.sortAll(roots)
	return threads(roots), nil
}

// find is the node of a message id; a dummy when no message with it is known yet.
func (b *builder) find(id string) *node {
	n := b.ids[id]
	if n == nil {
		n = &node{}
		b.ids[id] = n
		b.all = append(b.all, n)
	}
	return n
}

// enter is step 1: link the references of a message to each other and the message
// to the last of them.
func (b *builder) enter(m *Message) {
	var last *node
	for _, id := range m.References {
		n := b.find(id)
		if last != nil && n.parent == nil && !b.above(n, last) {
			last.adopt(n)
		}
		last = n
	}
	n := b.own(m)
	if n.parent != nil {
		b.disown(n)
	}
	if last != nil && !b.above(n, last) {
		last.adopt(n)
	}
}

// own is the node of a message itself. Of two with one id the second is unique.
func (b *builder) own(m *Message) *node {
	n := &node{}
	if m.ID != "" {
		if known := b.find(m.ID); known.message == nil {
			n = known
		} else {
			b.all = append(b.all, n)
		}
	} else {
		b.all = append(b.all, n)
	}
	n.message, n.sent = m, m.sent()
	return n
}

// above says whether n is below or the same as top: to link them would close a loop.
func (b *builder) above(top, n *node) bool {
	if top != n && len(top.children) == 0 {
		return false
	}
	for ; n != nil; n = n.parent {
		if b.steps--; b.steps < 0 || n == top {
			return true
		}
	}
	return false
}

func (n *node) adopt(child *node) {
	child.parent = n
	n.children = append(n.children, child)
}

// disown takes one child away; the order of the others does not matter before
// they are sorted.
func (b *builder) disown(child *node) {
	n := child.parent
	i := slices.Index(n.children, child)
	last := len(n.children) - 1
	b.steps -= i / 16 // looking for it is cheap, but not free
	n.children[i] = n.children[last]
	n.children = n.children[:last]
	child.parent = nil
}

// prune is steps 2 and 3: the roots, without dummies that hold nothing together.
// Children are looked at before their parents.
func (b *builder) prune() []*node {
	var roots []*node
	for _, n := range b.all {
		if n.parent == nil {
			roots = append(roots, n)
		}
	}
	for _, n := range slices.Backward(downward(roots)) {
		var kept []*node
		for _, c := range n.children {
			if c.message != nil {
				kept = append(kept, c)
				continue
			}
			for _, g := range c.children { // a dummy inside gives its children away
				g.parent = n
			}
			kept = append(kept, c.children...)
		}
		n.children = kept
	}
	var kept []*node
	for _, n := range roots {
		switch {
		case n.message == nil && len(n.children) == 0:
		case n.message == nil && len(n.children) == 1:
			n.children[0].parent = nil
			kept = append(kept, n.children[0])
		default:
			kept = append(kept, n)
		}
	}
	return kept
}

// downward lists all nodes, parents before their children.
func downward(roots []*node) []*node {
	all := slices.Clone(roots)
	for i := 0; i < len(all); i++ {
		all = append(all, all[i].children...)
	}
	return all
}

// sortAll is steps 4 and 6: siblings by date. A dummy has that of its first child.
func (b *builder) sortAll(roots []*node) {
	for _, n := range slices.Backward(downward(roots)) {
		slices.SortFunc(n.children, earlier)
		if n.message == nil && len(n.children) > 0 {
			n.sent = n.children[0].sent
		}
	}
	slices.SortFunc(roots, earlier)
}

func earlier(a, b *node) int {
	return cmp.Or(cmp.Compare(a.sent, b.sent), cmp.Compare(a.first().Number, b.first().Number))
}

// first is a node's message, or for a dummy at the root that of its first child.
func (n *node) first() *Message {
	if n.message == nil {
		return n.children[0].message
	}
	return n.message
}

// joinSubjects is step 5: roots of one base subject become one thread.
func joinSubjects(roots []*node) []*node {
	table := map[string]*node{}
	subjects := make([]string, len(roots))
	answered := map[*node]bool{}
	for i, n := range roots {
		base, is := BaseSubject(n.first().Subject)
		subjects[i], answered[n] = Collate(base), is
		if base == "" || n.first().Hidden {
			subjects[i] = ""
			continue
		}
		known := table[subjects[i]]
		if known == nil || known.message != nil && (n.message == nil || answered[known] && !is) {
			table[subjects[i]] = n
		}
	}
	gone, places := map[*node]bool{}, map[*node]int{}
	for i, n := range roots {
		places[n] = i
	}
	for i, n := range roots {
		known := table[subjects[i]]
		if subjects[i] == "" || known == n {
			continue
		}
		switch {
		case known.message == nil && n.message == nil:
			for _, c := range n.children {
				known.adopt(c)
			}
		case known.message == nil, answered[n] && !answered[known]:
			known.adopt(n)
		default: // both are answers, or neither is
			both := &node{}
			roots[places[known]] = both
			table[subjects[i]] = both
			both.adopt(known)
			both.adopt(n)
		}
		gone[n] = true
	}
	return slices.DeleteFunc(roots, func(n *node) bool { return gone[n] })
}

// threads makes what is told of the nodes.
func threads(roots []*node) []*Thread {
	made := map[*node]*Thread{}
	all := downward(roots)
	for _, n := range all {
		t := &Thread{}
		if n.message != nil {
			t.Number = n.message.Number
		}
		made[n] = t
	}
	for _, n := range all {
		for _, c := range n.children {
			made[n].Children = append(made[n].Children, made[c])
		}
	}
	out := make([]*Thread, len(roots))
	for i, n := range roots {
		out[i] = made[n]
	}
	return out
}

// Clean is a message id in the one form ids are compared in: without brackets,
// and a quoted local part that needs no quotes without them (RFC 5256, section 2.1).
func Clean(id string) string {
	id = strings.TrimSuffix(strings.TrimPrefix(id, "<"), ">")
	local, domain, ok := strings.Cut(id, "@")
	if n := len(local); ok && n >= 2 && local[0] == '"' && local[n-1] == '"' {
		inner := local[1 : n-1]
		if !strings.ContainsAny(inner, "\\\" ()<>[]:;,@") && inner != "" {
			return inner + "@" + domain
		}
	}
	return id
}
