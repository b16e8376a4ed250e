package files

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"

	"sealpost/filestore/sealed"
	"sealpost/webmail/api/client"
)

// Into is where a Writer keeps what is on its way: some parts in memory and, of a file
// whose length nobody told, the sealed octets in a file without a name.
type Into struct {
	Room  *client.Room
	Spool func() (*os.File, error)
}

// Writer seals a file that comes once, and sends it meanwhile. Nothing readable is kept.
type Writer struct {
	d      *Drive
	ctx    context.Context
	secret sealed.Secret
	length int64 // -1: until it ends
	sum    hash.Hash
	seal   *sealed.Writer
	come   *client.Stream // of a known length,
	held   *held          // or not
	id     string         // then, once it is declared
}

// Write begins a file of so many bytes; -1: nobody knows yet, and all of it is sealed
// before any is sent. It ends with Close, or Abort.
func (d *Drive) Write(ctx context.Context, length int64, into Into) (w *Writer, err error) {
	w = &Writer{d: d, ctx: ctx, secret: sealed.NewSecret(), length: length, sum: sha256.New()}
	var to io.Writer
	if length >= 0 {
		if w.come, err = d.Server.Stream(ctx, sealed.Size(length), into.Room); err != nil {
			return nil, err
		}
		to = w.come
	} else {
		w.held = &held{spool: into.Spool}
		to = w.held
	}
	if w.seal, err = sealed.Seal(to, w.secret); err != nil {
		w.Abort(ctx)
		return nil, err
	}
	return w, nil
}

// ErrLength says that a file was not as long as was told.
var ErrLength = errors.New("expected as many bytes as were announced")

func (w *Writer) Write(p []byte) (int, error) {
	if w.length >= 0 && int64(len(p)) > w.length-w.seal.Length() {
		return 0, ErrLength
	}
	w.sum.Write(p)
	return w.seal.Write(p)
}

// Close makes the file complete and returns what opens it. It is in no folder yet.
func (w *Writer) Close() (v sealed.Version, err error) {
	if w.length >= 0 && w.seal.Length() != w.length {
		return v, ErrLength
	}
	length := w.seal.Length()
	if err := w.seal.Close(); err != nil {
		return v, err
	}
	var f client.File
	if w.come != nil {
		f, err = w.come.Close()
	} else {
		f, err = w.d.Server.Upload(w.ctx, client.Upload{Octets: w.held, Size: sealed.Size(length), Lanes: lanes, Began: func(id string) { w.id = id }})
		if err == nil {
			w.held.close()
		}
	}
	return sealed.Version{ID: f.ID, Secret: w.secret, Length: length, Modified: w.d.Now().UnixMilli(), Hash: w.sum.Sum(nil)}, err
}

// Abort gives it up, here and at the server.
func (w *Writer) Abort(ctx context.Context) {
	if w.come != nil {
		w.come.Abort(ctx)
		return
	}
	w.held.close()
	if w.id != "" {
		_ = w.d.Server.RemoveFile(ctx, w.id) // else the server gives it up in a day
	}
}

// heldMost is how much of a file without a length is in memory.
const heldMost = 1 << 20

// held are sealed octets: in memory, or from heldMost on in a file.
type held struct {
	spool func() (*os.File, error)
	b     []byte
	f     *os.File
	n     int64
}

func (h *held) Write(p []byte) (n int, err error) {
	if h.f == nil && len(h.b)+len(p) <= heldMost {
		h.b = append(h.b, p...)
		h.n += int64(len(p))
		return len(p), nil
	}
	if h.f == nil {
		if h.f, err = h.spool(); err != nil {
			return 0, fmt.Errorf("keep sealed file: %w", err)
		}
		if _, err := h.f.Write(h.b); err != nil {
			return 0, fmt.Errorf("keep sealed file: %w", err)
		}
		h.b = nil
	}
	n, err = h.f.Write(p)
	h.n += int64(n)
	if err != nil {
		err = fmt.Errorf("keep sealed file: %w", err)
	}
	return n, err
}

func (h *held) ReadAt(p []byte, at int64) (int, error) {
	if h.f == nil {
		return bytes.NewReader(h.b).ReadAt(p, at)
	}
	return h.f.ReadAt(p, at)
}

func (h *held) close() {
	if h.f != nil {
		h.f.Close()
	}
	h.b, h.f = nil, nil
}
