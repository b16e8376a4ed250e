package mail

import (
	"crypto/rand"
	"fmt"
	"io"
)

// entity is a displayable part, or a multipart of them.
type entity struct {
	subtype    string // of a multipart; empty for a leaf
	header     []byte // a leaf's MIME fields
	start, end int64  // a leaf's body in the mail
	parts      []*entity
}

// prune drops multiparts without parts and those around a single one.
func (e *entity) prune() *entity {
	if e.subtype == "" {
		return e
	}
	kept := e.parts[:0]
	for _, p := range e.parts {
		if p = p.prune(); p != nil {
			kept = append(kept, p)
		}
	}
	switch e.parts = kept; len(kept) {
	case 0:
		return nil
	case 1:
		return kept[0]
	}
	return e
}

// WriteBody writes the displayable parts of m, without attachments, as a MIME
// entity of its own (header section and body, CRLF lines). Alternatives stay
// alternatives; the leaves are copied as they were transferred. A mail without
// displayable text gives an empty text/plain.
func (g *Gist) WriteBody(w io.Writer, m Bytes) error {
	body := g.body
	if body == nil {
		body = &entity{}
	}
	if err := body.write(w, m); err != nil {
		return fmt.Errorf("write displayable parts: %w", err)
	}
	return nil
}

func (e *entity) write(w io.Writer, m Bytes) error {
	if e.subtype != "" {
		return e.writeParts(w, m)
	}
	header := e.header
	if len(header) == 0 {
		header = []byte("Content-Type: text/plain\r\n")
	}
	if _, err := fmt.Fprintf(w, "%s\r\n", header); err != nil {
		return err
	}
	_, err := io.Copy(w, io.NewSectionReader(m, e.start, e.end-e.start))
	return err
}

// writeParts writes a multipart. Its boundary is 130 random bits, drawn after
// the sender wrote, so no content holds it.
func (e *entity) writeParts(w io.Writer, m Bytes) error {
	boundary := rand.Text()
	if _, err := fmt.Fprintf(w, "Content-Type: multipart/%s; boundary=%q\r\n\r\n", e.subtype, boundary); err != nil {
		return err
	}
	for _, p := range e.parts {
		if _, err := fmt.Fprintf(w, "--%s\r\n", boundary); err != nil {
			return err
		}
		if err := p.write(w, m); err != nil {
			return err
		}
		if _, err := io.WriteString(w, "\r\n"); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(w, "--%s--\r\n", boundary)
	return err
}
