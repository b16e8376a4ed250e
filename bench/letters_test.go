package main

import (
	"bytes"
	"io"
	"mime"
	"mime/multipart"
	"net/mail"
	"slices"
	"strings"
	"testing"
)

func TestMailsAreMail(t *testing.T) {
	t.Parallel()
	w := newWriter(1)
	for _, size := range sizes {
		text := w.mail(size, "u00@bench.test")
		if diff := len(text) - size; diff < -size/20-200 || diff > size/20+200 {
			t.Errorf("a mail of %d bytes has %d", size, len(text))
		}
		checkLines(t, text)
		m, err := mail.ReadMessage(bytes.NewReader(text))
		if err != nil {
			t.Fatalf("read: %v", err)
		}
		if _, err := m.Header.Date(); err != nil {
			t.Errorf("date: %v", err)
		}
		checkParts(t, m.Header.Get("Content-Type"), m.Body)
	}
}

// checkLines looks at what SMTP asks of every line: CRLF, at most 998 octets
// (RFC 5322, section 2.1.1), no dot in front that would have to be doubled.
func checkLines(t *testing.T, text []byte) {
	t.Helper()
	if !bytes.HasSuffix(text, []byte("\r\n")) {
		t.Error("the last line does not end")
	}
	for line := range bytes.Lines(text) {
		body, whole := bytes.CutSuffix(line, []byte("\r\n"))
		if !whole || bytes.ContainsAny(body, "\r\n\x00") || bytes.HasPrefix(line, []byte(".")) || len(body) > 998 {
			t.Fatalf("a line that would not cross: %q", line)
		}
	}
}

func checkParts(t *testing.T, contentType string, body io.Reader) {
	t.Helper()
	kind, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		t.Fatalf("content type %q: %v", contentType, err)
	}
	if !strings.HasPrefix(kind, "multipart/") {
		return
	}
	count := 0
	for parts := multipart.NewReader(body, params["boundary"]); ; count++ {
		part, err := parts.NextPart()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatalf("part %d of %s: %v", count, kind, err)
		}
		checkParts(t, part.Header.Get("Content-Type"), part)
	}
	if count != 2 {
		t.Errorf("%s has %d parts, want 2", kind, count)
	}
}

func TestMailsAreUniqueAndRepeatable(t *testing.T) {
	t.Parallel()
	one, two, other := newWriter(1), newWriter(1), newWriter(2)
	var seen [][]byte
	for range 20 {
		text := one.mail(4<<10, "u@bench.test")
		if !bytes.Equal(text, two.mail(4<<10, "u@bench.test")) {
			t.Fatal("the same seed wrote another mail")
		}
		if bytes.Equal(text, other.mail(4<<10, "u@bench.test")) {
			t.Fatal("another seed wrote the same mail")
		}
		if slices.ContainsFunc(seen, func(b []byte) bool { return bytes.Equal(b, text) }) {
			t.Fatal("a mail came twice")
		}
		seen = append(seen, text)
	}
}
