package sealed

import (
	"bytes"
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"math/big"
	"slices"
	"testing"

	"golang.org/x/crypto/chacha20"
	"golang.org/x/crypto/chacha20poly1305"
)

// Poly1305 is no commitment: who knows two keys makes one ciphertext that is authentic
// under both (Grubbs and others, 2017). This one is: in its header and in its content.
// Only the header's MAC, which is HMAC, says which of the two it is (ATTACKS A07).
func TestSalamander(t *testing.T) {
	t.Parallel()
	a, b := NewSecret(), NewSecret()
	var wrapA, wrapB, body []byte
	var stanza string
	for range 100 { // one block is chosen for one pair of keys, and some pairs have none
		wrapA, wrapB, stanza = wrapKeys(t, a, b)
		if body = salamander(t, wrapA, wrapB, make([]byte, 12), 16); body != nil {
			break
		}
	}
	keyA, keyB := unwrap(t, wrapA, body), unwrap(t, wrapB, body)
	nonce := bytes.Repeat([]byte{7}, nonceSize)
	last := append(make([]byte, 11), 1)
	chunk := salamander(t, derived(t, keyA, nonce, "payload"), derived(t, keyB, nonce, "payload"), last, leastSize)
	header := stanza + base64.RawStdEncoding.EncodeToString(body) + "\n---"
	for i, key := range [][]byte{keyA, keyB} {
		mac := hmac.New(sha256.New, derived(t, key, nil, "header"))
		mac.Write([]byte(header))
		file := slices.Concat([]byte(header+" "+base64.RawStdEncoding.EncodeToString(mac.Sum(nil))+"\n"), nonce, chunk)
		for j, secret := range []Secret{a, b} {
			f, err := Open(bytes.NewReader(file), int64(len(file)), Head{Length: leastSize, Secret: secret})
			if i == j && err != nil {
				t.Errorf("under the key that it commits to it does not open: the file is made wrongly")
			}
			if i != j && (err != ErrClosed || f != nil) {
				t.Errorf("it opens under two keys")
			}
		}
	}
}

// A box says first which key it is for.
func TestLinksCommit(t *testing.T) {
	t.Parallel()
	h, o := sampleHead()
	s, other := NewLinkSecret(), NewLinkSecret()
	l, err := NewLink(s, "", o, h)
	check(t, err)
	m, err := NewLink(other, "", o, h)
	check(t, err)
	// The commitment of one over the salt and ciphertext of the other.
	copy(l.Box[33:65], m.Box[33:65])
	if _, err := openLink(s, "", nil, o, l.Box); err != ErrClosed {
		t.Error("it opens, though it commits to another key")
	}
}

func derived(t *testing.T, key, salt []byte, info string) []byte {
	t.Helper()
	out, err := hkdf.Key(sha256.New, key, salt, info, 32)
	check(t, err)
	return out
}

// wrapKeys gives the keys under which one X25519 stanza wraps for each of two secrets.
func wrapKeys(t *testing.T, a, b Secret) (wrapA, wrapB []byte, begin string) {
	t.Helper()
	e, err := ecdh.X25519().GenerateKey(rand.Reader)
	check(t, err)
	wrap := func(s Secret) []byte {
		k, err := ecdh.X25519().NewPrivateKey(derived(t, s.b[:], nil, fileInfo))
		check(t, err)
		shared, err := e.ECDH(k.PublicKey())
		check(t, err)
		return derived(t, shared, slices.Concat(e.PublicKey().Bytes(), k.PublicKey().Bytes()), "age-encryption.org/v1/X25519")
	}
	return wrap(a), wrap(b), headerBegin + base64.RawStdEncoding.EncodeToString(e.PublicKey().Bytes()) + "\n"
}

func unwrap(t *testing.T, key, body []byte) []byte {
	t.Helper()
	aead, err := chacha20poly1305.New(key)
	check(t, err)
	plain, err := aead.Open(nil, make([]byte, 12), body, nil)
	check(t, err)
	return plain
}

// salamander is n bytes and a tag that are authentic under both keys; n is a multiple of
// 16. The last block is chosen so that both tags are the same, which is one linear
// equation modulo 2^130 - 5, up to what the tag leaves out.
func salamander(t *testing.T, keyA, keyB, nonce []byte, n int) []byte {
	t.Helper()
	rA, sA := polyKey(t, keyA, nonce)
	rB, sB := polyKey(t, keyB, nonce)
	p := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 130), big.NewInt(5))
	high := new(big.Int).Lsh(big.NewInt(1), 128)
	for range 100 {
		text := make([]byte, n)
		_, _ = rand.Read(text)
		clear(text[n-16:])
		// With zeros for the last block c, the tag is known; c adds c·r² to it.
		hA, hB := polySum(rA, text, p), polySum(rB, text, p)
		diff := new(big.Int).Sub(new(big.Int).Add(hB, sB), new(big.Int).Add(hA, sA))
		factor := new(big.Int).Sub(new(big.Int).Mul(rA, rA), new(big.Int).Mul(rB, rB))
		factor.ModInverse(factor.Mod(factor, p), p)
		for j := int64(-4); j <= 4; j++ {
			c := new(big.Int).Add(diff, new(big.Int).Mul(big.NewInt(j), high))
			c.Mod(c.Mul(c, factor), p)
			if c.Cmp(high) >= 0 {
				continue
			}
			block := c.FillBytes(make([]byte, 16))
			slices.Reverse(block)
			copy(text[n-16:], block)
			tag := new(big.Int).Add(polySum(rA, text, p), sA)
			tag.Mod(tag, high)
			le := tag.FillBytes(make([]byte, 16))
			slices.Reverse(le)
			sealed := append(bytes.Clone(text), le...)
			if opens(t, keyA, nonce, sealed) && opens(t, keyB, nonce, sealed) {
				return sealed
			}
		}
	}
	return nil
}

func opens(t *testing.T, key, nonce, sealed []byte) bool {
	aead, err := chacha20poly1305.New(key)
	check(t, err)
	_, err = aead.Open(nil, nonce, sealed, nil)
	return err == nil
}

// polyKey is the key of Poly1305 for one message (RFC 8439, section 2.6).
func polyKey(t *testing.T, key, nonce []byte) (r, s *big.Int) {
	t.Helper()
	c, err := chacha20.NewUnauthenticatedCipher(key, nonce)
	check(t, err)
	var b [32]byte
	c.XORKeyStream(b[:], b[:])
	for i := range 4 {
		b[4*i+3] &= 15
		if i > 0 {
			b[4*i] &= 252
		}
	}
	return little(b[:16]), little(b[16:])
}

func little(b []byte) *big.Int {
	b = bytes.Clone(b)
	slices.Reverse(b)
	return new(big.Int).SetBytes(b)
}

// polySum is Poly1305 without its last addition, over text and its lengths as RFC 8439
// has them.
func polySum(r *big.Int, text []byte, p *big.Int) *big.Int {
	lengths := binary.LittleEndian.AppendUint64(make([]byte, 8), uint64(len(text)))
	sum := new(big.Int)
	for block := range slices.Chunk(append(bytes.Clone(text), lengths...), 16) {
		sum.Add(sum, little(append(bytes.Clone(block), 1)))
		sum.Mod(sum.Mul(sum, r), p)
	}
	return sum
}
