package keyring

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"regexp"
	"strconv"
	"strings"
	"time"

	"golang.org/x/crypto/argon2"
)

// A parcel is a letter to somebody outside, in two boxes: the inner one under a
// password and the link's secret, the outer one, which the server keeps, under the
// secret alone (docs/formats.md, "Parcels").
const (
	parcelStem  = 8 + 1 + 22
	parcelFirst = "Sealpost-Answer: v=1; parcel="
	maxParcelAt = 8 << 10 // bytes of what stands outside of the inner box
)

// Link is what opens a parcel, with its password: ACCOUNT.NAME.SECRET behind #/letter/.
type Link struct {
	Account string
	Name    string
	secret  [keySize]byte
}

// LogValue keeps the secret out of logs.
func (Link) LogValue() slog.Value { return slog.StringValue("[withheld]") }
func (Link) GoString() string     { return "[withheld]" }
func (Link) String() string       { return "[withheld]" }

// Fragment is what stands in the link.
func (l Link) Fragment() string {
	return l.Account + "." + l.Name + "." + base64.RawURLEncoding.EncodeToString(l.secret[:])
}

var fragmentForm = regexp.MustCompile(`^[0-9a-f]{16}\.[0-9a-f]{8}[0-9](?:[A-Za-z0-9_-]{22}){1,2}\.[A-Za-z0-9_-]{43}$`)

// ParseLink reads what Fragment gave.
func ParseLink(s string) (l Link, err error) {
	if !fragmentForm.MatchString(s) {
		return l, ErrClosed
	}
	parts := strings.Split(s, ".")
	secret, err := base64.RawURLEncoding.Strict().DecodeString(parts[2])
	if err != nil {
		return l, ErrClosed
	}
	return Link{parts[0], parts[1], [keySize]byte(secret)}, nil
}

// Letter is what a parcel says.
type Letter struct {
	From struct {
		Name    string `json:"name"`
		Address string `json:"address"`
	} `json:"from"`
	To        string       `json:"to"`
	Subject   string       `json:"subject"`
	Text      string       `json:"text"`
	HTML      string       `json:"html"`
	Date      int64        `json:"date"`
	MessageID string       `json:"message_id"`
	Files     []LetterFile `json:"files"`
	Answer    *Answering   `json:"answer"`
}

// LetterFile is a file of a letter.
type LetterFile struct {
	Name      string `json:"name"`
	Type      string `json:"type"`
	ContentID string `json:"content_id"`
	Size      int    `json:"size"`
	Data      []byte `json:"-"`
}

// Answering is what it takes to answer a letter: a key that its owner makes again from
// the master key, and whom to encrypt to.
type Answering struct {
	Key         []byte `json:"key"`
	Certificate []byte `json:"certificate"`
}

type parcelHead struct {
	V    int    `json:"v"`
	Hint string `json:"hint"`
	KDF  KDF    `json:"kdf"`
	Salt []byte `json:"salt"`
}

// Parcel is a new one.
type Parcel struct {
	Letter   Letter
	Password Passphrase
	Hint     string
	Ends     time.Time
	Answers  int // at most 9
}

// SealParcel makes a parcel, for the server to keep under the link's name.
func (o *Owner) SealParcel(p Parcel, certificate []byte) (Link, []byte, error) {
	return o.sealParcel(rand.Reader, p, certificate)
}

func (o *Owner) sealParcel(random io.Reader, p Parcel, certificate []byte) (l Link, box []byte, err error) {
	var fresh [keySize + saltSize + 16]byte
	if _, err := io.ReadFull(random, fresh[:]); err != nil {
		return l, nil, fmt.Errorf("seal parcel: %w", err)
	}
	if p.Answers < 0 || p.Answers > 9 || p.Ends.Unix() < 1 || p.Ends.Unix() >= 1<<32 {
		return l, nil, fmt.Errorf("seal parcel: expected an end before 2106 and 0 to 9 answers")
	}
	l.Account, l.secret = o.Account, [keySize]byte(fresh[:keySize])
	salt := fresh[keySize : keySize+saltSize]
	l.Name = fmt.Sprintf("%08x%d%s", p.Ends.Unix(), p.Answers, base64.RawURLEncoding.EncodeToString(fresh[keySize+saltSize:]))
	p.Letter.Answer = nil
	if p.Answers > 0 {
		key := o.answerKey(l.Name, p.Letter.To)
		check := sha256.Sum256(append([]byte("sealpost parcel check v1"), answerProof(key)...))
		l.Name += base64.RawURLEncoding.EncodeToString(check[:16])
		p.Letter.Answer = &Answering{key.b[:], certificate}
	}
	head := parcelHead{1, p.Hint, DefaultKDF(), salt}
	inner, err := seal(random, l.letterKey(p.Password, head), l.letterContext(head), p.Letter.encode())
	if err != nil {
		return l, nil, err
	}
	text, err := json.Marshal(head)
	if err != nil {
		return l, nil, fmt.Errorf("seal parcel: %w", err)
	}
	content := append(sized(text), sized(inner)...)
	content = append(content, make([]byte, padme(len(content))-len(content))...)
	box, err = seal(random, l.key(), l.context(), content)
	return l, box, err
}

func (l Link) key() Key { return derived(l.secret[:], nil, "sealpost parcel link v1") }
func (l Link) context() Context {
	return Context{Account: l.Account, Purpose: "parcel", Name: l.Name, Version: 1}
}

func (l Link) letterKey(p Passphrase, h parcelHead) Key {
	phrase := p.normal()
	defer clear(phrase)
	return derived(argon2.IDKey(phrase, h.Salt, h.KDF.Iterations, h.KDF.Memory, uint8(h.KDF.Lanes), keySize), l.secret[:], "sealpost parcel v1")
}

func (l Link) letterContext(h parcelHead) Context {
	return Context{Account: l.Account, Purpose: "parcel.letter", Name: l.Name, Version: 1, Extra: strings.TrimPrefix(h.KDF.extra(h.Salt), "\n")}
}

// OpenParcel opens a parcel. Every failure is ErrClosed, but for a key derivation that
// is not within bounds, which is ErrWeak before the password is used.
func OpenParcel(l Link, p Passphrase, box []byte) (letter Letter, hint string, err error) {
	head, inner, err := l.open(box)
	if err != nil {
		return letter, "", err
	}
	if err := head.KDF.Check(); err != nil {
		return letter, "", err
	}
	plain, err := Open(l.letterKey(p, head), l.letterContext(head), inner)
	if err != nil {
		return letter, "", err
	}
	letter, err = decodeLetter(plain)
	return letter, head.Hint, err
}

func (l Link) open(box []byte) (head parcelHead, inner []byte, err error) {
	content, err := Open(l.key(), l.context(), box)
	if err != nil {
		return head, nil, err
	}
	text, rest, ok := unsized(content, maxParcelAt)
	if !ok || json.Unmarshal(text, &head) != nil || head.V != 1 || len(head.Salt) != saltSize {
		return head, nil, ErrClosed
	}
	if inner, _, ok = unsized(rest, len(rest)); !ok {
		return head, nil, ErrClosed
	}
	return head, inner, nil
}

func sized(b []byte) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(b))), b...)
}

func unsized(b []byte, most int) (piece, rest []byte, ok bool) {
	if len(b) < 4 {
		return nil, nil, false
	}
	n := int(binary.BigEndian.Uint32(b))
	if b = b[4:]; n > most || n > len(b) {
		return nil, nil, false
	}
	return b[:n], b[n:], true
}

func (l Letter) encode() []byte {
	var files []byte
	for i := range l.Files {
		l.Files[i].Size = len(l.Files[i].Data)
		files = append(files, l.Files[i].Data...)
	}
	text, err := json.Marshal(struct {
		V int `json:"v"`
		Letter
	}{1, l})
	if err != nil {
		panic(err) // of our own types
	}
	return append(sized(text), files...)
}

func decodeLetter(b []byte) (l Letter, err error) {
	text, rest, ok := unsized(b, len(b))
	var v struct {
		V int `json:"v"`
	}
	if !ok || json.Unmarshal(text, &v) != nil || v.V != 1 || json.Unmarshal(text, &l) != nil {
		return Letter{}, ErrClosed
	}
	for i := range l.Files {
		n := l.Files[i].Size
		if n < 0 || n > len(rest) {
			return Letter{}, ErrClosed
		}
		l.Files[i].Data, rest = rest[:n], rest[n:]
	}
	return l, nil
}

// answerKey is bound to whom a parcel was for; its owner remembers nothing.
func (o *Owner) answerKey(stem, to string) Key {
	drawer := o.master.forPurpose("parcels")
	return derived(drawer.b[:], nil, "sealpost parcel answer v1\n"+stem+"\n"+foldAddress(to))
}

func answerProof(k Key) []byte { return keyBytesOf(derived(k.b[:], nil, "sealpost parcel proof v1")) }
func keyBytesOf(k Key) []byte  { return k.b[:] }

// CheckAnswer says whether the payload of an encrypted mail was written by somebody who
// could open the parcel that went to from. answers is false of mail that says no such thing.
func (o *Owner) CheckAnswer(payload []byte, from string) (proved, answers bool) {
	if !bytes.HasPrefix(payload, []byte("Sealpost-Answer:")) {
		return false, false
	}
	size := len(parcelFirst) + parcelStem + len("; mac=") + 2*sha256.Size + 2
	if len(payload) < size || !bytes.HasPrefix(payload, []byte(parcelFirst)) {
		return false, true
	}
	line := string(payload[len(parcelFirst):size])
	stem, mac := line[:parcelStem], strings.TrimPrefix(line[parcelStem:], "; mac=")
	want, err := hex.DecodeString(strings.TrimSuffix(mac, "\r\n"))
	if err != nil || len(mac) != 2*sha256.Size+2 {
		return false, true
	}
	key := o.answerKey(stem, from)
	h := hmac.New(sha256.New, keyBytesOf(derived(key.b[:], nil, "sealpost parcel mac v1")))
	h.Write(payload[size:])
	return hmac.Equal(h.Sum(nil), want), true
}

// Ends is when a parcel of that name ends.
func (l Link) Ends() time.Time {
	n, err := strconv.ParseUint(l.Name[:8], 16, 32)
	if err != nil {
		return time.Time{}
	}
	return time.Unix(int64(n), 0).UTC()
}
