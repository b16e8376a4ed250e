package outbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"sealpost/filestore"
	"sealpost/mail"
	"sealpost/pgp"
	"sealpost/smtp"
	"sealpost/smtp/outbound/queue"
)

// maxHeader is how much of a header is looked at to tell whether a mail is encrypted.
const maxHeader = 256 << 10

// note is what the outbox remembers of a mail beside its envelope.
type note struct {
	Password  string `json:"password,omitempty"`
	OwnSent   bool   `json:"own_sent,omitempty"`
	Encrypted bool   `json:"encrypted,omitempty"`
	Name      string `json:"name,omitempty"` // of the sending
	// Leaving: copies may have been made, so nobody can have it back.
	Leaving bool `json:"leaving,omitempty"`
}

func (n note) String() string {
	text, _ := json.Marshal(n) // strings and bools: it does not fail
	return string(text)
}

func noteOf(m queue.Mail) (n note) {
	if json.Unmarshal([]byte(m.Note), &n) != nil {
		n.Leaving = true // nobody knows any more what became of it
	}
	return n
}

// Put takes a mail: one with a Hold to come waits, any other leaves at once. What can be
// refused without asking others is refused here, with what submission says. A zero
// Item, or an id that begins with LeftID, says that it left. An order whose name is known
// is not done again: it gets the Item that there was, or fails with ErrSending or ErrDoubt.
func (b *Box) Put(ctx context.Context, o Order, content mail.Bytes) (Item, error) {
	if o.Name != "" && b.Names != nil {
		return b.once(ctx, o, content)
	}
	return b.put(ctx, o, content)
}

func (b *Box) put(ctx context.Context, o Order, content mail.Bytes) (Item, error) {
	closed, err := b.encrypted(content)
	if err != nil {
		return Item{}, err
	}
	if o.Encrypted && !closed {
		return Item{}, ErrReadable
	}
	now := b.Now()
	switch hold := o.Envelope.Hold; {
	case !hold.After(now):
		return Item{}, b.now(ctx, o, content)
	case hold.After(now.Add(farthest)):
		return Item{}, ErrTime
	case b.Strict && !closed:
		return Item{}, ErrStrict
	}
	at := o.Envelope.Hold
	o.Envelope.Hold = time.Time{} // submission itself holds nothing back
	if err := b.Submit.Check(ctx, peer(o.By), o.Envelope, content); err != nil {
		return Item{}, err
	}
	m := b.mail(o, at, now)
	id, err := b.Queue.Put(ctx, m, content)
	switch {
	case errors.Is(err, queue.ErrFull), errors.Is(err, filestore.ErrFull):
		return Item{}, ErrFull
	case err != nil:
		return Item{}, fmt.Errorf("hold a mail back: %w", err)
	}
	b.Log.Info("mail held back", "id", string(id), "recipients", len(o.Envelope.To), "for", at.Sub(now).Round(time.Second))
	b.changed(o.By.Account)
	return Item{ID: id, At: at, Created: now, Recipients: len(o.Envelope.To), Size: content.Size()}, nil
}

func (b *Box) now(ctx context.Context, o Order, content mail.Bytes) error {
	o.Envelope.Hold = time.Time{}
	_, err := b.Submit.Submit(ctx, peer(o.By), o.Envelope, content)
	return err
}

func (b *Box) encrypted(content mail.Bytes) (bool, error) {
	h, err := mail.ReadHeader(content, 0, maxHeader)
	if err != nil {
		return false, fmt.Errorf("read header: %w", err)
	}
	return !h.Cut && pgp.Encrypted(content, h), nil
}

func (b *Box) mail(o Order, at, now time.Time) queue.Mail {
	m := queue.Mail{
		Envelope: o.Envelope, Account: o.By.Account, Created: now, Expires: at.Add(Patience),
		Note: note{Password: o.By.Password, OwnSent: o.By.OwnSent, Encrypted: o.Encrypted, Name: o.Name}.String(),
	}
	for _, r := range o.Envelope.To {
		m.Recipient = append(m.Recipient, queue.State{Recipient: r})
	}
	m.Envelope.To, m.Envelope.Hold = nil, at
	return m
}

// peer is who submits. What the way out does not know of the client it cannot tell.
func peer(who smtp.Identity) smtp.Peer { return smtp.Peer{User: &who, Extended: true} }

// List is what waits of an account, by the time it is to leave.
func (b *Box) List(ctx context.Context, account string) ([]Item, error) {
	mails, err := b.Queue.Of(ctx, account)
	if err != nil {
		return nil, fmt.Errorf("list the outbox: %w", err)
	}
	all := []Item{}
	for _, m := range mails {
		if len(m.Recipient) > 0 {
			all = append(all, itemOf(m))
		}
	}
	slices.SortStableFunc(all, func(a, c Item) int { return a.At.Compare(c.At) })
	return all, nil
}

func itemOf(m queue.Mail) Item {
	i := Item{
		ID: m.ID, At: m.Envelope.Hold, Created: m.Created, Recipients: len(m.Recipient), Size: m.Size,
		Sending: m.Sending || noteOf(m).Leaving,
	}
	if first := m.Recipient[0]; first.Attempts > 0 {
		i.Attempts, i.Reply, i.At = first.Attempts, first.Last.Enhanced, first.Next
	}
	return i
}

// TakeBack removes a mail that has not begun to leave: then it never does. It fails
// with ErrGone or ErrNoSuch.
func (b *Box) TakeBack(ctx context.Context, account string, id queue.ID) error {
	l, err := b.own(ctx, account, id)
	if err != nil {
		return err
	}
	err = b.settled(ctx, l.Mail)
	if err == nil {
		err = l.Done(ctx)
	}
	if err != nil {
		l.Release(context.WithoutCancel(ctx))
		return fmt.Errorf("take back mail %s: %w", id, err)
	}
	b.changed(account)
	return nil
}

// Move gives a mail another time to leave at, or fails with ErrGone, ErrNoSuch or ErrTime.
func (b *Box) Move(ctx context.Context, account string, id queue.ID, at time.Time) (Item, error) {
	now := b.Now()
	if at.After(now.Add(farthest)) {
		return Item{}, ErrTime
	}
	if at.Before(now) {
		at = now
	}
	l, err := b.own(ctx, account, id)
	if err != nil {
		return Item{}, err
	}
	m := &l.Mail
	m.Envelope.Hold, m.Expires = at, at.Add(Patience)
	for i := range m.Recipient {
		m.Recipient[i].Next, m.Recipient[i].Attempts = at, 0
	}
	moved := itemOf(*m)
	moved.Sending = false
	if err := l.Save(ctx); err != nil {
		l.Release(context.WithoutCancel(ctx))
		return Item{}, fmt.Errorf("put mail %s off: %w", id, err)
	}
	b.changed(account)
	return moved, nil
}

// own takes an account's mail into its hands, so that nobody else can begin to send
// it. What is another's is not there.
func (b *Box) own(ctx context.Context, account string, id queue.ID) (*queue.Lease, error) {
	m, err := b.Queue.Get(ctx, id)
	switch {
	case errors.Is(err, queue.ErrNoSuch):
		return nil, ErrNoSuch
	case err != nil:
		return nil, fmt.Errorf("find mail %s: %w", id, err)
	case m.Account != account || account == "":
		return nil, ErrNoSuch
	}
	l, err := b.Queue.Drop(ctx, id)
	switch {
	case errors.Is(err, queue.ErrBusy):
		return nil, ErrGone
	case errors.Is(err, queue.ErrNoSuch):
		return nil, ErrGone // it was there a moment ago
	case err != nil:
		return nil, fmt.Errorf("take mail %s: %w", id, err)
	}
	if l.Mail.Account != account || noteOf(l.Mail).Leaving {
		if err := l.Release(ctx); err != nil {
			return nil, fmt.Errorf("give back mail %s: %w", id, err)
		}
		return nil, ErrGone
	}
	return l, nil
}
