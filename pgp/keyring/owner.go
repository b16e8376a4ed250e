package keyring

import (
	"bytes"
	"encoding/pem"
	"fmt"
	"log/slog"
	"maps"
	"slices"

	"sealpost/pgp"
)

// Identity is whose keyring it is. What a server says of it, a client compares
// with what it has seen before.
type Identity struct {
	Account     string // id, 16 hex digits
	Address     string
	Fingerprint string // of the certificate, upper-case hex
}

func (id Identity) context(purpose, name string) Context {
	return Context{Account: id.Account, Purpose: purpose, Name: name, Extra: "fingerprint=" + id.Fingerprint}
}

// Ring is what a server keeps of it (the API's Keyring).
type Ring struct {
	Version    uint64            `json:"version"`
	Salt       []byte            `json:"salt"`
	KDF        KDF               `json:"kdf"`
	Containers map[string][]byte `json:"containers"`
}

// LogValue names the containers only.
func (r Ring) LogValue() slog.Value {
	return slog.AnyValue(slices.Sorted(maps.Keys(r.Containers)))
}

// Owner is an account whose keyring is open.
type Owner struct {
	Identity
	master Key
	secret AccountSecret
	keys   *pgp.SecretKeys // nil: they are elsewhere
	raw    []byte          // the same as a transferable secret key
	list   pgp.ListKey
}

// LogValue keeps the keys out of logs.
func (*Owner) LogValue() slog.Value { return slog.StringValue("[withheld]") }
func (*Owner) String() string       { return "[withheld]" }
func (*Owner) GoString() string     { return "[withheld]" }

// Keys are the owner's OpenPGP keys, or nil if the account was attached without.
func (o *Owner) Keys() *pgp.SecretKeys { return o.keys }

// SecretKey is the transferable secret key, binary and not locked, or nil.
func (o *Owner) SecretKey() []byte { return bytes.Clone(o.raw) }

// ListKey opens the owner's cards.
func (o *Owner) ListKey() pgp.ListKey { return o.list }

// Secret is what this device keeps to sign in by passphrase alone.
func (o *Owner) Secret() AccountSecret { return o.secret }

// SealItem seals an item of the cabinet as the version it will be stored as.
func (o *Owner) SealItem(drawer, name string, version uint64, content []byte) ([]byte, error) {
	return o.Drawer(drawer).SealItem(drawer, name, version, content)
}

// OpenItem opens an item of the cabinet, with its padding.
func (o *Owner) OpenItem(drawer, name string, version uint64, box []byte) ([]byte, error) {
	return o.Drawer(drawer).OpenItem(drawer, name, version, box)
}

// OpenByPassphrase opens a keyring on a device that knows the account's secret.
func OpenByPassphrase(h Halves, id Identity, ring Ring) (*Owner, error) {
	if err := ring.KDF.Check(); err != nil {
		return nil, err
	}
	c := id.context("master.passphrase", "")
	c.Extra += ring.KDF.extra(ring.Salt)
	return openMaster(h.wrap, c, "master.passphrase", id, ring)
}

// OpenByKit opens a keyring by the recovery kit, on any device.
func OpenByKit(k Kit, id Identity, ring Ring) (*Owner, error) {
	return openMaster(k.wrap(), id.context("master.kit", ""), "master.kit", id, ring)
}

// OpenByPasskey opens a keyring by what a passkey's PRF gave.
func OpenByPasskey(prf Key, credential string, id Identity, ring Ring) (*Owner, error) {
	return openMaster(PasskeyKey(prf), id.context("master.passkey", credential), "master.passkey."+credential, id, ring)
}

func openMaster(k Key, c Context, container string, id Identity, ring Ring) (*Owner, error) {
	plain, err := openContainer(k, c, ring.Version, ring.Containers[container])
	if err != nil {
		return nil, err
	}
	master, err := NewKey(plain)
	if err != nil {
		return nil, ErrClosed
	}
	return openOwner(master, id, ring)
}

// openOwner opens what stands under the master key. Whatever fails is ErrClosed.
func openOwner(master Key, id Identity, ring Ring) (*Owner, error) {
	o := &Owner{Identity: id, master: master}
	keys := master.forPurpose("keys")
	secret, err := openContainer(keys, id.context("secret", ""), ring.Version, ring.Containers["secret"])
	if err != nil {
		return nil, err
	}
	if o.secret, err = NewAccountSecret(secret); err != nil {
		return nil, err
	}
	list, err := openContainer(keys, id.context("list", ""), ring.Version, ring.Containers["list"])
	if err != nil {
		return nil, err
	}
	if o.list, err = pgp.ParseListKey(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: list})); err != nil {
		return nil, ErrClosed
	}
	container, kept := ring.Containers["openpgp."+id.Fingerprint]
	if !kept {
		return o, nil
	}
	if o.raw, err = openContainer(keys, id.context("openpgp", id.Fingerprint), ring.Version, container); err != nil {
		return nil, err
	}
	if err := o.readKeys(); err != nil {
		return nil, ErrClosed
	}
	return o, nil
}

// readKeys parses the secret key, which checks that its private parts are those of
// its public parts (ATTACKS A04), and that it is the account's.
func (o *Owner) readKeys() error {
	keys, err := pgp.ParseSecretKeys(o.raw, nil)
	if err != nil {
		return err
	}
	if got := keys.Fingerprint(); got != o.Fingerprint {
		return fmt.Errorf("expected the account's own secret key")
	}
	o.keys = keys
	return nil
}
