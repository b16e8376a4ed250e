package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"sealpost/account"
	"sealpost/pgp"
)

// firstPassword is the name of the app password that is made along with an account.
const firstPassword = "first"

// openAccount opens the first account, or finds it.
func (q *quickstart) openAccount(ctx context.Context) error {
	people, err := everybody(ctx, q.settings)
	if err != nil {
		return err
	}
	for _, p := range people {
		if strings.EqualFold(p.Address, q.address.String()) {
			q.account = p
			q.tell("account", p.Address, "was there")
			return nil
		}
	}
	wish := newAccount{Address: q.address.String(), Profile: string(pgp.Compat), Headers: string(pgp.Baseline)}
	if q.Key != "" {
		wish.Key, err = readKey(q.Key)
	} else {
		wish.Key, wish.ListKey, err = q.makeOwnKeys()
	}
	if err != nil {
		return err
	}
	err = asOwnerOf(q.settings.Data, func() error {
		q.account, err = ask[accountView](ctx, q.config, "account.add", wish)
		return err
	})
	if err != nil {
		return err
	}
	q.tell("account", q.account.Address, "made")
	return nil
}

// makeOwnKeys makes what belongs to the owner's device: root's own, so that the
// server cannot read it in the meantime.
func (q *quickstart) makeOwnKeys() (public, list []byte, err error) {
	dir := ownerFolder(q.dir)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, nil, fmt.Errorf("make folder of the owner's keys: %w", err)
	}
	name := filepath.Join(dir, q.address.String())
	key, err := listKey(name + ".listkey.pem")
	if err != nil {
		return nil, nil, fmt.Errorf("make list key: %w", err)
	}
	q.secret = name + ".secret.asc"
	if public, err = os.ReadFile(name + ".public.asc"); err == nil { // of a run that was broken off
		return public, key.Public(), nil
	}
	secret, public, err := pgp.GenerateKey("", q.address.String(), pgp.Compat, time.Now())
	if err != nil {
		return nil, nil, fmt.Errorf("make OpenPGP key: %w", err)
	}
	for _, f := range []struct {
		name string
		text []byte
	}{{"READ-ME-FIRST.txt", []byte(takeAway)}, {filepath.Base(q.secret), secret}, {q.address.String() + ".public.asc", public}} {
		if err := writeAside(filepath.Join(dir, f.name), f.text, 0o600); err != nil {
			return nil, nil, fmt.Errorf("write OpenPGP key: %w", err)
		}
	}
	return public, key.Public(), nil
}

const takeAway = `These keys open the mail. They belong on their owner's device, not on this server.

Copy *.secret.asc and *.listkey.pem to that device and import the first into the
mail program (Thunderbird: OpenPGP Key Manager). Make sure that it reads mail, keep
a copy where fire and theft do not reach, and then remove this folder from the server:

    shred -u *.asc *.pem

While they are here, whoever has this machine can read everything. Once they are
gone nobody can without you, and nobody can give them back to you: there is no
reset that yields a key.
`

// givePassword makes an app password for an account that has none.
func (q *quickstart) givePassword(ctx context.Context) error {
	if len(q.account.Passwords) > 0 {
		return nil
	}
	return asOwnerOf(q.settings.Data, func() error {
		made, err := ask[newPassword](ctx, q.config, "password.add", wantedPassword{q.address.String(), account.NewPassword{Name: firstPassword}})
		q.password = made.Password
		return err
	})
}
