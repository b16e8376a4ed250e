package api

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"sealpost/filestore/drive"
)

func (w *mailWorld) askFor(files, bytes int64) FileRequest {
	w.t.Helper()
	return read[FileRequest](w.t, w.ask("POST", "/requests", NewFileRequest{Box: []byte("words"), MostFiles: files, MostBytes: bytes}, w.as), 201)
}

func onceKey(key string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set("Idempotency-Key", key) }
}

// A stranger who did not hear that a file was declared asks again, and it is declared
// once; under another key, of another size or by another request it is another one.
func TestDropsAreDeclaredOnce(t *testing.T) {
	t.Parallel()
	w := newMailWorld(t)
	q, other := w.askFor(5, 10_000), w.askFor(5, 10_000)
	at := "/drops/" + q.ID + "/files"
	one := read[File](t, w.ask("POST", at, NewFile{1000}, onceKey("k1")), 201)
	again := w.ask("POST", at, NewFile{1000}, onceKey("k1"), fromNetwork(2)) // his address may have changed meanwhile
	if f := read[File](t, again, 201); f.ID != one.ID || again.Header().Get("Idempotent-Replayed") != "true" {
		t.Errorf("asked again: %+v, not %s", f, one.ID)
	}
	expect(t, w.ask("POST", at, NewFile{1001}, onceKey("k1")), 422, "key-reused")
	two := read[File](t, w.ask("POST", at, NewFile{1000}, onceKey("k2")), 201)
	three := read[File](t, w.ask("POST", "/drops/"+other.ID+"/files", NewFile{1000}, onceKey("k1")), 201)
	if two.ID == one.ID || three.ID == one.ID {
		t.Error("another key, or another request, gave the same file")
	}
	expect(t, w.ask("POST", at, NewFile{1000}, onceKey(strings.Repeat("k", longestKey+1))), 422, "bad-input")
	if q := w.requestNow(q.ID); q.Files != 2 || q.Bytes != 2000 {
		t.Errorf("counted %+v", q)
	}
	read[FileRequest](t, w.ask("PATCH", "/requests/"+q.ID, FileRequestChange{Revoked: ref(true)}, w.as), 200)
	expect(t, w.ask("POST", at, NewFile{1000}, onceKey("k3")), 404, "not-found")
	if rec := w.ask("GET", at+"/"+one.ID, nil); rec.Code != 404 {
		t.Errorf("what was declared is reached after the end: %d", rec.Code)
	}
}

func (w *mailWorld) requestNow(id string) FileRequest {
	w.t.Helper()
	for _, q := range read[FileRequests](w.t, w.ask("GET", "/requests", nil, w.as), 200).Requests {
		if q.ID == id {
			return q
		}
	}
	w.t.Fatal("the request is gone")
	return FileRequest{}
}

// Strangers' keys are remembered apart: they push no answer out that an account may ask
// for again, and an account's key is no stranger's.
func TestStrangersKeysAreApart(t *testing.T) {
	t.Parallel()
	w := newMailWorld(t)
	q := w.askFor(5, 10_000)
	one := read[File](t, w.ask("POST", "/files", NewFile{700}, w.as, onceKey("k")), 201)
	read[File](t, w.ask("POST", "/drops/"+q.ID+"/files", NewFile{700}, onceKey("k")), 201)
	before := len(w.again.known)
	for i := range 50 {
		w.ask("POST", "/drops/"+drive.NewID().String()+"/files", NewFile{700}, onceKey(fmt.Sprint(i)), fromNetwork(i))
	}
	if now := len(w.again.known); now != before {
		t.Errorf("%d answers of accounts are remembered, before it were %d", now, before)
	}
	if f := read[File](t, w.ask("POST", "/files", NewFile{700}, w.as, onceKey("k")), 201); f.ID != one.ID {
		t.Error("the account's answer is gone")
	}
}

// A stranger gives up what he began, and its room and place are free; what is complete,
// another's or the owner's he does not touch.
func TestDropsAreGivenUp(t *testing.T) {
	t.Parallel()
	w := newMailWorld(t)
	q, other := w.askFor(2, 10_000), w.askFor(2, 10_000)
	at := "/drops/" + q.ID + "/files"
	begin := func(at string) File { return read[File](t, w.ask("POST", at, NewFile{5}), 201) }
	f, mine := begin(at), w.upload1([]byte("owner"))
	never := w.ask("DELETE", at+"/"+drive.NewID().String(), nil)
	expect(t, never, 404, "not-found")
	for _, path := range []string{"/drops/" + other.ID + "/files/" + f.ID, at + "/" + mine.ID} {
		if rec := w.ask("DELETE", path, nil); !equalAnswers(rec, never) {
			t.Errorf("%s: %d %s", path, rec.Code, rec.Body)
		}
	}
	if rec := w.ask("DELETE", at+"/"+f.ID, nil); rec.Code != 204 {
		t.Fatalf("given up: %d %s", rec.Code, rec.Body)
	}
	if q := w.requestNow(q.ID); q.Files != 0 || q.Bytes != 0 {
		t.Errorf("what was given up counts: %+v", q)
	}
	whole := begin(at)
	if rec := w.putPart(at+"/"+whole.ID, 0, []byte("octet")); rec.Code != 204 {
		t.Fatalf("%d %s", rec.Code, rec.Body)
	}
	if rec := w.ask("POST", at+"/"+whole.ID+"/complete", DropHead{[]byte("head")}); rec.Code != 204 {
		t.Fatalf("%d %s", rec.Code, rec.Body)
	}
	if rec := w.ask("DELETE", at+"/"+whole.ID, nil); !equalAnswers(rec, never) {
		t.Errorf("a stranger deletes what is complete: %d", rec.Code)
	}
	read[File](t, w.ask("POST", "/files/"+whole.ID+"/take", nil, w.as), 200)
	if rec := w.ask("DELETE", at+"/"+whole.ID, nil); !equalAnswers(rec, never) {
		t.Errorf("a stranger deletes what was taken over: %d", rec.Code)
	}
	if all := read[Files](t, w.ask("GET", "/files", nil, w.as), 200); len(all.Files) != 2 {
		t.Errorf("there are %d files", len(all.Files))
	}
}

// Whoever has a request fills neither the drive's uploads nor its owner's time: so many
// at once, so many a second to one request and from one network, in any case the same
// for requests that never were.
func TestDropsAreBounded(t *testing.T) {
	t.Parallel()
	w := newMailWorld(t)
	q := w.askFor(10_000, 1_000_000)
	at := "/drops/" + q.ID + "/files"
	for i := range 16 {
		read[File](t, w.ask("POST", at, NewFile{1}, fromNetwork(i)), 201)
	}
	expect(t, w.ask("POST", at, NewFile{1}, fromNetwork(17)), 409, "too-many")
	read[File](t, w.ask("POST", "/files", NewFile{1}, w.as), 201) // its owner is not kept from the drive
	never := "/drops/" + drive.NewID().String() + "/files"
	for i := range bringsAtOnce {
		if rec := w.ask("POST", never, NewFile{1}, fromNetwork(100+i)); rec.Code != 404 {
			t.Fatalf("try %d: %d", i, rec.Code)
		}
	}
	expect(t, w.ask("POST", never, NewFile{1}, fromNetwork(999)), 429, "slow-down")
	for i := range bringsAtOnce { // from one network
		w.ask("POST", fmt.Sprintf("/drops/%d/files", i), NewFile{1}, fromNetwork(1000))
	}
	expect(t, w.ask("POST", at, NewFile{1}, fromNetwork(1000)), 429, "slow-down")
}
