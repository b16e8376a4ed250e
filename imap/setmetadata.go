package imap

import (
	"errors"
	"strings"

	"sealpost/imap/wire"
	"sealpost/mailstore"
)

// entryChange is one entry's new value; nil removes it.
type entryChange struct {
	name  string
	value *string
}

// setMetadata is SETMETADATA (RFC 5464, section 4.3): all entries are set, or none.
func (s *session) setMetadata(r *request) error {
	p := &r.Args
	name, ok1 := p.Box(s.wire.UTF8)
	ok2 := p.Space()
	changes, ok3 := entryValues(p)
	if !ok1 || !ok2 || !ok3 || !p.End() {
		return bad("expected SETMETADATA mailbox (entry value ...), of entries below /private and /shared")
	}
	box, err := s.noteBox(name)
	if err != nil {
		return s.fault("set metadata", err)
	}
	for _, c := range changes {
		switch {
		case c.value != nil && len(*c.value) > maxEntryValue:
			return no("METADATA MAXSIZE "+decimal(int64(maxEntryValue)), "a value is too large")
		case box.ID == 0 && strings.HasPrefix(c.name, "/shared/"):
			return no("NOPERM", "what is shared of the server is the server's")
		}
	}
	return s.fault("set metadata", s.note(box.ID, changes))
}

// entryValues reads: (entry value ...).
func entryValues(p *wire.Parser) (changes []entryChange, ok bool) {
	ok = p.List(func() bool {
		name, ok1 := p.Astring()
		folded, ok2 := entryName(name, true)
		ok3 := p.Space()
		value, isNil, ok4 := p.Nstring()
		c := entryChange{name: folded}
		if !isNil {
			c.value = &value
		}
		changes = append(changes, c)
		return ok1 && ok2 && ok3 && ok4 && len(changes) <= maxEntries
	})
	return changes, ok && len(changes) > 0
}

// patience with other connections that set metadata of the same mailbox.
const noteTries = 20

// note changes what stands beside a mailbox. Nobody's change in between is lost.
func (s *session) note(box mailstore.MailboxID, changes []entryChange) (err error) {
	for range noteTries {
		all, was, err := s.noted(box)
		if err != nil {
			return err
		}
		before := len(all)
		for _, c := range changes {
			if delete(all, c.name); c.value != nil {
				all[c.name] = *c.value
			}
		}
		if len(all) > maxEntries && len(all) > before {
			return no("METADATA TOOMANY", "there are too many entries")
		}
		_, err = s.apply(mailstore.Note{Box: box, Was: was, Now: s.sealEntries(box, all)})
		if err == nil {
			s.watch.noted(box, changes)
		}
		if !errors.Is(err, mailstore.ErrChanged) {
			return err
		}
	}
	return mailstore.ErrChanged
}
