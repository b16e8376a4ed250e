package pgp

import (
	"crypto/ecdh"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"strings"
)

// ListKey is the private half of an account's list key, the X25519 key that
// cards are sealed to. It lives on the owner's devices only.
type ListKey struct{ key *ecdh.PrivateKey }

// GenerateListKey makes a list key.
func GenerateListKey() (ListKey, error) {
	k, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		return ListKey{}, fmt.Errorf("make list key: %w", err)
	}
	return ListKey{k}, nil
}

// Public is the half that the server seals to: 32 bytes.
func (k ListKey) Public() []byte { return k.key.PublicKey().Bytes() }

// LogValue keeps the key out of logs.
func (ListKey) LogValue() slog.Value { return slog.StringValue("[withheld]") }
func (ListKey) String() string       { return "[withheld]" }
func (ListKey) GoString() string     { return "[withheld]" }

// Marshal is the private half as a PEM block (PKCS #8, RFC 8410), which
// browsers and OpenSSL import as it is.
func (k ListKey) Marshal() ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(k.key)
	if err != nil {
		return nil, fmt.Errorf("write list key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

var errListKey = errors.New("not a list key: expected an X25519 key in PEM")

// ParseListKey reads what Marshal wrote.
func ParseListKey(text []byte) (ListKey, error) {
	block, _ := pem.Decode(text)
	if block == nil || block.Type != "PRIVATE KEY" {
		return ListKey{}, errListKey
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	k, ok := parsed.(*ecdh.PrivateKey)
	if err != nil || !ok || k.Curve() != ecdh.X25519() {
		return ListKey{}, errListKey
	}
	return ListKey{k}, nil
}

// FormatListPublic writes the public half in one line of base64.
func FormatListPublic(public []byte) string { return base64.StdEncoding.EncodeToString(public) }

// ParseListPublic reads a public half: a line of base64 or a PEM block (SPKI,
// RFC 8410). Keys that every secret agrees with to zero are refused.
func ParseListPublic(text string) ([]byte, error) {
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	if block, _ := pem.Decode([]byte(text)); block != nil && block.Type == "PUBLIC KEY" {
		parsed, perr := x509.ParsePKIXPublicKey(block.Bytes)
		k, ok := parsed.(*ecdh.PublicKey)
		if perr != nil || !ok {
			return nil, errListKey
		}
		raw, err = k.Bytes(), nil
	}
	if err != nil || len(raw) != 32 {
		return nil, errListKey
	}
	return raw, checkListPublic(raw)
}

func checkListPublic(raw []byte) error {
	k, err := ecdh.X25519().NewPublicKey(raw)
	if err != nil {
		return errListKey
	}
	probe, err := ecdh.X25519().NewPrivateKey(append(make([]byte, 31), 64))
	if err != nil {
		return errListKey
	}
	if _, err := probe.ECDH(k); err != nil {
		return errListKey
	}
	return nil
}

// listKeyID names a list key in the cards sealed to it.
func listKeyID(public []byte) [8]byte {
	sum := sha256.Sum256(public)
	return [8]byte(sum[:8])
}
