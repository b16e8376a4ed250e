package api

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sealpost/cmd/sealpost/prove"
	"sealpost/filestore/drive"
	"sealpost/filestore/storagetest"
	"sealpost/mailstore"
)

func ref[V any](v V) *V { return &v }

func (w *mailWorld) link(l NewFileLink) FileLink {
	w.t.Helper()
	if l.Box == nil {
		l.Box = []byte("sealed box")
	}
	return read[FileLink](w.t, w.ask("POST", "/links", l, w.as), 201)
}

var linkProof = bytes.Repeat([]byte{3}, 32)

func proved(b []byte) func(*http.Request) {
	return header("Link-Proof", base64.StdEncoding.EncodeToString(b))
}

// Whoever has a link gets its file, counted once however often it is resumed, until
// the link is over; what is over, revoked, used up, wrong and never was is one answer.
func TestSharedFiles(t *testing.T) {
	t.Parallel()
	w := newMailWorld(t)
	b := storagetest.Content(1, drive.PartSize+777)
	f := w.upload1(b)
	l := w.link(NewFileLink{File: f.ID, Most: 2, KDF: bytesOf(26, 1)})
	if want := w.now().Add(7 * 24 * time.Hour); !l.Expires.Equal(want) || l.State != "open" {
		t.Errorf("made: %+v", l)
	}
	at := "/shared/" + l.ID
	s := read[SharedFile](t, w.ask("GET", at, nil), 200)
	if s.Size != int64(len(b)) || string(s.Box) != "sealed box" || !bytes.Equal(s.KDF, bytesOf(26, 1)) || s.File != f.ID || s.Checked {
		t.Errorf("told %+v", s)
	}
	never := w.ask("GET", "/shared/"+drive.NewID().String(), nil, fromNetwork(1))
	expect(t, never, 404, "not-found")
	if rec := w.ask("GET", at+"/content", nil, fromNetwork(1)); !equalAnswers(rec, never) {
		t.Errorf("without a ticket: %d", rec.Code)
	}
	d := read[SharedDownload](t, w.ask("POST", at+"/download", nil), 200)
	w.ranges(at+"/content", `"`+l.ID+`"`, b, header("Link-Ticket", d.Ticket))
	d2 := read[SharedDownload](t, w.ask("POST", at+"/download", nil), 200)
	gone := func(what string) {
		t.Helper()
		for i, rec := range []*httptest.ResponseRecorder{w.ask("GET", at, nil, fromNetwork(2)), w.ask("POST", at+"/download", nil, fromNetwork(2))} {
			if !equalAnswers(rec, never) {
				t.Errorf("%s, %d: %d %s", what, i, rec.Code, rec.Body)
			}
		}
	}
	gone("used up")
	w.ranges(at+"/content", `"`+l.ID+`"`, b, header("Link-Ticket", d2.Ticket)) // one that began goes on
	l = read[FileLink](t, w.ask("GET", "/links/"+l.ID, nil, w.as), 200)
	if l.Count != 2 || len(l.Downloads) != 2 || l.State != "used-up" {
		t.Errorf("its owner sees %+v", l)
	}
	read[FileLink](t, w.ask("PATCH", "/links/"+l.ID, FileLinkChange{Most: ref(int64(9))}, w.as), 200)
	read[SharedFile](t, w.ask("GET", at, nil), 200)
	w.pass(8 * 24 * time.Hour)
	gone("expired")
	if rec := w.ask("GET", at+"/content", nil, header("Link-Ticket", d.Ticket), fromNetwork(3)); !equalAnswers(rec, never) {
		t.Errorf("an old ticket: %d", rec.Code)
	}
	read[FileLink](t, w.ask("PATCH", "/links/"+l.ID, FileLinkChange{Expires: ref(w.now().Add(time.Hour))}, w.as), 200)
	d = read[SharedDownload](t, w.ask("POST", at+"/download", nil, fromNetwork(4)), 200)
	read[FileLink](t, w.ask("PATCH", "/links/"+l.ID, FileLinkChange{Revoked: ref(true)}, w.as), 200)
	gone("revoked")
	ticket := header("Link-Ticket", d.Ticket)
	if rec := w.ask("GET", at+"/content", nil, ticket, fromNetwork(4)); !equalAnswers(rec, never) {
		t.Errorf("a ticket of what was revoked: %d", rec.Code)
	}
	other := w.link(NewFileLink{File: f.ID})
	if rec := w.ask("GET", "/shared/"+other.ID+"/content", nil, ticket, fromNetwork(4)); !equalAnswers(rec, never) {
		t.Errorf("a ticket of another link: %d", rec.Code)
	}
	for _, id := range []string{"x", "..%2Fx", l.ID + "A", f.ID, strings.Repeat("A", 60)} {
		if rec := w.ask("GET", "/shared/"+id, nil, fromNetwork(5)); !equalAnswers(rec, never) {
			t.Errorf("%s: %d %s", id, rec.Code, rec.Body)
		}
	}
	if _, _, err := w.Files.Kill(t.Context(), must(drive.ParseID(other.ID))); err != nil {
		t.Fatal(err)
	}
	at = "/shared/" + other.ID
	gone("killed")
	if l := read[FileLink](t, w.ask("PATCH", "/links/"+other.ID, FileLinkChange{Expires: ref(w.now().Add(time.Hour))}, w.as), 200); l.State != "killed" {
		t.Errorf("an owner brought it back: %+v", l)
	}
	l = w.link(NewFileLink{File: f.ID})
	if rec := w.ask("DELETE", "/files/"+f.ID, nil, w.as); rec.Code != 204 {
		t.Fatal(rec.Code)
	}
	at = "/shared/" + l.ID
	gone("its file deleted")
	if all := read[FileLinks](t, w.ask("GET", "/links", nil, w.as), 200); len(all.Links) != 0 {
		t.Errorf("links to nothing: %+v", all)
	}
	w.mustNotLog(l.ID, other.ID, d.Ticket)
}

// A link that asks for a proof tells nothing without it but how a password is derived,
// and a wrong one gets what there is for a wrong link.
func TestLinksAskForProof(t *testing.T) {
	t.Parallel()
	w := newMailWorld(t)
	f := w.upload1([]byte("octets"))
	l := w.link(NewFileLink{File: f.ID, Check: drive.Check(linkProof), Most: 1})
	at := "/shared/" + l.ID
	if s := read[SharedFile](t, w.ask("GET", at, nil), 200); s.Box != nil || !s.Checked {
		t.Errorf("without a proof: %+v", s)
	}
	never := w.ask("GET", "/shared/"+drive.NewID().String(), nil, fromNetwork(1))
	for what, edit := range map[string]func(*http.Request){
		"wrong": proved(make([]byte, 32)), "short": proved(linkProof[:31]), "no base64": header("Link-Proof", "?"), "the check": proved(drive.Check(linkProof)),
	} {
		if rec := w.ask("GET", at, nil, edit, fromNetwork(2)); !equalAnswers(rec, never) {
			t.Errorf("%s: %d %s", what, rec.Code, rec.Body)
		}
		if rec := w.ask("POST", at+"/download", nil, edit, fromNetwork(2)); !equalAnswers(rec, never) {
			t.Errorf("download, %s: %d %s", what, rec.Code, rec.Body)
		}
	}
	if rec := w.ask("POST", at+"/download", nil, fromNetwork(2)); !equalAnswers(rec, never) {
		t.Errorf("download without a proof: %d", rec.Code)
	}
	if s := read[SharedFile](t, w.ask("GET", at, nil, proved(linkProof)), 200); string(s.Box) != "sealed box" {
		t.Errorf("with the proof: %+v", s)
	}
	read[SharedDownload](t, w.ask("POST", at+"/download", nil, proved(linkProof)), 200)
}

func TestLinksAreBounded(t *testing.T) {
	t.Parallel()
	w := newMailWorld(t)
	f := w.upload1([]byte("octets"))
	on := read[File](t, w.ask("POST", "/files", NewFile{5}, w.as), 201)
	for what, l := range map[string]NewFileLink{
		"too late": {File: f.ID, Expires: ref(w.now().Add(91 * 24 * time.Hour))}, "ended": {File: f.ID, Expires: ref(w.now())},
		"a short check": {File: f.ID, Check: []byte("x")}, "on its way": {File: on.ID}, "none": {File: "x"}, "a large box": {File: f.ID, Box: make([]byte, 4097)},
	} {
		if l.Box == nil {
			l.Box = []byte("b")
		}
		if rec := w.ask("POST", "/links", l, w.as); rec.Code < 400 || rec.Code >= 500 {
			t.Errorf("%s: %d %s", what, rec.Code, rec.Body)
		}
	}
	l := w.link(NewFileLink{File: f.ID})
	expect(t, w.ask("PATCH", "/links/"+l.ID, FileLinkChange{Expires: ref(w.now().Add(91 * 24 * time.Hour))}, w.as), 422, "bad-input")
	w.pass(38 * 24 * time.Hour)
	if err := w.Files.TidyOf(t.Context(), drive.Owner(w.carol.ID)); err != nil {
		t.Fatal(err)
	}
	expect(t, w.ask("GET", "/links/"+l.ID, nil, w.as), 404, "not-found")
}

// Of many who begin at once no more are let in than the link says.
func TestDownloadsAreCounted(t *testing.T) {
	t.Parallel()
	w := newMailWorld(t)
	l := w.link(NewFileLink{File: w.upload1([]byte("octets")).ID, Most: 3})
	var in atomic.Int32
	var all sync.WaitGroup
	for i := range 32 {
		all.Go(func() {
			if rec := w.ask("POST", "/shared/"+l.ID+"/download", nil, fromNetwork(i)); rec.Code == 200 {
				in.Add(1)
			}
		})
	}
	all.Wait()
	if in.Load() != 3 {
		t.Errorf("%d were let in, want 3", in.Load())
	}
}

func TestSharedIsSlow(t *testing.T) {
	t.Parallel()
	w := newMailWorld(t)
	there := w.link(NewFileLink{File: w.upload1([]byte("octets")).ID}).ID
	for _, id := range []string{there, drive.NewID().String()} {
		for i := range strangersAtOnce { // from everywhere
			if rec := w.ask("GET", "/shared/"+id, nil, fromNetwork(i)); rec.Code == 429 {
				t.Fatalf("try %d: %d", i, rec.Code)
			}
		}
		expect(t, w.ask("GET", "/shared/"+id, nil, fromNetwork(999)), 429, "slow-down")
	}
	for i := range strangersAtOnce { // from one network, at all
		w.ask("GET", fmt.Sprintf("/drops/%d", i), nil, fromNetwork(1000))
	}
	expect(t, w.ask("GET", "/shared/x", nil, fromNetwork(1000)), 429, "slow-down")
}

// A stranger brings a file by a request, in parts, and reads nothing; its owner takes it.
func TestFilesAreBrought(t *testing.T) {
	t.Parallel()
	w := newMailWorld(t)
	q := read[FileRequest](t, w.ask("POST", "/requests", NewFileRequest{Box: []byte("words"), MostFiles: 2, MostBytes: drive.PartSize + 1000}, w.as), 201)
	at := "/drops/" + q.ID
	if d := read[Drop](t, w.ask("GET", at, nil), 200); string(d.Box) != "words" || d.Files != 2 || d.Bytes != drive.PartSize+1000 {
		t.Errorf("told %+v", d)
	}
	b := storagetest.Content(7, drive.PartSize+500)
	expect(t, w.ask("POST", at+"/files", NewFile{drive.PartSize + 1001}), 422, "bad-input")
	f := read[File](t, w.ask("POST", at+"/files", NewFile{int64(len(b))}), 201)
	mine := at + "/files/" + f.ID
	expect(t, w.putPart("/files/"+f.ID, 0, pieceOf(b, 0), w.as), 404, "not-found")
	for n := range f.Parts {
		if rec := w.putPart(mine, n, pieceOf(b, n)); rec.Code != 204 {
			t.Fatalf("part %d: %d %s", n, rec.Code, rec.Body)
		}
	}
	if f := read[File](t, w.ask("GET", mine, nil), 200); f.Have != "0:1" {
		t.Errorf("there are %q", f.Have)
	}
	expect(t, w.ask("POST", "/files/"+f.ID+"/take", nil, w.as), 404, "not-found")
	if rec := w.ask("POST", mine+"/complete", DropHead{[]byte("sealed head")}); rec.Code != 204 {
		t.Fatalf("%d %s", rec.Code, rec.Body)
	}
	for _, path := range []string{mine + "/content", "/shared/" + q.ID, "/shared/" + f.ID, at + "/files"} {
		if rec := w.ask("GET", path, nil); rec.Code != 404 && rec.Code != 405 {
			t.Errorf("a stranger reads %s: %d", path, rec.Code)
		}
	}
	all := read[Files](t, w.ask("GET", "/files?brought=true", nil, w.as), 200)
	if len(all.Files) != 1 || all.Files[0].Request != q.ID || string(all.Files[0].Head) != "sealed head" {
		t.Fatalf("came %+v", all)
	}
	expect(t, w.ask("POST", "/links", NewFileLink{File: f.ID, Box: []byte("b")}, w.as), 404, "not-found")
	if rec := w.ask("GET", "/files/"+f.ID+"/content", nil, w.as); !bytes.Equal(rec.Body.Bytes(), b) {
		t.Errorf("its owner reads %d octets", rec.Body.Len())
	}
	if f := read[File](t, w.ask("POST", "/files/"+f.ID+"/take", nil, w.as), 200); f.Request != "" || f.Head != nil {
		t.Errorf("taken over: %+v", f)
	}
	expect(t, w.ask("GET", mine, nil), 404, "not-found")
	expect(t, w.ask("POST", at+"/files", NewFile{501}), 422, "bad-input")
	must(w.Store.Apply(t.Context(), w.owner(), mailstore.SetQuota{Bytes: int64(len(b)) + 499}))
	expect(t, w.ask("POST", at+"/files", NewFile{500}), 507, "over-quota") // and no size says how much room there is
	expect(t, w.ask("POST", at+"/files", NewFile{1}, fromNetwork(3)), 507, "over-quota")
	must(w.Store.Apply(t.Context(), w.owner(), mailstore.SetQuota{Bytes: int64(len(b)) + 500}))
	left := read[File](t, w.ask("POST", at+"/files", NewFile{10}), 201)
	w.pass(25 * time.Hour)
	must(w.Files.Tidy(t.Context()))
	if q := read[FileRequests](t, w.ask("GET", "/requests", nil, w.as), 200).Requests[0]; q.Files != 1 || q.Bytes != int64(len(b)) {
		t.Errorf("what was given up counts: %+v", q)
	}
	never := w.ask("GET", "/drops/"+drive.NewID().String(), nil, fromNetwork(4))
	expect(t, never, 404, "not-found")
	read[FileRequest](t, w.ask("PATCH", "/requests/"+q.ID, FileRequestChange{Revoked: ref(true)}, w.as), 200)
	for _, rec := range []*httptest.ResponseRecorder{
		w.ask("GET", at, nil, fromNetwork(5)), w.ask("POST", at+"/files", NewFile{5}, fromNetwork(5)), w.ask("GET", at+"/files/"+left.ID, nil, fromNetwork(5)),
		w.putPart(at+"/files/"+left.ID, 0, b[:10], fromNetwork(5)), w.ask("POST", at+"/files/"+left.ID+"/complete", DropHead{[]byte("h")}, fromNetwork(5)),
	} {
		if !equalAnswers(rec, never) {
			t.Errorf("revoked: %d %s", rec.Code, rec.Body)
		}
	}
}

// D12: whatever of carol's bob names, he gets what he gets for what does not exist.
func TestD12Files(t *testing.T) {
	t.Parallel()
	w := newMailWorld(t)
	whole, on := w.upload1([]byte("octets")), read[File](t, w.ask("POST", "/files", NewFile{5}, w.as), 201)
	l := w.link(NewFileLink{File: whole.ID})
	q := read[FileRequest](t, w.ask("POST", "/requests", NewFileRequest{Box: []byte("b"), MostFiles: 2, MostBytes: 100}, w.as), 201)
	stateOf := func() string {
		var all strings.Builder
		for _, path := range []string{"/files", "/files/" + on.ID, "/links", "/requests", "/usage"} {
			all.WriteString(w.ask("GET", path, nil, w.as).Body.String())
		}
		return all.String()
	}
	before, none := stateOf(), drive.NewID().String()
	part := []byte("12345")
	for _, c := range []struct {
		method, path, id string
		body             any
	}{
		{"GET", "/files/%s", whole.ID, nil}, {"HEAD", "/files/%s", whole.ID, nil}, {"DELETE", "/files/%s", whole.ID, nil},
		{"GET", "/files/%s/content", whole.ID, nil}, {"POST", "/files/%s/take", whole.ID, nil},
		{"GET", "/files/%s", on.ID, nil}, {"DELETE", "/files/%s", on.ID, nil},
		{"PUT", "/files/%s/parts/0", on.ID, part}, {"POST", "/files/%s/complete", on.ID, nil},
		{"GET", "/links/%s", l.ID, nil}, {"PATCH", "/links/%s", l.ID, FileLinkChange{Revoked: ref(true)}}, {"DELETE", "/links/%s", l.ID, nil},
		{"PATCH", "/requests/%s", q.ID, FileRequestChange{Revoked: ref(true)}}, {"DELETE", "/requests/%s", q.ID, nil},
		{"PUT", "/drops/" + q.ID + "/files/%s/parts/0", on.ID, part}, {"GET", "/drops/" + q.ID + "/files/%s", whole.ID, nil},
		{"POST", "/drops/" + q.ID + "/files/%s/complete", on.ID, DropHead{[]byte("h")}},
	} {
		theirs := w.ask(c.method, fmt.Sprintf(c.path, c.id), c.body, w.bob, digestHeaderOf(part))
		nobodys := w.ask(c.method, fmt.Sprintf(c.path, none), c.body, w.bob, digestHeaderOf(part))
		if theirs.Code != 404 || !equalAnswers(theirs, nobodys) {
			t.Errorf("%s %s: %d %s, and %d %s", c.method, c.path, theirs.Code, theirs.Body, nobodys.Code, nobodys.Body)
		}
	}
	expect(t, w.ask("POST", "/links", NewFileLink{File: whole.ID, Box: []byte("b")}, w.bob), 404, "not-found")
	for _, path := range []string{"/files", "/links", "/requests"} {
		if rec := w.ask("GET", path, nil, w.bob); strings.Contains(rec.Body.String(), whole.ID) || strings.Contains(rec.Body.String(), l.ID) || strings.Contains(rec.Body.String(), q.ID) {
			t.Errorf("bob's %s: %s", path, rec.Body)
		}
	}
	if after := stateOf(); after != before {
		t.Errorf("bob changed something of carol's:\n%s\n%s", before, after)
	}
}

// F01: what is brought is opaque here: no name is asked for, none is kept, and an id is
// not logged.
func TestF01Files(t *testing.T) {
	t.Parallel()
	const canary = "Wombat7Quokka3Numbat"
	w := newMailWorld(t)
	f := w.upload1([]byte("sealed octets"))
	for _, body := range []string{`{"size":5,"name":"` + canary + `"}`, `{"size":"` + canary + `"}`} {
		expect(t, w.ask("POST", "/files", body, w.as), 422, "bad-input")
	}
	w.ask("GET", "/files/"+canary, nil, w.as)
	w.ask("GET", "/shared/"+canary, nil, header("Link-Proof", canary), header("Link-Ticket", canary))
	r := w.request("PUT", "/files/"+f.ID+"/parts/0", nil, w.as, digestHeaderOf([]byte(canary)), header("Content-Type", "application/octet-stream"))
	r.Body, r.ContentLength = brokenBody{strings.NewReader(canary)}, 100
	recorded(w.handler, r)
	report, err := prove.Scan(t.Context(), []string{w.folder}, []string{canary})
	if err != nil || len(report.Hits) != 0 {
		t.Errorf("%v, %v", report.Hits, err)
	}
	w.mustNotLog(canary, f.ID)
}
