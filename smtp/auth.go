package smtp

import (
	"encoding/base64"
	"errors"
	"io"
	"strings"
)

const (
	// maxResponse bounds a line of an exchange with its CRLF (RFC 4954, section 4.3).
	maxResponse = 12288
	// maxResponses bounds an exchange; SCRAM takes three, and one more when the
	// client waits for the server to begin.
	maxResponses = 5
	// maxTries are the failed sign-ins after which a connection is closed.
	maxTries = 5
)

var (
	errTLSFirst  = &Reply{538, "5.7.11", "start TLS first"}
	errSignedIn  = &Reply{503, "5.5.1", "you are signed in already"}
	errEHLOFirst = &Reply{503, "5.5.1", "say EHLO first"}
	errAuthArg   = &Reply{501, "5.5.4", "expected AUTH mechanism [initial response]"}
	errCancelled = &Reply{501, "5.7.0", "sign-in cancelled"}
	errBase64    = &Reply{501, "5.5.2", "expected base64"}
	errEndless   = &Reply{535, "5.7.8", "that leads nowhere"}
	errCrowd     = &Reply{454, "4.7.0", "too many connections of this account, close one or try again later"}
	errNotNow    = &Reply{454, "4.7.0", "cannot check passwords now, try again later"}
)

// auth signs in (RFC 4954). The guard does it: the library would speak before TLS,
// and knows no other line limit and no reply but its own.
func (g *guard) auth(arg string) {
	if g.server.SignIn == nil {
		g.absent(arg)
		return
	}
	mechanism, initial, has := strings.Cut(arg, " ")
	switch {
	case !g.extended:
		g.refuse(errEHLOFirst)
	case g.tlsState() == nil:
		g.refuse(errTLSFirst)
	case g.user != nil: // so a mail may be under way, and without, none is
		g.refuse(errSignedIn)
	case mechanism == "" || has && (initial == "" || strings.ContainsAny(initial, " \t")):
		g.refuse(errAuthArg)
	default:
		who, err := g.exchange(strings.ToUpper(mechanism), initial)
		g.admit(who, err)
	}
}

// exchange runs a SASL exchange to its end.
func (g *guard) exchange(mechanism, initial string) (*Identity, error) {
	step, err := g.server.SignIn.Begin(g.ctx, g.peer(), mechanism)
	var response []byte // nil: the client waits
	if err == nil && initial != "" {
		response, err = decode(initial)
	}
	for range maxResponses {
		if err != nil {
			return nil, err
		}
		challenge, who, failed := step(g.ctx, response)
		if failed != nil || who != nil {
			return who, failed
		}
		response, err = g.ask(challenge)
	}
	return nil, errEndless
}

// ask sends a challenge and reads the response.
func (g *guard) ask(challenge []byte) ([]byte, error) {
	g.put("334 " + base64.StdEncoding.EncodeToString(challenge))
	line, err := g.readLineOf(maxResponse)
	if err != nil {
		return nil, g.fail(err)
	}
	text, ok := clean(line)
	switch {
	case !ok:
		return nil, errBase64
	case text == "*":
		return nil, errCancelled
	}
	return decode(text)
}

// decode reads base64. "=" is the empty response that came with the command.
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

// admit answers a sign-in.
func (g *guard) admit(who *Identity, err error) {
	if g.err != nil {
		return // the connection is over, and was told why
	}
	if err == nil && !g.server.signedIn(g, who.Account) {
		err = errCrowd
	}
	if err == nil {
		err = g.server.SignIn.Watch(g.ctx, *who, g.expel)
	}
	if err == nil {
		g.user = who
		g.put("235 2.7.0 welcome")
		return
	}
	r := errNotNow
	if !errors.As(err, &r) {
		g.server.Log.Error("sign-in failed by a fault of ours", "err", err)
	}
	g.server.Log.Info("sign-in refused", "from", g.server.Mark.Of(g.network), "code", r.Code)
	g.refuse(r)
	if g.tries++; g.tries >= maxTries {
		g.put("421 4.7.0 too many tries to sign in, closing")
		g.fail(io.EOF)
	}
}

// stranger is what is said to who wants to send mail and has not signed in.
func (g *guard) stranger() string {
	if g.tlsState() == nil {
		return "530 5.7.0 start TLS and sign in first"
	}
	return "530 5.7.0 sign in first"
}

// peer is what is known of the other end.
func (g *guard) peer() Peer {
	return Peer{Addr: g.RemoteAddr(), Helo: g.helo, Extended: g.extended, TLS: g.tlsState(), User: g.user}
}
