package dav

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"syscall"
	"time"

	"sealpost/filestore/sealed"
	"sealpost/webmail/api/client"
	"sealpost/webmail/api/client/files"
)

var (
	errName     = errors.New("expected names that the drive takes: at most 255 bytes, no control characters, not dots alone")
	errTop      = errors.New("the topmost folder stays")
	errFolder   = errors.New("expected a file: it is a folder")
	errTaken    = errors.New("something of that name is there")
	errParent   = errors.New("expected a folder for it")
	errGone     = errors.New("it is gone")
	errFull     = errors.New("the folder is full")
	errDepth    = errors.New("too many folders below each other")
	errChanged  = errors.New("another device changed it meanwhile")
	errMatch    = errors.New("it is not what the condition names")
	errOverfull = errors.New("there is no room for it")
)

// statusOf is the one place that says how an error is answered, and in which words.
func statusOf(err error) (int, string) {
	var p *client.Problem
	switch {
	case errors.Is(err, errBody):
		return http.StatusRequestEntityTooLarge, "The body is too long."
	case errors.Is(err, os.ErrDeadlineExceeded):
		return http.StatusRequestTimeout, "The body did not go on."
	case errors.Is(err, errBroken), errors.Is(err, files.ErrLength):
		return http.StatusBadRequest, "The body broke off."
	case errors.Is(err, errName), errors.Is(err, errDepth):
		return http.StatusBadRequest, err.Error()
	case errors.Is(err, errTop):
		return http.StatusForbidden, err.Error()
	case errors.Is(err, errFolder), errors.Is(err, errTaken):
		return http.StatusMethodNotAllowed, err.Error()
	case errors.Is(err, errGone):
		return http.StatusNotFound, err.Error()
	case errors.Is(err, errMatch):
		return http.StatusPreconditionFailed, err.Error()
	case errors.Is(err, errChanged), errors.Is(err, errParent):
		return http.StatusConflict, err.Error()
	case errors.Is(err, errFull), errors.Is(err, errOverfull), errors.Is(err, syscall.ENOSPC):
		return http.StatusInsufficientStorage, "There is no room for it."
	case errors.Is(err, sealed.ErrRolledBack):
		return http.StatusBadGateway, "The server gave an older folder than this device has seen."
	case errors.Is(err, sealed.ErrClosed):
		return http.StatusBadGateway, "The server gave what does not open: it was damaged, or is another's."
	case errors.As(err, &p):
		return problem(p)
	case errors.Is(err, context.DeadlineExceeded):
		return http.StatusGatewayTimeout, "The server does not answer."
	}
	return http.StatusBadGateway, "The server cannot be reached."
}

func problem(p *client.Problem) (int, string) {
	switch p.Status {
	case http.StatusInsufficientStorage:
		return p.Status, "There is no room for it."
	case http.StatusRequestEntityTooLarge:
		return p.Status, "It is too large."
	case http.StatusNotFound:
		return http.StatusNotFound, "It is gone."
	case http.StatusUnauthorized, http.StatusForbidden: // not of this door's password
		return http.StatusBadGateway, "The server refused: run sealpost file login again."
	case http.StatusTooManyRequests, http.StatusServiceUnavailable, http.StatusConflict:
		return http.StatusServiceUnavailable, "The server is busy, try again."
	}
	return http.StatusBadGateway, "The server could not do it."
}

// answer puts the right status in the place of the handler's.
type answer struct {
	http.ResponseWriter
	a     *asked
	began bool
	later int  // the status of a file, until its first piece is open
	own   bool // an answer of ours was written in its place
}

func (a *asked) answer(w http.ResponseWriter) *answer { return &answer{ResponseWriter: w, a: a} }

func (w *answer) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *answer) WriteHeader(status int) {
	err := w.a.fault()
	switch {
	case w.began && status >= 400:
		panic(http.ErrAbortHandler) // half of a listing must not look like all of it
	case w.began:
		return
	case status >= 400 && err != nil:
		w.refuse(err)
		return
	case w.a.method == "GET" && (status == http.StatusOK || status == http.StatusPartialContent):
		w.began, w.later = true, status
		return
	case status < 300 && w.a.method == "PUT":
		if w.a.modified > 0 {
			w.Header().Set("X-OC-Mtime", "accepted")
		}
		if w.a.replaced {
			status, w.own = http.StatusNoContent, true
		}
	}
	w.began = true
	w.ResponseWriter.WriteHeader(status)
}

// refuse answers an error in the place of what the handler says.
func (w *answer) refuse(err error) {
	status, text := statusOf(err)
	w.began, w.own, w.later = true, true, 0
	for _, name := range []string{"ETag", "Lock-Token", "Last-Modified", "Content-Length", "Content-Range", "Accept-Ranges", "Content-Encoding"} {
		w.Header().Del(name)
	}
	if status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "2")
	}
	refusal{status, text}.write(w.ResponseWriter)
}

// begin writes the status of a file.
func (w *answer) begin() {
	if w.later != 0 {
		w.ResponseWriter.WriteHeader(w.later)
		w.later = 0
	}
}

func (w *answer) Write(p []byte) (int, error) {
	if !w.began {
		w.WriteHeader(http.StatusOK)
	}
	w.begin()
	if w.own {
		return len(p), nil
	}
	_ = w.a.control.SetWriteDeadline(time.Now().Add(idle))
	return w.ResponseWriter.Write(p)
}

const piece = 256 << 10

// ReadFrom is that of io.ReaderFrom: large pieces, one being opened while another is sent.
func (w *answer) ReadFrom(r io.Reader) (n int64, err error) {
	type part struct {
		b   []byte
		err error
	}
	full, free := make(chan part), make(chan []byte, 2)
	stop := make(chan struct{})
	size := int64(piece)
	if few, ok := r.(*io.LimitedReader); ok {
		size = min(size, max(few.N, 1))
	}
	free <- make([]byte, size)
	free <- make([]byte, size)
	ended := make(chan struct{})
	defer func() { close(stop); <-ended }()
	go func() {
		defer close(ended)
		for {
			select {
			case b := <-free:
				m, err := io.ReadFull(r, b[:size])
				if errors.Is(err, io.ErrUnexpectedEOF) {
					err = io.EOF
				}
				select {
				case full <- part{b[:m], err}:
				case <-stop:
					return
				}
				if err != nil {
					return
				}
			case <-stop:
				return
			}
		}
	}()
	for {
		p := <-full
		if p.err != nil && !errors.Is(p.err, io.EOF) && w.later != 0 && len(p.b) == 0 {
			w.refuse(p.err)
			return 0, p.err
		}
		m, err := w.Write(p.b)
		n += int64(m)
		switch {
		case err != nil:
			return n, err
		case errors.Is(p.err, io.EOF):
			return n, nil
		case p.err != nil:
			return n, p.err
		}
		free <- p.b
	}
}
