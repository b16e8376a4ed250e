package imap

import (
	"bytes"
	"context"
	"io"
	"time"

	"sealpost/filestore/spool"
	"sealpost/mail"
	"sealpost/mailstore"
)

// Keeping takes the place of sealing what is appended and of serving what is
// sealed. A server has none: mail is sealed, and mailstore's Deliver takes nothing
// else. Only a server that conformance tests run against, which compare the octets
// that they appended, keeps mail as it came; none of that is in the shipped binary
// (TestHouseKeepsNoPlainMail).
type Keeping interface {
	// Keep stores an appended mail.
	Keep(context.Context, Appended) (mailstore.Event, error)
	// Open prepares a stored mail for being served.
	Open(context.Context, mailstore.Mail) (Reading, error)
}

// Appended is a mail as its client appended it.
type Appended struct {
	Owner    mailstore.Owner
	Box      mailstore.MailboxID
	Mail     mail.Bytes
	Flags    []string
	Received time.Time
}

// Reading is a mail that is kept as it came.
type Reading interface {
	// Section is BODY[path.what]; what is empty, HEADER, TEXT or MIME.
	Section(path []int, what string) []byte
	// Decoded is BINARY[path].
	Decoded(path []int) ([]byte, error)
	// Structure is BODYSTRUCTURE, or without what extends it BODY.
	Structure(extended bool) string
	// Holds says whether the body's text holds a word: SEARCH BODY.
	Holds(word string) bool
}

// keepAll stores mails as they came.
func (s *session) keepAll(drafts []draft, instead mailstore.Place) (all mailstore.Event, err error) {
	for _, d := range drafts {
		e, err := s.keep(d.appendArgs, d.mail)
		if err != nil {
			return all, err
		}
		all.Box, all.Valid, all.UIDs = e.Box, e.Valid, append(all.UIDs, e.UIDs...)
	}
	if instead.UID != 0 {
		_, err = s.apply(mailstore.Expunge{Box: instead.Box, UIDs: []mailstore.UID{instead.UID}})
	}
	return all, err
}

// keep stores a mail as it came.
func (s *session) keep(args appendArgs, whole *spool.Spool) (mailstore.Event, error) {
	box, err := s.mailbox(args.box)
	if err != nil {
		return mailstore.Event{}, err
	}
	received := args.date
	if received.IsZero() {
		received = s.server.Now()
	}
	return s.server.Keeping.Keep(s.ctx, Appended{Owner: s.owner, Box: box.ID, Mail: whole, Flags: args.flags, Received: received})
}

// asItCame writes what is binary, and no line, into a spool.
type asItCame struct{ io.Writer }

func (asItCame) Close() error { return nil }

// lineEnds is what an appended mail is written through. A literal8 may hold
// anything where mail is kept as it came; sealed mail is lines.
func (s *session) lineEnds(whole *spool.Spool, binary bool) io.WriteCloser {
	if binary && s.server.Keeping != nil {
		return asItCame{whole}
	}
	return mail.NewLineEnds(whole)
}

// readSection is a section of a mail that is kept as it came.
func readSection(r Reading, want *section) piece {
	if !sectionWords[want.what] {
		return whole(r.Section(want.path, want.what)).cut(want)
	}
	header := r.Section(want.path, "HEADER")
	if header == nil {
		return whole(nil)
	}
	return whole(headerFields(header, want)).cut(want)
}

// whole is a piece that is all there; an empty one is not nil.
func whole(text []byte) piece { return piece{text: append([]byte{}, text...)} }

// headerFields picks fields of a header as they stand, and an empty line.
func headerFields(header []byte, want *section) []byte {
	h, err := mail.ReadHeader(bytes.NewReader(header), 0, int64(len(header)))
	if err != nil {
		return nil // reading from memory does not fail
	}
	var out []byte
	for _, field := range h.Fields {
		if containsFold(want.names, field.Name) == (want.what == "HEADER.FIELDS") {
			out = append(out, field.Raw...)
		}
	}
	return append(out, '\r', '\n')
}
