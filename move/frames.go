package move

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"time"

	"sealpost/filestore/spool"
)

// Messages cross from one process to another as frames: a line of JSON, then the
// text in chunks, each with its length in four octets, and an empty one. A line
// that says so ends them; without it they were cut.
type frame struct {
	End      bool      `json:"end,omitempty"`
	Lost     int       `json:"lost,omitempty"` // messages that could not be written, with End
	Mailbox  string    `json:"mailbox,omitempty"`
	Flags    []string  `json:"flags,omitempty"`
	Received time.Time `json:"received,omitzero"`
}

const frameChunk = 64 << 10

// FrameWriter writes messages as frames.
type FrameWriter struct {
	Lost int // messages that could not be written; Close tells the reader
	to   *bufio.Writer
	buf  [frameChunk]byte
}

func NewFrameWriter(w io.Writer) *FrameWriter {
	return &FrameWriter{to: bufio.NewWriterSize(w, 2*frameChunk)}
}

// Write sends one message; text is read to its end.
func (w *FrameWriter) Write(m Message, text io.Reader) error {
	if err := w.line(frame{Mailbox: m.Mailbox, Flags: m.Flags, Received: m.Received}); err != nil {
		return err
	}
	for {
		n, err := io.ReadFull(text, w.buf[:])
		if n > 0 {
			if werr := w.chunk(w.buf[:n]); werr != nil {
				return werr
			}
		}
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return w.chunk(nil)
		}
		if err != nil {
			return fmt.Errorf("read message: %w", err)
		}
	}
}

func (w *FrameWriter) line(f frame) error {
	text, err := json.Marshal(f)
	if err != nil {
		return err
	}
	_, err = w.to.Write(append(text, '\n'))
	return err
}

func (w *FrameWriter) chunk(b []byte) error {
	if err := binary.Write(w.to, binary.BigEndian, uint32(len(b))); err != nil {
		return err
	}
	_, err := w.to.Write(b)
	return err
}

// Flush sends what is held back. Close says that there are no more.
func (w *FrameWriter) Flush() error { return w.to.Flush() }

func (w *FrameWriter) Close() error {
	if err := w.line(frame{End: true, Lost: w.Lost}); err != nil {
		return err
	}
	return w.to.Flush()
}

// FrameReader reads frames.
type FrameReader struct {
	Lost int // what the writer said at its end
	from *bufio.Reader
}

func NewFrameReader(r io.Reader) *FrameReader {
	return &FrameReader{from: bufio.NewReaderSize(r, 2*frameChunk)}
}

// errFrame says that frames are not what FrameWriter writes.
var errFrame = errors.New("messages came broken or cut")

// Next returns the next message and its text, which is read before the next call;
// io.EOF after the last.
func (r *FrameReader) Next() (Message, io.Reader, error) {
	line, err := r.from.ReadSlice('\n')
	if err != nil {
		return Message{}, nil, errFrame
	}
	var f frame
	if json.Unmarshal(line, &f) != nil {
		return Message{}, nil, errFrame
	}
	if f.End {
		r.Lost = f.Lost
		return Message{}, nil, io.EOF
	}
	return Message{Mailbox: f.Mailbox, Flags: f.Flags, Received: f.Received}, &chunks{from: r.from}, nil
}

// chunks reads the text of one frame.
type chunks struct {
	from  *bufio.Reader
	left  int
	ended bool
}

func (c *chunks) Read(p []byte) (int, error) {
	for c.left == 0 {
		if c.ended {
			return 0, io.EOF
		}
		var head [4]byte
		if _, err := io.ReadFull(c.from, head[:]); err != nil {
			return 0, errFrame
		}
		n := binary.BigEndian.Uint32(head[:])
		if n > frameChunk {
			return 0, errFrame
		}
		c.left, c.ended = int(n), n == 0
	}
	n, err := c.from.Read(p[:min(len(p), c.left)])
	c.left -= n
	if err != nil {
		err = errFrame
	}
	return n, err
}

// importMemory is what a message takes of memory before its spool goes to an
// encrypted file; inFlight of them are there at a time.
const importMemory = 256 << 10

// Arrivals reads frames into spools in dir, for an Importer.
func Arrivals(ctx context.Context, r *FrameReader, dir string) iter.Seq2[Arriving, error] {
	return func(yield func(Arriving, error) bool) {
		for {
			m, text, err := r.Next()
			if err == io.EOF {
				return
			}
			s := spool.New(dir, importMemory, 2*MaxMessage) // CRLF for LF may double it
			if err == nil {
				_, err = io.Copy(struct{ io.Writer }{s}, struct{ io.Reader }{text})
			}
			if err = errors.Join(err, ctx.Err()); err != nil {
				s.Close()
				yield(Arriving{}, err)
				return
			}
			if !yield(Arriving{m.Mailbox, m.Flags, m.Received, s}, nil) {
				return
			}
		}
	}
}
