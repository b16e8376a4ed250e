package pgp

import (
	"crypto"
	"fmt"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"
)

// encryptionKey is a key of a certificate that its owner marked for encryption
// and bound with a valid signature, and all that choosing needs to know of it.
type encryptionKey struct {
	pub     *packet.PublicKey
	bound   time.Time // when its newest valid binding was made
	expires time.Time // zero: never
	revoked bool
}

// policyConfig is what self-signatures are checked with. SHA-1 is let pass, as
// in GnuPG: old keys are signed with it, and refusing them would lose mail.
func policyConfig() *packet.Config {
	return &packet.Config{RejectHashAlgorithms: map[crypto.Hash]bool{crypto.MD5: true, crypto.RIPEMD160: true}}
}

// encryptionKeys lists every key of e that is flagged for encryption, usable
// under some profile or not: mail may have been encrypted to any of them.
func encryptionKeys(e *openpgp.Entity, self *packet.Signature) []encryptionKey {
	var keys []encryptionKey
	for i := range e.Subkeys {
		s := &e.Subkeys[i]
		sig, err := s.LatestValidBindingSignature(time.Time{}, policyConfig())
		if err != nil || !encrypts(s.PublicKey, sig) {
			continue
		}
		keys = append(keys, encryptionKey{
			pub:     s.PublicKey,
			bound:   sig.CreationTime,
			expires: keyExpiry(s.PublicKey, sig),
			revoked: subkeyRevoked(e, s),
		})
	}
	if encrypts(e.PrimaryKey, self) {
		keys = append(keys, encryptionKey{pub: e.PrimaryKey, bound: self.CreationTime, expires: keyExpiry(e.PrimaryKey, self)})
	}
	return keys
}

func encrypts(k *packet.PublicKey, sig *packet.Signature) bool {
	return k.PubKeyAlgo.CanEncrypt() && sig.FlagsValid && (sig.FlagEncryptCommunications || sig.FlagEncryptStorage)
}

// subkeyRevoked takes every valid revocation for final, whatever its reason
// and date: a wrong delay is better than mail under a withdrawn key.
func subkeyRevoked(e *openpgp.Entity, s *openpgp.Subkey) bool {
	for _, r := range s.Revocations {
		if e.PrimaryKey.VerifySubkeyRevocationSignature(r.Packet, s.PublicKey) == nil {
			return true
		}
	}
	return false
}

func primaryRevoked(e *openpgp.Entity) bool {
	for _, r := range e.Revocations {
		if e.PrimaryKey.VerifyRevocationSignature(r.Packet) == nil {
			return true
		}
	}
	return false
}

func keyExpiry(k *packet.PublicKey, sig *packet.Signature) time.Time {
	return earlier(after(k.CreationTime, sig.KeyLifetimeSecs), after(sig.CreationTime, sig.SigLifetimeSecs))
}

// primaryExpiry also heeds a v4 key's direct signature, where some software
// keeps the expiry.
func primaryExpiry(e *openpgp.Entity, self *packet.Signature) time.Time {
	at := keyExpiry(e.PrimaryKey, self)
	if direct, err := e.LatestValidDirectSignature(time.Time{}, policyConfig()); err == nil {
		at = earlier(at, keyExpiry(e.PrimaryKey, direct))
	}
	return at
}

func after(t time.Time, seconds *uint32) time.Time {
	if seconds == nil || *seconds == 0 {
		return time.Time{}
	}
	return t.Add(time.Duration(*seconds) * time.Second)
}

// earlier is the first of two times of which zero means never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// rank orders algorithms under a profile: 0 is refused, higher is taken first.
// Compat takes only what GnuPG 2.2, RNP and old Sequoia decrypt; modern takes
// the others too, and post-quantum ones when there is nothing else (ATTACKS A13).
func (p Profile) rank(k *packet.PublicKey) int {
	switch k.PubKeyAlgo {
	case packet.PubKeyAlgoRSA, packet.PubKeyAlgoRSAEncryptOnly:
		if bits, err := k.BitLength(); err != nil || bits < 2047 || bits > 8192 { // a leading zero bit is no weakness
			return 0
		}
		return p.classic(k)
	case packet.PubKeyAlgoECDH:
		return p.curveRank(k)
	case packet.PubKeyAlgoX25519, packet.PubKeyAlgoX448:
		return p.onlyModern(2)
	case packet.PubKeyAlgoMlkem768X25519, packet.PubKeyAlgoMlkem1024X448:
		return p.onlyModern(1)
	}
	return 0 // ElGamal and what is not known
}

func (p Profile) curveRank(k *packet.PublicKey) int {
	curve, err := k.Curve()
	if err != nil {
		return 0
	}
	switch curve {
	case packet.Curve25519, packet.CurveNistP256, packet.CurveNistP384, packet.CurveNistP521:
		return p.classic(k)
	case packet.Curve448, packet.CurveBrainpoolP256, packet.CurveBrainpoolP384, packet.CurveBrainpoolP512:
		return p.onlyModern(2)
	}
	return 0 // secp256k1 and what is not known
}

func (p Profile) classic(k *packet.PublicKey) int {
	if p != Modern && k.Version != 4 {
		return 0
	}
	return 2
}

func (p Profile) onlyModern(rank int) int {
	if p != Modern {
		return 0
	}
	return rank
}

// choose picks the key that mail is sealed to: one that has not expired before
// one that has, a classic one before a post-quantum one, then the newest.
func (c *Cert) choose(p Profile, at time.Time) (encryptionKey, error) {
	if c.revoked {
		return encryptionKey{}, ErrRevoked
	}
	var best encryptionKey
	revoked := false
	for _, k := range c.keys {
		switch {
		case p.rank(k.pub) == 0:
		case k.revoked:
			revoked = true
		case best.pub == nil || p.better(k, best, at):
			best = k
		}
	}
	switch {
	case best.pub != nil:
		return best, nil
	case revoked:
		return encryptionKey{}, ErrRevoked
	}
	return encryptionKey{}, ErrNoKey
}

func (p Profile) better(a, b encryptionKey, at time.Time) bool {
	if x, y := expired(a.expires, at), expired(b.expires, at); x != y {
		return y
	}
	if x, y := p.rank(a.pub), p.rank(b.pub); x != y {
		return x > y
	}
	if !a.bound.Equal(b.bound) {
		return a.bound.After(b.bound)
	}
	return a.pub.CreationTime.After(b.pub.CreationTime)
}

func expired(expires, at time.Time) bool { return !expires.IsZero() && at.After(expires) }

// Expires is when the encryption subkey (or the certificate) expires; zero: never.
// Where the profiles choose differently it speaks of the later one.
func (c *Cert) Expires() time.Time {
	var last time.Time
	for _, p := range []Profile{Compat, Modern} {
		k, err := c.choose(p, time.Now())
		if err != nil {
			continue
		}
		at := earlier(c.expires, k.expires)
		if at.IsZero() {
			return at
		}
		if at.After(last) {
			last = at
		}
	}
	return last
}

// Usable says whether a mail can be sealed to c at that time under a profile:
// nil, ErrRevoked or ErrNoKey. An expired key is usable (DESIGN 2).
func (c *Cert) Usable(p Profile, at time.Time) error {
	_, err := c.choose(p, at)
	return err
}

// Warnings are plain sentences an owner should read, such as a key that
// advertises SEIPDv2 under the compat profile.
func (c *Cert) Warnings(p Profile, at time.Time) []string {
	var w []string
	k, err := c.choose(p, at)
	switch err {
	case nil:
	case ErrRevoked:
		return []string{"This key is revoked. Mail is refused for now, until another key is set."}
	default:
		return []string{c.whyNoKey(p)}
	}
	if p == Compat && c.seipdv2 {
		w = append(w, "This key says that its owner reads the newest format (SEIPDv2). Senders may use it, and Thunderbird and GnuPG cannot open that.")
	}
	if p.rank(k.pub) == 1 {
		w = append(w, "Only a post-quantum key was found. Many clients cannot open mail sealed to it yet.")
	}
	return append(w, expiryWarning(earlier(c.expires, k.expires), at)...)
}

func (c *Cert) whyNoKey(p Profile) string {
	if _, err := c.choose(Modern, time.Time{}); p != Modern && err == nil {
		return "This key has no encryption subkey that all clients read. It can be used with the modern profile."
	}
	return "This key has no encryption subkey that can be used. Mail is refused for now, until another key is set."
}

// expiryWarning speaks from 30 days before on; its number of days steps at 30,
// 7 and 1, so that a caller that repeats new sentences only repeats it thrice.
func expiryWarning(expires, at time.Time) []string {
	if expires.IsZero() {
		return nil
	}
	day := 24 * time.Hour
	left := expires.Sub(at)
	for _, step := range []struct {
		within time.Duration
		text   string
	}{
		{0, "This key has expired. Mail is still sealed to it; extend it or set another one."},
		{day, "This key expires within 1 day. Extend it or set another one."},
		{7 * day, "This key expires within 7 days. Extend it or set another one."},
		{30 * day, "This key expires within 30 days. Extend it or set another one."},
	} {
		if left <= step.within {
			return []string{fmt.Sprintf("%s It is valid to %s.", step.text, expires.UTC().Format("2 January 2006"))}
		}
	}
	return nil
}
