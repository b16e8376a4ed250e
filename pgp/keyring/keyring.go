// Package keyring is the owner's side of signing in: it makes and opens the opaque
// containers that a server keeps for an account, and the boxes that the owner's
// clients seal for each other. The browser client does the same in TypeScript
// (webmail/ui/src/vault); docs/formats.md, "The browser's side", has every byte.
//
// It holds the master key, what derives from a passphrase, the recovery kit, and
// grants to new devices. It never knows sockets, disks, the network or a server:
// what it says a server needs, the caller sends.
//
// Invariants: a box opens for one key and one context only, and every failure to
// open is ErrClosed, without a reason; key derivation below the floors compiled in
// is ErrWeak before anything is derived; no secret shows itself in logs.
package keyring

import (
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"

	"golang.org/x/text/unicode/norm"
)

// ErrClosed says that something does not open: a wrong passphrase or wrong words,
// or bytes that are damaged, or of another account, purpose or version.
var ErrClosed = errors.New("it does not open")

// ErrWeak says that a server asked for weaker key derivation than the floor, or
// for more than the cap.
var ErrWeak = errors.New("the key derivation asked for is not within bounds")

const keySize = 32

// Key is a symmetric key of 32 bytes.
type Key struct{ b [keySize]byte }

// LogValue keeps the key out of logs.
func (Key) LogValue() slog.Value { return slog.StringValue("[withheld]") }
func (Key) String() string       { return "[withheld]" }
func (Key) GoString() string     { return "[withheld]" }

// NewKey takes 32 bytes for a key, such as the output of a passkey.
func NewKey(b []byte) (Key, error) {
	if len(b) != keySize {
		return Key{}, fmt.Errorf("expected a key of %d bytes", keySize)
	}
	return Key{[keySize]byte(b)}, nil
}

// Passphrase is what the owner types. It is compared in NFKC.
type Passphrase string

// LogValue keeps the passphrase out of logs.
func (Passphrase) LogValue() slog.Value { return slog.StringValue("[withheld]") }
func (Passphrase) String() string       { return "[withheld]" }
func (Passphrase) GoString() string     { return "[withheld]" }

func (p Passphrase) normal() []byte { return norm.NFKC.AppendString(nil, string(p)) }

// expand is HKDF-SHA-256 (RFC 5869).
func expand(ikm, salt []byte, info string, n int) []byte {
	out, err := hkdf.Key(sha256.New, ikm, salt, info, n)
	if err != nil {
		panic("keyring: " + err.Error()) // n is a constant within its bounds
	}
	return out
}

func derived(ikm, salt []byte, info string) Key {
	return Key{[keySize]byte(expand(ikm, salt, info, keySize))}
}

// forPurpose is the key that the master key gives to one purpose: "keys" for
// containers of private keys, or the name of a drawer of the cabinet.
func (k Key) forPurpose(purpose string) Key {
	return derived(k.b[:], nil, "sealpost key v1 "+purpose)
}

// PasskeyKey is the key of the container master.passkey.ID, made from the 32
// bytes that a passkey's PRF extension gives for PRFInput.
func PasskeyKey(prf Key) Key { return derived(prf.b[:], nil, "sealpost passkey wrap v1") }

// PRFInput is what a passkey's PRF is evaluated on.
func PRFInput() [32]byte { return sha256.Sum256([]byte("sealpost prf v1")) }

// foldAddress is the form in which an address is bound into what devices compare:
// NFC, with the letters A to Z in lower case.
func foldAddress(address string) string {
	b := norm.NFC.AppendString(nil, address)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}
