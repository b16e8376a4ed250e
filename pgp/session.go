package pgp

import (
	"bytes"
	"fmt"
	"io"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// session is one session key and the packet that hands it to its owner.
type session struct {
	profile Profile
	rand    io.Reader
	key     sessionKey
	pkesk   []byte
}

// newSession draws a session key and encrypts it to k: version 3 for SEIPDv1,
// version 6 for SEIPDv2 (RFC 9580, section 5.1).
func newSession(p Profile, k encryptionKey, rand io.Reader) (*session, error) {
	s := &session{profile: p, rand: rand}
	if _, err := io.ReadFull(rand, s.key[:]); err != nil {
		return nil, fmt.Errorf("draw session key: %w", err)
	}
	var b bytes.Buffer
	err := packet.SerializeEncryptedKeyAEAD(&b, k.pub, packet.CipherAES256, p == Modern, s.key[:], &packet.Config{Rand: rand})
	if err != nil {
		return nil, fmt.Errorf("encrypt session key: %w", err)
	}
	s.pkesk = b.Bytes()
	return s, nil
}

// eager is the size up to which a letter is encrypted at once, in the caller's
// goroutine, rather than while it is written.
const eager = 1 << 20

// letter makes a letter of size bytes of content: with the session's PKESK in
// front, or, for terms and body, of encrypted data alone.
func (s *session) letter(k Kind, size int64, withKey bool, content func(io.Writer) error) (Letter, error) {
	d, err := newSealedData(s.profile, s.key, size, s.rand)
	if err != nil {
		return Letter{}, err
	}
	l := Letter{Kind: k, size: s.letterSize(size, withKey)}
	l.write = func(w io.Writer) error {
		if withKey {
			if _, err := w.Write(s.pkesk); err != nil {
				return err
			}
		}
		return d.writeTo(w, content)
	}
	if l.size > eager {
		return l, nil
	}
	b := bytes.NewBuffer(make([]byte, 0, l.size))
	if err := l.write(b); err != nil {
		return Letter{}, err
	}
	return ready(k, b.Bytes()), nil
}

// letterSize is the length of the letter that letter makes.
func (s *session) letterSize(content int64, withKey bool) int64 {
	n := s.profile.sealedSize(content)
	if withKey {
		n += int64(len(s.pkesk))
	}
	return n
}

// ready is a letter whose bytes are there.
func ready(k Kind, b []byte) Letter {
	return Letter{Kind: k, size: int64(len(b)), write: func(w io.Writer) error {
		_, err := w.Write(b)
		return err
	}}
}
