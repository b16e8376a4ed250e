package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"sealpost/account"
	"sealpost/account/signin"
	"sealpost/config"
	"sealpost/webmail/api"
)

type inviteCommand struct {
	settingsFile
	Address string    `arg:"" optional:"" help:"The address to open; without it the invited chooses one."`
	Attach  bool      `help:"Give a sign-in to an account that exists and has none."`
	Expires dayCount  `default:"7d" placeholder:"TIME" help:"How long the link is good, up to 90d (default: 7d)."`
	Quota   byteCount `placeholder:"SIZE" help:"Most bytes the new account may store. Without it as accounts.quota says."`
}

func (cmd inviteCommand) Help() string {
	return "The link serves once. Whoever has it can use it: send it in a way that you trust. What it gives stands behind " +
		"the # of its address, which no server's log sees. With --attach the invited must have the account's key."
}

func (cmd inviteCommand) Run(ctx context.Context, c console) error {
	made, err := ask[newInvitation](ctx, cmd.Config, "invite", wantedInvitation{cmd.Address, cmd.Attach, int64(cmd.Quota), time.Duration(cmd.Expires)})
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintln(c.Out, made.Link); err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.Err, "It serves once, until %s. It is not shown again.\n", made.Expires.Local().Format(time.DateTime))
	return err
}

// dayCount is a time on the command line that may be given in days.
type dayCount time.Duration

func (d *dayCount) UnmarshalText(text []byte) error {
	s := string(text)
	if n, ok := strings.CutSuffix(s, "d"); ok {
		days, err := strconv.Atoi(n)
		if err != nil || days < 1 || days > 90 {
			return fmt.Errorf("%q: expected 1d to 90d, or hours such as 12h", s)
		}
		*d = dayCount(time.Duration(days) * 24 * time.Hour)
		return nil
	}
	span, err := time.ParseDuration(s)
	if err != nil || span <= 0 || span > 90*24*time.Hour {
		return fmt.Errorf("%q: expected 1d to 90d, or hours such as 12h", s)
	}
	*d = dayCount(span)
	return nil
}

type wantedInvitation struct {
	Address string
	Attach  bool
	Quota   int64
	Lasting time.Duration
}

type newInvitation struct {
	signin.Invitation
	Link string
}

func inviteSomebody(ctx context.Context, o *office, w wantedInvitation) (made newInvitation, err error) {
	var token string
	token, made.Invitation, err = o.desk.Invite(ctx, w.Address, w.Attach, w.Quota, w.Lasting)
	switch {
	case errors.Is(err, account.ErrTaken) && w.Attach:
		return made, fmt.Errorf("%s has a sign-in already; `sealpost account reset-sign-in` takes it away", w.Address)
	case errors.Is(err, account.ErrTaken):
		return made, fmt.Errorf("%w: %s (with --attach it gets a sign-in)", err, w.Address)
	case errors.Is(err, account.ErrDomain):
		return made, fmt.Errorf("%w: expected one of %s", err, strings.Join(o.book.Domains(), ", "))
	case err != nil:
		return made, err
	}
	made.Link = webAddress(o.settings) + "#/join/" + token
	return made, nil
}

// webAddress is where people find the webmail: on this machine only, if that is what
// the server is for.
func webAddress(c config.Config) string {
	host := c.Hostname
	if slices.Contains(c.HTTP.Names, "localhost") {
		host = "localhost"
	}
	if port := firstPort(c.HTTP.ListenTLS); port != 443 && port != 0 {
		host = net.JoinHostPort(host, strconv.Itoa(port))
	}
	return "https://" + host + "/"
}

// onPage is an invitation as the API tells it.
func onPage(i signin.Invitation) api.AdminInvitation {
	return api.AdminInvitation{ID: i.ID, Address: i.Address, Created: i.Created, Expires: i.Expires, Attach: i.Attach}
}

func (o *office) listedInvitations(ctx context.Context) (all []api.AdminInvitation, err error) {
	found, err := o.desk.Invitations(ctx)
	for _, i := range found {
		all = append(all, onPage(i))
	}
	return all, err
}

func (o *office) inviteByPage(ctx context.Context, w api.AdminInvite) (api.AdminInvitation, error) {
	address, attach := w.Address, false
	if w.Account != "" {
		a, err := o.book.Account(ctx, account.ID(w.Account))
		if err != nil {
			return api.AdminInvitation{}, err
		}
		address, attach = a.Addresses[0].String(), true
	}
	return o.invitePerson(ctx, address, attach, time.Duration(w.Days)*24*time.Hour)
}

func (o *office) invitePerson(ctx context.Context, address string, attach bool, lasting time.Duration) (api.AdminInvitation, error) {
	token, i, err := o.desk.Invite(ctx, address, attach, 0, lasting)
	if err != nil {
		return api.AdminInvitation{}, err
	}
	made := onPage(i)
	made.Link = webAddress(o.settings) + "#/join/" + token
	return made, nil
}

// resetByPage takes a sign-in away and invites its owner to make another.
func (o *office) resetByPage(ctx context.Context, id account.ID) (api.AdminInvitation, error) {
	a, err := o.book.Account(ctx, id)
	if err != nil {
		return api.AdminInvitation{}, err
	}
	if err := o.desk.Forget(ctx, id); err != nil {
		return api.AdminInvitation{}, err
	}
	return o.invitePerson(ctx, a.Addresses[0].String(), true, signin.InvitationTime)
}
