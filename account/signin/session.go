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

// ended tells who watches sessions, here and on other nodes, that only those of after are left
// of those before.
func (d *Desk) ended(id account.ID, before, after []string) {
	gone := slices.ContainsFunc(before, func(one string) bool { return !slices.Contains(after, one) })
	if !gone {
		return
	}
	d.watching.review(id, after)
	if d.Bus != nil {
		d.Bus.Publish(account.Topic(id))
	}
}

// Follow reads again what other nodes may have ended, and tells those who watch it, until ctx
// ends. Without it nobody hears of what is ended elsewhere.
func (d *Desk) Follow(ctx context.Context) {
	d.stale.Run(ctx, func(ctx context.Context, id account.ID) error {
		if !d.watching.any(id) {
			return nil
		}
		s, err := d.read(ctx, id)
		if errors.Is(err, ErrNone) {
			s, err = new(state), nil
		}
		if err == nil {
			d.watching.review(id, sessionIDs(s))
		}
		return err
	})
}

// watching is who wants to know when a session ends.
type watching struct {
	mu  sync.Mutex
	all map[account.ID]*circle
}

// circle are those who watch sessions of one account.
type circle struct {
	watches map[*watch]struct{}
	end     func() // of hearing other nodes, or nil
}

type watch struct {
	session string
	gone    func()
}

// Watch calls gone, once and at most, when a session is ended or its account's sign-in
// removed, on a goroutine that gone must not hold up; at once if that happened before. What
// another node ends is heard of through the bus, within a minute at worst.
// It watches until ctx ends. A session that runs out is not told.
func (d *Desk) Watch(ctx context.Context, id account.ID, session string, gone func()) error {
	w := &watch{session, sync.OnceFunc(gone)}
	d.watching.add(d, id, w)
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

func (w *watching) add(d *Desk, id account.ID, one *watch) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.all == nil {
		w.all = map[account.ID]*circle{}
	}
	c := w.all[id]
	if c == nil {
		c = &circle{watches: map[*watch]struct{}{}}
		if d.Bus != nil {
			c.end = d.Bus.Watch(account.Topic(id), func() { d.stale.Mark(id) })
		}
		w.all[id] = c
	}
	c.watches[one] = struct{}{}
}

// any says whether an account is watched.
func (w *watching) any(id account.ID) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.all[id] != nil
}

func (w *watching) remove(id account.ID, one *watch) {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := w.all[id]
	if c == nil {
		return
	}
	if delete(c.watches, one); len(c.watches) == 0 {
		if c.end != nil {
			c.end()
		}
		delete(w.all, id)
	}
}

// review tells those whose session is not among those that are left.
func (w *watching) review(id account.ID, left []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := w.all[id]
	if c == nil {
		return
	}
	for one := range c.watches {
		if !slices.Contains(left, one.session) {
			go one.gone()
		}
	}
}
