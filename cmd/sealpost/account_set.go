package main

import (
	"context"
	"errors"
	"fmt"

	"sealpost/account"
	"sealpost/mailstore"
	"sealpost/pgp"
)

type accountSetCommand struct {
	settingsFile
	Address  string     `arg:"" help:"Any address of the account."`
	Profile  *string    `enum:"compat,modern" placeholder:"NAME" help:"compat or modern."`
	Headers  *string    `enum:"open,baseline,shy,minimal" placeholder:"LEVEL" help:"open, baseline, shy or minimal."`
	Encrypt  *string    `enum:"require,when-all-have-keys,never" placeholder:"POLICY" help:"When mail this account sends leaves encrypted: require, when-all-have-keys (the default) or never."`
	Quota    *byteCount `placeholder:"SIZE" help:"Most bytes stored; 0 for no limit."`
	Aliases  *int       `placeholder:"N" help:"How many aliases its owner may add; 0: as many as accounts.aliases says; -1: none."`
	Operator *bool      `negatable:"" help:"Let the account look after this server in the webmail: accounts, invitations, queue."`
	Over     *byteCount `name:"attachments-over" placeholder:"SIZE" help:"Size above which an attachment is large."`
	Outgoing *string    `name:"attachments-out" enum:"plain,link" placeholder:"CHOICE" help:"Large attachments of mail that leaves readable: plain (the default) or link."`
	Incoming *string    `name:"attachments-in" enum:"off,stub,whole" placeholder:"CHOICE" help:"Large attachments of unsigned mail that arrives: off (the default), stub (cut out) or whole (cut out, and IMAP serves the whole mail)."`
	ListKey  string     `placeholder:"FILE" type:"existingfile" help:"The owner's public list key."`
}

func (cmd accountSetCommand) Help() string {
	return "Changes count for mail that arrives from now on; what is stored stays as it was sealed."
}

func (cmd accountSetCommand) Run(ctx context.Context, c console) error {
	wish := newSettings{Address: cmd.Address, Profile: cmd.Profile, Headers: cmd.Headers, Encrypt: cmd.Encrypt, Quota: (*int64)(cmd.Quota), Operator: cmd.Operator, Aliases: cmd.Aliases,
		Over: (*int64)(cmd.Over), Outgoing: cmd.Outgoing, Incoming: cmd.Incoming}
	var err error
	if wish.ListKey, err = readListKey(cmd.ListKey); err != nil {
		return err
	}
	if wish.empty() {
		return errors.New("nothing to change: expected --profile, --headers, --encrypt, --quota, --aliases, --operator, --attachments-over, --attachments-out, --attachments-in or --list-key")
	}
	v, err := ask[accountView](ctx, cmd.Config, "account.set", wish)
	if err != nil {
		return err
	}
	fmt.Fprintf(c.Out, "%s: profile %s, headers %s, encrypts %s, %s stored\n", v.Address, v.Profile, v.Headers, v.Encrypt, v.usage())
	return v.warn(c.Err)
}

type newSettings struct {
	Address          string
	Profile, Headers *string
	Encrypt          *string
	Quota            *int64
	ListKey          []byte
	Operator         *bool
	Aliases          *int
	// Of large attachments.
	Over               *int64
	Outgoing, Incoming *string
}

func (n newSettings) empty() bool {
	return n.Profile == nil && n.Headers == nil && n.Encrypt == nil && n.Quota == nil && n.ListKey == nil && n.Operator == nil && n.Aliases == nil && n.files(account.Attachments{}) == nil
}

// files are the account's choices of attachments with those that change, or nil.
func (n newSettings) files(now account.Attachments) *account.Attachments {
	if n.Over == nil && n.Outgoing == nil && n.Incoming == nil {
		return nil
	}
	if n.Over != nil {
		now.Over = *n.Over
	}
	if n.Outgoing != nil {
		now.Outgoing = account.OutgoingPolicy(*n.Outgoing)
	}
	if n.Incoming != nil {
		now.Incoming = account.IncomingPolicy(*n.Incoming)
	}
	return &now
}

func changeSettings(ctx context.Context, o *office, n newSettings) (accountView, error) {
	a, err := o.find(ctx, n.Address)
	if err != nil {
		return accountView{}, err
	}
	s := account.Settings{
		Profile: (*pgp.Profile)(n.Profile), Level: (*pgp.Level)(n.Headers), Encrypt: (*account.EncryptPolicy)(n.Encrypt), Quota: n.Quota, ListKey: n.ListKey, Operator: n.Operator, Aliases: n.Aliases, Files: n.files(a.Files),
	}
	changed, err := o.book.Set(ctx, a.ID, s)
	if err != nil {
		return accountView{}, o.explain(err, a.Addresses[0])
	}
	if n.Quota != nil {
		if _, err := o.store.Apply(ctx, owner(a), mailstore.SetQuota{Bytes: *n.Quota}); err != nil {
			return accountView{}, fmt.Errorf("set quota: %w", err)
		}
	}
	return o.view(ctx, changed)
}
