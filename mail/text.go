package mail

import (
	"bytes"
	"context"
	"errors"
	"io"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/transform"
)

// texts collects words and the snippet from all leaves of a mail.
type texts struct {
	words   wordSplitter
	snippet snippet
	left    int64 // decoded bytes that may still be read
	room    *scratch
}

// message adds the words at the head of an attached message.
func (t *texts) message(h Header) {
	t.words.envelope(ReadEnvelope(h))
}

// readText reads the words of a displayable leaf that ends at end.
func (w *walker) readText(ctx context.Context, l *leaf, end int64) {
	if w.text.left <= 0 {
		w.stop()
		return
	}
	src := decodeTransfer(&boundedReader{src: w.win.reader(l.start, end), ok: func() bool { return w.inTime(ctx) }}, l.encoding)
	bounded := &io.LimitedReader{R: charsetReader(src, l.kind.Params["charset"], w.room.guess[:]), N: w.text.left}
	shown := l.entity != nil && l.kind.Subtype != "calendar"
	var err error
	if l.kind.Subtype == "html" {
		err = w.text.html(bounded, shown)
	} else {
		err = w.text.plain(bounded, shown)
	}
	w.text.words.flush()
	w.text.snippet.endLeaf()
	if w.text.left = bounded.N; w.text.left <= 0 || err != nil {
		w.stop()
	}
}

// boundedReader fails when ok says no.
type boundedReader struct {
	src io.Reader
	ok  func() bool
}

var errBound = errors.New("a bound was met")

func (r *boundedReader) Read(p []byte) (int, error) {
	if !r.ok() {
		return 0, errBound
	}
	return r.src.Read(p)
}

// reader reads [start, end) of the mail, from the window if it holds it.
func (w *window) reader(start, end int64) io.Reader {
	if start >= w.base && end <= w.base+int64(len(w.buf)) {
		return bytes.NewReader(w.buf[start-w.base : end-w.base])
	}
	return io.NewSectionReader(w.m, start, end-start)
}

// charsetReader makes UTF-8 of src. Text that names no charset, or an unknown
// one, is taken for UTF-8 if it begins like it, else for Windows-1252. head is room
// that is in use as long as the reader.
func charsetReader(src io.Reader, name string, head []byte) io.Reader {
	if enc := charset(name); enc != nil {
		return transform.NewReader(src, enc.NewDecoder())
	}
	if name = lower(name); name == "utf-8" || name == "utf8" {
		return src
	}
	n, err := io.ReadFull(src, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return src
	}
	src = &pushback{rest: head[:n], src: src}
	if utf8.Valid(head[:wholeRunes(head[:n])]) {
		return src
	}
	return transform.NewReader(src, charmap.Windows1252.NewDecoder())
}

// wholeRunes is the length of p without a character cut at its end.
func wholeRunes(p []byte) int {
	for n := len(p) - 1; n >= 0 && n > len(p)-utf8.UTFMax; n-- {
		if utf8.RuneStart(p[n]) {
			if utf8.FullRune(p[n:]) {
				break
			}
			return n
		}
	}
	return len(p)
}

// html reads the words of an HTML text.
func (t *texts) html(src io.Reader, shown bool) error {
	h := htmlReader{src: pushback{src: src}, emit: func(text []byte, quoted bool) {
		t.words.feed(text)
		if shown && !quoted {
			t.snippet.feed(text, false)
		}
	}}
	return h.read()
}

// plain reads the words of a plain text. What has a NUL early on is no text,
// whatever its Content-Type says.
func (t *texts) plain(src io.Reader, shown bool) error {
	buf, first := t.room.text[:], true
	for have := 0; ; {
		n, err := src.Read(buf[have:])
		have += n
		if first && n > 0 && bytes.IndexByte(buf[:have], 0) >= 0 {
			return nil
		}
		first = first && n == 0
		whole := wholeRunes(buf[:have])
		if err != nil {
			whole = have
		}
		t.words.feed(buf[:whole])
		if shown {
			t.snippet.feed(buf[:whole], true)
		}
		have = copy(buf, buf[whole:have])
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// snippet is the beginning of the displayable text: white space is one space,
// quoted lines are left out.
type snippet struct {
	b     []byte
	gap   bool // a space is due
	mid   bool // in the middle of a line
	quote bool // in a quoted line
	full  bool
}

func (s *snippet) feed(p []byte, lines bool) {
	for i := 0; i < len(p) && !s.full; {
		r, size := utf8.DecodeRune(p[i:])
		i += size
		switch {
		case lines && r == '\n':
			s.mid, s.quote, s.gap = false, false, true
		case s.quote:
		case lines && r == '>' && !s.mid:
			s.quote = true
		case unicode.IsSpace(r), unicode.IsControl(r):
			s.gap = true
		case isIgnorable(r), r == '\u200b', r == utf8.RuneError && size == 1:
		default:
			s.mid = true
			s.put(r)
		}
	}
}

func (s *snippet) put(r rune) {
	n := len(s.b)
	if s.gap && n > 0 {
		s.b = append(s.b, ' ')
	}
	s.gap = false
	s.b = utf8.AppendRune(s.b, r)
	if len(s.b) > maxSnippet {
		s.b, s.full = s.b[:n], true
	}
}

// endLeaf closes the snippet once a leaf gave any.
func (s *snippet) endLeaf() {
	s.full = s.full || len(s.b) > 0
	s.mid, s.quote, s.gap = false, false, true
}

func (s *snippet) String() string { return string(s.b) }
