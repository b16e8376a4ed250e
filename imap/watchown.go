package imap

import (
	"math"
	"slices"
	"strings"

	"sealpost/mailstore"
)

// What follows notes what this client did itself.

// put: it put messages into a mailbox. Of the selected one the next look needs to know.
func (s *session) put(e mailstore.Event) {
	switch {
	case !s.isSelected(e.Box):
		s.watch.put(e)
	case s.watch.awake() || len(s.live) > 0:
		s.own = s.own.With(e.UIDs...)
	}
}

func (w *watch) put(e mailstore.Event) {
	if !w.awake() || len(e.UIDs) == 0 {
		return
	}
	if w.mine == nil {
		w.mine = map[mailstore.MailboxID]mailstore.UIDSet{}
	}
	w.mine[e.Box] = w.mine[e.Box].With(e.UIDs...)
}

// created: it made a mailbox.
func (w *watch) created(name string, e mailstore.Event) {
	name, err := mailstore.CleanName(strings.TrimSuffix(name, delimiter))
	if err == nil && w.awake() && w.wanted != 0 {
		w.know(seen{id: e.Box, name: name, next: 1, modseq: e.Modseq, counted: true})
		w.below(name)
	}
}

// below: so it made what was missing above that name.
func (w *watch) below(name string) {
	for i := range name {
		if name[i] == '/' {
			w.made = append(w.made, name[:i])
		}
	}
}

// adopt takes what was made above a mailbox for known.
func (w *watch) adopt(t *tree) {
	for _, name := range w.made {
		if b := t.named[name]; b != nil && b.real {
			if _, there := w.find(b.box.ID); !there {
				w.know(seen{id: b.box.ID, name: name, next: 1, modseq: b.box.Modseq, counted: true})
			}
		}
	}
	w.made = nil
}

// removed: it deleted one.
func (w *watch) removed(id mailstore.MailboxID) {
	if w.awake() {
		w.known = slices.DeleteFunc(w.known, func(x seen) bool { return x.id == id })
	}
}

// renamed: it renamed one, and all below it.
func (w *watch) renamed(from, to string) {
	from, err1 := mailstore.CleanName(from)
	to, err2 := mailstore.CleanName(strings.TrimSuffix(to, delimiter))
	if err1 != nil || err2 != nil || !w.awake() {
		return
	}
	for i := range w.known {
		if rest, below := strings.CutPrefix(w.known[i].name, from); below && (rest == "" || strings.HasPrefix(rest, delimiter)) {
			w.known[i].name = to + rest
		}
	}
	w.below(to)
}

// followed: it subscribed a name, or not any more.
func (w *watch) followed(name string, on bool) {
	name, err := mailstore.CleanName(name)
	if err != nil || !w.awake() || !w.follows {
		return
	}
	at, there := slices.BinarySearch(w.subscribed, name)
	switch {
	case on && !there:
		w.subscribed = slices.Insert(w.subscribed, at, name)
	case !on && there:
		w.subscribed = slices.Delete(w.subscribed, at, at+1)
	}
}

// left: it is no longer in the mailbox that was selected, of which it knows what
// it was told until then. There may be more to tell of it from here on.
func (w *watch) left(v *view) {
	if !w.awake() {
		return
	}
	delete(w.mine, v.id)
	if at, there := w.place(v.id); there && w.known[at].modseq != v.since {
		x := &w.known[at]
		x.modseq, x.next, x.messages, x.unseen = v.since, v.next(), uint32(v.count()), math.MaxUint32
		w.stirred, w.stands = true, 0
	}
}
