package api

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"sealpost/filestore/spool"
	rfc "sealpost/mail"
	"sealpost/mailstore"
	"sealpost/pgp"
)

// AddedMails is where mails stand that a client sealed and put.
type AddedMails struct {
	Mailbox     uint64   `json:"mailbox"`
	UIDs        []uint32 `json:"uids" nullable:"false" doc:"in the order in which they came"`
	UIDValidity uint32   `json:"uid_validity"`
	Modseq      uint64   `json:"modseq"`
}

// sealedHead stands in front of a mail's letters.
type sealedHead struct {
	Flags    []string `json:"flags"`
	Received int64    `json:"received"`
	Header   string   `json:"header"`
	Class    string   `json:"class"`
	Charset  string   `json:"charset"`
	Letters  []struct {
		Letter string `json:"letter"`
		Size   int64  `json:"size"`
	} `json:"letters"`
}

const (
	mostTogether   = 200      // mails of one request
	mostSealedHead = 64 << 10 // bytes of what stands in front of one
	aroundSealed   = 32 << 20 // what terms, body and card are beside the largest mail
)

// sealedMail lets a client bring mail in that this server never reads.
func sealedMail(s service) {
	type input struct {
		raw
		InMailbox
	}
	most := s.Sending.Mail
	if most <= 0 || most > mostMail {
		most = plainMail
	}
	most += most/8 + aroundSealed
	route(s, op{
		name: "append-sealed", method: http.MethodPost, path: "/mailboxes/{mailbox}/sealed", tag: tagMail, access: forAccount, status: http.StatusCreated,
		time: appendTime, body: most, accept: octets("application/octet-stream"),
		about: "Puts mails into a mailbox that the client sealed as this server seals (docs/formats.md, Mail that a client seals), all or none; 200 at most.",
	}, func(ctx context.Context, in *input) (*body[AddedMails], error) {
		leave, err := s.gates.heavy.enter(who(ctx).ID)
		if err != nil {
			return nil, err
		}
		defer leave()
		a, err := s.addSealed(ctx, in.Mailbox, in.r.Body, most)
		return &body[AddedMails]{a}, err
	})
}

func (a *API) addSealed(ctx context.Context, mailbox uint64, in io.Reader, most int64) (AddedMails, error) {
	b, err := a.box(ctx, mailbox)
	if err != nil {
		return AddedMails{}, err
	}
	to, err := a.Book.Recipient(ctx, who(ctx).Account)
	if err != nil {
		return AddedMails{}, err
	}
	whole := spool.New(a.Sending.Spool, spoolMemory, most)
	defer whole.Close()
	from := &bodyReader{r: in}
	if _, err := io.Copy(struct{ io.Writer }{whole}, from); from.err != nil {
		return AddedMails{}, unread(from.err)
	} else if err != nil {
		return AddedMails{}, fmt.Errorf("spool sealed mail: %w", err)
	}
	var ds []mailstore.Delivery
	for at := int64(0); at < whole.Size(); {
		if len(ds) == mostTogether {
			return AddedMails{}, badInput("expected at most %d mails", mostTogether)
		}
		d, next, err := a.readSealed(ctx, whole, at, to)
		if err != nil {
			return AddedMails{}, err
		}
		d.Box = b.Name
		ds, at = append(ds, d), next
	}
	if len(ds) == 0 {
		return AddedMails{}, badInput("expected sealed mail")
	}
	events, err := a.Store.DeliverAll(ctx, owner(ctx), ds)
	if err != nil {
		return AddedMails{}, err
	}
	out := AddedMails{Mailbox: mailbox}
	for _, e := range events {
		out.UIDValidity, out.Modseq = e.Valid, max(out.Modseq, uint64(e.Modseq))
		for _, u := range e.UIDs {
			out.UIDs = append(out.UIDs, uint32(u))
		}
	}
	return out, nil
}

// readSealed reads one mail at an offset, and says where the next begins.
func (a *API) readSealed(ctx context.Context, whole rfc.Bytes, at int64, to pgp.Recipient) (d mailstore.Delivery, next int64, err error) {
	h, at, err := readSealedHead(whole, at)
	if err != nil {
		return d, 0, err
	}
	if d.Flags, err = mailstore.CleanFlags(h.Flags); err != nil {
		return d, 0, err
	}
	d.Received = a.Now()
	if h.Received > 0 && h.Received < 1<<40 {
		d.Received = time.Unix(h.Received, 0)
	}
	m := pgp.ClientMail{Header: []byte(h.Header), Class: pgp.Class(h.Class), Charset: h.Charset, Time: d.Received}
	for _, l := range h.Letters {
		kind, known := kinds[l.Letter]
		if !known || l.Size < 0 || l.Size > whole.Size()-at {
			return d, 0, badInput("expected letters of the sizes that were announced")
		}
		m.Letters = append(m.Letters, pgp.ClientLetter{Kind: kind, Bytes: io.NewSectionReader(whole, at, l.Size)})
		at += l.Size
	}
	d.Sealed, err = pgp.ParseSealed(ctx, m, to)
	return d, at, err
}

// readSealedHead reads the length of a head (4 bytes, big-endian) and the head, as JSON.
func readSealedHead(whole rfc.Bytes, at int64) (h sealedHead, next int64, err error) {
	bad := badInput("expected a length and JSON of at most %d bytes", mostSealedHead)
	var length [4]byte
	if _, err := whole.ReadAt(length[:], at); err != nil {
		return h, 0, bad
	}
	n := int64(binary.BigEndian.Uint32(length[:]))
	if n > mostSealedHead || n > whole.Size()-at-4 {
		return h, 0, bad
	}
	text := make([]byte, n)
	if _, err := io.ReadFull(io.NewSectionReader(whole, at+4, n), text); err != nil {
		return h, 0, fmt.Errorf("read sealed mail: %w", err)
	}
	r := json.NewDecoder(bytes.NewReader(text))
	r.DisallowUnknownFields()
	if err := r.Decode(&h); err != nil || strings.Contains(h.Header, "\x00") {
		return h, 0, bad
	}
	return h, at + 4 + n, nil
}
