package account

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"sealpost/mail"
)

var (
	// ErrReserved says that an address is kept for a role of the server.
	ErrReserved = errors.New("this address is kept for the server")
	// ErrFormer says that an address was another account's. Who gets an address gets the
	// mail that is meant for whoever had it, so only an operator gives one away again.
	ErrFormer = fmt.Errorf("it was another account's: %w", ErrTaken)
	// ErrPlain says that an owner's alias is not spelt as one may be.
	ErrPlain = errors.New("not an alias: expected a-z, 0-9, dots, dashes and underscores")
)

// reserved are local parts that people would take for the server's own word (RFC 2142,
// and what certificate authorities write to). An operator may give them out by name.
var reserved = strings.Fields(`abuse admin administrator all billing bounce bounces daemon dmarc dmarc-reports everyone ftp
	help host hostmaster info list lists mail mailer-daemon marketing news no-reply nobody noc noreply operator owner postmaster
	root sales security ssl sslwebmaster support sysadmin system tls-reports tlsrpt usenet uucp webmail webmaster www`)

// Reserved says whether only an operator gives an address out: one of a role, or one that
// plus-addressing would make of another.
func Reserved(a mail.Address) bool {
	base, plus := a.WithoutDetail()
	return plus != "" || slices.Contains(reserved, strings.ToLower(base.Local))
}

// spelling are the local parts that owners choose among: nothing that looks like another
// letter, so that nobody here can look like somebody else.
var spelling = regexp.MustCompile(`^[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?$`)

// wornOut is how many addresses an owner may have had, those given up included, for each
// that they may have: names that were given up are gone for everybody.
const wornOut = 3

// MayHave is how many addresses beside its name an account may give itself; usual is
// the server's own setting.
func (a Account) MayHave(usual int) int {
	switch {
	case a.Aliases < 0:
		return 0
	case a.Aliases > 0:
		return a.Aliases
	}
	return usual
}

// OwnAlias gives an account one more address, as its owner wishes: within a domain of this
// server whose unknown mail is nobody else's, one that is and was nobody's, and no more
// than it may have (usual: where nothing else is set for it).
func (b *Book) OwnAlias(ctx context.Context, id ID, alias mail.Address, usual int) (Account, error) {
	alias.Local = strings.ToLower(alias.Local)
	switch catch, err := b.store.ByCatchAll(ctx, alias.Domain); {
	case !b.Local(alias.Domain):
		return Account{}, ErrDomain
	case Reserved(alias):
		return Account{}, ErrReserved
	case !spelling.MatchString(alias.Local) || strings.Contains(alias.Local, ".."):
		return Account{}, ErrPlain
	case err == nil && catch.ID != id: // its mail is somebody's already
		return Account{}, ErrTaken
	case err != nil && !errors.Is(err, ErrUnknown):
		return Account{}, fmt.Errorf("look for a catch-all: %w", err)
	}
	return b.change(ctx, id, func(a *Account) error {
		most := a.MayHave(usual)
		again := slices.ContainsFunc(a.Former, sameAddress(alias))
		switch {
		case slices.ContainsFunc(a.Addresses, sameAddress(alias)):
			return nil
		case len(a.Addresses) > most, !again && len(a.Addresses)+len(a.Former) > most*wornOut:
			return ErrTooMany
		}
		a.take(alias)
		return nil
	})
}

// take makes an address a's, also one that a gave up.
func (a *Account) take(alias mail.Address) {
	a.Former = slices.DeleteFunc(a.Former, sameAddress(alias))
	a.Addresses = append(a.Addresses, alias)
}

// AddAlias gives an account one more address, as the operator wishes.
func (b *Book) AddAlias(ctx context.Context, id ID, alias mail.Address) (Account, error) {
	return b.change(ctx, id, func(a *Account) error {
		switch {
		case !b.Local(alias.Domain):
			return ErrDomain
		case len(a.Addresses) > maxAliases:
			return ErrTooMany
		case slices.ContainsFunc(a.Addresses, sameAddress(alias)):
			return nil
		}
		a.take(alias)
		return nil
	})
}

// RemoveAlias takes an address away, but never the account's name. Nobody else gets it,
// see Free.
func (b *Book) RemoveAlias(ctx context.Context, id ID, alias mail.Address) (Account, error) {
	return b.change(ctx, id, func(a *Account) error {
		switch slices.IndexFunc(a.Addresses, sameAddress(alias)) {
		case -1:
			return ErrNotFound
		case 0:
			return ErrName
		}
		a.Addresses = slices.DeleteFunc(a.Addresses, sameAddress(alias))
		if len(a.Former) < maxAliases {
			a.Former = append(a.Former, alias)
		}
		return nil
	})
}

func sameAddress(a mail.Address) func(mail.Address) bool {
	return func(other mail.Address) bool { return other.Key() == a.Key() }
}

// NeverOwned fails with ErrFormer for an address that was somebody's.
func (b *Book) NeverOwned(ctx context.Context, a mail.Address) error {
	_, err := b.store.Former(ctx, a.Key())
	switch {
	case errors.Is(err, ErrUnknown):
		return nil
	case err == nil:
		return ErrFormer
	}
	return fmt.Errorf("look for who had an address: %w", err)
}

// Free lets an address that was somebody's be given out again. Mail that is meant for who
// had it will come to who gets it.
func (b *Book) Free(ctx context.Context, alias mail.Address) error {
	b.write.Lock()
	id, err := b.store.Former(ctx, alias.Key())
	b.write.Unlock()
	switch {
	case errors.Is(err, ErrUnknown):
		return nil
	case err != nil:
		return fmt.Errorf("look for who had an address: %w", err)
	}
	_, err = b.change(ctx, id, func(a *Account) error {
		a.Former = slices.DeleteFunc(a.Former, sameAddress(alias))
		return nil
	})
	if err == nil || !errors.Is(err, ErrUnknown) {
		return err
	}
	b.write.Lock() // that account is gone, and only its addresses are remembered
	defer b.write.Unlock()
	if err := b.store.Free(ctx, alias.Key()); err != nil {
		return fmt.Errorf("free an address: %w", err)
	}
	return nil
}

// Withdraw removes an account that nobody ever had: its name may be given out again.
func (b *Book) Withdraw(ctx context.Context, a Account) error {
	err := b.Remove(ctx, a.ID)
	for _, address := range a.Addresses {
		err = errors.Join(err, b.Free(ctx, address))
	}
	return err
}
