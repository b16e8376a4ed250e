package submission

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"sealpost/filestore/sealed/cut"
	"sealpost/filestore/spool"
	"sealpost/mail"
	"sealpost/smtp"
)

// draft is a mail as its sender wrote it, and what was found out about it.
type draft struct {
	id     string
	time   time.Time
	raw    *spool.Spool
	lines  lines
	header mail.Header
	author mail.Address // the first of From
	wish   wish
	cut    *cut.Cut // the mail with links in place of large attachments; nil: it has none
	note   string   // what the queue keeps of it for us
	// What is put in front of it: fields it lacked, the sender's key, our trace.
	added, autocrypt, trace []byte
}

// maxHeader is how much of a header section is taken, in octets. Ours go in front of
// it, and who signs, encrypts and judges reads 256 KiB.
const maxHeader = 200 << 10

var errLines = &smtp.Reply{Code: 554, Enhanced: "5.6.0", Text: "message holds a bare CR, a bare LF or a NUL"}

// draft reads a whole mail and takes its header apart. Its caller closes raw.
func (h *Handler) draft(r io.Reader) (*draft, error) {
	d := &draft{id: newID(), time: h.Now(), raw: h.newSpool(h.message())}
	if err := d.fill(r); err != nil {
		d.raw.Close()
		return nil, err
	}
	return d, nil
}

var buffers = sync.Pool{New: func() any { return new([32 << 10]byte) }}

func (d *draft) fill(r io.Reader) error {
	b := buffers.Get().(*[32 << 10]byte)
	defer func() {
		clear(b[:]) // nothing readable outlives its mail
		buffers.Put(b)
	}()
	if _, err := io.CopyBuffer(io.MultiWriter(d.raw, &d.lines), onlyReader{r}, b[:]); err != nil {
		return fmt.Errorf("take mail: %w", err)
	}
	if d.lines.broken() {
		return errLines
	}
	var err error
	if d.header, err = mail.ReadHeader(d.raw, 0, maxHeader); err != nil {
		return fmt.Errorf("read header: %w", err)
	}
	return shape(d.header)
}

// onlyReader hides a WriterTo, which would take a buffer of its own.
type onlyReader struct{ io.Reader }

// leaving is what others get of it: its header without what is nobody's business. The
// body stays octet for octet, so signatures in it hold.
func (d *draft) leaving() mail.Joined {
	return join(d.autocrypt, d.added, leaving(d.header), "\r\n", d.body())
}

// kept is what its sender keeps of it, blind copies and all.
func (d *draft) kept() mail.Joined {
	return join(d.added, keeping(d.header), "\r\n", d.body())
}

// body is what follows the header, ended by CRLF as every mail that travels is.
func (d *draft) body() mail.Joined {
	text := mail.Bytes(d.raw)
	if d.cut != nil {
		text = d.cut.Mail
	}
	size := text.Size() - d.header.End
	j := join(io.NewSectionReader(text, d.header.End, size))
	if size > 0 && !d.lines.ended() {
		j = join(j, "\r\n")
	}
	return j
}

// visible are the recipients that its readers see.
func (d *draft) visible() map[string]bool {
	e := mail.ReadEnvelope(d.header)
	seen := make(map[string]bool)
	for _, m := range append(e.To, e.Cc...) {
		if a, err := mail.ParseAddress(mail.Address{Local: m.Local, Domain: m.Domain}.String()); err == nil {
			seen[a.Key()] = true
		}
	}
	return seen
}

// needs says which extensions a text needs on its way: one for UTF-8 in its header
// (RFC 6532), one for octets beyond ASCII anywhere (RFC 6152).
func (d *draft) needs(content mail.Bytes, sealed bool) (utf8, eight bool, err error) {
	h, err := mail.ReadHeader(content, 0, content.Size())
	if err != nil {
		return false, false, fmt.Errorf("read header: %w", err)
	}
	for _, f := range h.Fields {
		utf8 = utf8 || !ascii(string(f.Raw))
	}
	return utf8, utf8 || !sealed && d.lines.eight > d.header.End, nil
}

func ascii(s string) bool {
	return strings.IndexFunc(s, func(c rune) bool { return c > '~' }) < 0
}
