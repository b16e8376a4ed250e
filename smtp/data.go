package smtp

import (
	"bytes"
	"io"
	"time"
)

// patience is how long a mail waits for one of the server's slots.
const patience = 20 * time.Second

var errBusy = "451 4.3.2 too many mails at this moment, try again later"

// data begins a mail that ends with a lone dot (RFC 5321, section 4.1.1.4).
func (g *guard) data(arg string) {
	if arg != "" {
		g.put("501 5.5.4 DATA takes no argument")
		return
	}
	if !g.take() {
		g.put(errBusy)
		return
	}
	g.forward("DATA")
}

// take takes one of the server's slots, which bound the memory that mails under
// way can need together. release gives it back when the next command is read.
func (g *guard) take() bool {
	if g.slot {
		return true
	}
	select {
	case g.server.slots <- struct{}{}:
		g.slot = true
		return true
	default:
	}
	g.flush()
	wait := time.NewTimer(patience)
	defer wait.Stop()
	select {
	case g.server.slots <- struct{}{}:
		g.slot = true
	case <-wait.C:
	case <-g.ctx.Done():
	}
	return g.slot
}

func (g *guard) release() {
	if g.slot {
		<-g.server.slots
		g.slot = false
	}
}

// dotted reads a mail sent by DATA: leading dots removed (RFC 5321, section
// 4.5.2), ended by CRLF.CRLF and by nothing that only looks like it.
type dotted struct {
	g    *guard
	tail [2]byte // the last two octets as sent; CRLF at the start
}

func newDotted(g *guard) *dotted { return &dotted{g: g, tail: [2]byte{'\r', '\n'}} }

func (d *dotted) Read(p []byte) (int, error) {
	for {
		if d.atLineStart() {
			ended, err := d.dot()
			if ended || err != nil {
				return 0, err
			}
		}
		if _, err := d.g.in.Peek(1); err != nil {
			return 0, short(err)
		}
		window, _ := d.g.in.Peek(d.g.in.Buffered())
		if n := copy(p, d.span(window)); n > 0 || len(p) == 0 {
			d.consume(p[:n])
			return n, nil
		}
	}
}

// dot takes a dot at the start of a line away. ended is io.EOF's cause: the
// line was nothing but that dot.
func (d *dotted) dot() (ended bool, err error) {
	first, err := d.g.in.Peek(1)
	if err != nil {
		return false, short(err)
	}
	if first[0] != '.' {
		return false, nil
	}
	line, err := d.g.in.Peek(3)
	if err != nil {
		return false, short(err)
	}
	if bytes.Equal(line, []byte(".\r\n")) {
		d.g.in.Discard(3)
		return true, io.EOF
	}
	d.g.in.Discard(1)
	d.tail = [2]byte{'\n', '.'}
	return false, nil
}

func (d *dotted) atLineStart() bool { return d.tail == [2]byte{'\r', '\n'} }

// span is the part of w up to the next line that starts with a dot.
func (d *dotted) span(w []byte) []byte {
	if d.tail[1] == '\r' && w[0] == '\n' {
		return w[:1]
	}
	if i := bytes.Index(w, []byte("\r\n.")); i >= 0 {
		return w[:i+2]
	}
	return w
}

func (d *dotted) consume(p []byte) {
	d.g.in.Discard(len(p))
	if len(p) == 1 {
		d.tail = [2]byte{d.tail[1], p[0]}
		return
	}
	d.tail = [2]byte(p[len(p)-2:])
}

// short turns an end of input into one no reader takes for the end of a mail.
func short(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
