package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"syscall"
	"time"
)

// maxWish bounds what one operation is asked; a certificate is the largest part.
const maxWish = 4 << 20

// socketPath is where a running server is asked to do things.
func socketPath(data string) string { return filepath.Join(data, "control.sock") }

// listenControl opens the control socket. Its caller holds the data folder's
// lock, so a socket that lies there is nobody's.
func listenControl(data string) (net.Listener, error) {
	if err := os.Remove(socketPath(data)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("remove old control socket: %w", err)
	}
	at, done, err := shortPath(socketPath(data))
	if err != nil {
		return nil, fmt.Errorf("open control socket: %w", err)
	}
	defer done()
	l, err := net.Listen("unix", at)
	if err != nil {
		return nil, fmt.Errorf("open control socket: %w", err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false) // the path may be a short one
	return l, os.Chmod(socketPath(data), 0o600)
}

// serveControl answers until l is closed. Who may reach the socket may do all:
// the data folder's permissions are the guard.
func serveControl(ctx context.Context, l net.Listener, o *office) *http.Server {
	mux := http.NewServeMux()
	for name, do := range operations() {
		mux.Handle("POST /"+name, handle(o, do))
	}
	for name, do := range carriers() {
		mux.Handle("POST /"+name, carrying(o, do))
	}
	s := &http.Server{
		Handler:           mux,
		ReadHeaderTimeout: 10 * time.Second,
		BaseContext:       func(net.Listener) context.Context { return ctx },
	}
	go s.Serve(l) // ends with Shutdown or Close
	return s
}

// handle does one operation. An error before the first byte is told as such;
// after it the connection is cut, so that half an answer never looks whole.
func handle(o *office, do operation) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		defer o.survive()
		wish, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxWish))
		if err == nil {
			answer := &counted{Writer: w}
			if err = do(r.Context(), o, wish, answer); err != nil && answer.n > 0 {
				panic(http.ErrAbortHandler)
			}
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusUnprocessableEntity)
		}
	}
}

// survive ends a request of ours that panicked. The panic's value is not
// logged: it may hold what nobody is to read.
func (o *office) survive() {
	switch v := recover(); v {
	case nil:
	case http.ErrAbortHandler:
		panic(v)
	default:
		o.log.Error("an operation panicked", "type", fmt.Sprintf("%T", v), "stack", string(debug.Stack()))
		panic(http.ErrAbortHandler)
	}
}

type counted struct {
	io.Writer
	n int64
}

// Flush lets a client see what was written so far.
func (c *counted) Flush() {
	if f, ok := c.Writer.(http.Flusher); ok {
		f.Flush()
	}
}

func (c *counted) Write(p []byte) (int, error) {
	n, err := c.Writer.Write(p)
	c.n += int64(n)
	return n, err
}

// errNoServer says that nobody answers at the control socket.
var errNoServer = errors.New("no server is running")

// askServer has a running server do an operation.
func askServer(ctx context.Context, data, name string, wish io.Reader, answer io.Writer) error {
	client := http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			at, done, err := shortPath(socketPath(data))
			if err != nil {
				return nil, errNoServer
			}
			defer done()
			conn, err := new(net.Dialer).DialContext(ctx, "unix", at)
			if err != nil {
				if errors.Is(err, os.ErrPermission) {
					return nil, fmt.Errorf("%s: %w; use the server's user, or root", socketPath(data), os.ErrPermission)
				}
				return nil, errNoServer
			}
			return stillReading{conn}, nil
		},
	}}
	ask, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://sealpost/"+name, wish)
	if err != nil {
		return fmt.Errorf("ask the server: %w", err)
	}
	got, err := client.Do(ask)
	if errors.Is(err, io.EOF) {
		return errors.New("the server broke off before it answered: its log may say why")
	}
	if err != nil {
		return fmt.Errorf("ask the server: %w", errors.Unwrap(err)) // without the made-up URL
	}
	defer got.Body.Close()
	if got.StatusCode == http.StatusOK {
		_, err := io.Copy(answer, got.Body)
		return err
	}
	text, err := io.ReadAll(io.LimitReader(got.Body, 1<<16))
	if err != nil {
		return fmt.Errorf("ask the server: %w", err)
	}
	return errors.New(strings.TrimSpace(string(text)))
}

// stillReading is a connection to a server that may have said its last word, say that a
// mailbox is full, and closed while there is more to be sent. net/http would end on the
// failed write, and with it drop the answer that lies there to be read.
type stillReading struct{ net.Conn }

func (c stillReading) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	if gone(err) {
		return len(p), nil // reading tells how it ended
	}
	return n, err
}

func (c stillReading) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if gone(err) {
		err = io.EOF // an answer's own framing tells whether it was whole
	}
	return n, err
}

func gone(err error) bool { return errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET) }
