package pgp

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"
)

// SecretKeys are OpenPGP private keys on the owner's side, unlocked. The
// server never holds one.
type SecretKeys struct{ entities openpgp.EntityList }

// LogValue keeps keys out of logs.
func (*SecretKeys) LogValue() slog.Value { return slog.StringValue("[withheld]") }
func (*SecretKeys) String() string       { return "[withheld]" }
func (*SecretKeys) GoString() string     { return "[withheld]" }

// maxArgon2 is the largest Argon2 memory accepted, as exponent of KiB: 256 MiB
// (ATTACKS A12).
const maxArgon2 = 18

// ParseSecretKeys reads secret keys, armored or binary, at most 1 MiB.
// passphrase is asked once if one of them is locked; it may be nil.
func ParseSecretKeys(data []byte, passphrase func() ([]byte, error)) (*SecretKeys, error) {
	if len(data) > maxCert {
		return nil, fmt.Errorf("secret keys are larger than %d bytes", maxCert)
	}
	var in io.Reader = bytes.NewReader(data)
	if len(data) > 0 && data[0]&0x80 == 0 {
		block, err := armor.Decode(in)
		if err != nil || block.Type != openpgp.PrivateKeyType {
			return nil, errors.New("not a secret key, neither armored nor binary")
		}
		in = block.Body
	}
	entities, err := openpgp.ReadKeyRing(io.LimitReader(in, maxCert))
	if err != nil {
		return nil, fmt.Errorf("read secret keys: %w", err)
	}
	return unlock(entities, passphrase)
}

func unlock(entities openpgp.EntityList, passphrase func() ([]byte, error)) (*SecretKeys, error) {
	locked, secret := false, false
	for _, e := range entities {
		for _, k := range privateKeys(e) {
			secret = true
			if !k.Encrypted {
				continue
			}
			locked = true
			if err := checkS2K(k); err != nil {
				return nil, err
			}
		}
	}
	switch {
	case !secret:
		return nil, errors.New("this holds no secret key")
	case !locked:
		return newSecretKeys(entities), nil
	case passphrase == nil:
		return nil, errors.New("the secret key is locked by a passphrase")
	}
	phrase, err := passphrase()
	if err != nil {
		return nil, err
	}
	defer clear(phrase)
	for _, e := range entities {
		if err := e.DecryptPrivateKeys(phrase); err != nil {
			return nil, errors.New("the passphrase is wrong, or the key is damaged")
		}
	}
	return newSecretKeys(entities), nil
}

// newSecretKeys has the library verify every binding now. It remembers the
// result in the key, and later calls only read it, so that keys can be used by
// many goroutines.
func newSecretKeys(entities openpgp.EntityList) *SecretKeys {
	for _, e := range entities {
		e.DecryptionKeys(0, time.Time{}, nil)
	}
	return &SecretKeys{entities}
}

func privateKeys(e *openpgp.Entity) []*packet.PrivateKey {
	var keys []*packet.PrivateKey
	if e.PrivateKey != nil && !e.PrivateKey.Dummy() {
		keys = append(keys, e.PrivateKey)
	}
	for _, s := range e.Subkeys {
		if s.PrivateKey != nil && !s.PrivateKey.Dummy() {
			keys = append(keys, s.PrivateKey)
		}
	}
	return keys
}

// checkS2K refuses Argon2 parameters that would take the machine down, before
// anything is derived with them. The iterated form is bounded by its own
// encoding: at most 65,011,712 octets are hashed. The library keeps the
// parameters to itself, so they are read from the packet (RFC 9580, 5.5.3).
func checkS2K(k *packet.PrivateKey) error {
	var whole, public bytes.Buffer
	if err := k.Serialize(&whole); err != nil {
		return fmt.Errorf("read secret key: %w", err)
	}
	if err := k.PublicKey.Serialize(&public); err != nil {
		return fmt.Errorf("read secret key: %w", err)
	}
	body, head := packetBody(whole.Bytes()), packetBody(public.Bytes())
	if len(body) < len(head) || !bytes.Equal(body[:len(head)], head) {
		return errors.New("secret key does not match its public part")
	}
	s2k, err := s2kSpecifier(body[len(head):], k.Version)
	if err != nil {
		return err
	}
	const argon2 = 4
	if len(s2k) > 0 && s2k[0] == argon2 && (len(s2k) < 20 || s2k[19] > maxArgon2) {
		return fmt.Errorf("the key asks for more than %d MiB to be unlocked", 1<<(maxArgon2-10))
	}
	return nil
}

// s2kSpecifier skips what stands before it: usage, in version 6 a count, the
// cipher, for AEAD the mode, in version 6 the specifier's length.
func s2kSpecifier(b []byte, version int) ([]byte, error) {
	if len(b) == 0 {
		return nil, errPacket
	}
	usage := b[0]
	skip := 2
	switch usage {
	case 253:
		skip = 3
	case 254, 255:
	default:
		return nil, nil // no S2K
	}
	if version == 6 {
		skip += 2
	}
	if len(b) < skip {
		return nil, errPacket
	}
	return b[skip:], nil
}

// packetBody cuts the header off one serialised packet.
func packetBody(b []byte) []byte {
	r := bytes.NewReader(b)
	if _, err := readPacketHeader(r); err != nil {
		return nil
	}
	return b[len(b)-r.Len():]
}

// Fingerprint is that of the first key, in upper-case hex.
func (k *SecretKeys) Fingerprint() string {
	return fmt.Sprintf("%X", k.entities[0].PrimaryKey.Fingerprint)
}

// Certificate is the public part of the first key, binary, with all that its
// owner's software says of it.
func (k *SecretKeys) Certificate() ([]byte, error) {
	var b bytes.Buffer
	if err := k.entities[0].Serialize(&b); err != nil {
		return nil, fmt.Errorf("write certificate: %w", err)
	}
	return b.Bytes(), nil
}

// Binary is the first key as a transferable secret key that is not locked, for the
// owner's own keyring.
func (k *SecretKeys) Binary() ([]byte, error) {
	var b bytes.Buffer
	if err := k.entities[0].SerializePrivateWithoutSigning(&b, nil); err != nil {
		return nil, fmt.Errorf("write secret key: %w", err)
	}
	return b.Bytes(), nil
}

// GenerateKey makes a key for one identity: name may be empty, address is an
// addr-spec. Compat gives version 4 with Ed25519 and Curve25519 as GnuPG 2.2
// and all later software read them; modern gives version 6 with Ed25519 and
// X25519 and says that it reads SEIPDv2. Both halves come back armored, the
// secret one without a passphrase.
func GenerateKey(name, address string, p Profile, at time.Time) (secret, public []byte, err error) {
	cfg := &packet.Config{
		Time:          func() time.Time { return at },
		DefaultCipher: packet.CipherAES256,
		Algorithm:     packet.PubKeyAlgoEdDSA,
		Curve:         packet.Curve25519,
	}
	if p == Modern {
		cfg.Algorithm, cfg.V6Keys = packet.PubKeyAlgoEd25519, true
		cfg.AEADConfig = &packet.AEADConfig{DefaultMode: packet.AEADModeGCM}
	}
	e, err := openpgp.NewEntity(name, "", address, cfg)
	if err != nil {
		return nil, nil, fmt.Errorf("make key: %w", err)
	}
	if secret, err = armored(openpgp.PrivateKeyType, func(w io.Writer) error { return e.SerializePrivateWithoutSigning(w, cfg) }); err != nil {
		return nil, nil, fmt.Errorf("write secret key: %w", err)
	}
	if public, err = armored(openpgp.PublicKeyType, e.Serialize); err != nil {
		return nil, nil, fmt.Errorf("write public key: %w", err)
	}
	return secret, public, nil
}

func armored(kind string, write func(io.Writer) error) ([]byte, error) {
	var b bytes.Buffer
	w, err := armor.EncodeWithChecksumOption(&b, kind, nil, true)
	if err != nil {
		return nil, err
	}
	if err := write(w); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	b.WriteByte('\n')
	return b.Bytes(), nil
}
