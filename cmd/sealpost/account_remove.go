package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strings"

	"sealpost/account"
	"sealpost/mailstore"
)

type accountRemoveCommand struct {
	settingsFile
	Address string `arg:"" help:"Any address of the account."`
	Yes     bool   `help:"Do not ask."`
}

func (cmd accountRemoveCommand) Help() string {
	return "Removes the account, its addresses and app passwords, its sign-in with all keys that browsers keep in it, its mailboxes and its mail, and then compacts the " +
		"data folder, so that nothing of it is left in files that stay. Backups are yours to remove."
}

func (cmd accountRemoveCommand) Run(ctx context.Context, c console) error {
	if !cmd.Yes {
		if err := cmd.confirm(ctx, c); err != nil {
			return err
		}
	}
	v, err := ask[accountView](ctx, cmd.Config, "account.remove", named{cmd.Address})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.Out, "%s is removed, with %s.\n", v.Address, counting(v.Messages, "message"))
	return err
}

func (cmd accountRemoveCommand) confirm(ctx context.Context, c console) error {
	v, err := ask[accountView](ctx, cmd.Config, "account.show", named{cmd.Address})
	if err != nil {
		return err
	}
	fmt.Fprintf(c.Err, "This removes %s and %s (%s) for good.\nType the address to go on: ",
		v.Address, counting(v.Messages, "message"), readable(v.Bytes))
	typed, _ := bufio.NewReader(c.In).ReadString('\n')
	if !strings.HasSuffix(typed, "\n") {
		fmt.Fprintln(c.Err) // nobody typed the end of that line
	}
	if !strings.EqualFold(strings.TrimSpace(typed), v.Address) {
		return errors.New("nothing was removed: expected the account's address (or --yes)")
	}
	return nil
}

// removeAccount forgets the mail first, and from then on none is stored; then what
// waits to leave, then the address, then the space it took. Broken off in between
// it leaves an empty account, which can be named and removed again, never mail of
// nobody.
func removeAccount(ctx context.Context, o *office, n named) (v accountView, err error) {
	a, err := o.find(ctx, n.Address)
	if err != nil {
		return v, err
	}
	if v, err = o.view(ctx, a); err != nil {
		return v, err
	}
	if _, err := o.store.Apply(ctx, owner(a), mailstore.Forget{}); err != nil && !errors.Is(err, mailstore.ErrNoOwner) {
		return v, fmt.Errorf("remove mail: %w", err)
	}
	if err := o.forgetOutgoing(ctx, a.ID); err != nil {
		return v, err
	}
	if err := o.book.Remove(ctx, a.ID); err != nil {
		return v, err
	}
	if err := o.desk.Forget(ctx, a.ID); err != nil {
		return v, fmt.Errorf("the account is removed; %w", err)
	}
	if err := o.forgetOutgoing(ctx, a.ID); err != nil { // what was submitted meanwhile
		return v, fmt.Errorf("the account is removed; %w", err)
	}
	if err := o.squeeze(ctx); err != nil {
		return v, fmt.Errorf("the account is removed; compact what it leaves: %w", err)
	}
	return v, nil
}

// forgetOutgoing drops an account's unsent mail, what is being sent at this moment
// too, what it asked the server to do, and what it knew of others.
func (v *vault) forgetOutgoing(ctx context.Context, id account.ID) error {
	if _, err := v.queue.Expel(ctx, string(id)); err != nil {
		return fmt.Errorf("forget unsent mail: %w", err)
	}
	if _, err := v.outbox.Expel(ctx, string(id)); err != nil {
		return fmt.Errorf("forget the outbox: %w", err)
	}
	if err := v.papers.Forget(ctx, string(id)); err != nil {
		return err
	}
	return v.peers.ForgetPeers(ctx, string(id))
}
