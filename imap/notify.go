package imap

import (
	"cmp"
	"strings"

	"sealpost/imap/wire"
	"sealpost/mailstore"
)

const (
	// watchGroups and watchNames bound what one NOTIFY may ask (ATTACKS D10).
	watchGroups = 32
	watchNames  = 200
)

// events are kinds of what a client may be told (RFC 5465, section 5).
type events uint8

const (
	messageNew events = 1 << iota
	messageExpunge
	flagChange
	mailboxName
	subscriptionChange
	mailboxMetadata
	serverMetadata

	ofMessages = messageNew | messageExpunge | flagChange
)

// eventNames are the kinds that this server knows, in their own spelling. Another
// is answered with this list.
const eventNames = "MessageNew MessageExpunge FlagChange MailboxName SubscriptionChange MailboxMetadataChange ServerMetadataChange"

var eventKinds = map[string]events{
	"MESSAGENEW":            messageNew,
	"MESSAGEEXPUNGE":        messageExpunge,
	"FLAGCHANGE":            flagChange,
	"MAILBOXNAME":           mailboxName,
	"SUBSCRIPTIONCHANGE":    subscriptionChange,
	"MAILBOXMETADATACHANGE": mailboxMetadata,
	"SERVERMETADATACHANGE":  serverMetadata,
}

// notify is NOTIFY (RFC 5465, section 3.1). What was to be told under the rules
// before is told first: it implies NOOP.
func (s *session) notify(r *request) error {
	if r.Args.Fold("NONE") && r.Args.End() {
		s.unwatch(&watch{})
		return nil
	}
	n := notifying{session: s, watch: &watch{}}
	if err := n.parse(&r.Args); err != nil {
		return err
	}
	if t, err := s.tree(); err != nil || !n.watch.learn(t) { // what was asked for before stays as it was
		return s.fault("notify", cmp.Or[error](err, tooMuch))
	}
	_ = s.tell(true, false) // logged where it was classified
	s.unwatch(nil)
	_ = s.tell(true, false) // and what nobody wanted to be told until now
	return s.fault("notify", s.keepWatch(n.watch, n.status))
}

// notifying is a NOTIFY SET being read.
type notifying struct {
	session *session
	watch   *watch
	status  bool // STATUS is asked for
	chosen  bool // there is a group for the selected mailbox
	unknown bool // an event is not among those we know
	names   int
}

var badNotify = bad("expected NOTIFY NONE, or NOTIFY SET [STATUS] (mailboxes (events)) ...")

// parse reads: SET [SP STATUS] SP group ...
func (n *notifying) parse(p *wire.Parser) error {
	if !p.Fold("SET") || !p.Space() {
		return badNotify
	}
	if p.Fold("STATUS") {
		n.status = true
		if !p.Space() {
			return badNotify
		}
	}
	for groups := 1; ; groups++ {
		if err := n.group(p); err != nil {
			return err
		}
		if p.End() {
			break
		}
		if !p.Space() {
			return badNotify
		}
		if groups >= watchGroups {
			return tooMuch
		}
	}
	switch {
	case n.unknown:
		return no("BADEVENT ("+eventNames+")", "these are the events that this server knows")
	case n.names > watchNames:
		return tooMuch
	}
	return nil
}

// tooMuch refuses what would cost too much to watch (RFC 5465, section 5.8).
var tooMuch = no("NOTIFICATIONOVERFLOW", "too many mailboxes to watch")

// watched are the ways to name mailboxes (RFC 5465, section 6). Delivery may file
// anywhere, so INBOXES is PERSONAL (section 6.3), and all mailboxes are that.
var watched = map[string]func(*notifying, *watchGroup, *wire.Parser) bool{
	"SELECTED":         func(n *notifying, g *watchGroup, _ *wire.Parser) bool { return n.choose(g, false) },
	"SELECTED-DELAYED": func(n *notifying, g *watchGroup, _ *wire.Parser) bool { return n.choose(g, true) },
	"INBOXES":          func(_ *notifying, g *watchGroup, _ *wire.Parser) bool { g.all = true; return true },
	"PERSONAL":         func(_ *notifying, g *watchGroup, _ *wire.Parser) bool { g.all = true; return true },
	"SUBSCRIBED":       func(_ *notifying, g *watchGroup, _ *wire.Parser) bool { g.subscribed = true; return true },
	"SUBTREE":          func(n *notifying, g *watchGroup, p *wire.Parser) bool { g.below = true; return n.mailboxes(g, p) },
	"MAILBOXES":        (*notifying).mailboxes,
}

// choose takes the group of the selected mailbox, of which there may be one.
func (n *notifying) choose(g *watchGroup, delayed bool) bool {
	g.selected, n.watch.delayed = true, delayed
	ok := !n.chosen
	n.chosen = true
	return ok
}

// mailboxes reads: SP mailbox, or mailboxes in parentheses. One that cannot be is
// passed over, as one that is not there.
func (n *notifying) mailboxes(g *watchGroup, p *wire.Parser) bool {
	one := func() bool {
		name, ok := p.Box(n.session.wire.UTF8)
		if n.names++; n.names > watchNames {
			return ok
		}
		if name, err := mailstore.CleanName(strings.TrimSuffix(name, delimiter)); err == nil {
			g.names = append(g.names, name)
		}
		return ok
	}
	if !p.Space() {
		return false
	}
	if p.Next("(") {
		before := n.names
		return p.List(one) && n.names > before
	}
	return one()
}

// group reads: "(" mailboxes SP events ")".
func (n *notifying) group(p *wire.Parser) error {
	if !p.Special("(") {
		return badNotify
	}
	word, _ := p.Word()
	var g watchGroup
	if of := watched[word]; of == nil || !of(n, &g, p) || !p.Space() {
		return badNotify
	}
	if err := n.events(&g, p); err != nil {
		return err
	}
	switch {
	case !p.Special(")"):
		return badNotify
	case g.selected && g.events&^ofMessages != 0:
		return bad("of the selected mailbox only events of messages can be asked for (RFC 5465, section 6.1)")
	case g.events&ofMessages != 0 && g.events&(messageNew|messageExpunge) != messageNew|messageExpunge:
		return bad("MessageNew and MessageExpunge go together, and FlagChange goes with both (RFC 5465, section 5)")
	case g.selected:
		n.watch.selected = g.events
	case g.events != 0:
		n.watch.groups = append(n.watch.groups, g)
		n.watch.wanted |= g.events
		n.watch.follows = n.watch.follows || g.subscribed || g.events&subscriptionChange != 0
	}
	return nil
}

// events reads: NONE, or events in parentheses.
func (n *notifying) events(g *watchGroup, p *wire.Parser) error {
	if p.Fold("NONE") {
		return nil
	}
	wrong := badNotify
	seen := 0
	ok := p.List(func() bool {
		word, ok := p.Word()
		kind := eventKinds[word]
		g.events |= kind
		n.unknown = n.unknown || kind == 0
		seen++
		if ok && kind == messageNew && p.Next(" (") {
			wrong = bad("expected attributes of FETCH that this server knows, for the selected mailbox alone")
			return g.selected && p.Space() && n.attributes(p)
		}
		return ok
	})
	if !ok || seen == 0 {
		return wrong
	}
	return nil
}

// attributes reads what is to be told of new messages (RFC 5465, section 5.2).
func (n *notifying) attributes(p *wire.Parser) bool {
	f, ok := n.session.attributes(p)
	n.watch.fetch = f
	return ok
}
