package pgp

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sort"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"
)

// maxCert bounds a certificate before anything of it is parsed, in bytes.
const maxCert = 1 << 20

// Cert is an OpenPGP certificate (public key) and the subkey chosen from it by
// the house's own policy, not the library's (ATTACKS A13). It does not change
// after ParseCert and is safe for concurrent use.
type Cert struct {
	raw         []byte
	fingerprint string
	identities  []string
	revoked     bool
	expires     time.Time // of the certificate; zero: never
	seipdv2     bool      // advertised by its owner's software
	keys        []encryptionKey
}

// ParseCert reads one certificate, armored or binary. Secret keys are refused
// with an error that says so. Every self-signature it relies on is verified.
func ParseCert(data []byte) (*Cert, error) {
	if len(data) > maxCert {
		return nil, fmt.Errorf("certificate is larger than %d bytes", maxCert)
	}
	raw, err := dearmorCert(data)
	if err != nil {
		return nil, err
	}
	if err := onePublicKey(raw); err != nil {
		return nil, err
	}
	entity, err := openpgp.ReadEntity(packet.NewReader(bytes.NewReader(raw)))
	if err != nil {
		return nil, fmt.Errorf("read certificate: %w", err)
	}
	return newCert(entity)
}

func dearmorCert(data []byte) ([]byte, error) {
	begin := []byte("-----BEGIN ")
	switch n := bytes.Count(data, begin); {
	case len(data) == 0:
		return nil, errors.New("certificate is empty")
	case data[0]&0x80 != 0 && !bytes.HasPrefix(data, []byte("\xef\xbb\xbf")): // a packet, not text with a byte order mark
		return data, nil
	case n == 0:
		return nil, errors.New("not an OpenPGP certificate, neither armored nor binary")
	case n > 1:
		return nil, errors.New("more than one armored block; expected one certificate")
	}
	block, err := armor.Decode(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("read armor: %w", err)
	}
	switch block.Type {
	case openpgp.PublicKeyType:
	case openpgp.PrivateKeyType:
		return nil, errSecret
	default:
		return nil, errors.New("armored block is no public key")
	}
	raw, err := io.ReadAll(io.LimitReader(block.Body, maxCert+1))
	if err != nil {
		return nil, fmt.Errorf("read armor: %w", err)
	}
	return raw, nil
}

var errSecret = errors.New("this is a secret key; give the public key and keep the secret one where it is")

// onePublicKey walks the packets before the library sees them.
func onePublicKey(raw []byte) error {
	primaries := 0
	r := bytes.NewReader(raw)
	for {
		h, err := readPacketHeader(r)
		if err == io.EOF {
			break
		}
		if err != nil {
			return fmt.Errorf("read certificate: %w", err)
		}
		switch h.tag {
		case tagSecretKey, tagSecretSubkey:
			return errSecret
		case tagPublicKey:
			primaries++
		}
		if h.partial || h.length > int64(r.Len()) {
			return errors.New("certificate is cut short")
		}
		if _, err := r.Seek(h.length, io.SeekCurrent); err != nil {
			return err
		}
	}
	if primaries != 1 {
		return fmt.Errorf("found %d public keys, expected one", primaries)
	}
	return nil
}

func newCert(e *openpgp.Entity) (*Cert, error) {
	if v := e.PrimaryKey.Version; v != 4 && v != 6 {
		return nil, fmt.Errorf("key version %d is not supported, only 4 and 6", v)
	}
	self, err := e.PrimarySelfSignature(time.Time{}, policyConfig())
	if err != nil {
		return nil, errors.New("certificate has no valid self-signature")
	}
	c := &Cert{
		fingerprint: fmt.Sprintf("%X", e.PrimaryKey.Fingerprint),
		expires:     primaryExpiry(e, self),
		revoked:     primaryRevoked(e),
		seipdv2:     self.SEIPDv2,
	}
	identities := validIdentities(e)
	for _, id := range identities {
		c.identities = append(c.identities, id.Name)
	}
	c.keys = encryptionKeys(e, self)
	if c.raw, err = serializeCert(e, identities); err != nil {
		return nil, fmt.Errorf("write certificate: %w", err)
	}
	return c, nil
}

// validIdentities are those with a self-signature that is not revoked, by name.
func validIdentities(e *openpgp.Entity) []*openpgp.Identity {
	var ids []*openpgp.Identity
	for _, id := range e.Identities {
		if _, err := id.Verify(time.Time{}, policyConfig()); err == nil {
			ids = append(ids, id)
		}
	}
	sort.Slice(ids, func(i, j int) bool { return ids[i].Name < ids[j].Name })
	return ids
}

// serializeCert leaves out what sealing does not need: other people's
// signatures, pictures, user ids and subkeys that are not bound.
func serializeCert(e *openpgp.Entity, ids []*openpgp.Identity) ([]byte, error) {
	var b bytes.Buffer
	sigs := func(lists ...[]*packet.VerifiableSignature) error {
		for _, list := range lists {
			for _, s := range list {
				if err := s.Packet.Serialize(&b); err != nil {
					return err
				}
			}
		}
		return nil
	}
	if err := e.PrimaryKey.Serialize(&b); err != nil {
		return nil, err
	}
	if err := sigs(e.Revocations, e.DirectSignatures); err != nil {
		return nil, err
	}
	for _, id := range ids {
		if err := id.UserId.Serialize(&b); err != nil {
			return nil, err
		}
		if err := sigs(id.Revocations, id.SelfCertifications); err != nil {
			return nil, err
		}
	}
	for i := range e.Subkeys {
		s := &e.Subkeys[i]
		if _, err := s.LatestValidBindingSignature(time.Time{}, policyConfig()); err != nil {
			continue
		}
		if err := s.PublicKey.Serialize(&b); err != nil {
			return nil, err
		}
		if err := sigs(s.Revocations, s.Bindings); err != nil {
			return nil, err
		}
	}
	return b.Bytes(), nil
}

// Bytes is the certificate in binary, without anything that is not needed.
func (c *Cert) Bytes() []byte { return bytes.Clone(c.raw) }

// Fingerprint is upper-case hex without spaces.
func (c *Cert) Fingerprint() string { return c.fingerprint }

// Identities are the user ids.
func (c *Cert) Identities() []string { return append([]string(nil), c.identities...) }
