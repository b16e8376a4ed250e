package pgp

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"sync"
)

// An encrypted-data packet is written here, over the standard library's CFB and
// GCM, because its length must be known before its first byte: then every
// packet has one definite length, sizes fall where padding wants them, and a
// mail is streamed without a second pass. go-crypto and GnuPG read the result
// in the tests. RFC 9580, sections 5.13.1 and 5.13.2.

const (
	cipherAES256 = 9
	modeGCM      = 3
	chunkOctet   = 10                    // SEIPDv2: chunks of 2^(10+6) bytes
	chunkSize    = 1 << (chunkOctet + 6) // also what version 1 encrypts at a time
	gcmTag       = 16
	mdcSize      = 22
	saltSize     = 32
	maxLiteral   = 4<<30 - 1<<20 // a definite length has four octets
)

// sessionKey encrypts one mail's message, terms and body, and nothing else.
type sessionKey [32]byte

// sealedData is one SEIPD packet in the making: a literal packet of size
// bytes of content under a session key. Everything random is drawn before it
// exists, so writing it fails only when its content or its writer does.
type sealedData struct {
	profile Profile
	key     sessionKey
	iv      [saltSize]byte // version 2: salt; version 1: 16 bytes of prefix
	size    int64
}

func newSealedData(p Profile, key sessionKey, size int64, rand io.Reader) (sealedData, error) {
	if size < 0 || size > maxLiteral {
		return sealedData{}, errors.New("content is too large for one packet")
	}
	d := sealedData{profile: p, key: key, size: size}
	if _, err := io.ReadFull(rand, d.iv[:]); err != nil {
		return sealedData{}, fmt.Errorf("draw randomness: %w", err)
	}
	return d, nil
}

// packetSize is the length of a whole packet with a body of n bytes.
func packetSize(n int64) int64 {
	switch {
	case n < 192:
		return 2 + n
	case n < 8384:
		return 3 + n
	}
	return 6 + n
}

func appendPacketHeader(b []byte, tag byte, n int64) []byte {
	b = append(b, 0xc0|tag)
	switch {
	case n < 192:
		return append(b, byte(n))
	case n < 8384:
		n -= 192
		return append(b, byte(n>>8)+192, byte(n))
	}
	return binary.BigEndian.AppendUint32(append(b, 255), uint32(n))
}

// literalSize is the length of a literal packet with n bytes of content: format
// "b", no file name, no date (RFC 9580, section 5.9).
func literalSize(n int64) int64 { return packetSize(6 + n) }

// sealedSize is the length of a SEIPD packet around a literal of n bytes.
func (p Profile) sealedSize(n int64) int64 { return packetSize(p.bodySize(n)) }

func (p Profile) bodySize(n int64) int64 {
	plain := literalSize(n)
	if p != Modern {
		return 1 + aes.BlockSize + 2 + plain + mdcSize
	}
	chunks := (plain + chunkSize - 1) / chunkSize
	return 4 + saltSize + plain + (chunks+1)*gcmTag
}

// writeTo writes the packet. content must write exactly d.size bytes.
func (d sealedData) writeTo(w io.Writer, content func(io.Writer) error) error {
	s, prefix, err := d.sealer()
	if err != nil {
		return err
	}
	head := append(appendPacketHeader(nil, tagSEIPD, d.profile.bodySize(d.size)), prefix...)
	if _, err := w.Write(head); err != nil {
		return err
	}
	plain := literalSize(d.size)
	room := chunkRooms.Get().(*chunkRoom)
	end := min(plain, chunkSize) + gcmTag
	cw := &chunkWriter{w: w, s: s, left: plain, buf: room[:0:end]}
	defer func() {
		clear(room[:end])
		chunkRooms.Put(room)
	}()
	lit := append(appendPacketHeader(nil, 11, 6+d.size), 'b', 0, 0, 0, 0, 0)
	if _, err := cw.Write(lit); err != nil {
		return err
	}
	if err := content(cw); err != nil {
		return err
	}
	return cw.close()
}

// sealer gives the cipher of a packet and the octets that stand before the
// first encrypted chunk.
func (d sealedData) sealer() (chunkSealer, []byte, error) {
	if d.profile == Modern {
		return newAEADSealer(d.key, d.iv)
	}
	return newCFBSealer(d.key, d.iv)
}

// A chunkSealer encrypts chunks in place, in order.
type chunkSealer interface {
	seal(chunk []byte) []byte // may grow it by gcmTag, within its capacity
	final() []byte
}

// chunkRoom is where a chunk is encrypted. Rooms are used again, zeroed.
type chunkRoom [chunkSize + gcmTag]byte

var chunkRooms = sync.Pool{New: func() any { return new(chunkRoom) }}

// chunkWriter gathers chunks, encrypts them and passes them on.
type chunkWriter struct {
	w    io.Writer
	s    chunkSealer
	buf  []byte // capacity: a chunk and a tag
	left int64  // plaintext still to come
}

var errLength = errors.New("content is not as long as was announced")

func (c *chunkWriter) Write(p []byte) (int, error) { return addChunks(c, p) }

// WriteString is Write without a copy of s.
func (c *chunkWriter) WriteString(s string) (int, error) { return addChunks(c, s) }

func addChunks[T []byte | string](c *chunkWriter, p T) (int, error) {
	if int64(len(p)) > c.left {
		return 0, errLength
	}
	done := 0
	for done < len(p) {
		n := min(len(p)-done, cap(c.buf)-gcmTag-len(c.buf))
		c.buf = append(c.buf, p[done:done+n]...)
		done += n
		c.left -= int64(n)
		if len(c.buf) == cap(c.buf)-gcmTag {
			if err := c.flush(); err != nil {
				return done, err
			}
		}
	}
	return done, nil
}

// ReadFrom reads into the chunk itself, so that copying takes no buffer.
func (c *chunkWriter) ReadFrom(r io.Reader) (int64, error) {
	var done int64
	for {
		have, room := len(c.buf), cap(c.buf)-gcmTag
		if c.left == 0 {
			return done, expectEOF(r)
		}
		n, err := r.Read(c.buf[have:min(int64(room), int64(have)+c.left)])
		c.buf = c.buf[:have+n]
		c.left -= int64(n)
		done += int64(n)
		if len(c.buf) == room {
			if err := c.flush(); err != nil {
				return done, err
			}
		}
		if err == io.EOF {
			return done, nil
		}
		if err != nil {
			return done, err
		}
	}
}

// expectEOF fails with errLength when r has more to give.
func expectEOF(r io.Reader) error {
	var b [1]byte
	for {
		n, err := r.Read(b[:])
		switch {
		case n > 0:
			return errLength
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		}
	}
}

func (c *chunkWriter) flush() error {
	if len(c.buf) == 0 {
		return nil
	}
	_, err := c.w.Write(c.s.seal(c.buf))
	c.buf = c.buf[:0]
	return err
}

func (c *chunkWriter) close() error {
	if c.left != 0 {
		return errLength
	}
	if err := c.flush(); err != nil {
		return err
	}
	_, err := c.w.Write(c.s.final())
	return err
}

// cfbSealer is version 1: OpenPGP's CFB, which without resynchronisation is
// plain CFB from a zero IV over random prefix, packets and MDC.
type cfbSealer struct {
	stream cipher.Stream
	mdc    hash.Hash
}

func newCFBSealer(key sessionKey, iv [saltSize]byte) (chunkSealer, []byte, error) {
	block, err := aes.NewCipher(key[:])
	if err != nil {
		return nil, nil, err
	}
	var zero [aes.BlockSize]byte
	s := &cfbSealer{mdc: sha1.New()}
	s.stream = cipher.NewCFBEncrypter(block, zero[:]) //nolint:staticcheck // the format is CFB with an MDC
	prefix := make([]byte, 1+aes.BlockSize+2)
	prefix[0] = 1
	copy(prefix[1:], iv[:aes.BlockSize])
	copy(prefix[1+aes.BlockSize:], iv[aes.BlockSize-2:aes.BlockSize])
	s.seal(prefix[1:])
	return s, prefix, nil
}

func (s *cfbSealer) seal(chunk []byte) []byte {
	s.mdc.Write(chunk)
	s.stream.XORKeyStream(chunk, chunk)
	return chunk
}

func (s *cfbSealer) final() []byte {
	s.mdc.Write([]byte{0xd3, sha1.Size})
	mdc := s.mdc.Sum([]byte{0xd3, sha1.Size})
	s.stream.XORKeyStream(mdc, mdc)
	return mdc
}

// aeadSealer is version 2 with AES-256-GCM.
type aeadSealer struct {
	aead  cipher.AEAD
	nonce []byte // last eight octets: index of the chunk
	info  []byte
	index uint64
	total uint64
}

func newAEADSealer(key sessionKey, salt [saltSize]byte) (chunkSealer, []byte, error) {
	info := []byte{0xc0 | tagSEIPD, 2, cipherAES256, modeGCM, chunkOctet}
	const nonceSize = 12
	material, err := hkdf.Key(sha256.New, key[:], salt[:], string(info), 32+nonceSize-8)
	if err != nil {
		return nil, nil, err
	}
	block, err := aes.NewCipher(material[:32])
	if err != nil {
		return nil, nil, err
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, nil, err
	}
	nonce := make([]byte, nonceSize)
	copy(nonce, material[32:])
	prefix := append(info[1:len(info):len(info)], salt[:]...)
	return &aeadSealer{aead: aead, nonce: nonce, info: info}, prefix, nil
}

func (s *aeadSealer) seal(chunk []byte) []byte {
	out := s.aead.Seal(chunk[:0], s.nonce, chunk, s.info)
	s.total += uint64(len(chunk))
	s.index++
	binary.BigEndian.PutUint64(s.nonce[len(s.nonce)-8:], s.index)
	return out
}

func (s *aeadSealer) final() []byte {
	ad := binary.BigEndian.AppendUint64(append([]byte(nil), s.info...), s.total)
	return s.aead.Seal(nil, s.nonce, nil, ad)
}
