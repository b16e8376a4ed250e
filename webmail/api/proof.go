package api

import (
	"context"
	"net/http"
	"time"

	"sealpost/account/signin"
)

// Proven is what comes with a request that a session alone is not enough for.
type Proven struct {
	from
	Token string `header:"Sealpost-Proof" maxLength:"64" doc:"the token of POST /proof; without one that counts: 403 proof"`
}

// NewProof is what its owner brings to show anew who they are: one of both.
type NewProof struct {
	Proof     []byte `json:"proof,omitempty" doc:"of the passphrase or of the kit, 32 bytes"`
	Assertion any    `json:"assertion,omitempty" doc:"PublicKeyCredential.toJSON() for the options of POST /proof/begin, without prf.results"`
}

// Proof lets this session do for a while what a session alone may not.
type Proof struct {
	Token   []byte    `json:"token" doc:"for the header Sealpost-Proof; of this session only"`
	Expires time.Time `json:"expires"`
}

// proofs are where an owner shows anew who they are, before what changes how their
// account is entered.
func proofs(s service) {
	route(s, op{
		name: "begin-proof", method: http.MethodPost, path: "/proof/begin", tag: tagSignIn, access: forSession,
		about: "Options to prove by a passkey who one is (PublicKeyCredentialRequestOptionsJSON); 404: there is none for this host.",
	}, func(ctx context.Context, in *from) (*body[any], error) {
		return answer(s.SignIns.BeginConfirm(ctx, who(ctx).ID, in.site))
	})
	route(s, op{
		name: "prove", method: http.MethodPost, path: "/proof", tag: tagSignIn, access: forSession, body: 64 << 10,
		about: "Proves anew who asks. For five minutes its token lets this session change second factors and make app passwords.",
	}, func(ctx context.Context, in *struct {
		from
		Body NewProof
	}) (*body[Proof], error) {
		assertion, err := rawJSON(in.Body.Assertion)
		if err != nil {
			return nil, err
		}
		if (assertion == nil) == (in.Body.Proof == nil) {
			return nil, badInput("expected proof or assertion")
		}
		c := who(ctx)
		done, err := s.SignIns.Confirm(ctx, in.caller, c.Account, c.Session, signin.Confirmation{Proof: in.Body.Proof, Assertion: assertion, Site: in.site})
		return &body[Proof]{Proof{done.Token, onWire(done.Until)}}, err
	})
}

// right is what the caller proved: by the token, or by a proof in the body.
func (s service) right(ctx context.Context, in Proven, proof []byte) (signin.Right, error) {
	c := who(ctx)
	return s.SignIns.Check(ctx, in.caller, c.Account, c.Session, secretOf(in.Token), proof)
}
