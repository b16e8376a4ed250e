package imap

import (
	"slices"
	"strconv"

	"sealpost/imap/wire"
	"sealpost/mailstore"
)

// statusItems is what STATUS can tell (RFC 9051, section 6.3.11; RFC 8438;
// RFC 7889; RFC 7162; RFC 8474). DELETED-STORAGE, which has to be counted, is the
// only one beside (RFC 9208).
var statusItems = map[string]func(*session, mailstore.Mailbox) string{
	"MESSAGES":      func(_ *session, b mailstore.Mailbox) string { return decimal(b.Messages) },
	"RECENT":        func(s *session, b mailstore.Mailbox) string { return decimal(s.countRecent(b)) },
	"UIDNEXT":       func(_ *session, b mailstore.Mailbox) string { return decimal(b.UIDNext) },
	"UIDVALIDITY":   func(_ *session, b mailstore.Mailbox) string { return decimal(b.UIDValidity) },
	"UNSEEN":        func(_ *session, b mailstore.Mailbox) string { return decimal(b.Unseen) },
	"DELETED":       func(_ *session, b mailstore.Mailbox) string { return decimal(b.Deleted) },
	"SIZE":          func(_ *session, b mailstore.Mailbox) string { return decimal(b.Bytes) },
	"HIGHESTMODSEQ": func(_ *session, b mailstore.Mailbox) string { return modseqText(b.Modseq) },
	"MAILBOXID":     func(_ *session, b mailstore.Mailbox) string { return "(" + mailboxID(b.ID) + ")" },
	"APPENDLIMIT":   func(s *session, _ mailstore.Mailbox) string { return decimal(s.server.Limits.Message) },
}

func decimal[N mailstore.UID | uint32 | int64](n N) string { return strconv.FormatInt(int64(n), 10) }

// status is STATUS.
func (s *session) status(r *request) error {
	p := &r.Args
	name, ok1 := p.Box(s.wire.UTF8)
	ok2 := p.Space()
	items, err := statusList(p)
	if !ok1 || !ok2 || err != nil || !p.End() {
		return bad("expected STATUS mailbox (items), of items that this server knows")
	}
	box, err := s.mailbox(name)
	if err != nil {
		return s.fault("status", err)
	}
	s.heed(items)
	return s.writeStatus(box, items)
}

// statusList reads a list of items.
func statusList(p *wire.Parser) ([]string, error) {
	items, ok := p.Words()
	if !ok || len(items) == 0 {
		return nil, bad("expected (items)")
	}
	for _, item := range items {
		if statusItems[item] == nil && item != deletedStorage {
			return nil, bad("expected items that this server knows")
		}
	}
	return items, nil
}

// heed notes a client that asks for MODSEQs (RFC 7162, section 3.1).
func (s *session) heed(items []string) {
	if slices.Contains(items, "HIGHESTMODSEQ") {
		s.followModseqs()
	}
}

func (s *session) writeStatus(b mailstore.Mailbox, items []string) error {
	var reclaimed int64
	if slices.Contains(items, deletedStorage) {
		var err error
		if reclaimed, err = s.reclaimed(b.ID); err != nil {
			return s.fault("count deleted messages", err)
		}
	}
	w := s.wire
	w.Str("* STATUS ")
	w.Box(b.Name)
	w.Str(" (")
	for i, item := range items {
		if i > 0 {
			w.Mark(' ')
		}
		w.Str(item)
		w.Mark(' ')
		if item == deletedStorage {
			w.Num(uint64(reclaimed))
		} else {
			w.Str(statusItems[item](s, b))
		}
	}
	w.Str(")\r\n")
	return nil
}

const deletedStorage = "DELETED-STORAGE"

// reclaimed is how many octets of the quota an EXPUNGE of a mailbox gives back
// (RFC 9208, section 4.1.4): a row is read for each message that is marked.
func (s *session) reclaimed(box mailstore.MailboxID) (sum int64, err error) {
	marked, err := s.server.Store.Index.Marked(s.ctx, s.owner, box, mailstore.MarkDeleted)
	if err != nil {
		return 0, err
	}
	for line, err := range s.server.Store.Index.List(s.ctx, s.owner, box, marked, mailstore.Columns{Whole: true}) {
		if err != nil {
			return 0, err
		}
		for _, l := range line.Mail.Letters {
			sum += l.Size
		}
	}
	return sum, nil
}
