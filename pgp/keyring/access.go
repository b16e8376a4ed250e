package keyring

import (
	"crypto/ecdh"
	"crypto/hpke"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"fmt"
	"log/slog"
	"slices"
)

// A grant lets a new device in: the master key and the account secret, sealed by a
// device that is open to the key of the new one. It is framed as cards are:
//
//	version 1 | KEM 2 | KDF 2 | AEAD 2 | key id 8 | enc 32 | ciphertext
//
// The additional data is that head and then the address.
const (
	accessInfo  = "sealpost access v1"
	accessWords = 6
	grantHead   = 1 + 2 + 2 + 2 + 8
	grantEnc    = 32
	grantSize   = grantHead + grantEnc + keySize + 16 + boxTag
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
	pk, err := hpke.DHKEM(ecdh.X25519()).NewPublicKey(public)
	if err != nil {
		return nil, ErrClosed
	}
	enc, sender, err := hpke.NewSender(pk, hpke.HKDFSHA256(), hpke.AES256GCM(), []byte(accessInfo))
	if err != nil {
		return nil, ErrClosed
	}
	head := accessHead(public)
	sealed, err := sender.Seal(append(slices.Clone(head), foldAddress(o.Address)...), slices.Concat(o.master.b[:], o.secret.b[:]))
	if err != nil {
		return nil, fmt.Errorf("seal grant: %w", err)
	}
	return slices.Concat(head, enc, sealed), nil
}

func accessHead(public []byte) []byte {
	head := []byte{1}
	head = binary.BigEndian.AppendUint16(head, hpke.DHKEM(ecdh.X25519()).ID())
	head = binary.BigEndian.AppendUint16(head, hpke.HKDFSHA256().ID())
	head = binary.BigEndian.AppendUint16(head, hpke.AES256GCM().ID())
	sum := sha256.Sum256(public)
	return append(head, sum[:8]...)
}

// Accept opens a grant and with it the keyring.
func (a Asking) Accept(grant []byte, id Identity, ring Ring) (*Owner, error) {
	head := accessHead(a.PublicKey())
	if len(grant) != grantSize || subtle.ConstantTimeCompare(head, grant[:grantHead]) != 1 {
		return nil, ErrClosed
	}
	sk, err := hpke.NewDHKEMPrivateKey(a.key)
	if err != nil {
		return nil, ErrClosed
	}
	r, err := hpke.NewRecipient(grant[grantHead:grantHead+grantEnc], sk, hpke.HKDFSHA256(), hpke.AES256GCM(), []byte(accessInfo))
	if err != nil {
		return nil, ErrClosed
	}
	plain, err := r.Open(append(head, a.address...), grant[grantHead+grantEnc:])
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
