package pgp

import (
	"bufio"
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
	line  []byte
	rest  []byte // of the front block, without the first line and padding
	size  int64  // of the original
	edits []cut
	class Class
	time  time.Time
}

// cut is an insertion to leave out: its offset in the original and its length.
type cut struct{ at, length int64 }

// readPayload reads the front block. Its first line is the only one that is
// believed.
func readPayload(r *bufio.Reader) (*opened, error) {
	line, values, err := readFrontLine(r, sealField, []string{"front", "pad", "size", "edits", "class", "time"})
	if err != nil {
		return nil, err
	}
	n := numbers{values: values}
	p := &opened{
		line: line,
		size: n.get("size", maxLiteral),
		time: time.Unix(n.get("time", 1<<40), 0),
	}
	left := n.get("front", maxFront) - int64(len(line))
	padding := n.get("pad", left)
	edits, editsOK := parseEdits(values["edits"], p.size)
	class, classOK := parseClass(values["class"])
	if n.bad || left < 0 || !editsOK || !classOK {
		return nil, errPayload
	}
	p.edits, p.class = edits, class
	front := make([]byte, left)
	if _, err := io.ReadFull(r, front); err != nil {
		return nil, noEOF(err)
	}
	p.rest = front[padding:]
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
func readFrontLine(r *bufio.Reader, name string, keys []string) ([]byte, map[string]string, error) {
	line, err := readLine(r)
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

// numbers reads values within bounds; bad says that one was not.
type numbers struct {
	values map[string]string
	bad    bool
}

func (n *numbers) get(key string, most int64) int64 {
	v, ok := parseNumber(n.values[key], most)
	if !ok {
		n.bad = true
		return 0
	}
	return v
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
