package api

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"sealpost/mailstore"
)

// sealedBox has the shape of a box, with n bytes of content.
func sealedBox(n int, fill byte) []byte {
	return append([]byte{1}, bytes.Repeat([]byte{fill}, 80+n)...)
}

func TestCabinet(t *testing.T) {
	t.Parallel()
	w := newMailWorld(t)
	const at = "/cabinet/settings/main"
	first, match := header("If-None-Match", "*"), func(v int) func(*http.Request) { return header("If-Match", fmt.Sprintf(`"%d"`, v)) }
	item := read[CabinetItem](t, w.ask("PUT", at, sealedBox(16, 'a'), w.as, first), 200)
	if item.Drawer != "settings" || item.Name != "main" || item.Version != 1 || item.Change != 1 || item.Size != 97 || item.Gone || !item.Modified.Equal(testTime) {
		t.Errorf("%+v", item)
	}
	rec := w.ask("GET", at, nil, w.as)
	if rec.Code != 200 || rec.Header().Get("ETag") != `"1"` || !bytes.Equal(rec.Body.Bytes(), sealedBox(16, 'a')) {
		t.Errorf("%d, %q, %d bytes", rec.Code, rec.Header().Get("ETag"), rec.Body.Len())
	}
	if rec := w.ask("GET", at, nil, w.as, header("If-None-Match", `"1"`)); rec.Code != 304 {
		t.Errorf("the version that is known: %d", rec.Code)
	}
	if rec := w.ask("GET", at, nil, w.as, header("Range", "bytes=0-9")); rec.Code != 206 || rec.Body.Len() != 10 {
		t.Errorf("range: %d", rec.Code)
	}
	lost := w.ask("PUT", at, sealedBox(16, 'b'), w.as, first)
	if expect(t, lost, 412, "conflict"); lost.Header().Get("ETag") != `"1"` {
		t.Errorf("the loser is told of %q", lost.Header().Get("ETag"))
	}
	expect(t, w.ask("PUT", at, sealedBox(16, 'b'), w.as, match(2)), 412, "conflict")
	if item = read[CabinetItem](t, w.ask("PUT", at, sealedBox(16, 'b'), w.as, match(1)), 200); item.Version != 2 {
		t.Errorf("%+v", item)
	}
	expect(t, w.ask("DELETE", at, nil, w.as, match(1)), 412, "conflict")
	if item = read[CabinetItem](t, w.ask("DELETE", at, nil, w.as, match(2)), 200); !item.Gone || item.Version != 3 {
		t.Errorf("%+v", item)
	}
	expect(t, w.ask("GET", at, nil, w.as), 404, "not-found")
	expect(t, w.ask("DELETE", at, nil, w.as, match(3)), 404, "not-found")
	back := w.ask("PUT", at, sealedBox(0, 'c'), w.as, first)
	if expect(t, back, 412, "conflict"); back.Header().Get("ETag") != `"3"` {
		t.Errorf("who brings back what was removed is told of %q", back.Header().Get("ETag"))
	}
	if item = read[CabinetItem](t, w.ask("PUT", at, sealedBox(0, 'c'), w.as, match(3)), 200); item.Version != 4 {
		t.Errorf("%+v", item)
	}
	read[CabinetItem](t, w.ask("PUT", "/cabinet/drafts/x", sealedBox(1024, 'd'), w.as, first), 200)
	read[CabinetItem](t, w.ask("DELETE", "/cabinet/drafts/x", nil, w.as, match(1)), 200)
	all := read[CabinetList](t, w.ask("GET", "/cabinet", nil, w.as), 200)
	if len(all.Items) != 1 || all.Version != 6 || !all.Complete {
		t.Errorf("%+v", all)
	}
	since := read[CabinetList](t, w.ask("GET", "/cabinet?since=4", nil, w.as), 200)
	if len(since.Items) != 1 || !since.Items[0].Gone || since.Items[0].Drawer != "drafts" || !since.Complete {
		t.Errorf("%+v", since)
	}
	if u := read[Usage](t, w.ask("GET", "/usage", nil, w.as), 200); u.Cabinet != 81 || u.Bytes != 0 {
		t.Errorf("%+v", u)
	}
	if rec := w.ask("GET", "/cabinet?since=99", nil, w.as); !strings.Contains(rec.Body.String(), `"items":[]`) {
		t.Errorf("no items are %s", rec.Body)
	}
}

func TestCabinetRefuses(t *testing.T) {
	t.Parallel()
	w := newMailWorld(t)
	first := header("If-None-Match", "*")
	put := func(at string, box []byte, edit ...func(*http.Request)) func() *result {
		return func() *result { return &result{w.ask("PUT", at, box, append(edit, w.as)...)} }
	}
	for what, c := range map[string]struct {
		do     func() *result
		status int
		word   string
	}{
		"plaintext":           {put("/cabinet/drafts/a", []byte(`{"v":1,"subject":"the secret wombat"}`+strings.Repeat(" ", 91)), first), 422, "not-sealed"},
		"not padded":          {put("/cabinet/drafts/a", sealedBox(1001, 0), first), 422, "not-sealed"},
		"empty":               {put("/cabinet/drafts/a", []byte{}, first), 422, "not-sealed"},
		"too large":           {put("/cabinet/drafts/a", make([]byte, mostBox+1), first), 413, "too-large"},
		"no drawer":           {put("/cabinet/secrets/a", sealedBox(0, 0), first), 422, "name"},
		"no name":             {put("/cabinet/drafts/a.b", sealedBox(0, 0), first), 422, "name"},
		"a path":              {put("/cabinet/drafts/..%2f..%2fa", sealedBox(0, 0), first), 422, "name"},
		"no precondition":     {put("/cabinet/drafts/a", sealedBox(0, 0)), 428, "precondition"},
		"two preconditions":   {put("/cabinet/drafts/a", sealedBox(0, 0), first, header("If-Match", `"1"`)), 428, "precondition"},
		"a version in words":  {put("/cabinet/drafts/a", sealedBox(0, 0), header("If-Match", `"one"`)), 422, "bad-input"},
		"a naked version":     {put("/cabinet/drafts/a", sealedBox(0, 0), header("If-Match", `1`)), 422, "bad-input"},
		"any version":         {put("/cabinet/drafts/a", sealedBox(0, 0), header("If-Match", `*`)), 422, "bad-input"},
		"a version of none":   {put("/cabinet/drafts/a", sealedBox(0, 0), header("If-Match", `"0"`)), 422, "bad-input"},
		"a version not there": {put("/cabinet/drafts/a", sealedBox(0, 0), header("If-Match", `"7"`)), 412, "conflict"},
	} {
		rec := c.do()
		if rec.Code != c.status {
			t.Errorf("%s: %d %s", what, rec.Code, rec.Body)
			continue
		}
		expect(t, rec.ResponseRecorder, c.status, c.word)
	}
	for at, status := range map[string]int{"/cabinet/drafts/a": 404, "/cabinet/what/a": 404, "/cabinet/drafts/a.b": 404} {
		expect(t, w.ask("GET", at, nil, w.as), status, "not-found")
	}
	must(w.Store.Apply(t.Context(), w.owner(), mailstore.SetQuota{Bytes: 1}))
	for i := range 2 {
		read[CabinetItem](t, w.ask("PUT", fmt.Sprintf("/cabinet/files/%d", i), sealedBox(15<<20, 0), w.as, first), 200)
	}
	expect(t, w.ask("PUT", "/cabinet/files/more", sealedBox(15<<20, 0), w.as, first), 507, "over-quota")
	if all := read[CabinetList](t, w.ask("GET", "/cabinet", nil, w.as), 200); len(all.Items) != 2 {
		t.Errorf("%+v", all)
	}
}

// Large boxes are held in memory while they come, so they are few at a time.
func TestLargeBoxesAreFew(t *testing.T) {
	t.Parallel()
	w := newMailWorld(t)
	for range 2 {
		leave, err := w.gates.large.enter(w.carol.ID)
		if err != nil {
			t.Fatal(err)
		}
		defer leave()
	}
	first := header("If-None-Match", "*")
	expect(t, w.ask("PUT", "/cabinet/files/a", sealedBox(2<<20, 0), w.as, first), 429, "slow-down")
	expect(t, w.ask("PUT", "/cabinet/files/a", sealedBox(16, 0), w.as, first, func(r *http.Request) { r.ContentLength = -1 }), 429, "slow-down")
	read[CabinetItem](t, w.ask("PUT", "/cabinet/files/a", sealedBox(16, 0), w.as, first), 200)
	read[CabinetItem](t, w.ask("PUT", "/cabinet/files/a", sealedBox(2<<20, 0), w.bob, first), 200)
}
