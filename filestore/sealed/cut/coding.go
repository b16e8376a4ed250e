package cut

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"errors"
	"io"
)

const (
	codedBase64 = "base64"
	codedNot    = "none"
	maxWidth    = 996 // characters of a line of base64
	maxTail     = 64
)

// coding is how a content stands in its mail: as it is, or as base64 in lines of one
// width, parted by CRLF, and what follows the last of them.
type coding struct {
	Name  string `json:"name"`
	Width int    `json:"width,omitempty"`
	Tail  string `json:"tail,omitempty"` // CRLFs
}

func (c coding) valid() bool {
	switch c.Name {
	case codedNot:
		return c.Width == 0 && c.Tail == ""
	case codedBase64:
		return c.Width >= 4 && c.Width <= maxWidth && c.Width%4 == 0 && len(c.Tail) <= maxTail && onlyLineEnds(c.Tail)
	}
	return false
}

func onlyLineEnds(s string) bool {
	for len(s) > 0 {
		if len(s) < 2 || s[:2] != "\r\n" {
			return false
		}
		s = s[2:]
	}
	return true
}

// write writes a content as it stood in its mail.
func (c coding) write(w io.Writer, content io.Reader) error {
	if c.Name == codedNot {
		_, err := io.Copy(w, content)
		return err
	}
	raw, line := make([]byte, c.Width/4*3), make([]byte, c.Width)
	out := bufio.NewWriter(w)
	for first := true; ; first = false {
		n, err := io.ReadFull(content, raw)
		if err == io.EOF {
			break
		}
		if err != nil && err != io.ErrUnexpectedEOF {
			return err
		}
		if !first {
			out.WriteString("\r\n") // the writer remembers what fails
		}
		base64.StdEncoding.Encode(line, raw[:n])
		out.Write(line[:base64.StdEncoding.EncodedLen(n)])
	}
	out.WriteString(c.Tail)
	return out.Flush()
}

// errInexact says that a content would not be written again as it stands.
var errInexact = errors.New("not base64 in lines of one width")

var strict = base64.StdEncoding.Strict()

// lineReader decodes base64 that coding.write would write just so: lines of one width,
// a multiple of four, of which the last may be shorter, each octet as the standard has it.
type lineReader struct {
	in    *bufio.Reader
	width int // of the first line
	tail  []byte
	room  [maxWidth / 4 * 3]byte
	out   []byte
	last  bool // the shorter line was read
	err   error
}

func newLineReader(r io.Reader) *lineReader {
	return &lineReader{in: bufio.NewReaderSize(r, 32<<10)}
}

func (r *lineReader) Read(p []byte) (int, error) {
	for len(r.out) == 0 {
		if r.err != nil {
			return 0, r.err
		}
		r.out, r.err = r.line()
	}
	n := copy(p, r.out)
	r.out = r.out[n:]
	return n, nil
}

// line decodes the next one. Its end is counted to the tail until another follows.
func (r *lineReader) line() ([]byte, error) {
	text, err := r.in.ReadSlice('\n')
	if err != nil && err != io.EOF {
		if err == bufio.ErrBufferFull {
			err = errInexact
		}
		return nil, err
	}
	line, ended := bytes.CutSuffix(text, []byte("\r\n"))
	switch {
	case bytes.IndexByte(line, '\r') >= 0 || bytes.IndexByte(line, '\n') >= 0 || ended != (err == nil):
		return nil, errInexact
	case len(line) == 0:
		return nil, r.blank(ended)
	case len(line) > maxWidth || len(line)%4 != 0 || r.last || len(r.tail) > 2 || r.width > 0 && len(line) > r.width:
		return nil, errInexact
	}
	if r.width == 0 {
		r.width = len(line)
	}
	n, bad := strict.Decode(r.room[:], line)
	if bad != nil {
		return nil, errInexact
	}
	r.last = len(line) < r.width || n < len(line)/4*3
	if r.tail = r.tail[:0]; ended {
		r.tail = append(r.tail, '\r', '\n')
		return r.room[:n], nil
	}
	return r.room[:n], io.EOF
}

// blank notes an empty line, behind which there are only such.
func (r *lineReader) blank(ended bool) error {
	switch {
	case !ended && r.width == 0:
		return errInexact
	case !ended:
		return io.EOF
	case r.width == 0 || len(r.tail)+2 > maxTail:
		return errInexact
	}
	r.tail = append(r.tail, '\r', '\n')
	return nil
}
