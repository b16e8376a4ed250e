package sealed

import (
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"log/slog"
	"strconv"
	"unicode/utf8"

	"sealpost/pgp/keyring"
)

const (
	linkSecret = 16 // bytes of new ones; up to 32 are taken
	linkInfo   = "sealpost link v1"
	proofInfo  = "sealpost link proof v1"
	checkInfo  = "sealpost link check v1"
	askInfo    = "sealpost request v1"
	kdfVersion = 1
	saltSize   = 16
	kdfSize    = 1 + 4 + 4 + 1 + saltSize
	maxTitle   = 200 // characters
	maxNote    = 500
)

// LinkSecret is what stands behind the # of a link or a request, and is never sent.
type LinkSecret struct{ b string }

// NewLinkSecret makes one: 128 bits.
func NewLinkSecret() LinkSecret {
	b := make([]byte, linkSecret)
	rand.Read(b)
	return LinkSecret{string(b)}
}

// ParseLinkSecret reads what Fragment gave.
func ParseLinkSecret(fragment string) (LinkSecret, error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(fragment)
	if err != nil || len(b) < linkSecret || len(b) > 32 || base64.RawURLEncoding.EncodeToString(b) != fragment {
		return LinkSecret{}, ErrClosed
	}
	return LinkSecret{string(b)}, nil
}

// Fragment is what stands in the link.
func (s LinkSecret) Fragment() string { return base64.RawURLEncoding.EncodeToString([]byte(s.b)) }

// LogValue keeps the secret out of logs.
func (LinkSecret) LogValue() slog.Value { return slog.StringValue("[withheld]") }
func (LinkSecret) String() string       { return "[withheld]" }
func (LinkSecret) GoString() string     { return "[withheld]" }

// Object is what a server calls a stored file, and how long it says that is.
type Object struct {
	ID   string
	Size int64
}

func (o Object) text() string { return "object=" + o.ID + " size=" + strconv.FormatInt(o.Size, 10) }

// Link is what a server keeps of a link. Nothing in it opens anything.
type Link struct {
	KDF   []byte // how the password is stretched; empty: there is none
	Box   []byte // the file's head, under the link's secret and the password
	Proof []byte // what only who has both can make, and for which the server gives the box
	Check []byte // what the server keeps of the proof
}

// NewLink makes a link to an object. password may be empty.
func NewLink(s LinkSecret, password keyring.Passphrase, o Object, h Head) (Link, error) {
	if !objectID.MatchString(o.ID) || o.Size != Size(h.Length) {
		return Link{}, fmt.Errorf("make link: expected the object's id and the size that its head gives")
	}
	plain, err := h.encode()
	if err != nil {
		return Link{}, fmt.Errorf("make link: %w", err)
	}
	var l Link
	if password != "" {
		k := keyring.DefaultKDF()
		l.KDF = append(binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32([]byte{kdfVersion}, k.Memory), k.Iterations), byte(k.Lanes))
		salt := make([]byte, saltSize)
		rand.Read(salt)
		l.KDF = append(l.KDF, salt...)
	}
	keys, line, err := linkKeys(s, password, l.KDF)
	if err != nil {
		return Link{}, fmt.Errorf("make link: %w", err)
	}
	l.Proof = keys.proof
	check := sha256.Sum256(append([]byte(checkInfo), keys.proof...))
	l.Check = check[:]
	l.Box, err = keyring.Seal(keys.box, linkContext(o, line), plain)
	return l, err
}

// Unlocked is a link whose password was stretched, which is done once for both: the proof
// for which a server gives the box, and the box.
type Unlocked struct {
	keys keysOfLink
	line string
}

// LogValue keeps the keys out of logs.
func (Unlocked) LogValue() slog.Value { return slog.StringValue("[withheld]") }
func (Unlocked) String() string       { return "[withheld]" }
func (Unlocked) GoString() string     { return "[withheld]" }

// Unlock makes the keys of a link. kdf is empty, and so is the password, where none is
// asked for.
func Unlock(s LinkSecret, password keyring.Passphrase, kdf []byte) (Unlocked, error) {
	keys, line, err := linkKeys(s, password, kdf)
	if err != nil {
		return Unlocked{}, ErrClosed
	}
	return Unlocked{keys, line}, nil
}

// Proof is what the server is shown.
func (u Unlocked) Proof() []byte { return u.keys.proof }

// Open opens the box of a link to o.
func (u Unlocked) Open(o Object, box []byte) (Head, error) {
	plain, err := keyring.Open(u.keys.box, linkContext(o, u.line), box)
	if err != nil {
		return Head{}, ErrClosed
	}
	h, err := decodeHead(plain)
	if err != nil || Size(h.Length) != o.Size {
		return Head{}, ErrClosed
	}
	return h, nil
}

func linkContext(o Object, line string) keyring.Context {
	return keyring.Context{Purpose: "link", Version: 1, Extra: o.text() + line}
}

type keysOfLink struct {
	box   keyring.Key
	proof []byte
}

// linkKeys takes 0.3 s and 64 MiB where there is a password. A key derivation out of
// bounds is refused before the password is used.
func linkKeys(s LinkSecret, password keyring.Passphrase, kdf []byte) (keys keysOfLink, line string, err error) {
	if s.b == "" || (len(kdf) == 0) != (password == "") {
		return keys, "", ErrClosed
	}
	ikm := []byte(s.b)
	if len(kdf) > 0 {
		if len(kdf) != kdfSize || kdf[0] != kdfVersion {
			return keys, "", ErrClosed
		}
		k := keyring.KDF{Name: "argon2id", Memory: binary.BigEndian.Uint32(kdf[1:]), Iterations: binary.BigEndian.Uint32(kdf[5:]), Lanes: uint32(kdf[9])}
		salt := kdf[kdfSize-saltSize:]
		stretched, err := keyring.Stretch(password, salt, k)
		if err != nil {
			return keys, "", ErrClosed
		}
		ikm, line = append(ikm, stretched...), "\n"+k.Line(salt)
	}
	box, err := derive(ikm, linkInfo)
	if err != nil {
		return keys, "", err
	}
	proof, err := hkdf.Key(sha256.New, ikm, nil, proofInfo, secretSize)
	return keysOfLink{box, proof}, line, err
}

func derive(ikm []byte, info string) (keyring.Key, error) {
	b, err := hkdf.Key(sha256.New, ikm, nil, info, secretSize)
	if err != nil {
		return keyring.Key{}, fmt.Errorf("derive key: %w", err)
	}
	return keyring.NewKey(b)
}

// Ask is what a request tells who was asked for files: to which key they seal them, and
// in the owner's words what for. The key comes under the request's secret, so that no
// server can put its own in its place.
type Ask struct {
	Key   []byte `json:"key"` // X25519, of the owner
	Title string `json:"title,omitempty"`
	Note  string `json:"note,omitempty"`
}

type askJSON struct {
	Version int `json:"v"`
	Ask
}

func (a Ask) valid() bool {
	return len(a.Key) == 32 && utf8.ValidString(a.Title+a.Note) && utf8.RuneCountInString(a.Title) <= maxTitle && utf8.RuneCountInString(a.Note) <= maxNote
}

var askContext = keyring.Context{Purpose: "request", Version: 1}

// SealAsk makes the box of a request.
func SealAsk(s LinkSecret, a Ask) ([]byte, error) {
	if !a.valid() || s.b == "" {
		return nil, fmt.Errorf("ask for files: expected a key of 32 bytes, a short title and a short note")
	}
	plain, err := encode(askJSON{headVersion, a})
	if err != nil {
		return nil, err
	}
	k, err := derive([]byte(s.b), askInfo)
	if err != nil {
		return nil, err
	}
	return keyring.Seal(k, askContext, plain)
}

// OpenAsk opens the box of a request.
func OpenAsk(s LinkSecret, box []byte) (Ask, error) {
	k, err := derive([]byte(s.b), askInfo)
	if err != nil || s.b == "" {
		return Ask{}, ErrClosed
	}
	plain, err := keyring.Open(k, askContext, box)
	if err != nil {
		return Ask{}, ErrClosed
	}
	var j askJSON
	if json.Unmarshal(plain, &j) != nil || j.Version != headVersion || !j.valid() {
		return Ask{}, ErrClosed
	}
	return j.Ask, nil
}
