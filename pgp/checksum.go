package pgp

import (
	"encoding/base64"
	"io"
)

// GnuPG 2.2 finds the end of base64 by its padding or by a checksum line, and
// reads on into the END line when there is neither: it then fails. So packets
// whose length is a multiple of three, and whose base64 has no padding, get the
// checksum that RFC 9580, section 6.1 lets old readers have. All others have none.
const checksumSize = int64(len("=abcd\r\n"))

// needsChecksum says whether n bytes of packets get one.
func needsChecksum(n int64) bool { return n > 0 && n%3 == 0 }

// checksumAt is the checksum line of raw bytes, computed when it is read; it
// may be empty.
type checksumAt struct {
	raw  io.ReaderAt
	size int64
}

func (c checksumAt) Size() int64 {
	if needsChecksum(c.size) {
		return checksumSize
	}
	return 0
}

func (c checksumAt) ReadAt(p []byte, off int64) (int, error) {
	sum := newCRC24()
	n, err := io.Copy(sum, io.NewSectionReader(c.raw, 0, c.size))
	if err == nil && n < c.size {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return 0, err
	}
	return copy(p, sum.line()[off:]), nil
}

// crc24 is the checksum of RFC 9580, section 6.1.1.
type crc24 struct {
	sum   uint32
	table [256]uint32
}

func newCRC24() *crc24 {
	c := &crc24{sum: 0xb704ce}
	for i := range c.table {
		v := uint32(i) << 16
		for range 8 {
			if v <<= 1; v&0x1000000 != 0 {
				v ^= 0x1864cfb
			}
		}
		c.table[i] = v & 0xffffff
	}
	return c
}

func (c *crc24) Write(p []byte) (int, error) {
	sum := c.sum
	for _, b := range p {
		sum = sum<<8&0xffffff ^ c.table[byte(sum>>16)^b]
	}
	c.sum = sum
	return len(p), nil
}

func (c *crc24) line() string {
	return "=" + base64.StdEncoding.EncodeToString([]byte{byte(c.sum >> 16), byte(c.sum >> 8), byte(c.sum)}) + "\r\n"
}
