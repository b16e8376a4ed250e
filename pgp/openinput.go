package pgp

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"io"
)

// input finds, one after the other, what can be opened in a stream: raw
// packets, a raw card, or armored blocks with anything around them, such as
// the header and the framing of a mail.
type input struct {
	r     *bufio.Reader
	block io.Reader // the armored block being read, or nil
	raw   bool
}

const maxSkipped = 1 << 20 // bytes of text before and between armored blocks

// next goes to the next thing. It returns ErrNotSealed when there is none.
func (in *input) next() (Kind, error) {
	if in.block != nil {
		if _, err := io.Copy(io.Discard, in.block); err != nil {
			return 0, err
		}
		in.block = nil
	}
	first, err := in.r.Peek(1)
	switch {
	case err != nil && err != io.EOF:
		return 0, err
	case err != nil:
		return 0, ErrNotSealed
	case first[0]&0x80 != 0:
		in.raw = true
		return KindMessage, nil
	case first[0] == cardVersion:
		in.raw = true
		return KindCard, nil
	}
	in.raw = false
	return in.findBlock()
}

func (in *input) findBlock() (Kind, error) {
	for skipped := 0; skipped < maxSkipped; {
		line, err := readLine(in.r)
		kind := Kind(0)
		switch string(bytes.TrimRight(line, " \t\r\n")) {
		case armorMessage:
			kind = KindMessage
		case cardBegin:
			kind = KindCard
		}
		if kind != 0 {
			if err := in.skipArmorHeaders(); err != nil {
				return 0, err
			}
			in.block = base64.NewDecoder(base64.StdEncoding, &armorText{r: in.r})
			return kind, nil
		}
		if skipped += len(line); err == io.EOF {
			return 0, ErrNotSealed
		} else if err != nil {
			return 0, err
		}
	}
	return 0, ErrNotSealed
}

func (in *input) skipArmorHeaders() error {
	for range 64 {
		line, err := readLine(in.r)
		if err != nil {
			return noEOF(err)
		}
		if len(bytes.TrimSpace(line)) == 0 {
			return nil
		}
	}
	return errPacket
}

// body reads the packets of what next found.
func (in *input) body() io.Reader {
	if in.raw {
		return in.r
	}
	return in.block
}

// readLine reads a line with its end; of a longer one it reads 4 KiB.
func readLine(r *bufio.Reader) ([]byte, error) {
	var line []byte
	for len(line) < 4<<10 {
		part, err := r.ReadSlice('\n')
		line = append(line, part...)
		if err != bufio.ErrBufferFull {
			return line, err
		}
	}
	return line, nil
}

// armorText is the base64 lines of an armored block, without white space, up
// to the checksum or the END line, which it reads too.
type armorText struct {
	r    *bufio.Reader
	line []byte
	end  bool
}

func (a *armorText) Read(p []byte) (int, error) {
	for len(a.line) == 0 {
		if a.end {
			return 0, io.EOF
		}
		line, err := readLine(a.r)
		line = bytes.TrimSpace(line)
		switch {
		case len(line) > 0 && line[0] == '-', len(line) == 5 && line[0] == '=':
			a.end = true
		case err != nil:
			return 0, noEOF(err)
		default:
			a.line = line
		}
	}
	n := copy(p, a.line)
	a.line = a.line[n:]
	return n, nil
}

// oneMessage passes on exactly one encrypted message, PKESK packets and a
// SEIPD packet, and fails on any other packet: no SKESK, so that no passphrase
// derivation can be asked for, and nothing without integrity protection.
type oneMessage struct {
	r       io.Reader
	br      *bufio.Reader
	head    []byte // octets of a packet header to pass on first
	left    int64  // of the body, or of a piece of it
	partial bool
	last    bool // the body is the SEIPD packet's
	pkesks  []byte
}

func (m *oneMessage) Read(p []byte) (int, error) {
	if m.br == nil {
		m.br = byteReader(m.r)
	}
	for len(m.head) == 0 && m.left == 0 {
		if m.last && !m.partial {
			return 0, io.EOF
		}
		if err := m.advance(); err != nil {
			return 0, err
		}
	}
	if len(m.head) > 0 {
		n := copy(p, m.head)
		m.keep(p[:n])
		m.head = m.head[n:]
		return n, nil
	}
	n, err := m.br.Read(p[:min(int64(len(p)), m.left)])
	m.keep(p[:n])
	m.left -= int64(n)
	return n, noEOF(err)
}

// byteReader does not read ahead of a reader that is buffered already.
func byteReader(r io.Reader) *bufio.Reader {
	if br, ok := r.(*bufio.Reader); ok {
		return br
	}
	return bufio.NewReader(r)
}

// keep gathers the PKESK packets.
func (m *oneMessage) keep(p []byte) {
	if !m.last {
		m.pkesks = append(m.pkesks, p...)
	}
}

// advance reads the next packet's header, or the next length of the last one.
func (m *oneMessage) advance() error {
	rec := &recorder{r: m.br}
	if m.last {
		var err error
		m.left, m.partial, err = readNewLength(rec)
		m.head = rec.seen
		return noEOF(err)
	}
	h, err := readPacketHeader(rec)
	switch {
	case err != nil:
		return noEOF(err)
	case h.tag == tagSEIPD:
		m.last = true
	case h.tag != tagPKESK || h.partial || len(m.pkesks) > maxPKESKHead || h.length > maxPKESK:
		return errPacket
	}
	m.head, m.left, m.partial = rec.seen, h.length, h.partial
	return nil
}

// recorder remembers the bytes read through it.
type recorder struct {
	r    io.ByteReader
	seen []byte
}

func (r *recorder) ReadByte() (byte, error) {
	b, err := r.r.ReadByte()
	if err == nil {
		r.seen = append(r.seen, b)
	}
	return b, err
}
