package smtp

import "context"

// A SignIn lets people sign in to submit mail (RFC 4954). It exists because this
// room knows no accounts.
type SignIn interface {
	// Mechanisms lists SASL mechanisms for EHLO, the best first. It is asked only over TLS.
	Mechanisms(p Peer) []string
	// Begin starts an exchange. Unknown mechanisms fail with a *Reply.
	Begin(ctx context.Context, p Peer, mechanism string) (SignInStep, error)
}

// SignInStep takes each of the client's responses in turn (nil when the client
// waits for the server to begin) until who is set. An error that holds a *Reply is
// told as it is.
type SignInStep func(ctx context.Context, response []byte) (challenge []byte, who *Identity, err error)
