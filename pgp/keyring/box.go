package keyring

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/subtle"
	"encoding/binary"
	"fmt"
	"io"
	"math/bits"
	"strconv"
)

// A box is a message under a key that may have sealed others:
//
//	0x01 | salt 32 | commitment 32 | AES-256-GCM ciphertext and tag
//
// Each salt gives a key of its own, so the nonce is zero; the commitment says which
// key opens it, so that no box opens under two (ATTACKS A07).
const (
	boxVersion = 1
	boxSalt    = 32
	boxCommit  = 32
	boxHead    = 1 + boxSalt + boxCommit
	boxTag     = 16
	// maxBox bounds what is opened, in bytes: the largest item of the cabinet.
	maxBox = 16 << 20
)

// Context says what a box is and whose. It is authenticated with it, so that a
// server cannot put one in another's place.
type Context struct {
	Account string // id, 16 hex digits
	Purpose string // "master.passphrase", "openpgp", ...; of the cabinet, the drawer
	Name    string // what is variable: a fingerprint, a credential, the name of an item
	Version uint64
	Extra   string
}

func (c Context) bytes() []byte {
	return []byte("sealpost box v1\n" + c.Account + "\n" + c.Purpose + "\n" + c.Name + "\n" + strconv.FormatUint(c.Version, 10) + "\n" + c.Extra)
}

// Seal puts plain into a box that opens with k in context c.
func Seal(k Key, c Context, plain []byte) ([]byte, error) { return seal(rand.Reader, k, c, plain) }

func seal(random io.Reader, k Key, c Context, plain []byte) ([]byte, error) {
	box := make([]byte, boxHead, boxHead+len(plain)+boxTag)
	box[0] = boxVersion
	if _, err := io.ReadFull(random, box[1:1+boxSalt]); err != nil {
		return nil, fmt.Errorf("seal box: %w", err)
	}
	aead, commit, err := boxKeys(k, box[1:1+boxSalt])
	if err != nil {
		return nil, fmt.Errorf("seal box: %w", err)
	}
	copy(box[1+boxSalt:], commit)
	return aead.Seal(box, make([]byte, aead.NonceSize()), plain, c.bytes()), nil
}

// Open opens a box. Every failure is ErrClosed.
func Open(k Key, c Context, box []byte) ([]byte, error) {
	if len(box) < boxHead+boxTag || len(box) > maxBox || box[0] != boxVersion {
		return nil, ErrClosed
	}
	aead, commit, err := boxKeys(k, box[1:1+boxSalt])
	if err != nil || subtle.ConstantTimeCompare(commit, box[1+boxSalt:boxHead]) != 1 {
		return nil, ErrClosed
	}
	plain, err := aead.Open(nil, make([]byte, aead.NonceSize()), box[boxHead:], c.bytes())
	if err != nil {
		return nil, ErrClosed
	}
	return plain, nil
}

func boxKeys(k Key, salt []byte) (cipher.AEAD, []byte, error) {
	okm := expand(k.b[:], salt, "sealpost box v1", 2*keySize)
	block, err := aes.NewCipher(okm[:keySize])
	if err != nil {
		return nil, nil, err
	}
	aead, err := cipher.NewGCM(block)
	return aead, okm[keySize:], err
}

// Pad lengthens the content of a cabinet box to the next Padmé size, so that its
// length says little: with spaces, which JSON ignores, or, in drawers that hold
// binary content, with zeros.
func Pad(drawer string, content []byte) []byte {
	fill := byte(' ')
	if drawer == "segments" || drawer == "files" {
		fill = 0
	}
	for range padme(len(content)) - len(content) {
		content = append(content, fill)
	}
	return content
}

// padme is the size of docs/formats.md, "Sizes".
func padme(n int) int {
	if n < 2 {
		return n
	}
	e := bits.Len(uint(n)) - 1
	s := bits.Len(uint(e))
	mask := 1<<min(e-s, 14) - 1
	return (n + mask) &^ mask
}

// A container is the version of the keyring at which it was written, and a box.
const containerHead = 8

func sealContainer(random io.Reader, k Key, c Context, plain []byte) ([]byte, error) {
	box, err := seal(random, k, c, plain)
	if err != nil {
		return nil, err
	}
	return append(binary.BigEndian.AppendUint64(nil, c.Version), box...), nil
}

// openContainer takes the version from the container; newest is the keyring's own.
func openContainer(k Key, c Context, newest uint64, container []byte) ([]byte, error) {
	if len(container) < containerHead {
		return nil, ErrClosed
	}
	c.Version = binary.BigEndian.Uint64(container)
	if c.Version < 1 || c.Version > newest {
		return nil, ErrClosed
	}
	return Open(k, c, container[containerHead:])
}
