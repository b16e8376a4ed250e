package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strings"
)

type accountResetCommand struct {
	settingsFile
	Address     string `arg:"" help:"Any address of the account."`
	FactorsOnly bool   `name:"second-factors-only" help:"Take only second factors away, and sign all browsers out: passphrase and kit stay."`
	Yes         bool   `help:"Do not ask."`
}

// resetCost is what a reset costs, for whoever is about to pay.
const resetCost = "The keys that open this account's mail are kept there under its passphrase and its recovery kit. Without\n" +
	"them the mail that is stored stays closed for ever, to its owner and to everybody, unless its owner has\n" +
	"the key elsewhere. Who knows the passphrase or has the 24 words needs no reset."

func (cmd accountResetCommand) Help() string {
	return strings.ReplaceAll(resetCost, "\n", " ") + " Afterwards `sealpost invite --attach ADDRESS` lets the owner make another sign-in."
}

func (cmd accountResetCommand) Run(ctx context.Context, c console) error {
	if !cmd.Yes {
		if err := cmd.confirm(ctx, c); err != nil {
			return err
		}
	}
	v, err := ask[accountView](ctx, cmd.Config, "account.reset", resetWish{cmd.Address, cmd.FactorsOnly})
	if err != nil {
		return err
	}
	if cmd.FactorsOnly {
		_, err = fmt.Fprintf(c.Out, "%s signs in with its passphrase alone. All browsers are signed out.\n", v.Address)
		return err
	}
	_, err = fmt.Fprintf(c.Out, "%s has no sign-in any more. Mail to it is still sealed to its key.\nNext: sealpost invite --attach %s\n", v.Address, v.Address)
	return err
}

func (cmd accountResetCommand) confirm(ctx context.Context, c console) error {
	v, err := ask[accountView](ctx, cmd.Config, "account.show", named{cmd.Address})
	if err != nil {
		return err
	}
	if cmd.FactorsOnly {
		fmt.Fprintf(c.Err, "This removes the second factors of %s and signs all its browsers out.\nType the address to go on: ", v.Address)
	} else {
		fmt.Fprintf(c.Err, "This removes how %s signs in to the webmail, with its keyring, for good.\n%s\n%s stored.\nType the address to go on: ", v.Address, resetCost, v.usage())
	}
	typed, _ := bufio.NewReader(c.In).ReadString('\n')
	if !strings.HasSuffix(typed, "\n") {
		fmt.Fprintln(c.Err) // nobody typed the end of that line
	}
	if !strings.EqualFold(strings.TrimSpace(typed), v.Address) {
		return errors.New("nothing was removed: expected the account's address (or --yes)")
	}
	return nil
}

type resetWish struct {
	Address     string
	FactorsOnly bool
}

func resetSignIn(ctx context.Context, o *office, w resetWish) (v accountView, err error) {
	a, err := o.find(ctx, w.Address)
	if err != nil {
		return v, err
	}
	has, err := o.desk.Has(ctx, a.ID)
	if err != nil {
		return v, err
	}
	if !has {
		return v, fmt.Errorf("%s has no sign-in", a.Addresses[0])
	}
	if w.FactorsOnly {
		err = o.desk.ForgetFactors(ctx, a.ID)
	} else {
		err = o.desk.Forget(ctx, a.ID)
	}
	if err != nil {
		return v, err
	}
	return o.view(ctx, a)
}
