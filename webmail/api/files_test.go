package api

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"sealpost/filestore"
	"sealpost/filestore/drive"
	"sealpost/filestore/storagetest"
	"sealpost/mailstore"
)

func newDrive(w *world, blobs filestore.Blobs) *drive.Drive {
	return &drive.Drive{
		Store: w.db.Drive(), Blobs: blobs, Bus: w.Store.Bus, Log: w.Store.Log, Now: w.now, Secret: bytes.Repeat([]byte{5}, 32),
		Longest: 90 * 24 * time.Hour, Usual: 7 * 24 * time.Hour, Patience: 24 * time.Hour,
	}
}

func digestHeaderOf(b []byte) func(*http.Request) {
	sum := sha256.Sum256(b)
	return header("Content-Digest", "sha-256=:"+base64.StdEncoding.EncodeToString(sum[:])+":")
}

// piece is part n of octets.
func pieceOf(b []byte, n int) []byte { return b[n*drive.PartSize : min(len(b), (n+1)*drive.PartSize)] }

func (w *mailWorld) putPart(at string, n int, part []byte, edit ...func(*http.Request)) *httptest.ResponseRecorder {
	return w.ask("PUT", fmt.Sprintf("%s/parts/%d", at, n), part, append([]func(*http.Request){digestHeaderOf(part)}, edit...)...)
}

// upload brings a whole file of carol's.
func (w *mailWorld) upload1(b []byte) File {
	w.t.Helper()
	f := read[File](w.t, w.ask("POST", "/files", NewFile{int64(len(b))}, w.as), 201)
	for n := range f.Parts {
		if rec := w.putPart("/files/"+f.ID, n, pieceOf(b, n), w.as); rec.Code != 204 {
			w.t.Fatalf("part %d: %d %s", n, rec.Code, rec.Body)
		}
	}
	return read[File](w.t, w.ask("POST", "/files/"+f.ID+"/complete", nil, w.as), 200)
}

// A file comes in parts in any order, once more too, goes on after a break, and reads
// back by ranges across its parts; when it is deleted its room and its octets are free.
func TestFileComesAndGoes(t *testing.T) {
	t.Parallel()
	w := newMailWorld(t)
	b := storagetest.Content(1, 2*drive.PartSize+12345)
	f := read[File](t, w.ask("POST", "/files", NewFile{int64(len(b))}, w.as), 201)
	at := "/files/" + f.ID
	if f.Parts != 3 || f.Part != drive.PartSize || f.Complete || f.Expires == nil {
		t.Errorf("declared: %+v", f)
	}
	if u := read[Usage](t, w.ask("GET", "/usage", nil, w.as), 200); u.Files != int64(len(b)) || u.Bytes != u.Files {
		t.Errorf("usage is %+v", u)
	}
	for _, n := range []int{2, 0, 2} {
		if rec := w.putPart(at, n, pieceOf(b, n), w.as); rec.Code != 204 {
			t.Fatalf("part %d: %d %s", n, rec.Code, rec.Body)
		}
	}
	if f = read[File](t, w.ask("GET", at, nil, w.as), 200); f.Have != "0,2" {
		t.Errorf("there are %q", f.Have)
	}
	expect(t, w.ask("POST", at+"/complete", nil, w.as), 409, "missing")
	expect(t, w.ask("GET", at+"/content", nil, w.as), 404, "not-found")
	expect(t, w.putPart(at, 0, pieceOf(b, 1), w.as), 409, "conflict")
	expect(t, w.ask("PUT", at+"/parts/1", pieceOf(b, 1), w.as, digestHeaderOf(b[:5])), 422, "digest")
	expect(t, w.ask("PUT", at+"/parts/1", pieceOf(b, 1), w.as), 422, "bad-input")
	expect(t, w.putPart(at, 1, b[:100], w.as), 422, "bad-input")
	expect(t, w.putPart(at, 3, b[:100], w.as), 422, "bad-input")
	expect(t, w.putPart(at, 2, pieceOf(b, 1), w.as), 422, "bad-input")
	if rec := w.putPart(at, 1, pieceOf(b, 1), w.as); rec.Code != 204 {
		t.Fatalf("part 1: %d %s", rec.Code, rec.Body)
	}
	for range 2 {
		f = read[File](t, w.ask("POST", at+"/complete", nil, w.as), 200)
	}
	if !f.Complete || f.Expires != nil || f.Have != "" {
		t.Errorf("complete: %+v", f)
	}
	w.ranges(at+"/content", `"`+f.ID+`"`, b, w.as)
	if l := read[Files](t, w.ask("GET", "/files", nil, w.as), 200); len(l.Files) != 1 || l.More || l.Files[0].ID != f.ID {
		t.Errorf("listed: %+v", l)
	}
	if rec := w.ask("DELETE", at, nil, w.as); rec.Code != 204 {
		t.Fatalf("%d %s", rec.Code, rec.Body)
	}
	expect(t, w.ask("GET", at+"/content", nil, w.as), 404, "not-found")
	if u := read[Usage](t, w.ask("GET", "/usage", nil, w.as), 200); u.Files != 0 || u.Bytes != 0 {
		t.Errorf("usage is %+v", u)
	}
	w.blobsLeft(0)
}

// blobsLeft counts what is stored in all.
func (w *world) blobsLeft(want int) {
	w.t.Helper()
	n := 0
	for _, err := range w.Store.Blobs.All(w.t.Context()) {
		must(n, err)
		n++
	}
	if n != want {
		w.t.Errorf("%d blobs are left, want %d", n, want)
	}
}

// ranges reads octets as players and resumed downloads do.
func (w *mailWorld) ranges(path, tag string, b []byte, edit ...func(*http.Request)) {
	w.t.Helper()
	for asked, want := range map[string]struct {
		status int
		body   []byte
	}{
		"":                {200, b},
		"bytes=0-0":       {206, b[:1]},
		"bytes=-10":       {206, b[len(b)-10:]},
		"bytes=5-9,20-30": {200, b},
		fmt.Sprintf("bytes=%d-%d", drive.PartSize-5, drive.PartSize+4): {206, b[drive.PartSize-5 : drive.PartSize+5]},
		fmt.Sprintf("bytes=%d-", drive.PartSize+1):                     {206, b[drive.PartSize+1:]},
		fmt.Sprintf("bytes=%d-", len(b)):                               {416, nil},
	} {
		rec := w.ask("GET", path, nil, append(edit, header("Range", asked))...)
		if rec.Code != want.status || want.body != nil && !bytes.Equal(rec.Body.Bytes(), want.body) || rec.Header().Get("ETag") != tag && rec.Code != 416 {
			w.t.Errorf("range %q: %d, %d octets, want %d, %d", asked, rec.Code, rec.Body.Len(), want.status, len(want.body))
		}
	}
	part := header("Range", "bytes=1-2")
	if rec := w.ask("GET", path, nil, append(edit, part, header("If-Range", tag))...); rec.Code != 206 || rec.Body.Len() != 2 {
		w.t.Errorf("If-Range of this file: %d", rec.Code)
	}
	if rec := w.ask("GET", path, nil, append(edit, part, header("If-Range", `"other"`))...); rec.Code != 200 || rec.Body.Len() != len(b) {
		w.t.Errorf("If-Range of another: %d", rec.Code)
	}
	if rec := w.ask("HEAD", path, nil, edit...); rec.Code != 200 || rec.Body.Len() != 0 || rec.Header().Get("Content-Length") != fmt.Sprint(len(b)) {
		w.t.Errorf("HEAD: %d %v", rec.Code, rec.Header())
	}
}

// D13: of many who begin at the edge of the quota, as many get room as there is, to the
// byte, mail among them; what is used is what is stored.
func TestD13FilesAtTheEdge(t *testing.T) {
	t.Parallel()
	w := newMailWorld(t)
	for round := range 20 {
		const room = 10
		must(w.Store.Apply(t.Context(), w.owner(), mailstore.SetQuota{Bytes: room*1000 + 999}))
		var began []drive.ID
		var mu sync.Mutex
		var all sync.WaitGroup
		for range 32 {
			all.Go(func() {
				o, err := w.Files.Begin(t.Context(), drive.By{Owner: drive.Owner(w.carol.ID)}, 1000)
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					began = append(began, o.ID)
				}
			})
		}
		all.Wait()
		u := must(w.Store.Index.Usage(t.Context(), w.owner()))
		if len(began) != room || u.Bytes != room*1000 {
			t.Fatalf("round %d: %d began, %d bytes are used", round, len(began), u.Bytes)
		}
		if _, err := w.Store.Deliver(t.Context(), w.owner(), mailstore.Delivery{Box: "INBOX", Sealed: w.seal(plain)}); err == nil {
			t.Fatal("a mail found room where files took it")
		}
		for _, id := range began {
			if err := w.Files.Remove(t.Context(), drive.By{Owner: drive.Owner(w.carol.ID)}, id); err != nil {
				t.Fatal(err)
			}
		}
		if u := must(w.Store.Index.Usage(t.Context(), w.owner())); u.Bytes != 0 {
			t.Fatalf("%d bytes are used by nothing", u.Bytes)
		}
	}
	expect(t, w.ask("POST", "/files", NewFile{11_000}, w.as), 507, "over-quota")
}

// What is left on its way is given up a day after its last part, and its room is free.
func TestFilesThatAreLeft(t *testing.T) {
	t.Parallel()
	w := newMailWorld(t)
	b := storagetest.Content(2, drive.PartSize+10)
	f := read[File](t, w.ask("POST", "/files", NewFile{int64(len(b))}, w.as), 201)
	done := w.upload1(b[:99])
	w.pass(23 * time.Hour)
	if rec := w.putPart("/files/"+f.ID, 1, pieceOf(b, 1), w.as); rec.Code != 204 {
		t.Fatalf("%d %s", rec.Code, rec.Body)
	}
	w.pass(23 * time.Hour)
	if n := must(w.Files.Tidy(t.Context())); n != 0 {
		t.Errorf("%d given up an hour too early", n)
	}
	w.pass(2 * time.Hour)
	if n := must(w.Files.Tidy(t.Context())); n != 1 {
		t.Errorf("%d given up, want the one that was left", n)
	}
	expect(t, w.ask("GET", "/files/"+f.ID, nil, w.as), 404, "not-found")
	if rec := w.ask("GET", "/files/"+done.ID+"/content", nil, w.as); rec.Code != 200 {
		t.Errorf("the complete one: %d", rec.Code)
	}
	if u := must(w.Store.Index.Usage(t.Context(), w.owner())); u.Bytes != 99 {
		t.Errorf("%d bytes are used, want 99", u.Bytes)
	}
	w.blobsLeft(1)
}

// The sweeper knows the parts of files; when the account goes all goes.
func TestFilesAreSweptAndForgotten(t *testing.T) {
	t.Parallel()
	w := newMailWorld(t)
	f := w.upload1(storagetest.Content(3, 100_000))
	w.pass(48 * time.Hour)
	if n := must(w.Store.Sweep(t.Context(), -100*24*time.Hour)); n != 0 {
		t.Errorf("the sweeper took %d parts", n)
	}
	if rec := w.ask("GET", "/files/"+f.ID+"/content", nil, w.as); rec.Code != 200 || rec.Body.Len() != 100_000 {
		t.Errorf("after the sweep: %d", rec.Code)
	}
	must(w.Store.Apply(t.Context(), w.owner(), mailstore.Forget{}))
	w.blobsLeft(0)
	expect(t, w.ask("POST", "/files", NewFile{10}, w.as), 404, "not-found")
	must(w.Store.Apply(t.Context(), w.owner(), mailstore.SetQuota{}))
	expect(t, w.ask("GET", "/files/"+f.ID, nil, w.as), 404, "not-found")
	if l := read[Files](t, w.ask("GET", "/files", nil, w.as), 200); len(l.Files) != 0 {
		t.Errorf("a new owner has %+v", l)
	}
}

// A part that breaks off leaves nothing, and may come again.
func TestFilePartBreaksOff(t *testing.T) {
	t.Parallel()
	w := newMailWorld(t)
	b := storagetest.Content(4, 600_000)
	f := read[File](t, w.ask("POST", "/files", NewFile{int64(len(b))}, w.as), 201)
	r := w.request("PUT", "/files/"+f.ID+"/parts/0", nil, w.as, digestHeaderOf(b), header("Content-Type", "application/octet-stream"))
	r.Body, r.ContentLength = brokenBody{bytes.NewReader(b[:400_000])}, int64(len(b))
	expect(t, recorded(w.handler, r), 400, "bad-input")
	w.blobsLeft(0)
	if rec := w.putPart("/files/"+f.ID, 0, b, w.as); rec.Code != 204 {
		t.Errorf("%d %s", rec.Code, rec.Body)
	}
	w.mustNotLog(f.ID)
}

// D11: ids are made here; what is none is not there.
func TestD11FileIDs(t *testing.T) {
	t.Parallel()
	w := newMailWorld(t)
	f := w.upload1([]byte("octets"))
	none := w.ask("GET", "/files/"+drive.NewID().String(), nil, w.as)
	expect(t, none, 404, "not-found")
	for _, id := range []string{"x", "..%2F..%2Fetc%2Fpasswd", "%00", f.ID + "A", f.ID[:21], f.ID + "=", strings.Repeat("A", 60), f.ID[:21] + "_", "%2e%2e"} {
		if rec := w.ask("GET", "/files/"+id, nil, w.as); !equalAnswers(rec, none) && id != f.ID {
			t.Errorf("%s: %d %s", id, rec.Code, rec.Body)
		}
	}
	seen := map[drive.ID]bool{}
	for range 1000 {
		seen[drive.NewID()] = true
	}
	if len(seen) != 1000 {
		t.Error("an id came twice")
	}
}
