package submission

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"sealpost/account"
	"sealpost/mail"
	"sealpost/smtp"
)

// person is who submits, and by which app password. The server itself has no ID.
type person struct {
	account.Account
	device   string // the app password's name; empty: another door let them in
	perHour  int    // recipients an hour of this app password; 0: as for all
	fileSent bool   // the server files the Sent copy
}

var errPassword = &smtp.Reply{Code: 530, Enhanced: "5.7.0", Text: "this app password was removed, sign in with another"}

// person looks up who signed in: accounts and app passwords go while sessions last.
func (h *Handler) person(ctx context.Context, who smtp.Identity) (person, error) {
	a, err := h.Account(ctx, account.ID(who.Account))
	if err != nil {
		return person{}, fmt.Errorf("find account %s: %w", who.Account, err)
	}
	if who.Password == "" {
		return person{Account: a, fileSent: !who.OwnSent}, nil
	}
	i := slices.IndexFunc(a.Passwords, func(p account.Password) bool { return p.Name == who.Password })
	if i < 0 {
		return person{}, errPassword
	}
	p := a.Passwords[i]
	return person{Account: a, device: p.Name, perHour: p.Limit, fileSent: p.FileSent && !who.OwnSent}, nil
}

// mayWriteAs refuses addresses that are not all the account's own, with its aliases,
// roles and +details. The server itself writes as its domains only.
func (h *Handler) mayWriteAs(ctx context.Context, who person, list ...mail.Address) error {
	for _, a := range list {
		owns, err := h.Book.Local(a.Domain), error(nil)
		if owns && who.ID != "" {
			owns, err = h.Book.Owns(ctx, who.Account, a)
		}
		switch {
		case err != nil:
			return fmt.Errorf("find owner of address: %w", err)
		case !owns:
			return errOwner
		}
	}
	return nil
}

var (
	errAddress = &smtp.Reply{Code: 553, Enhanced: "5.1.3", Text: "that is no address"}
	errOption  = &smtp.Reply{Code: 501, Enhanced: "5.5.4", Text: "a parameter holds a control character"}
)

// proper refuses an address that no parser of ours would have made: other doors than
// SMTP put theirs together by themselves (ATTACKS D06).
func proper(a mail.Address) error {
	if again, err := mail.ParseAddress(a.String()); err != nil || again != a {
		return errAddress
	}
	return nil
}

// printed refuses parameters with control characters.
func printed(params ...string) error {
	for _, p := range params {
		if strings.ContainsFunc(p, unicode.IsControl) {
			return errOption
		}
	}
	return nil
}
