package main

import (
	"context"
	"errors"
	"fmt"

	"sealpost/account"
)

type passwordRemoveCommand struct {
	settingsFile
	Address string `arg:"" help:"The account's address."`
	Name    string `required:"" placeholder:"NAME" help:"The app password's name."`
}

func (cmd passwordRemoveCommand) Run(ctx context.Context, c console) error {
	gone, err := ask[namedPassword](ctx, cmd.Config, "password.remove", namedPassword{cmd.Address, cmd.Name})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.Out, "%q of %s is revoked: nobody signs in with it any more.\n", gone.Name, gone.Address)
	return err
}

func removePassword(ctx context.Context, o *office, n namedPassword) (namedPassword, error) {
	a, err := o.find(ctx, n.Address)
	if err != nil {
		return n, err
	}
	err = o.book.RemovePassword(ctx, a.ID, n.Name)
	if errors.Is(err, account.ErrNotFound) {
		return n, fmt.Errorf("%s has no app password named %q", a.Addresses[0], n.Name)
	}
	n.Address = a.Addresses[0].String()
	return n, err
}
