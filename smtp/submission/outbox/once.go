package outbox

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"sealpost/mail"
	"sealpost/smtp/outbound/queue"
)

// A sending has a name of its client's own choosing. Who did not hear what became of it
// asks again under the same name, days later and over a restart of either side, and it
// leaves no second time.

var (
	// ErrSending says that a sending of this name is being done.
	ErrSending = errors.New("this sending is under way")
	// ErrDoubt says that a sending of this name was broken off by a crash while it left:
	// nobody knows whether it did, so it is not done again by itself.
	ErrDoubt = errors.New("this sending may have left already")
)

const (
	// Remembered is for how long a name is known at least.
	Remembered = 8 * 24 * time.Hour
	tidyEvery  = 24 * time.Hour
	// LeftID begins the id of what never waited.
	LeftID = "left-"
)

// Names keeps small sealed rows of accounts, durably: a drawer of kept.Papers.
type Names interface {
	Get(ctx context.Context, account, name string) ([]byte, error) // nil: there is none
	Put(ctx context.Context, account, name string, value []byte) error
	All(ctx context.Context, account string) ([][]byte, error)
}

// sending is what is remembered of one: its names are the format.
type sending struct {
	Name string    `json:"name"`
	At   time.Time `json:"at"`
	Held bool      `json:"held,omitempty"` // it was to wait in the outbox
	Done bool      `json:"done,omitempty"`
	Item Item      `json:"item"`
}

// going are sendings of this process, by account and name, and when their account's
// rows were looked through last.
type going struct {
	mu   sync.Mutex
	now  map[string]bool
	tidy map[string]time.Time
}

func (g *going) begin(key string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.now[key] {
		return false
	}
	if g.now == nil {
		g.now = map[string]bool{}
	}
	g.now[key] = true
	return true
}

func (g *going) end(key string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.now, key)
}

// due says whether an account's rows are to be looked through.
func (g *going) due(account string, now time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if last, ok := g.tidy[account]; ok && now.Sub(last) < tidyEvery {
		return false
	}
	if g.tidy == nil || len(g.tidy) > 10_000 {
		g.tidy = map[string]time.Time{}
	}
	g.tidy[account] = now
	return true
}

// once is Put for an order that has a name.
func (b *Box) once(ctx context.Context, o Order, content mail.Bytes) (Item, error) {
	account, key := o.By.Account, o.By.Account+"\x00"+o.Name
	if !b.going.begin(key) {
		return Item{}, ErrSending
	}
	defer b.going.end(key)
	if b.going.due(account, b.Now()) {
		b.forgetOld(ctx, account)
	}
	known, err := b.known(ctx, account, o.Name)
	if err != nil {
		return Item{}, err
	}
	if known != nil {
		item, again, err := b.again(ctx, account, *known)
		if err != nil || !again {
			return item, err
		}
	}
	one := sending{Name: o.Name, At: b.Now().UTC(), Held: o.Envelope.Hold.After(b.Now())}
	if err := b.remember(ctx, account, one); err != nil {
		return Item{}, err
	}
	item, err := b.put(ctx, o, content)
	ctx = context.WithoutCancel(ctx) // what became of it is written down, whoever waits for it
	if err != nil {
		if err := b.Names.Put(ctx, account, o.Name, nil); err != nil {
			b.Log.Warn("a sending that was refused is still remembered", "error", err)
		}
		return Item{}, err
	}
	if item.ID == "" {
		item = Item{
			ID: queue.ID(LeftID + strings.ToLower(rand.Text()[:12])), At: b.Now(), Created: b.Now(),
			Recipients: len(o.Envelope.To), Size: content.Size(),
		}
	}
	one.Done, one.Item = true, item
	if err := b.remember(ctx, account, one); err != nil {
		b.Log.Warn("what became of a sending was not remembered", "error", err) // it left: its sender hears so
	}
	return item, nil
}

// again answers for a sending that is known already; or it never began, and is to be done.
func (b *Box) again(ctx context.Context, account string, s sending) (item Item, again bool, err error) {
	if s.Done {
		return s.Item, false, nil
	}
	mails, err := b.Queue.Of(ctx, account)
	if err != nil {
		return Item{}, false, fmt.Errorf("list the outbox: %w", err)
	}
	for _, m := range mails {
		if noteOf(m).Name == s.Name && len(m.Recipient) > 0 {
			return itemOf(m), false, nil
		}
	}
	if !s.Held {
		return Item{}, false, ErrDoubt
	}
	return Item{}, true, nil // it never came into the outbox: settled says of all that did
}

// settled remembers, before a mail leaves the outbox, that it is not to come again.
func (b *Box) settled(ctx context.Context, m queue.Mail) error {
	n := noteOf(m)
	if n.Name == "" || b.Names == nil || len(m.Recipient) == 0 {
		return nil
	}
	return b.remember(ctx, m.Account, sending{Name: n.Name, At: b.Now().UTC(), Held: true, Done: true, Item: itemOf(m)})
}

func (b *Box) known(ctx context.Context, account, name string) (*sending, error) {
	raw, err := b.Names.Get(ctx, account, name)
	if err != nil || raw == nil {
		return nil, err
	}
	s := new(sending)
	if err := json.Unmarshal(raw, s); err != nil {
		return nil, errors.New("what is remembered of a sending is damaged") // the error would quote it
	}
	return s, nil
}

func (b *Box) remember(ctx context.Context, account string, s sending) error {
	raw, err := json.Marshal(s)
	if err == nil {
		err = b.Names.Put(ctx, account, s.Name, raw)
	}
	if err != nil {
		return fmt.Errorf("remember a sending: %w", err)
	}
	return nil
}

// forgetOld drops what was remembered for long enough.
func (b *Box) forgetOld(ctx context.Context, account string) {
	all, err := b.Names.All(ctx, account)
	if err != nil {
		b.Log.Warn("old sendings are still remembered", "error", err)
		return
	}
	for _, raw := range all {
		var s sending
		if json.Unmarshal(raw, &s) != nil || b.Now().Sub(latest(s.At, s.Item.At)) < Remembered {
			continue
		}
		if err := b.Names.Put(ctx, account, s.Name, nil); err != nil {
			b.Log.Warn("an old sending is still remembered", "error", err)
			return
		}
	}
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
