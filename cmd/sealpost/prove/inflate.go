package prove

import (
	"bytes"
	"compress/flate"
	"context"
	"io"
	mathbits "math/bits"
)

const (
	inflateMost = 64 << 20  // octets read of one compressed stream
	inflateAll  = 512 << 20 // and of all in one file
	// rawDeflate bounds how much of a file is searched for deflate streams
	// without a header, which may begin at any octet.
	rawDeflate = 1 << 20
)

// inflater reads deflate streams again and again without new buffers.
type inflater struct {
	r      io.Reader
	source source
	out    []byte
	kind   string // what the stream is called
	begins int64
}

// begin reads a stream of which memory is the beginning; the rest stands in
// file at offset.
func (d *inflater) begin(memory []byte, file io.ReaderAt, offset int64) {
	d.source.p, d.source.file, d.source.offset = memory, file, offset
	if d.r == nil {
		d.r = flate.NewReader(&d.source)
		d.out = make([]byte, 32<<10)
	} else {
		d.r.(flate.Resetter).Reset(&d.source, nil)
	}
}

// source is what is in memory and, should that not be enough, more of the file.
// Most tries end within a few octets.
type source struct {
	p      []byte
	file   io.ReaderAt
	offset int64 // of what comes behind p
	buf    []byte
}

func (s *source) ReadByte() (byte, error) {
	if len(s.p) == 0 {
		if err := s.more(); err != nil {
			return 0, err
		}
	}
	c := s.p[0]
	s.p = s.p[1:]
	return c, nil
}

func (s *source) Read(p []byte) (int, error) {
	if len(s.p) == 0 {
		if err := s.more(); err != nil {
			return 0, err
		}
	}
	n := copy(p, s.p)
	s.p = s.p[n:]
	return n, nil
}

func (s *source) more() error {
	if s.buf == nil {
		s.buf = make([]byte, 64<<10)
	}
	n, err := s.file.ReadAt(s.buf, s.offset)
	s.p, s.offset = s.buf[:n], s.offset+int64(n)
	if n > 0 {
		return nil
	}
	return err
}

// compressed looks into the streams that begin in p, which stands at offset in
// the file: zlib (RFC 1950), gzip (RFC 1952), and deflate (RFC 1951) alone.
func (l *look) compressed(ctx context.Context, p []byte, offset int64) {
	for i := 0; i < len(p)-3; i++ {
		if i&0xffff == 0 && ctx.Err() != nil {
			return
		}
		at := offset + int64(i)
		raw := (at < rawDeflate || zlibHeader(p[:i])) && plausible(p[i:])
		switch {
		case raw && zlibHeader(p[:i]):
			l.inflate(p[i:], at, "zlib", at-2)
		case raw:
			l.inflate(p[i:], at, "deflate", at)
		case p[i] == 0x1f && p[i+1] == 0x8b && p[i+2] == 8:
			if n := gzipHeader(l.at, at); n > 0 {
				l.inflate(nil, at+n, "gzip", at)
			}
		}
	}
}

// zlibHeader says whether p ends with one (RFC 1950, section 2.2), without a
// preset dictionary.
func zlibHeader(p []byte) bool {
	if len(p) < 2 {
		return false
	}
	method, flags := p[len(p)-2], p[len(p)-1]
	return method&0x8f == 8 && flags&0x20 == 0 && (int(method)<<8|int(flags))%31 == 0
}

// gzipHeader is the length of the header at off, with its optional fields.
func gzipHeader(r io.ReaderAt, off int64) int64 {
	head := make([]byte, 4<<10)
	n, _ := r.ReadAt(head, off)
	head = head[:n]
	if n < 10 {
		return 0
	}
	flags, at := head[3], 10
	if flags&4 != 0 && n > 12 {
		at += 2 + (int(head[10]) | int(head[11])<<8)
	}
	for _, text := range []byte{8, 16} { // name, comment
		if flags&text == 0 {
			continue
		}
		end := bytes.IndexByte(head[min(at, n):], 0)
		if end < 0 {
			return 0
		}
		at += end + 1
	}
	if flags&2 != 0 {
		at += 2
	}
	return int64(at)
}

// inflate reads the deflate data that stands at offset and begins with memory,
// and looks for words in it, up to the first octet that is wrong: what a cut
// stream held was written all the same.
func (l *look) inflate(memory []byte, offset int64, kind string, begins int64) {
	if l.inflated >= inflateAll {
		return
	}
	d := &l.inflater
	d.kind, d.begins = kind, begins
	d.begin(memory, l.at, offset+int64(len(memory)))
	s := stream{f: l.find, hit: l.foundInside}
	for total, kept := 0, 0; total < inflateMost; {
		n, err := d.r.Read(d.out[kept:])
		total += n
		l.inflated += int64(n)
		read := s.feed(d.out[:kept+n], err != nil)
		if err != nil {
			return
		}
		kept = copy(d.out, d.out[read:kept+n])
	}
}

func (l *look) foundInside(f form, _ int64, _ bool) {
	l.hit(l.inflater.begins, f.name+" in a "+l.inflater.kind+" stream")
}

// plausible says whether a deflate stream may begin at p. Stored blocks are
// left out: what they hold stands there raw. For blocks with codes of their own
// the lengths must make a complete code; those with the fixed code have nothing
// to check but their first symbols.
func plausible(p []byte) bool {
	switch p[0] >> 1 & 3 {
	case 1:
		return plausibleFixed(p)
	case 2:
		return plausibleDynamic(p)
	}
	return false
}

// bits reads deflate's bits, least significant first.
type bits struct {
	p  []byte
	at int
}

// take reads n bits, at most 8, or gives -1 where there are none.
func (b *bits) take(n int) int {
	i := b.at >> 3
	if i+1 >= len(b.p) {
		return -1
	}
	v := (int(b.p[i]) | int(b.p[i+1])<<8) >> (b.at & 7)
	b.at += n
	return v & (1<<n - 1)
}

// code reads n bits, most significant first, as Huffman codes are packed.
func (b *bits) code(n int) int {
	v := b.take(n)
	if v < 0 {
		return -1
	}
	return int(mathbits.Reverse8(uint8(v))) >> (8 - n)
}

// plausibleDynamic: RFC 1951, section 3.2.7.
func plausibleDynamic(p []byte) bool {
	b := bits{p, 3}
	literals, distances, lengths := b.take(5), b.take(5), b.take(4)
	if literals < 0 || literals > 29 || distances > 29 || lengths < 0 {
		return false
	}
	room := 1 << 7
	for range lengths + 4 {
		n := b.take(3)
		if n < 0 {
			return false
		}
		if n > 0 {
			room -= 1 << (7 - n)
		}
	}
	return room == 0
}

// plausibleFixed reads some symbols (RFC 1951, section 3.2.6): nothing can be
// copied from before the beginning.
func plausibleFixed(p []byte) bool {
	b := bits{p, 3}
	for literals := range 12 {
		code := b.code(7)
		switch {
		case code < 0:
			return false
		case code < 0b0011000: // end, or a copy
			return code != 0 && literals > 0 && copies(&b, code, literals)
		case code < 0b1100000:
			b.at++
		case code < 0b1100100: // 280 to 287: long copies
			return literals > 0
		default:
			b.at += 2
		}
	}
	return true
}

// copies says whether a copy of that length code reaches back no further than
// what was read.
func copies(b *bits, code, literals int) bool {
	if code > 8 {
		b.at += (code - 5) / 4 // extra bits of the length
	}
	distance := b.code(5)
	if distance < 4 {
		return distance >= 0 && distance < literals
	}
	if distance > 29 {
		return false
	}
	extra := distance/2 - 1
	return (2+distance&1)<<extra < literals
}
