package api

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"sealpost/filestore"
	"sealpost/mailstore"
	"sealpost/pgp"
)

// Message is what is known of one message without opening it.
type Message struct {
	UID      uint32           `json:"uid"`
	ID       string           `json:"id" doc:"of the mail, kept over copies and moves"`
	Modseq   uint64           `json:"modseq"`
	Received time.Time        `json:"received"`
	Size     int64            `json:"size" doc:"as IMAP serves it"`
	Flags    []string         `json:"flags" nullable:"false"`
	Class    string           `json:"class" enum:"sealed on arrival,end-to-end,both,"`
	Letters  map[string]int64 `json:"letters" doc:"sizes as they are stored"`
	Header   string           `json:"header" doc:"the visible header section"`
}

// kinds are letters as paths call them.
var kinds = map[string]pgp.Kind{
	"message": pgp.KindMessage, "header": pgp.KindHeader, "terms": pgp.KindTerms, "body": pgp.KindBody, "card": pgp.KindCard,
}

var messageKind = reflect.TypeFor[Message]()

const (
	mostCard  = 8 << 10
	mostTerms = 1<<20 + 64<<10
)

type messageAsked struct {
	InMailbox
	Message string `path:"message" maxLength:"20" doc:"a uid, or a uid and .eml for the mail as IMAP serves it"`
}

type letterAsked struct {
	raw
	InMailbox
	UID    uint64 `path:"uid"`
	Letter string `path:"letter" maxLength:"20" doc:"message, header, terms, body, card"`
}

func letters(s service) {
	answer := octets("message/rfc822")
	answer["application/json"] = &huma.MediaType{Schema: s.huma.OpenAPI().Components.Schemas.Schema(messageKind, true, "Message")}
	route(s, op{
		name: "message", method: http.MethodGet, path: "/mailboxes/{mailbox}/messages/{message}", tag: tagMail, access: forAccount, time: flowTime,
		about: "One message: what is known of it, or with .eml the mail as IMAP serves it. Ranges and ETag as in HTTP.", answer: answer,
	}, s.message)
	route(s, op{
		name: "letter", method: http.MethodGet, path: "/mailboxes/{mailbox}/messages/{uid}/{letter}", tag: tagMail, access: forAccount, time: flowTime,
		about:  "One letter of a message, sealed as it is; terms and body with the packets of their session key in front. Ranges and ETag as in HTTP.",
		answer: octets("application/octet-stream"),
	}, s.letter)
	route(s, op{
		name: "put-letter", method: http.MethodPut, path: "/mailboxes/{mailbox}/messages/{uid}/{letter}", tag: tagMail, access: forAccount,
		time: time.Minute, body: mostTerms, accept: octets("application/octet-stream"),
		about: "Puts a better card or better terms, which the client made and sealed, in the place of those that are there.",
	}, s.putLetter)
}

func (s service) message(ctx context.Context, in *messageAsked) (*stream, error) {
	number, eml := strings.CutSuffix(in.Message, ".eml")
	uid, err := strconv.ParseUint(number, 10, 32)
	if err != nil || number != strconv.FormatUint(uid, 10) {
		return nil, notFound()
	}
	m, err := s.mail(ctx, in.Mailbox, uid)
	if err != nil {
		return nil, err
	}
	if eml {
		return s.served(ctx, m)
	}
	e, err := s.Store.Index.Entry(ctx, owner(ctx), mailstore.MailboxID(in.Mailbox), m.UID)
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(describe(m, e))
	if err != nil {
		return nil, fmt.Errorf("write message: %w", err)
	}
	return streamed(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(append(text, '\n'))
	}), nil
}

func describe(m mailstore.Mail, e mailstore.Entry) Message {
	out := Message{
		UID: uint32(m.UID), ID: hex.EncodeToString(m.ID[:]), Modseq: uint64(e.Modseq), Received: e.Received, Size: e.Size,
		Flags: append([]string{}, e.Flags...), Class: string(m.Class), Letters: map[string]int64{}, Header: string(m.Outer),
	}
	for name, kind := range kinds {
		for _, l := range m.Letters {
			if l.Kind == kind {
				out.Letters[name] = l.Size
			}
		}
	}
	return out
}

// served is a message as IMAP serves it.
func (s service) served(ctx context.Context, m mailstore.Mail) (*stream, error) {
	l, err := s.openLetter(ctx, m, pgp.KindMessage)
	if err != nil {
		return nil, gone(err)
	}
	whole := pgp.Served{Outer: m.Outer, Form: m.Form, Raw: l.blob, RawSize: l.size}
	l.ReaderAt, l.size = whole, whole.Size()
	return s.sendLetter(ctx, l, "message/rfc822")
}

func (s service) letter(ctx context.Context, in *letterAsked) (*stream, error) {
	m, err := s.mail(ctx, in.Mailbox, in.UID)
	if err != nil {
		return nil, err
	}
	kind, ok := kinds[in.Letter]
	if !ok {
		return nil, notFound()
	}
	l, err := s.openLetter(ctx, m, kind)
	if err != nil {
		return nil, gone(err)
	}
	return s.sendLetter(ctx, l, "application/octet-stream")
}

// gone says what a letter that went since its row was read means.
func gone(err error) error {
	if errors.Is(err, filestore.ErrNotFound) {
		return notFound()
	}
	return err
}

// sendLetter answers with a letter or a range of it, and closes it.
func (s service) sendLetter(ctx context.Context, l letter, kind string) (*stream, error) {
	leave, err := s.gates.heavy.enter(who(ctx).ID)
	if err != nil {
		l.Close()
		return nil, err
	}
	return streamed(func(w http.ResponseWriter, r *http.Request) {
		defer leave()
		defer l.Close()
		sum := sha256.Sum256(append([]byte(kind), l.id[:]...)) // ids of blobs are nobody's business
		w.Header().Set("ETag", `"`+hex.EncodeToString(sum[:12])+`"`)
		w.Header().Set("Content-Type", kind)
		s.serve(ctx, s.flow(w), r, "letter", l, l.size)
	}), nil
}

// serve answers with all of what is stored or one range of it, and tells where reading it
// failed. Many ranges would be a way to have one letter sent a thousand times.
func (s service) serve(ctx context.Context, to *flow, r *http.Request, what string, stored io.ReaderAt, size int64) {
	if !oneRange(r.Header.Get("Range")) {
		r.Header.Del("Range")
	}
	checked := &careful{SectionReader: io.NewSectionReader(stored, 0, size)}
	http.ServeContent(to, r, "", time.Time{}, checked)
	if checked.err != nil {
		s.cut(ctx, what, checked.err)
	}
}

func oneRange(asked string) bool { return !strings.Contains(asked, ",") }

// careful remembers that reading failed, which http.ServeContent does not tell.
type careful struct {
	*io.SectionReader
	err error
}

func (c *careful) Read(p []byte) (int, error) {
	n, err := c.SectionReader.Read(p)
	if err != nil && err != io.EOF {
		c.err = err
	}
	return n, err
}

func (s service) putLetter(ctx context.Context, in *letterAsked) (*body[ChangeEvent], error) {
	kind, most := kinds[in.Letter], int64(mostTerms)
	switch kind {
	case pgp.KindTerms:
	case pgp.KindCard:
		most = mostCard
	default:
		return nil, notFound()
	}
	if _, err := s.mail(ctx, in.Mailbox, in.UID); err != nil {
		return nil, err
	}
	octets, err := io.ReadAll(http.MaxBytesReader(in.w, in.r.Body, most))
	if err != nil {
		return nil, unread(err)
	}
	to, err := s.Book.Recipient(ctx, who(ctx).Account)
	if err != nil {
		return nil, err
	}
	l, err := pgp.ParseLetter(kind, octets, to)
	if err != nil {
		return nil, err
	}
	e, err := s.Store.PutLetters(ctx, owner(ctx), mailstore.Place{Box: mailstore.MailboxID(in.Mailbox), UID: mailstore.UID(in.UID)}, l)
	if err != nil {
		return nil, err
	}
	return &body[ChangeEvent]{merged([]mailstore.Event{e})}, nil
}

// unread says why a body did not come whole.
func unread(err error) error {
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return err
	}
	return problem(http.StatusBadRequest, "bad-input", "The body broke off")
}
