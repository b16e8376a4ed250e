package main

import (
	"context"
	"fmt"
	"text/tabwriter"
)

type passwordListCommand struct {
	settingsFile
	Address string `arg:"" help:"The account's address."`
}

func (cmd passwordListCommand) Run(ctx context.Context, c console) error {
	all, err := ask[[]passwordView](ctx, cmd.Config, "password.list", named{cmd.Address})
	if err != nil {
		return err
	}
	if len(all) == 0 {
		_, err := fmt.Fprintf(c.Err, "no app passwords yet: `sealpost password add %s --name NAME` makes one\n", cmd.Address)
		return err
	}
	t := tabwriter.NewWriter(c.Out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "NAME\tMADE\tUSED")
	for _, p := range all {
		used := "never"
		if !p.Used.IsZero() {
			used = day(p.Used)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\n", p.Name, day(p.Created), used)
	}
	return t.Flush()
}

func listPasswords(ctx context.Context, o *office, n named) ([]passwordView, error) {
	a, err := o.find(ctx, n.Address)
	if err != nil {
		return nil, err
	}
	all := []passwordView{}
	for _, p := range a.Passwords {
		all = append(all, passwordView{p.Name, p.Created, p.Used})
	}
	return all, nil
}
