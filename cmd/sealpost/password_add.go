package main

import (
	"context"
	"errors"
	"fmt"

	"sealpost/account"
)

type passwordAddCommand struct {
	settingsFile
	Address  string `arg:"" help:"The account's address."`
	Name     string `required:"" placeholder:"NAME" help:"What it is for, such as phone; unique in the account."`
	FileSent bool   `help:"The server files what is sent with it in Sent, so that the program need not."`
	Limit    int    `placeholder:"N" help:"Recipients elsewhere an hour (default: submission.recipients_per_hour_of_password)."`

	Scope []string `enum:"imap,smtp,api" placeholder:"NAME" help:"What it opens: imap, smtp, api; once for each (default: imap and smtp)."`
}

func (cmd passwordAddCommand) Help() string {
	return "One for each device: a lost one is revoked alone. It has nothing to do with the key that opens mail. " +
		"Type it with or without its dashes; programs that sign in by SCRAM want it exactly as printed."
}

func (cmd passwordAddCommand) Run(ctx context.Context, c console) error {
	made, err := ask[newPassword](ctx, cmd.Config, "password.add", wantedPassword{cmd.Address, account.NewPassword{Name: cmd.Name, FileSent: cmd.FileSent, Limit: cmd.Limit, Scopes: cmd.Scope}})
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

type wantedPassword struct {
	Address string
	account.NewPassword
}

func addPassword(ctx context.Context, o *office, n wantedPassword) (made newPassword, err error) {
	a, err := o.find(ctx, n.Address)
	if err != nil {
		return made, err
	}
	word, err := o.book.MakePassword(ctx, a.ID, n.NewPassword)
	if err != nil {
		return made, err
	}
	return newPassword{a.Addresses[0].String(), word.Reveal()}, nil
}
