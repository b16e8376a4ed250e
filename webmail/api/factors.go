package api

import (
	"context"
	"net/http"

	"sealpost/account/signin"
)

const tagFactors = "Second factors"

// factors are codes that change, and passkeys.
func factors(s service) {
	route(s, op{
		name: "second-factors", method: http.MethodGet, path: "/second-factors", tag: tagFactors, access: forSession,
		about: "The second factors of this account.",
	}, func(ctx context.Context, _ *struct{}) (*body[SecondFactors], error) {
		f, err := s.SignIns.Factors(ctx, who(ctx).ID)
		w := SecondFactors{Totp: f.TOTP, Passkeys: []PasskeyLine{}}
		for _, p := range f.Passkeys {
			w.Passkeys = append(w.Passkeys, passkeyOnWire(p))
		}
		return &body[SecondFactors]{w}, err
	})
	route(s, op{
		name: "new-totp", method: http.MethodPost, path: "/second-factors/totp", tag: tagFactors, access: forSession,
		about: "Makes a secret for codes. It counts once a code of it was typed.",
	}, func(ctx context.Context, in *Proven) (*body[NewTotp], error) {
		by, err := s.right(ctx, *in, nil)
		if err != nil {
			return nil, err
		}
		t, err := s.SignIns.BeginTOTP(ctx, by, who(ctx).Account, s.Hostname)
		return answer(NewTotp{t.Secret, t.URI}, err)
	})
	route(s, op{
		name: "confirm-totp", method: http.MethodPut, path: "/second-factors/totp", tag: tagFactors, access: forSession,
		about: "Makes the new secret the one that counts.",
	}, func(ctx context.Context, in *struct {
		Body struct {
			Code string `json:"code" maxLength:"16"`
		}
	}) (*struct{}, error) {
		return nil, s.SignIns.ConfirmTOTP(ctx, who(ctx).ID, in.Body.Code)
	})
	route(s, op{
		name: "remove-totp", method: http.MethodDelete, path: "/second-factors/totp", tag: tagFactors, access: forSession,
		about: "Asks for no codes any more.",
	}, func(ctx context.Context, in *struct {
		Proven
		Body *proofInside `required:"false"`
	}) (*struct{}, error) {
		by, err := s.right(ctx, in.Proven, in.Body.bytes())
		if err != nil {
			return nil, err
		}
		return nil, s.SignIns.RemoveTOTP(ctx, by, who(ctx).ID)
	})
	passkeys(s)
	passkeySignIn(s)
}

// proofInside is a proof in the body of a request, in the place of a token.
type proofInside struct {
	Proof []byte `json:"proof,omitempty" doc:"of the passphrase or of the kit, where no token of POST /proof is sent"`
}

func (p *proofInside) bytes() []byte {
	if p == nil {
		return nil
	}
	return p.Proof
}

func passkeys(s service) {
	route(s, op{
		name: "begin-passkey", method: http.MethodPost, path: "/passkeys/begin", tag: tagFactors, access: forSession,
		about: "Options to make a passkey (PublicKeyCredentialCreationOptionsJSON).",
	}, func(ctx context.Context, in *Proven) (*body[any], error) {
		by, err := s.right(ctx, *in, nil)
		if err != nil {
			return nil, err
		}
		return answer(s.SignIns.BeginPasskey(ctx, by, who(ctx).Account, in.site))
	})
	route(s, op{
		name: "add-passkey", method: http.MethodPost, path: "/passkeys", tag: tagFactors, access: forSession, status: http.StatusCreated, body: 256 << 10,
		about: "Keeps a passkey.",
	}, func(ctx context.Context, in *struct {
		Proven
		Body NewPasskey
	}) (*body[PasskeyLine], error) {
		b := in.Body
		by, err := s.right(ctx, in.Proven, nil)
		if err != nil {
			return nil, err
		}
		credential, err := rawJSON(b.Credential)
		if err != nil {
			return nil, err
		}
		p, err := s.SignIns.AddPasskey(ctx, by, who(ctx).Account, in.site, signin.NewPasskey{
			Name: b.Name, Credential: credential, Container: b.Container, Version: uint64(b.Version), Factor: b.SecondFactor,
		})
		return &body[PasskeyLine]{passkeyOnWire(p)}, err
	})
	route(s, op{
		name: "remove-passkey", method: http.MethodDelete, path: "/passkeys/{id}", tag: tagFactors, access: forSession,
		about: "Takes a passkey away, with its container and the sessions it began.",
	}, func(ctx context.Context, in *struct {
		Proven
		ID      string       `path:"id" maxLength:"1400"`
		Version int64        `query:"version" minimum:"1" doc:"of the keyring without its container"`
		Body    *proofInside `required:"false"`
	}) (*struct{}, error) {
		by, err := s.right(ctx, in.Proven, in.Body.bytes())
		if err != nil {
			return nil, err
		}
		return nil, s.SignIns.RemovePasskey(ctx, by, who(ctx).Account, who(ctx).Session, in.ID, uint64(in.Version))
	})
}

func passkeySignIn(s service) {
	route(s, op{
		name: "begin-passkey-sign-in", method: http.MethodPost, path: "/sign-in/passkey/begin", tag: tagFactors, access: forAnybody,
		about: "Options to sign in by a passkey (PublicKeyCredentialRequestOptionsJSON); the same for everybody.",
	}, func(_ context.Context, in *struct {
		from
		Body *struct {
			Address string `json:"address,omitempty" maxLength:"1024" doc:"not looked at: whose passkeys there are is told to nobody"`
		} `required:"false"`
	}) (*body[any], error) {
		return &body[any]{s.SignIns.BeginPasskeySignIn(in.site)}, nil
	})
	route(s, op{
		name: "passkey-sign-in", method: http.MethodPost, path: "/sign-in/passkey", tag: tagFactors, access: forAnybody,
		about: "Signs in by a passkey whose authenticator knew its owner.",
	}, func(ctx context.Context, in *struct {
		from
		Body struct {
			Credential any    `json:"credential" doc:"PublicKeyCredential.toJSON(), without prf.results"`
			Device     string `json:"device" maxLength:"256"`
		}
	}) (*entered, error) {
		credential, err := rawJSON(in.Body.Credential)
		if err != nil {
			return nil, err
		}
		e, err := s.SignIns.SignInByPasskey(ctx, in.caller, in.site, credential, in.Body.Device)
		if err != nil {
			return nil, err
		}
		return s.welcome(e)
	})
}
