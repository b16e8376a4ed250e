package imap

import (
	"context"
	"encoding/base64"
	"errors"
	"strings"
	"time"

	"sealpost/account"
	"sealpost/imap/wire"
	"sealpost/mailstore"
)

const (
	// maxSASL bounds one line of a SASL exchange, in base64.
	maxSASL = 8 << 10

	// maxResponses bounds an exchange; SCRAM has client first, client final and
	// an empty last word, and may begin with the client waiting.
	maxResponses = 5

	// expelTime is what a command may still take whose session is to end.
	expelTime = 5 * time.Second
)

var (
	errCancelled = errors.New("sign-in cancelled")
	errBase64    = errors.New("not base64")
)

// private refuses to hear a password that others could hear too.
var private = no("PRIVACYREQUIRED", "start TLS first")

// login is LOGIN (RFC 9051, section 6.2.3).
func (s *session) login(r *request) error {
	p := &r.Args
	user, ok1 := p.Astring()
	ok2 := p.Space()
	password, ok3 := p.Astring()
	switch {
	case !ok1 || !ok2 || !ok3 || !p.End():
		return bad("expected LOGIN user password")
	case !s.tls:
		return private
	}
	e, err := s.door().Login(s.ctx, s.caller(), user, password)
	return s.admit(r, e, err)
}

// authenticate is AUTHENTICATE (RFC 9051, section 6.2.2), with SASL-IR.
func (s *session) authenticate(r *request) error {
	if !s.tls {
		return private
	}
	mechanism, initial, has := strings.Cut(r.Args.Rest(), " ")
	x := sasl{session: s}
	if has {
		x.initial, x.err = decode(initial)
	}
	step, err := s.door().Begin(s.caller(), mechanism)
	if err != nil {
		return no("CANNOT", "no such mechanism")
	}
	e, err := x.run(s.ctx, step)
	if s.wire.Over() {
		return err
	}
	return s.admit(r, e, err)
}

func (s *session) door() account.Door {
	return account.Door{Book: s.server.Book, Throttle: s.server.Throttle, Scope: account.ScopeIMAP}
}

// admit lets somebody in, or not. Wrong user and wrong password are one answer.
func (s *session) admit(r *request, e account.Entrant, err error) error {
	if err == nil && !s.server.census.signedIn(e.ID) {
		return no("LIMIT", "this account has too many connections")
	}
	if err == nil {
		if err = s.server.Book.Watch(s.ctx, e.ID, e.Password, s.expel); err != nil {
			s.server.census.signedOut(e.ID)
		}
	}
	switch {
	case err == nil:
		s.enter(e.Account)
		r.code = "CAPABILITY " + s.capabilities()
		return nil
	case errors.Is(err, errCancelled):
		return bad("cancelled")
	case errors.Is(err, errBase64):
		return bad("expected base64")
	case errors.Is(err, account.ErrSlowDown):
		return &status{kind: "NO", code: "UNAVAILABLE", text: "too many sign-ins from here, wait a minute", guess: true}
	case errors.Is(err, account.ErrLogin):
		s.server.Log.Info("IMAP sign-in refused", "from", s.mark())
		return &status{kind: "NO", code: "AUTHENTICATIONFAILED", text: "user name or password is wrong", guess: true}
	default:
		s.server.Log.Error("IMAP sign-in failed", "error", err)
		return &status{kind: "NO", code: "UNAVAILABLE", text: "cannot check passwords now, try again later", guess: true}
	}
}

// enter makes the session an account's.
func (s *session) enter(a account.Account) {
	s.account = a.ID
	s.address = a.Addresses[0]
	s.owner = mailstore.Owner(a.ID)
	s.log = s.server.Log.With("account", string(a.ID))
	s.wire.Login = time.Time{}
}

// expel ends a session whose app password is revoked: before its next command,
// or in the midst of one that takes too long.
func (s *session) expel() {
	s.wire.Leave("this app password was revoked")
	time.AfterFunc(expelTime, s.wire.Cut)
}

// sasl is the server's side of one exchange over IMAP lines.
type sasl struct {
	session *session
	initial []byte // the first response, if it came with the command
	err     error
}

// ask sends a challenge and returns the response.
func (x *sasl) ask(challenge []byte) ([]byte, error) {
	w := x.session.wire
	w.Str("+ " + base64.StdEncoding.EncodeToString(challenge) + "\r\n")
	line, err := w.ReadLine(nil, maxSASL)
	switch {
	case errors.Is(err, wire.ErrTooBig):
		return nil, w.Goodbye("response is too long")
	case err != nil:
		return nil, err
	case string(line) == "*":
		return nil, errCancelled
	}
	return decode(string(line))
}

// decode reads base64; "=" is the empty response of SASL-IR, and nil means none.
func decode(s string) ([]byte, error) {
	if s == "=" || s == "" {
		return []byte{}, nil
	}
	b, err := base64.StdEncoding.Strict().DecodeString(s)
	if err != nil || strings.ContainsAny(s, "\r\n") { // which the decoder passes over
		return nil, errBase64
	}
	return b, nil
}

// run takes an exchange to its end.
func (x *sasl) run(ctx context.Context, step account.Step) (account.Entrant, error) {
	response, err := x.initial, x.err
	for range maxResponses {
		if err != nil {
			return account.Entrant{}, err
		}
		challenge, who, failed := step(ctx, response)
		switch {
		case failed != nil:
			return account.Entrant{}, failed
		case who != nil:
			return *who, nil
		}
		response, err = x.ask(challenge)
	}
	return account.Entrant{}, account.ErrLogin
}
