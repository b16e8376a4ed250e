package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"sealpost/account"
	"sealpost/account/signin"
	"sealpost/pgp"
	"sealpost/pgp/keyring"
)

// signIn gives a person of the demo a sign-in to the webmail, made as a browser makes
// one: what opens anything goes to the clients' folder. The first is an operator.
func (d *demo) signIn(ctx context.Context, o *office, a account.Account, p *person, name string) error {
	if name == "alice" && !a.Operator {
		yes := true
		if _, err := o.book.Set(ctx, a.ID, account.Settings{Operator: &yes}); err != nil {
			return err
		}
	}
	p.Web = fmt.Sprintf("https://localhost:%d/", d.base+443)
	passphrase, kit := filepath.Join(d.clients, name+".passphrase"), filepath.Join(d.clients, name+".kit")
	has, err := o.desk.Has(ctx, a.ID)
	if err != nil {
		return err
	}
	if !has {
		if err := d.attach(ctx, o, a, p, passphrase, kit); err != nil {
			return err
		}
	}
	for file, text := range map[string]*string{passphrase: &p.Passphrase, kit: &p.Kit} {
		read, err := os.ReadFile(file)
		if err != nil {
			return fmt.Errorf("the sign-in is there and what it needs is not (%w): remove %s to start over", err, d.dir)
		}
		*text = strings.TrimSpace(string(read))
	}
	return nil
}

// attach makes the keyring. The files are written first: one without a sign-in is
// written anew, and a sign-in without them would be of no use to anybody.
func (d *demo) attach(ctx context.Context, o *office, a account.Account, p *person, passphrase, kit string) error {
	secret, err := os.ReadFile(p.SecretKey)
	if err != nil {
		return err
	}
	keys, err := pgp.ParseSecretKeys(secret, nil)
	if err != nil {
		return fmt.Errorf("read secret key: %w", err)
	}
	list, err := listKey(p.ListKey)
	if err != nil {
		return err
	}
	var random [32]byte
	rand.Read(random[:])
	words := strings.Join(keyring.AccessWords(p.Address, random[:]), " ")
	_, j, k, err := keyring.AttachBoth(p.Address, keyring.Passphrase(words), string(a.ID), a.Cert, keys, list)
	if err != nil {
		return err
	}
	if err := writeAside(passphrase, []byte(words+"\n"), 0o600); err != nil {
		return err
	}
	if err := writeAside(kit, []byte(strings.Join(k.Words(), " ")+"\n"), 0o600); err != nil {
		return err
	}
	token, _, err := o.desk.Invite(ctx, p.Address, true, 0, time.Hour)
	if err != nil {
		return err
	}
	e, err := o.desk.Join(ctx, account.Caller{}, signin.Joining{
		Token: token, Address: j.Address, ID: account.ID(j.Account), Cert: j.Certificate, ListKey: j.ListKey, Profile: j.Profile, Salt: j.Salt,
		KDF:   signin.KDF{Name: j.KDF.Name, Memory: int(j.KDF.Memory), Iterations: int(j.KDF.Iterations), Lanes: int(j.KDF.Lanes)},
		Proof: j.Proof, KitProof: j.KitProof, Containers: j.Containers, Device: "sealpost demo",
	})
	if err != nil {
		return err
	}
	return o.desk.End(ctx, a.ID, e.Session.ID) // nobody sits there
}
