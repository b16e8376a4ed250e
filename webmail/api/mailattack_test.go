package api

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"sealpost/cmd/sealpost/prove"
	"sealpost/mailstore"
)

type result struct{ *httptest.ResponseRecorder }

// D12: whatever of carol's bob names, he gets what he gets for what does not exist, to
// the byte; and nothing of carol's changes.
func TestD12MailAndCabinet(t *testing.T) {
	t.Parallel()
	w := newMailWorld(t)
	for range 3 {
		w.deliver("INBOX", plain)
	}
	must(w.Store.Apply(t.Context(), w.owner(), mailstore.Create{Name: "Secret"}, mailstore.Create{Name: "Secret/more"}))
	w.deliver("Secret", plain)
	secret, inbox := w.mailbox("Secret").ID, w.mailbox("INBOX").ID
	first := header("If-None-Match", "*")
	read[CabinetItem](t, w.ask("PUT", "/cabinet/drafts/mine", sealedBox(16, 'x'), w.as, first), 200)
	stateOf := func() string {
		var all strings.Builder
		for _, path := range []string{"/mailboxes", fmt.Sprintf("/mailboxes/%d/entries", secret), fmt.Sprintf("/mailboxes/%d/entries", inbox), "/cabinet", "/usage"} {
			all.WriteString(w.ask("GET", path, nil, w.as).Body.String())
		}
		return all.String()
	}
	before := stateOf()
	mail, card := header("Content-Type", "message/rfc822"), make([]byte, 256)
	match := header("If-Match", `"1"`)
	// Of each pair the first is carol's and the second nobody's. Bob has mailboxes of
	// the numbers that carol's first ones have, and no mail in them.
	for _, c := range []struct {
		method, hers, nobodys string
		body                  any
		edit                  []func(*http.Request)
	}{
		{"GET", "/mailboxes/%d/entries", "", nil, nil},
		{"GET", "/mailboxes/%d/cards?uids=1:9", "", nil, nil},
		{"GET", "/mailboxes/%d/terms?uids=1:9", "", nil, nil},
		{"GET", "/mailboxes/%d/messages/1", "", nil, nil},
		{"GET", "/mailboxes/%d/messages/1.eml", "", nil, nil},
		{"GET", "/mailboxes/%d/messages/1/message", "", nil, nil},
		{"GET", "/mailboxes/%d/messages/1/message", "", nil, []func(*http.Request){header("Range", "bytes=0-9")}},
		{"GET", "/mailboxes/%d/messages/1/card", "", nil, nil},
		{"PUT", "/mailboxes/%d/messages/1/card", "", card, nil},
		{"PUT", "/mailboxes/%d/messages/1/terms", "", card, nil},
		{"POST", "/mailboxes/%d/messages", "", []byte(plain), []func(*http.Request){mail}},
		{"POST", "/mailboxes/%d/sealed", "", w.upload(nil, w.seal(plain)), []func(*http.Request){header("Content-Type", "application/octet-stream")}},
		{"POST", "/changes", `{"changes":[{"op":"expunge","mailbox":%d,"uids":[1]}]}`, nil, nil},
		{"POST", "/changes", `{"changes":[{"op":"flags","mailbox":%d,"uids":[1],"add":["\\Seen"]}]}`, nil, nil},
		{"POST", "/changes", `{"changes":[{"op":"shed","mailbox":%d,"uids":[1],"letters":["card"]}]}`, nil, nil},
		{"POST", "/changes", `{"changes":[{"op":"copy","mailbox":%d,"to":1,"uids":[1]}]}`, nil, nil},
		{"POST", "/changes", `{"changes":[{"op":"copy","mailbox":1,"to":%d,"uids":[1]}]}`, nil, nil},
		{"POST", "/changes", `{"changes":[{"op":"move","mailbox":%d,"to":1,"uids":[1]}]}`, nil, nil},
	} {
		hers, nobodys := any(c.body), any(c.body)
		at, none := c.hers, c.hers
		if c.hers == "/changes" {
			hers, nobodys = fmt.Sprintf(c.nobodys, secret), fmt.Sprintf(c.nobodys, 4242)
		} else {
			at, none = fmt.Sprintf(c.hers, secret), fmt.Sprintf(c.hers, 4242)
		}
		w.same(c.method, at, none, hers, nobodys, c.edit...)
		// uids of a mailbox number that both have
		if strings.Contains(c.hers, "/messages/") {
			w.same(c.method, fmt.Sprintf(c.hers, inbox), strings.Replace(fmt.Sprintf(c.hers, inbox), "messages/1", "messages/777", 1), hers, nobodys, c.edit...)
		}
	}
	for _, c := range []struct {
		method string
		body   any
		edit   []func(*http.Request)
		status int
	}{{"GET", nil, nil, 404}, {"GET", nil, []func(*http.Request){header("Range", "bytes=0-1")}, 404}, {"DELETE", nil, []func(*http.Request){match}, 404}, {"PUT", sealedBox(16, 'y'), []func(*http.Request){match}, 412}} {
		hers := w.ask(c.method, "/cabinet/drafts/mine", c.body, append(c.edit, w.bob)...)
		none := w.ask(c.method, "/cabinet/drafts/none", c.body, append(c.edit, w.bob)...)
		if hers.Code != c.status || !equalAnswers(hers, none) {
			t.Errorf("%s of carol's box: %d %s, of none %d %s", c.method, hers.Code, hers.Body, none.Code, none.Body)
		}
	}
	for _, uids := range []string{"1:9"} {
		if rec := w.ask("GET", fmt.Sprintf("/mailboxes/%d/cards?uids=%s", inbox, uids), nil, w.bob); rec.Code != 200 || rec.Body.Len() != 0 {
			t.Errorf("bob's own mailbox of that number has %d bytes", rec.Body.Len())
		}
	}
	if rec := w.ask("GET", "/cabinet?since=0", nil, w.bob); strings.Contains(rec.Body.String(), "mine") {
		t.Errorf("bob sees %s", rec.Body)
	}
	if after := stateOf(); after != before {
		t.Errorf("bob changed something of carol's:\n%s\n%s", before, after)
	}
	for _, path := range []string{"/mailboxes", "/usage", "/cabinet", "/events", fmt.Sprintf("/mailboxes/%d/entries", secret), "/cabinet/drafts/mine"} {
		expect(t, w.ask("GET", path, nil), 401, "signed-out")
	}
}

// same wants one answer for what is carol's and for what is nobody's.
func (w *mailWorld) same(method, hers, nobodys string, herBody, noBody any, edit ...func(*http.Request)) {
	w.t.Helper()
	a := w.ask(method, hers, herBody, append(edit, w.bob)...)
	b := w.ask(method, nobodys, noBody, append(edit, w.bob)...)
	if a.Code != 404 || !equalAnswers(a, b) {
		w.t.Errorf("%s %s: %d %s; of what is not there %d %s", method, hers, a.Code, a.Body, b.Code, b.Body)
	}
}

func equalAnswers(a, b *httptest.ResponseRecorder) bool {
	return a.Code == b.Code && a.Body.String() == b.Body.String() && fmt.Sprint(a.Header()) == fmt.Sprint(b.Header())
}

// F01, at this door: what is readable in a request is in no file and no log, whatever
// became of the request.
func TestF01NothingReadableOnDisk(t *testing.T) {
	t.Parallel()
	const canary = "Wombat7Quokka3Numbat"
	w := newMailWorld(t)
	drafts := w.mailbox("Drafts").ID
	path := fmt.Sprintf("/mailboxes/%d/messages", drafts)
	mail := header("Content-Type", "message/rfc822")
	text := "From: Eve <eve@example.org>\r\nSubject: " + canary + "\r\nX-Note: " + canary + "\r\n\r\n" + canary + "\r\n"
	large := text + strings.Repeat("A line that says "+canary+" and no more.\r\n", 60_000)
	for _, m := range []string{text, large, strings.ReplaceAll(text, "\r\n", "\n")} {
		read[Appended](t, w.ask("POST", path, []byte(m), w.as, mail), 201)
	}
	expect(t, w.ask("POST", path, []byte(large+"\x00"), w.as, mail), 422, "bad-input")
	r := w.request("POST", path, nil, w.as, mail)
	r.Body, r.ContentLength = brokenBody{strings.NewReader(large)}, int64(len(large)+1)
	expect(t, recorded(w.handler, r), 400, "bad-input")
	readable := []byte(strings.Repeat(canary+" ", 128))
	expect(t, w.ask("PUT", "/cabinet/drafts/a", readable, w.as, header("If-None-Match", "*")), 422, "not-sealed")
	expect(t, w.ask("PUT", path+"/1/card", readable[:1024], w.as), 422, "not-sealed")
	expect(t, w.ask("PUT", path+"/1/terms", readable, w.as), 422, "not-sealed")
	expect(t, w.ask("GET", "/cabinet/drafts/"+canary, nil, w.as), 404, "not-found")
	w.ask("POST", "/changes", `{"changes":[{"op":"create","name":"`+canary+`//"}]}`, w.as)
	w.ask("POST", "/changes", `{"changes":[{"op":"`+canary+`"}]}`, w.as)
	must(w.Store.Apply(t.Context(), w.owner(), mailstore.SetQuota{Bytes: 1}))
	expect(t, w.ask("POST", path, []byte(large), w.as, mail), 507, "over-quota")
	report, err := prove.Scan(t.Context(), []string{w.folder, w.Sending.Spool}, []string{canary})
	if err != nil || report.Bytes < 1<<20 {
		t.Fatalf("%d bytes looked at, %v", report.Bytes, err)
	}
	for _, hit := range report.Hits {
		t.Errorf("F01: %s", hit)
	}
	if strings.Contains(w.logs.String(), canary) {
		t.Error("F01: the log holds the canary")
	}
}

// served is the API behind TLS sockets.
func (w *mailWorld) served() (url string, client *http.Client) {
	w.t.Helper()
	s := httptest.NewUnstartedServer(w.handler)
	s.EnableHTTP2 = true
	s.StartTLS()
	w.t.Cleanup(s.Close)
	return s.URL + Place, s.Client()
}

// Who does not take an answer is cut off, and what it held is let go.
func TestSlowReader(t *testing.T) {
	t.Parallel()
	w := newMailWorld(t)
	w.patience = 200 * time.Millisecond
	w.deliver("INBOX", strings.Replace(plain, "quokka", strings.Repeat("filling\r\n", 1_500_000), 1))
	url, _ := w.served()
	host := strings.TrimSuffix(strings.TrimPrefix(url, "https://"), Place)
	c := must(tls.Dial("tcp", host, &tls.Config{InsecureSkipVerify: true}))
	defer c.Close()
	if tcp, ok := c.NetConn().(*net.TCPConn); ok {
		must(0, tcp.SetReadBuffer(4096))
	}
	r := must(http.NewRequest("GET", fmt.Sprintf("%s/mailboxes/%d/messages/1/message", url, w.mailbox("INBOX").ID), nil))
	w.as(r)
	if err := r.Write(c); err != nil {
		t.Fatal(err)
	}
	must(io.ReadFull(c, make([]byte, 100))) // it has begun
	until := time.Now().Add(10 * time.Second)
	for inside := 1; inside > 0; time.Sleep(20 * time.Millisecond) {
		w.gates.heavy.mu.Lock()
		inside = w.gates.heavy.n
		w.gates.heavy.mu.Unlock()
		if time.Now().After(until) {
			t.Fatal("a client that takes nothing still holds its place")
		}
	}
}

func TestTooManyAtOnce(t *testing.T) {
	t.Parallel()
	w := newMailWorld(t)
	w.deliver("INBOX", plain)
	inbox := w.mailbox("INBOX").ID
	for range w.gates.heavy.each {
		leave, err := w.gates.heavy.enter(w.carol.ID)
		if err != nil {
			t.Fatal(err)
		}
		defer leave()
	}
	for _, path := range []string{"entries", "cards?uids=1", "messages/1.eml", "messages/1/message"} {
		expect(t, w.ask("GET", fmt.Sprintf("/mailboxes/%d/%s", inbox, path), nil, w.as), 429, "slow-down")
		if rec := w.ask("GET", fmt.Sprintf("/mailboxes/%d/%s", inbox, path), nil, w.bob); rec.Code == 429 {
			t.Errorf("%s: carol's are counted against bob", path)
		}
	}
	if len(w.gates.heavy.inside) != 1 || w.gates.heavy.n != w.gates.heavy.each {
		t.Errorf("%d inside: a place was kept", w.gates.heavy.n)
	}
}

// sse reads a stream of events.
type sse struct {
	t     *testing.T
	lines *bufio.Scanner
	end   func()
	body  io.Closer
}

func (w *mailWorld) listen(url string, client *http.Client, edit ...func(*http.Request)) *sse {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 20*time.Second)
	r := must(http.NewRequestWithContext(ctx, "GET", url+"/events", nil))
	for _, e := range append(edit, w.as) {
		e(r)
	}
	resp := must(client.Do(r))
	if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "text/event-stream" {
		w.t.Fatalf("%d %s", resp.StatusCode, resp.Header)
	}
	s := &sse{t: w.t.(*testing.T), lines: bufio.NewScanner(resp.Body), body: resp.Body, end: cancel}
	w.t.Cleanup(func() { cancel(); resp.Body.Close() })
	return s
}

// next is the next event; empty at the end of the stream.
func (s *sse) next() (name, id, data string) {
	for s.lines.Scan() {
		key, value, _ := strings.Cut(s.lines.Text(), ": ")
		switch {
		case key == "event":
			name = value
		case key == "id":
			id = value
		case key == "data":
			data = value
		case s.lines.Text() == "" && name != "":
			return name, id, data
		}
	}
	return "", "", ""
}

func TestEvents(t *testing.T) {
	t.Parallel()
	w := newMailWorld(t)
	url, client := w.served()
	s := w.listen(url, client)
	name, id, data := s.next()
	modseq := read[Mailboxes](t, w.ask("GET", "/mailboxes", nil, w.as), 200).Modseq
	if name != "mail" || data != fmt.Sprintf(`{"modseq":%d}`, modseq) || id != fmt.Sprintf("%d.0", modseq) {
		t.Errorf("first event %s %s %s", name, id, data)
	}
	w.deliver("INBOX", plain)
	if name, _, data = s.next(); name != "mail" || data == fmt.Sprintf(`{"modseq":%d}`, modseq) {
		t.Errorf("after a mail: %s %s", name, data)
	}
	read[CabinetItem](t, w.ask("PUT", "/cabinet/pins/a", sealedBox(0, 0), w.as, header("If-None-Match", "*")), 200)
	if name, id, data = s.next(); name != "cabinet" || data != `{"version":1}` || !strings.HasSuffix(id, ".1") {
		t.Errorf("after a box: %s %s %s", name, id, data)
	}
	w.Store.Bus.Publish(OutboxTopic(string(w.carol.ID)))
	if name, _, data = s.next(); name != "outbox" || data != "{}" {
		t.Errorf("%s %s", name, data)
	}
	w.Store.Bus.Publish(AccountTopic(string(w.carol.ID)))
	if name, _, _ = s.next(); name != "account" {
		t.Errorf("%s", name)
	}
	// Others' changes are theirs.
	must(w.Store.Apply(t.Context(), mailstore.Owner(w.world.bob.ID), mailstore.Create{Name: "x"}))
	w.Store.Bus.Publish(OutboxTopic(string(w.world.bob.ID)))

	// Who comes back hears what came meanwhile, and nothing twice.
	for _, how := range []func(*http.Request){header("Last-Event-ID", id), func(r *http.Request) { r.URL.RawQuery = "last=" + id }} {
		again := w.listen(url, client, how)
		w.deliver("Archive", plain)
		if name, next, _ := again.next(); name != "mail" || next == id {
			t.Errorf("came back at %s: %s %s", id, name, next)
		} else {
			id = next
		}
		again.end()
	}
	if name, _, _ = s.next(); name != "mail" {
		t.Errorf("%s: an event of another account", name)
	}
	w.EndStreams()
	for name != "" {
		name, _, _ = s.next()
	}
}

// A stream ends with what let it in.
func TestEventsEndWithTheSession(t *testing.T) {
	t.Parallel()
	for _, told := range []bool{true, false} { // at once, by the bus; or at the next beat
		w := newMailWorld(t)
		if !told {
			w.heartbeat = 50 * time.Millisecond
			w.Book.Bus = nil
		}
		url, client := w.served()
		s := w.listen(url, client)
		s.next()
		if err := w.Book.RemovePassword(t.Context(), w.carol.ID, "test"); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if name, _, _ := s.next(); name != "bye" || time.Since(began) > heartbeat/2 {
			t.Errorf("event %q %v after the app password was revoked", name, time.Since(began))
		}
		if name, _, _ := s.next(); name != "" {
			t.Errorf("event %q after bye", name)
		}
	}
}

// A stream lives on while nothing happens, over HTTP/2 too, where a deadline that has
// passed ends it though nobody writes.
func TestEventsOutliveSilence(t *testing.T) {
	t.Parallel()
	w := newMailWorld(t)
	w.heartbeat = 200 * time.Millisecond
	url, client := w.served()
	s := w.listen(url, client)
	s.next()
	time.Sleep(5 * w.heartbeat)
	w.deliver("INBOX", plain)
	if name, _, _ := s.next(); name != "mail" {
		t.Errorf("event %q after a silence, want mail", name)
	}
}

func TestEventsAreBounded(t *testing.T) {
	t.Parallel()
	w := newMailWorld(t)
	w.gates.stream.each = 2
	url, client := w.served()
	one, _ := w.listen(url, client), w.listen(url, client)
	expect(t, w.ask("GET", "/events", nil, w.as), 429, "slow-down")
	one.end()
	for until := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if leave, err := w.gates.stream.enter(w.carol.ID); err == nil {
			leave()
			return
		}
		if time.Now().After(until) {
			t.Fatal("a stream that ended keeps its place")
		}
	}
}
