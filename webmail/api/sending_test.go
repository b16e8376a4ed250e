package api

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sealpost/account"
	"sealpost/filestore"
	"sealpost/filestore/nodekey"
	"sealpost/mail"
	"sealpost/pgp"
	"sealpost/pgp/discover"
	"sealpost/smtp"
	"sealpost/smtp/inbound"
	"sealpost/smtp/inbound/rules"
	"sealpost/smtp/outbound/queue"
	"sealpost/smtp/outbound/queue/memqueue"
	"sealpost/smtp/submission"
	"sealpost/smtp/submission/outbox"
	"sealpost/storage/bolt"
	"sealpost/storage/disk"
	"sealpost/webmail/api/push"
)

// sender is a world that sends: its queues, its papers, and what others know of keys.
type sender struct {
	*world
	dir    string
	queue  *queue.Queue
	peers  discover.Peers
	papers *bolt.Papers
}

func newSender(t testing.TB) *sender {
	t.Helper()
	s := &sender{world: newWorld(t), dir: t.TempDir()}
	w, key := s.world, nodekey.Random()
	log := slog.New(slog.NewTextHandler(&w.logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
	blobs := func(name string) filestore.Blobs {
		b := must(disk.Open(filepath.Join(s.dir, name), disk.Options{}))
		t.Cleanup(func() { b.Close() })
		return b
	}
	s.papers = must(bolt.OpenPapers(filepath.Join(s.dir, "papers.db"), key, bolt.Options{}))
	known := must(bolt.OpenKnown(filepath.Join(s.dir, "known.db"), key, bolt.Options{}))
	rows := must(bolt.OpenQueue(filepath.Join(s.dir, "outbox.db"), key, bolt.Options{}))
	t.Cleanup(func() { s.papers.Close(); known.Close(); rows.Close() })
	s.peers = known.Peers()
	s.queue = &queue.Queue{Store: memqueue.New(), Blobs: blobs("queue"), Key: key, Now: w.now}
	way := &inbound.Handler{
		Book: w.Book, Store: w.Store, Hostname: w.Hostname, Domain: "demo.test", Spool: s.dir, Message: 1 << 20,
		Look: mail.DefaultLimits, Time: time.Minute, Log: log, Now: w.now,
	}
	finder := &discover.Finder{Peers: s.peers, Now: w.now, Log: log, Own: func(ctx context.Context, a mail.Address) (*pgp.Cert, error) {
		found, err := w.Book.Find(ctx, a)
		if err != nil {
			return nil, discover.ErrNoKey
		}
		return pgp.ParseCert(found.Cert)
	}}
	w.Sending = Sending{
		Keys: finder, Spool: s.dir, Mail: 1 << 20,
		Outbox: &outbox.Box{
			Queue: &queue.Queue{Store: rows, Blobs: blobs("outbox"), Key: key, Name: "outbox", Now: w.now},
			Submit: &submission.Handler{
				Book: w.Book, Account: w.db.Accounts().Account, Store: w.Store, Queue: s.queue, Local: way, Hostname: w.Hostname,
				Spool: s.dir, Log: log, Now: w.now,
			},
			Local: way, Hostname: w.Hostname, Names: s.papers.Drawer("sendings"), Log: log, Now: w.now,
		},
		Rules: &rules.Room{Rules: s.papers.Drawer("rules"), Heard: s.papers.Drawer("heard"), Book: w.Book, Queue: s.queue, Local: way, Log: log, Now: w.now},
		Push: &push.Room{Places: s.papers.Drawer("push"), Key: s.papers.Drawer("push key"), HTTP: http.DefaultClient, About: "mailto:x@demo.test", Log: log, Now: w.now,
			Live: func(context.Context, string, string) (bool, error) { return true, nil }},
	}
	w.Admin = &Admin{Queue: s.queue}
	w.handler = w.Handler()
	return s
}

// as asks in the name of somebody whose browser signed in.
func (w *world) as(a account.Account, method, path string, body any, edit ...func(*http.Request)) *httptest.ResponseRecorder {
	w.t.Helper()
	r := w.request(method, path, body, edit...)
	rec := httptest.NewRecorder()
	w.Handler()
	w.inner.ServeHTTP(rec, r.WithContext(context.WithValue(r.Context(), callerKey{}, caller{Account: a, Session: "s1"})))
	return rec
}

// form is a mail and its way, as browsers send them.
func form(e any, text string) ([]byte, func(*http.Request)) {
	var b bytes.Buffer
	f := multipart.NewWriter(&b)
	part := must(f.CreateFormField("envelope"))
	must(part.Write(must(json.Marshal(e))))
	part = must(f.CreateFormField("mail"))
	must(part.Write([]byte(text)))
	f.Close()
	return b.Bytes(), header("Content-Type", f.FormDataContentType())
}

func (s *sender) send(a account.Account, e any, text string) *httptest.ResponseRecorder {
	b, kind := form(e, text)
	return s.as(a, "POST", "/outbox", b, kind)
}

const canaryWord = "Kanarienvogel-90210"

func text(from string) string {
	return "From: " + from + "\r\nTo: bob@elsewhere.example\r\nMessage-ID: <1@demo.test>\r\nSubject: " + canaryWord + "\r\n\r\n" + canaryWord + "\r\n"
}

func TestOutbox(t *testing.T) {
	t.Parallel()
	s := newSender(t)
	e := Envelope{From: "alice@demo.test", To: []string{"bob@elsewhere.example"}, Delay: 15}
	held := read[OutboxItem](t, s.send(s.alice, e, text("alice@demo.test")), 200)
	if held.ID == "" || held.To != 1 || !held.At.Equal(testTime.Add(15*time.Second)) {
		t.Errorf("%+v", held)
	}
	list := read[outboxList](t, s.as(s.alice, "GET", "/outbox", nil), 200)
	if len(list.Items) != 1 || list.Items[0].ID != held.ID {
		t.Errorf("%+v", list)
	}
	// Another's is not there (ATTACKS D12), as what is nowhere.
	for _, id := range []string{held.ID, "nowhere"} {
		expect(t, s.as(s.bob, "DELETE", "/outbox/"+id, nil), 404, "not-found")
		expect(t, s.as(s.bob, "PATCH", "/outbox/"+id, map[string]any{"at": testTime}), 404, "not-found")
	}
	if list := read[outboxList](t, s.as(s.bob, "GET", "/outbox", nil), 200); len(list.Items) != 0 {
		t.Errorf("%+v", list)
	}
	at := testTime.Add(24 * time.Hour)
	if moved := read[OutboxItem](t, s.as(s.alice, "PATCH", "/outbox/"+held.ID, map[string]any{"at": at}), 200); !moved.At.Equal(at) {
		t.Errorf("%+v", moved)
	}
	if rec := s.as(s.alice, "DELETE", "/outbox/"+held.ID, nil); rec.Code != 204 {
		t.Errorf("%d %s", rec.Code, rec.Body)
	}
	expect(t, s.as(s.alice, "DELETE", "/outbox/"+held.ID, nil), 404, "not-found")
	now := read[OutboxItem](t, s.send(s.alice, Envelope{From: "alice@demo.test", To: e.To}, text("alice@demo.test")), 200)
	if d, _ := s.queue.Depth(t.Context()); d.Mails != 1 || !strings.HasPrefix(now.ID, outbox.LeftID) {
		t.Errorf("%d mails left, %+v", d.Mails, now)
	}
	expect(t, s.as(s.alice, "DELETE", "/outbox/"+now.ID, nil), 404, "not-found")
	if strings.Contains(s.logs.String(), canaryWord) || strings.Contains(s.logs.String(), "@") {
		t.Errorf("the log says %s", s.logs.String())
	}
}

func TestOutboxRefuses(t *testing.T) {
	t.Parallel()
	s := newSender(t)
	good := Envelope{From: "alice@demo.test", To: []string{"bob@elsewhere.example"}, Delay: 15}
	with := func(edit func(*Envelope)) Envelope { e := good; edit(&e); return e }
	for name, c := range map[string]struct {
		e      any
		text   string
		status int
		word   string
	}{
		"from":       {with(func(e *Envelope) { e.From = "bob@demo.test" }), text("alice@demo.test"), 422, "refused"},
		"header":     {good, text("bob@demo.test"), 422, "refused"},
		"nobody":     {with(func(e *Envelope) { e.To = nil }), text("alice@demo.test"), 422, "bad-input"},
		"no address": {with(func(e *Envelope) { e.To = []string{"a@b\r\nRCPT TO:<x@y.z>"} }), text("alice@demo.test"), 422, "bad-input"},
		"delay":      {with(func(e *Envelope) { e.Delay = -1 }), text("alice@demo.test"), 422, "bad-input"},
		"both":       {with(func(e *Envelope) { e.At = testTime }), text("alice@demo.test"), 422, "bad-input"},
		"far":        {with(func(e *Envelope) { e.Delay, e.At = 0, testTime.AddDate(2, 0, 0) }), text("alice@demo.test"), 422, "bad-input"},
		"readable":   {with(func(e *Envelope) { e.Encrypted = true }), text("alice@demo.test"), 422, "not-encrypted"},
		"now":        {with(func(e *Envelope) { e.Encrypted, e.Delay = true, 0 }), text("alice@demo.test"), 422, "not-encrypted"},
		"bare CR":    {good, text("alice@demo.test") + "x\ry\r\n", 422, "refused"},
		"large":      {good, text("alice@demo.test") + strings.Repeat("x", 1<<20), 413, "too-large"},
		"JSON":       {"nothing", text("alice@demo.test"), 422, "bad-input"},
	} {
		t.Run(name, func(t *testing.T) { expect(t, s.send(s.alice, c.e, c.text), c.status, c.word) })
	}
	one := expect(t, s.send(s.alice, with(func(e *Envelope) { e.To = append(e.To, "unknown@demo.test") }), text("alice@demo.test")), 422, "refused")
	if one.Address != "unknown@demo.test" {
		t.Errorf("refused %q", one.Address)
	}
	if list := read[outboxList](t, s.as(s.alice, "GET", "/outbox", nil), 200); len(list.Items) != 0 {
		t.Errorf("%+v", list)
	}
}

func TestRecipientsAndKeys(t *testing.T) {
	t.Parallel()
	s := newSender(t)
	_, carol, err := pgp.GenerateKey("", "carol@elsewhere.example", pgp.Compat, testTime.AddDate(-1, 0, 0))
	must(0, err)
	code := base64.StdEncoding.EncodeToString(must(pgp.ParseCert(carol)).Bytes())
	ask := func(a account.Account, addresses ...string) []Recipient {
		t.Helper()
		return read[recipientList](t, s.as(a, "POST", "/recipients", map[string]any{"addresses": addresses}), 200).Recipients
	}
	got := ask(s.alice, "bob@demo.test", "carol@elsewhere.example", "no address", "nobody@demo.test")
	for i, want := range []string{"key local true", "none  false", "invalid  false", "none  true"} {
		if have := fmt.Sprint(got[i].State, " ", got[i].Source, " ", got[i].Local); have != want {
			t.Errorf("%s: %s, want %s", got[i].Address, have, want)
		}
	}
	if rec := s.as(s.alice, "PUT", "/keys/carol%40elsewhere.example", map[string]any{"certificate": code}); rec.Code != 204 {
		t.Fatalf("%d %s", rec.Code, rec.Body)
	}
	if r := ask(s.alice, "carol@elsewhere.example")[0]; r.State != "key" || r.Source != "manual" || r.Certificate != code || r.Fingerprint == "" {
		t.Errorf("%+v", r)
	}
	// Pins are their owner's own (ATTACKS D12), and programs change none.
	if r := ask(s.bob, "carol@elsewhere.example")[0]; r.State != "none" || r.Certificate != "" {
		t.Errorf("bob sees %+v", r)
	}
	for _, path := range []string{"/keys/carol%40elsewhere.example", "/rules"} {
		expect(t, s.ask("PUT", path, map[string]any{}, basic("alice@demo.test", s.password(s.alice, "p"+path[1:3], account.ScopeAPI))), 403, "forbidden")
	}
	expect(t, s.as(s.alice, "PUT", "/keys/carol%40elsewhere.example", map[string]any{"certificate": "AAAA"}), 422, "no-key")
	expect(t, s.as(s.alice, "POST", "/keys/carol%40elsewhere.example/accept", map[string]any{"fingerprint": "00"}), 404, "not-found")
	if rec := s.as(s.alice, "DELETE", "/keys/carol%40elsewhere.example", nil); rec.Code != 204 || ask(s.alice, "carol@elsewhere.example")[0].State != "none" {
		t.Errorf("%d", rec.Code)
	}
	expect(t, s.as(s.alice, "POST", "/recipients", map[string]any{"addresses": make([]string, 101)}), 422, "bad-input")
	many := make([]string, 100)
	for i := range many {
		many[i] = "no address"
	}
	for range 3 {
		ask(s.alice, many...)
	}
	expect(t, s.as(s.alice, "POST", "/recipients", map[string]any{"addresses": many}), 429, "slow-down")
	ask(s.bob, "no address")
}

func TestRules(t *testing.T) {
	t.Parallel()
	s := newSender(t)
	empty := read[rules.Set](t, s.as(s.alice, "GET", "/rules", nil), 200)
	if empty.Version != 0 || empty.Rules == nil {
		t.Errorf("%+v", empty)
	}
	set := rules.Set{Rules: []rules.Rule{{
		Name: canaryWord, On: true, All: true, Conditions: []rules.Condition{{Field: "subject", Op: "contains", Value: canaryWord}},
		Actions: []rules.Action{{Do: "move", Mailbox: "x"}},
	}}, Vacation: rules.Vacation{Text: canaryWord}}
	put := func(a account.Account, set rules.Set) *httptest.ResponseRecorder {
		return s.as(a, "PUT", "/rules", set)
	}
	if got := read[rules.Set](t, put(s.alice, set), 200); got.Version != 1 || len(got.Rules) != 1 {
		t.Errorf("%+v", got)
	}
	expect(t, put(s.alice, set), 409, "conflict")
	set.Version = 1
	set.Rules[0].Actions[0].Do = "run"
	expect(t, put(s.alice, set), 422, "bad-input")
	if got := read[rules.Set](t, s.as(s.bob, "GET", "/rules", nil), 200); got.Version != 0 || len(got.Rules) != 0 {
		t.Errorf("bob sees %+v", got)
	}
	read[rules.Set](t, s.as(s.alice, "PUT", "/rules", `{"version":1,"rules":[],"vacation":{"on":false,"subject":"","text":""}}`), 200)
	if bytes.Contains(must(readFile(filepath.Join(s.dir, "papers.db"))), []byte(canaryWord)) || strings.Contains(s.logs.String(), canaryWord) {
		t.Error("rules are readable")
	}
}

// TestAdminTellsNothing walks the document: no answer for operators holds a word of
// mail, of a key, or of whom somebody writes to; and nobody else gets any.
func TestAdminTellsNothing(t *testing.T) {
	t.Parallel()
	s := newSender(t)
	secretTo := smtp.Recipient{Address: mail.Address{Local: "secretfriend", Domain: "elsewhere.example"}}
	put := func() queue.ID {
		return must(s.queue.Put(t.Context(), queue.Mail{
			Envelope: smtp.Envelope{From: &s.alice.Addresses[0]}, Account: string(s.alice.ID), Note: canaryWord,
			Recipient: []queue.State{{Recipient: secretTo, Attempts: 1, Last: smtp.Reply{Code: 450, Enhanced: "4.2.0", Text: "<secretfriend@elsewhere.example> " + canaryWord}}},
		}, strings.NewReader(text("alice@demo.test"))))
	}
	id := put()
	s.Admin.Drop = func(ctx context.Context, id queue.ID) error {
		l, err := s.queue.Drop(ctx, id)
		if err != nil {
			return err
		}
		return l.Done(ctx)
	}
	removed := 0
	s.Admin.Remove = func(context.Context, account.ID) error { removed++; return nil }
	s.Admin.Overview = func(context.Context) (AdminOverview, error) { return AdminOverview{Version: "v"}, nil }
	s.Admin.Domains = func(context.Context) ([]AdminDomain, error) { return nil, nil }
	s.Admin.Reports = func(context.Context) ([]AdminReport, error) { return nil, nil }
	s.Admin.Invitations = func(context.Context) ([]AdminInvitation, error) { return nil, nil }
	s.Admin.Invite = func(context.Context, AdminInvite) (AdminInvitation, error) { return AdminInvitation{ID: "i"}, nil }
	s.Admin.Revoke = func(context.Context, string) error { return nil }
	s.Admin.ResetSignIn = func(context.Context, account.ID) (AdminInvitation, error) { return AdminInvitation{ID: "i"}, nil }
	s.send(s.alice, Envelope{From: "alice@demo.test", To: []string{"secretfriend@elsewhere.example"}, Delay: 60}, text("alice@demo.test"))
	operator := s.alice
	operator.Operator = true
	bodies := map[string]string{
		"admin-add-account": `{"address":"new@demo.test","certificate":"` + base64.StdEncoding.EncodeToString(testKeys()[1]) + `"}`,
		"admin-set-account": `{"quota":5}`, "admin-invite": `{"days":3}`, "admin-hold": `{"held":true}`,
	}
	var doc struct {
		Paths map[string]map[string]struct {
			OperationID string `json:"operationId"`
		}
	}
	if err := json.Unmarshal(s.Spec(), &doc); err != nil {
		t.Fatal(err)
	}
	asked := 0
	for path, methods := range doc.Paths {
		for method, o := range methods {
			if !strings.HasPrefix(path, "/admin/") {
				if strings.HasPrefix(o.OperationID, "admin-") {
					t.Errorf("%s stands at %s", o.OperationID, path)
				}
				continue
			}
			asked++
			at := strings.ReplaceAll(path, "/admin/accounts/{id}", "/admin/accounts/"+string(s.bob.ID))
			at = strings.ReplaceAll(at, "/admin/queue/{id}", "/admin/queue/"+string(id))
			at = strings.ReplaceAll(at, "{id}", "x")
			if o.OperationID == "admin-remove-account" {
				expect(t, s.as(operator, "DELETE", at, nil), 412, "confirm")
				at += "?confirm=bob%40demo.test"
			}
			var content any
			if b, ok := bodies[o.OperationID]; ok {
				content = b
			}
			method = strings.ToUpper(method)
			for name, rec := range map[string]*httptest.ResponseRecorder{
				"nobody":  s.ask(method, at, content),
				"a user":  s.as(s.bob, method, at, content),
				"program": s.ask(method, at, content, basic("alice@demo.test", s.password(s.alice, fmt.Sprint("n", asked), account.ScopeAPI))),
			} {
				if rec.Code != 401 && rec.Code != 403 {
					t.Errorf("%s %s for %s: %d", method, at, name, rec.Code)
				}
			}
			must(0, s.Book.RemovePassword(t.Context(), s.alice.ID, fmt.Sprint("n", asked)))
			rec := s.as(operator, method, at, content)
			if rec.Code >= 500 || rec.Code == 401 || rec.Code == 403 || rec.Code == 415 {
				t.Errorf("%s %s: %d %s", method, at, rec.Code, rec.Body)
			}
			for _, word := range []string{canaryWord, "secretfriend", "Kanarienvogel", base64.StdEncoding.EncodeToString(testKeys()[0])[:40]} {
				if strings.Contains(rec.Body.String(), word) {
					t.Errorf("%s %s says %q", method, at, word)
				}
			}
			if _, err := s.queue.Get(t.Context(), id); err != nil {
				id = put()
			}
		}
	}
	if asked < 14 || removed != 1 {
		t.Errorf("%d operations for operators, %d removals", asked, removed)
	}
	items := read[adminQueueList](t, s.as(operator, "GET", "/admin/queue", nil), 200).Items
	if len(items) != 1 || items[0].Recipients[0].Domain != "elsewhere.example" || items[0].Recipients[0].Reply != "450 4.2.0" {
		t.Errorf("%+v", items)
	}
	expect(t, s.as(operator, "PATCH", "/admin/accounts/"+string(operator.ID), `{"operator":false}`), 409, "yourself")
}
