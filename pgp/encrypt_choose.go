package pgp

import (
	"io"
	"slices"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// commonProfile is what everybody reads: modern if each certificate says that its
// owner's software reads SEIPDv2 with AES-256-GCM, compat otherwise.
func commonProfile(to []*Cert) Profile {
	for _, c := range to {
		if !c.readsGCM() {
			return Compat
		}
	}
	return Modern
}

// readsGCM looks for the preference too: OCB is all that RFC 9580, section 9.6 has
// everybody read.
func (c *Cert) readsGCM() bool {
	if !c.seipdv2 {
		return false
	}
	e, err := c.entity()
	if err != nil {
		return false
	}
	self, err := e.PrimarySelfSignature(time.Time{}, policyConfig())
	return err == nil && slices.Contains(self.PreferredCipherSuites, [2]uint8{cipherAES256, modeGCM})
}

// forOthers chooses by the house's policy. A key that only newer software has may
// be used with version 1 too, beside others or when nothing says that it reads
// more (RFC 9580, section 5.1.6).
func (c *Cert) forOthers(p Profile, at time.Time) (encryptionKey, error) {
	k, err := c.choose(p, at)
	if err == ErrNoKey && p == Compat {
		return c.choose(Modern, at)
	}
	return k, err
}

func writePKESK(w io.Writer, k encryptionKey, s *session, hidden bool) error {
	return packet.SerializeEncryptedKeyAEADwithHiddenOption(w, k.pub, packet.CipherAES256, s.profile == Modern, s.key[:], hidden, &packet.Config{Rand: s.rand})
}
