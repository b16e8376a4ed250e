package notify

import (
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"errors"

	"golang.org/x/crypto/chacha20poly1305"
)

// A frame is what crosses a wire: a version, a nonce, and sealed under a key that all nodes
// have (XChaCha20-Poly1305) who sends, whether everything may have changed, and topics, each
// after its length. Its length is padded: what carries it sees when something happens
// somewhere, and about how much.
const (
	frameVersion = 1
	frameHead    = 1 + chacha20poly1305.NonceSizeX
	frameAround  = frameHead + chacha20poly1305.Overhead
	frameSender  = 8 // octets, by chance, of one process
	framePad     = 128
	frameMost    = 64 << 10 // octets that are looked at
	frameLeast   = frameAround + 4*framePad
	topicMost    = 255
)

var errFrame = errors.New("not a hint of ours")

// sealer makes and opens frames of one process.
type sealer struct {
	aead cipher.AEAD
	from [frameSender]byte
}

// newSealer derives the key from what nodes share.
func newSealer(secret []byte) *sealer {
	key, err := hkdf.Key(sha256.New, secret, nil, "sealpost hints between nodes v1", chacha20poly1305.KeySize)
	if err != nil {
		panic(err) // only for a length that is constant here
	}
	s := new(sealer)
	if s.aead, err = chacha20poly1305.NewX(key); err != nil {
		panic(err) // likewise
	}
	rand.Read(s.from[:])
	return s
}

// room is how many octets of topics go into a frame of at most so many octets.
func room(octets int) int {
	plain := (octets - frameAround) / framePad * framePad
	return plain - frameSender - 1
}

// seal makes a frame. everything says that no list of topics tells all.
func (s *sealer) seal(everything bool, topics []string) []byte {
	plain := append(make([]byte, 0, framePad), s.from[:]...)
	if everything {
		plain = append(plain, 1)
	} else {
		plain = append(plain, 0)
	}
	for _, t := range topics {
		plain = append(append(plain, byte(len(t))), t...)
	}
	plain = append(plain, make([]byte, (framePad-len(plain)%framePad)%framePad)...)
	frame := make([]byte, frameHead, frameAround+len(plain))
	frame[0] = frameVersion
	rand.Read(frame[1:])
	return s.aead.Seal(frame, frame[1:], plain, frame[:1])
}

// open reads a frame of another process; own says that it is this one's. It fails with errFrame.
func (s *sealer) open(frame []byte) (everything, own bool, topics []string, err error) {
	if len(frame) < frameAround || len(frame) > frameMost || frame[0] != frameVersion {
		return false, false, nil, errFrame
	}
	plain, err := s.aead.Open(nil, frame[1:frameHead], frame[frameHead:], frame[:1])
	if err != nil || len(plain) < frameSender+1 || plain[frameSender] > 1 {
		return false, false, nil, errFrame
	}
	own = [frameSender]byte(plain) == s.from
	everything = plain[frameSender] == 1
	for rest := plain[frameSender+1:]; len(rest) > 0 && rest[0] > 0; {
		n := 1 + int(rest[0])
		if n > len(rest) {
			return false, false, nil, errFrame
		}
		topics, rest = append(topics, string(rest[1:n])), rest[n:]
	}
	return everything, own, topics, nil
}
