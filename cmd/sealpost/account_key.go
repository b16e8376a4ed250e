package main

import (
	"context"
	"fmt"

	"sealpost/pgp"
)

type accountKeyCommand struct {
	settingsFile
	Address string `arg:"" help:"Any address of the account."`
	Key     string `required:"" placeholder:"FILE" type:"existingfile" help:"The new OpenPGP public key."`
}

func (cmd accountKeyCommand) Help() string {
	return "Mail that arrives from now on is sealed to the new key. Mail that is stored stays sealed to the old one: " +
		"its owner keeps that secret key to read it. The same command takes an updated copy of the same key, " +
		"such as one that expires later."
}

func (cmd accountKeyCommand) Run(ctx context.Context, c console) error {
	key, err := readKey(cmd.Key)
	if err != nil {
		return err
	}
	change, err := ask[keyChange](ctx, cmd.Config, "account.key", newKey{cmd.Address, key})
	if err != nil {
		return err
	}
	v := change.Now
	if change.Before == v.Fingerprint {
		fmt.Fprintf(c.Out, "%s keeps its key, brought up to date (expires: %s).\n", v.Address, expiry(v.Expires))
		return v.warn(c.Err)
	}
	fmt.Fprintf(c.Out, "New mail for %s is sealed to %s.\n", v.Address, spaced(v.Fingerprint))
	fmt.Fprintf(c.Out, "Stored mail (%s) stays sealed to %s: its owner must keep that secret key.\n",
		counting(v.Messages, "message"), spaced(change.Before))
	return v.warn(c.Err)
}

type newKey struct {
	Address string
	Key     []byte
}

type keyChange struct {
	Before string // fingerprint
	Now    accountView
}

func replaceKey(ctx context.Context, o *office, n newKey) (change keyChange, err error) {
	a, err := o.find(ctx, n.Address)
	if err != nil {
		return change, err
	}
	if old, err := pgp.ParseCert(a.Cert); err == nil {
		change.Before = old.Fingerprint()
	}
	cert, err := pgp.ParseCert(n.Key)
	if err != nil {
		return change, fmt.Errorf("read key: %w", err)
	}
	changed, err := o.book.SetKey(ctx, a.ID, cert)
	if err != nil {
		return change, o.explain(err, a.Addresses[0])
	}
	change.Now, err = o.view(ctx, changed)
	return change, err
}
