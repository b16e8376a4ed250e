package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"sealpost/account"
	"sealpost/account/signin"
	"sealpost/filestore"
	"sealpost/filestore/drive"
	"sealpost/filestore/spool"
	rfc "sealpost/mail"
	"sealpost/mailstore"
	rooms "sealpost/mailstore/cabinet"
	"sealpost/move"
	"sealpost/pgp"
	"sealpost/pgp/discover"
	"sealpost/smtp/inbound/rules"
	"sealpost/smtp/submission/outbox"
	"sealpost/webmail/api/parcels"
	"sealpost/webmail/api/push"
)

// Problem is an error as the wire has it (RFC 9457). It is an error itself, so an
// operation may return one.
type Problem struct {
	Type    string   `json:"type" doc:"urn:sealpost:problem:WORD" example:"urn:sealpost:problem:not-found"`
	Title   string   `json:"title"`
	Status  int      `json:"status"`
	Detail  string   `json:"detail,omitempty"`
	Methods []string `json:"methods,omitempty" doc:"second-factor: which would do: totp, passkey"`
	Address string   `json:"address,omitempty" doc:"refused: the recipient that was"`
	Passkey any      `json:"passkey,omitempty" doc:"second-factor: WebAuthn request options, if a passkey would do"`

	after int    // seconds to wait, for Retry-After
	etag  string // of what is there, where another was expected
}

const problemType = "application/problem+json"

func (p *Problem) Error() string { return strings.TrimPrefix(p.Type, problemURN) }

// GetStatus, GetHeaders and ContentType are for huma.
func (p *Problem) GetStatus() int            { return p.Status }
func (p *Problem) ContentType(string) string { return problemType }
func (p *Problem) GetHeaders() http.Header {
	h := http.Header{}
	if p.after > 0 {
		h.Set("Retry-After", strconv.Itoa(p.after))
	}
	if p.etag != "" {
		h.Set("ETag", p.etag)
	}
	return h
}

const problemURN = "urn:sealpost:problem:"

// problem makes one.
func problem(status int, word, title string) *Problem {
	return &Problem{Type: problemURN + word, Title: title, Status: status}
}

// detailed is p with a sentence for people; nothing readable of anybody stands in it.
func (p *Problem) detailed(format string, args ...any) *Problem {
	p.Detail = fmt.Sprintf(format, args...)
	return p
}

func notFound() *Problem { return problem(http.StatusNotFound, "not-found", "There is no such thing") }

// badInput is for what no schema can say.
func badInput(format string, args ...any) *Problem {
	return problem(http.StatusUnprocessableEntity, "bad-input", "This was not understood").detailed(format, args...)
}

func conflict() *Problem {
	return problem(http.StatusConflict, "conflict", "It was changed by somebody else meanwhile")
}

func forbidden() *Problem {
	return problem(http.StatusForbidden, "forbidden", "This is not for you")
}

func signedOut() *Problem {
	return problem(http.StatusUnauthorized, "signed-out", "Sign in first")
}

func slowDown(seconds int) *Problem {
	p := problem(http.StatusTooManyRequests, "slow-down", "Too many at once; wait a little")
	p.after = max(1, seconds)
	return p
}

func tryAgain() *Problem {
	p := problem(http.StatusServiceUnavailable, "try-again", "Something failed here; try again later")
	p.after = 5
	return p
}

// refusals say what an error of a room below means to a client. The first line that
// fits counts. Whatever does not stand here is a fault of ours.
var refusals = []struct {
	is     error
	status int
	word   string
	title  string
}{
	{account.ErrSlowDown, 429, "slow-down", "Too many at once; wait a little"},
	{account.ErrLogin, 401, "wrong-sign-in", "The address or what proves it is wrong"},
	{account.ErrMechanism, 403, "tls", "This needs TLS"},
	{account.ErrScope, 422, "bad-input", "This was not understood"},
	{account.ErrID, 422, "bad-input", "This was not understood"},
	{signin.ErrNone, 404, "not-found", "There is no such thing"},
	{signin.ErrNotFound, 404, "not-found", "There is no such thing"},
	{signin.ErrOver, 401, "signed-out", "Sign in first"},
	{signin.ErrConflict, 409, "conflict", "It was changed by somebody else meanwhile"},
	{signin.ErrProof, 403, "proof", "Prove anew who you are"},
	{signin.ErrWeak, 422, "weak", "The parameters of the key derivation are too weak, or too costly"},
	{signin.ErrForm, 422, "bad-input", "This was not understood"},
	{signin.ErrTooMany, 409, "too-many", "There are as many as there may be"},
	{account.ErrReserved, 422, "reserved", "This address is kept for the server"},
	{account.ErrPlain, 422, "alias", "Expected a-z, 0-9, dots, dashes and underscores"},
	{signin.ErrClosed, 403, "invitation", "An invitation is needed"},
	{account.ErrNotFound, 404, "not-found", "There is no such thing"},
	{account.ErrUnknown, 404, "not-found", "There is no such thing"},
	{account.ErrTaken, 409, "taken", "This address is taken"},
	{account.ErrDomain, 422, "domain", "Not a domain of this server"},
	{account.ErrName, 409, "name", "An account keeps its name"},
	{account.ErrTooMany, 409, "too-many", "There are as many as there may be"},
	{account.ErrAttachments, 422, "bad-input", "This was not understood"},
	{account.ErrPolicy, 422, "bad-input", "This was not understood"},
	{account.ErrLimit, 422, "bad-input", "This was not understood"},
	{account.ErrPasswordName, 409, "taken", "This name is taken, or no name"},
	{pgp.ErrNoKey, 422, "no-key", "The certificate has no key that mail can be sealed to"},
	{pgp.ErrRevoked, 422, "no-key", "The certificate is revoked"},
	{mailstore.ErrNoMailbox, 404, "not-found", "There is no such thing"},
	{mailstore.ErrNoMail, 404, "not-found", "There is no such thing"},
	{mailstore.ErrNoOwner, 404, "not-found", "There is no such thing"},
	{move.ErrImporting, 409, "importing", "An import is under way"},
	{move.ErrBusy, 503, "try-again", "Too many imports are under way; try again later"},
	{outbox.ErrNoSuch, 404, "not-found", "There is no such thing"},
	{outbox.ErrGone, 409, "gone-out", "This mail is on its way already"},
	{outbox.ErrReadable, 422, "not-encrypted", "This mail is readable, and was not to be; nothing was sent"},
	{outbox.ErrStrict, 409, "strict", "This server holds back no mail that it could read; send it at once, or encrypted"},
	{outbox.ErrTime, 422, "bad-input", "This was not understood"},
	{outbox.ErrSending, 409, "in-progress", "This sending is still being done"},
	{outbox.ErrDoubt, 409, "in-doubt", "This mail may have left already; look before it is sent again"},
	{outbox.ErrFull, 409, "outbox-full", "Too much waits to leave already"},
	{rules.ErrConflict, 409, "conflict", "It was changed by somebody else meanwhile"},
	{discover.ErrNoChange, 404, "not-found", "There is no such thing"},
	{discover.ErrNoKey, 422, "no-key", "The certificate has no key that mail can be sealed to"},
	{discover.ErrExpired, 422, "no-key", "The certificate has expired"},
	{push.ErrTooMany, 409, "too-many", "There are as many as there may be"},
	{mailstore.ErrOverQuota, 507, "over-quota", "There is no room left"},
	{mailstore.ErrExists, 409, "taken", "There is a mailbox of that name"},
	{mailstore.ErrName, 422, "name", "A mailbox cannot be called that"},
	{mailstore.ErrInbox, 422, "name", "INBOX cannot be removed"},
	{mailstore.ErrFlag, 422, "bad-input", "A message cannot have that flag"},
	{mailstore.ErrUse, 409, "taken", "This special use is unknown, or another mailbox has it"},
	{mailstore.ErrTooMany, 409, "too-many", "There are as many as there may be"},
	{mailstore.ErrLetter, 422, "bad-input", "Only cards and terms can be put and shed"},
	{pgp.ErrLetter, 422, "not-sealed", "Expected letters that are sealed to this account"},
	{rooms.ErrNoBox, 404, "not-found", "There is no such thing"},
	{rooms.ErrName, 422, "name", "Not a drawer, or not a name of a box"},
	{rooms.ErrShape, 422, "not-sealed", "Expected a sealed box"},
	{rooms.ErrLarge, 413, "too-large", "This is more than is taken"},
	{rooms.ErrFull, 507, "over-quota", "There is no room left"},
	{parcels.ErrNone, 404, "not-found", "There is no such thing"},
	{parcels.ErrTooMany, 409, "too-many", "There are as many as there may be"},
	{parcels.ErrAnswered, 409, "too-many", "There are as many as there may be"},
	{parcels.ErrName, 422, "name", "Not a name of a parcel"},
	{drive.ErrNone, 404, "not-found", "There is no such thing"},
	{drive.ErrNoOwner, 404, "not-found", "There is no such thing"},
	{drive.ErrQuota, 507, "over-quota", "There is no room left"},
	{drive.ErrTooMany, 409, "too-many", "There are as many as there may be"},
	{drive.ErrSize, 422, "bad-input", "This was not understood"},
	{drive.ErrDigest, 422, "digest", "The octets are not those of the digest"},
	{drive.ErrPart, 409, "conflict", "Another part stands in this place"},
	{drive.ErrMissing, 409, "missing", "Some parts are not there"},
	{drive.ErrWhole, 409, "conflict", "A complete file does not change"},
	{drive.ErrLimit, 422, "bad-input", "This was not understood"},
	{drive.ErrTooLarge, 413, "too-large", "This is more than is taken"},
	{spool.ErrTooLarge, 413, "too-large", "This is more than is taken"},
	{rfc.ErrNUL, 422, "bad-input", "A mail must not hold NUL"},
	{filestore.ErrFull, 503, "try-again", "The server has no space left; try again later"},
}

// problemOf is the one place where errors become answers. What nobody classified is
// temporary, logged with the operation's name, and told in short.
func (a *API) problemOf(ctx context.Context, operation string, err error) *Problem {
	var known *Problem
	if errors.As(err, &known) {
		return known
	}
	for _, r := range refusals {
		if errors.Is(err, r.is) {
			p := problem(r.status, r.word, r.title)
			if r.is == signin.ErrForm { // it says what was expected, and quotes nothing
				p.Detail = err.Error()
			}
			if r.status == http.StatusTooManyRequests {
				p.after = 5
			}
			return p
		}
	}
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return problem(http.StatusRequestEntityTooLarge, "too-large", "This is more than is taken").detailed("the most is %d bytes", large.Limit)
	}
	if ctx.Err() == nil { // else nobody waits for an answer, and the error says just that
		a.Log.Error("an API request failed", "operation", operation, "error", err)
	}
	return tryAgain()
}

// ours turns what huma says of requests it refuses into problems.
func ours(_ huma.Context, _ string, v any) (any, error) {
	theirs, ok := v.(*huma.ErrorModel)
	if !ok {
		return v, nil
	}
	p := problem(theirs.Status, "bad-input", "This was not understood")
	switch {
	case theirs.Status == http.StatusRequestEntityTooLarge:
		p = problem(theirs.Status, "too-large", "This is more than is taken")
	case theirs.Status == http.StatusNotAcceptable:
		p = problem(theirs.Status, "not-acceptable", "Answers are JSON")
	case theirs.Status >= 500:
		return &Problem{Type: problemURN + "try-again", Title: tryAgain().Title, Status: theirs.Status}, nil
	}
	var said []string
	for _, d := range theirs.Errors { // without the values: they may be secrets
		if d != nil {
			said = append(said, strings.TrimSpace(d.Location+" "+d.Message))
		}
	}
	p.Detail = strings.Join(said[:min(len(said), 10)], "; ")
	return p, nil
}

// write answers with a problem outside of huma.
func write(w http.ResponseWriter, p *Problem) {
	body, err := json.Marshal(p)
	if err != nil {
		panic(err) // of our own type
	}
	h := w.Header()
	h.Set("Content-Type", problemType)
	for name, values := range p.GetHeaders() {
		h[name] = values
	}
	w.WriteHeader(p.Status)
	_, _ = w.Write(append(body, '\n'))
}

// survive ends a request of ours that panicked. The panic's value is not logged: it
// may hold what nobody is to read.
func (a *API) survive(w *watched, r *http.Request) {
	switch v := recover(); v {
	case nil:
	case http.ErrAbortHandler:
		panic(v)
	default:
		if r.Context().Err() == nil {
			a.Log.Error("an API request panicked", "type", fmt.Sprintf("%T", v), "stack", string(debug.Stack()))
		}
		if w.begun {
			panic(http.ErrAbortHandler) // half an answer must not look whole
		}
		write(w, tryAgain())
	}
}
