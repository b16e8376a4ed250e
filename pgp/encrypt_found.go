package pgp

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"
)

// Certificates as they are found, kept and handed on: several in one answer, cut
// down to one address, brought up to date.

// ParseCerts reads the first certificates of a binary keyring, at most most of
// them. What is no certificate this house can read is left out; an answer that is no
// packets at all gives none.
func ParseCerts(data []byte, most int) []*Cert {
	var certs []*Cert
	for _, raw := range splitCerts(data, most) {
		if c, err := ParseCert(raw); err == nil {
			certs = append(certs, c)
		}
	}
	return certs
}

// splitCerts cuts at each primary key. What is in front of the first one, and the
// certificate that is damaged with all behind it, is dropped.
func splitCerts(data []byte, most int) [][]byte {
	var certs [][]byte
	r := bytes.NewReader(data)
	start := -1
	for {
		at := len(data) - r.Len()
		h, err := readPacketHeader(r)
		ends := err == io.EOF
		if !ends && (err != nil || h.partial || h.length > int64(r.Len())) {
			return certs
		}
		if (ends || h.tag == tagPublicKey) && start >= 0 {
			certs = append(certs, data[start:at])
			start = -1
		}
		if ends || len(certs) == most {
			return certs
		}
		if h.tag == tagPublicKey {
			start = at
		}
		if _, err := r.Seek(h.length, io.SeekCurrent); err != nil {
			return certs
		}
	}
}

// For is the certificate with those of its user ids only that match, or ErrNoKey
// when none does.
func (c *Cert) For(match func(identity string) bool) (*Cert, error) {
	e, err := c.entity()
	if err != nil {
		return nil, err
	}
	var ids []*openpgp.Identity
	for _, id := range validIdentities(e) {
		if match(id.Name) {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return nil, ErrNoKey
	}
	raw, err := serializeCert(e, ids)
	if err != nil {
		return nil, fmt.Errorf("write certificate: %w", err)
	}
	return ParseCert(raw)
}

// Minimal is what a header can carry (Autocrypt, level 1): the primary key, one user
// id, if possible one that match takes, and the subkey that the house would choose,
// each with its newest self-signature. Binary.
func (c *Cert) Minimal(match func(identity string) bool, at time.Time) ([]byte, error) {
	key, err := c.forOthers(Compat, at)
	if err != nil {
		return nil, err
	}
	e, err := c.entity()
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := e.PrimaryKey.Serialize(&b); err != nil {
		return nil, err
	}
	if direct, err := e.LatestValidDirectSignature(time.Time{}, policyConfig()); err == nil {
		if err := direct.Serialize(&b); err != nil {
			return nil, err
		}
	}
	if err := writeIdentity(&b, validIdentities(e), match); err != nil {
		return nil, err
	}
	if err := writeSubkey(&b, e, key.pub.Fingerprint); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func writeIdentity(b *bytes.Buffer, ids []*openpgp.Identity, match func(string) bool) error {
	if len(ids) == 0 {
		return errors.New("certificate has no user id")
	}
	one := ids[0]
	for _, id := range ids {
		if match(id.Name) {
			one = id
			break
		}
	}
	sig, err := one.LatestValidSelfCertification(time.Time{}, policyConfig())
	if err != nil {
		return err
	}
	if err := one.UserId.Serialize(b); err != nil {
		return err
	}
	return sig.Serialize(b)
}

func writeSubkey(b *bytes.Buffer, e *openpgp.Entity, fingerprint []byte) error {
	for i := range e.Subkeys {
		s := &e.Subkeys[i]
		if !bytes.Equal(s.PublicKey.Fingerprint, fingerprint) {
			continue
		}
		sig, err := s.LatestValidBindingSignature(time.Time{}, policyConfig())
		if err != nil {
			return err
		}
		if err := s.PublicKey.Serialize(b); err != nil {
			return err
		}
		return sig.Serialize(b)
	}
	return nil // the primary key encrypts
}

// maxMerged bounds what a certificate may grow to, in bytes.
const maxMerged = 128 << 10

// Merge is c with what another copy of the same certificate says more: later
// expiry, new subkeys, revocations. Nothing that c says is lost, so that an old copy
// takes no revocation back.
func (c *Cert) Merge(other *Cert) (*Cert, error) {
	if c.fingerprint != other.fingerprint {
		return nil, errors.New("not the same certificate")
	}
	into, err := c.entity()
	if err != nil {
		return nil, err
	}
	from, err := other.entity()
	if err != nil {
		return nil, err
	}
	into.Revocations = union(into.Revocations, from.Revocations)
	into.DirectSignatures = union(into.DirectSignatures, from.DirectSignatures)
	mergeIdentities(into, from)
	mergeSubkeys(into, from)
	raw, err := serializeCert(into, validIdentities(into))
	switch {
	case err != nil:
		return nil, fmt.Errorf("write certificate: %w", err)
	case len(raw) > maxMerged:
		return nil, fmt.Errorf("certificate is larger than %d bytes", maxMerged)
	}
	return ParseCert(raw)
}

func mergeIdentities(into, from *openpgp.Entity) {
	for name, id := range from.Identities {
		have := into.Identities[name]
		if have == nil {
			id.Primary = into
			into.Identities[name] = id
			continue
		}
		have.SelfCertifications = union(have.SelfCertifications, id.SelfCertifications)
		have.Revocations = union(have.Revocations, id.Revocations)
	}
}

func mergeSubkeys(into, from *openpgp.Entity) {
next:
	for _, s := range from.Subkeys {
		for i := range into.Subkeys {
			have := &into.Subkeys[i]
			if bytes.Equal(have.PublicKey.Fingerprint, s.PublicKey.Fingerprint) {
				have.Bindings = union(have.Bindings, s.Bindings)
				have.Revocations = union(have.Revocations, s.Revocations)
				continue next
			}
		}
		s.Primary = into
		into.Subkeys = append(into.Subkeys, s)
	}
}

// union has every signature once, those of a first.
func union(a, b []*packet.VerifiableSignature) []*packet.VerifiableSignature {
	seen := map[string]bool{}
	var all []*packet.VerifiableSignature
	for _, s := range append(a[:len(a):len(a)], b...) {
		var raw bytes.Buffer
		if err := s.Packet.Serialize(&raw); err != nil || seen[raw.String()] {
			continue
		}
		seen[raw.String()] = true
		all = append(all, s)
	}
	return all
}

func (c *Cert) entity() (*openpgp.Entity, error) {
	e, err := openpgp.ReadEntity(packet.NewReader(bytes.NewReader(c.raw)))
	if err != nil {
		return nil, fmt.Errorf("read certificate: %w", err)
	}
	return e, nil
}
