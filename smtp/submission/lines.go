package submission

import "bytes"

// lines looks at a mail while it is written down: are its lines ended by CRLF and
// nothing else, does it hold a NUL (ATTACKS D02), where is its last octet beyond
// ASCII. The guard of the SMTP door looks too; other doors lead here as well.
type lines struct {
	size  int64
	last  byte  // the last octet
	eight int64 // offset behind the last octet beyond ASCII
	bad   bool
}

func (l *lines) Write(p []byte) (int, error) {
	if !l.bad && len(p) > 0 {
		l.ends(p)
		l.beyond(p)
	}
	if len(p) > 0 {
		l.size += int64(len(p))
		l.last = p[len(p)-1]
	}
	return len(p), nil
}

// ends checks that CR and LF stand in pairs.
func (l *lines) ends(p []byte) {
	l.bad = bytes.IndexByte(p, 0) >= 0 || (l.last == '\r') != (p[0] == '\n')
	if p[0] == '\n' {
		p = p[1:]
	}
	for len(p) > 0 && !l.bad {
		i := bytes.IndexAny(p, "\r\n")
		switch {
		case i < 0, i == len(p)-1 && p[i] == '\r':
			return
		case p[i] == '\n' || p[i+1] != '\n':
			l.bad = true
		}
		p = p[min(i+2, len(p)):]
	}
}

func (l *lines) beyond(p []byte) {
	for i := len(p) - 1; i >= 0; i-- {
		if p[i] >= 0x80 {
			l.eight = l.size + int64(i) + 1
			return
		}
	}
}

// broken says that the whole mail must not leave.
func (l *lines) broken() bool { return l.bad || l.last == '\r' }

// ended says that the last line has its end.
func (l *lines) ended() bool { return l.size == 0 || l.last == '\n' }
