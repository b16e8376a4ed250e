package api

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"sealpost/filestore/drive"
	"sealpost/filestore/storagetest"
)

// shelf is all kinds of things of carol's that have ids.
type shelf struct {
	*mailWorld
	whole, on, brought, half File
	link, proven, over       FileLink
	asks, ended              FileRequest
}

func newShelf(t *testing.T) *shelf {
	t.Helper()
	w := newMailWorld(t)
	s := &shelf{mailWorld: w, whole: w.upload1([]byte("octets")), on: read[File](t, w.ask("POST", "/files", NewFile{5}, w.as), 201)}
	s.link, s.proven, s.over = w.link(NewFileLink{File: s.whole.ID}), w.link(NewFileLink{File: s.whole.ID, Check: drive.Check(linkProof)}), w.link(NewFileLink{File: s.whole.ID})
	read[FileLink](t, w.ask("PATCH", "/links/"+s.over.ID, FileLinkChange{Revoked: ref(true)}, w.as), 200)
	ask := NewFileRequest{Box: []byte("b"), MostFiles: 5, MostBytes: 100}
	s.asks, s.ended = read[FileRequest](t, w.ask("POST", "/requests", ask, w.as), 201), read[FileRequest](t, w.ask("POST", "/requests", ask, w.as), 201)
	read[FileRequest](t, w.ask("PATCH", "/requests/"+s.ended.ID, FileRequestChange{Revoked: ref(true)}, w.as), 200)
	for _, f := range []*File{&s.brought, &s.half} {
		*f = read[File](t, w.ask("POST", "/drops/"+s.asks.ID+"/files", NewFile{5}), 201)
	}
	at := "/drops/" + s.asks.ID + "/files/" + s.brought.ID
	if a, b := w.putPart(at, 0, fiveOctets), w.ask("POST", at+"/complete", DropHead{[]byte("head")}); a.Code != 204 || b.Code != 204 {
		t.Fatal(a.Code, b.Code)
	}
	return s
}

var fiveOctets = []byte("12345")

func (s *shelf) ids() []string {
	return []string{
		s.whole.ID, s.on.ID, s.brought.ID, s.half.ID, s.link.ID, s.proven.ID, s.over.ID, s.asks.ID, s.ended.ID,
		drive.NewID().String(), "x", "..%2F" + s.whole.ID, s.whole.ID + "A",
	}
}

// state is all that carol can see of what she has.
func (s *shelf) state() string {
	var all strings.Builder
	for _, path := range []string{"/files", "/files/" + s.on.ID, "/links", "/requests", "/usage"} {
		all.WriteString(s.ask("GET", path, nil, s.as).Body.String())
	}
	return all.String()
}

// trespass is what must be known of an operation to be tried at another's things.
type trespass struct {
	body  func(id string) any   // id: of something of another's; nil: it has none
	opens func(*shelf) []string // public: ids that open it, which is their purpose
	own   bool                  // it names nothing of anybody's
}

// trespasses has a line for every operation of the file store: one that is added without
// is found by TestD12EveryFileOperation.
var trespasses = map[string]trespass{
	"bring-files":    {own: true}, // under ids of its own: TestD12IDsOfOthersAsMine
	"file-contents":  {own: true}, // ids in its query: TestD12IDsOfOthersAsMine
	"remove-files":   {own: true}, // ids in its query: TestD12IDsOfOthersAsMine
	"begin-file":     {own: true},
	"files":          {own: true},
	"links":          {own: true},
	"requests":       {own: true},
	"make-request":   {own: true},
	"file":           {},
	"remove-file":    {},
	"put-part":       {body: func(string) any { return fiveOctets }},
	"complete-file":  {},
	"file-content":   {},
	"take-file":      {},
	"make-link":      {body: func(id string) any { return NewFileLink{File: id, Box: []byte("b")} }},
	"link":           {},
	"change-link":    {body: func(string) any { return FileLinkChange{Revoked: ref(true)} }},
	"remove-link":    {},
	"change-request": {body: func(string) any { return FileRequestChange{Revoked: ref(true)} }},
	"remove-request": {},
	"shared":         {opens: func(s *shelf) []string { return []string{s.link.ID, s.proven.ID} }},
	"begin-download": {opens: func(s *shelf) []string { return []string{s.link.ID} }},
	"shared-content": {},
	"drop":           {opens: func(s *shelf) []string { return []string{s.asks.ID} }},
	"begin-drop":     {body: func(string) any { return NewFile{5} }, opens: func(s *shelf) []string { return []string{s.asks.ID} }},
	"give-up-drop":   {opens: func(s *shelf) []string { return []string{s.half.ID} }},
	"dropped-file":   {opens: func(s *shelf) []string { return []string{s.brought.ID, s.half.ID} }},
	"put-drop-part":  {body: func(string) any { return fiveOctets }, opens: func(s *shelf) []string { return []string{s.brought.ID, s.half.ID} }},
	"complete-drop":  {body: func(string) any { return DropHead{[]byte("h")} }, opens: func(s *shelf) []string { return []string{s.brought.ID, s.half.ID} }},
}

// documented is an operation of the document.
type documented struct{ name, method, path string }

func (w *world) documented(roots ...string) (all []documented) {
	w.t.Helper()
	doc := read[struct {
		Paths map[string]map[string]json.RawMessage
	}](w.t, w.ask("GET", "/openapi.json", nil), 200)
	for path, methods := range doc.Paths {
		root, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
		if !slices.Contains(roots, root) {
			continue
		}
		for method, text := range methods {
			var o struct{ OperationID string }
			if json.Unmarshal(text, &o) == nil && o.OperationID != "" {
				all = append(all, documented{o.OperationID, strings.ToUpper(method), path})
			}
		}
	}
	slices.SortFunc(all, func(a, b documented) int { return strings.Compare(a.name, b.name) })
	return all
}

// D12: every operation that the document has of files, links and requests, with every id
// of carol's in every place, asked by bob: he gets what he gets for what never was, and
// carol's things are as they were. An operation that nobody told of here fails.
func TestD12EveryFileOperation(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	before := s.state()
	all := s.documented("files", "links", "requests", "drops", "shared")
	if len(all) < 25 {
		t.Fatalf("the document has %d operations of files", len(all))
	}
	for _, o := range all {
		try, told := trespasses[o.name]
		if !told {
			t.Errorf("%s (%s %s) is tried by nobody: say in trespasses what it names", o.name, o.method, o.path)
			continue
		}
		if try.own {
			if strings.Contains(o.path, "{") {
				t.Errorf("%s names something: %s", o.name, o.path)
			}
			continue
		}
		s.trespass(o, try)
	}
	if after := s.state(); after != before {
		t.Errorf("bob changed something of carol's:\n%s\n%s", before, after)
	}
}

func (s *shelf) trespass(o documented, try trespass) {
	s.t.Helper()
	ask := func(first, second string) answered {
		path := strings.NewReplacer("{id}", first, "{file}", second, "{n}", "0").Replace(o.path)
		id := first
		var b any
		if try.body != nil {
			b = try.body(id)
		}
		s.pass(time.Hour / 100) // strangers are slow
		rec := s.ask(o.method, path, b, s.bob, digestHeaderOf(fiveOctets), header("Link-Ticket", "AAAA"))
		return answered{rec.Code, rec.Body.String(), fmt.Sprint(rec.Header())}
	}
	none := drive.NewID().String()
	never := ask(none, none)
	if never.status != 404 {
		s.t.Errorf("%s of nothing: %+v", o.name, never)
	}
	for _, first := range s.ids() {
		seconds := []string{""}
		if strings.Contains(o.path, "{file}") {
			seconds = s.ids()
		}
		for _, second := range seconds {
			if try.opens != nil && (second == "" && slices.Contains(try.opens(s), first) || first == s.asks.ID && slices.Contains(try.opens(s), second)) {
				continue
			}
			if got := ask(first, second); got != never {
				s.t.Errorf("%s %s with %s %s: %+v, of nothing: %+v", o.name, o.path, s.called(first), s.called(second), got, never)
			}
		}
	}
}

type answered struct {
	status       int
	body, header string
}

// called says in words what an id is of.
func (s *shelf) called(id string) string {
	for name, of := range map[string]string{
		"a file": s.whole.ID, "an upload": s.on.ID, "a drop": s.brought.ID, "half a drop": s.half.ID, "a link": s.link.ID, "a link with a proof": s.proven.ID,
		"a revoked link": s.over.ID, "a request": s.asks.ID, "a revoked request": s.ended.ID,
	} {
		if of == id {
			return name
		}
	}
	return fmt.Sprintf("%q", id)
}

// D12: files are brought under ids that a client draws: one that is another's says
// nothing of it, and changes nothing.
func TestD12IDsOfOthersAsMine(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	if rec := s.ask("GET", "/files/batch?ids="+s.whole.ID+","+s.brought.ID, nil, s.bob); rec.Code != 200 || rec.Body.Len() != 0 {
		t.Errorf("bob reads %d octets of carol's: %d", rec.Body.Len(), rec.Code)
	}
	before := s.state()
	ids := strings.Join([]string{s.whole.ID, s.on.ID, s.brought.ID, s.half.ID}, ",")
	for _, r := range read[Removed](t, s.ask("DELETE", "/files/batch?ids="+ids, nil, s.bob), 200).Files {
		if r.Outcome != "gone" || s.state() != before {
			t.Errorf("bob deletes %s of carol's, and is told %q", s.called(r.ID), r.Outcome)
		}
	}
	bring := func(id string, b []byte) int {
		text := must(drive.ParseID(id))
		frame := append(binary.BigEndian.AppendUint32(text[:], uint32(len(b))), b...)
		return s.ask("POST", "/files/batch", frame, s.bob, digestHeaderOf(frame)).Code
	}
	for _, id := range []string{s.whole.ID, s.on.ID, s.brought.ID, s.link.ID, s.asks.ID, drive.NewID().String()} {
		if got := bring(id, []byte("bobs")); got != 201 {
			t.Errorf("%s: %d", s.called(id), got)
		}
	}
	if rec := s.ask("GET", "/files/"+s.whole.ID+"/content", nil, s.as); rec.Body.String() != "octets" || s.state() != before {
		t.Errorf("carol's became %q", rec.Body)
	}
	d := read[SharedDownload](t, s.ask("POST", "/shared/"+s.link.ID+"/download", nil), 200)
	if rec := s.ask("GET", "/shared/"+s.link.ID+"/content", nil, header("Link-Ticket", d.Ticket)); rec.Body.String() != "octets" {
		t.Errorf("her link leads to %q", rec.Body)
	}
	if rec := s.ask("DELETE", "/files/"+s.whole.ID, nil, s.bob); rec.Code != 204 {
		t.Error(rec.Code)
	}
	if rec := s.ask("GET", "/files/"+s.whole.ID+"/content", nil, s.as); rec.Body.String() != "octets" {
		t.Errorf("bob deleted carol's: %d", rec.Code)
	}
}

// Nobody asks of files, links and requests without a right: no session, a password for
// mail alone, one of nobody.
func TestD12FilesNeedARight(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	mailOnly := basic("carol@demo.test", s.password(s.carol, "mail", "imap", "smtp"))
	for _, o := range s.documented("files", "links", "requests") {
		path := strings.NewReplacer("{id}", s.whole.ID, "{n}", "0").Replace(o.path)
		for who, edit := range map[string]func(*http.Request){"nobody": header("X", ""), "a mail program": mailOnly, "a stranger": basic("eve@demo.test", "x")} {
			if rec := s.ask(o.method, path, nil, edit); rec.Code != 401 {
				t.Errorf("%s as %s: %d %s", o.name, who, rec.Code, rec.Body)
			}
		}
		s.pass(time.Minute)
	}
}

// What is not there takes as long as what may not be had: ten link ids that were good do
// not show by the clock.
func TestNothingTellsByTime(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	big := s.mailWorld.link(NewFileLink{File: s.whole.ID, Box: storagetest.Content(1, drive.MaxBox), KDF: make([]byte, 200), Check: drive.Check(linkProof), Most: 1})
	read[FileLink](t, s.ask("PATCH", "/links/"+big.ID, FileLinkChange{Revoked: ref(true)}, s.as), 200)
	none := drive.NewID().String()
	for what, c := range map[string]struct {
		method, path, there string
		edit                func(*http.Request)
	}{
		"another's file":     {"GET", "/files/%s", s.whole.ID, s.bob},
		"another's link":     {"GET", "/links/%s", big.ID, s.bob},
		"a revoked link":     {"GET", "/shared/%s", big.ID, proved(linkProof)},
		"a download of it":   {"POST", "/shared/%s/download", big.ID, proved(linkProof)},
		"a ticket of others": {"GET", "/shared/%s/content", big.ID, header("Link-Ticket", strings.Repeat("A", 54))},
		"a revoked request":  {"GET", "/drops/%s", s.ended.ID, proved(linkProof)},
	} {
		took := [2][]time.Duration{}
		for i := range 240 {
			id := []string{c.there, none}[i%2]
			s.pass(10 * time.Second)
			r := s.request(c.method, fmt.Sprintf(c.path, id), nil, c.edit)
			began := time.Now()
			rec := recorded(s.handler, r)
			took[i%2] = append(took[i%2], time.Since(began))
			if rec.Code != 404 {
				t.Fatalf("%s: %d %s", what, rec.Code, rec.Body)
			}
		}
		var typical [2]time.Duration
		for i := range took {
			slices.Sort(took[i])
			typical[i] = took[i][len(took[i])/4] // what other work on this machine adds is above
		}
		if d := (typical[0] - typical[1]).Abs(); d > 2*time.Millisecond {
			t.Errorf("%s takes %v, what never was %v", what, typical[0], typical[1])
		}
	}
}
