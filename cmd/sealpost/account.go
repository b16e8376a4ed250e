package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"sealpost/account"
	"sealpost/config"
	"sealpost/pgp"
)

type accountGroup struct {
	Add    accountAddCommand    `cmd:"" help:"Open an account for an address and its owner's public key."`
	List   accountListCommand   `cmd:"" help:"List all accounts."`
	Show   accountShowCommand   `cmd:"" help:"Show an account: key, settings, use, addresses, app passwords."`
	Set    accountSetCommand    `cmd:"" help:"Change an account's profile, visible headers, quota or list key."`
	Key    accountKeyCommand    `cmd:"" help:"Replace an account's public key."`
	Alias  accountAliasCommand  `cmd:"" help:"Give an account one more address, or take it away."`
	Reset  accountResetCommand  `cmd:"" name:"reset-sign-in" help:"Take away how an account signs in to the webmail, and what its browsers keep there."`
	Remove accountRemoveCommand `cmd:"" help:"Remove an account and all its mail, for good."`
}

// accountView is what is told of an account.
type accountView struct {
	Address     string         `json:"address"`
	Aliases     []string       `json:"aliases,omitempty"`
	Fingerprint string         `json:"fingerprint"`
	Identities  []string       `json:"identities,omitempty"`
	Profile     string         `json:"profile"`
	Headers     string         `json:"headers"`
	Encrypt     string         `json:"encrypt"` // when mail that is sent leaves encrypted
	Cards       bool           `json:"cards"`   // there is a list key
	SignIn      bool           `json:"sign_in"` // to the webmail
	Operator    bool           `json:"operator,omitempty"`
	Attachments string         `json:"attachments"`     // large ones: from which size, and what becomes of them
	Place       *placeView     `json:"place,omitempty"` // nil: the data folder
	Messages    int64          `json:"messages"`
	Bytes       int64          `json:"bytes"`
	Quota       int64          `json:"quota"`
	Created     time.Time      `json:"created"`
	Expires     time.Time      `json:"expires"`
	Warnings    []string       `json:"warnings,omitempty"`
	Passwords   []passwordView `json:"passwords,omitempty"`
}

// named is a wish about one account.
type named struct{ Address string }

// view gathers what is known of an account.
func (o *office) view(ctx context.Context, a account.Account) (accountView, error) {
	v := accountView{
		Address:  a.Addresses[0].String(),
		Profile:  string(a.Profile),
		Headers:  string(a.Level),
		Encrypt:  orElse(string(a.Encrypt), string(account.EncryptWhenKeys)),
		Cards:    a.ListKey != nil,
		Quota:    a.Quota,
		Created:  a.Created,
		Operator: a.Operator,
	}
	v.Attachments = fmt.Sprintf("over %s: %s going out, %s coming in", readable(a.Files.Limit()),
		orElse(string(a.Files.Outgoing), string(account.OutgoingPlain)), orElse(string(a.Files.Incoming), string(account.IncomingOff)))
	var err error
	if v.SignIn, err = o.desk.Has(ctx, a.ID); err != nil {
		return v, fmt.Errorf("read sign-in: %w", err)
	}
	if v.Place, err = o.place(ctx, a.ID); err != nil {
		return v, err
	}
	for _, alias := range a.Addresses[1:] {
		v.Aliases = append(v.Aliases, alias.String())
	}
	for _, domain := range a.CatchAll {
		v.Aliases = append(v.Aliases, "*@"+domain)
	}
	for _, p := range a.Passwords {
		v.Passwords = append(v.Passwords, passwordView{p.Name, p.Created, p.Used})
	}
	usage, err := o.store.Index.Usage(ctx, owner(a))
	if err != nil {
		return v, fmt.Errorf("read usage: %w", err)
	}
	v.Messages, v.Bytes = usage.Messages, usage.Bytes
	if v.Quota > 0 && v.Bytes >= v.Quota {
		v.Warnings = append(v.Warnings, "The quota is used up: mail to this account is refused for now.")
	}
	cert, err := pgp.ParseCert(a.Cert)
	if err != nil {
		v.Warnings = append(v.Warnings, "The key cannot be read: mail to this account is refused for now.")
		return v, nil
	}
	v.describe(cert, a)
	return v, nil
}

// describe tells of the key, and what its owner should know of it.
func (v *accountView) describe(cert *pgp.Cert, a account.Account) {
	now := time.Now()
	v.Fingerprint, v.Expires = cert.Fingerprint(), cert.Expires()
	for _, id := range cert.Identities() {
		v.Identities = append(v.Identities, printable(id))
	}
	v.Warnings = append(v.Warnings, cert.Warnings(a.Profile, now)...)
	if err := cert.Usable(a.Profile, now); err != nil {
		v.Warnings = append(v.Warnings, sentence(err)+" Mail to this account is refused for now.")
	}
	if !certNames(cert, a) {
		v.Warnings = append(v.Warnings, "No user id of the key is "+v.Address+": check that it is its owner's.")
	}
}

// certNames says whether a user id of the certificate holds one of a's addresses.
func certNames(cert *pgp.Cert, a account.Account) bool {
	for _, id := range cert.Identities() {
		for _, addr := range a.Addresses {
			name := strings.ToLower(id)
			want := strings.ToLower(addr.String())
			if name == want || strings.Contains(name, "<"+want+">") {
				return true
			}
		}
	}
	return false
}

// printable leaves out what could play tricks on a terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '\uFFFD'
		}
		return r
	}, s)
}

// sentence makes an error's text one.
func sentence(err error) string {
	text := err.Error()
	return strings.ToUpper(text[:1]) + text[1:] + "."
}

// print shows an account as a list of facts.
func (v accountView) print(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(name, format string, args ...any) {
		fmt.Fprintf(t, "%s\t%s\n", name, fmt.Sprintf(format, args...))
	}
	row("address", "%s", v.Address)
	for i, alias := range v.Aliases {
		row(first(i, "aliases"), "%s", alias)
	}
	row("key", "%s", spaced(v.Fingerprint))
	for i, id := range v.Identities {
		row(first(i, "user ids"), "%s", id)
	}
	row("key expires", "%s", expiry(v.Expires))
	row("profile", "%s", v.Profile)
	row("headers", "%s", v.Headers)
	row("encrypts", "%s", v.Encrypt)
	row("attachments", "%s", v.Attachments)
	row("cards", "%s", map[bool]string{true: "yes", false: "no list key, no cards"}[v.Cards])
	row("webmail", "%s", map[bool]string{true: "signs in", false: "no sign-in: `sealpost invite --attach " + v.Address + "` makes a link"}[v.SignIn])
	if v.Operator {
		row("operator", "yes: may look after this server in the webmail")
	}
	row("stored", "%s", v.usage())
	if v.Place != nil {
		row("lies", "%s", v.Place)
	}
	row("since", "%s", day(v.Created))
	for i, p := range v.Passwords {
		row(first(i, "passwords"), "%s (%s)", p.Name, p.usedWords())
	}
	if len(v.Passwords) == 0 {
		row("passwords", "none: `sealpost password add %s --name NAME` makes one", v.Address)
	}
	return errors.Join(t.Flush(), v.warn(w))
}

func (v accountView) warn(w io.Writer) error {
	for _, text := range v.Warnings {
		if _, err := fmt.Fprintln(w, "warning: "+text); err != nil {
			return err
		}
	}
	return nil
}

func (v accountView) usage() string {
	s := fmt.Sprintf("%s in %s", readable(v.Bytes), counting(v.Messages, "message"))
	if v.Quota > 0 {
		s += fmt.Sprintf(", of %s (%d %%)", config.FormatSize(v.Quota), v.Bytes*100/v.Quota)
	}
	return s
}

// first names the first of several rows.
func first(i int, name string) string {
	if i == 0 {
		return name
	}
	return ""
}

// spaced writes a fingerprint in groups of four, as gpg does.
func spaced(fingerprint string) string {
	var b strings.Builder
	for i, c := range fingerprint {
		if i > 0 && i%4 == 0 {
			b.WriteByte(' ')
		}
		b.WriteRune(c)
	}
	return b.String()
}

func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }

func expiry(t time.Time) string {
	switch {
	case t.IsZero():
		return "never"
	case t.Before(time.Now()):
		return day(t) + ", in the past"
	default:
		return day(t)
	}
}

// readable rounds bytes for people.
func readable(n int64) string {
	const unit = 1024
	if n < unit {
		return fmt.Sprintf("%d B", n)
	}
	f, names := float64(n), "KMGTP"
	i := -1
	for f >= unit && i < len(names)-1 {
		f, i = f/unit, i+1
	}
	return fmt.Sprintf("%.1f %ciB", f, names[i])
}

func counting(n int64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
