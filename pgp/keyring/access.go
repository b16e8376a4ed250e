package keyring

import (
	"crypto/ecdh"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"log/slog"
	"slices"
)

// A grant lets a new device in: the master key and the account secret, sealed by a
// device that is open to the key of the new one (see SealTo), and bound to the address.
const (
	accessInfo  = "sealpost access v1"
	accessWords = 6
	grantSize   = hpkeHead + hpkeEnc + keySize + 16 + boxTag
)

// Asking is a new device that waits for a grant.
type Asking struct {
	key     *ecdh.PrivateKey
	address string
}

// LogValue keeps the key out of logs.
func (Asking) LogValue() slog.Value { return slog.StringValue("[withheld]") }
func (Asking) String() string       { return "[withheld]" }
func (Asking) GoString() string     { return "[withheld]" }

// Ask makes the key of a new device.
func Ask(address string) (Asking, error) {
	k, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		return Asking{}, fmt.Errorf("ask for access: %w", err)
	}
	return Asking{k, foldAddress(address)}, nil
}

// PublicKey is what the server passes on to the account's devices.
func (a Asking) PublicKey() []byte { return a.key.PublicKey().Bytes() }

// Words are what the new device shows. Its owner carries them to the other one by
// hand: a server that puts its own key in between would have other words.
func (a Asking) Words() []string { return AccessWords(a.address, a.PublicKey()) }

// AccessWords are the six words of a device's key: 66 bits.
func AccessWords(address string, public []byte) []string {
	sum := sha256.Sum256(slices.Concat([]byte(accessInfo), []byte(foldAddress(address)), public))
	return bitsToWords(sum[:], accessWords)
}

// Grant seals what opens the account to a device's key, if the words that its
// owner typed are those of the key. Otherwise it is ErrClosed.
func (o *Owner) Grant(public []byte, words string) ([]byte, error) {
	typed, err := wordsToBits(words, accessWords)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(slices.Concat([]byte(accessInfo), []byte(foldAddress(o.Address)), public))
	want := sum[:len(typed)]
	want[len(want)-1] &= 0xc0 // of its bits two are the 66th and the one before
	if subtle.ConstantTimeCompare(typed, want) != 1 {
		return nil, ErrClosed
	}
	return SealTo(public, accessInfo, []byte(foldAddress(o.Address)), slices.Concat(o.master.b[:], o.secret.b[:]))
}

// Accept opens a grant and with it the keyring.
func (a Asking) Accept(grant []byte, id Identity, ring Ring) (*Owner, error) {
	if len(grant) != grantSize {
		return nil, ErrClosed
	}
	plain, err := Receiver{a.key}.Open(accessInfo, []byte(a.address), grant)
	if err != nil || len(plain) != keySize+16 {
		return nil, ErrClosed
	}
	o, err := openOwner(Key{[keySize]byte(plain)}, id, ring)
	if err != nil {
		return nil, err
	}
	if subtle.ConstantTimeCompare(o.secret.b[:], plain[keySize:]) != 1 {
		return nil, ErrClosed
	}
	return o, nil
}
