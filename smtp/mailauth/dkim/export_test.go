package dkim

import "crypto/sha256"

// BodyMatches says that bh= is the hash of a body, whatever the key says.
func (s *Signature) BodyMatches(b *Body) bool { return s.checkBody(b) == nil }

// ParseKey reads a key record, or says why not.
func ParseKey(record string) (*Key, string) {
	k, p := parseKey(record)
	if p != nil {
		return nil, p.reason
	}
	return k, ""
}

// HashPieces is the hash of a body that comes in pieces.
func HashPieces(c Canon, pieces [][]byte) (hash []byte, length int64) {
	w := &canonWriter{sum: sha256.New(), relaxed: c == Relaxed}
	for _, p := range pieces {
		w.write(p)
	}
	w.close()
	return w.sum.Sum(nil), w.length
}

// WithoutB is a signature field without the value of b=.
func WithoutB(raw []byte) []byte { return withoutB(raw) }
