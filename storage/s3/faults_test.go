package s3_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sealpost/filestore"
	"sealpost/filestore/storagetest"
	"sealpost/storage/s3"
)

// status answers all requests of a method so.
func status(method string, code int) fault {
	return func(w http.ResponseWriter, r *http.Request) bool {
		if method != "" && r.Method != method {
			return false
		}
		io.Copy(io.Discard, r.Body)
		w.WriteHeader(code)
		return true
	}
}

// first lets a fault happen n times.
func first(n int32, f fault) fault {
	return func(w http.ResponseWriter, r *http.Request) bool {
		return atomic.AddInt32(&n, -1) >= 0 && f(w, r)
	}
}

// hangs never answers, for as long as the client waits.
func hangs(w http.ResponseWriter, r *http.Request) bool {
	io.Copy(io.Discard, r.Body)
	select {
	case <-r.Context().Done():
	case <-time.After(10 * time.Second):
	}
	panic(http.ErrAbortHandler)
}

// drops ends the connection at once.
func drops(w http.ResponseWriter, r *http.Request) bool { panic(http.ErrAbortHandler) }

// changed lets the request through and does something to the answer's body.
func (p *provider) changed(method string, change func(body []byte) []byte, cut bool) fault {
	return func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != method {
			return false
		}
		answer := httptest.NewRecorder()
		p.through(answer, r)
		body := change(answer.Body.Bytes())
		for k, v := range answer.Header() {
			w.Header()[k] = v
		}
		w.WriteHeader(answer.Code)
		w.Write(body)
		if cut {
			http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}
		return true
	}
}

// unranged sends all of an object whatever is asked for.
func (p *provider) unranged(w http.ResponseWriter, r *http.Request) bool {
	if r.Method != "GET" {
		return false
	}
	answer := httptest.NewRecorder()
	p.through(answer, r)
	answer.Header().Del("Content-Range")
	for k, v := range answer.Header() {
		w.Header()[k] = v
	}
	w.Write(answer.Body.Bytes())
	return true
}

func half(b []byte) []byte { return b[:len(b)/2] }

func flipped(b []byte) []byte {
	b = bytes.Clone(b)
	if len(b) > 0 {
		b[len(b)/2] ^= 1
	}
	return b
}

// lostAnswer carries the request out and drops the answer.
func (p *provider) lostAnswer(method string) fault {
	return func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != method {
			return false
		}
		p.through(httptest.NewRecorder(), r)
		panic(http.ErrAbortHandler)
	}
}

// unreadAgain carries the first request out and drops the answer, and the same requests after
// it at once: as a server that refuses a second PUT before it has read it.
func (p *provider) unreadAgain() fault {
	carried := false
	return func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != "PUT" || r.URL.Query().Has("uploadId") {
			return false
		}
		if !carried {
			p.through(httptest.NewRecorder(), r)
			carried = true
		}
		panic(http.ErrAbortHandler)
	}
}

// TestUnreadRefusal: what an endpoint took counts, although it then only breaks off.
func TestUnreadRefusal(t *testing.T) {
	t.Parallel()
	h := build(t, quick, s3.Rule{}, "east")
	p, c := h.providers[0], storagetest.Content(1, 2<<20)
	p.fails(p.unreadAgain())
	ref := put(t, h, c)[0]
	p.fails(nil)
	storagetest.Check(t, h, ref, c)
}

// TestPassingFaults: what happens once or twice nobody notices.
func TestPassingFaults(t *testing.T) {
	t.Parallel()
	h := build(t, quick, s3.Rule{}, "east")
	p := h.providers[0]
	small, large := storagetest.Content(1, 5000), storagetest.Content(2, 2<<20)
	for name, f := range map[string]func() fault{
		"500":               func() fault { return first(1, status("", 500)) },
		"503":               func() fault { return first(2, status("", 503)) },
		"429":               func() fault { return first(2, status("", 429)) },
		"dropped":           func() fault { return first(2, drops) },
		"cut":               func() fault { return first(2, p.changed("GET", half, true)) },
		"wrong octets":      func() fault { return first(1, p.changed("GET", flipped, false)) },
		"answers lost":      func() fault { return first(1, p.lostAnswer("PUT")) },
		"completion lost":   func() fault { return first(2, p.lostAnswer("POST")) },
		"404 once":          func() fault { return first(1, status("GET", 404)) },
		"hangs once a read": func() fault { return first(1, onlyGET(hangs)) },
	} {
		if name == "completion lost" || name == "503" { // in parts
			large = storagetest.Content(2, 9<<20)
		}
		p.fails(f())
		refs := put(t, h, small, large)
		p.fails(f())
		storagetest.Check(t, h, refs[0], small)
		p.fails(f())
		storagetest.Check(t, h, refs[1], large)
		if t.Failed() {
			t.Fatalf("under %q", name)
		}
		time.Sleep(60 * time.Millisecond) // the endpoint is well again
	}
}

func onlyGET(f fault) fault {
	return func(w http.ResponseWriter, r *http.Request) bool { return r.Method == "GET" && f(w, r) }
}

// TestLastingFaults: a provider that does not answer is temporary; a blob that it lost or
// damaged is that blob's damage, and never "not found", for the index knows better.
func TestLastingFaults(t *testing.T) {
	t.Parallel()
	o := quick
	o.Try = 200 * time.Millisecond
	h := build(t, o, s3.Rule{}, "east")
	p := h.providers[0]
	c := storagetest.Content(1, 5000)
	ref := put(t, h, c)[0]
	for name, test := range map[string]struct {
		f    fault
		lost bool
	}{
		"500":            {status("", 500), false},
		"503":            {status("", 503), false},
		"403":            {status("", 403), false},
		"hangs":          {hangs, false},
		"drops":          {drops, false},
		"cut":            {p.changed("GET", half, true), false},
		"404":            {status("GET", 404), true},
		"wrong octets":   {p.changed("GET", flipped, false), true},
		"not S3":         {status("", 200), false},
		"all of it":      {p.unranged, true},
		"range too long": {status("GET", 416), true},
	} {
		p.fails(test.f)
		_, err := storagetest.Read(h, ref.ID)
		if err == nil || errors.Is(err, filestore.ErrNotFound) || errors.Is(err, filestore.ErrCorrupt) != test.lost {
			t.Errorf("%s: reading says %v", name, err)
		}
		if !test.lost && name != "cut" {
			_, err := h.Put(t.Context(), storagetest.Source(c))
			if err == nil || errors.Is(err, filestore.ErrFull) {
				t.Errorf("%s: Put says %v", name, err)
			}
		}
		p.fails(nil)
		time.Sleep(100 * time.Millisecond)
		storagetest.Check(t, h, ref, c)
	}
	if n := len(h.all(t)); n != 1 {
		t.Errorf("Puts that failed are in the index: %d objects", n)
	}
	p.fails(status("PUT", http.StatusInsufficientStorage))
	if _, err := h.Put(t.Context(), storagetest.Source(c)); !errors.Is(err, filestore.ErrFull) {
		t.Errorf("a full provider: %v", err)
	}
}

// TestDamageAtRest changes an object on the provider's disk, in every part of a frame.
func TestDamageAtRest(t *testing.T) {
	t.Parallel()
	h := build(t, quick, s3.Rule{}, "east")
	p := h.providers[0]
	contents := [][]byte{storagetest.Content(1, 1000), storagetest.Content(2, 100_000), storagetest.Content(3, 1000)}
	refs := put(t, h, contents...)
	file := p.file(p.objects(t)[0])
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	second := bytes.Index(whole, contents[1][:100])
	for part, off := range map[string]int{"first octet": 0, "first tag": 64 << 10, "second chunk": 70_000, "last octet": 100_000 + 15} {
		b := bytes.Clone(whole)
		b[second+off] ^= 1
		write(t, file, b)
		if _, err := storagetest.Read(h, refs[1].ID); !errors.Is(err, filestore.ErrCorrupt) {
			t.Errorf("%s damaged: %v", part, err)
		}
		storagetest.Check(t, h, refs[0], contents[0])
		storagetest.Check(t, h, refs[2], contents[2])
	}
	for part, b := range map[string][]byte{
		"cut short":     whole[:len(whole)-1200],
		"frames moved":  append(bytes.Clone(whole[len(whole)-1000:]), whole...),
		"another store": storagetest.Content(9, len(whole)),
		"emptied":       nil,
	} {
		write(t, file, b)
		if _, err := storagetest.Read(h, refs[2].ID); !errors.Is(err, filestore.ErrCorrupt) {
			t.Errorf("%s: %v", part, err)
		}
	}
	write(t, file, whole)
	storagetest.Check(t, h, refs[1], contents[1])
}

// TestSwappedBlobs: a provider that shows one blob in another's place is found out, though
// what it shows was stored by us.
func TestSwappedBlobs(t *testing.T) {
	t.Parallel()
	h := build(t, quick, s3.Rule{}, "east")
	p := h.providers[0]
	one, two := storagetest.Content(1, 5000), storagetest.Content(2, 5000)
	ref := put(t, h, one)[0]
	was := p.objects(t)
	put(t, h, two)
	for _, name := range p.objects(t) {
		if name == was[0] {
			continue
		}
		b, err := os.ReadFile(p.file(name))
		if err != nil {
			t.Fatal(err)
		}
		write(t, p.file(was[0]), b)
	}
	if _, err := storagetest.Read(h, ref.ID); !errors.Is(err, filestore.ErrCorrupt) {
		t.Errorf("another blob's octets were served: %v", err)
	}
}

func write(t testing.TB, file string, b []byte) {
	t.Helper()
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestNothingWrittenOver: a key that is taken by something else is an error, not a second
// version of it.
func TestNothingWrittenOver(t *testing.T) {
	t.Parallel()
	h := build(t, quick, s3.Rule{}, "east")
	p := h.providers[0]
	put(t, h, []byte("x"))
	p.mu.Lock()
	heard := p.heard.String()
	p.mu.Unlock()
	for _, want := range []string{"If-None-Match:[*]", "Content-Md5:", "X-Amz-Content-Sha256:"} {
		if !strings.Contains(heard, want) {
			t.Errorf("no PUT had %s:\n%s", want, heard)
		}
	}
	p.fails(status("PUT", http.StatusPreconditionFailed)) // and it is not what we sent
	if _, err := h.Put(t.Context(), storagetest.Source([]byte("y"))); err == nil {
		t.Error("what another has written was taken for ours")
	}
}

// TestSlowProvider: a slow one takes its time and no more.
func TestSlowProvider(t *testing.T) {
	t.Parallel()
	o := quick
	o.Try = 300 * time.Millisecond
	h := build(t, o, s3.Rule{}, "east")
	c := storagetest.Content(1, 3000)
	ref := put(t, h, c)[0]
	h.providers[0].fails(func(http.ResponseWriter, *http.Request) bool { time.Sleep(30 * time.Millisecond); return false })
	storagetest.Check(t, h, ref, c)
	h.providers[0].fails(hangs)
	start := time.Now()
	if _, err := h.Put(t.Context(), storagetest.Source(c)); err == nil {
		t.Error("Put at a provider that hangs")
	}
	if d := time.Since(start); d > 8*time.Second {
		t.Errorf("Put took %v to give up", d)
	}
}

// TestGone: a provider that is not there at all.
func TestGone(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	h := build(t, quick, s3.Rule{}, "east")
	c := storagetest.Content(1, 3000)
	ref := put(t, h, c)[0]
	h.providers[0].URL = "http://" + l.Addr().String()
	h.open(t)
	if _, err := storagetest.Read(h, ref.ID); err == nil || errors.Is(err, filestore.ErrNotFound) || errors.Is(err, filestore.ErrCorrupt) {
		t.Errorf("reading: %v", err)
	}
	if _, err := h.Put(t.Context(), storagetest.Source(c)); err == nil {
		t.Error("Put at a provider that is gone")
	}
}
