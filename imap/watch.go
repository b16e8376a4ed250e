package imap

import (
	"cmp"
	"errors"
	"hash/maphash"
	"slices"
	"strings"
	"time"

	"sealpost/mailstore"
)

const (
	// maxWatched bounds the mailboxes whose state is kept for a client.
	maxWatched = 1000

	// maxToldNew bounds the new messages that are described at once to a client
	// that asked for attributes of them.
	maxToldNew = 1000
)

// watch is what a client asked to be told of by NOTIFY, and what it was told. What
// is new is always the difference between that and the index: nothing queues up
// here, however slow the client.
type watch struct {
	selected events // of the selected mailbox
	delayed  bool   // whose expunges wait for a command
	fetch    *fetch // what is told of its new messages, or nil

	groups  []watchGroup
	wanted  events // of any group
	follows bool   // subscriptions matter

	known      []seen   // by id
	subscribed []string // sorted
	mine       map[mailstore.MailboxID]mailstore.UIDSet
	made       []string // above what it made itself, and maybe with it
	notes      map[mailstore.MailboxID]noted
	seed       maphash.Seed // of marks

	sleep   func() // ends the wake-ups
	stirred bool   // there was one, and nobody looked yet
	looked  time.Time
	stands  mailstore.Modseq // of the account: up to there all was told; 0: nobody knows
}

// watchGroup is some mailboxes and what is told of them.
type watchGroup struct {
	selected, all, subscribed bool
	names                     []string
	below                     bool // and all below them
	events                    events
}

// seen is a mailbox as the client knows it.
type seen struct {
	id       mailstore.MailboxID
	name     string
	next     mailstore.UID
	messages uint32
	unseen   uint32
	modseq   mailstore.Modseq
	counted  bool // it is watched for events of messages
}

// awake says whether its client is told things between commands, too.
func (w *watch) awake() bool { return w != nil && w.sleep != nil }

// ofSelected are the events of the selected mailbox that are told: all, to who
// never used NOTIFY.
func (w *watch) ofSelected() events {
	if w == nil {
		return ofMessages
	}
	return w.selected
}

// unwatch ends a watch; instead takes its place.
func (s *session) unwatch(instead *watch) {
	if s.watch.awake() {
		s.watch.sleep()
	}
	s.watch = instead
}

// keepWatch begins a watch, and with status tells how the mailboxes stand (RFC
// 5465, section 3.1).
func (s *session) keepWatch(w *watch, status bool) error {
	if w.selected == 0 && w.wanted == 0 {
		s.watch = w
		return nil
	}
	w.sleep, w.seed = s.server.Store.Bus.Watch(string(s.owner), s.wire.Nudge), maphash.MakeSeed()
	stands, err := s.server.Store.Index.Modseq(s.ctx, s.owner)
	var t *tree
	if err == nil {
		t, err = s.tree()
	}
	if err == nil && !w.learn(t) {
		err = tooMuch
	}
	if err == nil {
		err = s.learnNotes(w, t)
	}
	if err != nil {
		w.sleep()
		s.watch = &watch{}
		return err
	}
	s.watch, w.looked, w.stands = w, time.Now(), stands
	for _, b := range t.branches {
		if want := w.events(b.name, b.subscribed); status && b.real && want&ofMessages != 0 && !s.isSelected(b.box.ID) {
			s.writeStatus(b.box, statusOf(want&flagChange != 0))
		}
	}
	return nil
}

// statusOf are the items that tell how a mailbox stands.
func statusOf(modseq bool) []string {
	if modseq {
		return []string{"MESSAGES", "UIDNEXT", "UIDVALIDITY", "HIGHESTMODSEQ"}
	}
	return []string{"MESSAGES", "UIDNEXT", "UIDVALIDITY"}
}

func (s *session) isSelected(id mailstore.MailboxID) bool { return s.box != nil && s.box.id == id }

// events are those asked for of a mailbox: by all groups together (RFC 5465,
// section 6).
func (w *watch) events(name string, subscribed bool) (e events) {
	for i := range w.groups {
		if g := &w.groups[i]; g.all || g.subscribed && subscribed || g.has(name) {
			e |= g.events
		}
	}
	return e
}

func (g *watchGroup) has(name string) bool {
	return slices.ContainsFunc(g.names, func(top string) bool {
		rest, below := strings.CutPrefix(name, top)
		return below && (rest == "" || g.below && strings.HasPrefix(rest, delimiter))
	})
}

// learn takes down how the mailboxes stand, unless there are too many of them.
// Whoever follows names needs those of all, to tell what one was called before.
func (w *watch) learn(t *tree) bool {
	w.known, w.subscribed = nil, nil
	for _, b := range t.branches {
		if b.subscribed && w.follows {
			w.subscribed = append(w.subscribed, b.name)
		}
		want := w.events(b.name, b.subscribed) & ofMessages
		if b.real && (w.wanted&mailboxName != 0 || want != 0) {
			now := seenNow(b.box)
			now.counted = want != 0
			w.know(now)
		}
		if len(w.known) > maxWatched || len(w.subscribed) > maxWatched {
			return false
		}
	}
	slices.Sort(w.subscribed)
	return true
}

func seenNow(b mailstore.Mailbox) seen {
	return seen{id: b.ID, name: b.Name, next: b.UIDNext, messages: b.Messages, unseen: b.Unseen, modseq: b.Modseq}
}

func (w *watch) place(id mailstore.MailboxID) (int, bool) {
	return slices.BinarySearchFunc(w.known, id, func(x seen, id mailstore.MailboxID) int { return cmp.Compare(x.id, id) })
}

// know takes down one mailbox.
func (w *watch) know(x seen) {
	at, there := w.place(x.id)
	if !there {
		w.known = slices.Insert(w.known, at, seen{})
	}
	w.known[at] = x
}

// find gives what was known of a mailbox.
func (w *watch) find(id mailstore.MailboxID) (seen, bool) {
	at, there := w.place(id)
	if !there {
		return seen{}, false
	}
	return w.known[at], true
}

// tellWatched tells what is new of mailboxes that are not selected. All that can be told
// has a MODSEQ, and those of an account are one row of numbers: most wake-ups end there.
func (s *session) tellWatched() error {
	w := s.watch
	if !w.awake() || w.wanted == 0 {
		return nil
	}
	s.hear(false)
	if !w.stirred && time.Since(w.looked) < lookAgain {
		return nil
	}
	w.stirred, w.looked = false, time.Now()
	stands, err := s.server.Store.Index.Modseq(s.ctx, s.owner)
	if err == nil && stands == w.stands {
		return nil
	}
	var t *tree
	if err == nil {
		t, err = s.tree()
	}
	if err != nil {
		w.looked = time.Time{} // the wake-up was not used
		return s.fault("read changes", err)
	}
	if len(t.branches) == 0 { // nobody is without INBOX
		return s.wire.Bye("this account is gone")
	}
	w.adopt(t)
	before := *w
	err = s.learnNotes(w, t)
	if !w.learn(t) || errors.Is(err, tooMuch) {
		s.overflow()
		return nil
	}
	if err != nil {
		*w, w.looked = before, time.Time{} // nothing was told yet
		return s.fault("read metadata", err)
	}
	s.tellNames(&before, t)
	s.tellSubscriptions(before.subscribed, t)
	s.tellStatus(&before, t)
	s.tellNotes(before.notes, t)
	w.mine, w.stands = nil, stands
	return nil
}

// overflow ends a watch that has become too much (RFC 5465, section 5.8).
func (s *session) overflow() {
	s.unwatch(&watch{})
	s.wire.Str("* OK [NOTIFICATIONOVERFLOW] too much happens: nothing more is told\r\n")
}

// tellStatus tells what happened to messages (RFC 5465, sections 5.1 to 5.3).
func (s *session) tellStatus(before *watch, t *tree) {
	for _, b := range t.branches {
		want := s.watch.events(b.name, b.subscribed) & ofMessages
		if !b.real || want == 0 || s.isSelected(b.box.ID) {
			continue
		}
		items := s.changed(before, seenNow(b.box), want)
		if len(items) > 0 && !s.onlyMine(before, b.box) {
			s.writeStatus(b.box, items)
		}
	}
}

// changed gives what STATUS has to tell of a mailbox, or nothing.
func (s *session) changed(before *watch, now seen, want events) []string {
	was, there := before.find(now.id)
	switch {
	case !there || !was.counted: // it was made, maybe with the name of another, or is watched from now on
		return statusOf(s.enabled.condstore)
	case now.modseq == was.modseq:
		return nil
	}
	var items []string
	if now.next != was.next || now.messages != was.messages {
		items = statusOf(s.enabled.condstore)
	} else if want&flagChange != 0 && s.enabled.condstore {
		items = []string{"UIDVALIDITY", "HIGHESTMODSEQ"}
	}
	if want&flagChange != 0 && now.unseen != was.unseen {
		if len(items) == 0 {
			items = []string{"UIDVALIDITY"}
		}
		items = append(items, "UNSEEN")
	}
	return items
}

// onlyMine says whether a mailbox has changed by nothing but what this client put
// there, which is not told (RFC 5465, section 5), or what is kept beside it, which is no
// event of messages although it has a MODSEQ (RFC 7162, section 3.2).
func (s *session) onlyMine(before *watch, b mailstore.Mailbox) bool {
	was, there := before.find(b.ID)
	mine := s.watch.mine[b.ID]
	if !there || !was.counted || mine.Len() == 0 && was.next != b.UIDNext {
		return false
	}
	c, err := s.server.Store.Index.Changes(s.ctx, s.owner, b.ID, was.modseq)
	return err == nil && c.Changed.Minus(mine).Len() == 0 && c.Vanished.Len() == 0
}
