package account

import (
	"context"
	"errors"
	"slices"
	"sync"
)

// watched is who wants to know when an app password is revoked. It knows what
// this process revokes; a second one on the same store would have to ask again.
type watched struct {
	mu  sync.Mutex
	all map[ID]map[*watch]struct{}
}

type watch struct {
	password string
	gone     func()
}

// Watch calls gone, once and at most, when the app password of that name is
// revoked or its account removed, and at once if that happened before. Whoever
// revokes waits for it, so gone must hold nobody up and ask nothing of the book.
// It watches until ctx ends.
func (b *Book) Watch(ctx context.Context, id ID, password string, gone func()) error {
	w := &watch{password, sync.OnceFunc(gone)}
	b.watched.add(id, w)
	context.AfterFunc(ctx, func() { b.watched.remove(id, w) })
	a, err := b.store.Account(ctx, id) // after adding: nothing can slip in between
	switch {
	case errors.Is(err, ErrUnknown) || err == nil && !w.holds(a):
		w.gone()
	case err != nil:
		return err
	}
	return nil
}

// holds says whether the watched app password is still a's.
func (w *watch) holds(a Account) bool {
	return slices.ContainsFunc(a.Passwords, func(p Password) bool { return p.Name == w.password })
}

func (w *watched) add(id ID, one *watch) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.all == nil {
		w.all = map[ID]map[*watch]struct{}{}
	}
	if w.all[id] == nil {
		w.all[id] = map[*watch]struct{}{}
	}
	w.all[id][one] = struct{}{}
}

func (w *watched) remove(id ID, one *watch) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if delete(w.all[id], one); len(w.all[id]) == 0 {
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
	for one := range w.all[a.ID] {
		if !one.holds(a) {
			out = append(out, one)
		}
	}
	return out
}
