package storagetest

import (
	"errors"
	"math"
	"regexp"
	"slices"
	"strings"
	"time"

	"sealpost/filestore"
	"sealpost/mailstore"
)

// What each change does to a modelOwner.

func (m *Model) change(o *modelOwner, change mailstore.Change) (mailstore.Event, error) {
	switch c := change.(type) {
	case mailstore.SetQuota:
		o.quota = c.Bytes
		return mailstore.Event{}, nil
	case mailstore.Create:
		return m.create(o, c)
	case mailstore.Rename:
		return m.rename(o, c)
	case mailstore.Remove:
		return m.remove(o, c)
	case mailstore.Subscribe:
		name, err := mailstore.CleanName(c.Name)
		if err != nil {
			return mailstore.Event{}, err
		}
		if delete(o.subs, name); c.On {
			o.subs[name] = true
		}
		o.modseq++
		return mailstore.Event{}, nil
	case mailstore.Append:
		return m.append(o, c)
	case mailstore.SetFlags:
		return m.setFlags(o, c)
	case mailstore.Copy:
		return m.transfer(o, c.From, c.To, c.UIDs, false)
	case mailstore.Move:
		return m.transfer(o, c.From, c.To, c.UIDs, true)
	case mailstore.Expunge:
		return m.expunge(o, c)
	case mailstore.PutLetters:
		return o.putLetters(c)
	case mailstore.Reseal:
		return m.reseal(o, c)
	case mailstore.Shed:
		return o.shed(c)
	case mailstore.Note:
		return o.putNote(c)
	case mailstore.Forget:
		before := o.points()
		o.boxes = nil
		o.modseq++
		return mailstore.Event{Modseq: o.modseq, Freed: o.freed(before)}, nil
	}
	panic("unknown change")
}

func (o *modelOwner) byID(id mailstore.MailboxID) *modelBox {
	for _, b := range o.boxes {
		if b.id == id {
			return b
		}
	}
	return nil
}

func (o *modelOwner) byName(name string) *modelBox {
	for _, b := range o.boxes {
		if b.name == name {
			return b
		}
	}
	return nil
}

// points counts the entries that point at each blob.
func (o *modelOwner) points() map[filestore.ID]int {
	n := map[filestore.ID]int{}
	for _, b := range o.boxes {
		for _, m := range b.messages {
			for _, l := range m.mail.Letters {
				n[l.ID]++
			}
		}
	}
	return n
}

func (o *modelOwner) freed(before map[filestore.ID]int) []filestore.ID {
	var ids []filestore.ID
	after := o.points()
	for id := range before {
		if after[id] == 0 {
			ids = append(ids, id)
		}
	}
	return ids
}

func (o *modelOwner) usage() mailstore.Usage {
	u := mailstore.Usage{Quota: o.quota}
	for _, b := range o.boxes {
		for _, m := range b.messages {
			u.Messages++
			for _, l := range m.mail.Letters {
				u.Bytes += l.Size
			}
		}
	}
	return u
}

func (b *modelBox) at(uid mailstore.UID) int {
	if b == nil {
		return -1
	}
	return slices.IndexFunc(b.messages, func(m modelMessage) bool { return m.UID == uid })
}

func (m *Model) open(o *modelOwner, name, use string) *modelBox {
	now := m.now().Unix()
	o.valid++
	if now > int64(o.valid) && now <= math.MaxUint32 {
		o.valid = uint32(now)
	}
	o.box++
	o.modseq++
	b := &modelBox{id: o.box, name: name, use: use, valid: o.valid, next: 1, modseq: o.modseq}
	o.boxes = append(o.boxes, b)
	return b
}

func (m *Model) parents(o *modelOwner, name string) {
	levels := strings.Split(name, "/")
	for i := 1; i < len(levels); i++ {
		if parent := strings.Join(levels[:i], "/"); o.byName(parent) == nil {
			m.open(o, parent, "")
		}
	}
}

func (m *Model) create(o *modelOwner, c mailstore.Create) (mailstore.Event, error) {
	name, err := mailstore.CleanName(strings.TrimSuffix(c.Name, "/"))
	if err != nil {
		return mailstore.Event{}, err
	}
	if o.byName(name) != nil {
		return mailstore.Event{}, mailstore.ErrExists
	}
	for _, b := range o.boxes {
		if c.Use != "" && b.use == c.Use {
			return mailstore.Event{}, mailstore.ErrUse
		}
	}
	if c.Use != "" && !slices.Contains([]string{`\Archive`, `\Drafts`, `\Junk`, `\Sent`, `\Trash`}, c.Use) {
		return mailstore.Event{}, mailstore.ErrUse
	}
	m.parents(o, name)
	b := m.open(o, name, c.Use)
	return mailstore.Event{Box: b.id, Valid: b.valid, Modseq: b.modseq}, nil
}

func (m *Model) rename(o *modelOwner, c mailstore.Rename) (mailstore.Event, error) {
	from, err := mailstore.CleanName(c.From)
	if err != nil {
		return mailstore.Event{}, mailstore.ErrNoMailbox
	}
	to, err := mailstore.CleanName(strings.TrimSuffix(c.To, "/"))
	if err != nil {
		return mailstore.Event{}, err
	}
	b := o.byName(from)
	switch {
	case b == nil:
		return mailstore.Event{}, mailstore.ErrNoMailbox
	case from == "INBOX":
		made, err := m.create(o, mailstore.Create{Name: to})
		if err != nil {
			return mailstore.Event{}, err
		}
		var uids []mailstore.UID
		for _, e := range b.messages {
			uids = append(uids, e.UID)
		}
		moved, err := m.transfer(o, b.id, made.Box, uids, true)
		if len(uids) == 0 {
			moved.Modseq = made.Modseq
		}
		return moved, err
	case from == to:
		return mailstore.Event{}, mailstore.ErrExists
	case strings.HasPrefix(to, from+"/"):
		return mailstore.Event{}, mailstore.ErrName
	}
	names := map[*modelBox]string{}
	taken := map[string]bool{}
	for _, x := range o.boxes {
		if x.name == from || strings.HasPrefix(x.name, from+"/") {
			if names[x], err = mailstore.CleanName(to + x.name[len(from):]); err != nil {
				return mailstore.Event{}, err
			}
		} else {
			taken[x.name] = true
		}
	}
	for _, name := range names {
		if taken[name] {
			return mailstore.Event{}, mailstore.ErrExists
		}
	}
	for x, name := range names {
		x.name = name
	}
	m.parents(o, to)
	o.modseq++
	return mailstore.Event{Box: b.id, Valid: b.valid, Modseq: o.modseq}, nil
}

func (m *Model) remove(o *modelOwner, c mailstore.Remove) (mailstore.Event, error) {
	name, err := mailstore.CleanName(c.Name)
	if err != nil {
		return mailstore.Event{}, mailstore.ErrNoMailbox
	}
	if name == "INBOX" {
		return mailstore.Event{}, mailstore.ErrInbox
	}
	b := o.byName(name)
	if b == nil {
		return mailstore.Event{}, mailstore.ErrNoMailbox
	}
	before := o.points()
	o.boxes = slices.DeleteFunc(o.boxes, func(x *modelBox) bool { return x == b })
	o.modseq++
	return mailstore.Event{Box: b.id, Valid: b.valid, Modseq: o.modseq, Freed: o.freed(before)}, nil
}

func (o *modelOwner) enter(b *modelBox, e modelMessage) mailstore.UID {
	e.UID, e.mail.UID = b.next, b.next
	b.next++
	e.Modseq, b.modseq = o.modseq, o.modseq
	b.messages = append(b.messages, e)
	return e.UID
}

func (m *Model) append(o *modelOwner, c mailstore.Append) (mailstore.Event, error) {
	b := o.byID(c.Box)
	if b == nil {
		return mailstore.Event{}, mailstore.ErrNoMailbox
	}
	flags, err := modelFlags(nil, mailstore.Replace, c.Flags)
	if err != nil {
		return mailstore.Event{}, err
	}
	if len(c.Mail.Letters) == 0 || slices.ContainsFunc(c.Mail.Letters, func(l mailstore.Stored) bool { return l.Size < 0 }) {
		return mailstore.Event{}, errors.New("mail has no letters or no size")
	}
	now := m.now().Truncate(time.Second)
	e := modelMessage{mail: c.Mail, Entry: mailstore.Entry{Received: c.Received.UTC().Truncate(time.Second), Saved: now, Size: c.Size, Flags: flags}}
	if c.Received.IsZero() {
		e.Received = now
	}
	o.modseq++
	uid := o.enter(b, e)
	if o.quota > 0 && o.usage().Bytes > o.quota {
		return mailstore.Event{}, mailstore.ErrOverQuota
	}
	return mailstore.Event{Box: b.id, UIDs: []mailstore.UID{uid}, Valid: b.valid, Modseq: o.modseq}, nil
}

func modelFlags(old []string, op mailstore.FlagOp, change []string) ([]string, error) {
	system := []string{`\Seen`, `\Answered`, `\Flagged`, `\Deleted`, `\Draft`}
	in := func(flags []string, f string) bool {
		return slices.ContainsFunc(flags, func(g string) bool { return strings.EqualFold(f, g) })
	}
	keyword := regexp.MustCompile(`^[!#$&'+-Z^-z|}~]{1,64}$`) // an atom: %x21-7E without ( ) { % * " \ ]
	for _, f := range change {
		if !in(system, f) && !keyword.MatchString(f) {
			return nil, mailstore.ErrFlag
		}
	}
	keep := map[string]bool{} // folded
	for _, f := range old {
		if op == mailstore.Add || in(change, f) == (op == mailstore.Replace) {
			keep[strings.ToLower(f)] = true
		}
	}
	if op != mailstore.Clear {
		for _, f := range change {
			keep[strings.ToLower(f)] = true
		}
	}
	var flags []string
	for _, f := range slices.Concat(system, old, change) {
		if keep[strings.ToLower(f)] {
			flags = append(flags, f)
			delete(keep, strings.ToLower(f))
		}
	}
	if len(slices.DeleteFunc(slices.Clone(flags), func(f string) bool { return f[0] == '\\' })) > 64 {
		return nil, mailstore.ErrFlag
	}
	return flags, nil
}

// existing are the places of those messages that exist, each once, as asked.
func (b *modelBox) existing(uids []mailstore.UID) []mailstore.UID {
	var there []mailstore.UID
	for _, uid := range uids {
		if b.at(uid) >= 0 && !slices.Contains(there, uid) {
			there = append(there, uid)
		}
	}
	return there
}

func (m *Model) setFlags(o *modelOwner, c mailstore.SetFlags) (mailstore.Event, error) {
	b := o.byID(c.Box)
	if b == nil {
		return mailstore.Event{}, mailstore.ErrNoMailbox
	}
	if _, err := modelFlags(nil, c.Op, c.Flags); err != nil {
		return mailstore.Event{}, err
	}
	e := mailstore.Event{Box: b.id, Valid: b.valid}
	for _, uid := range b.existing(c.UIDs) {
		x := &b.messages[b.at(uid)]
		if c.Unless != 0 && x.Modseq > c.Unless {
			e.Failed = append(e.Failed, uid)
			continue
		}
		flags, err := modelFlags(x.Flags, c.Op, c.Flags)
		if err != nil {
			return mailstore.Event{}, err
		}
		if slices.Equal(flags, x.Flags) {
			continue
		}
		if e.Modseq == 0 {
			o.modseq++
			e.Modseq, b.modseq = o.modseq, o.modseq
		}
		x.Flags, x.Modseq = flags, o.modseq
		e.UIDs = append(e.UIDs, uid)
	}
	return e, nil
}

func (o *modelOwner) take(b *modelBox, uid mailstore.UID) {
	i := b.at(uid)
	b.messages = slices.Delete(b.messages, i, i+1)
	b.gone = append(b.gone, mailstore.Entry{UID: uid, Modseq: o.modseq, Gone: true})
	b.modseq = o.modseq
}

func (m *Model) transfer(o *modelOwner, from, to mailstore.MailboxID, uids []mailstore.UID, move bool) (mailstore.Event, error) {
	source, target := o.byID(from), o.byID(to)
	if source == nil || target == nil {
		return mailstore.Event{}, mailstore.ErrNoMailbox
	}
	e := mailstore.Event{Box: target.id, Valid: target.valid}
	for _, uid := range source.existing(uids) {
		if e.Modseq == 0 {
			o.modseq++
			e.Modseq = o.modseq
		}
		x := source.messages[source.at(uid)]
		x.Saved = m.now().Truncate(time.Second)
		if move {
			o.take(source, uid)
		}
		e.UIDs, e.Sources = append(e.UIDs, o.enter(target, x)), append(e.Sources, uid)
		if !move && o.quota > 0 && o.usage().Bytes > o.quota {
			return mailstore.Event{}, mailstore.ErrOverQuota
		}
	}
	return e, nil
}

func (m *Model) expunge(o *modelOwner, c mailstore.Expunge) (mailstore.Event, error) {
	b := o.byID(c.Box)
	if b == nil {
		return mailstore.Event{}, mailstore.ErrNoMailbox
	}
	uids := c.UIDs
	if uids == nil {
		for _, e := range b.messages {
			uids = append(uids, e.UID)
		}
	}
	e := mailstore.Event{Box: b.id, Valid: b.valid}
	before := o.points()
	for _, uid := range b.existing(uids) {
		if c.OnlyDeleted && !slices.Contains(b.messages[b.at(uid)].Flags, `\Deleted`) {
			continue
		}
		if e.Modseq == 0 {
			o.modseq++
			e.Modseq = o.modseq
		}
		o.take(b, uid)
		e.UIDs = append(e.UIDs, uid)
	}
	e.Freed = o.freed(before)
	return e, nil
}
