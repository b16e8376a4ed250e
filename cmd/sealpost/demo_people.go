package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"sealpost/account"
	"sealpost/mail"
	"sealpost/pgp"
)

// person is one account of the demo, with what its client has.
type person struct {
	Address     string `json:"address"`
	Password    string `json:"password"`
	SecretKey   string `json:"secret_key"`
	ListKey     string `json:"list_key"`
	Fingerprint string `json:"fingerprint"`
	Passphrase  string `json:"passphrase"` // of the webmail
	Kit         string `json:"kit"`        // the 24 words of the recovery kit
	Web         string `json:"web"`        // address of the webmail
}

// settle makes a person's keys and account where they are missing. It may be
// broken off anywhere and called again.
func (d *demo) settle(ctx context.Context, o *office, name string) (person, error) {
	p := person{
		Address:   name + "@" + demoDomain,
		SecretKey: filepath.Join(d.clients, name+".secret.asc"),
		ListKey:   filepath.Join(d.clients, name+".listkey.pem"),
	}
	addr, err := mail.ParseAddress(p.Address)
	if err != nil {
		return p, err
	}
	a, err := o.book.Find(ctx, addr)
	if errors.Is(err, account.ErrUnknown) {
		a, err = d.join(ctx, o, p, addr)
	}
	if err != nil {
		return p, err
	}
	if _, err := os.Stat(p.SecretKey); err != nil {
		return p, fmt.Errorf("the account is there and its secret key is not (%w): remove %s to start over", err, d.dir)
	}
	if err := o.store.Welcome(ctx, owner(a), a.Quota); err != nil {
		return p, err
	}
	cert, err := pgp.ParseCert(a.Cert)
	if err != nil {
		return p, err
	}
	p.Fingerprint = cert.Fingerprint()
	if p.Password, err = d.password(ctx, o, a, name); err != nil {
		return p, err
	}
	if err := d.signIn(ctx, o, a, &p, name); err != nil {
		return p, fmt.Errorf("make sign-in: %w", err)
	}
	return p, errors.Join(d.writeMuttrc(name, p), d.writeCurl(name, p))
}

// join opens an account with the public halves of a person's keys.
func (d *demo) join(ctx context.Context, o *office, p person, addr mail.Address) (account.Account, error) {
	public, err := d.mailKey(p, addr.Local)
	if err != nil {
		return account.Account{}, fmt.Errorf("make OpenPGP key: %w", err)
	}
	cert, err := pgp.ParseCert(public)
	if err != nil {
		return account.Account{}, err
	}
	list, err := listKey(p.ListKey)
	if err != nil {
		return account.Account{}, err
	}
	return o.book.Add(ctx, account.New{
		Address: addr, Cert: cert, Profile: pgp.Compat, Level: pgp.Baseline, ListKey: list.Public(),
	})
}

// mailKey makes an OpenPGP key for a person where there is none and returns its
// public half. It stays with the clients, as if they had made it.
func (d *demo) mailKey(p person, local string) ([]byte, error) {
	file := filepath.Join(d.clients, local+".public.asc")
	if public, err := os.ReadFile(file); err == nil {
		return public, nil
	}
	name := strings.ToUpper(local[:1]) + local[1:]
	secret, public, err := pgp.GenerateKey(name, p.Address, pgp.Compat, time.Now())
	if err != nil {
		return nil, err
	}
	if err := writeAside(p.SecretKey, secret, 0o600); err != nil {
		return nil, err
	}
	return public, writeAside(file, public, 0o600) // last: where it is, its secret half is too
}

// listKey reads a private list key, or makes one.
func listKey(file string) (pgp.ListKey, error) {
	if text, err := os.ReadFile(file); err == nil {
		return pgp.ParseListKey(text)
	}
	key, err := pgp.GenerateListKey()
	if err != nil {
		return key, err
	}
	text, err := key.Marshal()
	if err != nil {
		return key, err
	}
	return key, writeAside(file, text, 0o600)
}

// password reads the app password the client keeps, or makes one.
func (d *demo) password(ctx context.Context, o *office, a account.Account, name string) (string, error) {
	file := filepath.Join(d.clients, name+".password")
	text, err := os.ReadFile(file)
	if err == nil {
		return strings.TrimSpace(string(text)), nil
	}
	const label = "demo"
	// One whose file was never written, or was lost, is of no use to anybody.
	if err := o.book.RemovePassword(ctx, a.ID, label); err != nil && !errors.Is(err, account.ErrNotFound) {
		return "", err
	}
	word, err := o.book.AddPassword(ctx, a.ID, label)
	if err != nil {
		return "", err
	}
	return word.Reveal(), writeAside(file, []byte(word.Reveal()+"\n"), 0o600)
}

// writeMuttrc lets mutt and neomutt open the demo's mail by `mutt -F`.
func (d *demo) writeMuttrc(name string, p person) error {
	text := fmt.Sprintf(`# Written by "sealpost demo": mutt -F this, once gpg has the key (see what the demo prints).
setenv GNUPGHOME %[1]q
set my_pass = "%[2]s"
set imap_user = "%[3]s"
set imap_pass = $my_pass
set folder = "imaps://localhost:%[4]d/"
set spoolfile = "+INBOX"
set record = ""
set from = "%[3]s"
set realname = "%[5]s"
set smtp_url = "smtps://%[8]s@localhost:%[6]d"
set smtp_pass = $my_pass
set ssl_force_tls = yes
set certificate_file = %[7]q
set crypt_use_gpgme = no
set crypt_autoencrypt = no
set mail_check = 5
`, filepath.Join(d.clients, "gnupg"), p.Password, p.Address, d.base+993,
		strings.ToUpper(name[:1])+name[1:], d.base+465, filepath.Join(d.clients, "ca.pem"), strings.ReplaceAll(p.Address, "@", "%40"))
	return writeAside(filepath.Join(d.clients, name+".muttrc"), []byte(text), 0o600)
}

// writeCurl lets curl fetch the newest mail by `curl -K`.
func (d *demo) writeCurl(name string, p person) error {
	text := fmt.Sprintf(`# Written by "sealpost demo": curl -K this fetches the newest mail.
silent
show-error
cacert = %q
user = "%s:%s"
url = "imaps://localhost:%d/INBOX;MAILINDEX=*"
`, filepath.Join(d.clients, "ca.pem"), p.Address, p.Password, d.base+993)
	return writeAside(filepath.Join(d.clients, name+".curl"), []byte(text), 0o600)
}
