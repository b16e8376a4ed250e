package cut

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"strings"

	"sealpost/mail"
)

// Field is the name of the header field with which a server says, in front of a mail and
// inside its seal, where it put stubs: nobody else can write it there.
const Field = "Sealpost-Cut"

// Fields are those for some places, CRLF lines.
func Fields(places []Place) []byte {
	var b bytes.Buffer
	for _, p := range places {
		fmt.Fprintf(&b, "%s: v=1; at=%d; size=%d\r\n", Field, p.At, p.Size)
	}
	return b.Bytes()
}

// ErrPlaces says that a server's fields are damaged.
var ErrPlaces = errors.New("it does not say where attachments were cut out")

// Places reads those fields of a mail's front (pgp.Opened): none is no error.
func Places(front []byte) (all []Place, err error) {
	end := int64(0)
	for line := range strings.Lines(string(front)) {
		rest, ours := strings.CutPrefix(line, Field+":")
		if !ours {
			continue
		}
		var p Place
		if n, err := fmt.Sscanf(rest, " v=1; at=%d; size=%d\r\n", &p.At, &p.Size); err != nil || n != 2 || string(Fields([]Place{p})) != line {
			return nil, ErrPlaces
		}
		if p.At < end || p.Size < 1 || p.Size > maxStub || len(all) >= maxPieces {
			return nil, ErrPlaces
		}
		all, end = append(all, p), p.At+p.Size
	}
	return all, nil
}

// ErrContent says that what a stub leads to is not what was cut out.
var ErrContent = errors.New("the file is not the one that was cut out")

// Restore writes the mail as it arrived. m is what was stored; fetch gives the content
// that a stub leads to.
func Restore(ctx context.Context, w io.Writer, m mail.Bytes, places []Place, fetch func(context.Context, Stub, io.Writer) error) error {
	var from int64
	for _, p := range places {
		if p.At < from || p.At+p.Size > m.Size() {
			return ErrPlaces
		}
		if _, err := io.Copy(w, io.NewSectionReader(m, from, p.At-from)); err != nil {
			return err
		}
		part := make([]byte, p.Size)
		if _, err := io.ReadFull(io.NewSectionReader(m, p.At, p.Size), part); err != nil {
			return err
		}
		content, ok := bytes.CutPrefix(part, []byte(stubHeader))
		s, err := ParseStub(content)
		if !ok || err != nil {
			return ErrStub
		}
		if err := s.restore(ctx, w, fetch); err != nil {
			return err
		}
		from = p.At + p.Size
	}
	_, err := io.Copy(w, io.NewSectionReader(m, from, m.Size()-from))
	return err
}

// restore writes the part that was cut out.
func (s Stub) restore(ctx context.Context, w io.Writer, fetch func(context.Context, Stub, io.Writer) error) error {
	if _, err := w.Write(s.Header); err != nil {
		return err
	}
	out, in := io.Pipe()
	go func() { in.CloseWithError(fetch(ctx, s, in)) }()
	defer out.Close()
	sum, count := sha256.New(), &counter{}
	if err := s.Coding.write(w, io.TeeReader(out, io.MultiWriter(sum, count))); err != nil {
		return fmt.Errorf("restore an attachment: %w", err)
	}
	if count.n != s.Length || subtle.ConstantTimeCompare(sum.Sum(nil), s.Hash) != 1 {
		return ErrContent
	}
	return nil
}

type counter struct{ n int64 }

func (c *counter) Write(p []byte) (int, error) {
	c.n += int64(len(p))
	return len(p), nil
}
