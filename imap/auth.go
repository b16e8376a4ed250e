package imap

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"strings"

	"sealpost/account"
)

const (
	// maxSASL bounds one line of a SASL exchange, in base64.
	maxSASL = 8 << 10

	// maxResponses bounds an exchange; SCRAM has client first, client final and
	// an empty last word, and may begin with the client waiting.
	maxResponses = 5
)

var (
	errCancelled = errors.New("sign-in cancelled")
	errBase64    = errors.New("not base64")
)

// login is LOGIN (RFC 9051, section 6.2.3).
func (l *lobby) login(ctx context.Context, c command) bool {
	p := parser{rest: c.args}
	user, ok1 := p.astring()
	ok2 := p.space()
	password, ok3 := p.astring()
	switch {
	case !ok1 || !ok2 || !ok3 || !p.end():
		l.wire.reply(c.tag, "BAD expected LOGIN user password")
		return l.mistake()
	case !l.tls:
		return l.private(c.tag)
	}
	e, err := l.door().Login(ctx, l.caller(), user, password)
	return l.admit(ctx, c.tag, "LOGIN", e, err)
}

// private refuses to hear a password that others could hear too.
func (l *lobby) private(tag string) bool {
	l.wire.reply(tag, "NO [PRIVACYREQUIRED] start TLS first")
	return l.mistake()
}

// authenticate is AUTHENTICATE (RFC 9051, section 6.2.2), with SASL-IR.
func (l *lobby) authenticate(ctx context.Context, c command) bool {
	if !l.tls {
		return l.private(c.tag)
	}
	mechanism, initial, has := strings.Cut(c.args, " ")
	x := sasl{lobby: l}
	if has {
		x.initial, x.err = decode(initial)
	}
	step, err := l.door().Begin(l.caller(), mechanism)
	if err != nil {
		l.wire.reply(c.tag, "NO [CANNOT] no such mechanism")
		return l.mistake()
	}
	e, err := x.run(ctx, step)
	if l.wire.over != nil {
		return false
	}
	return l.admit(ctx, c.tag, "AUTHENTICATE", e, err)
}

func (l *lobby) door() account.Door {
	return account.Door{Book: l.server.Book, Throttle: l.server.Throttle, Scope: account.ScopeIMAP}
}

// caller is the other end as the door sees it.
func (l *lobby) caller() account.Caller {
	c := account.Caller{Host: l.from}
	if conn, ok := l.wire.Conn.(*tls.Conn); ok {
		state := conn.ConnectionState()
		c.TLS = &state
	}
	return c
}

// admit answers a sign-in. Wrong user and wrong password are one answer.
func (l *lobby) admit(ctx context.Context, tag, how string, e account.Entrant, err error) bool {
	if err == nil && !l.server.census.signedIn(e.ID) {
		l.wire.reply(tag, "NO [LIMIT] this account has too many connections")
		return l.mistake()
	}
	if err == nil {
		if err = l.server.Book.Watch(ctx, e.ID, e.Password, l.wire.expel); err != nil {
			l.server.census.signedOut(e.ID)
		}
	}
	switch {
	case err == nil:
		l.guest = &guest{account: e.Account, tag: tag, how: how}
		return true
	case errors.Is(err, errCancelled):
		l.wire.reply(tag, "BAD cancelled")
		return l.mistake()
	case errors.Is(err, errBase64):
		l.wire.reply(tag, "BAD expected base64")
		return l.mistake()
	case errors.Is(err, account.ErrSlowDown):
		l.wire.reply(tag, "NO [UNAVAILABLE] too many sign-ins from here, wait a minute")
	case errors.Is(err, account.ErrLogin):
		l.server.Log.Info("IMAP sign-in refused", "from", l.mark())
		l.wire.reply(tag, "NO [AUTHENTICATIONFAILED] user name or password is wrong")
	default:
		l.server.Log.Error("IMAP sign-in failed", "error", err)
		l.wire.reply(tag, "NO [UNAVAILABLE] cannot check passwords now, try again later")
	}
	if l.tries++; l.tries < lobbyTries {
		return true
	}
	l.goodbye("too many wrong passwords")
	return false
}

// sasl is the server's side of one exchange over IMAP lines.
type sasl struct {
	lobby   *lobby
	initial []byte // the first response, if it came with the command
	err     error
}

// ask sends a challenge and returns the response.
func (x *sasl) ask(challenge []byte) ([]byte, error) {
	w := x.lobby.wire
	w.WriteString("+ " + base64.StdEncoding.EncodeToString(challenge) + "\r\n")
	line, err := w.readLine(nil, maxSASL)
	switch {
	case errors.Is(err, errTooBig):
		w.linger = true
		return nil, w.bye("response is too long")
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
