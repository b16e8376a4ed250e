package pgp

import (
	"encoding/base64"
	"encoding/binary"
	"io"
	"sync"
)

// GnuPG 2.2 finds the end of base64 by its padding or by a checksum line, and
// reads on into the END line when there is neither: it then fails. So packets
// whose length is a multiple of three, and whose base64 has no padding, get the
// checksum that RFC 9580, section 6.1 lets old readers have. All others have none.
const checksumSize = int64(len("=abcd\r\n"))

// needsChecksum says whether n bytes of packets get one.
func needsChecksum(n int64) bool { return n > 0 && n%3 == 0 }

func checksumLength(n int64) int64 {
	if needsChecksum(n) {
		return checksumSize
	}
	return 0
}

// checksum is the checksum line of the packets.
func (s *Served) checksum() (string, error) {
	sum := newCRC24()
	if s.Held != nil {
		sum.Write(s.Held)
		return sum.line(), nil
	}
	n, err := io.Copy(sum, io.NewSectionReader(s.Raw, 0, s.RawSize))
	if err == nil && n < s.RawSize {
		err = io.ErrUnexpectedEOF
	}
	return sum.line(), err
}

// crc24 is the checksum of RFC 9580, section 6.1.1, in the high bits of a word.
type crc24 struct {
	sum    uint32
	tables *[8][256]uint32
}

// crc24Tables hold what a byte makes of the sum, and each further one what it makes
// of it one byte later: so eight bytes are eight independent looks.
var crc24Tables = sync.OnceValue(func() *[8][256]uint32 {
	const polynomial = 0x864cfb << 8
	var t [8][256]uint32
	for i := range 256 {
		v := uint32(i) << 24
		for range 8 {
			carry := v >> 31
			v = v<<1 ^ carry*polynomial
		}
		t[0][i] = v
	}
	for k := 1; k < len(t); k++ {
		for i, v := range t[k-1] {
			t[k][i] = v<<8 ^ t[0][v>>24]
		}
	}
	return &t
})

func newCRC24() *crc24 { return &crc24{0xb704ce << 8, crc24Tables()} }

func (c *crc24) Write(p []byte) (int, error) {
	sum, t, n := c.sum, c.tables, len(p)
	for ; len(p) >= 8; p = p[8:] {
		a, b := sum^binary.BigEndian.Uint32(p), binary.BigEndian.Uint32(p[4:])
		sum = t[7][a>>24] ^ t[6][a>>16&0xff] ^ t[5][a>>8&0xff] ^ t[4][a&0xff] ^
			t[3][b>>24] ^ t[2][b>>16&0xff] ^ t[1][b>>8&0xff] ^ t[0][b&0xff]
	}
	for _, b := range p {
		sum = sum<<8 ^ t[0][byte(sum>>24)^b]
	}
	c.sum = sum
	return n, nil
}

func (c *crc24) line() string {
	return "=" + base64.StdEncoding.EncodeToString([]byte{byte(c.sum >> 24), byte(c.sum >> 16), byte(c.sum >> 8)}) + "\r\n"
}
