package client

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"sealpost/webmail/api"
)

// The types of answers are the server's own.
type (
	Mailboxes   = api.Mailboxes
	Mailbox     = api.Mailbox
	Entries     = api.Entries
	Message     = api.Message
	Appended    = api.Appended
	Change      = api.Change
	ChangeEvent = api.ChangeEvent
	Usage       = api.Usage
)

// Mailboxes lists the account's.
func (c *Client) Mailboxes(ctx context.Context) (Mailboxes, error) {
	return call[Mailboxes](ctx, c, Request{Path: "/mailboxes"})
}

// Usage is what the account stores.
func (c *Client) Usage(ctx context.Context) (Usage, error) {
	return call[Usage](ctx, c, Request{Path: "/usage"})
}

// Entries asks for the part of a mailbox that changed after since, or with since 0 for
// the part behind the uid after; limit 0 is the server's.
func (c *Client) Entries(ctx context.Context, mailbox uint64, since uint64, after uint32, limit int) (Entries, error) {
	q := url.Values{"since": {number(since)}}
	if after > 0 {
		q.Set("after", number(after))
	}
	if limit > 0 {
		q.Set("limit", number(limit))
	}
	return call[Entries](ctx, c, Request{Path: fmt.Sprintf("/mailboxes/%d/entries", mailbox), Query: q})
}

// All yields all parts of a mailbox that is read for the first time. The Modseq of the
// first is the one to go on from: what changed since is in none of the others.
func (c *Client) All(ctx context.Context, mailbox uint64) iter.Seq2[Entries, error] {
	return func(yield func(Entries, error) bool) {
		after := uint32(0)
		for {
			e, err := c.Entries(ctx, mailbox, 0, after, 20_000)
			if !yield(e, err) || err != nil || !e.More || len(e.UIDs) == 0 {
				return
			}
			after = e.UIDs[len(e.UIDs)-1]
		}
	}
}

// Frame is one message's card or terms; empty: it has none.
type Frame struct {
	UID     uint32
	Content []byte
}

const (
	mostFrame  = 2 << 20
	mostLetter = 1 << 30
)

// Frames yields cards ("cards") or words ("terms") of messages, at most 5,000 at a time.
func (c *Client) Frames(ctx context.Context, what string, mailbox uint64, uids []uint32) iter.Seq2[Frame, error] {
	return func(yield func(Frame, error) bool) {
		resp, err := c.Do(ctx, Request{Path: fmt.Sprintf("/mailboxes/%d/%s", mailbox, what), Query: url.Values{"uids": {ranges(uids)}}})
		if err != nil {
			yield(Frame{}, err)
			return
		}
		defer resp.Body.Close()
		for {
			f, err := readFrame(resp.Body)
			if err == io.EOF || !yield(f, err) || err != nil {
				return
			}
		}
	}
}

// readFrame returns io.EOF only where a frame could have begun.
func readFrame(r io.Reader) (Frame, error) {
	var head [8]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return Frame{}, err
	}
	n := binary.BigEndian.Uint32(head[4:])
	if n > mostFrame {
		return Frame{}, fmt.Errorf("a frame has %d bytes; expected at most %d", n, mostFrame)
	}
	f := Frame{UID: binary.BigEndian.Uint32(head[:]), Content: make([]byte, n)}
	if _, err := io.ReadFull(r, f.Content); err != nil {
		return Frame{}, fmt.Errorf("a frame broke off: %w", io.ErrUnexpectedEOF)
	}
	return f, nil
}

// ranges writes uids as 1:50,60.
func ranges(uids []uint32) string {
	uids = slices.Clone(uids)
	slices.Sort(uids)
	uids = slices.Compact(uids)
	var parts []string
	for i := 0; i < len(uids); {
		j := i
		for j+1 < len(uids) && uids[j+1] == uids[j]+1 {
			j++
		}
		part := number(uids[i])
		if j > i {
			part += ":" + number(uids[j])
		}
		parts = append(parts, part)
		i = j + 1
	}
	return strings.Join(parts, ",")
}

// Message is what is known of one without opening it.
func (c *Client) Message(ctx context.Context, mailbox uint64, uid uint32) (Message, error) {
	return call[Message](ctx, c, Request{Path: fmt.Sprintf("/mailboxes/%d/messages/%d", mailbox, uid)})
}

// Letter is message, header, terms, body or card of a message, sealed as it is.
func (c *Client) Letter(ctx context.Context, mailbox uint64, uid uint32, letter string) ([]byte, error) {
	b, _, err := c.octets(ctx, Request{Path: fmt.Sprintf("/mailboxes/%d/messages/%d/%s", mailbox, uid, url.PathEscape(letter))}, mostLetter)
	return b, err
}

// EML is a message as IMAP serves it, for the caller to close.
func (c *Client) EML(ctx context.Context, mailbox uint64, uid uint32) (io.ReadCloser, error) {
	resp, err := c.Do(ctx, Request{Path: fmt.Sprintf("/mailboxes/%d/messages/%d.eml", mailbox, uid)})
	if err != nil {
		return nil, err
	}
	return resp.Body, nil
}

// PutLetter puts a better card or better terms, which the caller sealed.
func (c *Client) PutLetter(ctx context.Context, mailbox uint64, uid uint32, letter string, sealed io.Reader) (ChangeEvent, error) {
	return call[ChangeEvent](ctx, c, Request{
		Method: http.MethodPut, Path: fmt.Sprintf("/mailboxes/%d/messages/%d/%s", mailbox, uid, url.PathEscape(letter)),
		Body: sealed, Type: "application/octet-stream",
	})
}

// Append puts a mail into a mailbox; the server seals it, unless it is encrypted to the
// account. A zero time is now.
func (c *Client) Append(ctx context.Context, mailbox uint64, mail io.Reader, flags []string, received time.Time) (Appended, error) {
	q := url.Values{"flags": flags}
	if !received.IsZero() {
		q.Set("received", number(received.Unix()))
	}
	return call[Appended](ctx, c, Request{
		Method: http.MethodPost, Path: fmt.Sprintf("/mailboxes/%d/messages", mailbox), Query: q, Body: mail, Type: "message/rfc822",
	})
}

// Apply makes changes, all or none. With a key of the caller's that is new for each
// call, the same call may be made again when its answer was lost.
func (c *Client) Apply(ctx context.Context, key string, changes ...Change) ([]ChangeEvent, error) {
	r := Request{Method: http.MethodPost, Path: "/changes", JSON: api.Changes{Changes: changes}}
	if key != "" {
		r.Header = http.Header{"Idempotency-Key": {key}}
	}
	done, err := call[api.ChangeEvents](ctx, c, r)
	return done.Events, err
}
