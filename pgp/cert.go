package pgp

import (
	"errors"
	"time"
)

// Cert is an OpenPGP certificate (public key) and the subkey chosen from it by
// the house's own policy, not the library's (ATTACKS A13).
type Cert struct{}

// ParseCert reads one certificate, armored or binary. Secret keys are refused
// with an error that says so.
func ParseCert(data []byte) (*Cert, error) { return nil, errors.New("pgp: not written yet") }

// Bytes is the certificate in binary, without anything that is not needed.
func (c *Cert) Bytes() []byte { return nil }

// Fingerprint is upper-case hex without spaces.
func (c *Cert) Fingerprint() string { return "" }

// Identities are the user ids.
func (c *Cert) Identities() []string { return nil }

// Expires is when the encryption subkey (or the certificate) expires; zero: never.
func (c *Cert) Expires() time.Time { return time.Time{} }

// Usable says whether a mail can be sealed to c at that time under a profile:
// nil, ErrRevoked or ErrNoKey. An expired key is usable (DESIGN 2).
func (c *Cert) Usable(p Profile, at time.Time) error { return ErrNoKey }

// Warnings are plain sentences an owner should read, such as a key that
// advertises SEIPDv2 under the compat profile.
func (c *Cert) Warnings(p Profile, at time.Time) []string { return nil }
