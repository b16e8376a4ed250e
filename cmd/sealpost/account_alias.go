package main

import (
	"context"
	"fmt"
	"strings"

	"sealpost/account"
	"sealpost/mail"
)

type accountAliasCommand struct {
	settingsFile
	Address string `arg:"" help:"Any address of the account."`
	Alias   string `arg:"" help:"Address to add, or *@domain for every address of a domain that nobody has."`
	Remove  bool   `help:"Take the alias away instead. Nobody else gets it."`
	Reuse   bool   `help:"Add an address that was another account's: mail that is meant for whoever had it will come."`
}

func (cmd accountAliasCommand) Help() string {
	return "Mail to an alias reaches the account, as does mail to name+anything of each of its addresses. " +
		"Signing in takes the account's first address, never an alias."
}

func (cmd accountAliasCommand) Run(ctx context.Context, c console) error {
	v, err := ask[accountView](ctx, cmd.Config, "account.alias", newAlias{cmd.Address, cmd.Alias, !cmd.Remove, cmd.Reuse})
	if err != nil {
		return err
	}
	also := "no aliases"
	if len(v.Aliases) > 0 {
		also = strings.Join(v.Aliases, ", ")
	}
	_, err = fmt.Fprintf(c.Out, "%s: %s\n", v.Address, also)
	return err
}

type newAlias struct {
	Address, Alias string
	Add, Reuse     bool
}

func changeAlias(ctx context.Context, o *office, n newAlias) (accountView, error) {
	a, err := o.find(ctx, n.Address)
	if err != nil {
		return accountView{}, err
	}
	addr, err := o.changeAlias(ctx, &a, n)
	if err != nil {
		return accountView{}, o.explain(err, addr)
	}
	return o.view(ctx, a)
}

// changeAlias does it and returns what the alias was read as.
func (o *office) changeAlias(ctx context.Context, a *account.Account, n newAlias) (addr mail.Address, err error) {
	if domain, all := strings.CutPrefix(n.Alias, "*@"); all {
		*a, err = o.book.SetCatchAll(ctx, a.ID, domain, n.Add)
		return mail.Address{Local: "*", Domain: domain}, err
	}
	if addr, err = mail.ParseAddress(n.Alias); err != nil {
		return addr, fmt.Errorf("%q is %w", n.Alias, err)
	}
	if n.Add && n.Reuse {
		if err := o.book.Free(ctx, addr); err != nil {
			return addr, err
		}
	}
	if n.Add {
		*a, err = o.book.AddAlias(ctx, a.ID, addr)
	} else {
		*a, err = o.book.RemoveAlias(ctx, a.ID, addr)
	}
	return addr, err
}
