package keyring

import (
	"encoding/hex"
	"fmt"
	"log/slog"

	"golang.org/x/crypto/argon2"
)

// KDF says how a passphrase becomes keys. Its JSON is that of the API.
type KDF struct {
	Name       string `json:"name"`   // "argon2id"
	Memory     uint32 `json:"memory"` // KiB
	Iterations uint32 `json:"iterations"`
	Lanes      uint32 `json:"lanes"`
}

// DefaultKDF is what new passphrases get, and the floor for all others.
func DefaultKDF() KDF { return KDF{"argon2id", 64 << 10, 3, 1} }

// Caps keep a server from making a client work for minutes (ATTACKS A12).
const (
	maxMemory     = 256 << 10
	maxIterations = 10
	maxLanes      = 4
	saltSize      = 16
)

// Check fails with ErrWeak for anything below the floor or above the cap
// (ATTACKS A02).
func (k KDF) Check() error {
	floor := DefaultKDF()
	if k.Name != floor.Name || k.Memory < floor.Memory || k.Iterations < floor.Iterations || k.Lanes < floor.Lanes ||
		k.Memory > maxMemory || k.Iterations > maxIterations || k.Lanes > maxLanes {
		return ErrWeak
	}
	return nil
}

// extra is how the container of the passphrase names its key derivation.
func (k KDF) extra(salt []byte) string {
	return "\n" + k.Line(salt)
}

// Line is how a context names a key derivation and its salt.
func (k KDF) Line(salt []byte) string {
	return fmt.Sprintf("kdf=argon2id v=19 m=%d t=%d p=%d salt=%s", k.Memory, k.Iterations, k.Lanes, hex.EncodeToString(salt))
}

// AccountSecret is the second thing besides the passphrase that a sign-in by
// passphrase needs. All devices of an account have it and the server never sees
// it, so that what a server stores is no way to guess a passphrase.
type AccountSecret struct{ b [16]byte }

// LogValue keeps the secret out of logs.
func (AccountSecret) LogValue() slog.Value { return slog.StringValue("[withheld]") }
func (AccountSecret) String() string       { return "[withheld]" }
func (AccountSecret) GoString() string     { return "[withheld]" }

// Bytes are for a device's own storage.
func (s AccountSecret) Bytes() []byte { return s.b[:] }

// NewAccountSecret reads what Bytes gave.
func NewAccountSecret(b []byte) (AccountSecret, error) {
	if len(b) != 16 {
		return AccountSecret{}, ErrClosed
	}
	return AccountSecret{[16]byte(b)}, nil
}

// Halves are what a passphrase gives: the proof goes to the server at sign-in, the
// other half opens master.passphrase and goes nowhere.
type Halves struct{ proof, wrap Key }

// Derive makes both halves; it takes a third of a second and 64 MiB.
func Derive(p Passphrase, s AccountSecret, salt []byte, k KDF) (Halves, error) {
	a, err := Stretch(p, salt, k)
	if err != nil {
		return Halves{}, err
	}
	return Halves{proof: derived(a, s.b[:], "sealpost sign-in v1"), wrap: derived(a, s.b[:], "sealpost wrap v1")}, nil
}

// Stretch makes 32 bytes of a passphrase, by a derivation within the bounds; what else is
// asked for is ErrWeak before the passphrase is used.
func Stretch(p Passphrase, salt []byte, k KDF) ([]byte, error) {
	if err := k.Check(); err != nil {
		return nil, err
	}
	if len(salt) != saltSize {
		return nil, ErrClosed
	}
	phrase := p.normal()
	defer clear(phrase)
	return argon2.IDKey(phrase, salt, k.Iterations, k.Memory, uint8(k.Lanes), keySize), nil
}

// Proof is what the server is shown: 32 bytes.
func (h Halves) Proof() []byte { return h.proof.b[:] }

// LogValue keeps the halves out of logs.
func (Halves) LogValue() slog.Value { return slog.StringValue("[withheld]") }
func (Halves) String() string       { return "[withheld]" }
func (Halves) GoString() string     { return "[withheld]" }
