package signin

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"sealpost/account"
)

// Session is one browser that is signed in.
type Session struct {
	ID      string
	Device  string
	How     string
	Created time.Time
	Used    time.Time
	Expires time.Time
	Share   []byte // its half of what opens the device's copy of the master key
}

func (s session) public() Session {
	return Session{s.ID, s.Device, s.How, s.Created, s.Used, s.Expires, s.Share}
}

// Enter finds whose session a cookie is, or fails with ErrOver. It notes the use, and
// that keeps the session alive.
func (d *Desk) Enter(ctx context.Context, cookie string) (account.ID, Session, error) {
	d.start()
	secret, ok := decodeSecret(cookie)
	if !ok {
		return "", Session{}, ErrOver
	}
	hash := TokenOf(secret)
	r, err := d.Store.ByToken(ctx, hash)
	if errors.Is(err, ErrNone) {
		return "", Session{}, ErrOver
	}
	if err != nil {
		return "", Session{}, err
	}
	s, err := d.decode(r)
	if err != nil {
		return "", Session{}, err
	}
	now := d.Now().UTC()
	i := slices.IndexFunc(s.Sessions, func(one session) bool { return bytes.Equal(one.Hash, hash[:]) })
	if i < 0 || !now.Before(s.Sessions[i].Expires) {
		return "", Session{}, ErrOver
	}
	one := s.Sessions[i]
	if now.Sub(one.Used) >= useNoted {
		d.noteUse(ctx, s.id, one.ID, now)
		one.Used, one.Expires = now, now.Add(SessionTime)
	}
	return s.id, one.public(), nil
}

func (d *Desk) noteUse(ctx context.Context, id account.ID, which string, now time.Time) {
	_, err := d.change(ctx, id, func(s *state) error {
		for i := range s.Sessions {
			if s.Sessions[i].ID == which {
				s.Sessions[i].Used, s.Sessions[i].Expires = now, now.Add(SessionTime)
			}
		}
		return nil
	})
	if err != nil && ctx.Err() == nil { // a note that is lost is no reason to turn its owner away
		d.Log.Warn("the use of a session was not noted", "account", string(id), "error", err)
	}
}

// Has says whether an account has a sign-in here.
func (d *Desk) Has(ctx context.Context, id account.ID) (bool, error) {
	_, err := d.Store.Record(ctx, id)
	if errors.Is(err, ErrNone) {
		return false, nil
	}
	return err == nil, err
}

// Keyring is what an account's clients keep here.
func (d *Desk) Keyring(ctx context.Context, id account.ID) (Keyring, error) {
	s, err := d.read(ctx, id)
	if err != nil {
		return Keyring{}, err
	}
	return s.keyring(), nil
}

// Sessions lists those that live, the one used last first.
func (d *Desk) Sessions(ctx context.Context, id account.ID) ([]Session, error) {
	d.start()
	s, err := d.read(ctx, id)
	if err != nil {
		return nil, err
	}
	var all []Session
	for _, one := range s.Sessions {
		if d.Now().Before(one.Expires) {
			all = append(all, one.public())
		}
	}
	slices.SortStableFunc(all, func(a, b Session) int { return b.Used.Compare(a.Used) })
	return all, nil
}

// Lives says whether a session of an account is there and has not expired.
func (d *Desk) Lives(ctx context.Context, id account.ID, session string) (bool, error) {
	all, err := d.Sessions(ctx, id)
	return slices.ContainsFunc(all, func(s Session) bool { return s.ID == session }), err
}

// End ends a session, and with it the share that its device needs.
func (d *Desk) End(ctx context.Context, id account.ID, which string) error {
	d.start()
	_, err := d.change(ctx, id, func(s *state) error {
		n := len(s.Sessions)
		if s.end(func(one *session) bool { return one.ID == which }); len(s.Sessions) == n {
			return ErrNotFound
		}
		return nil
	})
	return err
}

// end drops the sessions that which says.
func (s *state) end(which func(*session) bool) {
	s.Sessions = slices.DeleteFunc(s.Sessions, func(one session) bool { return which(&one) })
}

// History is what is remembered of sign-ins, the newest first.
func (d *Desk) History(ctx context.Context, id account.ID) ([]Line, error) {
	d.start()
	s, err := d.read(ctx, id)
	if err != nil {
		return nil, err
	}
	all := append(s.History, d.failed.look(id)...)
	slices.SortStableFunc(all, func(a, b Line) int { return b.At.Compare(a.At) })
	return all[:min(len(all), maxHistory)], nil
}

// watching is who wants to know when a session ends. It knows what this process ends.
type watching struct {
	mu  sync.Mutex
	all map[account.ID]map[*watch]struct{}
}

type watch struct {
	session string
	gone    func()
}

// Watch calls gone, once and at most, when a session is ended or its account's sign-in
// removed, on a goroutine that gone must not hold up; at once if that happened before.
// It watches until ctx ends. A session that runs out is not told.
func (d *Desk) Watch(ctx context.Context, id account.ID, session string, gone func()) error {
	w := &watch{session, sync.OnceFunc(gone)}
	d.watching.add(id, w)
	context.AfterFunc(ctx, func() { d.watching.remove(id, w) })
	s, err := d.read(ctx, id)
	switch {
	case errors.Is(err, ErrNone) || err == nil && !slices.Contains(sessionIDs(s), session):
		go w.gone()
	case err != nil:
		return err
	}
	return nil
}

func (w *watching) add(id account.ID, one *watch) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.all == nil {
		w.all = map[account.ID]map[*watch]struct{}{}
	}
	if w.all[id] == nil {
		w.all[id] = map[*watch]struct{}{}
	}
	w.all[id][one] = struct{}{}
}

func (w *watching) remove(id account.ID, one *watch) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if delete(w.all[id], one); len(w.all[id]) == 0 {
		delete(w.all, id)
	}
}

// review tells those whose session was there before and is no more.
func (w *watching) review(id account.ID, before, after []string) {
	if slices.Equal(before, after) {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for one := range w.all[id] {
		if !slices.Contains(after, one.session) {
			go one.gone()
		}
	}
}
