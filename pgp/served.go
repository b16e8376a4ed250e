package pgp

import (
	"encoding/base64"
	"encoding/binary"
	"io"
	"sync"
)

// Served is a stored message as IMAP shows it: outer header, PGP/MIME framing,
// and the packets armored on the way out. Every size and offset is computed,
// nothing is held whole in memory.
type Served struct {
	Outer   []byte
	Form    Form
	Raw     io.ReaderAt // the message letter's packets
	RawSize int64
	Held    []byte // all of them, if they are in memory; then Raw is not read
}

// The framing is the same for every mail. No armored line holds an underscore,
// so none can be taken for the boundary.
const (
	boundary = "=_sealpost"
	preamble = "This is an OpenPGP message in PGP/MIME (RFC 3156).\r\n"

	versionHeader = "Content-Type: application/pgp-encrypted\r\n" +
		"Content-Description: PGP/MIME version identification\r\n\r\n"
	versionBody = "Version: 1\r\n"

	dataHeader = "Content-Type: application/octet-stream; name=\"encrypted.asc\"\r\n" +
		"Content-Description: OpenPGP encrypted message\r\n" +
		"Content-Disposition: inline; filename=\"encrypted.asc\"\r\n\r\n"
	dataHead = armorMessage + "\r\n\r\n"
	dataTail = armorEnd + "\r\n"

	toVersion = preamble + "\r\n--" + boundary + "\r\n"
	toData    = "\r\n--" + boundary + "\r\n"
	toEnd     = "\r\n--" + boundary + "--\r\n"
)

// frame is what stands before and behind the base64 lines of a form.
func (f Form) frame() (before, behind string) {
	if f == FormInline {
		return dataHead, dataTail
	}
	return toVersion + versionHeader + versionBody + toData + dataHeader + dataHead, dataTail + toEnd
}

// ServedSize is the octet count of the whole served mail (RFC822.SIZE).
func ServedSize(outer []byte, f Form, rawSize int64) int64 {
	before, behind := f.frame()
	return int64(len(outer)+len(before)+len(behind)) + armoredSize(rawSize) + checksumLength(rawSize)
}

// Section is one part of the served mail: its MIME header and its body as byte
// ranges of the whole.
type Section struct {
	Type, Subtype      string
	Params             map[string]string
	Encoding           string
	Disposition        string            // "inline", or empty
	DispositionParams  map[string]string // "filename"
	Description        string
	HeaderStart, Start int64
	End                int64
	Lines              int64
}

// Sections are the parts in order (RFC 9051 part numbers 1, 2, ...); for
// FormInline the one text part.
func (s Served) Sections() []Section {
	outer := int64(len(s.Outer))
	armored := armoredSize(s.RawSize)
	lines := (armored + armorLine - 1) / armorLine
	if needsChecksum(s.RawSize) {
		armored, lines = armored+checksumSize, lines+1
	}
	if s.Form == FormInline {
		return []Section{{
			Type: "text", Subtype: "plain", Params: map[string]string{"charset": inlineCharset(s.Outer)}, Encoding: "7bit",
			Start: outer, End: s.Size(), Lines: lines + 3,
		}}
	}
	version := outer + int64(len(toVersion))
	versionText := version + int64(len(versionHeader))
	versionEnd := versionText + int64(len(versionBody))
	data := versionEnd + int64(len(toData))
	dataText := data + int64(len(dataHeader))
	return []Section{{
		Type: "application", Subtype: "pgp-encrypted", Encoding: "7bit",
		Description: "PGP/MIME version identification",
		HeaderStart: version, Start: versionText, End: versionEnd, Lines: 1,
	}, {
		Type: "application", Subtype: "octet-stream", Params: map[string]string{"name": "encrypted.asc"}, Encoding: "7bit",
		Description: "OpenPGP encrypted message", Disposition: "inline", DispositionParams: map[string]string{"filename": "encrypted.asc"},
		HeaderStart: data, Start: dataText, End: dataText + int64(len(dataHead)+len(dataTail)) + armored, Lines: lines + 3,
	}}
}

// Size is the octet count of the whole.
func (s Served) Size() int64 { return ServedSize(s.Outer, s.Form, s.RawSize) }

// ReadAt reads the served octets [off, off+len(p)).
func (s Served) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, io.ErrNoProgress
	}
	before, behind := s.Form.frame()
	f := filling{p: p, off: off}
	part, at := f.next(int64(len(s.Outer)))
	copy(part, s.Outer[at:])
	part, at = f.next(int64(len(before)))
	copy(part, before[at:])
	if part, at = f.next(armoredSize(s.RawSize)); len(part) > 0 {
		if n, err := s.armored(part, at); n < len(part) {
			return f.done - len(part) + n, noEOF(err)
		}
	}
	if part, at = f.next(checksumLength(s.RawSize)); len(part) > 0 {
		line, err := s.checksum()
		if err != nil {
			return f.done - len(part), noEOF(err)
		}
		copy(part, line[at:])
	}
	part, at = f.next(int64(len(behind)))
	copy(part, behind[at:])
	if f.done < len(p) {
		return f.done, io.EOF
	}
	return f.done, nil
}

// filling is a read that goes through the pieces of a whole.
type filling struct {
	p    []byte
	done int
	off  int64 // from the beginning of the next piece
}

// next is what the next piece has to fill, from which of its octets on; nothing if
// none of it was asked for.
func (f *filling) next(size int64) (part []byte, from int64) {
	from = min(f.off, size)
	n := int(min(int64(len(f.p)-f.done), size-from))
	part = f.p[f.done : f.done+n]
	f.done += n
	f.off = max(f.off-size, 0)
	return part, from
}

// linesAtOnce bounds the memory of one step: 32 KiB of armor.
const linesAtOnce = 420

var linesBuffers = sync.Pool{New: func() any { return new([linesAtOnce * armorRaw]byte) }}

// armored fills p from the base64 lines, which can be read at any offset. It must
// not be asked for more than there is.
func (s *Served) armored(p []byte, off int64) (int, error) {
	if s.Held != nil {
		return fillLines(p, s.Held[off/armorLine*armorRaw:], int(off%armorLine)), nil
	}
	raw := linesBuffers.Get().(*[linesAtOnce * armorRaw]byte)
	defer linesBuffers.Put(raw)
	done := 0
	for done < len(p) {
		skip := int(off % armorLine)
		lines := min((skip+len(p)-done+armorLine-1)/armorLine, linesAtOnce)
		start := off / armorLine * armorRaw
		want := int(min(int64(lines*armorRaw), s.RawSize-start))
		if n, err := s.Raw.ReadAt(raw[:want], start); n < want {
			return done, noEOF(err)
		}
		n := fillLines(p[done:], raw[:want], skip)
		done += n
		off += int64(n)
	}
	return done, nil
}

// fillLines writes raw into p as lines, without the first skip octets of the
// first one, as much as there is room for.
func fillLines(p, raw []byte, skip int) int {
	var scratch [armorLine]byte
	done := 0
	for len(raw) > 0 && done < len(p) {
		n := min(len(raw), armorRaw)
		switch size := int(armoredSize(int64(n))); {
		case skip > 0 || size > len(p)-done:
			done += copy(p[done:], appendLine(scratch[:0], raw[:n])[skip:])
			skip = 0
		case n == armorRaw:
			fullLine(p[done:done+armorLine], raw[:armorRaw])
			done += armorLine
		default:
			done += len(appendLine(p[done:done], raw[:n]))
		}
		raw = raw[n:]
	}
	return done
}

func appendLine(out, raw []byte) []byte {
	return append(base64.StdEncoding.AppendEncode(out, raw), '\r', '\n')
}

// base64Pairs are the two octets that stand for 12 bits, the first one lowest.
var base64Pairs = sync.OnceValue(func() *[1 << 12]uint16 {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	var pairs [1 << 12]uint16
	for i := range pairs {
		pairs[i] = uint16(alphabet[i>>6]) | uint16(alphabet[i&63])<<8
	}
	return &pairs
})

// fullLine writes a line of armorRaw bytes, twice as fast as encoding/base64: most of
// serving a mail is this. The bytes are ciphertext, and their octets are sent, so
// there is no secret in which of the table's entries were looked up.
func fullLine(line, raw []byte) {
	line, raw = line[:armorLine:armorLine], raw[:armorRaw:armorRaw]
	pairs := base64Pairs()
	for i, o := 0, 0; i <= armorRaw-9; i, o = i+6, o+8 {
		v := binary.BigEndian.Uint64(raw[i:])
		binary.LittleEndian.PutUint64(line[o:], uint64(pairs[v>>52])|uint64(pairs[v>>40&0xfff])<<16|
			uint64(pairs[v>>28&0xfff])<<32|uint64(pairs[v>>16&0xfff])<<48)
	}
	v := uint32(raw[armorRaw-3])<<16 | uint32(raw[armorRaw-2])<<8 | uint32(raw[armorRaw-1])
	binary.LittleEndian.PutUint32(line[armorWidth-4:], uint32(pairs[v>>12])|uint32(pairs[v&0xfff])<<16)
	line[armorWidth], line[armorWidth+1] = '\r', '\n'
}
