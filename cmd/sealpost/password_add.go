package main

import (
	"context"
	"errors"
	"fmt"
)

type passwordAddCommand struct {
	settingsFile
	Address string `arg:"" help:"The account's address."`
	Name    string `required:"" placeholder:"NAME" help:"What it is for, such as phone; unique in the account."`
}

func (cmd passwordAddCommand) Help() string {
	return "One for each device: a lost one is revoked alone. It has nothing to do with the key that opens mail. " +
		"Type it with or without its dashes; programs that sign in by SCRAM want it exactly as printed."
}

func (cmd passwordAddCommand) Run(ctx context.Context, c console) error {
	made, err := ask[newPassword](ctx, cmd.Config, "password.add", namedPassword{cmd.Address, cmd.Name})
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintln(c.Out, made.Password); err != nil { // what nobody saw is of no use to anybody
		_, undo := ask[namedPassword](ctx, cmd.Config, "password.remove", namedPassword{cmd.Address, cmd.Name})
		return errors.Join(err, undo)
	}
	_, err = fmt.Fprintf(c.Err, "Sign in as %s with this password. It is not shown again.\n", made.User)
	return err
}

type newPassword struct{ User, Password string }

func addPassword(ctx context.Context, o *office, n namedPassword) (made newPassword, err error) {
	a, err := o.find(ctx, n.Address)
	if err != nil {
		return made, err
	}
	word, err := o.book.AddPassword(ctx, a.ID, n.Name)
	if err != nil {
		return made, err
	}
	return newPassword{a.Addresses[0].String(), word.Reveal()}, nil
}
