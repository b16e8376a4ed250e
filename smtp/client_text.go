package smtp

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"sealpost/mail"
)

// text is what must be known of a mail's content before the first octet of it
// is sent.
type text struct {
	size  int64 // as sent, without stuffed dots
	eight bool  // octets beyond ASCII
	null  bool  // NUL
}

const textBlock = 32 << 10

// inspect reads the content once.
func inspect(content mail.Bytes) (text, error) {
	var t text
	m := mender{inspect: true}
	block := make([]byte, textBlock)
	defer clear(block) // nothing readable outlives the call
	for r := io.NewSectionReader(content, 0, content.Size()); ; {
		n, err := io.ReadFull(r, block)
		if p := block[:n]; n > 0 {
			t.null = t.null || bytes.IndexByte(p, 0) >= 0
			t.eight = t.eight || beyondASCII(p)
			m.feed(p)
		}
		if err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF) {
			break
		}
		if err != nil {
			return text{}, fmt.Errorf("read the mail to send: %w", err)
		}
	}
	m.finish()
	t.size = m.size
	return t, nil
}

func beyondASCII(p []byte) bool {
	for ; len(p) >= 8; p = p[8:] {
		if binary.LittleEndian.Uint64(p)&0x8080808080808080 != 0 {
			return true
		}
	}
	for _, c := range p {
		if c >= 0x80 {
			return true
		}
	}
	return false
}

// mender turns every bare CR and bare LF into CRLF, ends the last line, and
// doubles a leading dot if stuff is set. Content of the queue needs none of the
// first two: it is the last wall against a second mail inside the first.
type mender struct {
	out     *bufio.Writer
	inspect bool // count only
	stuff   bool

	size   int64 // written, without stuffed dots
	cr     bool  // the last octet was a CR, whose CRLF was written already
	inLine bool  // the line has octets
}

// feed takes the next octets of the content, and takes a line at a time.
func (m *mender) feed(p []byte) error {
	if m.cr && len(p) > 0 {
		m.cr = false
		if p[0] == '\n' {
			p = p[1:]
		}
	}
	for len(p) > 0 {
		end := bytes.IndexByte(p, '\n')
		line := p
		if end >= 0 {
			line = p[:end]
		}
		if cr := bytes.IndexByte(line, '\r'); cr >= 0 {
			line, end = line[:cr], cr
		}
		if err := m.words(line); err != nil {
			return err
		}
		if end < 0 {
			return nil
		}
		if p = m.afterEnd(p[end:]); m.inspect {
			m.size += 2
			continue
		}
		if _, err := m.out.WriteString("\r\n"); err != nil {
			return err
		}
		m.size += 2
	}
	return nil
}

// afterEnd takes the line end off p, whatever its form.
func (m *mender) afterEnd(p []byte) []byte {
	m.inLine = false
	switch {
	case p[0] == '\n':
		return p[1:]
	case len(p) == 1:
		m.cr = true
		return nil
	case p[1] == '\n':
		return p[2:]
	}
	return p[1:]
}

// words takes octets of one line.
func (m *mender) words(p []byte) error {
	if len(p) == 0 {
		return nil
	}
	dot := !m.inLine && p[0] == '.'
	m.inLine = true
	m.size += int64(len(p))
	if m.inspect {
		return nil
	}
	if dot && m.stuff {
		if err := m.out.WriteByte('.'); err != nil {
			return err
		}
	}
	_, err := m.out.Write(p)
	return err
}

// finish ends the last line.
func (m *mender) finish() error {
	if !m.inLine {
		return nil
	}
	m.inLine, m.size = false, m.size+2
	if m.inspect {
		return nil
	}
	_, err := m.out.WriteString("\r\n")
	return err
}

// send writes the content as it goes over the wire, and fails when that is not
// what was inspected.
func (t text) send(out *bufio.Writer, content mail.Bytes, stuff bool) error {
	m := &mender{out: out, stuff: stuff}
	block := make([]byte, textBlock)
	defer clear(block)
	for r := io.NewSectionReader(content, 0, content.Size()); ; {
		n, err := r.Read(block)
		if werr := m.feed(block[:n]); werr != nil {
			return &writeError{werr}
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return fmt.Errorf("read the mail to send: %w", err)
		}
	}
	if err := m.finish(); err != nil {
		return &writeError{err}
	}
	if m.size != t.size {
		return errChanged
	}
	return nil
}

// writeError says that the other end took no more of a mail.
type writeError struct{ error }

func (e *writeError) Unwrap() error { return e.error }
