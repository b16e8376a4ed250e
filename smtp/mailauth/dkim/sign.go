package dkim

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"sealpost/mail"
)

// Tag is one name and value of a field to write.
type Tag struct{ Name, Value string }

// ErrKey says that a private key is of a kind or size that signs nothing.
var ErrKey = errors.New("key is neither RSA of 1024 bits or more nor Ed25519")

// Algorithm is the a= of a private key's signatures.
func Algorithm(private crypto.Signer) (string, error) {
	switch key := private.(type) {
	case *rsa.PrivateKey:
		if key.N.BitLen() >= minRSA {
			return "rsa-sha256", nil
		}
	case ed25519.PrivateKey:
		return "ed25519-sha256", nil
	}
	return "", ErrKey
}

// SignFields writes a signature field over the fields named, as h= names them,
// relaxed. Of the tags one is b, whose value is filled in; the field ends with CRLF.
func SignFields(private crypto.Signer, name string, tags []Tag, fields []mail.Field, signed []string) ([]byte, error) {
	text := SignedHeader(fields, signed, Relaxed, Format(name, tags))
	return SignTags(private, name, tags, text)
}

// SignTags writes a signature field with b= over text.
func SignTags(private crypto.Signer, name string, tags []Tag, text []byte) ([]byte, error) {
	sum := sha256.Sum256(text)
	var opts crypto.SignerOpts = crypto.SHA256
	if _, plain := private.(ed25519.PrivateKey); plain {
		opts = crypto.Hash(0) // the hash is the message, RFC 8463, section 3
	}
	value, err := private.Sign(rand.Reader, sum[:], opts)
	if err != nil {
		return nil, fmt.Errorf("sign a %s field: %w", name, err)
	}
	filled := append([]Tag(nil), tags...)
	for i := range filled {
		if filled[i].Name == "b" {
			filled[i].Value = base64.StdEncoding.EncodeToString(value)
		}
	}
	return Format(name, filled), nil
}

// column is where lines are folded (RFC 5322, section 2.1.1).
const column = 76

// Format writes a field with its tags, folded, CRLF included. Lists are folded
// behind their colons and base64 anywhere; white space there means nothing.
func Format(name string, tags []Tag) []byte {
	w := folder{out: []byte(name + ":"), line: len(name) + 1}
	for i, t := range tags {
		text := " " + t.Name + "=" + t.Value
		if i < len(tags)-1 {
			text += ";"
		}
		w.tag(t.Name, text)
	}
	return append(w.out, "\r\n"...)
}

type folder struct {
	out  []byte
	line int // length of the line being written
}

// tag writes " name=value;", on a new line if it does not fit on this one.
func (w *folder) tag(name, text string) {
	if w.line+len(text) > column {
		w.fold()
		text = text[1:]
	}
	for w.line+len(text) > column {
		n := column - w.line
		if name == "h" {
			n = strings.LastIndexByte(text[:n], ':') + 1
		}
		if n <= 0 || name != "h" && name != "b" && name != "bh" {
			break
		}
		w.put(text[:n])
		w.fold()
		text = text[n:]
	}
	w.put(text)
}

func (w *folder) put(text string) {
	w.out = append(w.out, text...)
	w.line += len(text)
}

func (w *folder) fold() {
	w.out = append(w.out, "\r\n "...)
	w.line = 1
}

// JoinNames writes field names as h= does.
func JoinNames(names []string) string { return strings.ToLower(strings.Join(names, ":")) }
