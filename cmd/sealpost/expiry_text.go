package main

import (
	"fmt"
	"strings"
	"time"

	"sealpost/mail"
)

// when says in words how long there still is.
func (t told) when(now time.Time) string {
	days := int(t.Expires.Sub(now).Hours()+23) / 24
	switch {
	case t.Stage == 0:
		return "has expired"
	case days <= 1:
		return "expires within a day"
	}
	return fmt.Sprintf("expires in %d days", days)
}

// letter is the notice, in CRLF lines.
func (x *keyWatch) letter(from, to mail.Address, fingerprint string, t told, now time.Time) string {
	head := fmt.Sprintf("From: %s\nTo: %s\nDate: %s\nSubject: Your key %s\nAuto-Submitted: auto-generated\n"+
		"MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n",
		from, to, now.Format(time.RFC1123Z), t.when(now))
	body := fmt.Sprintf(expiryText, to, t.when(now), t.Expires.Format("2 January 2006, 15:04 UTC"), spaced(fingerprint),
		fingerprint, fingerprint, fingerprint, from, to, t.next(), x.hostname)
	return strings.ReplaceAll(head+body, "\n", "\r\n")
}

// next says when another notice comes.
func (t told) next() string {
	switch t.Stage {
	case 30:
		return "You will hear of it again 7 days and one day before."
	case 7:
		return "You will hear of it again one day before."
	case 1:
		return "You will hear of it once more, when it has expired."
	}
	return "You will not hear of it again."
}

// expiryText is in the words of somebody who never heard of a subkey.
const expiryText = `The OpenPGP key that the mail of %s is sealed to
%s (%s).

  %s

Nothing is lost. Mail goes on reaching you, sealed to this key, and you can
read all of it, old and new. But other people's programs refuse to encrypt
to a key that has expired: what they send you travels without it.

What to do, on the device that has your key:

1. Give the key a later end, here in two years:

     gpg --quick-set-expire %s 2y
     gpg --quick-set-expire %s 2y '*'

   In Thunderbird: OpenPGP Key Manager, Key Properties, Change Expiration
   Date.

2. Write its public half into a file:

     gpg --export --armor %s > key.asc

3. Send that file to who runs this server (%s), who
   puts it in place with

     sealpost account key %s --key key.asc

It stays the same key, so all your mail stays readable with it.
%s

-- 
This is a message from %s itself. Nobody wrote it, and it asks
for no password and no secret key: never send these to anybody.
`
