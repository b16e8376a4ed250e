package imap

import (
	"slices"
	"strings"
)

// tellNames tells which mailboxes were made, renamed or deleted (RFC 5465, section
// 5.4). What stands below one that was renamed goes with it, untold. What stands above
// one that was made or deleted is affected, too, and may not be there.
func (s *session) tellNames(before *watch, t *tree) {
	w, told, said := s.watch, map[string]string{}, map[string]bool{}
	var above []string
	say := func(b *branch) {
		s.writeName(b, "")
		said[b.name] = true
		if i := strings.LastIndex(b.name, delimiter); i > 0 {
			above = append(above, b.name[:i])
		}
	}
	for _, b := range t.branches {
		if !b.real {
			continue
		}
		was, there := before.find(b.box.ID)
		switch {
		case there && was.name != b.name:
			want := w.events(was.name, before.follow(was.name)) | w.events(b.name, b.subscribed)
			if want&mailboxName != 0 && !implied(told, was.name, b.name) {
				told[b.name] = was.name
				s.writeName(b, was.name)
			}
		case !there && w.events(b.name, b.subscribed)&mailboxName != 0:
			say(b)
		}
	}
	for _, was := range before.known {
		if _, there := w.find(was.id); there || w.events(was.name, before.follow(was.name))&mailboxName == 0 {
			continue
		}
		if b := t.named[was.name]; b == nil || !b.real {
			say(orGone(b, was.name))
		}
	}
	slices.Sort(above)
	for _, name := range slices.Compact(above) {
		if b := orGone(t.named[name], name); !said[name] && w.events(name, b.subscribed)&mailboxName != 0 {
			s.writeName(b, "")
		}
	}
}

// follow says whether a name was subscribed.
func (w *watch) follow(name string) bool {
	_, is := slices.BinarySearch(w.subscribed, name)
	return is
}

// orGone is a branch, or one that is not in the tree any more.
func orGone(b *branch, name string) *branch {
	if b == nil {
		return &branch{name: name}
	}
	return b
}

// implied says whether a mailbox was renamed with one above it.
func implied(renamed map[string]string, was, name string) bool {
	for i := range name {
		if above, ok := renamed[name[:i]]; ok && name[i] == '/' && was == above+name[i:] {
			return true
		}
	}
	return false
}

// writeName tells a name as it is now, and what it was.
func (s *session) writeName(b *branch, was string) {
	w := s.wire
	w.Str("* LIST (" + strings.Join(b.attributes(&listing{showSubscribed: true}), " ") + `) "/" `)
	w.Box(b.name)
	if was != "" {
		w.Str(` ("OLDNAME" (`)
		w.Box(was)
		w.Str("))")
	}
	w.Line()
}

// tellSubscriptions tells which names were subscribed or not any more (RFC 5465,
// section 5.5).
func (s *session) tellSubscriptions(before []string, t *tree) {
	if s.watch.wanted&subscriptionChange == 0 {
		return
	}
	now := s.watch.subscribed
	tell := func(name string) {
		if s.watch.events(name, true)&subscriptionChange != 0 {
			s.writeName(orGone(t.named[name], name), "")
		}
	}
	for len(before) > 0 || len(now) > 0 {
		switch {
		case len(now) == 0 || len(before) > 0 && before[0] < now[0]:
			tell(before[0])
			before = before[1:]
		case len(before) == 0 || now[0] < before[0]:
			tell(now[0])
			now = now[1:]
		default:
			before, now = before[1:], now[1:]
		}
	}
}
