package report

import (
	"encoding/xml"
	"io"
)

const (
	maxTag  = 4 << 10  // octets between < and >
	maxText = 64 << 10 // octets between > and <
	maxDeep = 30       // elements in each other
	maxMany = 1 << 19  // tokens, of which a row has about a hundred
)

// newXML reads XML of strangers: no tag, text, depth or number of it makes the library
// take more memory or time than these bounds. Words of a report are ASCII, so no charset
// is converted.
func newXML(r io.Reader) *xml.Decoder {
	d := xml.NewDecoder(&even{r: r})
	d.Strict = false
	d.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil }
	return xml.NewTokenDecoder(&shallow{d: d})
}

// even fails at tags and texts that are too long.
type even struct {
	r   io.Reader
	tag bool
	n   int
}

func (e *even) Read(p []byte) (int, error) {
	n, err := e.r.Read(p)
	for _, c := range p[:n] {
		e.n++
		switch {
		case c == '<', c == '>':
			e.tag, e.n = c == '<', 0
		case e.tag && e.n > maxTag, e.n > maxText:
			return 0, errTooMuch
		}
	}
	return n, err
}

// shallow fails where elements are too deep in each other, or too many.
type shallow struct {
	d     *xml.Decoder
	depth int
	many  int
}

func (s *shallow) Token() (xml.Token, error) {
	if s.many++; s.many > maxMany {
		return nil, errTooMuch
	}
	t, err := s.d.Token()
	switch t.(type) {
	case xml.StartElement:
		if s.depth++; s.depth > maxDeep {
			return nil, errTooMuch
		}
	case xml.EndElement:
		s.depth--
	}
	return t, err
}

// few is a list of elements of which no more than maxList are kept.
type few[T any] []T

func (l *few[T]) UnmarshalXML(d *xml.Decoder, start xml.StartElement) error {
	if len(*l) >= maxList {
		return d.Skip()
	}
	var v T
	if err := d.DecodeElement(&v, &start); err != nil {
		return err
	}
	*l = append(*l, v)
	return nil
}
