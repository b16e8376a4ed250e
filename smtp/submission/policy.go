package submission

import (
	"context"
	"encoding/asn1"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"sealpost/account"
	"sealpost/mail"
	"sealpost/pgp"
	"sealpost/pgp/discover"
	"sealpost/smtp"
)

// wish is what one mail's Sealpost-Encrypt field asks for.
type wish string

const (
	asUsual wish = ""
	plain   wish = "no"
	sealed  wish = "yes"
)

// wishOf reads the field. What it says may be about life and death, so a word that
// is none of ours is refused.
func wishOf(h mail.Header) (wish, error) {
	f, has := h.Get("Sealpost-Encrypt")
	if !has {
		return asUsual, nil
	}
	switch strings.ToLower(f.Value()) {
	case "yes", "require":
		return sealed, nil
	case "no":
		return plain, nil
	}
	return "", &smtp.Reply{Code: 554, Enhanced: "5.6.0", Text: "Sealpost-Encrypt says neither yes nor no nor require"}
}

// policy is what holds for one mail: an account that demands encryption cannot be
// talked out of it by a mail.
func (t *transaction) policy(d *draft) account.EncryptPolicy {
	switch {
	case t.who.ID == "":
		return account.EncryptNever // the server's own: reports to who asked for them
	case t.who.Encrypt == account.EncryptRequire, d.wish == sealed:
		return account.EncryptRequire
	case t.who.Encrypt == account.EncryptNever, d.wish == plain:
		return account.EncryptNever
	}
	return account.EncryptWhenKeys
}

// closed says that the client has encrypted a mail already. For OpenPGP the packets
// say so, for S/MIME the type of what the CMS holds; what a field claims is not
// enough to let text through that must not leave readable (ATTACKS B10).
func closed(d *draft) bool {
	if pgp.Encrypted(d.raw, d.header) {
		return true
	}
	f, _ := d.header.Get("Content-Type")
	switch mail.ParseContentType(f.Value()).Media() {
	case "application/pkcs7-mime", "application/x-pkcs7-mime":
		return enveloped(d)
	}
	return false
}

// Content types of CMS that are encrypted (RFC 5652, section 6.1; RFC 5083).
var (
	oidEnveloped     = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 3}
	oidAuthEnveloped = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 1, 23}
)

// enveloped reads the first octets of a body: SEQUENCE { contentType OID, ...
func enveloped(d *draft) bool {
	var in io.Reader = io.NewSectionReader(d.raw, d.header.End, d.raw.Size()-d.header.End)
	f, _ := d.header.Get("Content-Transfer-Encoding")
	if strings.EqualFold(f.Value(), "base64") {
		in = base64.NewDecoder(base64.StdEncoding, in)
	}
	head := make([]byte, 32)
	n, _ := io.ReadFull(in, head)
	head = head[:n]
	if len(head) < 2 || head[0] != 0x30 {
		return false
	}
	skip := 2
	if head[1] > 0x80 {
		skip += int(head[1] & 0x7f)
	}
	var oid asn1.ObjectIdentifier
	if skip >= len(head) {
		return false
	}
	_, err := asn1.Unmarshal(head[skip:], &oid)
	return err == nil && (oid.Equal(oidEnveloped) || oid.Equal(oidAuthEnveloped))
}

// keyring is what was found for each of some recipients, in their order: a
// certificate, or why there is none.
type keyring struct {
	certs []*pgp.Cert
	errs  []error
}

var errLater = errors.New("a key server did not answer")

// keys looks for the keys of all at the same time.
func (t *transaction) keys(ctx context.Context, to []smtp.Recipient, d time.Duration) keyring {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	k := keyring{certs: make([]*pgp.Cert, len(to))}
	k.errs = t.h.each(len(to), func(i int) (err error) {
		k.certs[i], err = t.key(ctx, to[i].Address)
		return err
	})
	return k
}

// key finds a usable key, or fails with discover.ErrNoKey, ErrRevoked or ErrExpired,
// errLater, or a fault.
func (t *transaction) key(ctx context.Context, a mail.Address) (*pgp.Cert, error) {
	if t.h.Keys == nil {
		return nil, discover.ErrNoKey
	}
	found, err := t.h.Keys.Find(ctx, string(t.who.ID), a)
	switch {
	case err == nil:
		return found.Cert, nil
	case errors.Is(err, discover.ErrUnsure):
		return nil, errLater
	case errors.Is(err, discover.ErrNoKey), errors.Is(err, discover.ErrRevoked), errors.Is(err, discover.ErrExpired):
		return nil, err
	}
	return nil, t.unknown(ctx, a, err)
}

// unknown tells a key that may exist from one that does: who has a key on file must
// never get plaintext because something failed.
func (t *transaction) unknown(ctx context.Context, a mail.Address, cause error) error {
	p, err := t.h.Keys.Peers.Peer(context.WithoutCancel(ctx), string(t.who.ID), a)
	if errors.Is(err, discover.ErrNoKey) || err == nil && len(p.Cert) == 0 {
		return errLater
	}
	return fmt.Errorf("find key: %w", errors.Join(cause, err))
}
