package imap

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"strings"
	"time"

	"sealpost/account"
)

const (
	// maxSASL bounds one line of a SASL exchange, in base64.
	maxSASL = 8 << 10

	// patience is how long a sign-in is held back when tokens are short,
	// before its client is told to come again.
	patience = 3 * time.Second
)

var (
	errCancelled = errors.New("sign-in cancelled")
	errBase64    = errors.New("not base64")
	errSlowDown  = errors.New("too many sign-ins from here")
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
	a, err := l.password(ctx, user, password)
	return l.admit(c.tag, "LOGIN", a, err)
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
	var a account.Account
	switch mechanism = strings.ToUpper(mechanism); mechanism {
	case "PLAIN":
		a, x.err = x.plain(ctx)
	case "SCRAM-SHA-256":
		a, x.err = x.scram(ctx)
	default:
		l.wire.reply(c.tag, "NO [CANNOT] no such mechanism")
		return l.mistake()
	}
	if l.wire.over != nil {
		return false
	}
	return l.admit(c.tag, "AUTHENTICATE", a, x.err)
}

// admit answers a sign-in. Wrong user and wrong password are one answer.
func (l *lobby) admit(tag, how string, a account.Account, err error) bool {
	switch {
	case err == nil && !l.server.census.signedIn(a.ID):
		l.wire.reply(tag, "NO [LIMIT] this account has too many connections")
		return l.mistake()
	case err == nil:
		l.guest = &guest{account: a, tag: tag, how: how}
		return true
	case errors.Is(err, errCancelled):
		l.wire.reply(tag, "BAD cancelled")
		return l.mistake()
	case errors.Is(err, errBase64):
		l.wire.reply(tag, "BAD expected base64")
		return l.mistake()
	case errors.Is(err, errSlowDown):
		l.wire.reply(tag, "NO [UNAVAILABLE] too many sign-ins from here, wait a minute")
	case errors.Is(err, account.ErrLogin):
		l.server.Log.Info("IMAP sign-in refused", "from", l.from)
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

// password checks a user name and password, if it is not guessing.
func (l *lobby) password(ctx context.Context, user, password string) (account.Account, error) {
	if err := l.turn(ctx, user); err != nil {
		return account.Account{}, err
	}
	a, err := l.server.Book.Login(ctx, user, password)
	if err == nil {
		l.succeeded(user)
	}
	return a, err
}

// turn waits for the throttle's leave to try a password of user.
func (l *lobby) turn(ctx context.Context, user string) error {
	if l.server.Throttle == nil {
		return nil
	}
	for until := time.Now().Add(patience); ; {
		wait := l.server.Throttle.Allow(l.from, user)
		if wait <= 0 {
			return nil
		}
		if time.Now().Add(wait).After(until) {
			return errSlowDown
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (l *lobby) succeeded(user string) {
	if l.server.Throttle != nil {
		l.server.Throttle.Succeeded(l.from, user)
	}
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
	if err != nil {
		return nil, errBase64
	}
	return b, nil
}

// first is the client's first response.
func (x *sasl) first() ([]byte, error) {
	if x.err != nil || x.initial != nil {
		return x.initial, x.err
	}
	return x.ask(nil)
}

// plain is the PLAIN mechanism (RFC 4616).
func (x *sasl) plain(ctx context.Context) (account.Account, error) {
	response, err := x.first()
	if err != nil {
		return account.Account{}, err
	}
	part := bytes.Split(response, []byte{0})
	if len(part) != 3 || len(part[0]) > 0 && !bytes.Equal(part[0], part[1]) {
		return account.Account{}, account.ErrLogin
	}
	return x.lobby.password(ctx, string(part[1]), string(part[2]))
}

// scram is SCRAM-SHA-256 (RFC 7677); the arithmetic is the account book's.
func (x *sasl) scram(ctx context.Context) (account.Account, error) {
	response, err := x.first()
	if err != nil {
		return account.Account{}, err
	}
	user := scramUser(response)
	if err := x.lobby.turn(ctx, user); err != nil {
		return account.Account{}, err
	}
	step := x.lobby.server.Book.Scram()
	for range 4 { // client first, client final, and an empty last word
		challenge, done, a, err := step(ctx, response)
		if err != nil {
			return account.Account{}, err
		}
		if done {
			x.lobby.succeeded(user)
			return a, nil
		}
		if response, err = x.ask(challenge); err != nil {
			return account.Account{}, err
		}
	}
	return account.Account{}, account.ErrLogin
}

// scramUser is the name in a client-first-message (RFC 5802, section 7), for
// the throttle; whether it is well formed the book finds out.
func scramUser(first []byte) string {
	for i, field := range strings.Split(string(first), ",") {
		if name, ok := strings.CutPrefix(field, "n="); ok && i >= 2 {
			return strings.NewReplacer("=2C", ",", "=3D", "=").Replace(name)
		}
	}
	return ""
}
