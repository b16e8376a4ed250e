package account

import (
	"context"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"time"

	"github.com/xdg-go/scram"
)

// maxScram bounds a client's SCRAM message; honest ones are under 300 bytes.
const maxScram = 4096

// ScramStep is one server-side SCRAM-SHA-256 exchange, called with each of the
// client's messages in turn (nil when the client waits for the server to begin).
// done ends it with the account, after the client has seen the server's own
// proof; a wrong user runs to the same end as a wrong password.
type ScramStep func(ctx context.Context, response []byte) (challenge []byte, done bool, a Account, err error)

// Scram starts an exchange (RFC 5802, RFC 7677).
func (b *Book) Scram() ScramStep {
	e := &exchange{book: b, next: (*exchange).first}
	return func(ctx context.Context, response []byte) ([]byte, bool, Account, error) {
		return e.next(e, ctx, response)
	}
}

// An exchange runs one conversation of the library for every app password the
// user may have meant, all with the same nonce and salt, so that the client
// sees one; at most one of them ends well.
type exchange struct {
	book  *Book
	next  func(*exchange, context.Context, []byte) ([]byte, bool, Account, error)
	who   candidate
	talks [maxPasswords]*scram.ServerConversation
	used  Password
}

// first answers client-first-message. Known or not, the user gets a salt.
func (e *exchange) first(ctx context.Context, response []byte) ([]byte, bool, Account, error) {
	if response == nil {
		return nil, false, Account{}, nil
	}
	start := time.Now()
	defer answerAfter(ctx, start, e.book.pace)
	e.next = (*exchange).over
	user, err := scramUser(response)
	if err != nil {
		return nil, true, Account{}, err
	}
	if e.who, err = e.book.candidate(ctx, user); err != nil {
		return nil, true, Account{}, err
	}
	challenge, err := e.converse(string(response))
	if err != nil {
		return nil, true, Account{}, err
	}
	e.next = (*exchange).final
	return challenge, false, Account{}, nil
}

// scramUser reads whom a client-first-message is about. An authorization
// identity other than the user's own is refused.
func scramUser(response []byte) (string, error) {
	if len(response) > maxScram {
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
	talk := server.NewConversation()
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
		e.talks[i] = server.WithNonceGenerator(func() string { return nonce }).NewConversation()
		first, err := e.talks[i].Step(response)
		if err != nil {
			return nil, ErrLogin
		}
		challenge = []byte(first)
	}
	return challenge, nil
}

// final answers client-final-message with the server's proof, or not at all.
func (e *exchange) final(ctx context.Context, response []byte) ([]byte, bool, Account, error) {
	start := time.Now()
	e.next = (*exchange).over
	proof, ok := e.proofs(response)
	if !ok {
		return nil, true, Account{}, e.book.refuse(ctx, start)
	}
	e.next = (*exchange).finish
	return proof, false, Account{}, nil
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
func (e *exchange) finish(ctx context.Context, response []byte) ([]byte, bool, Account, error) {
	e.next = (*exchange).over
	if len(response) != 0 {
		return nil, true, Account{}, ErrLogin
	}
	e.book.markUsed(ctx, e.who.account, e.used)
	return nil, true, e.who.account, nil
}

// over is the state after the end: an exchange is never used twice.
func (e *exchange) over(context.Context, []byte) ([]byte, bool, Account, error) {
	return nil, true, Account{}, ErrLogin
}
