package main

import (
	"context"
	"fmt"
	"text/tabwriter"

	"sealpost/config"
)

type accountListCommand struct{ settingsFile }

func (cmd accountListCommand) Run(ctx context.Context, c console) error {
	all, err := ask[[]accountView](ctx, cmd.Config, "account.list", struct{}{})
	if err != nil {
		return err
	}
	if len(all) == 0 {
		_, err := fmt.Fprintln(c.Err, "no accounts yet: `sealpost account add ADDRESS --key FILE` opens one")
		return err
	}
	t := tabwriter.NewWriter(c.Out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "ADDRESS\tMESSAGES\tSTORED\tQUOTA\tPROFILE\tHEADERS\tKEY EXPIRES")
	for _, v := range all {
		quota := "none"
		if v.Quota > 0 {
			quota = config.FormatSize(v.Quota)
		}
		fmt.Fprintf(t, "%s\t%d\t%s\t%s\t%s\t%s\t%s\n",
			v.Address, v.Messages, readable(v.Bytes), quota, v.Profile, v.Headers, expiry(v.Expires))
	}
	return t.Flush()
}

func listAccounts(ctx context.Context, o *office, _ struct{}) ([]accountView, error) {
	all, err := o.book.Accounts(ctx)
	if err != nil {
		return nil, err
	}
	views := []accountView{}
	for _, a := range all {
		v, err := o.view(ctx, a)
		if err != nil {
			return nil, err
		}
		views = append(views, v)
	}
	return views, nil
}
