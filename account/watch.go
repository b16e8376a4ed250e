package account

import (
	"context"
	"errors"
	"slices"
	"sync"
)

// watched is who wants to know when an app password is revoked.
type watched struct {
	mu  sync.Mutex
	all map[ID]*circle
}

// circle are those who watch one account.
type circle struct {
	watches []*watch
	end     func() // of hearing other nodes, or nil
}

type watch struct {
	password string
	key      mark   // of that password; another one may be given its name
	since    uint64 // revision of the account that had it
	gone     func()
}

// mark is what tells an app password from a later one of its name.
type mark [16]byte

func markOf(p Password) (m mark) {
	copy(m[:], p.StoredKey)
	return m
}

// has says whether an account has that app password.
func (a *Account) has(name string, key mark) bool {
	return slices.ContainsFunc(a.Passwords, func(p Password) bool { return p.Name == name && markOf(p) == key })
}

// Topic is where it is published that something by which an account's owner signed in is
// revoked: an app password, a session, or all of it. Who hears it asks again.
func Topic(id ID) string { return "sign-in " + string(id) }

// Watch calls gone, once and at most, when the app password of that name is
// revoked or its account removed, and at once if that happened before. Whoever
// revokes waits for it, so gone must hold nobody up and ask nothing of the book; who
// revokes on another node does not, and is heard of through the bus, within a minute at worst.
// It watches until ctx ends.
func (b *Book) Watch(ctx context.Context, id ID, password string, gone func()) error {
	w := &watch{password: password, gone: sync.OnceFunc(gone)}
	b.watched.add(b, id, w)
	context.AfterFunc(ctx, func() { b.watched.remove(id, w) })
	a, err := b.store.Account(ctx, id) // after adding: nothing can slip in between
	if err != nil && !errors.Is(err, ErrUnknown) {
		return err
	}
	if !b.watched.know(w, a) {
		w.gone()
	}
	return nil
}

// know notes which app password is watched, and says whether there is one. Until then
// nothing is compared but its name.
func (w *watched) know(one *watch, a Account) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	i := slices.IndexFunc(a.Passwords, func(p Password) bool { return p.Name == one.password })
	if i >= 0 {
		one.key, one.since = markOf(a.Passwords[i]), a.Revision
	}
	return i >= 0
}

// holds says whether the watched app password is still a's, or a was read before there was one.
func (w *watch) holds(a Account) bool {
	if a.Revision > 0 && a.Revision < w.since {
		return true
	}
	if w.key == (mark{}) {
		return slices.ContainsFunc(a.Passwords, func(p Password) bool { return p.Name == w.password })
	}
	return a.has(w.password, w.key)
}

// revoked tells other nodes.
func (b *Book) revoked(id ID) {
	if b.Bus != nil {
		b.Bus.Publish(Topic(id))
	}
}

// Follow reads again what other nodes may have changed, and tells those who watch it, until
// ctx ends. Without it nobody hears of what is revoked elsewhere.
func (b *Book) Follow(ctx context.Context) {
	b.stale.Run(ctx, func(ctx context.Context, id ID) error {
		if !b.watched.any(id) {
			return nil
		}
		a, err := b.store.Account(ctx, id)
		if errors.Is(err, ErrUnknown) {
			a, err = Account{ID: id}, nil
		}
		if err == nil {
			b.watched.review(a)
		}
		return err
	})
}

func (w *watched) add(b *Book, id ID, one *watch) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.all == nil {
		w.all = map[ID]*circle{}
	}
	c := w.all[id]
	if c == nil {
		c = new(circle)
		if b.Bus != nil {
			c.end = b.Bus.Watch(Topic(id), func() { b.stale.Mark(id) })
		}
		w.all[id] = c
	}
	c.watches = append(c.watches, one)
}

// any says whether an account is watched.
func (w *watched) any(id ID) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.all[id] != nil
}

func (w *watched) remove(id ID, one *watch) {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := w.all[id]
	if c == nil {
		return
	}
	if i := slices.Index(c.watches, one); i >= 0 {
		c.watches = slices.Delete(c.watches, i, i+1)
	}
	if len(c.watches) == 0 {
		if c.end != nil {
			c.end()
		}
		delete(w.all, id)
	}
}

// review tells those whose app password an account has no more. They know when it
// returns: nothing more is begun with a password whose owner hears that it is gone.
func (w *watched) review(a Account) {
	for _, one := range w.without(a) {
		one.gone()
	}
}

// without are those who watch an app password that an account does not have.
func (w *watched) without(a Account) (out []*watch) {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := w.all[a.ID]
	if c == nil {
		return nil
	}
	for _, one := range c.watches {
		if !one.holds(a) {
			out = append(out, one)
		}
	}
	return out
}
