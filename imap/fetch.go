package imap

import (
	"errors"
	"fmt"

	"sealpost/imap/wire"
	"sealpost/mail"
	"sealpost/mailstore"
)

const (
	// fetchBatch is how many mails' unchanging halves are read at once.
	fetchBatch = 64

	// maxItems bounds what one FETCH may ask for.
	maxItems = 64
)

// fetch is FETCH (RFC 9051, section 6.4.5).
func (s *session) fetch(r *request) error {
	set := r.Args
	spans, err := s.places(&r.Args, r.UID)
	if err != nil {
		return err
	}
	f := fetch{session: s, view: s.box, wire: s.wire, uid: r.UID, asked: map[string]bool{}}
	if err := f.parse(&r.Args, r.UID); err != nil {
		return err
	}
	if spans, err = f.choose(spans, set, r.UID); err != nil {
		return s.fault("fetch", err)
	}
	return f.answer(spans)
}

// answer answers the messages at some places.
func (f *fetch) answer(spans []span) error {
	s := f.session
	f.envelopes = f.needs(func(i item) bool { return i.envelope })
	if !f.needs(func(i item) bool { return i.mail }) {
		return s.fault("fetch", f.list(spans))
	}
	for _, sp := range spans {
		for lo := sp.lo; lo < sp.hi; lo += fetchBatch {
			if err := f.batch(span{lo, min(lo+fetchBatch, sp.hi)}); err != nil {
				return s.fault("fetch", err)
			}
		}
	}
	return s.fault("fetch", f.missed)
}

// fetch is one FETCH at work. The view's rows stay as they are meanwhile.
type fetch struct {
	session *session
	view    *view
	wire    *wire.Conn
	uid     bool // UID is told, in front
	items   []item
	asked   map[string]bool // their names

	envelopes bool // an item needs them

	since    mailstore.Modseq // CHANGEDSINCE, if changed is set
	changed  bool
	vanished bool
	part     *part // PARTIAL (RFC 9394), or nil

	missed error // a mail that could not be read; the others are answered

	// What follows is used again for each message, or each few.
	now     message
	page    page
	scratch []byte
}

// message is the message being answered.
type message struct {
	at     int
	row    row
	stored *mailstore.Mail // only when an item needs it
	body   *body           // likewise
	env    mail.EncodedEnvelope
}

func (f *fetch) needs(what func(item) bool) bool {
	for _, i := range f.items {
		if what(i) {
			return true
		}
	}
	return false
}

// marks says whether this FETCH sets \Seen.
func (f *fetch) marks() bool {
	return !f.view.readOnly && f.needs(func(i item) bool { return i.marks })
}

// list answers what entries and envelopes say, line by line as they are read. Those
// that are gone meanwhile are passed over: their EXPUNGE follows.
func (f *fetch) list(spans []span) error {
	columns := mailstore.Columns{Envelope: f.envelopes}
	wanted, got := f.view.chosen(spans), 0
	for line, err := range f.session.lister(f.view.id, columns)(wanted) {
		if err != nil {
			return fmt.Errorf("list messages: %w", err)
		}
		got++
		if err := f.line(line); err != nil {
			return err
		}
	}
	f.view.lacks(wanted, got)
	return f.missed
}

// line answers one message of a list.
func (f *fetch) line(line *mailstore.Line) error {
	at, there := f.view.find(line.UID)
	if !there {
		return nil
	}
	m := &f.now
	m.at, m.row = at, f.view.rowOf(line)
	if err := f.unfold(line.Mail.Envelope); err != nil {
		f.miss(line.UID, err)
		return nil
	}
	f.begin(m, false)
	f.wire.Str(")\r\n")
	return f.wire.Failed()
}

// unfold reads an envelope, if one is asked for.
func (f *fetch) unfold(envelope []byte) (err error) {
	if !f.envelopes {
		return nil
	}
	if f.now.env, err = mail.ParseEnvelope(envelope); err != nil {
		return fmt.Errorf("%w: read envelope: %w", errRead, err)
	}
	return nil
}

// miss notes a mail that cannot be read.
func (f *fetch) miss(uid mailstore.UID, err error) {
	f.session.log.Error("stored mail cannot be read", "mailbox", uint64(f.view.id), "uid", uint32(uid), "error", err)
	f.missed = err
}

// begin writes the head of a response and the items that come from the row.
// flags says that FLAGS is to be told although nobody asked, and to whoever follows
// MODSEQs those and the UID (RFC 7162, section 3.2.4). Who counts no more has the UID in
// front, and as an item only by asking (RFC 9586, section 3.3).
func (f *fetch) begin(m *message, flags bool) (next string) {
	w := f.wire
	next = f.session.head(m.at, m.row, f.uid || flags && f.session.enabled.condstore)
	if f.session.enabled.uidOnly && f.asked["UID"] {
		w.Str("UID ")
		w.Num(uint64(m.row.uid))
		next = " "
	}
	if flags && !f.asked["FLAGS"] {
		w.Str(next)
		w.Str("FLAGS ")
		w.Str(f.view.flagText(m.row))
		next = " "
	}
	if flags && f.session.enabled.condstore && !f.asked["MODSEQ"] {
		w.Str(next)
		f.session.writeModseq(m.row)
		next = " "
	}
	for i := range f.items {
		if f.items[i].write != nil {
			w.Str(next)
			w.Str(f.items[i].name)
			w.Mark(' ')
			f.items[i].write(f, m)
			next = " "
		}
	}
	return next
}

// batch answers some neighbouring messages. All are read before the first is
// written: a slow client must not keep the index waiting.
func (f *fetch) batch(sp span) error {
	fresh, err := f.markSeen(sp)
	if err != nil {
		return err
	}
	f.page.clear()
	wanted := f.view.chosen([]span{sp})
	for line, err := range f.session.lister(f.view.id, mailstore.Columns{Whole: true})(wanted) {
		if err != nil {
			return fmt.Errorf("read mails: %w", err)
		}
		f.page.add(line)
	}
	f.view.lacks(wanted, len(f.page.lines))
	for lo := 0; lo < len(f.page.lines); {
		if lo, err = f.group(lo, fresh); err != nil {
			return err
		}
	}
	return nil
}

// group answers messages from lo on whose letters are read together, and says how
// far it came.
func (f *fetch) group(lo int, fresh map[mailstore.UID]bool) (hi int, err error) {
	hi = f.gather(lo)
	defer f.page.close()
	for ; lo < hi; lo++ {
		line := &f.page.lines[lo]
		switch err := f.message(line, &f.page.bodies[lo], fresh[line.UID]); {
		case errors.Is(err, errRead):
			f.miss(line.UID, err)
		case err != nil:
			return lo, err
		}
	}
	return hi, nil
}

// markSeen sets \Seen where this FETCH implies it, and says where it was new.
func (f *fetch) markSeen(sp span) (fresh map[mailstore.UID]bool, err error) {
	if !f.marks() {
		return nil, nil
	}
	var uids []mailstore.UID
	for at := sp.lo; at < sp.hi; at++ {
		if r := f.view.at(at); !r.gone && !r.flags.has(mailstore.Seen) {
			uids = append(uids, r.uid)
		}
	}
	if err := f.view.failed(); err != nil || len(uids) == 0 {
		return nil, err
	}
	change := mailstore.SetFlags{Box: f.view.id, UIDs: uids, Op: mailstore.Add, Flags: []string{mailstore.Seen}}
	if _, err := f.session.apply(change); err != nil {
		return nil, fmt.Errorf("set seen: %w", err)
	}
	fresh = make(map[mailstore.UID]bool, len(uids))
	for _, u := range uids {
		fresh[u] = true
	}
	return fresh, nil
}

// message answers one message. Everything that can fail was opened before the
// first octet is written.
func (f *fetch) message(line *mailstore.Line, b *body, seenNow bool) error {
	at, there := f.view.find(line.UID)
	if !there || b.err != nil {
		return b.err
	}
	m := &f.now
	m.at, m.row, m.stored, m.body = at, f.view.rowOf(line), &line.Mail, b
	if err := f.unfold(line.Mail.Envelope); err != nil {
		return err
	}
	next := f.begin(m, seenNow)
	for i := range f.items {
		if f.items[i].send == nil {
			continue
		}
		f.wire.Str(next)
		next = " "
		if err := f.items[i].send(f, m); err != nil {
			f.wire.Fail(err) // the response cannot be finished
			return err
		}
	}
	f.wire.Str(")\r\n")
	if seenNow { // with what else became of its flags meanwhile
		f.view.believe(line.UID, told{m.row.flags.sum, m.row.modseq})
	}
	return f.wire.Failed()
}
