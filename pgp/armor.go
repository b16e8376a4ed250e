package pgp

import (
	"encoding/base64"
	"errors"
	"io"
)

// Armor is written here in one pass with CRLF line ends: 76 columns, no
// headers, a checksum only where GnuPG 2.2 cannot do without (see checksum.go).
// Every offset of the armored form can be computed.
const (
	armorWidth   = 76                 // columns
	armorRaw     = armorWidth / 4 * 3 // bytes of one line
	armorLine    = armorWidth + 2
	armorMessage = "-----BEGIN PGP MESSAGE-----"
	armorEnd     = "-----END PGP MESSAGE-----"
)

// armoredSize is the length of n bytes in base64 lines.
func armoredSize(n int64) int64 {
	full, rest := n/armorRaw, n%armorRaw
	size := full * armorLine
	if rest > 0 {
		size += (rest+2)/3*4 + 2
	}
	return size
}

// armorWriter writes base64 in lines of width columns with CRLF, the last one
// shorter. It gathers input so that one Write below carries many lines.
type armorWriter struct {
	w     io.Writer
	width int
	col   int
	rest  []byte // under three bytes that wait for more
	out   []byte
}

func newArmorWriter(w io.Writer, width int) *armorWriter {
	return &armorWriter{w: w, width: width, rest: make([]byte, 0, 3)}
}

func (a *armorWriter) Write(p []byte) (int, error) {
	n := len(p)
	if len(a.rest) > 0 {
		take := min(3-len(a.rest), len(p))
		a.rest = append(a.rest, p[:take]...)
		p = p[take:]
		if len(a.rest) < 3 {
			return n, nil
		}
		a.encode(a.rest)
		a.rest = a.rest[:0]
	}
	for len(p) >= 3 {
		step := min(len(p)/3*3, 12<<10)
		a.encode(p[:step])
		p = p[step:]
		if err := a.flush(); err != nil {
			return n - len(p), err
		}
	}
	a.rest = append(a.rest, p...)
	if len(a.out) < 4<<10 {
		return n, nil
	}
	return n, a.flush()
}

// encode appends p to out in base64, broken into lines.
func (a *armorWriter) encode(p []byte) {
	var b [16 << 10]byte
	text := b[:base64.StdEncoding.EncodedLen(len(p))]
	base64.StdEncoding.Encode(text, p)
	for len(text) > 0 {
		n := min(len(text), a.width-a.col)
		a.out = append(a.out, text[:n]...)
		text = text[n:]
		if a.col += n; a.col == a.width {
			a.out = append(a.out, '\r', '\n')
			a.col = 0
		}
	}
}

func (a *armorWriter) flush() error {
	_, err := a.w.Write(a.out)
	a.out = a.out[:0]
	return err
}

// Close writes what is left and ends the last line.
func (a *armorWriter) Close() error {
	if len(a.rest) > 0 {
		a.encode(a.rest)
		a.rest = a.rest[:0]
	}
	if a.col > 0 {
		a.out = append(a.out, '\r', '\n')
		a.col = 0
	}
	return a.flush()
}

// Armor writes a letter as text: an OpenPGP message in armor, or a card in its
// PEM form. A terms or body letter needs its SessionKeys in front of it.
func Armor(w io.Writer, k Kind, letter io.Reader) error {
	begin, end := armorMessage, armorEnd
	if k == KindCard {
		begin, end = cardBegin, cardEnd
	}
	if _, err := io.WriteString(w, begin+"\r\n\r\n"); err != nil {
		return err
	}
	a, sum := newArmorWriter(w, armorWidth), newCRC24()
	n, err := io.Copy(io.MultiWriter(a, sum), letter)
	if err != nil {
		return errors.Join(errors.New("armor letter"), err)
	}
	if err := a.Close(); err != nil {
		return err
	}
	if k != KindCard && needsChecksum(n) {
		end = sum.line() + end
	}
	_, err = io.WriteString(w, end+"\r\n")
	return err
}
