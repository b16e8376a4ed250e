package pgp

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"time"

	"sealpost/mail"
)

// A header letter keeps what an end-to-end mail had besides its packets: our
// lines, the original header, the MIME framing and the shape of the armor.
// Its content is a front block, then all bytes before the armored lines, then
// all bytes behind them; docs/formats.md gives every byte.

// headerContent is the content of a header letter before it is encrypted.
func headerContent(m Mail, c *ciphertext, pkesks []byte, sized func(int64) int64) ([]byte, error) {
	prefix, suffix := c.start, m.Bytes.Size()-c.end
	line := func(front, padding int) string {
		return fmt.Sprintf(headerField+" v=1; front=%010d; pad=%05d; prefix=%010d; suffix=%010d; raw=%010d; width=%04d; message=%x; time=%d\r\n",
			front, padding, prefix, suffix, c.raw, c.width, messageTag(pkesks), m.Time.Unix())
	}
	front := len(line(0, 0)) + len(m.Trace)
	padding := paddingFor(int64(front)+prefix+suffix, sized)
	front += padding
	b := bytes.NewBuffer(make([]byte, 0, int64(front)+prefix+suffix))
	b.WriteString(line(front, padding))
	b.Write(appendPadding(nil, padding))
	b.Write(m.Trace)
	if err := copyRange(b, m.Bytes, 0, c.start); err != nil {
		return nil, fmt.Errorf("read mail: %w", err)
	}
	if err := copyRange(b, m.Bytes, c.end, m.Bytes.Size()); err != nil {
		return nil, fmt.Errorf("read mail: %w", err)
	}
	return b.Bytes(), nil
}

// packets writes the raw packets of a message, out of its armor.
func (c *ciphertext) packets(m mail.Bytes) func(io.Writer) error {
	return func(w io.Writer) error {
		lines := bufio.NewReaderSize(io.NewSectionReader(m, c.start, c.end-c.start), 32<<10)
		n, err := io.Copy(w, base64.NewDecoder(base64.StdEncoding.Strict(), lines))
		if err == nil && n != c.raw {
			err = errLength
		}
		return err
	}
}

// messageLetter is the sender's own packets, untouched.
func (c *ciphertext) messageLetter(m mail.Bytes) (Letter, error) {
	l := Letter{Kind: KindMessage, size: c.raw, write: c.packets(m)}
	if c.raw > eager {
		return l, nil
	}
	b := bytes.NewBuffer(make([]byte, 0, c.raw))
	if err := l.write(b); err != nil {
		return Letter{}, fmt.Errorf("read mail: %w", err)
	}
	return ready(KindMessage, b.Bytes()), nil
}

// pkesks are the packets that name a message in its card.
func (c *ciphertext) pkesks(m mail.Bytes) ([]byte, error) {
	lines := io.NewSectionReader(m, c.start, c.end-c.start)
	return headKeys(base64.NewDecoder(base64.StdEncoding.Strict(), lines))
}

// headerGist looks at the header section alone: what is behind it is
// ciphertext, and its armor lines would make words that nobody wrote.
func headerGist(ctx context.Context, m Mail) *mail.Gist {
	top := io.NewSectionReader(m.Bytes, 0, m.Gist.Header.End)
	g := mail.Look(ctx, top, mail.DefaultLimits)
	g.Attachments, g.Snippet = nil, ""
	return g
}

// SessionKeys reads the PKESK packets at the head of a message letter or a
// header letter. With a terms or body letter behind them they are an ordinary
// OpenPGP message. Terms and body stand under the session key of the header
// letter where a mail has one, because nobody but its sender and its reader
// know the message letter's.
func SessionKeys(letter io.ReaderAt) ([]byte, error) {
	return headKeys(io.NewSectionReader(letter, 0, maxPKESKHead+(64<<10)))
}

func headKeys(in io.Reader) ([]byte, error) {
	count := &countingReader{r: in}
	var head bytes.Buffer
	r := bufio.NewReader(io.TeeReader(count, &head))
	var end int64
	h, err := readPKESKs(r, func([]byte) error {
		end = count.n - int64(r.Buffered())
		return nil
	})
	if err != nil || h.tag != tagSEIPD {
		return nil, fmt.Errorf("read session keys: %w", errors.Join(errPacket, err))
	}
	return head.Bytes()[:end], nil
}

// headerPlan is an opened header letter: how to write the mail again around
// the packets of its message letter.
type headerPlan struct {
	trace, prefix, suffix []byte
	raw                   int64
	width                 int
	message               string // messageTag in hex
	time                  time.Time
}

func readHeaderPlan(r *bufio.Reader) (*headerPlan, error) {
	line, values, err := readFrontLine(r, headerField, []string{"front", "pad", "prefix", "suffix", "raw", "width", "message", "time"})
	if err != nil {
		return nil, err
	}
	n := numbers{values: values}
	p := &headerPlan{
		raw:     n.get("raw", maxLiteral),
		width:   int(n.get("width", maxColumns)),
		message: values["message"],
		time:    time.Unix(n.get("time", 1<<40), 0),
	}
	front := n.get("front", maxFront) - int64(len(line))
	padding := n.get("pad", front)
	prefix, suffix := n.get("prefix", 8*maxFraming), n.get("suffix", maxFraming)
	if n.bad || front < 0 || p.width < 1 {
		return nil, errPayload
	}
	all := make([]byte, front+prefix+suffix)
	if _, err := io.ReadFull(r, all); err != nil {
		return nil, noEOF(err)
	}
	if _, err := r.ReadByte(); err != io.EOF {
		return nil, errors.Join(errPayload, err)
	}
	p.trace, p.prefix, p.suffix = all[padding:front], all[front:front+prefix], all[front+prefix:]
	return p, nil
}

// shown is what a reader wants to see: our lines and the original header.
func (p *headerPlan) shown() []byte {
	end := bytes.Index(p.prefix, []byte("\r\n\r\n"))
	if end < 0 {
		return append(bytes.Clone(p.trace), p.prefix...)
	}
	return append(bytes.Clone(p.trace), p.prefix[:end+4]...)
}

// restore writes the mail as it arrived, with the packets of the message
// letter that in is at.
func (p *headerPlan) restore(in *input, w io.Writer) error {
	if _, err := w.Write(p.prefix); err != nil {
		return err
	}
	a := newArmorWriter(w, p.width)
	one := &oneMessage{r: in.body()}
	n, err := io.Copy(a, one)
	if err != nil {
		return fmt.Errorf("read message letter: %w", err)
	}
	if tag := fmt.Sprintf("%x", messageTag(one.pkesks)); n != p.raw || tag != p.message {
		return errors.New("the message letter is not the one of this header letter")
	}
	if err := a.Close(); err != nil {
		return err
	}
	_, err = w.Write(p.suffix)
	return err
}
