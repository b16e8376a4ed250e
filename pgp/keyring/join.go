package keyring

import (
	"bytes"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"sealpost/pgp"
)

// Join is what POST /api/v1/join asks a client to make, in the API's own names;
// the caller adds the token of its invitation and the name of its device. KitProof
// belongs into the request only after the owner has typed the words back.
type Join struct {
	Address     string            `json:"address"`
	Account     string            `json:"account"`
	Certificate []byte            `json:"certificate"`
	ListKey     []byte            `json:"list_key"`
	Profile     pgp.Profile       `json:"profile,omitempty"`
	Salt        []byte            `json:"salt"`
	KDF         KDF               `json:"kdf"`
	Proof       []byte            `json:"proof"`
	KitProof    []byte            `json:"kit_proof"`
	Containers  map[string][]byte `json:"containers"`
}

// LogValue keeps the proofs out of logs.
func (Join) LogValue() slog.Value { return slog.StringValue("[withheld]") }
func (Join) String() string       { return "[withheld]" }
func (Join) GoString() string     { return "[withheld]" }

// Ring is the keyring as the server will have it: its first version.
func (j Join) Ring() Ring {
	return Ring{Version: 1, Salt: j.Salt, KDF: j.KDF, Containers: j.Containers}
}

// New makes everything that a new account has: an OpenPGP key (compat), a list
// key, a master key, an account secret, a recovery kit, and their containers. The
// account's id is 16 hex digits that the client draws. name may be empty.
func New(address, name string, p Passphrase, account string) (*Owner, Join, Kit, error) {
	secret, public, err := pgp.GenerateKey(name, address, pgp.Compat, time.Now())
	if err != nil {
		return nil, Join{}, Kit{}, fmt.Errorf("make account: %w", err)
	}
	keys, err := pgp.ParseSecretKeys(secret, nil)
	if err != nil {
		return nil, Join{}, Kit{}, fmt.Errorf("make account: %w", err)
	}
	m := maker{random: rand.Reader, address: address, account: account, passphrase: p}
	return m.join(keys, public, true)
}

// Attach is New for an account that has a certificate already. keys is its secret
// key; with keep it goes into the keyring, else it stays where it is. It may be nil
// when it is not kept.
func Attach(address string, p Passphrase, account string, certificate []byte, keys *pgp.SecretKeys, keep bool) (*Owner, Join, Kit, error) {
	return attach(address, p, account, certificate, keys, keep, nil)
}

// AttachBoth is Attach for an account that has a list key, too; both are kept.
func AttachBoth(address string, p Passphrase, account string, certificate []byte, keys *pgp.SecretKeys, list pgp.ListKey) (*Owner, Join, Kit, error) {
	return attach(address, p, account, certificate, keys, true, &list)
}

func attach(address string, p Passphrase, account string, certificate []byte, keys *pgp.SecretKeys, keep bool, list *pgp.ListKey) (*Owner, Join, Kit, error) {
	if keep && keys == nil {
		return nil, Join{}, Kit{}, errors.New("attach account: expected a secret key to keep")
	}
	m := maker{random: rand.Reader, address: address, account: account, passphrase: p, list: list}
	return m.join(keys, certificate, keep)
}

// maker draws from random, so that tests can make the same keyring again.
type maker struct {
	random     io.Reader
	address    string
	account    string
	passphrase Passphrase

	list *pgp.ListKey // one that is there; nil: a new one
}

func (m maker) draw(b []byte) error {
	_, err := io.ReadFull(m.random, b)
	return err
}

func (m maker) join(keys *pgp.SecretKeys, public []byte, keep bool) (*Owner, Join, Kit, error) {
	o, j, kit, err := m.make(keys, public, keep)
	if err != nil {
		return nil, Join{}, Kit{}, fmt.Errorf("make keyring: %w", err)
	}
	return o, j, kit, nil
}

func (m maker) make(keys *pgp.SecretKeys, public []byte, keep bool) (*Owner, Join, Kit, error) {
	cert, err := pgp.ParseCert(public)
	if err != nil {
		return nil, Join{}, Kit{}, err
	}
	o := &Owner{
		Identity: Identity{Account: m.account, Address: m.address, Fingerprint: cert.Fingerprint()},
	}
	if keys != nil {
		if keys.Fingerprint() != cert.Fingerprint() {
			return nil, Join{}, Kit{}, errors.New("expected the secret key of the certificate")
		}
		if o.raw, err = keys.Binary(); err != nil {
			return nil, Join{}, Kit{}, err
		}
		o.keys = keys
	}
	if o.list, err = m.listKey(); err != nil {
		return nil, Join{}, Kit{}, err
	}
	salt := make([]byte, saltSize)
	for _, b := range [][]byte{o.master.b[:], o.secret.b[:], salt} {
		if err := m.draw(b); err != nil {
			return nil, Join{}, Kit{}, err
		}
	}
	kit, err := newKit(m.random)
	if err != nil {
		return nil, Join{}, Kit{}, err
	}
	halves, err := Derive(m.passphrase, o.secret, salt, DefaultKDF())
	if err != nil {
		return nil, Join{}, Kit{}, err
	}
	j := Join{
		Address: m.address, Account: m.account, Certificate: cert.Bytes(), ListKey: o.list.Public(), Profile: pgp.Compat,
		Salt: salt, KDF: DefaultKDF(), Proof: halves.Proof(), KitProof: kit.Proof(),
	}
	j.Containers, err = m.containers(o, halves, kit, salt, keep)
	return o, j, kit, err
}

func (m maker) listKey() (pgp.ListKey, error) {
	if m.list != nil {
		return *m.list, nil
	}
	return pgp.GenerateListKey()
}

// containers seals all of a new keyring, as its first version.
func (m maker) containers(o *Owner, h Halves, kit Kit, salt []byte, keep bool) (map[string][]byte, error) {
	text, err := o.list.Marshal()
	if err != nil {
		return nil, err
	}
	der, _ := pem.Decode(text)
	keys := o.master.forPurpose("keys")
	pass := o.context("master.passphrase", "")
	pass.Extra += DefaultKDF().extra(salt)
	type part struct {
		container string
		key       Key
		context   Context
		plain     []byte
	}
	parts := []part{
		{"master.passphrase", h.wrap, pass, o.master.b[:]},
		{"master.kit", kit.wrap(), o.context("master.kit", ""), o.master.b[:]},
		{"secret", keys, o.context("secret", ""), o.secret.b[:]},
		{"list", keys, o.context("list", ""), der.Bytes},
	}
	if keep {
		parts = append(parts, part{"openpgp." + o.Fingerprint, keys, o.context("openpgp", o.Fingerprint), bytes.Clone(o.raw)})
	}
	sealed := map[string][]byte{}
	for _, p := range parts {
		p.context.Version = 1
		if sealed[p.container], err = sealContainer(m.random, p.key, p.context, p.plain); err != nil {
			return nil, err
		}
	}
	return sealed, nil
}
