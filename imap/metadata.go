package imap

import (
	"encoding/binary"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"

	"sealpost/imap/wire"
	"sealpost/mailstore"
)

// What clients note (RFC 5464) is sealed under the node key before the store has
// it: all of one mailbox in one piece, which goes when the mailbox goes. The
// entries that are called the server's are the account's own.

const (
	maxEntries    = 100      // of one mailbox, and in one command
	maxEntryName  = 255      // octets
	maxEntryValue = 32 << 10 // the same
)

const (
	purposeMetadata = "metadata"
	metadataVersion = 1
)

// entries are names in lower case, which does not matter (RFC 5464, section 3.2),
// and their values.
type entries map[string]string

// errNote says that what was opened is not what we sealed.
var errNote = errors.New("metadata cannot be read")

// noted reads what stands beside a mailbox, or with 0 beside the account, and as
// what it is stored.
func (s *session) noted(box mailstore.MailboxID) (entries, []byte, error) {
	sealed, err := s.server.Store.Index.Note(s.ctx, s.owner, box)
	if err != nil || len(sealed) == 0 {
		return entries{}, nil, err
	}
	plain, err := s.server.Key.Open(purposeMetadata, s.noteID(box), sealed)
	if err != nil {
		// Of another node key, which is lost: what was sealed under it is too.
		s.log.Warn("metadata is not of this node key", "mailbox", box)
		return entries{}, sealed, nil
	}
	all, err := parseEntries(plain)
	return all, sealed, err
}

func (s *session) noteID(box mailstore.MailboxID) string {
	return string(s.owner) + " " + strconv.FormatUint(uint64(box), 10)
}

// seal is what is stored of entries; nothing of none.
func (s *session) sealEntries(box mailstore.MailboxID, all entries) []byte {
	if len(all) == 0 {
		return nil
	}
	plain := []byte{metadataVersion}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		for _, part := range []string{name, all[name]} {
			plain = append(binary.AppendUvarint(plain, uint64(len(part))), part...)
		}
	}
	return s.server.Key.Seal(purposeMetadata, s.noteID(box), plain)
}

func parseEntries(b []byte) (entries, error) {
	if len(b) == 0 || b[0] != metadataVersion {
		return nil, errNote
	}
	all := entries{}
	for b = b[1:]; len(b) > 0; {
		var parts [2]string
		for i := range parts {
			size, n := binary.Uvarint(b)
			if n <= 0 || size > uint64(len(b)-n) {
				return nil, errNote
			}
			parts[i], b = string(b[n:n+int(size)]), b[n+int(size):]
		}
		all[parts[0]] = parts[1]
	}
	return all, nil
}

// noteBox reads a mailbox's name; the empty one is the server's (RFC 5464, section 3.3).
func (s *session) noteBox(name string) (mailstore.Mailbox, error) {
	if name == "" {
		return mailstore.Mailbox{}, nil
	}
	return s.mailbox(name)
}

// entryName checks and folds the name of an entry. Whole asks for more than
// "/private" and "/shared", which are where names begin, and for more than the name of a
// vendor below those (RFC 5464, section 3.2).
func entryName(name string, whole bool) (folded string, ok bool) {
	folded = strings.ToLower(name)
	top, rest, deep := strings.Cut(strings.TrimPrefix(folded, "/"), "/")
	switch {
	case !strings.HasPrefix(folded, "/") || top != "private" && top != "shared" || len(name) > maxEntryName,
		whole && (!deep || strings.HasPrefix(rest+"/", "vendor/") && strings.Count(rest, "/") < 2), deep && (rest == "" || strings.HasSuffix(rest, "/") || strings.Contains(rest, "//")):
		return "", false
	}
	for i := range len(name) {
		if name[i] < ' ' || name[i] >= 0x7f || name[i] == '*' || name[i] == '%' {
			return "", false
		}
	}
	return folded, true
}

// entryList reads the names of entries: one, or some in parentheses.
func entryList(p *wire.Parser) (names []string, ok bool) {
	one := func() bool {
		name, ok := p.Astring()
		if _, good := entryName(name, false); !ok || !good {
			return false
		}
		names = append(names, name)
		return len(names) <= maxEntries
	}
	if p.Next("(") {
		ok = p.List(one) && len(names) > 0
	} else {
		ok = one()
	}
	return names, ok
}

// depth is how far below an entry one looks (RFC 5464, section 4.2.2).
type depth uint8

const (
	depthZero depth = iota
	depthOne
	depthInfinity
)

// under are the entries that a name stands for, by name. The entry itself comes
// as its client spelled it.
func (all entries) under(name string, d depth) (names []string) {
	folded := strings.ToLower(name)
	for is := range all {
		below, deeper := strings.CutPrefix(is, folded+"/")
		if is == folded || deeper && (d == depthInfinity || d == depthOne && !strings.Contains(below, "/")) {
			names = append(names, is)
		}
	}
	slices.Sort(names)
	return names
}

// writeMetadata tells the values of entries (RFC 5464, section 4.4.1), those that
// are too large left out: their largest size is returned. What is not there is NIL.
func (s *session) writeMetadata(b mailstore.Mailbox, asked []string, d depth, limit int64) (longest int64, err error) {
	all, _, err := s.noted(b.ID)
	if err != nil {
		return 0, err
	}
	if b.ID == 0 {
		all = s.ofServer(all)
	}
	w, told := s.wire, map[string]bool{}
	tell := func(name string, value func()) {
		if len(told) == 0 {
			s.writeNoteBox(b)
			w.Str(" (")
		} else {
			w.Mark(' ')
		}
		told[strings.ToLower(name)] = true
		w.Astring(name)
		w.Mark(' ')
		value()
	}
	for _, name := range asked {
		found := all.under(name, d)
		if len(found) == 0 && !told[strings.ToLower(name)] {
			tell(name, func() { w.Str("NIL") })
		}
		for _, is := range found {
			value := all[is]
			switch {
			case told[is]:
			case int64(len(value)) > limit:
				longest = max(longest, int64(len(value)))
			case is == strings.ToLower(name):
				tell(name, func() { w.Octets(value) })
			default:
				tell(is, func() { w.Octets(value) })
			}
		}
	}
	if len(told) > 0 {
		w.Str(")\r\n")
	}
	return longest, nil
}

func (s *session) writeNoteBox(b mailstore.Mailbox) {
	s.wire.Str("* METADATA ")
	if b.ID == 0 {
		s.wire.Text("")
	} else {
		s.wire.Box(b.Name)
	}
}

// ofServer adds what the server says of itself (RFC 5464, section 6.2.1): whom to
// write to. Mail for postmaster is never refused (RFC 5321, section 4.5.1).
func (s *session) ofServer(own entries) entries {
	own["/shared/admin"] = "mailto:postmaster@" + s.address.Domain
	return own
}
