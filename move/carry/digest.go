package carry

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math/bits"
)

// Digest is the sum, modulo 2^256, of the SHA-256 of each record: engines give records in
// orders of their own, and ids of blobs order them otherwise at the other end. It finds what was lost,
// changed or doubled on the way; nobody who chooses records is kept from making two sums agree.
type Digest [4]uint64

func (d Digest) String() string {
	var b [32]byte
	for i, w := range d {
		binary.BigEndian.PutUint64(b[8*i:], w)
	}
	return hex.EncodeToString(b[:])
}

// digester adds records up.
type digester struct {
	Digest
	records int64
	buffer  []byte
}

func (d *digester) add(r Record) {
	d.buffer = r.encode(d.buffer[:0])
	sum := sha256.Sum256(d.buffer)
	var carry uint64
	for i := range d.Digest {
		d.Digest[i], carry = bits.Add64(d.Digest[i], binary.LittleEndian.Uint64(sum[8*i:]), carry)
	}
	d.records++
}

// DigestOf is that of records as they are.
func DigestOf(records Records) (Digest, error) {
	var d digester
	for r, err := range records {
		if err != nil {
			return Digest{}, err
		}
		d.add(r)
	}
	return d.Digest, nil
}
