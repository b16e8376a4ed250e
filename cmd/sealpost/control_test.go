package main

import (
	"bytes"
	"fmt"
	"io"
	"testing"
	"time"
)

// endless is a wish that never ends.
type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

// slowly is an answer whose reader is busy until its server has gone.
type slowly struct {
	bytes.Buffer
	gone <-chan struct{}
}

func (s *slowly) Write(p []byte) (int, error) {
	<-s.gone
	time.Sleep(50 * time.Millisecond) // a write fails meanwhile
	return s.Buffer.Write(p)
}

// What a server says last is read, though it stopped hearing before all was sent.
func TestLastWordIsRead(t *testing.T) {
	dir := t.TempDir()
	l, err := listenControl(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		io.CopyN(io.Discard, conn, 1<<10)
		answer := "first\n" + string(bytes.Repeat([]byte("."), 64<<10)) + "\nover quota\n"
		fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", len(answer), answer)
	}()
	answer := slowly{gone: gone}
	if err := askServer(t.Context(), dir, "mail.import", io.NopCloser(endless{}), &answer); err != nil {
		t.Error(err)
	}
	if !bytes.HasSuffix(answer.Bytes(), []byte("\nover quota\n")) {
		t.Errorf("%d bytes of the answer were read, and not its end", answer.Len())
	}
}
