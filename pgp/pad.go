package pgp

import (
	"math/bits"
	"sort"
)

// bucket is the size a ciphertext of n bytes is padded to: Padmé's, but one byte
// more where that is a multiple of three, so that the armor of what we sealed
// ends in base64 padding and needs no checksum (see checksum.go).
func bucket(n int64) int64 {
	for m := n - 1; ; {
		if m = padme(m); m%3 == 0 {
			m++
		}
		if m >= n {
			return m
		}
		m++
	}
}

// padme rounds up (Nikitin and others, 2019): a size leaks O(log log n) bits of
// a length, at a cost of at most 12 %; steps are 16 KiB at most, so that large
// mails cost little.
func padme(n int64) int64 {
	if n < 2 {
		return n
	}
	e := bits.Len64(uint64(n)) - 1
	s := bits.Len64(uint64(e))
	mask := int64(1)<<min(e-s, 14) - 1
	return (n + mask) &^ mask
}

// fit returns the smallest content of least bytes or more whose ciphertext, of
// size(content) bytes, is exactly a bucket. size must grow with every byte;
// where it jumps over a bucket, the next one is taken.
func fit(least int64, size func(int64) int64) int64 {
	first := size(least)
	for target := bucket(first); ; target = bucket(target + 1) {
		n := least - 1 + int64(sort.Search(int(target-first)+1, func(i int) bool { return size(least+int64(i)) > target }))
		if size(n) == target {
			return n
		}
	}
}

// Padded says whether n is a size that content is padded to (docs/formats.md, Sizes),
// be it of a letter or of a box that a client sealed.
func Padded(n int64) bool {
	return n == padme(n) || n%3 == 1 && n-1 == padme(n-1)
}
