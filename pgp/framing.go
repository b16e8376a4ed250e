package pgp

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"io"
	"mime"
	"strings"

	"sealpost/mail"
)

// ciphertext is a mail that its sender encrypted to this owner: where in it
// the base64 lines of the armored message stand.
type ciphertext struct {
	form       Form
	charset    string // inline only
	start, end int64  // of the lines
	width      int    // columns of a line
	raw        int64  // bytes of packets in them
	exact      bool   // the lines can be written again from the packets, byte for byte, and what is around them is small
}

const maxFraming = 64 << 10 // bytes around the armored lines that go into a header letter, but for the top header

// findCiphertext recognises end-to-end mail by its packets (DESIGN 1, rule 3;
// ATTACKS B10): PGP/MIME of exactly two parts, or a plain text that is one
// armored message, which holds nothing but a message walkMessage accepts, with
// a PKESK that the owner may be able to open. Content-Type, file names and
// armor lines only say where to look. nil means: seal it.
func findCiphertext(m mail.Bytes, h mail.Header, opens func(pkesk) bool) *ciphertext {
	f, ok := readFraming(h)
	if !ok {
		return nil
	}
	if f.form == FormInline && !startsArmored(m, h.End) {
		return nil
	}
	body := io.NewSectionReader(m, h.End, m.Size()-h.End)
	p := &framingParser{lines: lineReader{r: bufio.NewReaderSize(body, 32<<10), off: h.End}, boundary: f.boundary}
	c := &ciphertext{form: f.form, charset: f.charset}
	if !p.toArmor(c.form) {
		return nil
	}
	c.start = p.lines.off
	text := &framedText{lines: &p.lines, regular: true}
	count := &countingReader{r: base64.NewDecoder(base64.StdEncoding.Strict(), text)}
	mine, err := walkMessage(count, opens)
	if err != nil || !mine || text.chars != (count.n+2)/3*4 || !p.toEnd(text.last, c.form) {
		return nil
	}
	c.end, c.width, c.raw = text.end, text.width, count.n
	c.exact = text.regular && c.start-h.End <= maxFraming && m.Size()-c.end <= maxFraming && h.End <= 4*maxFraming
	return c
}

// startsArmored is a quick look at a plain text, since most are no ciphertext.
func startsArmored(m mail.Bytes, at int64) bool {
	var b [256]byte
	n, err := m.ReadAt(b[:min(int64(len(b)), m.Size()-at)], at)
	return (err == nil || err == io.EOF) && bytes.HasPrefix(bytes.TrimLeft(b[:n], " \t\r\n"), []byte(armorMessage))
}

// framing is what a top header says of the body.
type framing struct {
	form     Form
	boundary string
	charset  string
}

// readFraming wants a header that everyone reads alike: one Content-Type at
// most, no transfer encoding that changes bytes.
func readFraming(h mail.Header) (framing, bool) {
	if !h.Clean || !h.Blank || h.Cut || !identity(h) {
		return framing{}, false
	}
	types := h.Values("Content-Type")
	switch {
	case len(types) == 0:
		return framing{form: FormInline, charset: "utf-8"}, true
	case len(types) > 1:
		return framing{}, false
	}
	kind, params, err := mime.ParseMediaType(types[0])
	switch {
	case err != nil:
	case kind == "multipart/encrypted" && strings.EqualFold(params["protocol"], "application/pgp-encrypted"):
		b := params["boundary"]
		return framing{form: FormMIME, boundary: b}, b != "" && len(b) <= 70 && strings.TrimSpace(b) == b
	case kind == "text/plain":
		return framing{form: FormInline, charset: charsetName(params["charset"])}, true
	}
	return framing{}, false
}

// identity says that the body is transferred as it is.
func identity(h mail.Header) bool {
	for _, v := range h.Values("Content-Transfer-Encoding") {
		switch strings.ToLower(v) {
		case "7bit", "8bit", "binary":
		default:
			return false
		}
	}
	return true
}

// charsetName lets through names of charsets only: this one word of the
// sender's stays visible, so it must not be a word of theirs.
func charsetName(s string) string {
	switch s = strings.ToLower(s); s {
	case "us-ascii", "iso-8859-1", "iso-8859-2", "iso-8859-15", "windows-1250", "windows-1251", "windows-1252", "koi8-r", "koi8-u", "gb18030", "gbk", "big5", "euc-kr", "iso-2022-jp", "shift_jis":
		return s
	}
	return "utf-8"
}

// framingParser goes through what stands around the armored lines.
type framingParser struct {
	lines    lineReader
	boundary string
}

// toArmor stops behind the empty line that ends the armor's headers.
func (p *framingParser) toArmor(f Form) bool {
	if f == FormMIME && !(p.toDelimiter() && p.versionPart() && p.partHeader("application/octet-stream")) {
		return false
	}
	line, ok := p.lines.nextFilled()
	if !ok || string(line) != armorMessage {
		return false
	}
	for range 32 {
		line, ok := p.lines.next()
		switch {
		case !ok:
			return false
		case len(line) == 0:
			return true
		case !bytes.Contains(line, []byte(": ")) && !bytes.HasSuffix(line, []byte(":")):
			return false
		}
	}
	return false
}

// toDelimiter skips a preamble.
func (p *framingParser) toDelimiter() bool {
	for {
		line, ok := p.lines.next()
		if !ok {
			return false
		}
		if string(line) == "--"+p.boundary {
			return true
		}
	}
}

// versionPart reads part one, which says "Version: 1" and nothing else.
func (p *framingParser) versionPart() bool {
	if !p.partHeader("application/pgp-encrypted") {
		return false
	}
	line, ok := p.lines.nextFilled()
	if !ok || !strings.EqualFold(string(line), "Version: 1") {
		return false
	}
	line, ok = p.lines.nextFilled()
	return ok && string(line) == "--"+p.boundary
}

// partHeader reads the header of a part with its empty line.
func (p *framingParser) partHeader(kind string) bool {
	var section bytes.Buffer
	for section.Len() < 8<<10 {
		line, ok := p.lines.next()
		if !ok {
			return false
		}
		section.Write(line)
		section.WriteString("\r\n")
		if len(line) == 0 {
			h, err := mail.ReadHeader(bytes.NewReader(section.Bytes()), 0, int64(section.Len()))
			types := h.Values("Content-Type")
			if err != nil || len(types) != 1 || !identity(h) {
				return false
			}
			got, _, _ := mime.ParseMediaType(types[0])
			return got == kind
		}
	}
	return false
}

// toEnd reads from the line behind the base64 lines to where nothing more
// matters: behind the last delimiter, or the end of the mail.
func (p *framingParser) toEnd(line []byte, f Form) bool {
	if len(line) == 5 && line[0] == '=' { // checksum
		var ok bool
		if line, ok = p.lines.next(); !ok {
			return false
		}
	}
	if string(line) != armorEnd {
		return false
	}
	line, ok := p.lines.nextFilled()
	if f == FormInline {
		return !ok && p.lines.err == io.EOF
	}
	return ok && string(line) == "--"+p.boundary+"--"
}

// lineReader reads lines without their end and trailing white space, and knows
// the offset behind them.
type lineReader struct {
	r    *bufio.Reader
	off  int64
	size int // of the last line with all
	err  error
}

func (l *lineReader) next() ([]byte, bool) {
	line, err := l.r.ReadSlice('\n')
	l.off += int64(len(line))
	l.size = len(line)
	if err != nil && (err != io.EOF || len(line) == 0) {
		l.err = err
		return nil, false
	}
	return bytes.TrimRight(line, " \t\r\n"), true
}

// nextFilled skips empty lines.
func (l *lineReader) nextFilled() ([]byte, bool) {
	for {
		line, ok := l.next()
		if !ok || len(line) > 0 {
			return line, ok
		}
	}
}

// framedText passes base64 lines on and sees whether they can be written again:
// all of one width, only the last shorter, each ended by CRLF.
type framedText struct {
	lines   *lineReader
	rest    []byte
	chars   int64 // of base64; padding in the midst of it makes them too many
	width   int
	end     int64
	last    []byte // the line behind them
	short   bool   // a line was shorter than width
	regular bool
}

func (t *framedText) Read(p []byte) (int, error) {
	if t.last != nil {
		return 0, io.EOF
	}
	for len(t.rest) == 0 {
		before := t.lines.off
		line, ok := t.lines.next()
		switch {
		case !ok:
			return 0, io.ErrUnexpectedEOF
		case len(line) > 0 && (line[0] == '-' || line[0] == '='):
			t.end, t.last = before, bytes.Clone(line)
			return 0, io.EOF
		}
		t.see(line)
		t.rest = line
	}
	n := copy(p, t.rest)
	t.rest = t.rest[n:]
	return n, nil
}

// maxColumns is the longest line that a header letter can describe.
const maxColumns = 9999

func (t *framedText) see(line []byte) {
	t.chars += int64(len(line))
	if t.width == 0 {
		t.width = len(line)
	}
	if t.short || len(line) > t.width || len(line) > maxColumns || len(line) == 0 || t.lines.size != len(line)+2 {
		t.regular = false
	}
	t.short = len(line) < t.width
}

// countingReader counts what is read through it.
type countingReader struct {
	r io.Reader
	n int64
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}
