package report

import (
	"bufio"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"mime/quotedprintable"
	"strings"

	"sealpost/mail"
)

const (
	maxRead  = 32 << 20 // octets of a mail that are looked at
	maxParts = 20       // MIME parts, all levels
	maxDepth = 4
)

// Report is what a mail reported: one of the three.
type Report struct {
	Aggregate *Aggregate
	TLS       *TLSReport
	Failure   *Failure
}

// Read finds the report in a mail. The error is ErrNoReport when there is none
// that can be read.
func Read(m mail.Bytes, h mail.Header) (Report, error) {
	r := reader{}
	f, _ := h.Get("Content-Type")
	e, _ := h.Get("Content-Transfer-Encoding")
	size := min(m.Size(), h.End+maxRead)
	err := r.part(mail.ParseContentType(f.Value()), e.Value(), io.NewSectionReader(m, h.End, size-h.End), 0)
	switch {
	case r.found != (Report{}):
		return r.found, nil
	case err != nil:
		return Report{}, fmt.Errorf("%w: %w", ErrNoReport, err)
	}
	return Report{}, ErrNoReport
}

type reader struct {
	found Report
	parts int
}

// part looks into one MIME entity. An error ends the reading of its siblings only
// when the whole is broken.
func (r *reader) part(c mail.ContentType, encoding string, body io.Reader, depth int) error {
	if r.parts++; r.parts > maxParts || depth > maxDepth {
		return errTooMuch
	}
	if c.Type == "multipart" {
		return r.multipart(c, body, depth)
	}
	switch strings.ToLower(strings.TrimSpace(encoding)) {
	case "base64":
		body = base64.NewDecoder(base64.StdEncoding, body)
	case "quoted-printable":
		body = quotedprintable.NewReader(body)
	}
	if c.Media() == "message/feedback-report" {
		f, err := ReadFailure(body)
		if err == nil {
			r.found.Failure = &f
		}
		return err
	}
	if c.Type == "application" || c.Subtype == "xml" || c.Subtype == "json" {
		return r.content(body)
	}
	return nil
}

func (r *reader) multipart(c mail.ContentType, body io.Reader, depth int) error {
	if c.Params["boundary"] == "" {
		return errors.New("multipart without a boundary")
	}
	parts := multipart.NewReader(body, c.Params["boundary"])
	var last error
	for r.found == (Report{}) {
		p, err := parts.NextRawPart()
		if errors.Is(err, io.EOF) {
			return last
		}
		if err != nil {
			return fmt.Errorf("read parts: %w", err)
		}
		inner := mail.ParseContentType(p.Header.Get("Content-Type"))
		if err := r.part(inner, p.Header.Get("Content-Transfer-Encoding"), p, depth+1); err != nil {
			last = err
		}
	}
	return nil
}

// content reads XML or JSON, packed or not, by what it is: file names and media
// types of reports are often wrong.
func (r *reader) content(body io.Reader) error {
	plain, err := unpack(body)
	if err != nil {
		return err
	}
	in := bufio.NewReader(plain)
	for {
		c, _, err := in.ReadRune()
		if err != nil {
			return err
		}
		if strings.ContainsRune(" \t\r\n\ufeff", c) {
			continue
		}
		if err := in.UnreadRune(); err != nil {
			return err
		}
		if c == '{' {
			t, err := ReadTLS(in)
			if err == nil {
				r.found.TLS = &t
			}
			return err
		}
		a, err := ReadAggregate(in)
		if err == nil {
			r.found.Aggregate = &a
		}
		return err
	}
}
