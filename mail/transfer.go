package mail

import (
	"bytes"
	"io"
)

// notBase64 marks what is no digit of base64 in base64Digit.
const notBase64 = 0xff

// base64Digit gives the value of each digit of base64 (RFC 4648, section 4).
var base64Digit = func() (t [256]byte) {
	for i := range t {
		t[i] = notBase64
	}
	for i, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/") {
		t[c] = byte(i)
	}
	return t
}()

// decodeTransfer undoes a Content-Transfer-Encoding (RFC 2045, section 6). What
// is broken is skipped or left as it is; the only errors are those of src.
func decodeTransfer(src io.Reader, encoding string) io.Reader {
	switch lower(encoding) {
	case "base64", "base-64", "b":
		return &base64Reader{src: src}
	case "quoted-printable", "quotedprintable", "q":
		return &qpReader{src: src}
	}
	return src
}

// transferBuffer is how many encoded bytes are read at once.
const transferBuffer = 4096

// base64Reader skips what is no digit; padding ends a group, not the text,
// since some senders join encoded pieces.
type base64Reader struct {
	src  io.Reader
	buf  [transferBuffer]byte
	room [transferBuffer]byte
	out  []byte // decoded, in room, not yet read
	err  error
	bits uint32
	n    int // digits in bits
}

func (r *base64Reader) Read(p []byte) (int, error) {
	for len(r.out) == 0 {
		if r.err != nil {
			return 0, r.err
		}
		n, err := r.src.Read(r.buf[:])
		r.out, r.err = r.decode(r.room[:0], r.buf[:n]), err
		if err != nil {
			r.out = r.group(r.out)
		}
	}
	n := copy(p, r.out)
	r.out = r.out[n:]
	return n, nil
}

func (r *base64Reader) decode(dst, src []byte) []byte {
	for _, c := range src {
		if d := base64Digit[c]; d != notBase64 {
			r.bits = r.bits<<6 | uint32(d)
			if r.n++; r.n == 4 {
				dst = append(dst, byte(r.bits>>16), byte(r.bits>>8), byte(r.bits))
				r.n = 0
			}
		} else if c == '=' {
			dst = r.group(dst)
		}
	}
	return dst
}

// group appends the whole octets of an unfinished group.
func (r *base64Reader) group(dst []byte) []byte {
	bits := r.bits << (6 * (4 - r.n))
	switch r.n {
	case 2:
		dst = append(dst, byte(bits>>16))
	case 3:
		dst = append(dst, byte(bits>>16), byte(bits>>8))
	}
	r.n = 0
	return dst
}

// qpReader decodes quoted-printable; an = that begins nothing stays.
type qpReader struct {
	src  io.Reader
	buf  [transferBuffer]byte
	in   []byte // unread part of buf
	err  error
	tail bool // in holds the end of src
}

// longestQP is an escape with the white space a relay may have added: it is
// looked at whole.
const longestQP = 80

func (r *qpReader) Read(p []byte) (int, error) {
	if err := r.fill(); err != nil {
		return 0, err
	}
	out := 0
	for out < len(p) && len(r.in) > 0 && (len(r.in) >= longestQP || r.tail) {
		if r.in[0] == '=' {
			out += r.escape(p[out:])
			continue
		}
		n := bytes.IndexByte(r.in, '=')
		if n < 0 {
			n = len(r.in)
		}
		n = copy(p[out:], r.in[:n])
		out += n
		r.in = r.in[n:]
	}
	return out, nil
}

// fill makes sure that in holds an escape whole.
func (r *qpReader) fill() error {
	for len(r.in) < longestQP && !r.tail {
		n := copy(r.buf[:], r.in)
		m, err := r.src.Read(r.buf[n:])
		r.in = r.buf[:n+m]
		r.err, r.tail = err, err != nil
	}
	if len(r.in) == 0 {
		return r.err
	}
	return nil
}

// escape takes one = and what belongs to it, and writes at most one byte.
func (r *qpReader) escape(p []byte) int {
	if len(r.in) >= 3 && isHex(r.in[1]) && isHex(r.in[2]) {
		p[0] = unhex(r.in[1])<<4 | unhex(r.in[2])
		r.in = r.in[3:]
		return 1
	}
	end := 1
	for end < min(len(r.in), longestQP) && isWSP(r.in[end]) {
		end++
	}
	switch rest := r.in[end:]; {
	case bytes.HasPrefix(rest, []byte("\r\n")):
		r.in = rest[2:]
	case len(rest) > 0 && rest[0] == '\n', len(rest) == 1 && rest[0] == '\r':
		r.in = rest[1:]
	case len(rest) == 0:
		r.in = nil
	default:
		p[0] = '='
		r.in = r.in[1:]
		return 1
	}
	return 0
}
