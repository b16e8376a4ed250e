package storagetest

import (
	"context"
	"iter"
	"slices"
	"strings"

	"sealpost/mailstore"
)

// Roster is counted anew each time.
func (m *Model) Roster(ctx context.Context, o mailstore.Owner, id mailstore.MailboxID) (mailstore.Roster, error) {
	owner := m.owner(o)
	b := owner.byID(id)
	if b == nil {
		return mailstore.Roster{}, mailstore.ErrNoMailbox
	}
	r := mailstore.Roster{Mailbox: b.listed(owner.subs[b.name])}
	spelled := map[string]string{}
	r.UIDs = b.uids()
	for _, e := range b.messages {
		if r.FirstUnseen == 0 && !slices.Contains(e.Flags, `\Seen`) {
			r.FirstUnseen = e.UID
		}
		for _, f := range e.Flags {
			if f[0] != '\\' {
				spelled[strings.ToLower(f)] = f
			}
		}
	}
	for _, f := range spelled {
		r.Keywords = append(r.Keywords, f)
	}
	slices.SortFunc(r.Keywords, func(a, b string) int { return strings.Compare(strings.ToLower(a), strings.ToLower(b)) })
	return r, ctx.Err()
}

func (b *modelBox) uids() mailstore.UIDSet {
	var there []mailstore.UID
	for _, e := range b.messages {
		there = append(there, e.UID)
	}
	return mailstore.UIDsOf(there...)
}

// Marked are those that have a mark, one after the other.
func (m *Model) Marked(ctx context.Context, o mailstore.Owner, id mailstore.MailboxID, mark mailstore.Mark) (mailstore.UIDSet, error) {
	var found []mailstore.UID
	for _, e := range m.owner(o).entries(id, 0) {
		switch {
		case mark == mailstore.MarkUnseen && !slices.Contains(e.Flags, `\Seen`),
			mark == mailstore.MarkDeleted && slices.Contains(e.Flags, `\Deleted`):
			found = append(found, e.UID)
		}
	}
	return mailstore.UIDsOf(found...), ctx.Err()
}

// Changes looks at every message there is and every one that is remembered.
func (m *Model) Changes(ctx context.Context, o mailstore.Owner, id mailstore.MailboxID, since mailstore.Modseq) (c mailstore.Changes, err error) {
	owner := m.owner(o)
	b := owner.byID(id)
	if b == nil {
		return c, mailstore.ErrNoMailbox
	}
	c.Mailbox = b.listed(owner.subs[b.name])
	var there []mailstore.Entry
	for _, e := range b.messages {
		there = append(there, e.Entry)
	}
	c.Changed, c.Vanished = uidsAfter(there, since, false), uidsAfter(b.gone, since, true)
	if since < b.floor {
		c.Vanished = mailstore.UIDSpan(1, b.next-1).Minus(b.uids())
	}
	return c, ctx.Err()
}

func (m *Model) List(ctx context.Context, o mailstore.Owner, id mailstore.MailboxID, uids mailstore.UIDSet, c mailstore.Columns) iter.Seq2[*mailstore.Line, error] {
	return func(yield func(*mailstore.Line, error) bool) {
		if err := ctx.Err(); err != nil {
			yield(nil, err)
			return
		}
		b := m.owner(o).byID(id)
		for uid := range uids.All() {
			at := b.at(uid)
			if at < 0 {
				continue
			}
			l := mailstore.Line{Entry: b.messages[at].Entry}
			if c != (mailstore.Columns{}) {
				l.Mail = shown(b.messages[at].mail, c)
			}
			if !yield(&l, nil) {
				return
			}
		}
	}
}

// shown is what List gives of a mail.
func shown(m mailstore.Mail, c mailstore.Columns) mailstore.Mail {
	if !c.Whole {
		m.Outer, m.Letters = nil, nil
	}
	return m
}
