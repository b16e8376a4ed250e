package signin

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"net/netip"
	"slices"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"sealpost/account"
)

// ByAppPassword is how programs sign in, at other doors.
const ByAppPassword = "app-password"

// Use is that an app password was used at a door from a network, on a day.
type Use struct {
	Name    string    `json:"name"`
	Door    string    `json:"door"`
	Network string    `json:"network,omitempty"`
	Last    time.Time `json:"last"` // to the day
}

const (
	maxUses       = 64 // of one account
	maxProgramLog = 40 // lines of its history that are of app passwords
	usesNoted     = 16 << 10
	usesEachDay   = 24 // that are written down for an account: who moves on writes no more
)

// noted are uses of today that are written down already, by their hash, and how many
// each account had: programs sign in every minute, and the disk hears of it once a day.
type noted struct {
	mu    sync.Mutex
	known *lru.Cache[[sha256.Size]byte, struct{}]
	count *lru.Cache[account.ID, dayCount]
}

type dayCount struct {
	day time.Time
	n   int
}

func newNoted() *noted {
	return &noted{known: bounded[[sha256.Size]byte, struct{}](usesNoted), count: bounded[account.ID, dayCount](failedAccounts)}
}

// fresh says whether a use was not noted yet, and may be.
func (n *noted) fresh(id account.ID, u Use) bool {
	key := [sha256.Size]byte(keyed(nil, string(id), u.Name, u.Door, u.Network, u.Last.Format(time.DateOnly)))
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.known.Contains(key) {
		return false
	}
	c, _ := n.count.Get(id)
	if !c.day.Equal(u.Last) {
		c = dayCount{day: u.Last}
	}
	c.n++
	n.known.Add(key, struct{}{})
	n.count.Add(id, c)
	return c.n <= usesEachDay
}

// networkOf says where a host is without saying which it is.
func networkOf(host netip.Addr) string {
	host = host.Unmap().WithZone("")
	bits := 24
	switch {
	case !host.IsValid():
		return ""
	case host.Is6():
		bits = 48
	}
	p, err := host.Prefix(bits)
	if err != nil {
		return ""
	}
	return p.String()
}

// NoteUse writes down that a program signed in: once a day for each door and network. An
// account without a sign-in here has nobody who could look at it.
func (d *Desk) NoteUse(ctx context.Context, id account.ID, name, door string, host netip.Addr) {
	d.start()
	now := d.Now().UTC()
	u := Use{Name: name, Door: door, Network: networkOf(host), Last: now.Truncate(24 * time.Hour)}
	if !d.noted.fresh(id, u) {
		return
	}
	_, err := d.change(ctx, id, func(s *state) error {
		same := func(o Use) bool { return o.Name == u.Name && o.Door == u.Door && o.Network == u.Network }
		i := slices.IndexFunc(s.Uses, same)
		if i >= 0 && !s.Uses[i].Last.Before(u.Last) {
			return nil
		}
		if i < 0 { // a place it was not used from before: that is worth a line
			s.History = append(s.History, Line{At: now, How: ByAppPassword, OK: true, Device: device(name), Door: door, Network: u.Network})
		}
		s.Uses = append(slices.DeleteFunc(s.Uses, same), u)
		s.fewer()
		return nil
	})
	if err != nil && !errors.Is(err, ErrNone) && ctx.Err() == nil {
		d.Log.Warn("the use of an app password was not noted", "account", string(id), "error", err)
	}
}

// fewer keeps programs from crowding out what people did.
func (s *state) fewer() {
	if n := len(s.Uses) - maxUses; n > 0 {
		slices.SortStableFunc(s.Uses, func(a, b Use) int { return a.Last.Compare(b.Last) })
		s.Uses = slices.Delete(s.Uses, 0, n)
	}
	over := -maxProgramLog
	for _, l := range s.History {
		if l.How == ByAppPassword {
			over++
		}
	}
	s.History = slices.DeleteFunc(s.History, func(l Line) bool {
		if l.How != ByAppPassword || over <= 0 {
			return false
		}
		over--
		return true
	})
}

// Uses are where app passwords were used from lately, by their name, the newest first.
// There are none of an account without a sign-in.
func (d *Desk) Uses(ctx context.Context, id account.ID) (map[string][]Use, error) {
	s, err := d.read(ctx, id)
	if errors.Is(err, ErrNone) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	by := map[string][]Use{}
	slices.SortStableFunc(s.Uses, func(a, b Use) int {
		return cmp.Or(b.Last.Compare(a.Last), cmp.Compare(a.Door, b.Door), cmp.Compare(a.Network, b.Network))
	})
	for _, u := range s.Uses {
		by[u.Name] = append(by[u.Name], u)
	}
	return by, nil
}
