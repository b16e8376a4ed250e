package smtp

import "context"

// A SignIn lets people sign in to submit mail (RFC 4954). It exists because this
// room knows no accounts. An error that holds a *Reply is told as it is; any other
// is logged and told as 454 4.7.0.
type SignIn interface {
	// Mechanisms lists SASL mechanisms for EHLO, the best first. It is asked only over TLS.
	Mechanisms(p Peer) []string
	// Begin starts an exchange. Unknown mechanisms fail with a *Reply. It is never
	// asked without TLS.
	Begin(ctx context.Context, p Peer, mechanism string) (SignInStep, error)
	// Watch calls gone when who may not stay any longer, until ctx ends.
	Watch(ctx context.Context, who Identity, gone func()) error
}

// SignInStep takes each of the client's responses in turn (nil when the client
// waits for the server to begin) until who is set or an error ends it.
type SignInStep func(ctx context.Context, response []byte) (challenge []byte, who *Identity, err error)
