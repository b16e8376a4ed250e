package account

import (
	"bytes"
	"context"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"time"

	"github.com/xdg-go/scram"
)

// maxScram bounds a client's SCRAM message; honest ones are under 300 bytes.
const maxScram = 4096

// Scram starts an exchange of SCRAM-SHA-256 (RFC 5802, RFC 7677), which ends
// after the client has seen the server's own proof; a wrong user runs to the same
// end as a wrong password. binding is the channel's tls-exporter, nil where -PLUS
// is not offered; plus says that the client chose it.
func (b *Book) Scram(binding []byte, plus bool) Step { return b.exchange(binding, plus).step }

// An exchange runs one conversation of the library for every app password the
// user may have meant, all with the same nonce and salt, so that the client
// sees one; at most one of them ends well.
type exchange struct {
	book      *Book
	turn      func(ctx context.Context, user string) error // before a look at the user
	succeeded func(user string)
	binding   scram.ChannelBinding
	plus      bool
	scope     string // of the door
	next      func(*exchange, context.Context, []byte) ([]byte, *Entrant, error)
	user      string
	who       candidate
	talks     [maxPasswords]*scram.ServerConversation
	used      Password
}

func (b *Book) exchange(binding []byte, plus bool) *exchange {
	return &exchange{
		book:      b,
		turn:      func(context.Context, string) error { return nil },
		succeeded: func(string) {},
		binding:   scram.ChannelBinding{Type: scram.ChannelBindingTLSExporter, Data: binding},
		plus:      plus,
		next:      (*exchange).first,
	}
}

func (e *exchange) step(ctx context.Context, response []byte) ([]byte, *Entrant, error) {
	return e.next(e, ctx, response)
}

// first answers client-first-message. Known or not, the user gets a salt.
func (e *exchange) first(ctx context.Context, response []byte) ([]byte, *Entrant, error) {
	if response == nil {
		return nil, nil, nil
	}
	e.next = (*exchange).over
	var err error
	if e.user, err = e.readUser(response); err != nil {
		return nil, nil, err
	}
	if err := e.turn(ctx, e.user); err != nil {
		return nil, nil, err
	}
	start := time.Now()
	defer answerAfter(ctx, start, e.book.pace)
	if e.who, err = e.book.candidate(ctx, e.scope, e.user); err != nil {
		return nil, nil, err
	}
	challenge, err := e.converse(string(response))
	if err != nil {
		return nil, nil, err
	}
	e.next = (*exchange).final
	return challenge, nil, nil
}

// readUser reads whom a client-first-message is about. An authorization identity
// other than the user's own is refused. So is, by the library, a client that
// knows -PLUS and was not shown it (flag "y", RFC 5802, section 6): somebody in
// between took it away. Who chose -PLUS must bind, and nobody else may.
func (e *exchange) readUser(response []byte) (string, error) {
	if len(response) > maxScram || bytes.HasPrefix(response, []byte("p=")) != e.plus {
		return "", ErrLogin
	}
	var user string
	server, err := scram.SHA256.NewServer(func(name string) (scram.StoredCredentials, error) {
		user = name
		return scram.StoredCredentials{}, nil
	})
	if err != nil {
		return "", fmt.Errorf("start SCRAM: %w", err)
	}
	talk := server.NewConversationWithChannelBinding(e.binding)
	if _, err := talk.Step(string(response)); err != nil {
		return "", ErrLogin
	}
	if id := talk.AuthzID(); id != "" && id != user {
		return "", ErrLogin
	}
	return user, nil
}

// converse starts all conversations; they agree on their first message.
func (e *exchange) converse(response string) (challenge []byte, err error) {
	nonce := base64.StdEncoding.EncodeToString(random(24))
	for i, p := range e.who.passwords {
		server, err := scram.SHA256.NewServer(func(string) (scram.StoredCredentials, error) {
			return scram.StoredCredentials{
				KeyFactors: scram.KeyFactors{Salt: string(e.who.salt), Iters: iterations},
				StoredKey:  p.StoredKey,
				ServerKey:  p.ServerKey,
			}, nil
		})
		if err != nil {
			return nil, fmt.Errorf("start SCRAM: %w", err)
		}
		e.talks[i] = server.WithNonceGenerator(func() string { return nonce }).NewConversationWithChannelBinding(e.binding)
		first, err := e.talks[i].Step(response)
		if err != nil {
			return nil, ErrLogin
		}
		challenge = []byte(first)
	}
	return challenge, nil
}

// final answers client-final-message with the server's proof, or not at all.
func (e *exchange) final(ctx context.Context, response []byte) ([]byte, *Entrant, error) {
	start := time.Now()
	e.next = (*exchange).over
	proof, ok := e.proofs(response)
	if !ok {
		return nil, nil, e.book.refuse(ctx, start)
	}
	e.next = (*exchange).finish
	return proof, nil, nil
}

// proofs runs every conversation to its end and keeps what the right one said.
func (e *exchange) proofs(response []byte) (proof []byte, ok bool) {
	if len(response) > maxScram {
		return nil, false
	}
	at := -1
	var answers [maxPasswords]string
	for i, talk := range e.talks {
		answer, err := talk.Step(string(response))
		answers[i] = answer
		valid := 0
		if err == nil && talk.Valid() {
			valid = 1
		}
		own := subtle.ConstantTimeLessOrEq(i+1, e.who.real)
		at = subtle.ConstantTimeSelect(valid&own, i, at)
	}
	if at < 0 {
		return nil, false
	}
	e.used = e.who.passwords[at]
	return []byte(answers[at]), true
}

// finish takes the client's empty last word.
func (e *exchange) finish(ctx context.Context, response []byte) ([]byte, *Entrant, error) {
	e.next = (*exchange).over
	if len(response) != 0 {
		return nil, nil, ErrLogin
	}
	e.book.markUsed(ctx, e.who.account, e.used)
	e.succeeded(e.user)
	return nil, &Entrant{e.who.account, e.used.Name}, nil
}

// over is the state after the end: an exchange is never used twice.
func (e *exchange) over(context.Context, []byte) ([]byte, *Entrant, error) {
	return nil, nil, ErrLogin
}
