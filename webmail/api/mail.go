package api

import (
	"context"
	"math"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"sealpost/mailstore"
)

// Mailboxes are all of an account's.
type Mailboxes struct {
	Modseq    uint64    `json:"modseq" doc:"highest given to any change of this account"`
	Mailboxes []Mailbox `json:"mailboxes" nullable:"false"`
}

// Mailbox is a mailbox and its counters.
type Mailbox struct {
	ID          uint64 `json:"id"`
	Name        string `json:"name" doc:"levels are parted by /, INBOX is in capitals"`
	Use         string `json:"use" doc:"special use (RFC 6154) with its backslash, or empty"`
	UIDValidity uint32 `json:"uid_validity"`
	UIDNext     uint32 `json:"uid_next"`
	Modseq      uint64 `json:"modseq"`
	Subscribed  bool   `json:"subscribed"`
	Messages    uint32 `json:"messages"`
	Unseen      uint32 `json:"unseen"`
	Bytes       int64  `json:"bytes"`
}

// Usage is what an account stores and may store.
type Usage struct {
	Bytes    int64 `json:"bytes" doc:"of mail and files"`
	Messages int64 `json:"messages"`
	Quota    int64 `json:"quota" doc:"most bytes of mail and files; 0: no limit"`
	Cabinet  int64 `json:"cabinet" doc:"bytes of what clients sealed"`
	Files    int64 `json:"files" doc:"of bytes, those of files"`
}

const tagMail = "Mail"

// InMailbox is the path of what belongs to a mailbox.
type InMailbox struct {
	Mailbox uint64 `path:"mailbox" doc:"id of a mailbox"`
}

func mailOperations(s service) {
	route(s, op{
		name: "mailboxes", method: http.MethodGet, path: "/mailboxes", tag: tagMail, access: forAccount,
		about: "All mailboxes with their counters.",
	}, func(ctx context.Context, _ *struct{}) (*body[Mailboxes], error) {
		found, err := s.mailboxes(ctx)
		return &body[Mailboxes]{found}, err
	})
	route(s, op{
		name: "usage", method: http.MethodGet, path: "/usage", tag: tagMail, access: forAccount,
		about: "What the account stores.",
	}, func(ctx context.Context, _ *struct{}) (*body[Usage], error) {
		u, err := s.usage(ctx)
		return &body[Usage]{u}, err
	})
	entries(s)
	frames(s)
	letters(s)
	resealing(s)
	adding(s)
	sealedMail(s)
	changes(s)
}

func (a *API) mailboxes(ctx context.Context) (Mailboxes, error) {
	modseq, err := a.Store.Index.Modseq(ctx, owner(ctx)) // first: what comes meanwhile is listed again
	if err != nil {
		return Mailboxes{}, err
	}
	boxes, err := a.Store.Index.Mailboxes(ctx, owner(ctx))
	out := Mailboxes{Modseq: uint64(modseq), Mailboxes: make([]Mailbox, len(boxes))}
	for i, b := range boxes {
		out.Mailboxes[i] = Mailbox{
			ID: uint64(b.ID), Name: b.Name, Use: b.Use, UIDValidity: b.UIDValidity, UIDNext: uint32(b.UIDNext), Modseq: uint64(b.Modseq),
			Subscribed: b.Subscribed, Messages: b.Messages, Unseen: b.Unseen, Bytes: b.Bytes,
		}
	}
	return out, err
}

func (a *API) usage(ctx context.Context) (Usage, error) {
	u, err := a.Store.Index.Usage(ctx, owner(ctx))
	if err != nil {
		return Usage{}, err
	}
	shelf, err := a.Cabinet.Store.Shelf(ctx, owner(ctx))
	out := Usage{Bytes: u.Bytes, Messages: u.Messages, Quota: u.Quota, Cabinet: shelf.Bytes}
	if a.Files == nil || err != nil {
		return out, err
	}
	files, err := a.Files.Store.Totals(ctx, driveOwner(ctx))
	out.Files = files.Bytes
	return out, err
}

// box is the caller's mailbox of an id, or mailstore.ErrNoMailbox.
func (a *API) box(ctx context.Context, id uint64) (mailstore.Mailbox, error) {
	boxes, err := a.Store.Index.Mailboxes(ctx, owner(ctx))
	if err != nil {
		return mailstore.Mailbox{}, err
	}
	at := slices.IndexFunc(boxes, func(b mailstore.Mailbox) bool { return b.ID == mailstore.MailboxID(id) })
	if at < 0 {
		return mailstore.Mailbox{}, mailstore.ErrNoMailbox
	}
	return boxes[at], nil
}

// mail is one of the caller's messages, or mailstore.ErrNoMail.
func (a *API) mail(ctx context.Context, mailbox, uid uint64) (mailstore.Mail, error) {
	if uid > math.MaxUint32 { // huma would cut it off
		return mailstore.Mail{}, mailstore.ErrNoMail
	}
	for m, err := range a.Store.Index.Mails(ctx, owner(ctx), mailstore.MailboxID(mailbox), []mailstore.UID{mailstore.UID(uid)}) {
		return m, err
	}
	return mailstore.Mail{}, mailstore.ErrNoMail
}

// stream is an answer that an operation writes by itself.
type stream struct{ Body func(huma.Context) }

func streamed(do func(http.ResponseWriter, *http.Request)) *stream {
	return &stream{func(ctx huma.Context) {
		r, w := humago.Unwrap(ctx)
		do(w, r)
	}}
}

const (
	flowWait = 30 * time.Second // for a client to take one piece of an answer,
	flowTime = 10 * time.Minute // and all of it
	piece    = 64 << 10
)

// flow writes a large answer to a client that has to keep taking it.
type flow struct {
	http.ResponseWriter
	control *http.ResponseController
	wait    time.Duration
	until   time.Time
}

func (a *API) flow(w http.ResponseWriter) *flow {
	f := &flow{w, http.NewResponseController(w), flowWait, time.Now().Add(flowTime)} // the clock of the sockets
	if a.patience > 0 {
		f.wait = a.patience
	}
	return f
}

func (f *flow) Write(p []byte) (n int, err error) {
	for {
		next := time.Now().Add(f.wait)
		if next.After(f.until) {
			next = f.until
		}
		_ = f.control.SetWriteDeadline(next) // what cannot be set, such as a test's, has no end
		m, err := f.ResponseWriter.Write(p[:min(len(p), piece)])
		n, p = n+m, p[m:]
		if err != nil || len(p) == 0 {
			return n, err
		}
	}
}
