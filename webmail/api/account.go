package api

import (
	"context"
	"net/http"
	"slices"

	"sealpost/account"
	"sealpost/account/signin"
	"sealpost/mail"
	"sealpost/pgp"
)

// OwnRules are what people may change about their own accounts.
type OwnRules struct {
	Aliases int      // addresses beside its name that an account may give itself
	Locked  []string // of "encrypt" and "headers": only the operator sets them
}

// AccountSettings are an account, and what its owner may change of it.
type AccountSettings struct {
	Account Account  `json:"account"`
	Aliases int      `json:"aliases" doc:"how many addresses beside its name its owner may add"`
	Former  []string `json:"former" doc:"aliases that were given up: nobody else gets them, and the owner may take them back"`
	Locked  []string `json:"locked" doc:"what only the operator sets: encrypt, headers (level)"`
}

// AccountChange is what an owner may set; what is absent stays.
type AccountChange struct {
	Level   string `json:"level,omitempty" enum:"open,baseline,shy,minimal" doc:"what stays visible of a mail that is sealed from now on"`
	Encrypt string `json:"encrypt,omitempty" enum:"when-all-have-keys,require,never" doc:"when mail that is submitted readable leaves encrypted"`
}

const tagAccount = "The account"

// ownAccount are what an owner does about the account itself.
func ownAccount(s service) {
	route(s, op{
		name: "account", method: http.MethodGet, path: "/account", tag: tagAccount, access: forSession,
		about: "The account, and what its owner may change of it.",
	}, func(ctx context.Context, _ *struct{}) (*body[AccountSettings], error) {
		return answer(s.accountSettings(who(ctx).Account))
	})
	route(s, op{
		name: "change-account", method: http.MethodPatch, path: "/account", tag: tagAccount, access: forSession,
		about: "Changes how mail is sealed and sent from now on. What is stored stays as it is.",
	}, func(ctx context.Context, in *struct{ Body AccountChange }) (*body[AccountSettings], error) {
		return answer(s.changeAccount(ctx, in.Body))
	})
	route(s, op{
		name: "add-alias", method: http.MethodPost, path: "/account/aliases", tag: tagAccount, access: forSession, status: http.StatusCreated,
		about: "Gives the account one more address: one that is and was nobody else's.",
	}, func(ctx context.Context, in *struct {
		Body struct {
			Address string `json:"address" maxLength:"400"`
		}
	}) (*body[AccountSettings], error) {
		return answer(s.addAlias(ctx, in.Body.Address))
	})
	route(s, op{
		name: "remove-alias", method: http.MethodDelete, path: "/account/aliases/{address}", tag: tagAccount, access: forSession, status: http.StatusOK,
		about: "Gives an alias up. Mail to it is refused from then on, and nobody else gets it.",
	}, func(ctx context.Context, in *struct {
		Address string `path:"address" maxLength:"400"`
	}) (*body[AccountSettings], error) {
		alias, err := mail.ParseAddress(in.Address)
		if err != nil {
			return nil, notFound()
		}
		a, err := s.Book.RemoveAlias(ctx, who(ctx).ID, alias)
		return answer(s.changedAccount(a, err))
	})
	route(s, op{
		name: "put-certificate", method: http.MethodPut, path: "/account/certificate", tag: tagAccount, access: forSession, body: 256 << 10,
		about: "Adds to the certificate what its owner's client made: user ids for aliases, a later end. It stays the same key.",
	}, func(ctx context.Context, in *struct {
		Proven
		Body struct {
			Certificate []byte `json:"certificate"`
		}
	}) (*body[AccountSettings], error) {
		if _, err := s.right(ctx, in.Proven, nil); err != nil {
			return nil, err
		}
		return answer(s.mergeCertificate(ctx, in.Body.Certificate))
	})
}

func (a *API) accountSettings(of account.Account) (AccountSettings, error) {
	w, err := accountOnWire(of)
	s := AccountSettings{Account: w, Aliases: of.MayHave(a.Own.Aliases), Former: []string{}, Locked: []string{}}
	for _, f := range of.Former {
		s.Former = append(s.Former, f.String())
	}
	for _, l := range a.Own.Locked {
		s.Locked = append(s.Locked, l)
	}
	return s, err
}

// changedAccount tells the account's other browsers, and answers.
func (a *API) changedAccount(of account.Account, err error) (AccountSettings, error) {
	if err != nil {
		return AccountSettings{}, err
	}
	a.Store.Bus.Publish(AccountTopic(string(of.ID)))
	return a.accountSettings(of)
}

func (a *API) changeAccount(ctx context.Context, c AccountChange) (AccountSettings, error) {
	var s account.Settings
	for _, one := range []struct {
		lock, wish string
		set        func()
	}{
		{"headers", c.Level, func() { s.Level = (*pgp.Level)(&c.Level) }},
		{"encrypt", c.Encrypt, func() { s.Encrypt = (*account.EncryptPolicy)(&c.Encrypt) }},
	} {
		if one.wish == "" {
			continue
		}
		if slices.Contains(a.Own.Locked, one.lock) {
			return AccountSettings{}, problem(http.StatusForbidden, "locked", "Only the operator of this server sets this")
		}
		one.set()
	}
	return a.changedAccount(a.Book.Set(ctx, who(ctx).ID, s))
}

// addAlias gives nobody an address that somebody else is invited to.
func (a *API) addAlias(ctx context.Context, address string) (AccountSettings, error) {
	alias, err := mail.ParseAddress(address)
	if err != nil {
		return AccountSettings{}, account.ErrPlain
	}
	invited, err := a.SignIns.Invitations(ctx)
	if err != nil {
		return AccountSettings{}, err
	}
	if slices.ContainsFunc(invited, func(i signin.Invitation) bool { return isAddress(i.Address, alias) }) {
		return AccountSettings{}, account.ErrTaken
	}
	return a.changedAccount(a.Book.OwnAlias(ctx, who(ctx).ID, alias, a.Own.Aliases))
}

func isAddress(text string, a mail.Address) bool {
	other, err := mail.ParseAddress(text)
	return err == nil && other.Key() == a.Key()
}

// mergeCertificate adds and takes nothing away: a revocation, once said, stays.
func (a *API) mergeCertificate(ctx context.Context, raw []byte) (AccountSettings, error) {
	c := who(ctx)
	refused := problem(http.StatusUnprocessableEntity, "no-key", "Expected the account's own certificate, with more in it")
	more, err := pgp.ParseCert(raw)
	if err != nil {
		return AccountSettings{}, refused
	}
	own, err := pgp.ParseCert(c.Cert)
	if err != nil {
		return AccountSettings{}, err
	}
	merged, err := own.Merge(more)
	if err != nil {
		return AccountSettings{}, refused
	}
	return a.changedAccount(a.Book.SetKey(ctx, c.ID, merged))
}
