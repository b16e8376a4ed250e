// Package sealed is the format of stored files (docs/formats.md, "Files"): it seals
// a file under a secret of its own, opens any range of it again, and makes and opens
// what hands that secret on: links, drops and the folders of a drive. The browser
// client does the same in TypeScript (webmail/ui/src/files), and the two open each
// other's samples.
//
// It holds a file's secret, its head (name, type, true length) and one chunk of its
// content. It never knows accounts, sockets, disks or a server's ids but as text that
// it binds: where octets come from and go to, the caller says.
//
// Invariants: nothing is released that was not authenticated, and nothing of a file
// whose size is not the one its head gives or whose last chunk is not its last; every
// failure to open is ErrClosed, without a reason; a file is never sealed twice under one
// secret; a name that leads out of its folder is neither made nor taken; no secret shows
// itself in logs.
package sealed

import (
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"io"
	"log/slog"
	"math/bits"

	"filippo.io/age"

	"sealpost/pgp/keyring"
)

// ErrClosed says that something does not open: bytes that are damaged, cut or of
// another file, a wrong secret or a wrong password.
var ErrClosed = keyring.ErrClosed

const (
	// MaxLength bounds the content of one file, in bytes.
	MaxLength = 1 << 39

	secretSize = 32
	chunkSize  = 64 << 10
	chunkTag   = 16
	// headerSize is that of an age header with one X25519 stanza: version line,
	// stanza, wrapped key and MAC.
	headerSize = 22 + 54 + 44 + 48
	nonceSize  = 16
	leastSize  = 1 << 10 // what the shortest content is padded to
	fileInfo   = "sealpost file v1"
)

// headerBegin is how every file begins that has that one stanza.
const headerBegin = "age-encryption.org/v1\n-> X25519 "

// Secret is what opens one stored file. Who has it has the file.
type Secret struct{ b [secretSize]byte }

// NewSecret makes the secret of a new file.
func NewSecret() (s Secret) {
	rand.Read(s.b[:])
	return s
}

// ParseSecret reads what Bytes gave.
func ParseSecret(b []byte) (Secret, error) {
	if len(b) != secretSize {
		return Secret{}, ErrClosed
	}
	return Secret{[secretSize]byte(b)}, nil
}

// Bytes are for a box.
func (s Secret) Bytes() []byte { return s.b[:] }

// LogValue keeps the secret out of logs.
func (Secret) LogValue() slog.Value { return slog.StringValue("[withheld]") }
func (Secret) String() string       { return "[withheld]" }
func (Secret) GoString() string     { return "[withheld]" }

// MarshalText is base64, as boxes have it.
func (s Secret) MarshalText() ([]byte, error) { return encodeBase64(s.b[:]), nil }

// UnmarshalText reads what MarshalText wrote, and nothing else.
func (s *Secret) UnmarshalText(text []byte) error {
	b, err := decodeBase64(text)
	if err != nil || len(b) != secretSize {
		return ErrClosed
	}
	s.b = [secretSize]byte(b)
	return nil
}

// Identity is the secret as the age command takes it: AGE-SECRET-KEY-1 and so on.
func (s Secret) Identity() string {
	scalar, err := hkdf.Key(sha256.New, s.b[:], nil, fileInfo, secretSize)
	if err != nil {
		panic("sealed: " + err.Error()) // the length is a constant within its bounds
	}
	return bech32("age-secret-key-", scalar)
}

func (s Secret) identity() (*age.X25519Identity, error) {
	id, err := age.ParseX25519Identity(s.Identity())
	if err != nil {
		return nil, fmt.Errorf("make the file's key: %w", err)
	}
	return id, nil
}

// PaddedLength is how long content of n bytes is once its zeros stand behind it: its
// Padmé size, at least 1 KiB, so that little can be told from how long a file is.
func PaddedLength(n int64) int64 {
	if n < leastSize {
		return leastSize
	}
	e := bits.Len64(uint64(n)) - 1
	mask := int64(1)<<(e-bits.Len64(uint64(e))) - 1
	return (n + mask) &^ mask
}

// Size is how many bytes a file with n bytes of content is when it is sealed: all that
// a server learns of its length.
func Size(n int64) int64 {
	padded := PaddedLength(n)
	return headerSize + nonceSize + padded + (padded+chunkSize-1)/chunkSize*chunkTag
}

// Writer seals what is written to it.
type Writer struct {
	age    io.WriteCloser
	length int64
	err    error
}

// Seal begins a file: what is written to the writer goes, sealed, to w. Close writes
// its end. A secret is for one file, and for one attempt at sealing it: who must begin
// again takes another.
func Seal(w io.Writer, s Secret) (*Writer, error) {
	id, err := s.identity()
	if err != nil {
		return nil, err
	}
	sealing, err := age.Encrypt(w, id.Recipient())
	if err != nil {
		return nil, fmt.Errorf("begin sealed file: %w", err)
	}
	return &Writer{age: sealing}, nil
}

func (w *Writer) Write(p []byte) (int, error) {
	if w.err != nil {
		return 0, w.err
	}
	if int64(len(p)) > MaxLength-w.length {
		w.err = fmt.Errorf("expected at most %d bytes of content", int64(MaxLength))
		return 0, w.err
	}
	n, err := w.age.Write(p)
	w.length += int64(n)
	if err != nil {
		w.err = fmt.Errorf("seal file: %w", err)
	}
	return n, w.err
}

// Length is how much content was written so far; after Close, what Head.Length says.
func (w *Writer) Length() int64 { return w.length }

var errWriterClosed = fmt.Errorf("the sealed file has ended")

// Close pads the content and writes its last chunk. It does not close what it writes to.
func (w *Writer) Close() error {
	if w.err != nil {
		return w.err
	}
	w.err = errWriterClosed
	if _, err := io.CopyN(w.age, zeros{}, PaddedLength(w.length)-w.length); err != nil {
		return fmt.Errorf("pad sealed file: %w", err)
	}
	if err := w.age.Close(); err != nil {
		return fmt.Errorf("end sealed file: %w", err)
	}
	return nil
}

// zeros never end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
