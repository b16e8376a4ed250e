// Package plain holds mail as it came, for conformance tests of the IMAP door:
// it takes the place of sealing and serves the octets that were appended. It is
// test code: the shipped binary does not hold it (test/house_test.go).
//
// It never knows a key.
//
// Invariants: what is served is what was appended, octet for octet, but that
// "binary" bodies become base64, since nothing but BINARY may show them.
package plain

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"

	"sealpost/imap"
	"sealpost/mail"
	"sealpost/mailstore"
	"sealpost/pgp"
)

// Keeper keeps mail in a store without sealing it.
type Keeper struct {
	Store *mailstore.Store
}

var _ imap.Keeping = Keeper{}

// Keep stores a mail as it came.
func (k Keeper) Keep(ctx context.Context, a imap.Appended) (mailstore.Event, error) {
	raw := make([]byte, a.Mail.Size())
	if _, err := a.Mail.ReadAt(raw, 0); err != nil && !errors.Is(err, io.EOF) {
		return mailstore.Event{}, fmt.Errorf("read an appended mail: %w", err)
	}
	raw = withoutBinary(raw)
	e := parse(raw)
	env, err := mail.ReadEnvelope(e.header).MarshalBinary()
	if err != nil {
		return mailstore.Event{}, err
	}
	refs, err := k.Store.Blobs.Put(ctx, bytes.NewReader(raw))
	if err != nil {
		return mailstore.Event{}, fmt.Errorf("store a blob: %w", err)
	}
	events, err := k.Store.Apply(ctx, a.Owner, mailstore.Append{
		Box: a.Box, Size: int64(len(raw)), Received: a.Received, Flags: a.Flags,
		Mail: mailstore.Mail{
			Outer: raw[:e.body], Envelope: env, Form: pgp.FormMIME, Class: pgp.SealedOnArrival,
			Letters: []mailstore.Stored{{Kind: pgp.KindMessage, Ref: refs[0]}},
		},
	})
	if err != nil {
		return mailstore.Event{}, err
	}
	return events[0], nil
}

// withoutBinary makes base64 of a body that is not lines (RFC 3516, section 4.3).
func withoutBinary(raw []byte) []byte {
	e := parse(raw)
	field, ok := e.header.Get("Content-Transfer-Encoding")
	if !ok || e.multi || !strings.EqualFold(field.Value(), "binary") {
		return raw
	}
	text := base64.StdEncoding.EncodeToString(raw[e.body:])
	var out bytes.Buffer
	out.Write(bytes.Replace(raw[:e.body], field.Raw, []byte("Content-Transfer-Encoding: base64\r\n"), 1))
	for len(text) > 0 {
		n := min(76, len(text))
		out.WriteString(text[:n] + "\r\n")
		text = text[n:]
	}
	return out.Bytes()
}

// Open reads a mail.
func (k Keeper) Open(ctx context.Context, m mailstore.Mail) (imap.Reading, error) {
	blob, err := k.Store.Letter(ctx, m, pgp.KindMessage)
	if err != nil {
		return nil, err
	}
	defer blob.Close()
	raw := make([]byte, blob.Size())
	if _, err := blob.ReadAt(raw, 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read a blob: %w", err)
	}
	return reading{parse(raw)}, nil
}

// reading is one mail being served.
type reading struct{ *entity }

// Section is where a section stands. What the mail does not have is empty.
func (r reading) Section(path []int, what string) []byte {
	e := r.find(path)
	switch {
	case e == nil:
		return nil
	case len(path) == 0:
	case what == "":
		return e.raw[e.body:e.end]
	case what == "MIME":
		return e.raw[e.start:e.body]
	case e.message == nil:
		return nil
	default:
		e = e.message
	}
	switch what {
	case "":
		return e.raw[e.start:e.end]
	case "HEADER":
		return e.raw[e.start:e.body]
	case "TEXT":
		return e.raw[e.body:e.end]
	}
	return nil
}

// Decoded is a section without its transfer encoding (RFC 3516).
func (r reading) Decoded(path []int) ([]byte, error) {
	e := r.find(path)
	if e == nil || len(path) == 0 || e.multi || e.message != nil {
		return r.Section(path, ""), nil
	}
	return e.decoded()
}

// Structure is BODYSTRUCTURE, or BODY.
func (r reading) Structure(extended bool) string { return r.structure(extended) }

// Holds says whether a text of the body holds a word, whatever its case.
func (r reading) Holds(word string) bool {
	word = strings.ToLower(word)
	return r.texts(func(s string) bool { return strings.Contains(strings.ToLower(s), word) })
}
