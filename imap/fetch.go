package imap

import (
	"errors"
	"fmt"
	"time"

	goimap "github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"

	"sealpost/mail"
	"sealpost/mailstore"
)

const (
	// fetchBatch is how many mails' unchanging halves are read at once.
	fetchBatch = 64

	// maxSections bounds the body sections one FETCH may ask for.
	maxSections = 64
)

// Fetch is FETCH (RFC 9051, section 6.4.5).
func (s *session) Fetch(w *imapserver.FetchWriter, set goimap.NumSet, o *goimap.FetchOptions) error {
	if len(o.BodySection)+len(o.BinarySection)+len(o.BinarySectionSize) > maxSections {
		return no(goimap.ResponseCodeLimit, "too many sections at once")
	}
	f := fetch{session: s, view: s.box, out: w, items: o}
	spans := s.places(set)
	if !f.needsMail() {
		for at := range each(spans) {
			if err := f.flat(at); err != nil {
				return err
			}
		}
		return nil
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
	out     *imapserver.FetchWriter
	items   *goimap.FetchOptions
	missed  error // a mail that could not be read; the others are answered
}

func (f *fetch) needsMail() bool {
	o := f.items
	return o.Envelope || o.BodyStructure != nil || len(o.BodySection)+len(o.BinarySection)+len(o.BinarySectionSize) > 0
}

// marks says whether this FETCH sets \Seen.
func (f *fetch) marks() bool {
	if f.view.readOnly {
		return false
	}
	for _, b := range f.items.BodySection {
		if !b.Peek {
			return true
		}
	}
	for _, b := range f.items.BinarySection {
		if !b.Peek {
			return true
		}
	}
	return false
}

// flat answers what the row alone knows.
func (f *fetch) flat(at int) error {
	m := f.out.CreateMessage(uint32(at + 1))
	f.row(m, at, f.items.Flags)
	return m.Close()
}

func (f *fetch) row(m *imapserver.FetchResponseWriter, at int, flags bool) {
	r := f.view.rows[at]
	if f.items.UID {
		m.WriteUID(goimap.UID(r.uid))
	}
	if flags {
		m.WriteFlags(f.view.flags.of(r))
	}
	if f.items.InternalDate {
		m.WriteInternalDate(time.Unix(r.received, 0).UTC())
	}
	if f.items.RFC822Size {
		m.WriteRFC822Size(r.size)
	}
}

// batch answers some neighbouring messages. Those that are gone meanwhile are
// passed over: their EXPUNGE follows.
func (f *fetch) batch(sp span) error {
	uids := f.view.uids([]span{sp})
	fresh, err := f.markSeen(sp)
	if err != nil {
		return err
	}
	mails, err := f.session.mails(uids)
	if err != nil {
		return err
	}
	at := sp.lo
	for _, m := range mails {
		for at < sp.hi && f.view.rows[at].uid != m.UID {
			at++
		}
		if at == sp.hi {
			return fmt.Errorf("mailbox %d: mails came out of order", f.view.id)
		}
		err := f.message(at, m, fresh[m.UID])
		switch {
		case errors.Is(err, errRead):
			f.session.log.Error("stored mail cannot be read", "mailbox", uint64(f.view.id), "uid", uint32(m.UID), "error", err)
			f.missed = err
		case err != nil:
			return err
		}
	}
	return nil
}

// mails reads the unchanging halves of some messages, all before the first is
// used: writing to a slow client must not keep the index waiting.
func (s *session) mails(uids []mailstore.UID) ([]mailstore.Mail, error) {
	mails := make([]mailstore.Mail, 0, len(uids))
	for m, err := range s.server.Store.Index.Mails(s.ctx, s.owner, s.box.id, uids) {
		if err != nil {
			return nil, fmt.Errorf("read mails: %w", err)
		}
		mails = append(mails, m)
	}
	return mails, nil
}

// markSeen sets \Seen where this FETCH implies it, and says where it was new.
func (f *fetch) markSeen(sp span) (fresh map[mailstore.UID]bool, err error) {
	if !f.marks() {
		return nil, nil
	}
	var uids []mailstore.UID
	seen := []string{mailstore.Seen}
	for at := sp.lo; at < sp.hi; at++ {
		if r := f.view.rows[at]; !f.view.flags.has(r, mailstore.Seen) {
			uids = append(uids, r.uid)
		}
	}
	if len(uids) == 0 {
		return nil, nil
	}
	if _, err := f.session.apply(mailstore.SetFlags{Box: f.view.id, UIDs: uids, Op: mailstore.Add, Flags: seen}); err != nil {
		return nil, fmt.Errorf("set seen: %w", err)
	}
	fresh = make(map[mailstore.UID]bool, len(uids))
	for _, u := range uids {
		fresh[u] = true
		at, _ := f.view.find(u)
		f.view.rows[at].flags = f.view.flags.after(f.view.rows[at], mailstore.Add, seen)
	}
	return fresh, nil
}

// message answers one message. Everything that can fail is opened before the
// first octet is written.
func (f *fetch) message(at int, stored mailstore.Mail, seenNow bool) error {
	b, err := f.open(stored)
	if err != nil {
		return err
	}
	defer b.close()
	var env *goimap.Envelope
	if f.items.Envelope {
		if env, err = envelope(stored.Envelope); err != nil {
			return fmt.Errorf("%w: %w", errRead, err)
		}
	}
	m := f.out.CreateMessage(uint32(at + 1))
	f.row(m, at, f.items.Flags || seenNow)
	if env != nil {
		m.WriteEnvelope(env)
	}
	if f.items.BodyStructure != nil {
		m.WriteBodyStructure(structure(b.served))
	}
	failed := f.sections(m, b)
	if err := m.Close(); err != nil || failed != nil {
		err = errors.Join(failed, err)
		f.session.wire.fail(err) // the response cannot be finished
		return err
	}
	return f.partialBinary(at, b)
}

func (f *fetch) sections(m *imapserver.FetchResponseWriter, b *body) error {
	for _, want := range f.items.BodySection {
		part := b.section(want)
		out := m.WriteBodySection(want, part.size())
		if err := b.send(out, part); err != nil {
			return err
		}
		if err := out.Close(); err != nil {
			return err
		}
	}
	return f.binary(m, b)
}

// envelope is a stored envelope as go-imap has it.
func envelope(stored []byte) (*goimap.Envelope, error) {
	var e mail.Envelope
	if err := e.UnmarshalBinary(stored); err != nil {
		return nil, fmt.Errorf("read envelope: %w", err)
	}
	out := &goimap.Envelope{
		Date:      e.Date,
		Subject:   e.Subject,
		From:      addresses(e.From),
		Sender:    addresses(e.Sender),
		ReplyTo:   addresses(e.ReplyTo),
		To:        addresses(e.To),
		Cc:        addresses(e.Cc),
		Bcc:       addresses(e.Bcc),
		MessageID: bare(e.MessageID),
	}
	for _, id := range e.InReplyTo {
		out.InReplyTo = append(out.InReplyTo, bare(id))
	}
	return out, nil
}

func addresses(list []mail.Mailbox) []goimap.Address {
	var out []goimap.Address
	for _, m := range list {
		out = append(out, goimap.Address{Name: m.Name, Mailbox: m.Local, Host: m.Domain})
	}
	return out
}

// bare takes the angle brackets off a message id; imapserver puts them back.
func bare(id string) string {
	if len(id) >= 2 && id[0] == '<' && id[len(id)-1] == '>' {
		return id[1 : len(id)-1]
	}
	return id
}
