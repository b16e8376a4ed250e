package imap

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"sealpost/account"
)

const (
	// lobbyErrors are the refused commands, lobbyTries the wrong passwords,
	// after which a connection is closed.
	lobbyErrors = 10
	lobbyTries  = 5
)

// lobby is the dialogue before sign-in (RFC 9051, section 6.2). It is our own:
// it holds one input buffer and never more than one command of 8 KiB, so that
// whoever has not signed in costs next to nothing.
type lobby struct {
	server *Server
	wire   *wire
	from   netip.Addr
	tls    bool
	errors int
	tries  int
	guest  *guest
}

// guest is who signed in, and with which command.
type guest struct {
	account account.Account
	tag     string
	how     string
}

// lobbyCommands is all that can be said before sign-in. A command returns
// false when the connection is to end.
var lobbyCommands = map[string]func(*lobby, context.Context, command) bool{
	"CAPABILITY":   (*lobby).capability,
	"NOOP":         (*lobby).noop,
	"ID":           (*lobby).id,
	"LOGOUT":       (*lobby).logout,
	"STARTTLS":     (*lobby).startTLS,
	"LOGIN":        (*lobby).login,
	"AUTHENTICATE": (*lobby).authenticate,
}

// laterCommands are known, but not for strangers. Anything else ends the
// connection: it is some other protocol, or somebody trying it (ATTACKS D04).
var laterCommands = map[string]bool{
	"ENABLE": true, "SELECT": true, "EXAMINE": true, "CREATE": true, "DELETE": true, "RENAME": true,
	"SUBSCRIBE": true, "UNSUBSCRIBE": true, "LIST": true, "LSUB": true, "NAMESPACE": true, "STATUS": true,
	"APPEND": true, "IDLE": true, "CLOSE": true, "UNSELECT": true, "EXPUNGE": true, "SEARCH": true,
	"FETCH": true, "STORE": true, "COPY": true, "MOVE": true, "CHECK": true, "UID FETCH": true,
	"UID STORE": true, "UID COPY": true, "UID MOVE": true, "UID SEARCH": true, "UID EXPUNGE": true,
}

// serve greets, and returns who signed in. ok is false when nobody did and the
// connection is over.
func (l *lobby) serve(ctx context.Context) (g guest, ok bool) {
	l.wire.WriteString("* OK [CAPABILITY " + l.capabilities() + "] sealpost is ready\r\n")
	for l.guest == nil {
		c, err := l.wire.readCommand(maxLobbyCommand)
		var no *refusal
		switch {
		case errors.As(err, &no):
			l.wire.reply(no.tag, "%s", no.text)
			if !l.mistake() {
				return guest{}, false
			}
		case err != nil:
			return guest{}, false
		case !l.run(ctx, c):
			return guest{}, false
		}
	}
	l.wire.login = time.Time{}
	return *l.guest, true
}

func (l *lobby) run(ctx context.Context, c command) bool {
	if do, ok := lobbyCommands[c.name]; ok {
		return do(l, ctx, c)
	}
	if !laterCommands[c.name] {
		l.wire.reply(c.tag, "BAD unknown command")
		l.goodbye("this is an IMAP server")
		return false
	}
	if c.mail != nil && c.mail.open {
		l.goodbye("sign in first")
		return false
	}
	l.wire.reply(c.tag, "BAD sign in first")
	return l.mistake()
}

// mistake counts a refused command and says whether there may be another.
func (l *lobby) mistake() bool {
	l.errors++
	if l.errors < lobbyErrors {
		return true
	}
	l.goodbye("too many mistakes")
	return false
}

func (l *lobby) goodbye(why string) {
	l.wire.linger = true
	l.wire.bye(why)
}

func (l *lobby) noop(_ context.Context, c command) bool {
	l.wire.reply(c.tag, "OK NOOP completed")
	return true
}

func (l *lobby) logout(_ context.Context, c command) bool {
	l.wire.WriteString("* BYE until next time\r\n")
	l.wire.reply(c.tag, "OK LOGOUT completed")
	return false
}

func (l *lobby) id(_ context.Context, c command) bool {
	writeID(l.wire, c.tag)
	return true
}

func (l *lobby) capability(_ context.Context, c command) bool {
	l.wire.WriteString("* CAPABILITY " + l.capabilities() + "\r\n")
	l.wire.reply(c.tag, "OK CAPABILITY completed")
	return true
}

// startTLS goes over to TLS (RFC 9051, section 6.2.1). Anything that was sent
// behind the command without waiting is an attack or a bug, and ends it all.
func (l *lobby) startTLS(ctx context.Context, c command) bool {
	switch {
	case l.tls:
		l.wire.reply(c.tag, "BAD TLS is on already")
		return l.mistake()
	case l.server.TLS == nil:
		l.wire.reply(c.tag, "NO TLS is not available")
		return l.mistake()
	case l.wire.in.Buffered() > 0:
		l.goodbye("nothing may follow STARTTLS")
		return false
	}
	l.wire.reply(c.tag, "OK begin TLS now")
	if l.wire.flush() != nil {
		return false
	}
	return l.handshake(ctx)
}
