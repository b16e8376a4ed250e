package move

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"
	"time"
)

func TestFrames(t *testing.T) {
	t.Parallel()
	var wire bytes.Buffer
	w := NewFrameWriter(&wire)
	texts := []string{"", "short", strings.Repeat("long ", 50_000)}
	for _, text := range texts {
		if err := w.Write(Message{Mailbox: "A/ü", Flags: []string{`\Seen`}, Received: time.Unix(5, 0)}, strings.NewReader(text)); err != nil {
			t.Fatal(err)
		}
	}
	w.Lost = 3
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	whole := wire.Bytes()
	n := 0
	frames := NewFrameReader(bytes.NewReader(whole))
	for a, err := range Arrivals(t.Context(), frames, t.TempDir()) {
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(io.NewSectionReader(a.Mail, 0, a.Mail.Size()))
		if err != nil || string(text) != texts[n] || a.Mailbox != "A/ü" || a.Received.Unix() != 5 || len(a.Flags) != 1 {
			t.Errorf("message %d: %d octets, %+v, %v", n, len(text), a, err)
		}
		a.Mail.Close()
		n++
	}
	if n != len(texts) || frames.Lost != 3 {
		t.Errorf("%d messages, want %d; and %d lost", n, len(texts), frames.Lost)
	}
	// Cut anywhere, they end with an error and never as whole.
	for cut := 0; cut < len(whole); cut += 1 + cut/50 {
		var last error
		for a, err := range Arrivals(t.Context(), NewFrameReader(bytes.NewReader(whole[:cut])), t.TempDir()) {
			if last = err; err == nil {
				a.Mail.Close()
			}
		}
		if last == nil {
			t.Fatalf("cut at %d of %d, and nobody noticed", cut, len(whole))
		}
	}
}

func FuzzFrames(f *testing.F) {
	f.Add([]byte("{\"mailbox\":\"x\"}\n\x00\x00\x00\x01a\x00\x00\x00\x00{\"end\":true}\n"))
	f.Add([]byte("{}\n\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, wire []byte) {
		for a, err := range Arrivals(context.Background(), NewFrameReader(bytes.NewReader(wire)), t.TempDir()) {
			if err == nil {
				a.Mail.Close()
			}
		}
	})
}
