package api

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"sealpost/filestore/spool"
	"sealpost/mail"
	"sealpost/pgp/discover"
	"sealpost/smtp"
	"sealpost/smtp/inbound/rules"
	"sealpost/smtp/outbound/queue"
	"sealpost/smtp/submission"
	"sealpost/smtp/submission/outbox"
	"sealpost/webmail/api/push"
)

// Sending is what the operations of sending ask. What is nil is not there.
type Sending struct {
	Outbox *outbox.Box
	Keys   *discover.Finder
	Rules  *rules.Room
	Images *http.Client // reaches no private address; nil: no pictures of others are fetched
	Push   *push.Room
	Spool  string // folder for mail over 1 MiB while it comes, encrypted there
	Mail   int64  // octets of one mail; 0: 50 MiB
}

const (
	uploadTime  = 10 * time.Minute
	mostMail    = 256 << 20 // whatever the settings say
	mostTo      = 1000
	mostDelay   = 3600 // seconds
	mailInside  = 1 << 20
	plainMail   = 50 << 20
	sendingPart = "Sending"
)

// Envelope is a mail's way.
type Envelope struct {
	From      string    `json:"from"`
	To        []string  `json:"to"`
	Delay     int64     `json:"delay,omitempty" doc:"seconds until it leaves"`
	At        time.Time `json:"at,omitzero" doc:"or when it leaves"`
	Encrypted bool      `json:"encrypted" doc:"the client encrypted it: nothing is sent if it is readable"`
	ID        string    `json:"id,omitempty" doc:"of this sending, 16 to 64 of A-Za-z0-9_-, chosen by its client and new for each: it leaves once, however often it is asked for, and is known for a week at least"`
}

// OutboxItem is a mail that waits. One that left at once has an id too, by which nothing
// is found any more: a client that asks again knows that it was sent.
type OutboxItem struct {
	ID       string    `json:"id"`
	At       time.Time `json:"at"`
	To       int       `json:"to" doc:"recipients"`
	Size     int64     `json:"size"`
	Created  time.Time `json:"created"`
	Sending  bool      `json:"sending,omitempty" doc:"it is leaving, and cannot be taken back"`
	Attempts int       `json:"attempts,omitempty" doc:"that were put off"`
	Reply    string    `json:"reply,omitempty" doc:"why the last one was, as an enhanced status code"`
}

type outboxList struct {
	Items []OutboxItem `json:"items"`
}

func itemOf(i outbox.Item) OutboxItem {
	return OutboxItem{
		ID: string(i.ID), At: i.At.UTC(), To: i.Recipients, Size: i.Size, Created: i.Created.UTC(),
		Sending: i.Sending, Attempts: i.Attempts, Reply: i.Reply,
	}
}

type OutboxID struct {
	ID string `path:"id" maxLength:"64"`
}

func outboxes(s service) {
	// The format keeps huma from reading the form by itself, into memory.
	form := map[string]*huma.MediaType{"multipart/form-data": {Schema: &huma.Schema{Type: "object", Format: "binary", Properties: map[string]*huma.Schema{
		"envelope": {Type: "string", Description: "Envelope, as application/json"},
		"mail":     {Type: "string", Format: "binary", Description: "message/rfc822"},
	}, Required: []string{"envelope", "mail"}}}}
	route(s, op{
		name: "send", method: http.MethodPost, path: "/outbox", tag: sendingPart, access: forAccount, body: mostMail, time: uploadTime, accept: form,
		about: "Sends a mail, now, after a while in which it may be taken back, or at a time.",
	}, func(ctx context.Context, in *struct{ raw }) (*body[OutboxItem], error) {
		if s.Sending.Outbox == nil {
			return nil, notFound()
		}
		item, err := s.send(ctx, in.r)
		if err != nil {
			return nil, err
		}
		return &body[OutboxItem]{item}, nil
	})
	route(s, op{
		name: "outbox", method: http.MethodGet, path: "/outbox", tag: sendingPart, access: forAccount,
		about: "What waits to leave, the next first.",
	}, func(ctx context.Context, _ *struct{}) (*body[outboxList], error) {
		if s.Sending.Outbox == nil {
			return nil, notFound()
		}
		items, err := s.Sending.Outbox.List(ctx, string(who(ctx).ID))
		list := outboxList{Items: []OutboxItem{}}
		for _, i := range items {
			list.Items = append(list.Items, itemOf(i))
		}
		return &body[outboxList]{list}, err
	})
	route(s, op{
		name: "take-back", method: http.MethodDelete, path: "/outbox/{id}", tag: sendingPart, access: forAccount,
		about: "Takes a mail back: then it never leaves. 409 gone-out: it is too late.",
	}, func(ctx context.Context, in *OutboxID) (*struct{}, error) {
		if s.Sending.Outbox == nil {
			return nil, notFound()
		}
		return nil, s.Sending.Outbox.TakeBack(ctx, string(who(ctx).ID), queue.ID(in.ID))
	})
	route(s, op{
		name: "reschedule", method: http.MethodPatch, path: "/outbox/{id}", tag: sendingPart, access: forAccount,
		about: "Gives a mail another time to leave at.",
	}, func(ctx context.Context, in *struct {
		OutboxID
		Body struct {
			At time.Time `json:"at"`
		}
	}) (*body[OutboxItem], error) {
		if s.Sending.Outbox == nil {
			return nil, notFound()
		}
		item, err := s.Sending.Outbox.Move(ctx, string(who(ctx).ID), queue.ID(in.ID), in.Body.At)
		return &body[OutboxItem]{itemOf(item)}, err
	})
}

// send reads the form, its mail into memory or a spool, and hands it on.
func (a *API) send(ctx context.Context, r *http.Request) (OutboxItem, error) {
	kind, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/form-data" {
		return OutboxItem{}, problem(http.StatusUnsupportedMediaType, "media-type", "Expected a form of parts")
	}
	parts := multipart.NewReader(r.Body, params["boundary"])
	e, err := readEnvelope(parts)
	if err != nil {
		return OutboxItem{}, err
	}
	o, err := a.order(who(ctx), e)
	if err != nil {
		return OutboxItem{}, err
	}
	most := a.Sending.Mail
	if most <= 0 {
		most = plainMail
	}
	text := spool.New(a.Sending.Spool, mailInside, most)
	defer text.Close()
	if err := fillPart(parts, "mail", text); err != nil {
		if errors.Is(err, spool.ErrTooLarge) {
			return OutboxItem{}, problem(http.StatusRequestEntityTooLarge, "too-large", "This is more than is taken").detailed("the most is %d bytes", most)
		}
		return OutboxItem{}, err
	}
	held, err := a.Sending.Outbox.Put(ctx, o, text)
	if err != nil {
		return OutboxItem{}, refusedMail(err)
	}
	if held.ID == "" {
		return OutboxItem{ID: outbox.LeftID + strings.ToLower(rand.Text()[:12]), At: a.Now().UTC(), To: len(o.Envelope.To), Size: text.Size(), Created: a.Now().UTC()}, nil
	}
	return itemOf(held), nil
}

func readEnvelope(parts *multipart.Reader) (e Envelope, err error) {
	var text limited
	if err := fillPart(parts, "envelope", &text); err != nil {
		return e, err
	}
	if err := json.Unmarshal(text.b, &e); err != nil {
		return e, badInput("envelope: expected the JSON of an Envelope")
	}
	return e, nil
}

// limited takes as much as an envelope may have.
type limited struct{ b []byte }

func (l *limited) Write(p []byte) (int, error) {
	if len(l.b)+len(p) > plainBody {
		return 0, badInput("envelope: expected at most %d bytes", plainBody)
	}
	l.b = append(l.b, p...)
	return len(p), nil
}

// fillPart reads the next part, which must have that name.
func fillPart(parts *multipart.Reader, name string, into io.Writer) error {
	p, err := parts.NextPart()
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return err
	case err != nil || p.FormName() != name:
		return badInput("expected a part %q", name)
	}
	defer p.Close()
	if _, err := io.Copy(into, p); err != nil {
		var known *Problem
		if errors.As(err, &known) || errors.As(err, &large) || errors.Is(err, spool.ErrTooLarge) {
			return err
		}
		return badInput("part %q was cut", name)
	}
	return nil
}

var sendingID = regexp.MustCompile(`^[A-Za-z0-9_-]{16,64}$`)

// order is what its caller wants done with a mail.
func (a *API) order(c caller, e Envelope) (o outbox.Order, err error) {
	from, err := mail.ParseAddress(e.From)
	if err != nil {
		return o, badInput("from: expected an address")
	}
	if len(e.To) == 0 || len(e.To) > mostTo {
		return o, badInput("to: expected 1 to %d addresses", mostTo)
	}
	if e.ID != "" && !sendingID.MatchString(e.ID) {
		return o, badInput("id: expected 16 to 64 of A-Za-z0-9_-")
	}
	o = outbox.Order{By: identity(c), Encrypted: e.Encrypted, Name: e.ID, Envelope: smtp.Envelope{From: &from}}
	for i, t := range e.To {
		to, err := mail.ParseAddress(t)
		if err != nil {
			return o, badInput("to[%d]: expected an address", i)
		}
		o.Envelope.To = append(o.Envelope.To, smtp.Recipient{Address: to})
	}
	switch {
	case e.Delay < 0 || e.Delay > mostDelay:
		return o, badInput("delay: expected 0 to %d seconds", mostDelay)
	case e.Delay > 0 && !e.At.IsZero():
		return o, badInput("expected delay or at, not both")
	case e.Delay > 0:
		o.Envelope.Hold = a.Now().Add(time.Duration(e.Delay) * time.Second)
	default:
		o.Envelope.Hold = e.At
	}
	return o, nil
}

// identity is who submits. The browser files its own Sent copy; of other programs their
// app password says whether the server does.
func identity(c caller) smtp.Identity {
	return smtp.Identity{Account: string(c.ID), Password: c.Password, OwnSent: c.Session != ""}
}

// refusedMail says in the API's words what submission says in SMTP's.
func refusedMail(err error) error {
	var r *smtp.Reply
	if !errors.As(err, &r) {
		return err
	}
	p := problem(http.StatusUnprocessableEntity, "refused", "This mail was refused")
	switch {
	case r.Enhanced == "4.7.1":
		p = slowDown(60)
	case r.Code == 452:
		p = problem(http.StatusConflict, "too-many", "There are as many as there may be")
	case r.Code/100 == 4:
		p = tryAgain()
	}
	p.Detail = r.Text
	var one *submission.Refused
	if errors.As(err, &one) {
		p.Address = one.To.String()
	}
	return p
}
