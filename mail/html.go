package mail

import (
	"bytes"
	"errors"
	"io"

	"golang.org/x/net/html"
)

// maxToken bounds one token of HTML in memory; images in data: addresses are
// longer and are skipped.
const maxToken = 64 << 10

// htmlReader finds the text of an HTML document, without building a tree. What
// browsers do not show (head, scripts, styles, comments) is left out.
type htmlReader struct {
	src    pushback
	emit   func(text []byte, quoted bool)
	raw    string // the element whose raw text is being skipped
	head   bool   // inside head
	quotes int    // blockquotes around
}

// isInline picks the elements that do not part words; all others do.
func isInline(name []byte) bool {
	switch string(name) {
	case "a", "abbr", "acronym", "b", "bdi", "bdo", "big", "cite", "code", "del", "dfn", "em", "font", "i", "ins",
		"kbd", "mark", "q", "s", "samp", "small", "span", "strike", "strong", "sub", "sup", "tt", "u", "var", "wbr":
		return true
	}
	return false
}

// space parts words where an element does.
var space = []byte(" ")

// read gives all text to emit. Its error is the source's.
func (h *htmlReader) read() error {
	for {
		z := html.NewTokenizer(&h.src)
		z.SetMaxBuf(maxToken)
		kind := h.tokens(z)
		err := z.Err()
		if !errors.Is(err, html.ErrBufferExceeded) {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		h.src.unread(z.Buffered())
		if err := h.skipRest(kind); err != nil {
			return err
		}
	}
}

// tokens works through z until it errs and says which token came last.
func (h *htmlReader) tokens(z *html.Tokenizer) (last html.TokenType) {
	for {
		kind := z.Next()
		switch kind {
		case html.ErrorToken:
			return last
		case html.TextToken:
			if h.raw == "" && !h.head {
				h.emit(z.Text(), h.quotes > 0)
			}
		case html.StartTagToken, html.SelfClosingTagToken:
			name, _ := z.TagName()
			h.start(name)
		case html.EndTagToken:
			name, _ := z.TagName()
			h.end(name)
		}
		last = kind
	}
}

func (h *htmlReader) start(name []byte) {
	switch string(name) {
	case "head":
		h.head = true
	case "script", "style", "title", "iframe", "noembed", "noframes":
		h.raw = string(name)
	case "meta", "link", "base", "noscript", "template", "xml":
	case "blockquote":
		h.quotes++
		h.head = false
	default: // a head that nobody closed ends where the body begins
		h.head = false
	}
	h.part(name)
}

func (h *htmlReader) end(name []byte) {
	switch string(name) {
	case h.raw:
		h.raw = ""
	case "head":
		h.head = false
	case "blockquote":
		h.quotes = max(0, h.quotes-1)
	}
	h.part(name)
}

func (h *htmlReader) part(name []byte) {
	if !isInline(name) {
		h.emit(space, h.quotes > 0)
	}
}

// skipRest skips what is left of a token that was too long. Text goes on as text.
func (h *htmlReader) skipRest(kind html.TokenType) error {
	switch {
	case h.raw != "":
		return h.src.skipTo([]byte("</"))
	case kind == html.CommentToken:
		return h.src.skipTo([]byte("-->"))
	case kind != html.TextToken:
		return h.src.skipTo([]byte(">"))
	}
	return nil
}

// pushback is a reader that takes back what was read too far.
type pushback struct {
	rest []byte
	src  io.Reader
}

func (p *pushback) Read(b []byte) (int, error) {
	if len(p.rest) > 0 {
		n := copy(b, p.rest)
		p.rest = p.rest[n:]
		return n, nil
	}
	return p.src.Read(b)
}

func (p *pushback) unread(b []byte) {
	p.rest = append(bytes.Clone(b), p.rest...)
}

// skipTo reads up to the first occurrence of end, which stays unread.
func (p *pushback) skipTo(end []byte) error {
	buf := make([]byte, 4096)
	for have := 0; ; {
		n, err := p.Read(buf[have:])
		have += n
		if i := bytes.Index(buf[:have], end); i >= 0 {
			p.unread(buf[i:have])
			return nil
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		keep := min(have, len(end)-1)
		copy(buf, buf[have-keep:have])
		have = keep
	}
}
