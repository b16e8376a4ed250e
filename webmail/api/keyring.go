package api

import (
	"context"
	"net/http"

	"sealpost/account"
	"sealpost/account/signin"
	"sealpost/pgp"
)

const tagKeys = "Keys"

// keyring are the changes of what the server keeps and cannot open.
func keyring(s service) {
	route(s, op{
		name: "new-passphrase", method: http.MethodPut, path: "/keyring/passphrase", tag: tagKeys, access: forSession, body: 256 << 10,
		about: "Wraps the master key for another passphrase. All other sessions end.",
	}, func(ctx context.Context, in *struct {
		from
		Body NewPassphrase
	}) (*body[Keyring], error) {
		b, c := in.Body, who(ctx)
		k, err := s.SignIns.ChangePassphrase(ctx, in.caller, c.Account, c.Session, signin.NewPassphrase{
			Version: uint64(b.Version), Old: b.OldProof, Salt: b.Salt, KDF: b.Kdf.inside(), Proof: b.Proof, Container: b.Container,
		})
		return answerKeyring(k, s.told(c.ID, err))
	})
	route(s, op{
		name: "new-kit", method: http.MethodPut, path: "/keyring/kit", tag: tagKeys, access: forSession, body: 256 << 10,
		about: "Wraps the master key for another recovery kit. Sessions that the old one began end.",
	}, func(ctx context.Context, in *struct {
		from
		Body NewKit
	}) (*body[Keyring], error) {
		b, c := in.Body, who(ctx)
		k, err := s.SignIns.ChangeKit(ctx, in.caller, c.Account, c.Session, signin.NewKit{
			Version: uint64(b.Version), Proof: b.Proof, KitProof: b.KitProof, Container: b.Container,
		})
		return answerKeyring(k, s.told(c.ID, err))
	})
	route(s, op{
		name: "new-key", method: http.MethodPut, path: "/keyring/key", tag: tagKeys, access: forSession, body: 3 << 20,
		about: "Replaces the account's certificate by one of the same primary key, after storing the secret key that goes with it. No session ends.",
	}, func(ctx context.Context, in *struct {
		from
		Body NewKey
	}) (*body[Keyring], error) {
		return answerKeyring(s.newKey(ctx, in.caller, in.Body))
	})
	route(s, op{
		name: "put-container", method: http.MethodPut, path: "/keyring/containers/{name}", tag: tagKeys, access: forSession, body: 256 << 10,
		about: "Stores a container of the owner's keys.",
	}, func(ctx context.Context, in *struct {
		Name string `path:"name" maxLength:"1400"`
		Body NewContainer
	}) (*body[Keyring], error) {
		return answerKeyring(s.SignIns.PutContainer(ctx, who(ctx).ID, in.Name, uint64(in.Body.Version), in.Body.Container))
	})
	route(s, op{
		name: "delete-container", method: http.MethodDelete, path: "/keyring/containers/{name}", tag: tagKeys, access: forSession, status: http.StatusOK,
		about: "Removes a container that nothing depends on.",
	}, func(ctx context.Context, in *struct {
		Name    string `path:"name" maxLength:"1400"`
		Version int64  `query:"version" required:"true" minimum:"1" doc:"of the keyring without it"`
	}) (*body[Keyring], error) {
		c := who(ctx)
		cert, err := pgp.ParseCert(c.Cert)
		if err != nil {
			return nil, err
		}
		return answerKeyring(s.SignIns.DeleteContainer(ctx, c.ID, in.Name, "openpgp."+cert.Fingerprint(), uint64(in.Version)))
	})
}

// told wakes the account's streams after a change that may have ended sessions: theirs
// end at once, not at the next beat.
func (a *API) told(id account.ID, err error) error {
	if err == nil {
		a.Store.Bus.Publish(AccountTopic(string(id)))
	}
	return err
}

func answerKeyring(k signin.Keyring, err error) (*body[Keyring], error) {
	return answer(keyringOnWire(k), err)
}

// newKey takes a certificate that the server's policy finds a key in: what it would refuse
// to seal to is refused before anything is stored.
func (a *API) newKey(ctx context.Context, from account.Caller, n NewKey) (signin.Keyring, error) {
	c := who(ctx)
	was, err := pgp.ParseCert(c.Cert)
	if err != nil {
		return signin.Keyring{}, err
	}
	now, err := pgp.ParseCert(n.Certificate)
	if err != nil || now.Fingerprint() != was.Fingerprint() {
		return signin.Keyring{}, badInput("certificate: expected one of the same primary key")
	}
	if now, err = was.Merge(now); err != nil { // what was said once stays: a revocation, a name
		return signin.Keyring{}, badInput("certificate: expected one of the same primary key")
	}
	if err := now.Usable(c.Profile, a.Now()); err != nil {
		return signin.Keyring{}, err
	}
	k := signin.NewKey{Version: uint64(n.Version), Proof: n.Proof, Name: "openpgp." + now.Fingerprint(), Container: n.Container}
	return a.SignIns.ChangeKey(ctx, from, c.Account, k, func(ctx context.Context) error {
		if _, err := a.Book.SetKey(ctx, c.ID, now); err != nil {
			return err
		}
		a.Store.Bus.Publish(AccountTopic(string(c.ID))) // other devices look again
		return nil
	})
}
