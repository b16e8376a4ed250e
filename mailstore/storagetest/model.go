package storagetest

import (
	"cmp"
	"context"
	"iter"
	"slices"
	"sync"
	"time"

	"sealpost/filestore"
	"sealpost/mailstore"
)

// Model is an Index in memory, written to be plainly right: it shares no code
// with mailstore.Clerk, keeps no counters and recounts whatever it is asked.
// Engines are compared with it, and rooms above may test over it.
type Model struct {
	now      func() time.Time
	remember int

	mu     sync.Mutex
	owners map[mailstore.Owner]*modelOwner
}

type modelOwner struct {
	modseq mailstore.Modseq
	box    mailstore.MailboxID
	valid  uint32
	quota  int64
	boxes  []*modelBox
	subs   map[string]bool
	note   []byte
	brings []byte // at NoteImports
}

type modelBox struct {
	id       mailstore.MailboxID
	name     string
	use      string
	valid    uint32
	next     mailstore.UID
	modseq   mailstore.Modseq
	floor    mailstore.Modseq
	messages []modelMessage
	gone     []mailstore.Entry
	note     []byte
}

type modelMessage struct {
	mailstore.Entry
	mail mailstore.Mail
}

// NewModel makes an empty model.
func NewModel(o Options) *Model {
	return &Model{now: o.Now, remember: o.Remember, owners: map[mailstore.Owner]*modelOwner{}}
}

func (o *modelOwner) clone() *modelOwner {
	c := *o
	c.subs, c.boxes = map[string]bool{}, nil
	for name := range o.subs {
		c.subs[name] = true
	}
	for _, b := range o.boxes {
		twin := *b
		twin.messages, twin.gone = slices.Clone(b.messages), slices.Clone(b.gone)
		c.boxes = append(c.boxes, &twin)
	}
	return &c
}

func (m *Model) owner(o mailstore.Owner) *modelOwner {
	m.mu.Lock()
	defer m.mu.Unlock()
	if found := m.owners[o]; found != nil {
		return found.clone()
	}
	return &modelOwner{}
}

func (b *modelBox) listed(subscribed bool) mailstore.Mailbox {
	l := mailstore.Mailbox{
		ID: b.id, Name: b.name, Use: b.use, UIDValidity: b.valid, UIDNext: b.next, Modseq: b.modseq,
		Floor: b.floor, Subscribed: subscribed, Messages: uint32(len(b.messages)), Expunged: uint32(len(b.gone)),
	}
	for _, e := range b.messages {
		l.Bytes += e.Size
		if !slices.Contains(e.Flags, `\Seen`) {
			l.Unseen++
		}
		if slices.Contains(e.Flags, `\Deleted`) {
			l.Deleted++
		}
	}
	return l
}

// Mailboxes and the rest are mailstore.Index.
func (m *Model) Mailboxes(ctx context.Context, o mailstore.Owner) ([]mailstore.Mailbox, error) {
	owner := m.owner(o)
	var all []mailstore.Mailbox
	for _, b := range owner.boxes {
		all = append(all, b.listed(owner.subs[b.name]))
	}
	slices.SortFunc(all, func(a, b mailstore.Mailbox) int { return cmp.Compare(a.Name, b.Name) })
	return all, ctx.Err()
}

func (m *Model) Subscriptions(ctx context.Context, o mailstore.Owner) ([]string, error) {
	var names []string
	for name := range m.owner(o).subs {
		names = append(names, name)
	}
	slices.Sort(names)
	return names, ctx.Err()
}

func (m *Model) Usage(ctx context.Context, o mailstore.Owner) (mailstore.Usage, error) {
	return m.owner(o).usage(), ctx.Err()
}

func (m *Model) Modseq(ctx context.Context, o mailstore.Owner) (mailstore.Modseq, error) {
	return m.owner(o).modseq, ctx.Err()
}

func (m *Model) Entries(ctx context.Context, o mailstore.Owner, id mailstore.MailboxID, since mailstore.Modseq) iter.Seq2[mailstore.Entry, error] {
	return func(yield func(mailstore.Entry, error) bool) {
		if err := ctx.Err(); err != nil {
			yield(mailstore.Entry{}, err)
			return
		}
		for _, e := range m.owner(o).entries(id, since) {
			if !yield(e, nil) {
				return
			}
		}
	}
}

func (m *Model) Entry(ctx context.Context, o mailstore.Owner, id mailstore.MailboxID, uid mailstore.UID) (mailstore.Entry, error) {
	b := m.owner(o).byID(id)
	if i := b.at(uid); i >= 0 {
		return b.messages[i].Entry, ctx.Err()
	}
	return mailstore.Entry{}, mailstore.ErrNoMail
}

func (o *modelOwner) entries(id mailstore.MailboxID, since mailstore.Modseq) []mailstore.Entry {
	b := o.byID(id)
	if b == nil {
		return nil
	}
	var all []mailstore.Entry
	for _, e := range b.messages {
		if e.Modseq > since {
			all = append(all, e.Entry)
		}
	}
	if since == 0 {
		return all
	}
	for _, e := range b.gone {
		if e.Modseq > since {
			all = append(all, e)
		}
	}
	slices.SortStableFunc(all, func(a, b mailstore.Entry) int { return cmp.Compare(a.Modseq, b.Modseq) })
	return all
}

func (m *Model) Mails(ctx context.Context, o mailstore.Owner, id mailstore.MailboxID, uids []mailstore.UID) iter.Seq2[mailstore.Mail, error] {
	return func(yield func(mailstore.Mail, error) bool) {
		if err := ctx.Err(); err != nil {
			yield(mailstore.Mail{}, err)
			return
		}
		b := m.owner(o).byID(id)
		for _, uid := range uids {
			if i := b.at(uid); i >= 0 && !yield(b.messages[i].mail, nil) {
				return
			}
		}
	}
}

func (m *Model) Blobs(ctx context.Context) iter.Seq2[filestore.ID, error] {
	return func(yield func(filestore.ID, error) bool) {
		m.mu.Lock()
		var ids []filestore.ID
		for _, o := range m.owners {
			for id, n := range o.points() {
				ids = append(ids, slices.Repeat([]filestore.ID{id}, n)...)
			}
		}
		m.mu.Unlock()
		for _, id := range ids {
			if !yield(id, nil) {
				return
			}
		}
	}
}

func (m *Model) Apply(ctx context.Context, id mailstore.Owner, changes []mailstore.Change) ([]mailstore.Event, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if id == "" {
		return nil, mailstore.ErrNoOwner
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	before := m.owners[id]
	var o *modelOwner
	if before != nil {
		o = before.clone()
	}
	var last *modelOwner // forgotten in this call: its numbers go on
	var events []mailstore.Event
	for _, c := range changes {
		if q, ok := c.(mailstore.SetQuota); ok && o == nil {
			o = &modelOwner{subs: map[string]bool{}}
			if last != nil {
				o.modseq, o.box, o.valid = last.modseq, last.box, last.valid
			}
			o.quota = q.Bytes
			events = append(events, mailstore.Event{})
			continue
		}
		if o == nil {
			return nil, mailstore.ErrNoOwner
		}
		e, err := m.change(o, c)
		if err != nil {
			return nil, err
		}
		events = append(events, e)
		if _, ok := c.(mailstore.Forget); ok {
			last, o = o, nil
		}
	}
	if o == nil {
		delete(m.owners, id)
		return events, nil
	}
	for _, b := range o.boxes {
		b.tidy(m.remember)
	}
	m.owners[id] = o
	return events, nil
}

// tidy puts the log in order, by MODSEQ and within one by UID, and cuts it.
func (b *modelBox) tidy(remember int) {
	slices.SortFunc(b.gone, func(x, y mailstore.Entry) int {
		return cmp.Or(cmp.Compare(x.Modseq, y.Modseq), cmp.Compare(x.UID, y.UID))
	})
	if excess := len(b.gone) - remember; excess > remember/100 {
		b.floor = b.gone[excess-1].Modseq
		b.gone = slices.DeleteFunc(b.gone, func(e mailstore.Entry) bool { return e.Modseq <= b.floor })
	}
}
