package pgp

import (
	"bytes"
	"encoding/base64"
	"io"
)

// Served is a stored message as IMAP shows it: outer header, PGP/MIME framing,
// and the packets armored on the way out. Every size and offset is computed,
// nothing is held whole in memory.
type Served struct {
	Outer   []byte
	Form    Form
	Raw     io.ReaderAt // the message letter's packets
	RawSize int64
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
	return int64(len(outer)+len(before)+len(behind)) + armoredSize(rawSize) + checksumAt{size: rawSize}.Size()
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
	done := 0
	for _, piece := range []io.ReaderAt{
		bytes.NewReader(s.Outer),
		stringAt(before),
		armoredAt{s.Raw, s.RawSize},
		checksumAt{s.Raw, s.RawSize},
		stringAt(behind),
	} {
		size := pieceSize(piece)
		if off < size && done < len(p) {
			want := min(int64(len(p)-done), size-off)
			n, err := piece.ReadAt(p[done:done+int(want)], off)
			done += n
			if int64(n) < want {
				return done, noEOF(err)
			}
			off += int64(n)
		}
		off -= size
	}
	if done < len(p) {
		return done, io.EOF
	}
	return done, nil
}

func pieceSize(r io.ReaderAt) int64 { return r.(interface{ Size() int64 }).Size() }

type stringAt string

func (s stringAt) Size() int64 { return int64(len(s)) }

func (s stringAt) ReadAt(p []byte, off int64) (int, error) { return copy(p, s[off:]), nil }

// armoredAt is raw bytes as base64 lines, at any offset.
type armoredAt struct {
	raw  io.ReaderAt
	size int64
}

func (a armoredAt) Size() int64 { return armoredSize(a.size) }

// linesAtOnce bounds the memory of one step: 32 KiB of armor.
const linesAtOnce = 420

// ReadAt must not be asked for more than there is.
func (a armoredAt) ReadAt(p []byte, off int64) (int, error) {
	var raw []byte
	done := 0
	for done < len(p) {
		skip := int(off % armorLine)
		lines := min((skip+len(p)-done+armorLine-1)/armorLine, linesAtOnce)
		start := off / armorLine * armorRaw
		want := int(min(int64(lines*armorRaw), a.size-start))
		if raw == nil {
			raw = make([]byte, want) // no later step is longer
		}
		if n, err := a.raw.ReadAt(raw[:want], start); n < want {
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
		if size := int(armoredSize(int64(n))); skip == 0 && size <= len(p)-done {
			done += len(appendLine(p[done:done], raw[:n]))
		} else {
			done += copy(p[done:], appendLine(scratch[:0], raw[:n])[skip:])
			skip = 0
		}
		raw = raw[n:]
	}
	return done
}

func appendLine(out, raw []byte) []byte {
	return append(base64.StdEncoding.AppendEncode(out, raw), '\r', '\n')
}
