package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"sealpost/account"
	"sealpost/config"
	"sealpost/mail"
	"sealpost/pgp"
)

type accountAddCommand struct {
	settingsFile
	Address string    `arg:"" help:"Mail address, in one of the server's domains."`
	Key     string    `required:"" placeholder:"FILE" type:"existingfile" help:"The owner's OpenPGP public key, as gpg --export writes it."`
	Profile string    `default:"compat" enum:"compat,modern" placeholder:"NAME" help:"compat (the default) opens everywhere (SEIPDv1); modern is faster (SEIPDv2), but GnuPG and Thunderbird cannot read it."`
	Headers string    `default:"baseline" enum:"open,baseline,shy,minimal" placeholder:"LEVEL" help:"What stays visible of a sealed mail: open, baseline (the default), shy or minimal."`
	Quota   byteCount `placeholder:"SIZE" help:"Most bytes stored, such as 50GB. Without it as accounts.quota says."`
	Reuse   bool      `help:"Take an address that was another account's: mail that is meant for whoever had it will come to the new one."`
	ListKey string    `placeholder:"FILE" type:"existingfile" help:"The owner's public list key; with it each mail gets a card for quick lists."`
}

func (cmd accountAddCommand) Help() string {
	return "The server never sees a private key: export the public one with\n\n" +
		"  gpg --export --armor alice@example.org > alice.asc\n\n" +
		"Levels of visible headers: open shows the subject too; baseline shows From, To, Cc, Date and the ids that " +
		"make threads; shy leaves out names and the time zone; minimal shows pseudonyms and the hour."
}

func (cmd accountAddCommand) Run(ctx context.Context, c console) error {
	wish := newAccount{
		Address: cmd.Address, Profile: cmd.Profile, Headers: cmd.Headers, Quota: int64(cmd.Quota), Reuse: cmd.Reuse,
	}
	var err error
	if wish.Key, err = readKey(cmd.Key); err != nil {
		return err
	}
	if wish.ListKey, err = readListKey(cmd.ListKey); err != nil {
		return err
	}
	v, err := ask[accountView](ctx, cmd.Config, "account.add", wish)
	if err != nil {
		return err
	}
	fmt.Fprintf(c.Out, "%s is open. Its mail is sealed to %s.\n", v.Address, spaced(v.Fingerprint))
	fmt.Fprintf(c.Out, "Next: sealpost password add %s --name phone\n", v.Address)
	return v.warn(c.Err)
}

// readKey reads a public key, so that what is wrong with it is told of its file.
func readKey(file string) ([]byte, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	if _, err := pgp.ParseCert(text); err != nil {
		return nil, fmt.Errorf("%s: expected an OpenPGP public key: %w", file, err)
	}
	return text, nil
}

// readListKey reads a public list key, or nothing.
func readListKey(file string) ([]byte, error) {
	if file == "" {
		return nil, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	if _, err := pgp.ParseListKey(text); err == nil {
		return nil, fmt.Errorf("%s is the private half of a list key: it stays with its owner; expected the public half", file)
	}
	key, err := pgp.ParseListPublic(string(text))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return key, nil
}

type newAccount struct {
	Address, Profile, Headers string
	Key, ListKey              []byte
	Quota                     int64
	Reuse                     bool
}

func addAccount(ctx context.Context, o *office, n newAccount) (accountView, error) {
	addr, err := mail.ParseAddress(n.Address)
	if err != nil {
		return accountView{}, fmt.Errorf("%q is %w", n.Address, err)
	}
	cert, err := pgp.ParseCert(n.Key)
	if err != nil {
		return accountView{}, fmt.Errorf("read key: %w", err)
	}
	if n.Reuse {
		if err := o.book.Free(ctx, addr); err != nil {
			return accountView{}, err
		}
	}
	a, err := o.book.Add(ctx, account.New{
		Address: addr, Cert: cert, Profile: pgp.Profile(n.Profile), Level: pgp.Level(n.Headers),
		ListKey: n.ListKey, Quota: n.Quota,
	})
	if err != nil {
		return accountView{}, o.explain(err, addr)
	}
	if err := o.store.Welcome(ctx, owner(a), a.Quota); err != nil {
		return accountView{}, errors.Join(fmt.Errorf("make mailboxes: %w", err), o.book.Withdraw(ctx, a))
	}
	return o.view(ctx, a)
}

// explain adds the address and what to do to an error of the book.
func (o *office) explain(err error, addr mail.Address) error {
	switch {
	case errors.Is(err, account.ErrFormer):
		return fmt.Errorf("%s was another account's: who gets it gets the mail that is meant for whoever had it; --reuse gives it away all the same", addr)
	case errors.Is(err, account.ErrTaken):
		return fmt.Errorf("%w: %s", account.ErrTaken, addr)
	case errors.Is(err, account.ErrDomain):
		return fmt.Errorf("%s is %w: expected one of %s (domains in the configuration)",
			addr.Domain, err, strings.Join(o.book.Domains(), ", "))
	case errors.Is(err, account.ErrNotFound):
		return fmt.Errorf("the account has no alias %s", addr)
	case errors.Is(err, pgp.ErrNoKey):
		return fmt.Errorf("%w: expected an encryption subkey, RSA or elliptic-curve, as gpg makes one by default", err)
	default:
		return err
	}
}

// byteCount is a size on the command line.
type byteCount int64

func (b *byteCount) UnmarshalText(text []byte) error {
	n, err := config.ParseSize(string(text))
	*b = byteCount(n)
	return err
}
