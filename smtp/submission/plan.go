package submission

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"sealpost/account"
	"sealpost/pgp"
	"sealpost/pgp/discover"
	"sealpost/smtp"
)

// letter is one text that goes to some recipients elsewhere.
type letter struct {
	to    []smtp.Recipient
	certs []*pgp.Cert // to encrypt to; none: it leaves as it is
}

// maxSealed bounds what one mail can grow to, in octets of all its encrypted copies.
const maxSealed = 1 << 30

var errGrows = &smtp.Reply{Code: 552, Enhanced: "5.3.4", Text: "this mail is too large to be encrypted for each blind copy; send it to fewer"}

// plan decides which texts leave, and refuses the mail when what its sender demands
// cannot be had: then nothing of it was sent.
func (t *transaction) plan(ctx context.Context, d *draft, to []smtp.Recipient) ([]letter, error) {
	policy := t.policy(d)
	if len(to) == 0 || policy == account.EncryptNever || closed(d) {
		return readable(to), nil
	}
	k := t.keys(ctx, to, cmp.Or(t.h.KeyTime, keyTime))
	all, err := k.verdict(to, policy == account.EncryptRequire)
	switch {
	case err != nil:
		return nil, err
	case !all:
		return readable(to), nil
	}
	letters := encrypted(d, to, k.certs)
	if int64(len(letters))*d.raw.Size() > maxSealed {
		return nil, errGrows
	}
	return letters, nil
}

// verdict says whether all have keys. A key that has ended is nothing to pass
// over in silence, a fault of ours nothing to send plaintext for; under demand a missing key
// refuses the mail, and one that may still be found puts it off.
func (k keyring) verdict(to []smtp.Recipient, demand bool) (all bool, err error) {
	var none, later, ended []string
	for i, err := range k.errs {
		name := to[i].Address.String()
		switch {
		case err == nil:
		case errors.Is(err, discover.ErrNoKey):
			none = append(none, name)
		case errors.Is(err, errLater):
			later = append(later, name)
		case errors.Is(err, discover.ErrRevoked), errors.Is(err, discover.ErrExpired):
			ended = append(ended, name)
		default:
			return false, err
		}
	}
	switch {
	case len(ended) > 0:
		return false, refuse("5.7.5", "the key was revoked or has expired of", ended, len(to))
	case demand && len(none) > 0:
		return false, refuse("5.7.5", "no key for", none, len(to))
	case demand && len(later) > 0:
		return false, &smtp.Reply{Code: 451, Enhanced: "4.7.5", Text: fmt.Sprintf("cannot look for keys of %d of %d recipients now, try again later", len(later), len(to))}
	}
	return len(none)+len(later) == 0, nil
}

// refuse names recipients, to their sender and in the reply alone. A reply is one
// line of at most 512 octets (RFC 5321, section 4.5.3.1.5).
func refuse(code, what string, names []string, of int) error {
	list := strings.Join(names, ", ")
	if len(list) > 300 {
		list = list[:300] + "..."
	}
	return &smtp.Reply{Code: 550, Enhanced: code, Text: fmt.Sprintf("%s %d of %d recipients: %s; nothing was sent", what, len(names), of, list)}
}

// readable is one text for all. Those whose address needs SMTPUTF8 get theirs apart:
// it would be demanded of the others' servers too.
func readable(to []smtp.Recipient) []letter {
	var plain, utf8 letter
	for _, r := range to {
		if ascii(r.Address.Local) {
			plain.to = append(plain.to, r)
		} else {
			utf8.to = append(utf8.to, r)
		}
	}
	return filled(plain, utf8)
}

// encrypted is one text for all who are named in it, and one for each who is not:
// key ids in a letter tell to whom it went.
func encrypted(d *draft, to []smtp.Recipient, certs []*pgp.Cert) []letter {
	var plain, utf8 letter
	var blind []letter
	visible := d.visible()
	for i, r := range to {
		one := letter{[]smtp.Recipient{r}, []*pgp.Cert{certs[i]}}
		switch {
		case !visible[r.Address.Key()]:
			blind = append(blind, one)
		case ascii(r.Address.Local):
			plain = letter{append(plain.to, r), append(plain.certs, certs[i])}
		default:
			utf8 = letter{append(utf8.to, r), append(utf8.certs, certs[i])}
		}
	}
	return append(filled(plain, utf8), blind...)
}

func filled(all ...letter) (some []letter) {
	for _, l := range all {
		if len(l.to) > 0 {
			some = append(some, l)
		}
	}
	return some
}
