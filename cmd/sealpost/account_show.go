package main

import "context"

type accountShowCommand struct {
	settingsFile
	Address string `arg:"" help:"Any address of the account."`
}

func (cmd accountShowCommand) Run(ctx context.Context, c console) error {
	v, err := ask[accountView](ctx, cmd.Config, "account.show", named{cmd.Address})
	if err != nil {
		return err
	}
	return v.print(c.Out)
}

func showAccount(ctx context.Context, o *office, n named) (accountView, error) {
	a, err := o.find(ctx, n.Address)
	if err != nil {
		return accountView{}, err
	}
	return o.view(ctx, a)
}
