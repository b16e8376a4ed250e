package api

import (
	"context"
	"net/http"
	"time"

	"sealpost/account"
	"sealpost/mail"
	"sealpost/mailstore"
	"sealpost/pgp"
)

// AdminAccount is what an operator sees of somebody.
type AdminAccount struct {
	ID          string    `json:"id"`
	Addresses   []string  `json:"addresses"`
	Created     time.Time `json:"created"`
	Bytes       int64     `json:"bytes"`
	Messages    int64     `json:"messages"`
	Quota       int64     `json:"quota" doc:"bytes, 0: none"`
	Operator    bool      `json:"operator"`
	SignIn      bool      `json:"sign_in" doc:"it has a sign-in here"`
	Fingerprint string    `json:"fingerprint"`
	KeyExpires  time.Time `json:"key_expires,omitzero"`
}

type adminAccountList struct {
	Accounts []AdminAccount `json:"accounts"`
}

type AccountID struct {
	ID string `path:"id" maxLength:"32"`
}

func adminAccounts(s service) {
	route(s, adminOp("accounts", http.MethodGet, "/accounts", "Everybody, with how much they store."),
		func(ctx context.Context, _ *struct{}) (*body[adminAccountList], error) {
			all, err := s.Book.Accounts(ctx)
			if err != nil {
				return nil, err
			}
			answer := adminAccountList{Accounts: []AdminAccount{}}
			for _, a := range all {
				one, err := s.adminAccount(ctx, a)
				if err != nil {
					return nil, err
				}
				answer.Accounts = append(answer.Accounts, one)
			}
			return &body[adminAccountList]{answer}, nil
		})
	route(s, adminOp("add-account", http.MethodPost, "/accounts", "Opens an account for somebody who has a certificate; others are invited."),
		func(ctx context.Context, in *struct {
			Body struct {
				Address     string `json:"address" maxLength:"400"`
				Certificate []byte `json:"certificate" doc:"OpenPGP certificate, binary or armored, in base64"`
				Quota       int64  `json:"quota,omitempty" minimum:"0"`
			}
		}) (*body[AdminAccount], error) {
			a, err := s.addAccount(ctx, in.Body.Address, in.Body.Certificate, in.Body.Quota)
			if err != nil {
				return nil, err
			}
			one, err := s.adminAccount(ctx, a)
			return &body[AdminAccount]{one}, err
		})
	route(s, adminOp("set-account", http.MethodPatch, "/accounts/{id}", "Changes how much somebody may store, and whether they look after this server."),
		func(ctx context.Context, in *struct {
			AccountID
			Body struct {
				Quota    *int64 `json:"quota,omitempty" minimum:"0" doc:"bytes, 0: none"`
				Operator *bool  `json:"operator,omitempty"`
			}
		}) (*body[AdminAccount], error) {
			a, err := s.setAccount(ctx, account.ID(in.ID), in.Body.Quota, in.Body.Operator)
			if err != nil {
				return nil, err
			}
			one, err := s.adminAccount(ctx, a)
			return &body[AdminAccount]{one}, err
		})
	removal := adminOp("remove-account", http.MethodDelete, "/accounts/{id}", "Removes somebody, their mail and their keys, for good.")
	removal.time = 10 * time.Minute
	route(s, removal, func(ctx context.Context, in *struct {
		AccountID
		Confirm string `query:"confirm" maxLength:"400" doc:"the account's name: its first address"`
	}) (*struct{}, error) {
		return nil, s.removeAccount(ctx, account.ID(in.ID), in.Confirm)
	})
	route(s, adminOp("reset-sign-in", http.MethodDelete, "/accounts/{id}/sign-in",
		"Takes a sign-in away. What its keyring held is gone for ever: old mail opens again only with its owner's key or recovery kit."),
		func(ctx context.Context, in *AccountID) (*body[AdminInvitation], error) {
			if s.Admin.ResetSignIn == nil {
				return nil, notFound()
			}
			if _, err := s.Book.Account(ctx, account.ID(in.ID)); err != nil {
				return nil, err
			}
			i, err := s.Admin.ResetSignIn(ctx, account.ID(in.ID))
			return &body[AdminInvitation]{i}, err
		})
}

func (a *API) adminAccount(ctx context.Context, of account.Account) (AdminAccount, error) {
	one := AdminAccount{ID: string(of.ID), Addresses: []string{}, Created: of.Created.UTC(), Quota: of.Quota, Operator: of.Operator}
	for _, x := range of.Addresses {
		one.Addresses = append(one.Addresses, x.String())
	}
	u, err := a.Store.Index.Usage(ctx, mailstore.Owner(of.ID))
	if err != nil {
		return one, err
	}
	one.Bytes, one.Messages = u.Bytes, u.Messages
	if cert, err := pgp.ParseCert(of.Cert); err == nil {
		one.Fingerprint, one.KeyExpires = cert.Fingerprint(), cert.Expires().UTC()
	}
	if a.Admin.SignsIn != nil {
		one.SignIn, err = a.Admin.SignsIn(ctx, of.ID)
	}
	return one, err
}

func (a *API) addAccount(ctx context.Context, address string, certificate []byte, quota int64) (account.Account, error) {
	to, err := mail.ParseAddress(address)
	if err != nil {
		return account.Account{}, badInput("address: expected an address")
	}
	cert, err := pgp.ParseCert(certificate)
	if err != nil {
		return account.Account{}, problem(http.StatusUnprocessableEntity, "no-key", "This is no certificate that mail can be sealed to")
	}
	n, err := a.Book.Add(ctx, account.New{Address: to, Cert: cert, Profile: pgp.Compat, Level: pgp.Baseline, Quota: quota})
	if err != nil {
		return n, err
	}
	return n, a.Store.Welcome(ctx, mailstore.Owner(n.ID), n.Quota)
}

// setAccount keeps one operator at least: who asks does not take it from themselves.
func (a *API) setAccount(ctx context.Context, id account.ID, quota *int64, operator *bool) (account.Account, error) {
	if operator != nil && !*operator && id == who(ctx).ID {
		return account.Account{}, problem(http.StatusConflict, "yourself", "Another operator must do this to you")
	}
	changed, err := a.Book.Set(ctx, id, account.Settings{Quota: quota, Operator: operator})
	if err != nil || quota == nil {
		return changed, err
	}
	_, err = a.Store.Apply(ctx, mailstore.Owner(id), mailstore.SetQuota{Bytes: *quota})
	return changed, err
}

func (a *API) removeAccount(ctx context.Context, id account.ID, confirm string) error {
	if a.Admin.Remove == nil {
		return notFound()
	}
	of, err := a.Book.Account(ctx, id)
	if err != nil {
		return err
	}
	typed, err := mail.ParseAddress(confirm)
	switch {
	case err != nil || typed.Key() != of.Addresses[0].Key():
		return problem(http.StatusPreconditionFailed, "confirm", "Expected the account's address in confirm; nothing was removed")
	case id == who(ctx).ID:
		return problem(http.StatusConflict, "yourself", "Another operator must do this to you")
	}
	return a.Admin.Remove(ctx, id)
}
