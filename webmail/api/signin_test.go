package api

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sealpost/account"
	"sealpost/account/signin"
	"sealpost/pgp"
)

// person is a client of the API: what it must remember to sign in.
type person struct {
	w       *world
	address string
	id      string
	cookie  string
	session Session
	proof   []byte
	kit     []byte
	token   []byte // of a proof
}

var goodKdf = Kdf{"argon2id", 65536, 3, 1}

func bytesOf(n int, b byte) []byte { return bytes.Repeat([]byte{b}, n) }

// container is one as a client writes it, as far as the server can see.
func container(version uint64) []byte {
	return append(binary.BigEndian.AppendUint64(nil, version), bytesOf(150, 9)...)
}

func joinBody(token, address, id string, cert []byte) Join {
	return Join{
		Token: token, Address: address, Account: id, Certificate: cert, ListKey: bytesOf(32, 3), Salt: bytesOf(16, 4), Kdf: goodKdf,
		Proof: bytesOf(32, 5), KitProof: bytesOf(32, 6), Device: "Firefox",
		Containers: map[string][]byte{"master.passphrase": container(1), "master.kit": container(1), "secret": container(1), "list": container(1)},
	}
}

// attach gives one of the world's accounts a sign-in.
func (w *world) attach(a account.Account) *person {
	w.t.Helper()
	token, _, err := w.SignIns.Invite(w.t.Context(), a.Addresses[0].String(), true, 0, time.Hour)
	must(token, err)
	p := &person{w: w, address: a.Addresses[0].String(), id: string(a.ID), proof: bytesOf(32, 5), kit: bytesOf(32, 6)}
	p.enter(w.ask("POST", "/join", joinBody(token, p.address, p.id, a.Cert)))
	return p
}

// enter takes the session of an answer.
func (p *person) enter(rec *httptest.ResponseRecorder) *person {
	p.w.t.Helper()
	p.session = read[Session](p.w.t, rec, 200)
	p.take(rec)
	return p
}

func (p *person) take(rec *httptest.ResponseRecorder) {
	p.w.t.Helper()
	cookies := rec.Result().Cookies()
	if len(cookies) != 1 {
		p.w.t.Fatalf("cookies: %v", rec.Header()["Set-Cookie"])
	}
	c := cookies[0]
	if c.Name != "__Host-sealpost" || !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || c.Domain != "" || c.MaxAge <= 0 || len(c.Value) != 43 {
		p.w.t.Errorf("cookie %+v", c)
	}
	p.cookie = c.Value
}

// ask asks as this person's browser does.
func (p *person) ask(method, path string, body any) *httptest.ResponseRecorder {
	p.w.t.Helper()
	return p.w.ask(method, path, body, p.browser)
}

func (p *person) browser(r *http.Request) {
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	if p.cookie != "" {
		r.AddCookie(&http.Cookie{Name: cookieName, Value: p.cookie})
	}
	if p.token != nil {
		r.Header.Set("Sealpost-Proof", base64.StdEncoding.EncodeToString(p.token))
	}
}

// prove types the passphrase once more, which counts for a while.
func (p *person) prove() *person {
	p.w.t.Helper()
	p.token = read[Proof](p.w.t, p.ask("POST", "/proof", map[string]any{"proof": p.proof}), 200).Token
	return p
}

func (p *person) signIn(edit ...func(*SignIn)) *httptest.ResponseRecorder {
	p.w.t.Helper()
	b := SignIn{Address: p.address, Method: "passphrase", Proof: p.proof, Device: "Chrome"}
	for _, e := range edit {
		e(&b)
	}
	return p.w.ask("POST", "/sign-in", b, header("Sec-Fetch-Site", "same-origin"))
}

// another is the same person at another browser.
func (p *person) another() *person {
	o := *p
	o.token = nil
	return o.enter(p.signIn())
}

func TestJoinByInvitation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const id = "00112233445566aa"
	b := joinBody("", "carol@demo.test", id, testKeys()[0])
	expect(t, w.ask("POST", "/join", b), 403, "invitation")
	token, i, err := w.SignIns.Invite(t.Context(), "", false, 5<<20, 0+signin.InvitationTime)
	if must(token, err); i.Address != "" || len(token) != 43 {
		t.Errorf("%+v", i)
	}
	told := read[Invitation](t, w.ask("POST", "/invitation", map[string]string{"token": token}), 200)
	if told.Address != "" || told.Attach || len(told.Domains) != 1 || !told.Expires.Equal(testTime.Add(signin.InvitationTime)) {
		t.Errorf("%+v", told)
	}
	b.Token = token
	p := (&person{w: w, address: "carol@demo.test", proof: b.Proof, kit: b.KitProof}).enter(w.ask("POST", "/join", b))
	s := p.session
	if s.Account.ID != id || s.Account.Addresses[0] != "carol@demo.test" || s.Account.Quota != 5<<20 || s.Keyring.Version != 1 || len(s.Share) != 32 ||
		!bytes.Equal(s.Keyring.Containers["secret"], container(1)) || s.Account.Fingerprint == "" || s.Account.Level != "baseline" || s.Account.Encrypt != "when-all-have-keys" {
		t.Errorf("%+v", s)
	}
	if boxes, err := w.Store.Index.Mailboxes(t.Context(), "00112233445566aa"); err != nil || len(boxes) == 0 {
		t.Errorf("%d mailboxes, %v", len(boxes), err)
	}
	expect(t, w.ask("POST", "/invitation", map[string]string{"token": token}), 404, "not-found")
	b.Address, b.Account = "dave@demo.test", "00112233445566ab"
	expect(t, w.ask("POST", "/join", b), 404, "not-found")
	if got := read[Session](t, p.ask("GET", "/session", nil), 200); got.ID != s.ID || !bytes.Equal(got.Share, s.Share) {
		t.Errorf("%+v", got)
	}
}

// TestJoinOnce: an invitation serves one of many who come at the same time.
func TestJoinOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	token, _, err := w.SignIns.Invite(t.Context(), "", false, 0, time.Hour)
	must(token, err)
	var all sync.WaitGroup
	var mu sync.Mutex
	joined := 0
	for i := range 8 {
		r := w.request("POST", "/join", joinBody(token, fmt.Sprintf("p%d@demo.test", i), fmt.Sprintf("%016x", i), testKeys()[0]))
		all.Go(func() {
			rec := httptest.NewRecorder()
			w.handler.ServeHTTP(rec, r)
			mu.Lock()
			defer mu.Unlock()
			if rec.Code == 200 {
				joined++
			} else if rec.Code != 404 {
				t.Errorf("%d %s", rec.Code, rec.Body)
			}
		})
	}
	all.Wait()
	if people := must(w.Book.Accounts(t.Context())); joined != 1 || len(people) != 3 {
		t.Errorf("%d joined, %d accounts", joined, len(people))
	}
	if ids := must(w.db.SignIns().Records(t.Context())); len(ids) != 1 {
		t.Errorf("%d records of one who joined", len(ids))
	}
}

func TestJoinIsChecked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Open = true
	good := func() Join { return joinBody("", "carol@demo.test", "00112233445566aa", testKeys()[0]) }
	for name, c := range map[string]struct {
		edit   func(*Join)
		status int
		word   string
	}{
		"memory below the floor":    {func(j *Join) { j.Kdf.Memory = 65535 }, 422, "weak"},
		"one iteration":             {func(j *Join) { j.Kdf.Iterations = 2 }, 422, "weak"},
		"no lanes":                  {func(j *Join) { j.Kdf.Lanes = 0 }, 422, "weak"},
		"more than a phone has":     {func(j *Join) { j.Kdf.Memory = 1 << 20 }, 422, "weak"},
		"PBKDF2":                    {func(j *Join) { j.Kdf.Name = "pbkdf2" }, 422, "bad-input"},
		"short salt":                {func(j *Join) { j.Salt = bytesOf(8, 1) }, 422, "bad-input"},
		"short proof":               {func(j *Join) { j.Proof = bytesOf(31, 1) }, 422, "bad-input"},
		"one proof for both":        {func(j *Join) { j.KitProof = j.Proof }, 422, "bad-input"},
		"no kit":                    {func(j *Join) { delete(j.Containers, "master.kit") }, 422, "bad-input"},
		"a container of a passkey":  {func(j *Join) { j.Containers["master.passkey.AA"] = container(1) }, 422, "bad-input"},
		"a container of no name":    {func(j *Join) { j.Containers["../x"] = container(1) }, 422, "bad-input"},
		"another version":           {func(j *Join) { j.Containers["list"] = container(2) }, 422, "bad-input"},
		"a container too large":     {func(j *Join) { j.Containers["list"] = append(container(1), make([]byte, 64<<10)...) }, 422, "bad-input"},
		"not a domain":              {func(j *Join) { j.Address = "carol@else.test" }, 422, "domain"},
		"taken":                     {func(j *Join) { j.Address = "ALICE@demo.test" }, 409, "taken"},
		"somebody's id":             {func(j *Join) { j.Account = string(w.alice.ID) }, 409, "taken"},
		"no id":                     {func(j *Join) { j.Account = "0011" }, 422, "bad-input"},
		"reserved":                  {func(j *Join) { j.Address = "PostMaster@demo.test" }, 422, "reserved"},
		"reserved for authorities":  {func(j *Join) { j.Address = "hostmaster@demo.test" }, 422, "reserved"},
		"somebody's detail address": {func(j *Join) { j.Address = "alice+shop@demo.test" }, 422, "reserved"},
		"no address":                {func(j *Join) { j.Address = "carol" }, 422, "bad-input"},
		"no certificate":            {func(j *Join) { j.Certificate = []byte("x") }, 422, "bad-input"},
		"no list key":               {func(j *Join) { j.ListKey = bytesOf(31, 1) }, 422, "bad-input"},
		"a token that is none":      {func(j *Join) { j.Token = strings.Repeat("A", 43) }, 404, "not-found"},
	} {
		j := good()
		c.edit(&j)
		rec := w.ask("POST", "/join", j, func(r *http.Request) { r.RemoteAddr = "198.51.100." + fmt.Sprint(len(name)) + ":1" })
		if expect(t, rec, c.status, c.word); t.Failed() {
			t.Fatal(name)
		}
	}
	if ids := must(w.db.SignIns().Records(t.Context())); len(ids) != 0 {
		t.Errorf("%d records were left", len(ids))
	}
	read[Session](t, w.ask("POST", "/join", good()), 200)
}

// TestAttach: an invitation for an account gives that account a sign-in, to who has
// its key, and to no other.
func TestAttach(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	token, i, err := w.SignIns.Invite(t.Context(), "alice@demo.test", true, 0, time.Hour)
	if must(token, err); i.Account != w.alice.ID {
		t.Errorf("%+v", i)
	}
	told := read[Invitation](t, w.ask("POST", "/invitation", map[string]string{"token": token}), 200)
	if !told.Attach || told.Account != string(w.alice.ID) || !bytes.Equal(told.Certificate, w.alice.Cert) || told.Address != "alice@demo.test" {
		t.Errorf("%+v", told)
	}
	for _, j := range []Join{
		joinBody(token, "alice@demo.test", string(w.bob.ID), w.alice.Cert),
		joinBody(token, "bob@demo.test", string(w.bob.ID), w.bob.Cert),
		joinBody(token, "alice@demo.test", string(w.alice.ID), w.bob.Cert),
		joinBody(token, "carol@demo.test", "00112233445566aa", w.bob.Cert),
	} {
		expect(t, w.ask("POST", "/join", j), 404, "not-found")
	}
	p := (&person{w: w}).enter(w.ask("POST", "/join", joinBody(token, "alice@demo.test", string(w.alice.ID), w.alice.Cert)))
	if p.session.Account.ID != string(w.alice.ID) || !bytes.Equal(p.session.Account.ListKey, bytesOf(32, 3)) {
		t.Errorf("%+v", p.session.Account)
	}
	if _, _, err := w.SignIns.Invite(t.Context(), "alice@demo.test", true, 0, time.Hour); err == nil {
		t.Error("an account that has a sign-in gets another")
	}
}

func TestSignIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.attach(w.alice)
	if _, err := w.Book.AddAlias(t.Context(), w.alice.ID, must(addr("al@demo.test"))); err != nil {
		t.Fatal(err)
	}
	second := *p
	second.enter(p.signIn())
	if second.session.ID == p.session.ID || second.cookie == p.cookie || bytes.Equal(second.session.Share, p.session.Share) {
		t.Error("two sessions are one")
	}
	kit := *p
	kit.enter(p.signIn(func(s *SignIn) { s.Method, s.Proof = "kit", p.kit }))
	for name, edit := range map[string]func(*SignIn){
		"wrong proof":                     func(s *SignIn) { s.Proof = bytesOf(32, 77) },
		"proof of the kit for passphrase": func(s *SignIn) { s.Proof = p.kit },
		"proof of the passphrase for kit": func(s *SignIn) { s.Method = "kit" },
		"a short proof":                   func(s *SignIn) { s.Proof = bytesOf(31, 5) },
		"alias":                           func(s *SignIn) { s.Address = "al@demo.test" },
		"with detail":                     func(s *SignIn) { s.Address = "alice+x@demo.test" },
		"nobody":                          func(s *SignIn) { s.Address = "nobody@demo.test" },
		"without a sign-in":               func(s *SignIn) { s.Address = "bob@demo.test" },
		"no address":                      func(s *SignIn) { s.Address = "x" },
	} {
		if expect(t, p.signIn(edit), 401, "wrong-sign-in"); t.Failed() {
			t.Fatal(name)
		}
	}
	(&person{w: w}).enter(p.signIn(func(s *SignIn) { s.Address = "Alice@DEMO.test" }))
	lines := read[struct{ Sessions []SessionLine }](t, second.ask("GET", "/sessions", nil), 200).Sessions
	if n := len(lines); n != 4 || !slices.ContainsFunc(lines, func(l SessionLine) bool { return l.Current && l.ID == second.session.ID }) {
		t.Errorf("%+v", lines)
	}
	history := read[struct {
		SignIns []SignInLine `json:"sign_ins"`
	}](t, p.ask("GET", "/sign-ins", nil), 200).SignIns
	failed := 0
	for _, l := range history {
		if !l.OK {
			failed++
		}
	}
	if len(history) != 4+failed || failed != 2 { // one of each kind in a minute
		t.Errorf("%+v", history)
	}
}

// TestCookieIsNotKept: what is stored does not sign in.
func TestCookieIsNotKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.attach(w.alice)
	r := must(w.db.SignIns().Record(t.Context(), w.alice.ID))
	all := slices.Concat(r.Keys, r.Sealed)
	for _, never := range [][]byte{[]byte(p.cookie), p.proof, p.session.Share, []byte("Firefox"), must(json.Marshal(p.proof)), must(json.Marshal(p.session.Share))} {
		if bytes.Contains(all, bytes.Trim(never, `"`)) {
			t.Errorf("%q is stored readable", never)
		}
	}
	for _, token := range r.Tokens {
		q := *p
		q.cookie = encodeToken(token[:])
		expect(t, q.ask("GET", "/session", nil), 401, "signed-out")
	}
}

// TestStrangers: no answer tells whether an address has a sign-in here.
func TestStrangers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.attach(w.alice)
	begin := func(address string) SignInParameters {
		return read[SignInParameters](t, w.ask("POST", "/sign-in/begin", map[string]string{"address": address}), 200)
	}
	mine := begin("alice@demo.test")
	if !bytes.Equal(mine.Salt, bytesOf(16, 4)) {
		t.Errorf("alice's salt is %x", mine.Salt)
	}
	seen := map[string]bool{string(mine.Salt): true}
	for _, stranger := range []string{"bob@demo.test", "nobody@demo.test", "x@else.example", "no address"} {
		a, again := begin(stranger), begin(strings.ToUpper(stranger))
		if len(a.Salt) != 16 || !bytes.Equal(a.Salt, again.Salt) || a.Kdf != mine.Kdf || seen[string(a.Salt)] {
			t.Errorf("%s: %+v, then %+v", stranger, a, again)
		}
		seen[string(a.Salt)] = true
	}
	known, unknown := p.signIn(func(s *SignIn) { s.Proof = bytesOf(32, 1) }), p.signIn(func(s *SignIn) { s.Address = "nobody@demo.test" })
	if known.Body.String() != unknown.Body.String() || fmt.Sprint(known.Header()) != fmt.Sprint(unknown.Header()) || known.Code != unknown.Code {
		t.Errorf("%d %s\n%d %s", known.Code, known.Body, unknown.Code, unknown.Body)
	}
	ask := func(address string) AccessRequest {
		return read[AccessRequest](t, w.ask("POST", "/sign-in/requests", map[string]any{"address": address, "public_key": bytesOf(32, 1), "device": "x"}), 201)
	}
	for _, address := range []string{"alice@demo.test", "nobody@demo.test"} {
		r := ask(address)
		come := func() *httptest.ResponseRecorder {
			return w.ask("POST", "/sign-in/requests/"+r.ID, map[string]any{"secret": r.Secret})
		}
		if rec := come(); rec.Code != 202 {
			t.Errorf("%s: %d %s", address, rec.Code, rec.Body)
		}
		expect(t, w.ask("POST", "/sign-in/requests/"+r.ID, map[string]any{"secret": bytesOf(32, 1)}), 404, "not-found")
		w.pass(15 * time.Minute)
		expect(t, come(), 404, "not-found")
	}
	a, b := w.ask("POST", "/sign-in/passkey/begin", map[string]string{"address": "alice@demo.test"}), w.ask("POST", "/sign-in/passkey/begin", map[string]string{})
	if len(a.Body.String()) != len(b.Body.String()) || a.Code != 200 {
		t.Errorf("%s\n%s", a.Body, b.Body)
	}
}

// A session that one node ends is told on another one, which follows, and nobody else is.
func TestSessionsEndElsewhere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.attach(w.alice)
	q := p.another()
	there := &signin.Desk{Store: w.db.SignIns(), Book: w.Book, Key: w.SignIns.Key, Secret: w.SignIns.Secret, Log: w.Log, Now: w.now, Bus: w.Store.Bus}
	go there.Follow(t.Context())
	gone := make(chan string, 2)
	for _, id := range []string{p.session.ID, q.session.ID} {
		if err := there.Watch(t.Context(), w.alice.ID, id, func() { gone <- id }); err != nil {
			t.Fatal(err)
		}
	}
	w.Store.Bus.Publish(account.Topic(w.alice.ID)) // without a reason
	time.Sleep(50 * time.Millisecond)
	if len(gone) > 0 {
		t.Error("told of a session that lives")
	}
	for _, id := range []string{p.session.ID, ""} {
		var err error
		if id != "" {
			err = w.SignIns.End(t.Context(), w.alice.ID, id)
		} else {
			id, err = q.session.ID, w.SignIns.Forget(t.Context(), w.alice.ID)
		}
		if err != nil {
			t.Fatal(err)
		}
		select {
		case was := <-gone:
			if was != id {
				t.Errorf("told of another session")
			}
		case <-time.After(5 * time.Second):
			t.Fatal("nobody on the other node was told")
		}
	}
}

func TestSessionsEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.attach(w.alice)
	q := p.another()
	gone := make(chan struct{})
	if err := w.SignIns.Watch(t.Context(), w.alice.ID, p.session.ID, func() { close(gone) }); err != nil {
		t.Fatal(err)
	}
	if rec := q.ask("DELETE", "/sessions/"+p.session.ID, nil); rec.Code != 204 || rec.Header().Get("Set-Cookie") != "" {
		t.Errorf("%d %s", rec.Code, rec.Header())
	}
	select {
	case <-gone:
	case <-time.After(5 * time.Second):
		t.Error("nobody was told")
	}
	expect(t, p.ask("GET", "/session", nil), 401, "signed-out")
	expect(t, q.ask("DELETE", "/sessions/"+p.session.ID, nil), 404, "not-found")

	w.pass(29 * 24 * time.Hour)
	read[Session](t, q.ask("GET", "/session", nil), 200)
	w.pass(29 * 24 * time.Hour) // its use kept it alive
	read[Session](t, q.ask("GET", "/session", nil), 200)
	w.pass(30 * 24 * time.Hour)
	expect(t, q.ask("GET", "/session", nil), 401, "signed-out")

	r := p.another()
	if rec := r.ask("DELETE", "/sessions/"+r.session.ID, nil); rec.Code != 204 || !strings.Contains(rec.Header().Get("Set-Cookie"), "Max-Age=0") {
		t.Errorf("%d %s", rec.Code, rec.Header())
	}
	s := p.another()
	if err := w.SignIns.Forget(t.Context(), w.alice.ID); err != nil {
		t.Fatal(err)
	}
	expect(t, s.ask("GET", "/session", nil), 401, "signed-out")
	if ids := must(w.db.SignIns().Records(t.Context())); len(ids) != 0 {
		t.Error("a record stayed")
	}
}

func TestKeyringChanges(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.attach(w.alice)
	other, kit := p.another(), *p
	kit.enter(p.signIn(func(s *SignIn) { s.Method, s.Proof = "kit", p.kit }))

	change := NewPassphrase{Version: 2, OldProof: p.proof, Salt: bytesOf(16, 8), Kdf: goodKdf, Proof: bytesOf(32, 44), Container: container(2)}
	put := func(path string, b any) *httptest.ResponseRecorder { return p.ask("PUT", path, b) }
	bad := change
	bad.OldProof = bytesOf(32, 1)
	expect(t, put("/keyring/passphrase", bad), 401, "wrong-sign-in")
	bad = change
	bad.Version, bad.Container = 3, container(3)
	expect(t, put("/keyring/passphrase", bad), 409, "conflict")
	bad = change
	bad.Kdf.Memory = 8
	expect(t, put("/keyring/passphrase", bad), 422, "weak")
	bad = change
	bad.Container = container(1)
	expect(t, put("/keyring/passphrase", bad), 422, "bad-input")
	read[Session](t, other.ask("GET", "/session", nil), 200)

	newKit := NewKit{Version: 2, Proof: p.proof, KitProof: bytesOf(32, 55), Container: container(2)}
	byKit := newKit
	byKit.Proof = p.kit
	expect(t, put("/keyring/kit", byKit), 401, "wrong-sign-in")
	read[Keyring](t, put("/keyring/kit", newKit), 200)
	expect(t, kit.ask("GET", "/session", nil), 401, "signed-out")
	read[Session](t, other.ask("GET", "/session", nil), 200)
	expect(t, p.signIn(func(s *SignIn) { s.Method, s.Proof = "kit", p.kit }), 401, "wrong-sign-in")

	change.Version, change.Container = 3, container(3)
	woken, end := w.Store.Bus.Subscribe(AccountTopic(string(w.alice.ID)))
	defer end()
	if k := read[Keyring](t, put("/keyring/passphrase", change), 200); k.Version != 3 || !bytes.Equal(k.Salt, change.Salt) || !bytes.Equal(k.Containers["master.passphrase"], container(3)) {
		t.Errorf("%+v", k)
	}
	select {
	case <-woken: // the streams of the sessions that ended look again
	default:
		t.Error("nobody was told that sessions ended")
	}
	expect(t, other.ask("GET", "/session", nil), 401, "signed-out")
	read[Session](t, p.ask("GET", "/session", nil), 200)
	expect(t, p.signIn(), 401, "wrong-sign-in")
	p.proof = change.Proof
	p.another()

	expect(t, put("/keyring/containers/master.passphrase", NewContainer{4, container(4)}), 422, "bad-input")
	expect(t, put("/keyring/containers/master.kit", NewContainer{4, container(4)}), 422, "bad-input")
	expect(t, put("/keyring/containers/anything", NewContainer{4, container(4)}), 422, "bad-input")
	fpr := p.session.Account.Fingerprint
	read[Keyring](t, put("/keyring/containers/openpgp."+fpr, NewContainer{4, container(4)}), 200)
	read[Keyring](t, put("/keyring/containers/openpgp."+strings.Repeat("A", 40), NewContainer{5, container(5)}), 200)
	for _, name := range []string{"master.passphrase", "master.kit", "secret", "list", "openpgp." + fpr} {
		expect(t, p.ask("DELETE", "/keyring/containers/"+name+"?version=6", nil), 422, "bad-input")
	}
	expect(t, p.ask("DELETE", "/keyring/containers/openpgp."+strings.Repeat("A", 40)+"?version=7", nil), 409, "conflict")
	k := read[Keyring](t, p.ask("DELETE", "/keyring/containers/openpgp."+strings.Repeat("A", 40)+"?version=6", nil), 200)
	if _, there := k.Containers["openpgp."+strings.Repeat("A", 40)]; there || k.Version != 6 {
		t.Errorf("%+v", k)
	}
	expect(t, p.ask("DELETE", "/keyring/containers/openpgp."+strings.Repeat("B", 40)+"?version=7", nil), 404, "not-found")
}

func TestAccessByApproval(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p, bob := w.attach(w.alice), w.attach(w.bob)
	ask := func(device string) AccessRequest {
		return read[AccessRequest](t, w.ask("POST", "/sign-in/requests", map[string]any{"address": "alice@demo.test", "public_key": bytesOf(32, 1), "device": device}), 201)
	}
	waiting := func(of *person) []WaitingRequest {
		return read[struct{ Requests []WaitingRequest }](t, of.ask("GET", "/access-requests", nil), 200).Requests
	}
	r := ask("Phone\u202e")
	list := waiting(p)
	if len(list) != 1 || list[0].ID != r.ID || list[0].Device != "Phone" || !bytes.Equal(list[0].PublicKey, bytesOf(32, 1)) || len(waiting(bob)) != 0 {
		t.Errorf("%+v", list)
	}
	gift := map[string]any{"sealed": bytesOf(80, 2)}
	expect(t, bob.ask("POST", "/access-requests/"+r.ID+"/grant", gift), 404, "not-found")
	expect(t, bob.ask("DELETE", "/access-requests/"+r.ID, nil), 404, "not-found")
	if rec := p.ask("POST", "/access-requests/"+r.ID+"/grant", gift); rec.Code != 204 {
		t.Fatalf("%d %s", rec.Code, rec.Body)
	}
	come := func() *httptest.ResponseRecorder {
		return w.ask("POST", "/sign-in/requests/"+r.ID, map[string]any{"secret": r.Secret})
	}
	rec := come()
	g := read[Granted](t, rec, 200)
	phone := *p
	phone.take(rec)
	if !bytes.Equal(g.Sealed, bytesOf(80, 2)) || read[Session](t, phone.ask("GET", "/session", nil), 200).ID != g.Session.ID {
		t.Errorf("%+v", g)
	}
	expect(t, come(), 404, "not-found")

	r = ask("Other")
	if rec := p.ask("DELETE", "/access-requests/"+r.ID, nil); rec.Code != 204 {
		t.Errorf("%d", rec.Code)
	}
	expect(t, come(), 404, "not-found")
	for i := range 7 {
		r = ask(fmt.Sprint("d", i))
	}
	if list := waiting(p); len(list) != 5 || list[4].ID != r.ID || list[0].Device != "d2" {
		t.Errorf("%+v", list)
	}
	change := NewPassphrase{Version: 2, OldProof: p.proof, Salt: bytesOf(16, 8), Kdf: goodKdf, Proof: bytesOf(32, 44), Container: container(2)}
	read[Keyring](t, p.ask("PUT", "/keyring/passphrase", change), 200)
	if list := waiting(p); len(list) != 0 {
		t.Errorf("%d wait for who changed the passphrase", len(list))
	}
}

func TestAppPasswordsByAPI(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.attach(w.alice).prove()
	made := read[AppPassword](t, p.ask("POST", "/app-passwords", map[string]any{"name": "script", "scopes": []string{"api"}}), 201)
	if made.Password == "" || !slices.Equal(made.Scopes, []string{"api"}) {
		t.Errorf("%+v", made)
	}
	expect(t, p.ask("POST", "/app-passwords", map[string]any{"name": "script"}), 409, "taken")
	expect(t, p.ask("POST", "/app-passwords", map[string]any{"name": "x", "scopes": []string{"root"}}), 422, "bad-input")
	list := read[struct {
		P []AppPassword `json:"app_passwords"`
	}](t, p.ask("GET", "/app-passwords", nil), 200).P
	if len(list) != 1 || list[0].Password != "" || list[0].Name != "script" {
		t.Errorf("%+v", list)
	}
	gone := make(chan struct{})
	if err := w.Book.Watch(t.Context(), w.alice.ID, "script", func() { close(gone) }); err != nil {
		t.Fatal(err)
	}
	key := basic("alice@demo.test", made.Password)
	for _, path := range []string{"/session", "/keyring", "/sessions", "/sign-ins", "/access-requests", "/second-factors", "/app-passwords"} {
		expect(t, w.ask("GET", path, nil, key), 403, "forbidden")
	}
	if rec := p.ask("DELETE", "/app-passwords/script", nil); rec.Code != 204 {
		t.Errorf("%d", rec.Code)
	}
	select {
	case <-gone:
	case <-time.After(5 * time.Second):
		t.Error("who watches was not told")
	}
	expect(t, p.ask("DELETE", "/app-passwords/script", nil), 404, "not-found")
	expect(t, w.ask("GET", "/session", nil, key), 401, "wrong-sign-in")
}

// TestIDsOfOthers: every id of alice's, named by bob, answers exactly as one that does
// not exist (ATTACKS D12).
func TestIDsOfOthers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	alice, bob := w.attach(w.alice).prove(), w.attach(w.bob).prove()
	read[AppPassword](t, alice.ask("POST", "/app-passwords", map[string]any{"name": "phone"}), 201)
	r := read[AccessRequest](t, w.ask("POST", "/sign-in/requests", map[string]any{"address": "alice@demo.test", "public_key": bytesOf(32, 1), "device": "d"}), 201)
	key := alice.withPasskey("laptop", nil)
	gift := map[string]any{"sealed": bytesOf(80, 2)}
	for _, c := range []struct {
		method, path, own, none string
		body                    any
	}{
		{"DELETE", "/sessions/%s", alice.session.ID, "0123456789abcdef", nil},
		{"DELETE", "/access-requests/%s", r.ID, "0123456789abcdef", nil},
		{"POST", "/access-requests/%s/grant", r.ID, "0123456789abcdef", gift},
		{"DELETE", "/app-passwords/%s", "phone", "phony", nil},
		{"DELETE", "/passkeys/%s", key.id(), encodeToken(bytesOf(16, 1)), map[string]any{"proof": bob.proof}},
		{"DELETE", "/passkeys/%s", key.id(), encodeToken(bytesOf(16, 1)), nil},
	} {
		theirs, nobodys := bob.ask(c.method, fmt.Sprintf(c.path, c.own), c.body), bob.ask(c.method, fmt.Sprintf(c.path, c.none), c.body)
		expect(t, theirs, 404, "not-found")
		if theirs.Body.String() != nobodys.Body.String() || fmt.Sprint(theirs.Header()) != fmt.Sprint(nobodys.Header()) || nobodys.Code != theirs.Code {
			t.Errorf("%s %s: %d %s, and %d %s", c.method, c.path, theirs.Code, theirs.Body, nobodys.Code, nobodys.Body)
		}
	}
	read[Session](t, alice.ask("GET", "/session", nil), 200)
	if l := read[SecondFactors](t, alice.ask("GET", "/second-factors", nil), 200); len(l.Passkeys) != 1 {
		t.Error("bob took alice's passkey away")
	}
	rec := w.ask("POST", "/sign-in/requests/"+r.ID, map[string]any{"secret": r.Secret})
	if rec.Code != 202 {
		t.Errorf("alice's request: %d %s", rec.Code, rec.Body)
	}
}

// TestEverythingNeedsSomebody: of all operations, only those of the list answer who is
// not signed in; and without a session none of the keys' does.
func TestEverythingNeedsSomebody(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var doc struct {
		Paths map[string]map[string]struct {
			OperationID string                `json:"operationId"`
			Security    []map[string][]string `json:"security"`
		}
	}
	must(0, json.Unmarshal(w.Spec(), &doc))
	open := strings.Fields("server sign-in-begin sign-in invitation join ask-access come-back begin-passkey-sign-in passkey-sign-in parcel answer-parcel parcel-key shared begin-download shared-content drop begin-drop dropped-file put-drop-part complete-drop give-up-drop")
	n := 0
	for path, methods := range doc.Paths {
		for method, o := range methods {
			n++
			if slices.Contains(open, o.OperationID) {
				continue
			}
			path := strings.NewReplacer("{id}", "0123456789abcdef", "{name}", "x").Replace(path)
			rec := w.ask(strings.ToUpper(method), path, nil)
			if rec.Code != 401 {
				t.Errorf("%s %s (%s): %d for nobody", method, path, o.OperationID, rec.Code)
			}
		}
	}
	if n < 30 {
		t.Errorf("%d operations only: the walk is broken", n)
	}
}

func TestTidy(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.attach(w.alice)
	must(0, second(w.SignIns.Invite(t.Context(), "", false, 0, time.Hour)))
	p.signIn(func(s *SignIn) { s.Proof = bytesOf(32, 1) })
	orphan := must(w.db.SignIns().Record(t.Context(), w.alice.ID))
	orphan.Account, orphan.Revision, orphan.Tokens = "ffffffffffffffff", 1, nil
	must(0, w.db.SignIns().Put(t.Context(), orphan))
	w.pass(2 * time.Hour)
	must(0, w.SignIns.Tidy(t.Context()))
	if ids := must(w.db.SignIns().Records(t.Context())); len(ids) != 1 {
		t.Errorf("%d records", len(ids))
	}
	if i := must(w.db.SignIns().Invitations(t.Context())); len(i) != 0 {
		t.Errorf("%d invitations", len(i))
	}
	before := must(w.db.SignIns().Record(t.Context(), w.alice.ID))
	must(0, w.SignIns.Tidy(t.Context()))
	if after := must(w.db.SignIns().Record(t.Context(), w.alice.ID)); after.Revision != before.Revision {
		t.Error("nothing happened, and it was written")
	}
}

func second[A, B any](_ A, _ B, err error) error { return err }

// TestOperators: what is for operators is for them only.
func TestOperators(t *testing.T) {
	t.Parallel()
	n := 0
	w := fresh(t, counting(&n))
	p := w.attach(w.alice)
	expect(t, p.ask("POST", "/operator", `{"A":1}`), 403, "forbidden")
	yes := true
	must(w.Book.Set(t.Context(), w.alice.ID, account.Settings{Operator: &yes}))
	read[struct{}](t, p.ask("POST", "/operator", `{"A":1}`), 200)
	read[struct{}](t, p.ask("POST", "/session", `{"A":1}`), 200)
}

// TestSessionNeedsOurPages: a cookie alone changes nothing for a page of others.
func TestSessionNeedsOurPages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.attach(w.alice)
	for _, site := range []string{"cross-site", "same-site", "none", ""} {
		expect(t, w.ask("DELETE", "/sessions/"+p.session.ID, nil, p.browser, header("Sec-Fetch-Site", site)), 403, "cross-origin")
	}
	expect(t, w.ask("GET", "/session", nil, p.browser, header("Sec-Fetch-Site", "cross-site")), 403, "cross-origin")
	read[Session](t, p.ask("GET", "/session", nil), 200)
}

func TestSlowSignIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.attach(w.alice)
	pace := account.Pace{Every: time.Hour, Burst: 2}
	w.SignIns.Throttle = account.NewThrottle(account.Paces{Known: pace, Host: pace, Network: pace, Account: pace, Server: pace}, w.now)
	for range 2 {
		expect(t, p.signIn(func(s *SignIn) { s.Proof = bytesOf(32, 1) }), 401, "wrong-sign-in")
	}
	expect(t, p.signIn(), 429, "slow-down") // the right one, too
	expect(t, p.signIn(func(s *SignIn) { s.Method, s.Proof = "kit", p.kit }), 429, "slow-down")
	change := NewPassphrase{Version: 2, OldProof: p.proof, Salt: bytesOf(16, 8), Kdf: goodKdf, Proof: bytesOf(32, 44), Container: container(2)}
	expect(t, p.ask("PUT", "/keyring/passphrase", change), 429, "slow-down")
	expect(t, p.ask("DELETE", "/second-factors/totp", map[string]any{"proof": p.proof}), 429, "slow-down")
}

func TestProfileOfNewcomers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Open = true
	j := joinBody("", "carol@demo.test", "00112233445566aa", testKeys()[0])
	j.Profile = "modern"
	if s := read[Session](t, w.ask("POST", "/join", j), 200); s.Account.Profile != string(pgp.Modern) {
		t.Errorf("%+v", s.Account)
	}
}
