package main

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"sealpost/account"
	"sealpost/cmd/sealpost/prove"
	"sealpost/mail"
	"sealpost/mailstore"
	"sealpost/smtp/inbound/rules"
)

// program asks the API as a program with an app password does.
type program struct {
	t              testing.TB
	up             *server
	user, password string
}

func newProgram(t testing.TB, up *server, address string) program {
	t.Helper()
	a, err := up.find(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	word, err := up.book.MakePassword(t.Context(), a.ID, account.NewPassword{Name: "program", Scopes: []string{account.ScopeAPI}})
	if err != nil {
		t.Fatal(err)
	}
	return program{t, up, address, word.Reveal()}
}

func (p program) ask(method, path, kind string, body io.Reader) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "https://mail.demo.test/api/v1"+path, body)
	r.TLS = &tls.ConnectionState{Version: tls.VersionTLS13}
	r.SetBasicAuth(p.user, p.password)
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	rec := httptest.NewRecorder()
	p.up.web.Handler.ServeHTTP(rec, r)
	return rec
}

func (p program) send(envelope map[string]any, text string) *httptest.ResponseRecorder {
	p.t.Helper()
	var b bytes.Buffer
	form := multipart.NewWriter(&b)
	for name, content := range map[string]any{"envelope": envelope} {
		part, _ := form.CreateFormField(name)
		json.NewEncoder(part).Encode(content)
	}
	part, _ := form.CreateFormField("mail")
	io.WriteString(part, text)
	form.Close()
	return p.ask("POST", "/outbox", form.FormDataContentType(), &b)
}

// waits answers the id of a mail that is held back.
func (p program) waits(rec *httptest.ResponseRecorder) string {
	p.t.Helper()
	var item struct{ ID string }
	if json.Unmarshal(rec.Body.Bytes(), &item) != nil || rec.Code != 200 || item.ID == "" {
		p.t.Fatalf("%d %s", rec.Code, rec.Body)
	}
	return item.ID
}

type lockedLog struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

const waitingWord = "Numbat5Bilby8Quoll"

// scanned fails for every place in which the word stands, in any form.
func scanned(t *testing.T, dir, when string) {
	t.Helper()
	report, err := prove.Scan(t.Context(), []string{dir}, []string{waitingWord})
	if err != nil {
		t.Fatal(err)
	}
	for _, hit := range report.Hits {
		t.Errorf("F01, %s: %s", when, hit)
	}
	if report.Bytes < 100_000 {
		t.Errorf("%s: only %d bytes were looked at", when, report.Bytes)
	}
}

// F01 for what a server keeps for its people: mail that waits, rules, the notice of who
// is away. And what waits leaves as any other mail, and goes with its owner.
func TestF01WhatWaits(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	config, data := "--config="+s.config, filepath.Join(s.dir, "data")
	for _, name := range []string{"ann", "ben"} {
		_, public := s.keys(t, name+"@demo.test")
		must(t, "account", "add", name+"@demo.test", "--key", public, config)
		must(t, "account", "set", name+"@demo.test", "--encrypt=never", config)
	}
	log := new(lockedLog)
	up := s.serveSaying(t, slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})), nil)
	ann, err := up.find(t.Context(), "ann@demo.test")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := up.sorting.Put(t.Context(), ann.ID, rules.Set{
		Rules: []rules.Rule{{
			Name: waitingWord, On: true, All: true, Conditions: []rules.Condition{{Field: "subject", Op: "contains", Value: waitingWord}},
			Actions: []rules.Action{{Do: "flag", Flag: mailstore.Flagged}},
		}},
		Vacation: rules.Vacation{On: true, Subject: waitingWord, Text: waitingWord},
	}); err != nil {
		t.Fatal(err)
	}
	send(t, up, "ann@demo.test", "From: sender@example.org\r\nTo: ann@demo.test\r\nSubject: "+waitingWord+"\r\n\r\n"+waitingWord+"\r\n")
	if waiting, err := up.queue.Of(t.Context(), string(ann.ID)); err != nil || len(waiting) != 1 {
		t.Fatalf("%d notices wait, %v", len(waiting), err)
	}
	p := newProgram(t, up, "ann@demo.test")
	to := func(delay int) map[string]any {
		return map[string]any{"from": "ann@demo.test", "to": []string{"ben@demo.test"}, "delay": delay, "encrypted": false}
	}
	text := "From: ann@demo.test\r\nTo: ben@demo.test\r\nMessage-ID: <w@demo.test>\r\nSubject: " + waitingWord + "\r\n\r\n" + waitingWord + "\r\n"
	small := p.waits(p.send(to(3600), text))
	large := p.waits(p.send(to(3600), text+strings.Repeat("A line of "+waitingWord+" and others.\r\n", 40_000)))
	scanned(t, data, "while they wait")
	if rec := p.ask("DELETE", "/outbox/"+small, "", nil); rec.Code != http.StatusNoContent {
		t.Errorf("%d %s", rec.Code, rec.Body)
	}
	now := strings.NewReader(fmt.Sprintf(`{"at":%q}`, time.Now().Format(time.RFC3339)))
	if rec := p.ask("PATCH", "/outbox/"+large, "application/json", now); rec.Code != 200 {
		t.Errorf("%d %s", rec.Code, rec.Body)
	}
	arrives(t, up, "ben@demo.test", 1)
	scanned(t, data, "when one has left")
	p.waits(p.send(to(3600), text))
	must(t, "account", "remove", "ann@demo.test", "--yes", config)
	if left, err := up.outbox.Of(t.Context(), string(ann.ID)); err != nil || len(left) != 0 {
		t.Errorf("%d mails of nobody, %v", len(left), err)
	}
	if set, err := up.sorting.Get(t.Context(), ann.ID); err != nil || set.Version != 0 {
		t.Errorf("rules of nobody: %+v %v", set, err)
	}
	arrives(t, up, "ben@demo.test", 1)
	log.mu.Lock()
	defer log.mu.Unlock()
	if strings.Contains(log.b.String(), waitingWord) || strings.Contains(log.b.String(), "ben@") {
		t.Error("F01: the log says too much")
	}
}

// arrives waits until somebody has so many mails.
func arrives(t testing.TB, up *server, address string, want int64) {
	t.Helper()
	to, err := mail.ParseAddress(address)
	if err != nil {
		t.Fatal(err)
	}
	a, err := up.book.Find(t.Context(), to)
	if err != nil {
		t.Fatal(err)
	}
	var n int64
	for range 300 {
		u, err := up.store.Index.Usage(t.Context(), owner(a))
		if err != nil {
			t.Fatal(err)
		}
		if n = u.Messages; n == want {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Errorf("%d mails arrived, want %d", n, want)
}

// TestWaitingOverRestarts: what waits is there after a stop, and strict servers hold
// nothing back that they could read.
func TestWaitingOverRestarts(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	config := "--config=" + s.config
	for _, name := range []string{"ann", "ben"} {
		_, public := s.keys(t, name+"@demo.test")
		must(t, "account", "add", name+"@demo.test", "--key", public, config)
		must(t, "account", "set", name+"@demo.test", "--encrypt=never", config)
	}
	envelope := map[string]any{"from": "ann@demo.test", "to": []string{"ben@demo.test"}, "delay": 2, "encrypted": false}
	text := "From: ann@demo.test\r\nTo: ben@demo.test\r\n\r\nhi\r\n"
	t.Run("before", func(t *testing.T) {
		p := newProgram(t, s.serve(t), "ann@demo.test")
		p.waits(p.send(envelope, text))
	})
	t.Run("after", func(t *testing.T) { arrives(t, s.serve(t), "ben@demo.test", 1) })
	s.settings.Queue.Mode = "strict"
	t.Run("strict", func(t *testing.T) {
		up := s.serve(t)
		must(t, "password", "remove", "ann@demo.test", "--name=program", config)
		p := newProgram(t, up, "ann@demo.test")
		rec := p.send(envelope, text)
		if rec.Code != 409 || !strings.Contains(rec.Body.String(), "urn:sealpost:problem:strict") {
			t.Errorf("%d %s", rec.Code, rec.Body)
		}
		envelope["delay"] = 0
		if rec := p.send(envelope, text); rec.Code != 200 {
			t.Errorf("%d %s", rec.Code, rec.Body)
		}
		arrives(t, up, "ben@demo.test", 2)
	})
}
