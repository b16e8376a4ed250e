package report

import (
	"bufio"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

const (
	maxUnpacked = 16 << 20 // octets of a report
	maxFolders  = 10       // entries of a zip archive that are passed over
)

var errTooMuch = errors.New("more of it than is read")

// unpack opens gzip and zip. What comes out is bounded, whatever went in.
func unpack(r io.Reader) (io.Reader, error) {
	in := bufio.NewReader(r)
	head, err := in.Peek(4)
	switch {
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}):
		z, err := gzip.NewReader(in)
		if err != nil {
			return nil, fmt.Errorf("open gzip: %w", err)
		}
		return &bounded{z, maxUnpacked}, nil
	case bytes.Equal(head, []byte("PK\x03\x04")):
		return unzip(in)
	case len(head) == 0:
		return nil, fmt.Errorf("read part: %w", err)
	}
	return &bounded{in, maxUnpacked}, nil
}

// unzip opens the first file of an archive by its local header. The directory at
// the end, which costs memory for each of its entries, is not read.
func unzip(in *bufio.Reader) (io.Reader, error) {
	for range maxFolders {
		var h [30]byte
		if _, err := io.ReadFull(in, h[:]); err != nil || string(h[:4]) != "PK\x03\x04" {
			return nil, errors.New("no file in the archive")
		}
		method, size := binary.LittleEndian.Uint16(h[8:]), binary.LittleEndian.Uint32(h[18:])
		name := make([]byte, binary.LittleEndian.Uint16(h[26:]))
		if _, err := io.ReadFull(in, name); err != nil {
			return nil, fmt.Errorf("open zip: %w", err)
		}
		if _, err := in.Discard(int(binary.LittleEndian.Uint16(h[28:]))); err != nil {
			return nil, fmt.Errorf("open zip: %w", err)
		}
		switch {
		case bytes.HasSuffix(name, []byte("/")) && size == 0:
		case method == 8:
			return &bounded{flate.NewReader(in), maxUnpacked}, nil
		case method == 0:
			return &bounded{io.LimitReader(in, int64(size)), maxUnpacked}, nil
		default:
			return nil, errors.New("a file in the archive is packed in a way that nobody uses")
		}
	}
	return nil, errTooMuch
}

// bounded fails, not ends, where too much is read.
type bounded struct {
	r    io.Reader
	left int64
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errTooMuch
	}
	n, err := b.r.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}
