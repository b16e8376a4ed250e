package keyring

import (
	"crypto/sha256"
	"crypto/subtle"
	_ "embed"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"

	"golang.org/x/text/unicode/norm"
)

// english is the English word list of BIP-39: 2048 words in order, no two of which
// share their first four letters.
//
//go:embed english.txt
var english string

var wordList = sync.OnceValue(func() []string { return strings.Fields(english) })

const (
	kitEntropy = 32
	kitWords   = 24
	wordBits   = 11
)

// Kit is the entropy of a recovery kit: who has its words has the account.
type Kit struct{ b [kitEntropy]byte }

// LogValue keeps the kit out of logs.
func (Kit) LogValue() slog.Value { return slog.StringValue("[withheld]") }
func (Kit) String() string       { return "[withheld]" }
func (Kit) GoString() string     { return "[withheld]" }

func newKit(random io.Reader) (Kit, error) {
	var k Kit
	if _, err := io.ReadFull(random, k.b[:]); err != nil {
		return Kit{}, fmt.Errorf("make recovery kit: %w", err)
	}
	return k, nil
}

// Words are the 24 words to write down, of which the last bears a checksum.
func (k Kit) Words() []string {
	sum := sha256.Sum256(k.b[:])
	return bitsToWords(append(slices.Clone(k.b[:]), sum[0]), kitWords)
}

// ParseKit reads the words as they were typed: in any case, with any white space,
// each at least by its first four letters. Wrong words are ErrClosed.
func ParseKit(typed string) (Kit, error) {
	raw, err := wordsToBits(typed, kitWords)
	if err != nil {
		return Kit{}, err
	}
	k := Kit{[kitEntropy]byte(raw)}
	sum := sha256.Sum256(k.b[:])
	if subtle.ConstantTimeByteEq(sum[0], raw[kitEntropy]) != 1 {
		return Kit{}, ErrClosed
	}
	return k, nil
}

// Proof is what the server is shown when the kit signs in: 32 bytes.
func (k Kit) Proof() []byte {
	key := derived(k.b[:], nil, "sealpost kit sign-in v1")
	return key.b[:]
}

func (k Kit) wrap() Key { return derived(k.b[:], nil, "sealpost kit wrap v1") }

// bitsToWords writes the first n times 11 bits of b as words.
func bitsToWords(b []byte, n int) []string {
	words := make([]string, n)
	for i := range words {
		index := 0
		for bit := i * wordBits; bit < (i+1)*wordBits; bit++ {
			index = index<<1 | int(b[bit/8]>>(7-bit%8)&1)
		}
		words[i] = wordList()[index]
	}
	return words
}

// wordsToBits reads exactly n words; what is left of the last byte is zero.
func wordsToBits(typed string, n int) ([]byte, error) {
	if len(typed) > 1024 {
		return nil, ErrClosed
	}
	words := strings.Fields(strings.ToLower(norm.NFKC.String(typed)))
	if len(words) != n {
		return nil, ErrClosed
	}
	b := make([]byte, (n*wordBits+7)/8)
	for i, w := range words {
		index, ok := findWord(w)
		if !ok {
			return nil, ErrClosed
		}
		for j := range wordBits {
			bit := i*wordBits + j
			b[bit/8] |= byte(index>>(wordBits-1-j)&1) << (7 - bit%8)
		}
	}
	return b, nil
}

// findWord takes a whole word, or the first four letters or more of one.
func findWord(w string) (int, bool) {
	i, found := slices.BinarySearch(wordList(), w)
	if !found && (len(w) < 4 || i == len(wordList()) || !strings.HasPrefix(wordList()[i], w)) {
		return 0, false
	}
	return i, true
}
