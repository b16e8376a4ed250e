package wire

import "bytes"

// trailingLiteral finds the announcement of a literal ("{5}", "{5+}", "~{5}")
// at the end of a line, outside of quoted strings. open says that a quoted
// string does not end on the line.
func trailingLiteral(line []byte) (at int, l *Literal, open bool) {
	if open = openQuote(line); open {
		return 0, nil, true
	}
	body, ok := bytes.CutSuffix(line, []byte{'}'})
	if !ok {
		return 0, nil, false
	}
	at = bytes.LastIndexByte(body, '{')
	if at < 0 {
		return 0, nil, false
	}
	digits, plus := bytes.CutSuffix(body[at+1:], []byte{'+'})
	size, ok := parseSize(digits)
	if !ok {
		return 0, nil, false
	}
	l = &Literal{Size: size, Open: plus}
	if at > 0 && line[at-1] == '~' {
		l.Binary = true
		at--
	}
	return at, l, false
}

// openQuote says whether a quoted string is open at the end of the line.
func openQuote(line []byte) bool {
	open := false
	for i := 0; i < len(line); i++ {
		switch {
		case line[i] == '"':
			open = !open
		case line[i] == '\\' && open:
			i++
		}
	}
	return open
}

// parseSize reads a number of octets; an absurd one stays absurd, without overflow.
func parseSize(digits []byte) (int64, bool) {
	if len(digits) == 0 {
		return 0, false
	}
	var n int64
	for _, d := range digits {
		if d < '0' || d > '9' {
			return 0, false
		}
		n = min(n, 1<<59)*10 + int64(d-'0')
	}
	return n, true
}
