package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"sealpost/pgp/discover"
)

// explain prints how to use the demo, in lines that can be copied.
func (d *demo) explain(c console, dir string) error {
	words := strings.Fields(d.people[0].Kit)
	half := len(words) / 2
	replace := strings.NewReplacer(
		"CLIENTS", quoted(filepath.Join(dir, "clients")),
		"DIR", quoted(dir),
		"SEALPOST", quoted(ownName()),
		"PASSWORD", d.people[0].Password,
		"WKD_NAME", discover.Hash("alice"),
		"SMTP_AT", d.at(25),
		"SUBMISSION_AT", d.at(587),
		"SUBMISSIONS_AT", d.at(465),
		"HTTPS_AT", d.at(443),
		"WEBMAIL", d.people[0].Web,
		"PASSPHRASE", d.people[0].Passphrase,
		"KIT_BEGINS", strings.Join(words[:half], " "),
		"KIT_ENDS", strings.Join(words[half:], " "),
		"IMAP_AT", d.at(143),
		"IMAPS_AT", d.at(993),
		"IMAPS_PORT", fmt.Sprint(d.base+993),
		"SUBMISSIONS_PORT", fmt.Sprint(d.base+465),
	)
	_, err := fmt.Fprint(c.Out, style(c).lines(replace.Replace(demoText)))
	return err
}

const demoText = `
*sealpost is ready.* Mail for alice@demo.test and bob@demo.test is sealed as it arrives.

  SMTP         SMTP_AT
  submission   SUBMISSIONS_AT  TLS   SUBMISSION_AT  STARTTLS
  IMAP         IMAPS_AT  TLS   IMAP_AT  STARTTLS
  HTTPS        HTTPS_AT

*Send alice a mail*
  $ swaks --server SMTP_AT --to alice@demo.test --header 'Subject: Hello' --body 'For your eyes only.'

*Read it in the webmail* (the certificate is the demo's own, so the browser warns)
  WEBMAIL
  alice@demo.test, in a browser she was never in by the 24 words of her recovery kit:
    KIT_BEGINS
    KIT_ENDS
  and from then on by her passphrase: PASSPHRASE

*See what the server has of it:* ciphertext, and the few headers that make lists work
  $ curl -K CLIENTS/alice.curl

*Open it with alice's key*
  $ curl -K CLIENTS/alice.curl | SEALPOST open --key CLIENTS/alice.secret.asc

*Or with gpg*
  $ mkdir -pm 700 CLIENTS/gnupg && gpg --homedir CLIENTS/gnupg --import CLIENTS/alice.secret.asc
  $ curl -K CLIENTS/alice.curl | gpg --homedir CLIENTS/gnupg --decrypt

*Send as alice;* bob reads it with CLIENTS/bob.curl and CLIENTS/bob.secret.asc
  $ swaks --server SUBMISSIONS_AT -tlsc -au alice@demo.test -ap PASSWORD -f alice@demo.test -t bob@demo.test

*Or in mutt,* once gpg has the key
  $ mutt -F CLIENTS/alice.muttrc

*Or in Thunderbird:* trust CLIENTS/ca.pem (Settings, Certificates, Authorities) and add the account
  alice@demo.test, password PASSWORD, localhost, SSL/TLS, port IMAPS_PORT for IMAP and SUBMISSIONS_PORT for SMTP;
  then import CLIENTS/alice.secret.asc (OpenPGP Key Manager) and choose it for the account.

*Fetch alice's public key* as the world does (WKD)
  $ curl -s --cacert CLIENTS/ca.pem --connect-to ::HTTPS_AT https://demo.test/.well-known/openpgpkey/hu/WKD_NAME | gpg --show-keys

*Look for anything readable* in what the server keeps
  $ SEALPOST prove --config DIR/server/sealpost.toml

DIR/demo.json tells programs all of this. Ctrl-C stops; starting again keeps everything.

`

// ownName is how this program was called, so that its lines can be copied.
func ownName() string {
	if name := os.Args[0]; !strings.Contains(name, string(filepath.Separator)+"go-build") {
		return name
	}
	return "sealpost"
}

// quoted is a path as a shell reads it.
func quoted(path string) string {
	if strings.Trim(path, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+@%") == "" {
		return path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}

// look is how text is shown: plain, or with a terminal's means.
type look struct{ heading, command, end string }

func style(c console) look {
	if !terminal(c.Out) || os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb" {
		return look{}
	}
	return look{heading: "\x1b[1m", command: "\x1b[36m", end: "\x1b[0m"}
}

// lines shows *headings* and "$ " commands.
func (l look) lines(text string) string {
	all := strings.Split(text, "\n")
	for i, line := range all {
		if rest, ok := strings.CutPrefix(line, "*"); ok {
			heading, rest, _ := strings.Cut(rest, "*")
			all[i] = l.heading + heading + l.end + rest
		}
		if command, ok := strings.CutPrefix(line, "  $ "); ok {
			all[i] = "  " + l.command + command + l.end
		}
	}
	return strings.Join(all, "\n")
}
