package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"sealpost/account"
)

func TestServer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	got := read[Server](t, w.ask("GET", "/server", nil), 200)
	if got.Hostname != "mail.demo.test" || len(got.Domains) != 1 || got.Open {
		t.Errorf("%+v", got)
	}
}

func TestSpecIsOpenAPI(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	doc := read[map[string]any](t, w.ask("GET", "/openapi.json", nil), 200)
	if doc["openapi"] != "3.1.0" || doc["paths"].(map[string]any)["/server"] == nil {
		t.Errorf("%v", doc)
	}
	if bytes.Contains(w.Spec(), []byte("ErrorModel")) {
		t.Error("the document names a type of error that nobody sees")
	}
}

// trial adds operations to an API that only this test has.
func trial(w *world, register func(service)) {
	w.API.trial = register
	w.handler = w.Handler()
}

func TestProblems(t *testing.T) {
	t.Parallel()
	w := fresh(t, func(s service) {
		route(s, op{name: "fail", method: "POST", path: "/fail/{how}", access: forAnybody, tag: "t"}, func(_ context.Context, in *struct {
			How  string `path:"how" maxLength:"10"`
			Body struct {
				N int `json:"n" maximum:"5"`
			}
		}) (*struct{}, error) {
			switch in.How {
			case "unknown":
				return nil, errors.New("disk is on fire")
			case "panic":
				panic("secret word")
			case "mine":
				return nil, notFound()
			}
			return nil, account.ErrTaken
		})
	})
	expect(t, w.ask("POST", "/fail/x", `{"n":1}`), 409, "taken")
	expect(t, w.ask("POST", "/fail/mine", `{"n":1}`), 404, "not-found")
	expect(t, w.ask("POST", "/fail/unknown", `{"n":1}`), 503, "try-again")
	expect(t, w.ask("POST", "/fail/panic", `{"n":1}`), 503, "try-again")
	p := expect(t, w.ask("POST", "/fail/x", `{"n":6234}`), 422, "bad-input")
	if !strings.Contains(p.Detail, "body.n") || strings.Contains(p.Detail, "6234") {
		t.Errorf("detail %q: expected the place without the value", p.Detail)
	}
	expect(t, w.ask("POST", "/fail/x", `{"n":1,"m":2}`), 422, "bad-input")
	expect(t, w.ask("POST", "/fail/x", `{"n":`), 400, "bad-input")
	expect(t, w.ask("POST", "/fail/x?more=1", `{"n":1}`), 422, "bad-input")
	expect(t, w.ask("POST", "/fail/x", `{"n":1}`+strings.Repeat(" ", plainBody)), 413, "too-large")
	expect(t, w.ask("GET", "/nothing", nil), 404, "not-found")
	logs := w.logs.String()
	if !strings.Contains(logs, "disk is on fire") || strings.Contains(logs, "secret word") {
		t.Errorf("logs: %s", logs)
	}
}

// fresh is a world whose API has more operations.
func fresh(t *testing.T, register func(service)) *world {
	w := newWorld(t)
	old := w.API
	w.API = &API{
		Hostname: old.Hostname, Version: old.Version, Book: old.Book, Store: old.Store, Throttle: old.Throttle, SignIns: old.SignIns, Log: old.Log, Now: old.Now,
	}
	trial(w, register)
	return w
}

// counting is an operation that counts how often it was done, and by whom.
func counting(n *int) func(service) {
	var mu sync.Mutex
	type answer struct {
		ID string `json:"id"`
		N  int    `json:"n"`
	}
	return func(s service) {
		for name, a := range map[string]access{"account": forAccount, "session": forSession, "operator": forOperator} {
			route(s, op{name: "count-" + name, method: "POST", path: "/" + name, access: a, tag: "t"}, func(ctx context.Context, _ *struct{ Body struct{ A int } }) (*body[answer], error) {
				mu.Lock()
				defer mu.Unlock()
				*n++
				return &body[answer]{answer{string(who(ctx).ID), *n}}, nil
			})
		}
	}
}

func TestAppPasswordsOpenOnlyTheirDoors(t *testing.T) {
	t.Parallel()
	n := 0
	w := fresh(t, counting(&n))
	all, old, mail := w.password(w.alice, "all", "api", "imap"), w.password(w.alice, "old"), w.password(w.alice, "mail", "imap", "smtp")
	got := read[struct{ ID string }](t, w.ask("POST", "/account", `{"A":1}`, basic("alice@demo.test", all)), 200)
	if got.ID != string(w.alice.ID) {
		t.Errorf("%q asked", got.ID)
	}
	for _, p := range []string{old, mail, "wrong", w.password(w.bob, "bobs", "api")} {
		expect(t, w.ask("POST", "/account", `{"A":1}`, basic("alice@demo.test", p)), 401, "wrong-sign-in")
	}
	expect(t, w.ask("POST", "/account", `{"A":1}`), 401, "signed-out")
	expect(t, w.ask("POST", "/session", `{"A":1}`, basic("alice@demo.test", all)), 403, "forbidden")
	expect(t, w.ask("POST", "/operator", `{"A":1}`, basic("alice@demo.test", all)), 403, "forbidden")
	expect(t, w.ask("POST", "/account", `{"A":1}`, basic("alice@demo.test", all), func(r *http.Request) { r.TLS = nil }), 403, "tls")
	if n != 1 {
		t.Errorf("done %d times", n)
	}
}

func TestGuessesAreSlowed(t *testing.T) {
	t.Parallel()
	n := 0
	w := fresh(t, counting(&n))
	slowed := 0
	paces := account.Pace{Every: time.Hour, Burst: 3}
	w.Throttle = account.NewThrottle(account.Paces{Known: paces, Host: paces, Network: paces, Account: paces, Server: paces}, w.now)
	for range 6 {
		if rec := w.ask("POST", "/account", `{"A":1}`, basic("alice@demo.test", "guess")); rec.Code == 429 {
			expect(t, rec, 429, "slow-down")
			slowed++
		}
	}
	if slowed != 3 {
		t.Errorf("%d of 6 guesses were slowed", slowed)
	}
}

// TestForeignPages: nothing that a page of another origin can have a browser send is
// done.
func TestForeignPages(t *testing.T) {
	t.Parallel()
	n := 0
	w := fresh(t, counting(&n))
	key := basic("alice@demo.test", w.password(w.alice, "all", "api"))
	cookie := func(r *http.Request) { r.AddCookie(&http.Cookie{Name: cookieName, Value: "x"}) }
	for name, edits := range map[string][]func(*http.Request){
		"other site":                   {header("Sec-Fetch-Site", "cross-site")},
		"sister host":                  {header("Sec-Fetch-Site", "same-site")},
		"old browser":                  {header("Origin", "https://evil.example")},
		"origin without a name":        {header("Origin", "null")},
		"other port":                   {header("Origin", "https://mail.demo.test:8443")},
		"a cookie of a program":        {cookie},
		"a cookie from an address bar": {cookie, header("Sec-Fetch-Site", "none")},
	} {
		expect(t, w.ask("POST", "/account", `{"A":1}`, append(edits, key)...), 403, "cross-origin")
		_ = name
	}
	expect(t, w.ask("GET", "/server", nil, header("Sec-Fetch-Site", "cross-site")), 403, "cross-origin")
	for _, kind := range []string{"text/plain", "application/x-www-form-urlencoded", "", "application/json, text/plain", "Application/Jsonx"} {
		expect(t, w.ask("POST", "/account", `{"A":1}`, key, header("Content-Type", kind)), 415, "media-type")
	}
	if n != 0 {
		t.Fatalf("%d were done", n)
	}
	for _, edits := range [][]func(*http.Request){
		{header("Sec-Fetch-Site", "same-origin"), cookie}, {header("Origin", "https://mail.demo.test"), cookie}, {}, {header("Content-Type", "application/json; charset=utf-8")},
	} {
		read[struct{}](t, w.ask("POST", "/account", `{"A":1}`, append(edits, key)...), 200)
	}
	if h := w.ask("OPTIONS", "/account", nil, header("Origin", "https://evil.example")).Header(); h.Get("Access-Control-Allow-Origin") != "" {
		t.Error("another origin is allowed")
	}
}

func TestIdempotencyKey(t *testing.T) {
	t.Parallel()
	n := 0
	w := fresh(t, counting(&n))
	alice, bob := basic("alice@demo.test", w.password(w.alice, "all", "api")), basic("bob@demo.test", w.password(w.bob, "all", "api"))
	other := basic("alice@demo.test", w.password(w.alice, "other", "api"))
	once := header("Idempotency-Key", "k1")
	first := w.ask("POST", "/account", `{"A":1}`, alice, once)
	again := w.ask("POST", "/account", `{"A":1}`, alice, once)
	if n != 1 || first.Code != 200 || again.Code != 200 || first.Body.String() != again.Body.String() || again.Header().Get("Idempotent-Replayed") != "true" || again.Header().Get("Content-Type") != first.Header().Get("Content-Type") {
		t.Errorf("done %d times; %d %s, %d %s", n, first.Code, first.Body, again.Code, again.Body)
	}
	expect(t, w.ask("POST", "/account", `{"A":2}`, alice, once), 422, "key-reused")
	for i, by := range []func(*http.Request){bob, other} {
		if read[struct{ N int }](t, w.ask("POST", "/account", `{"A":1}`, by, once), 200); n != 2+i {
			t.Errorf("an answer of somebody else came back: %d", n)
		}
	}
	expect(t, w.ask("POST", "/account", `{"A":1}`, basic("alice@demo.test", "wrong"), once), 401, "wrong-sign-in")
	w.pass(rememberFor + time.Second)
	if read[struct{ N int }](t, w.ask("POST", "/account", `{"A":1}`, alice, once), 200); n != 4 {
		t.Errorf("done %d times", n)
	}
	expect(t, w.ask("POST", "/account", `{"A":1}`, alice, header("Idempotency-Key", strings.Repeat("k", longestKey+1))), 422, "bad-input")
}

// TestIdempotencyAtOnce: of many at the same time one is done.
func TestIdempotencyAtOnce(t *testing.T) {
	t.Parallel()
	n := 0
	w := fresh(t, counting(&n))
	alice := basic("alice@demo.test", w.password(w.alice, "all", "api"))
	var all sync.WaitGroup
	for range 20 {
		r := w.request("POST", "/account", `{"A":1}`, alice, header("Idempotency-Key", "k"))
		all.Go(func() {
			rec := httptest.NewRecorder()
			w.handler.ServeHTTP(rec, r)
			if rec.Code != 200 && rec.Code != 409 {
				t.Errorf("%d %s", rec.Code, rec.Body)
			}
		})
	}
	all.Wait()
	if n != 1 {
		t.Errorf("done %d times", n)
	}
}

func TestIdempotencyIsBounded(t *testing.T) {
	t.Parallel()
	now := testTime
	m := newMemory(func() time.Time { return now })
	for i := range 3 * rememberBytes / rememberEach {
		mine, _ := m.begin(sumOf("k", string(rune(i))), sumOf("a"))
		m.end(mine, &copied{status: 200, body: make([]byte, rememberEach)})
	}
	if m.bytes > rememberBytes+rememberEach+1024 || len(m.known) != len(m.order) {
		t.Errorf("%d bytes in %d answers", m.bytes, len(m.known))
	}
	now = now.Add(rememberFor + time.Second)
	if m.begin(sumOf("new"), sumOf("a")); len(m.known) != 1 || m.bytes != 512 {
		t.Errorf("%d bytes in %d answers after their time", m.bytes, len(m.known))
	}
}

// TestLargeBodies: an operation's own bounds stand in the place of the door's.
func TestLargeBodies(t *testing.T) {
	t.Parallel()
	const most = 1 << 20
	w := fresh(t, func(s service) {
		route(s, op{name: "up", method: "PUT", path: "/up", access: forAnybody, tag: "t", body: most, time: time.Minute, accept: octets("application/octet-stream")}, func(_ context.Context, in *struct{ raw }) (*body[int], error) {
			var b bytes.Buffer
			_, err := b.ReadFrom(in.r.Body)
			return &body[int]{b.Len()}, err
		})
	})
	if n := read[int](t, w.ask("PUT", "/up", make([]byte, most)), 200); n != most {
		t.Errorf("%d bytes", n)
	}
	expect(t, w.ask("PUT", "/up", make([]byte, most+1)), 413, "too-large")
}

func TestSpecMarshals(t *testing.T) {
	t.Parallel()
	if !json.Valid(newWorld(t).Spec()) {
		t.Error("the document is no JSON")
	}
}
