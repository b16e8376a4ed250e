package signin

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"

	"sealpost/account"
)

// userHandle is whom an assertion says it is of; nil: it says nobody.
func userHandle(assertion []byte) []byte {
	var j struct {
		Response struct {
			UserHandle string `json:"userHandle"`
		} `json:"response"`
	}
	if len(assertion) > maxCredential || json.Unmarshal(assertion, &j) != nil {
		return nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(j.Response.UserHandle)
	if err != nil || len(raw) != 8 {
		return nil
	}
	return raw
}

// byHandle reads the sign-in of a user handle, or fails with ErrNone.
func (d *Desk) byHandle(ctx context.Context, handle []byte) (*state, error) {
	return d.read(ctx, account.ID(hex.EncodeToString(handle)))
}

// isRefusal says whether somebody, and not this server, failed.
func isRefusal(err error) bool {
	return errors.Is(err, errFactor) || errors.Is(err, ErrNone) || errors.Is(err, ErrForm) || errors.Is(err, account.ErrUnknown)
}
