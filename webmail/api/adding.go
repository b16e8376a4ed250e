package api

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"sealpost/filestore/spool"
	rfc "sealpost/mail"
	"sealpost/mailstore"
	"sealpost/pgp"
)

// Appended is where a mail stands that was put into a mailbox.
type Appended struct {
	Mailbox     uint64 `json:"mailbox"`
	UID         uint32 `json:"uid"`
	UIDValidity uint32 `json:"uid_validity"`
	Modseq      uint64 `json:"modseq"`
	ID          string `json:"id"`
}

const (
	spoolMemory = 1 << 20          // of an appended mail; the rest goes to a file under a key that exists only in memory
	appendTime  = 30 * time.Minute // a phone's upload of the largest mail
)

type appendAsked struct {
	raw
	InMailbox
	Flags    []string `query:"flags,explode" maxItems:"80" doc:"such as \\Seen; once for each"`
	Received int64    `query:"received" doc:"seconds; 0: now"`
}

func adding(s service) {
	most := s.Sending.Mail
	if most <= 0 || most > mostMail {
		most = plainMail
	}
	route(s, op{
		name: "append", method: http.MethodPost, path: "/mailboxes/{mailbox}/messages", tag: tagMail, access: forAccount, status: http.StatusCreated,
		time: appendTime, body: most, accept: octets("message/rfc822"),
		about: "Puts a mail into a mailbox. One that is encrypted to the account is kept as it is; any other is sealed.",
	}, func(ctx context.Context, in *appendAsked) (*body[Appended], error) {
		leave, err := s.gates.heavy.enter(who(ctx).ID)
		if err != nil {
			return nil, err
		}
		defer leave()
		a, err := s.append(ctx, in, most)
		return &body[Appended]{a}, err
	})
}

// append spools, seals and stores a mail. What can be refused is refused before it
// is read.
func (a *API) append(ctx context.Context, in *appendAsked, most int64) (Appended, error) {
	b, err := a.box(ctx, in.Mailbox)
	if err != nil {
		return Appended{}, err
	}
	if _, err := mailstore.CleanFlags(in.Flags); err != nil {
		return Appended{}, err
	}
	to, err := a.Book.Recipient(ctx, who(ctx).Account)
	if err != nil {
		return Appended{}, err
	}
	whole := spool.New(a.Sending.Spool, spoolMemory, most+most/8) // line ends may take more than came
	defer whole.Close()
	lines := rfc.NewLineEnds(whole)
	from := &bodyReader{r: in.r.Body}
	if _, err = io.Copy(lines, from); err == nil {
		err = lines.Close()
	}
	switch {
	case from.err != nil:
		return Appended{}, unread(from.err)
	case err != nil:
		return Appended{}, fmt.Errorf("spool mail: %w", err)
	case whole.Size() == 0:
		return Appended{}, badInput("expected a mail")
	}
	sealed, err := pgp.Seal(ctx, pgp.Mail{Bytes: whole, Gist: rfc.Look(ctx, whole, rfc.DefaultLimits), Time: a.Now()}, to)
	if err != nil {
		return Appended{}, err
	}
	received := a.Now()
	if in.Received > 0 {
		received = time.Unix(in.Received, 0)
	}
	e, err := a.Store.Deliver(ctx, owner(ctx), mailstore.Delivery{Box: b.Name, Sealed: sealed, Flags: in.Flags, Received: received})
	if err != nil {
		return Appended{}, err
	}
	out := Appended{Mailbox: uint64(e.Box), UID: uint32(e.UIDs[0]), UIDValidity: e.Valid, Modseq: uint64(e.Modseq)}
	m, err := a.mail(ctx, out.Mailbox, uint64(out.UID))
	if err == nil {
		out.ID = hex.EncodeToString(m.ID[:])
	} else if !errors.Is(err, mailstore.ErrNoMail) { // else another client was quick
		return out, err
	}
	return out, nil
}

// bodyReader keeps apart what fails on the client's side.
type bodyReader struct {
	r   io.Reader
	err error
}

func (b *bodyReader) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if err != nil && err != io.EOF {
		b.err = err
	}
	return n, err
}
