package client_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unicode"

	"sealpost/filestore/drive"
	"sealpost/webmail/api/client"
)

// hostile is a client of a server that answers as a test says.
func hostile(t *testing.T, answer http.HandlerFunc) *client.Client {
	t.Helper()
	s := httptest.NewServer(answer)
	t.Cleanup(s.Close)
	return &client.Client{URL: s.URL, Address: "ann@demo.test", Password: "word", HTTP: s.Client(), Patience: time.Second}
}

func says(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, text) }
}

func noWait(int) time.Duration { return 0 }

// A server decides neither how much a client sends or holds, nor what ids are.
func TestUploadToAHostileServer(t *testing.T) {
	t.Parallel()
	id := drive.NewID().String()
	declared := func(id string, part int64, parts int, have string) string {
		return fmt.Sprintf(`{"id":%q,"size":10000000,"part":%d,"parts":%d,"have":%q}`, id, part, parts, have)
	}
	for what, text := range map[string]string{
		"octet by octet":      declared(id, 1, 10_000_000, ""),
		"no part":             declared(id, 0, 0, ""),
		"less than none":      declared(id, -8, -1, ""),
		"one part too many":   declared(id, 8<<20, 3, ""),
		"no id":               declared("", 8<<20, 2, ""),
		"a path":              declared("../../sessions", 8<<20, 2, ""),
		"an escape":           declared("\x1b[2J"+id[:18], 8<<20, 2, ""),
		"parts there are not": declared(id, 8<<20, 2, "0:549755813887"),
		"a part below none":   declared(id, 8<<20, 2, "-5:0"),
		"another size":        `{"id":"` + id + `","size":5,"part":8388608,"parts":1}`,
		"it is there already": `{"id":"` + id + `","size":10000000,"part":8388608,"parts":2,"complete":true}`,
		"no JSON":             "<html>",
		"nothing":             "",
	} {
		sent := 0
		c := hostile(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPut {
				sent++
			}
			says(text)(w, r)
		})
		_, err := c.Upload(t.Context(), client.Upload{Octets: bytes.NewReader(make([]byte, 10_000_000)), Size: 10_000_000, Wait: noWait})
		if err == nil || sent > 0 {
			t.Errorf("%s: %v, and %d parts were sent", what, err, sent)
		}
	}
	// It says in the end that another file is complete, or none.
	for _, end := range []string{declared(id, 8<<20, 2, ""), declared(drive.NewID().String(), 8<<20, 2, "")} {
		c := hostile(t, func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "/complete") {
				says(end)(w, r)
				return
			}
			io.Copy(io.Discard, r.Body)
			says(declared(id, 8<<20, 2, ""))(w, r)
		})
		if _, err := c.Upload(t.Context(), client.Upload{Octets: bytes.NewReader(make([]byte, 10_000_000)), Size: 10_000_000, Wait: noWait}); err == nil {
			t.Error("a file counts as complete that is not")
		}
	}
}

// A range is what was asked for, or nothing: no other, no more, no less, in no time.
func TestRangesOfAHostileServer(t *testing.T) {
	t.Parallel()
	whole := bytes.Repeat([]byte("0123456789"), 1000)
	part := func(head string, b []byte) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Range", head)
			w.WriteHeader(http.StatusPartialContent)
			w.Write(b)
		}
	}
	good := "bytes 100-199/10000"
	f := client.File{ID: drive.NewID().String(), Size: int64(len(whole))}
	for what, answer := range map[string]http.HandlerFunc{
		"all of it":     func(w http.ResponseWriter, _ *http.Request) { w.Write(whole) },
		"another range": part("bytes 101-200/10000", whole[101:201]),
		"another size":  part("bytes 100-199/10001", whole[100:200]),
		"too little":    part(good, whole[100:150]),
		"nothing":       part(good, nil),
		"no range":      part("", whole[100:200]),
		"many ranges":   part("multipart/byteranges", whole[100:200]),
		"no content":    func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) },
		"a redirect":    func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Location", "x"); w.WriteHeader(304) },
		"silence":       func(http.ResponseWriter, *http.Request) { <-t.Context().Done() },
		"half, then none": func(w http.ResponseWriter, r *http.Request) {
			part(good, whole[100:150])(w, r)
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		},
	} {
		b := make([]byte, 100)
		if n, err := hostile(t, answer).Content(t.Context(), f).ReadAt(b, 100); err == nil || n == len(b) {
			t.Errorf("%s: %d octets, %v", what, n, err)
		}
	}
	b := make([]byte, 100)
	more := part(good, whole[100:]) // too much: what was asked for is taken, and no more
	if n, err := hostile(t, more).Content(t.Context(), f).ReadAt(b, 100); err != nil || n != 100 || !bytes.Equal(b, whole[100:200]) {
		t.Errorf("too much: %d octets, %v", n, err)
	}
}

// Who is silent is given up; who is slow is not, and who reads slowly neither.
func TestSilenceEnds(t *testing.T) {
	t.Parallel()
	began := time.Now()
	c := hostile(t, func(http.ResponseWriter, *http.Request) { <-t.Context().Done() })
	if _, err := c.File(t.Context(), drive.NewID().String()); err == nil || !strings.Contains(err.Error(), "said nothing") {
		t.Errorf("silence: %v", err)
	}
	swallow := hostile(t, func(http.ResponseWriter, *http.Request) { <-t.Context().Done() })
	body := Request(bytes.NewReader(make([]byte, 64<<20)))
	if _, err := swallow.Do(t.Context(), body); err == nil {
		t.Error("a body that nobody takes was sent")
	}
	if d := time.Since(began); d > 10*time.Second {
		t.Errorf("it took %v to give up", d)
	}
	drops := hostile(t, func(w http.ResponseWriter, _ *http.Request) {
		for range 10 {
			io.WriteString(w, " ")
			w.(http.Flusher).Flush()
			time.Sleep(60 * time.Millisecond)
		}
		io.WriteString(w, `{"id":"x"}`)
	})
	if f, err := drops.File(t.Context(), "x"); err != nil || f.ID != "x" {
		t.Errorf("a slow answer: %v", err)
	}
	resp, err := hostile(t, says(strings.Repeat("x", 16<<20))).Do(t.Context(), client.Request{Path: "/"})
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	time.Sleep(1500 * time.Millisecond) // longer than patience: it is the reader who waits
	if b, err := io.ReadAll(resp.Body); err != nil || len(b) != 16<<20 {
		t.Errorf("a slow reader: %d octets, %v", len(b), err)
	}
}

// Request is one whose body is sent.
func Request(body io.Reader) client.Request {
	return client.Request{Method: http.MethodPut, Path: "/files/x/parts/0", Body: body, Type: "application/octet-stream"}
}

// A few octets that unfold to gigabytes are cut off, a body without end too.
func TestBombs(t *testing.T) {
	t.Parallel()
	member := func(text []byte) []byte { // gzip's members follow each other
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		z.Write(text)
		z.Close()
		return b.Bytes()
	}
	small := slices.Concat(member([]byte(`{"id":"`)), bytes.Repeat(member(bytes.Repeat([]byte("x"), 1<<20)), 300))
	bomb := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		w.Header().Set("ETag", `"1"`)
		w.Write(small)
	}
	c := hostile(t, bomb)
	c.Patience = 0
	peak := peakOf(func() {
		if _, err := c.File(t.Context(), "x"); err == nil {
			t.Error("a bomb was read")
		}
		if _, _, err := c.Box(t.Context(), "drive", "root"); err == nil {
			t.Error("a bomb is a box")
		}
		bad := hostile(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			w.WriteHeader(http.StatusTeapot)
			w.Write(small)
		})
		var p *client.Problem
		if _, err := bad.File(t.Context(), "x"); !errors.As(err, &p) || p.Status != http.StatusTeapot {
			t.Errorf("a bomb of a problem: %v", err)
		}
	})
	if peak > 700<<20 {
		t.Errorf("%d MiB were held", peak>>20)
	}
}

// peakOf is how much memory was in use at most meanwhile.
func peakOf(do func()) uint64 {
	var peak atomic.Uint64
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			peak.Store(max(peak.Load(), m.HeapInuse))
			select {
			case <-stop:
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	}()
	do()
	close(stop)
	<-done
	return peak.Load()
}

// A redirect leads nowhere: no word of the request comes to another host, and the answer
// is a problem whatever was asked.
func TestRedirectsAreRefused(t *testing.T) {
	t.Parallel()
	var came atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { came.Add(1) }))
	defer other.Close()
	for _, status := range []int{301, 302, 303, 307, 308} {
		c := hostile(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other.URL+"/api/v1/files", status) })
		c.HTTP.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse } // as files.Dial has it
		var p *client.Problem
		if err := c.RemoveFile(t.Context(), "x"); !errors.As(err, &p) || p.Status != status {
			t.Errorf("%d: %v", status, err)
		}
		if _, err := c.BeginDownload(t.Context(), "x", []byte("proof")); !errors.As(err, &p) {
			t.Errorf("%d: %v", status, err)
		}
		if _, err := c.Content(t.Context(), client.File{ID: "x", Size: 10}).ReadAt(make([]byte, 5), 0); !errors.As(err, &p) {
			t.Errorf("%d: %v", status, err)
		}
	}
	if came.Load() > 0 {
		t.Errorf("%d requests came to another host", came.Load())
	}
}

// What a server says of a failure is shown at terminals: it does nothing there.
func TestProblemsAreShownPlainly(t *testing.T) {
	t.Parallel()
	c := hostile(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(500)
		io.WriteString(w, `{"title":"\u001b[2J\u202efile","detail":"`+strings.Repeat("long ", 2000)+`\r\n"}`)
	})
	_, err := c.File(t.Context(), "x")
	if err == nil || len(err.Error()) > 2000 || strings.ContainsFunc(err.Error(), func(r rune) bool { return !unicode.IsPrint(r) }) {
		t.Errorf("shown as %q", err)
	}
	evil := `{"id":"\u001b]0;x\u0007","file":"` + drive.NewID().String() + `"}`
	if _, err := hostile(t, says(evil)).MakeLink(t.Context(), client.NewFileLink{}); err == nil {
		t.Error("an id that is none was taken")
	}
	if _, err := hostile(t, says(`{"links":[`+evil+`]}`)).Links(t.Context()); err == nil {
		t.Error("an id that is none was listed")
	}
}
