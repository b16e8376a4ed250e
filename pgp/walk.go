package pgp

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// Packet types (RFC 9580, section 5).
const (
	tagPKESK        = 1
	tagSecretKey    = 5
	tagPublicKey    = 6
	tagSecretSubkey = 7
	tagSEIPD        = 18
)

var errPacket = errors.New("not an OpenPGP packet")

// packetHeader is a packet's type and the length of its body, or of the first
// piece of it (RFC 9580, section 4.2).
type packetHeader struct {
	tag     byte
	length  int64
	partial bool
	old     bool // in the format of RFC 1991
}

// readPacketHeader returns io.EOF only where a packet could have begun.
func readPacketHeader(r io.ByteReader) (packetHeader, error) {
	b, err := r.ReadByte()
	if err != nil {
		return packetHeader{}, err
	}
	switch {
	case b&0x80 == 0:
		return packetHeader{}, errPacket
	case b&0x40 == 0:
		return readOldHeader(r, b)
	}
	h := packetHeader{tag: b & 0x3f}
	h.length, h.partial, err = readNewLength(r)
	return h, err
}

// readOldHeader refuses the indeterminate length: nothing can follow it.
func readOldHeader(r io.ByteReader, b byte) (packetHeader, error) {
	h := packetHeader{tag: b >> 2 & 0x0f, old: true}
	if b&3 == 3 {
		return h, errPacket
	}
	n, err := readNumber(r, 1<<(b&3))
	h.length = n
	return h, err
}

func readNewLength(r io.ByteReader) (n int64, partial bool, err error) {
	first, err := readNumber(r, 1)
	switch {
	case err != nil:
		return 0, false, err
	case first < 192:
		return first, false, nil
	case first < 224:
		second, err := readNumber(r, 1)
		return (first-192)<<8 + second + 192, false, err
	case first < 255:
		return 1 << (first & 0x1f), true, nil
	}
	n, err = readNumber(r, 4)
	return n, false, err
}

func readNumber(r io.ByteReader, octets int) (int64, error) {
	var n int64
	for range octets {
		b, err := r.ReadByte()
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return 0, err
		}
		n = n<<8 | int64(b)
	}
	return n, nil
}

const (
	maxPKESKs    = 256     // recipients of one message
	maxPKESK     = 8 << 10 // bytes of one
	maxPKESKHead = 64 << 10
)

// pkesk is what the head of a PKESK packet says (RFC 9580, section 5.1).
type pkesk struct {
	version    byte
	keyVersion byte   // version 6 only; 0: anonymous
	recipient  []byte // key id (version 3) or fingerprint (version 6)
	algorithm  byte
}

// anonymous says that the packet names no key: its reader tries all of theirs.
func (p pkesk) anonymous() bool {
	if p.version == 3 {
		return bytes.Equal(p.recipient, make([]byte, 8))
	}
	return p.keyVersion == 0 && len(p.recipient) == 0
}

func parsePKESK(body []byte) (pkesk, error) {
	if len(body) < 2 {
		return pkesk{}, errPacket
	}
	p := pkesk{version: body[0]}
	var rest []byte
	switch p.version {
	case 3:
		if len(body) < 10 {
			return pkesk{}, errPacket
		}
		p.recipient, rest = body[1:9], body[9:]
	case 6:
		n := int(body[1])
		if len(body) < 2+n {
			return pkesk{}, errPacket
		}
		if n > 0 {
			p.keyVersion, p.recipient = body[2], body[3:2+n]
		}
		rest = body[2+n:]
	default:
		return pkesk{}, errPacket
	}
	if len(rest) < 2 {
		return pkesk{}, errPacket
	}
	p.algorithm = rest[0]
	return p, nil
}

// readPKESKs reads the PKESK packets at the head of a message, at least one,
// and the header of the packet behind them. It calls each with the body.
func readPKESKs(r *bufio.Reader, each func(body []byte) error) (next packetHeader, err error) {
	total := int64(0)
	for n := 0; ; n++ {
		h, err := readPacketHeader(r)
		if err != nil || h.tag != tagPKESK {
			if n == 0 && err == nil {
				err = errPacket
			}
			return h, err
		}
		if total += h.length; h.partial || h.length > maxPKESK || total > maxPKESKHead || n == maxPKESKs {
			return h, errPacket
		}
		body := make([]byte, h.length)
		if _, err := io.ReadFull(r, body); err != nil {
			return h, noEOF(err)
		}
		if err := each(body); err != nil {
			return h, err
		}
	}
}

func noEOF(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// walkMessage reads an encrypted message to its very end and fails unless it
// is one or more PKESK packets, then exactly one SEIPD packet of version 1 or
// 2, then nothing (DESIGN 1, rule 3). Markers and padding are refused as well:
// both may carry text. mine says whether one PKESK is for a given owner.
func walkMessage(in io.Reader, owns func(pkesk) bool) (mine bool, err error) {
	r := bufio.NewReaderSize(in, 32<<10)
	h, err := readPKESKs(r, func(body []byte) error {
		p, err := parsePKESK(body)
		if err == nil && owns(p) {
			mine = true
		}
		return err
	})
	if err != nil {
		return false, noEOF(err)
	}
	if h.tag != tagSEIPD || h.old {
		return false, errPacket
	}
	if err := walkSEIPD(r, h); err != nil {
		return false, err
	}
	if _, err := r.ReadByte(); err != io.EOF {
		return false, errPacket // something follows
	}
	return mine, nil
}

// walkSEIPD checks the packet's own header and runs over its body.
func walkSEIPD(r *bufio.Reader, h packetHeader) error {
	if h.partial && h.length < 512 { // RFC 9580, section 4.2.1.4
		return errPacket
	}
	head := make([]byte, min(h.length, 4))
	if _, err := io.ReadFull(r, head); err != nil {
		return noEOF(err)
	}
	if !seipdHead(head) {
		return errPacket
	}
	total := h.length
	left := h.length - int64(len(head))
	for {
		if n, err := io.CopyN(io.Discard, r, left); err != nil || n != left {
			return noEOF(err)
		}
		if !h.partial {
			break
		}
		var err error
		if h.length, h.partial, err = readNewLength(r); err != nil {
			return noEOF(err)
		}
		left = h.length
		total += left
	}
	if total < seipdLeast(head[0]) {
		return errPacket
	}
	return nil
}

// seipdHead says that a SEIPD body starts as version 1, or as version 2 with a
// known AES, a known mode and an allowed chunk size.
func seipdHead(b []byte) bool {
	switch {
	case len(b) > 0 && b[0] == 1:
		return true
	case len(b) == 4 && b[0] == 2:
		return b[1] >= 7 && b[1] <= 10 && b[2] >= 1 && b[2] <= 3 && b[3] <= 16
	}
	return false
}

// seipdLeast is the size of a body that holds the smallest literal packet.
func seipdLeast(version byte) int64 {
	if version == 1 {
		return 1 + 18 + 8 + 22
	}
	return 36 + 8 + 16 + 16
}
