package keyring

import (
	"crypto/ecdh"
	"crypto/hpke"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"fmt"
	"log/slog"
	"slices"
)

// What is sealed to a key rather than under one is a message of HPKE (RFC 9180, base
// mode), framed as cards are:
//
//	version 1 | KEM 2 | KDF 2 | AEAD 2 | key id 8 | enc 32 | ciphertext
//
// The additional data is that head and then what the caller binds it to.
const (
	hpkeHead = 1 + 2 + 2 + 2 + 8
	hpkeEnc  = 32
)

// Receiver is an X25519 key that opens what was sealed to it.
type Receiver struct{ key *ecdh.PrivateKey }

// Receiver is the owner's key for one purpose. It comes from the master key, so all of
// the owner's devices have it, and nothing is stored for it.
func (o *Owner) Receiver(purpose string) (Receiver, error) { return ReceiverOf(o.master.b[:], purpose) }

// ReceiverOf is the key that a master key gives to one purpose.
func ReceiverOf(master []byte, purpose string) (Receiver, error) {
	if len(master) != keySize {
		return Receiver{}, ErrClosed
	}
	scalar := derived(master, nil, "sealpost receiver v1 "+purpose)
	return NewReceiver(scalar.b[:])
}

// NewReceiver reads what Bytes gave.
func NewReceiver(b []byte) (Receiver, error) {
	k, err := ecdh.X25519().NewPrivateKey(b)
	if err != nil {
		return Receiver{}, fmt.Errorf("make receiver: %w", err)
	}
	return Receiver{k}, nil
}

// Bytes are for a device's own storage: they open what this purpose was sealed for, and
// lead to no other key.
func (r Receiver) Bytes() []byte { return r.key.Bytes() }

// Public is what others seal to: 32 bytes.
func (r Receiver) Public() []byte { return r.key.PublicKey().Bytes() }

// LogValue keeps the key out of logs.
func (Receiver) LogValue() slog.Value { return slog.StringValue("[withheld]") }
func (Receiver) String() string       { return "[withheld]" }
func (Receiver) GoString() string     { return "[withheld]" }

// SealTo seals plain to the public key of a receiver. bound is authenticated with it.
func SealTo(public []byte, info string, bound, plain []byte) ([]byte, error) {
	pk, err := hpke.DHKEM(ecdh.X25519()).NewPublicKey(public)
	if err != nil {
		return nil, ErrClosed
	}
	enc, sender, err := hpke.NewSender(pk, hpke.HKDFSHA256(), hpke.AES256GCM(), []byte(info))
	if err != nil {
		return nil, ErrClosed
	}
	head := hpkeHeadOf(public)
	sealed, err := sender.Seal(slices.Concat(head, bound), plain)
	if err != nil {
		return nil, fmt.Errorf("seal to a key: %w", err)
	}
	return slices.Concat(head, enc, sealed), nil
}

// Open opens what SealTo made. Every failure is ErrClosed.
func (r Receiver) Open(info string, bound, sealed []byte) ([]byte, error) {
	if r.key == nil || len(sealed) < hpkeHead+hpkeEnc+boxTag {
		return nil, ErrClosed
	}
	head := hpkeHeadOf(r.Public())
	if subtle.ConstantTimeCompare(head, sealed[:hpkeHead]) != 1 {
		return nil, ErrClosed
	}
	sk, err := hpke.NewDHKEMPrivateKey(r.key)
	if err != nil {
		return nil, ErrClosed
	}
	in, err := hpke.NewRecipient(sealed[hpkeHead:hpkeHead+hpkeEnc], sk, hpke.HKDFSHA256(), hpke.AES256GCM(), []byte(info))
	if err != nil {
		return nil, ErrClosed
	}
	plain, err := in.Open(slices.Concat(head, bound), sealed[hpkeHead+hpkeEnc:])
	if err != nil {
		return nil, ErrClosed
	}
	return plain, nil
}

func hpkeHeadOf(public []byte) []byte {
	head := []byte{1}
	head = binary.BigEndian.AppendUint16(head, hpke.DHKEM(ecdh.X25519()).ID())
	head = binary.BigEndian.AppendUint16(head, hpke.HKDFSHA256().ID())
	head = binary.BigEndian.AppendUint16(head, hpke.AES256GCM().ID())
	sum := sha256.Sum256(public)
	return append(head, sum[:8]...)
}
