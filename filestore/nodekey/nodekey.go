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
	"errors"
	"io"
	"log/slog"
)

// ErrSeal says that bytes were not sealed by this key for this purpose and id,
// or were changed or cut.
var ErrSeal = errors.New("not sealed by this node key, or damaged")

// Key is one node's key. AES-256-GCM in chunks of 64 KiB under a key derived by
// HKDF-SHA-256 from the node key and a random salt, chunk number and a last mark
// in the nonce (the STREAM construction of Hoang, Reyhanitabar, Rogaway, Vizár,
// as age and Tink use it).
type Key struct{ secret [32]byte }

// Load reads a key file of 32 random bytes in base64, which nobody but its owner may read.
func Load(file string) (*Key, error) { return nil, errNotBuilt }

// Make writes a new key file, mode 0600, and fails if it is there already.
func Make(file string) (*Key, error) { return nil, errNotBuilt }

// Random is a key that lives in memory only.
func Random() *Key { return new(Key) }

// Seal and Open are for small values. purpose and id are authenticated.
func (k *Key) Seal(purpose, id string, plain []byte) []byte           { panic(errNotBuilt) }
func (k *Key) Open(purpose, id string, sealed []byte) ([]byte, error) { return nil, errNotBuilt }

// NewWriter seals what is written to it; Close writes the last chunk and does not close w.
func (k *Key) NewWriter(w io.Writer, purpose, id string) io.WriteCloser { panic(errNotBuilt) }

// NewReader opens a sealing of that many sealed bytes for reading anywhere: a mail.Bytes.
func (k *Key) NewReader(sealed io.ReaderAt, size int64, purpose, id string) (*Reader, error) {
	return nil, errNotBuilt
}

// Reader reads what was sealed.
type Reader struct{ size int64 }

func (r *Reader) Size() int64                             { return r.size }
func (r *Reader) ReadAt(p []byte, off int64) (int, error) { return 0, errNotBuilt }

func (*Key) String() string       { return "[withheld]" }
func (*Key) GoString() string     { return "[withheld]" }
func (*Key) LogValue() slog.Value { return slog.StringValue("[withheld]") }

var errNotBuilt = errors.New("nodekey: not built yet")
