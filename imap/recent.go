package imap

import (
	"fmt"
	"sync"
	"time"

	"sealpost/mailstore"
)

// recents say which messages are \Recent (RFC 3501, section 2.3.2): those that no
// session was told of before. UIDs ascend, so of each mailbox that is one UID, the
// lowest nobody was told of; whoever selects the mailbox takes what is above it.
//
// It is a hint, as IMAP4rev2 saw when it took the flag away: it is kept in the memory
// of one process and never written. Sessions on two nodes may both be given a
// message, and of a mailbox that this process has not heard of, only what entered it
// since the process began is recent. RFC 3501 would have all of it recent; then every
// restart would make old mail new again, for everybody.
type recents struct {
	mu    sync.Mutex
	since time.Time // what entered a mailbox before that is in neither map is not recent
	begun time.Time // when young was
	young map[recentKey]mailstore.UID
	old   map[recentKey]mailstore.UID
}

// recentKey names a mailbox: ids are counted for each owner.
type recentKey struct {
	owner mailstore.Owner
	box   mailstore.MailboxID
}

const (
	// maxRecents bounds the mailboxes of young, and those of old: some 10 MB in all.
	maxRecents = 1 << 16

	// beforeStart is how long before its first moment a process takes what came for
	// unheard of: it came while the process before was ending.
	beforeStart = time.Minute
)

// open begins at the moment at which the server does.
func (r *recents) open(now time.Time) { r.since, r.begun = now.Add(-beforeStart), now }

// peek is the lowest UID that nobody was told of, if that is known; otherwise since
// says when what is recent came at the earliest.
func (r *recents) peek(k recentKey) (first mailstore.UID, known bool, since time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	first, known = r.find(k)
	return first, known, r.since
}

// take is peek, and all below next was told now. Where nothing is known, first is
// what was found out.
func (r *recents) take(k recentKey, first, next mailstore.UID, now time.Time) mailstore.UID {
	r.mu.Lock()
	defer r.mu.Unlock()
	if was, known := r.find(k); known {
		first = was
	}
	r.put(k, max(first, next), now)
	return first
}

func (r *recents) find(k recentKey) (mailstore.UID, bool) {
	if first, ok := r.young[k]; ok {
		return first, true
	}
	first, ok := r.old[k]
	return first, ok
}

// put keeps a UID. When there are too many, those that nobody asked for in a long
// time go, and what came to their mailboxes until then is not recent any more.
func (r *recents) put(k recentKey, first mailstore.UID, now time.Time) {
	if _, there := r.young[k]; !there && len(r.young) >= maxRecents {
		if r.old != nil {
			r.since = r.begun
		}
		r.old, r.young, r.begun = r.young, nil, now
	}
	if r.young == nil {
		r.young = map[recentKey]mailstore.UID{}
	}
	r.young[k] = first
	delete(r.old, k)
}

// recentOf are those of some messages, the highest of a mailbox among them, that are
// \Recent. With take they are this session's. What IMAP4rev2 is spoken to is told of
// none, and takes none.
func (s *session) recentOf(box mailstore.MailboxID, uids mailstore.UIDSet, take bool) mailstore.UIDSet {
	if s.enabled.rev2 || uids.Len() == 0 {
		return mailstore.UIDSet{}
	}
	k, r := recentKey{s.owner, box}, &s.server.recents
	first, known, since := r.peek(k)
	if !known {
		var err error
		if first, err = s.entered(box, uids, since); err != nil {
			_ = s.fault("find recent messages", err) // logged there; a hint is not worth more
			return mailstore.UIDSet{}
		}
	}
	next := first
	if take {
		next = uids.Last() + 1
	}
	if first <= uids.Last() || !known {
		first = r.take(k, first, next, s.server.Now())
	}
	return uids.Between(first, uids.Last())
}

// entered is the first UID of those that entered a mailbox at a moment or later, or
// the one behind the last. They ascend in time as they do in number, but for clocks
// that were set back: so a look at the last one mostly does, however many there are.
func (s *session) entered(box mailstore.MailboxID, uids mailstore.UIDSet, since time.Time) (mailstore.UID, error) {
	lo, hi := 0, uids.Len() // before lo none entered since, from hi on all
	for step := 1; lo < hi; {
		at := (lo + hi) / 2
		if lo == 0 && step < hi { // from the end, in strides that double
			at = hi - step
			step *= 2
		}
		late, err := s.isSince(box, uids.At(at), since)
		switch {
		case err != nil:
			return 0, err
		case late:
			hi = at
		default:
			lo = at + 1
		}
	}
	if hi == uids.Len() {
		return uids.Last() + 1, nil
	}
	return uids.At(hi), nil
}

// isSince says whether a message entered a mailbox at a moment or later. It does not
// matter of one that is gone.
func (s *session) isSince(box mailstore.MailboxID, uid mailstore.UID, since time.Time) (bool, error) {
	for line, err := range s.lister(box, mailstore.Columns{})(mailstore.UIDsOf(uid)) {
		if err != nil {
			return false, fmt.Errorf("read when a message came: %w", err)
		}
		return !line.Saved.Before(since.Truncate(time.Second)), nil // as exact as Saved is
	}
	return true, nil
}

// meet makes those of some messages that are \Recent this session's, unless it may
// only read: then others may have them, too (RFC 3501, section 6.3.2).
func (s *session) meet(fresh mailstore.UIDSet) {
	if v := s.box; fresh.Len() > 0 {
		v.recent = v.recent.Union(s.recentOf(v.id, fresh, !v.readOnly))
	}
}

// countRecent is how many messages of a mailbox are \Recent. Where there may be any,
// the set of its UIDs is read.
func (s *session) countRecent(b mailstore.Mailbox) int64 {
	switch first, known, _ := s.server.recents.peek(recentKey{s.owner, b.ID}); {
	case s.isSelected(b.ID):
		return int64(s.box.recent.Len())
	case s.enabled.rev2 || b.Messages == 0 || known && first >= b.UIDNext:
		return 0
	}
	roster, err := s.server.Store.Index.Roster(s.ctx, s.owner, b.ID)
	if err != nil {
		_ = s.fault("count recent messages", err) // logged there; a hint is not worth more
		return 0
	}
	return int64(s.recentOf(b.ID, roster.UIDs, false).Len())
}

// isRecent says whether this session was the first to be told of a message.
func (v *view) isRecent(uid mailstore.UID) bool { return v.recent.Len() > 0 && v.recent.Has(uid) }

// flagText is a message's flags as they are told.
func (v *view) flagText(r row) string {
	text := r.flags.text
	switch {
	case !v.isRecent(r.uid):
		return text
	case text == "()":
		return `(\Recent)`
	}
	return `(\Recent ` + text[1:]
}

// writeRecent tells how many messages are \Recent (RFC 3501, section 7.3.2).
func (s *session) writeRecent() {
	s.box.recentTold = s.box.recent.Len()
	s.untagged(s.box.recentTold, "RECENT")
}

// recently is the search key RECENT.
func recently(c *candidate) verdict { return is(c.view.isRecent(c.row.uid)) }
