// Package nodekey seals what a server must be able to read again by itself:
// unsent mail, learned keys. The key lies in a file outside the data folder, so
// that a thief of the data, its disk or its backup does not have it.
//
// It never knows what it seals, and it protects nothing from who controls the
// live server (docs/threats.md).
//
// Invariants: what is opened is whole and unchanged and was sealed for the same
// purpose and id, or it is an error; no two sealings share a key; every chunk is
// authenticated before a byte of it is returned.
package nodekey

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
)

// ErrSeal says that bytes were not sealed by this key for this purpose and id,
// or were changed or cut.
var ErrSeal = errors.New("not sealed by this node key, or damaged")

// A sealing is a version byte, a random salt, and chunks of 64 KiB, each with
// its tag. All chunks but the last are full, and the last is empty only if it is
// alone. The nonce is the chunk's number in 11 bytes, big-endian, and a byte
// that is 1 for the last: a chunk that is moved, repeated, left out or cut off
// does not open.
const (
	version    = 1
	saltSize   = 16
	headerSize = 1 + saltSize
	chunkSize  = 64 << 10
	tagSize    = 16
	sealedSize = chunkSize + tagSize
)

// Key is one node's key. AES-256-GCM in chunks of 64 KiB under a key derived by
// HKDF-SHA-256 from the node key and a random salt, chunk number and a last mark
// in the nonce (the STREAM construction of Hoang, Reyhanitabar, Rogaway, Vizár,
// as age and Tink use it).
type Key struct{ secret [32]byte }

// Random is a key that lives in memory only.
func Random() *Key {
	k := new(Key)
	rand.Read(k.secret[:])
	return k
}

// Pseudonym is a name for value that only this key gives: the same for the same
// purpose and value, and without the key it says nothing of either.
func (k *Key) Pseudonym(purpose, value string) [16]byte {
	return [16]byte(k.derive(nil, "name", purpose, value, 16))
}

// Seal and Open are for small values. purpose and id are authenticated.
func (k *Key) Seal(purpose, id string, plain []byte) []byte {
	out, aead := k.begin(make([]byte, 0, SealedSize(int64(len(plain)))), purpose, id)
	for number := uint64(0); ; number++ {
		n := min(len(plain), chunkSize)
		last := n == len(plain)
		out = aead.Seal(out, nonce(number, last), plain[:n], nil)
		if last {
			return out
		}
		plain = plain[n:]
	}
}

// Open opens what Seal or a Writer sealed, or fails with ErrSeal.
func (k *Key) Open(purpose, id string, sealed []byte) ([]byte, error) {
	size, ok := plainSize(int64(len(sealed)))
	if !ok {
		return nil, ErrSeal
	}
	aead, err := k.resume(sealed[:headerSize], purpose, id)
	if err != nil {
		return nil, err
	}
	plain, rest := make([]byte, 0, size), sealed[headerSize:]
	for number := uint64(0); len(rest) > 0; number++ {
		n := min(len(rest), sealedSize)
		if plain, err = aead.Open(plain, nonce(number, n == len(rest)), rest[:n], nil); err != nil {
			clear(plain[:cap(plain)])
			return nil, ErrSeal
		}
		rest = rest[n:]
	}
	return plain, nil
}

// SealedSize is how many bytes a sealing of so many bytes has.
func SealedSize(plain int64) int64 {
	chunks := max(1, (plain+chunkSize-1)/chunkSize)
	return headerSize + plain + chunks*tagSize
}

// plainSize is the reverse; false for a length that no sealing has.
func plainSize(sealed int64) (int64, bool) {
	body := sealed - headerSize
	if body < tagSize {
		return 0, false
	}
	chunks := (body + sealedSize - 1) / sealedSize
	plain := body - chunks*tagSize
	return plain, SealedSize(plain) == sealed
}

// begin appends the header of a new sealing and gives its cipher.
func (k *Key) begin(out []byte, purpose, id string) ([]byte, cipher.AEAD) {
	var salt [saltSize]byte
	rand.Read(salt[:]) // does not fail: without entropy the process ends
	out = append(append(out, version), salt[:]...)
	return out, k.cipher(salt[:], purpose, id)
}

// resume gives the cipher of a sealing with that header.
func (k *Key) resume(header []byte, purpose, id string) (cipher.AEAD, error) {
	if header[0] != version {
		return nil, fmt.Errorf("%w: version %d", ErrSeal, header[0])
	}
	return k.cipher(header[1:], purpose, id), nil
}

func (k *Key) cipher(salt []byte, purpose, id string) cipher.AEAD {
	secret := k.derive(salt, "seal", purpose, id, 32)
	defer clear(secret)
	block, err := aes.NewCipher(secret)
	if err != nil {
		panic(err) // only for another length
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic(err) // only for another block size
	}
	return aead
}

// derive is HKDF-SHA-256 (RFC 5869) of the node key. Lengths stand before the
// words, so that no two lists of words are one info.
func (k *Key) derive(salt []byte, use, purpose, id string, n int) []byte {
	if k.secret == ([32]byte{}) {
		panic("nodekey: a key that nobody made or loaded")
	}
	info := []byte("sealpost node key 1")
	for _, word := range []string{use, purpose, id} {
		info = append(binary.AppendUvarint(info, uint64(len(word))), word...)
	}
	out, err := hkdf.Key(sha256.New, k.secret[:], salt, string(info), n)
	if err != nil {
		panic(err) // only for more than 255 hashes
	}
	return out
}

func nonce(number uint64, last bool) []byte {
	n := binary.BigEndian.AppendUint64(make([]byte, 3, 12), number)
	if last {
		return append(n, 1)
	}
	return append(n, 0)
}

func (*Key) String() string       { return "[withheld]" }
func (*Key) GoString() string     { return "[withheld]" }
func (*Key) LogValue() slog.Value { return slog.StringValue("[withheld]") }
