package sealed

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"

	"filippo.io/age"
)

// File is a sealed file that is open: its content, without the padding, at any offset
// and from many goroutines.
type File struct {
	*io.SectionReader
	whole  io.ReaderAt // with the padding
	length int64
}

// Open opens a sealed file of which src has size bytes, under the secret of h and with
// h's length. It reads the header and the last chunk before it returns: so what was cut,
// lengthened or put together is refused before any range of it is released. A failure
// to read src is returned as it is, and everything else is ErrClosed.
func Open(src io.ReaderAt, size int64, h Head) (*File, error) {
	if h.Length < 0 || h.Length > MaxLength || size != Size(h.Length) {
		return nil, ErrClosed
	}
	id, err := h.Secret.identity()
	if err != nil {
		return nil, ErrClosed
	}
	source := &source{src: src}
	begin := make([]byte, len(headerBegin))
	if _, err := source.ReadAt(begin, 0); err != nil || string(begin) != headerBegin {
		return nil, source.reason()
	}
	whole, padded, err := age.DecryptReaderAt(source, size, id)
	if err != nil || padded != PaddedLength(h.Length) {
		return nil, source.reason()
	}
	f := &File{whole: &uniform{whole, source}, length: h.Length}
	f.SectionReader = io.NewSectionReader(f.whole, 0, h.Length)
	return f, nil
}

// Span is which bytes of a sealed file, whose content has n, hold the chunks of a range of
// it: what to fetch to open the range. Header and last chunk are asked for besides.
func Span(n, from, to int64) (begin, end int64) {
	at := func(chunk int64) int64 { return headerSize + nonceSize + chunk*(chunkSize+chunkTag) }
	return at(from / chunkSize), min(at((to+chunkSize-1)/chunkSize), Size(n))
}

// Length is that of the content.
func (f *File) Length() int64 { return f.length }

// Check reads the padding, which must be zeros: nothing is hidden behind the content.
// Who reads a whole file does so too.
func (f *File) Check() error {
	return checkZeros(io.NewSectionReader(f.whole, f.length, PaddedLength(f.length)-f.length))
}

func checkZeros(r io.Reader) error {
	buf := make([]byte, chunkSize)
	for {
		n, err := r.Read(buf)
		if len(bytes.Trim(buf[:n], "\x00")) > 0 {
			return ErrClosed
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// Receive opens a sealed file that comes in one piece, from src to dst, and reads src to
// its end. Each chunk was authenticated before it goes to dst, but only when Receive
// returns nil was it the whole file: until then it must not stand under its name.
// Failures to read or write are returned as they are, and everything else is ErrClosed.
func Receive(dst io.Writer, src io.Reader, h Head) error {
	if h.Length < 0 || h.Length > MaxLength {
		return ErrClosed
	}
	id, err := h.Secret.identity()
	if err != nil {
		return ErrClosed
	}
	size := Size(h.Length)
	source := &stream{src: src, left: size}
	begin := make([]byte, len(headerBegin))
	if _, err := io.ReadFull(source, begin); err != nil || string(begin) != headerBegin {
		return source.reason()
	}
	plain, err := age.Decrypt(io.MultiReader(bytes.NewReader(begin), source), id)
	if err != nil {
		return source.reason()
	}
	to := &target{dst: dst}
	n, err := io.CopyBuffer(to, io.LimitReader(plain, h.Length), make([]byte, chunkSize))
	if err != nil || n != h.Length {
		if to.err != nil {
			return fmt.Errorf("write opened file: %w", to.err)
		}
		return source.reason()
	}
	if err := checkZeros(plain); err != nil {
		return source.reason()
	}
	// age read as far as its last chunk, and the size says that nothing is missing.
	if source.left != 0 || source.more() {
		return source.reason()
	}
	return nil
}

// source remembers why src could not be read, so that a device that fails is not taken
// for a file that was forged.
type source struct {
	src io.ReaderAt
	mu  sync.Mutex
	err error
}

func (s *source) ReadAt(p []byte, at int64) (int, error) {
	n, err := s.src.ReadAt(p, at)
	if err != nil && !errors.Is(err, io.EOF) {
		s.mu.Lock()
		s.err = err
		s.mu.Unlock()
	}
	return n, err
}

func (s *source) reason() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		err := s.err
		s.err = nil
		return fmt.Errorf("read sealed file: %w", err)
	}
	return ErrClosed
}

// uniform says of every chunk that does not open the same.
type uniform struct {
	io.ReaderAt
	source *source
}

func (u *uniform) ReadAt(p []byte, at int64) (int, error) {
	n, err := u.ReaderAt.ReadAt(p, at)
	if err != nil && !errors.Is(err, io.EOF) {
		err = u.source.reason()
	}
	return n, err
}

// stream is at most left bytes of src.
type stream struct {
	src  io.Reader
	left int64
	err  error
}

func (s *stream) Read(p []byte) (int, error) {
	if s.left == 0 {
		return 0, io.EOF
	}
	n, err := s.src.Read(p[:min(int64(len(p)), s.left)])
	s.left -= int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
	}
	return n, err
}

// more says whether something stands behind what should be the end.
func (s *stream) more() bool {
	n, err := io.ReadFull(s.src, make([]byte, 1))
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
	}
	return n > 0 || s.err != nil
}

func (s *stream) reason() error {
	if s.err != nil {
		return fmt.Errorf("read sealed file: %w", s.err)
	}
	return ErrClosed
}

// target remembers why dst took no more.
type target struct {
	dst io.Writer
	err error
}

func (t *target) Write(p []byte) (int, error) {
	n, err := t.dst.Write(p)
	if err != nil {
		t.err = err
	}
	return n, err
}
