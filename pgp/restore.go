package pgp

import (
	"errors"
	"io"
	"strconv"
	"strings"
	"time"
)

// The client's side of protect.go: a payload back into what a client shows, or
// into the exact bytes that arrived.

var errPayload = errors.New("the seal line is damaged")

// opened is a payload's first line, read.
type opened struct {
	front, padding int64
	size           int64
	edits          []cut
	class          Class
	time           time.Time
	rest           []byte // of the front block, without the first line and padding
	line           []byte
}

// cut is an insertion to leave out: its offset in the original and its length.
type cut struct{ at, length int64 }

// readPayload reads the front block. Its first line is the only one that is
// believed.
func readPayload(r io.Reader) (*opened, error) {
	line, values, err := readFrontLine(r, sealField, []string{"front", "pad", "size", "edits", "class", "time"})
	if err != nil {
		return nil, err
	}
	p := &opened{line: line}
	var ok [6]bool
	p.front, ok[0] = parseNumber(values["front"], maxFront)
	p.padding, ok[1] = parseNumber(values["pad"], p.front)
	p.size, ok[2] = parseNumber(values["size"], maxLiteral)
	p.edits, ok[3] = parseEdits(values["edits"], p.size)
	p.class, ok[4] = parseClass(values["class"])
	seconds, fine := parseNumber(values["time"], 1<<40)
	ok[5] = fine
	left := p.front - int64(len(line))
	if ok != [6]bool{true, true, true, true, true, true} || left < p.padding {
		return nil, errPayload
	}
	p.time = time.Unix(seconds, 0)
	front := make([]byte, left)
	if _, err := io.ReadFull(r, front); err != nil {
		return nil, noEOF(err)
	}
	p.rest = front[p.padding:]
	return p, nil
}

// write writes what comes behind the front block: as a client shows it, with
// our lines but for the padding, or without all that was put in.
func (p *opened) write(r io.Reader, w io.Writer, restore bool) error {
	if !restore {
		if _, err := w.Write(append(p.line, p.rest...)); err != nil {
			return err
		}
		_, err := io.Copy(w, r)
		return err
	}
	var from int64
	for _, e := range p.edits {
		if err := copyExactly(w, r, e.at-from); err != nil {
			return err
		}
		if err := copyExactly(io.Discard, r, e.length); err != nil {
			return err
		}
		from = e.at
	}
	if err := copyExactly(w, r, p.size-from); err != nil {
		return err
	}
	if n, err := io.Copy(io.Discard, r); err != nil || n > 0 {
		return errors.Join(errPayload, err)
	}
	return nil
}

func copyExactly(w io.Writer, r io.Reader, n int64) error {
	_, err := io.CopyN(w, r, n)
	return noEOF(err)
}

// readFrontLine reads "Name: v=1; key=value; ..." with exactly these keys in
// this order.
func readFrontLine(r io.Reader, name string, keys []string) ([]byte, map[string]string, error) {
	line, err := readLine(byteReader(r))
	if err != nil {
		return nil, nil, noEOF(err)
	}
	body, crlf := strings.CutSuffix(string(line), "\r\n")
	body, named := strings.CutPrefix(body, name+" v=1; ")
	parts := strings.Split(body, "; ")
	if !crlf || !named || len(parts) != len(keys) {
		return nil, nil, errPayload
	}
	values := make(map[string]string, len(keys))
	for i, key := range keys {
		value, ok := strings.CutPrefix(parts[i], key+"=")
		if !ok {
			return nil, nil, errPayload
		}
		values[key] = value
	}
	return line, values, nil
}

func parseNumber(s string, most int64) (int64, bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil && n >= 0 && n <= most
}

// parseEdits accepts only offsets in order and within the original.
func parseEdits(s string, size int64) ([]cut, bool) {
	if s == "-" {
		return nil, true
	}
	parts := strings.Split(s, ",")
	if len(parts) > maxEdits {
		return nil, false
	}
	var cuts []cut
	var from int64
	for _, part := range parts {
		at, length, found := strings.Cut(part, "+")
		a, ok := parseNumber(at, size)
		n, fine := parseNumber(length, 1<<10)
		if !found || !ok || !fine || a < from {
			return nil, false
		}
		cuts = append(cuts, cut{a, n})
		from = a
	}
	return cuts, true
}
