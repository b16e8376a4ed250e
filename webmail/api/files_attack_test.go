package api

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/bits"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"sealpost/filestore/drive"
	"sealpost/filestore/storagetest"
	"sealpost/mailstore"
)

// midway is an answer whose reader does something when the first octets come.
type midway struct {
	*httptest.ResponseRecorder
	once sync.Once
	do   func()
}

func (m *midway) Write(p []byte) (int, error) {
	m.once.Do(m.do)
	return m.ResponseRecorder.Write(p)
}

// broken gives what came of an answer that broke off, and whether it did.
func (w *world) broken(r *http.Request, do func()) (came []byte, broke bool) {
	rec := &midway{ResponseRecorder: httptest.NewRecorder(), do: do}
	func() {
		defer func() {
			if err := recover(); err != nil {
				broke = errors.Is(err.(error), http.ErrAbortHandler)
			}
		}()
		w.handler.ServeHTTP(rec, r)
	}()
	return rec.Body.Bytes(), broke
}

// What is deleted, revoked or killed while somebody fetches it ends with the next part,
// and no other octets come in its place.
func TestDownloadsEndMidway(t *testing.T) {
	t.Parallel()
	w := newMailWorld(t)
	b := storagetest.Content(8, drive.PartSize+1000)
	for what, end := range map[string]func(f File, l FileLink){
		"deleted": func(f File, _ FileLink) { w.ask("DELETE", "/files/"+f.ID, nil, w.as) },
		"revoked": func(_ File, l FileLink) { w.ask("PATCH", "/links/"+l.ID, FileLinkChange{Revoked: ref(true)}, w.as) },
		"removed": func(_ File, l FileLink) { w.ask("DELETE", "/links/"+l.ID, nil, w.as) },
		"killed":  func(_ File, l FileLink) { w.Files.Kill(t.Context(), must(drive.ParseID(l.ID))) },
	} {
		f := w.upload1(b)
		l := w.link(NewFileLink{File: f.ID})
		d := read[SharedDownload](t, w.ask("POST", "/shared/"+l.ID+"/download", nil), 200)
		came, broke := w.broken(w.request("GET", "/shared/"+l.ID+"/content", nil, header("Link-Ticket", d.Ticket)), func() { end(f, l) })
		if !broke || len(came) > drive.PartSize || !bytes.HasPrefix(b, came) {
			t.Errorf("%s: %d octets came, broken off: %v", what, len(came), broke)
		}
	}
	f := w.upload1(b)
	came, broke := w.broken(w.request("GET", "/files/"+f.ID+"/content", nil, w.as), func() { w.ask("DELETE", "/files/"+f.ID, nil, w.as) })
	if !broke || !bytes.HasPrefix(b, came) {
		t.Errorf("an owner's own: %d octets came, broken off: %v", len(came), broke)
	}
}

// D13: uploads of parts, completes, deletes and mail at the same time, at the edge of the
// quota: what is used is the sum of what is there, to the byte, and no blob is left.
func TestD13EverythingAtOnce(t *testing.T) {
	t.Parallel()
	w := newMailWorld(t)
	sealed := w.seal(plain)
	must(w.Store.Deliver(t.Context(), w.owner(), mailstore.Delivery{Box: "INBOX", Sealed: sealed}))
	one := must(w.Store.Index.Usage(t.Context(), w.owner())).Bytes
	const each, workers = 3000, 64
	quota := 6*one + 12*each + one/2
	must(w.Store.Apply(t.Context(), w.owner(), mailstore.SetQuota{Bytes: quota}))
	by := drive.By{Owner: drive.Owner(w.carol.ID)}
	var mu sync.Mutex
	mails, files, full := 1, map[drive.ID]bool{}, 0
	note := func(err error, good func()) {
		mu.Lock()
		defer mu.Unlock()
		switch {
		case err == nil:
			good()
		case errors.Is(err, drive.ErrQuota) || errors.Is(err, mailstore.ErrOverQuota):
			full++
		default:
			t.Error(err)
		}
	}
	var all sync.WaitGroup
	for i := range workers {
		all.Go(func() {
			if i%4 == 0 {
				_, err := w.Store.Deliver(t.Context(), w.owner(), mailstore.Delivery{Box: "INBOX", Sealed: sealed})
				note(err, func() { mails++ })
				return
			}
			b := storagetest.Content(uint64(i), each)
			o, err := w.Files.Begin(t.Context(), by, each)
			note(err, func() { files[o.ID] = true })
			if err != nil {
				return
			}
			w.atOnce(o.ID, b)
			if i%8 == 1 { // and one in some goes again
				if err := w.Files.Remove(t.Context(), by, o.ID); err != nil {
					t.Error(err)
				}
				mu.Lock()
				delete(files, o.ID)
				mu.Unlock()
			}
		})
	}
	all.Wait()
	u, totals := must(w.Store.Index.Usage(t.Context(), w.owner())), must(w.Files.Store.Totals(t.Context(), by.Owner))
	if want := int64(mails)*one + int64(len(files))*each; u.Bytes != want || u.Bytes > quota || totals.Bytes != int64(len(files))*each || totals.Uploads != 0 {
		t.Errorf("%d bytes are used, want %d of %d mails and %d files, at most %d; %+v", u.Bytes, want, mails, len(files), quota, totals)
	}
	if full == 0 {
		t.Error("nobody met the edge")
	}
	for id := range files {
		c := must(w.Files.Open(t.Context(), by.Owner, id))
		if c.Size() != each {
			t.Errorf("a file of %d", c.Size())
		}
		c.Close()
	}
	must(w.Store.Sweep(t.Context(), -1<<40))
	perMail := 0
	for range sealed.Letters() {
		perMail++
	}
	w.blobsLeft(mails*perMail + len(files))
}

// atOnce brings one part by four and completes it by four, at the same time.
func (w *mailWorld) atOnce(id drive.ID, b []byte) {
	w.t.Helper()
	by := drive.By{Owner: drive.Owner(w.carol.ID)}
	both := func() error {
		if _, err := w.Files.Put(w.t.Context(), by, id, 0, sha256.Sum256(b), bytes.NewReader(b)); err != nil {
			return err
		}
		_, err := w.Files.Complete(w.t.Context(), by, id, nil)
		return err
	}
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			if err := both(); err != nil {
				w.t.Errorf("a part and the end: %v", err)
			}
		})
	}
	all.Wait()
}

// Links to a file that is being deleted: none is left that leads to nothing.
func TestLinksToWhatGoes(t *testing.T) {
	t.Parallel()
	w := newMailWorld(t)
	for range 20 {
		f := w.upload1([]byte("octets"))
		var all sync.WaitGroup
		for i := range 8 {
			all.Go(func() {
				if i == 4 {
					w.ask("DELETE", "/files/"+f.ID, nil, w.as)
					return
				}
				if rec := w.ask("POST", "/links", NewFileLink{File: f.ID, Box: []byte("b")}, w.as); rec.Code != 201 && rec.Code != 404 {
					t.Errorf("%d %s", rec.Code, rec.Body)
				}
			})
		}
		all.Wait()
	}
	if l := read[FileLinks](t, w.ask("GET", "/links", nil, w.as), 200); len(l.Links) != 0 {
		t.Errorf("%d links lead to nothing", len(l.Links))
	}
	if totals := must(w.Files.Store.Totals(t.Context(), drive.Owner(w.carol.ID))); totals != (drive.Totals{}) {
		t.Errorf("left are %+v", totals)
	}
	w.blobsLeft(0)
}

// Guesses spread over networks: one link answers no more often than its pace allows,
// from wherever it is asked; a network is as large as somebody gets one of, IPv6 too.
func TestGuessesFromManyNetworks(t *testing.T) {
	t.Parallel()
	w := newMailWorld(t)
	l := w.link(NewFileLink{File: w.upload1([]byte("octets")).ID, Check: drive.Check(linkProof)})
	from := func(ip string) func(*http.Request) {
		return func(r *http.Request) { r.RemoteAddr = "[" + ip + "]:4000" }
	}
	guess := func(id, ip string) int {
		return w.ask("GET", "/shared/"+id, nil, from(ip), proved(make([]byte, 32))).Code
	}
	asked := 0
	for i := range 1000 { // each from another /48
		if guess(l.ID, fmt.Sprintf("2001:db8:%x::1", i)) != 429 {
			asked++
		}
	}
	if asked != strangersAtOnce {
		t.Errorf("%d of 1000 guesses at one link were heard, want %d", asked, strangersAtOnce)
	}
	asked = 0
	for i := range 1000 { // many ids, from the hosts of one /48
		if guess(drive.NewID().String(), fmt.Sprintf("2001:db8:ffff:%x::%x", i, i)) != 429 {
			asked++
		}
	}
	if asked != strangersAtOnce {
		t.Errorf("%d of 1000 guesses from one network were heard, want %d", asked, strangersAtOnce)
	}
	if got := guess(drive.NewID().String(), "2001:db8:fffe::1"); got != 404 {
		t.Errorf("another network gets %d", got)
	}
}

// Ids have every bit by chance.
func TestIDsAreRandom(t *testing.T) {
	t.Parallel()
	const n = 20_000
	var ones [128]int
	seen := map[drive.ID]bool{}
	for range n {
		id := drive.NewID()
		seen[id] = true
		for i := range ones {
			ones[i] += bits.OnesCount8(id[i/8] & (1 << (7 - i%8)))
		}
		if s := id.String(); s[0] == '-' || s[0] == '_' {
			t.Fatalf("%s looks like an option", s)
		}
	}
	if len(seen) != n {
		t.Errorf("%d ids came twice", n-len(seen))
	}
	for i, k := range ones { // five deviations of 71 each; the first six bits have no 62 and 63
		if i < 6 {
			continue
		}
		if k < n/2-360 || k > n/2+360 {
			t.Errorf("bit %d is set in %d of %d ids", i, k, n)
		}
	}
}

// Uploads that lie: more or less than they said, forever, elsewhere. Nothing is kept of
// them, and the room is what was declared.
func TestUploadsThatLie(t *testing.T) {
	t.Parallel()
	w := newMailWorld(t)
	b := storagetest.Content(9, 5000)
	f := read[File](t, w.ask("POST", "/files", NewFile{int64(len(b))}, w.as), 201)
	at := "/files/" + f.ID
	endless := w.request("PUT", at+"/parts/0", nil, w.as, digestHeaderOf(b), header("Content-Type", "application/octet-stream"))
	zeros := &zeros{}
	endless.Body, endless.ContentLength = zeros, -1
	expect(t, recorded(w.handler, endless), 422, "bad-input")
	if zeros.read > drive.PartSize+1<<20 {
		t.Errorf("%d octets of an endless part were taken", zeros.read)
	}
	for what, part := range map[string][]byte{"longer": append(slices.Clone(b), 1), "shorter": b[1:], "empty": {}} {
		if rec := w.putPart(at, 0, part, w.as); rec.Code != 422 {
			t.Errorf("%s: %d %s", what, rec.Code, rec.Body)
		}
	}
	for _, n := range []string{"1", "-1", "131072", "9223372036854775807", "99999999999999999999", "0x0", "1e0", "../0", "0%2F..%2F0"} {
		if rec := w.ask("PUT", at+"/parts/"+n, b, w.as, digestHeaderOf(b)); rec.Code < 300 || rec.Code >= 500 {
			t.Errorf("part %s: %d", n, rec.Code)
		}
	}
	for _, size := range []string{"0", "-1", "1099511627777", "9223372036854775807", "9223372036854775808", "1e400", `"5"`, "null", "5.5"} {
		if rec := w.ask("POST", "/files", `{"size":`+size+`}`, w.as); rec.Code < 400 || rec.Code >= 500 {
			t.Errorf("a size of %s: %d", size, rec.Code)
		}
	}
	for i := range 300 {
		if rec := w.ask("POST", "/files", NewFile{1}, w.as); rec.Code == 409 {
			expect(t, rec, 409, "too-many")
			if i != 255 {
				t.Errorf("%d uploads at once", i)
			}
			break
		} else if i == 299 {
			t.Error("endless uploads")
		}
	}
	if u := must(w.Store.Index.Usage(t.Context(), w.owner())); u.Bytes != int64(len(b))+255 {
		t.Errorf("%d bytes are used", u.Bytes)
	}
}

// zeros never end.
type zeros struct{ read int }

func (z *zeros) Read(p []byte) (int, error) {
	if z.read > 1<<30 {
		return 0, errors.New("this was too much")
	}
	z.read += len(p)
	clear(p)
	return len(p), nil
}

func (*zeros) Close() error { return nil }

// FuzzContentDigest: whatever stands in the header, a sum is read only where one was
// written, and what runs writes of parts is what clients read.
func FuzzContentDigest(f *testing.F) {
	f.Add("sha-256=:" + strings.Repeat("A", 43) + "=:")
	f.Add("md5=:x:, sha-256=:AA==:")
	f.Fuzz(func(t *testing.T, field string) {
		if _, ok := digestOf([]string{field}); ok && !strings.Contains(field, "sha-256=:") {
			t.Errorf("%q has a sum", field)
		}
		if id, err := drive.ParseID(field); err == nil && id.String() != field {
			t.Errorf("%q is %s", field, id)
		}
	})
}
