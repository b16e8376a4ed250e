package files

import (
	"context"
	"errors"
	"io"
	"sync"

	lru "github.com/hashicorp/golang-lru/v2"

	"sealpost/filestore/sealed"
	"sealpost/webmail/api/client"
)

// Ends keeps the sealed beginnings and ends of files that were open, in memory: who
// opens one again, for another range, needs them first.
type Ends struct {
	kept *lru.Cache[string, ends]
}

type ends struct{ head, tail []byte }

// NewEnds keeps those of so many files, some 200 KB each at most.
func NewEnds(n int) *Ends {
	kept, err := lru.New[string, ends](n)
	if err != nil {
		panic("files: " + err.Error()) // n is a constant above zero
	}
	return &Ends{kept}
}

// headChunks is how many chunks come with the header: so a small file is one request.
const headChunks = 3

// Reader is a file of the drive that is open. It asks the server for the chunks that it
// needs, and has a few of them in memory.
type Reader struct {
	file   *sealed.File
	length int64
	src    *chunks
}

// Open opens a file. Its waits end with ctx; it ends with Close. Nothing is released
// before the end was found to be the end.
func (d *Drive) Open(ctx context.Context, v sealed.Head, id string, known *Ends) (*Reader, error) {
	src := &chunks{ctx: ctx, c: d.Server, f: client.File{ID: id, Size: sealed.Size(v.Length)}}
	if err := src.begin(v.Length, known); err != nil {
		return nil, err
	}
	file, err := sealed.Open(src, src.f.Size, v)
	if err != nil {
		src.close()
		known.kept.Remove(id)
		return nil, err
	}
	return &Reader{file, v.Length, src}, nil
}

// Expect says which range is read next: it comes by one request.
func (r *Reader) Expect(from, to int64) {
	_, end := sealed.Span(r.length, from, min(to, r.length))
	r.src.mu.Lock()
	r.src.until = end
	if len(r.src.ends.tail) > 0 {
		r.src.until = min(end, r.src.last)
	}
	r.src.mu.Unlock()
}

// ReadAt is that of io.ReaderAt.
func (r *Reader) ReadAt(p []byte, at int64) (int, error) { return r.file.ReadAt(p, at) }

// Close ends what is on its way.
func (r *Reader) Close() error { return r.src.close() }

// chunks reads a stored file: its ends from memory, the rest as it comes.
type chunks struct {
	ctx  context.Context
	c    *client.Client
	f    client.File
	ends ends
	last int64 // where the tail begins

	mu    sync.Mutex
	until int64 // how far a request goes
	come  io.ReadCloser
	at    int64 // of what comes next
}

func (s *chunks) begin(length int64, known *Ends) (err error) {
	var there bool
	s.last, _ = sealed.Span(length, max(sealed.PaddedLength(length)-1, 0), sealed.PaddedLength(length))
	if s.ends, there = known.kept.Get(s.f.ID); there {
		return nil
	}
	_, to := sealed.Span(length, 0, headChunks*chunkSize)
	if s.ends.head, err = s.fetch(0, to); err == nil && to < s.f.Size {
		s.ends.tail, err = s.fetch(s.last, s.f.Size)
	}
	if err == nil {
		known.kept.Add(s.f.ID, s.ends)
	}
	return err
}

const chunkSize = 64 << 10

// fetch asks again where that may help.
func (s *chunks) fetch(from, to int64) ([]byte, error) {
	b := make([]byte, to-from)
	err := s.again(func() error {
		n, err := s.c.Content(s.ctx, s.f).ReadAt(b, from)
		if n == len(b) {
			return nil
		}
		if err == nil || errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return err
	})
	return b, err
}

func (s *chunks) again(do func() error) error {
	for try := 0; ; try++ {
		err := do()
		if err == nil {
			return nil
		}
		if s.ctx.Err() != nil {
			return context.Cause(s.ctx)
		}
		if try+1 == blockTries || !passing(err) {
			return err
		}
		if err := pause(s.ctx, waitFor(try)); err != nil {
			return err
		}
	}
}

// ReadAt is that of io.ReaderAt.
func (s *chunks) ReadAt(p []byte, at int64) (int, error) {
	if at < 0 || at >= s.f.Size {
		return 0, io.EOF
	}
	want := p[:min(int64(len(p)), s.f.Size-at)]
	n := 0
	if at < int64(len(s.ends.head)) {
		n = copy(want, s.ends.head[at:])
	} else if len(s.ends.tail) > 0 && at >= s.last {
		n = copy(want, s.ends.tail[at-s.last:])
	}
	if n < len(want) {
		if err := s.read(want[n:], at+int64(n)); err != nil {
			return 0, err
		}
	}
	if len(want) < len(p) {
		return len(want), io.EOF
	}
	return len(want), nil
}

// read takes what comes, or asks for it anew where it breaks off.
func (s *chunks) read(p []byte, at int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.again(func() error {
		if s.come == nil || s.at != at {
			s.drop()
			to := max(at+int64(len(p)), min(s.until, s.f.Size))
			come, err := s.c.Range(s.ctx, s.f, at, to)
			if err != nil {
				return err
			}
			s.come, s.at = come, at
		}
		n, err := io.ReadFull(s.come, p)
		p, at, s.at = p[n:], at+int64(n), s.at+int64(n)
		if err != nil {
			s.drop()
			if errors.Is(err, io.EOF) { // the range that was asked for ended here
				err = io.ErrUnexpectedEOF
			}
		}
		return err
	})
}

func (s *chunks) drop() {
	if s.come != nil {
		s.come.Close()
		s.come = nil
	}
}

func (s *chunks) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop()
	return nil
}
