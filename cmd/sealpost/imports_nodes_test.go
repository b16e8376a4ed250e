package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"sealpost/mailstore"
	"sealpost/move"
	"sealpost/smtp/dns/dnstest"
	"sealpost/webmail/api"
)

// elsewhere is a server of so many mails, each with a second of its own, and who reads them there.
func elsewhere(t *testing.T, mails int) (s *site, at, password string) {
	t.Helper()
	s = newSite(t)
	config, dir := "--config="+s.config, filepath.Join(s.dir, "md")
	_, public := s.keys(t, "ann@demo.test")
	must(t, "account", "add", "ann@demo.test", "--key", public, config)
	writeMaildir(t, dir, mails)
	names, err := filepath.Glob(filepath.Join(dir, "cur", "*"))
	if err != nil || len(names) != mails {
		t.Fatalf("%d files, %v", len(names), err)
	}
	for i, name := range names {
		if err := os.Chtimes(name, time.Time{}, time.Unix(1_000_000_000+int64(i), 0)); err != nil {
			t.Fatal(err)
		}
	}
	up := s.serve(t)
	must(t, "import", "ann@demo.test", "--maildir", dir, "--journal", filepath.Join(s.dir, "journal"), config)
	password = strings.TrimSpace(must(t, "password", "add", "ann@demo.test", "--name=move", config))
	return s, up.imapsDoors[0].Addr().String(), password
}

// doomed is a node in a process of its own that reaches and trusts from, and answers at door.
func doomed(t *testing.T, node, from *site, source string) (p *process, door string) {
	t.Helper()
	door = fmt.Sprintf("127.0.0.1:%d", freeBase(t)+993)
	text := strings.Replace(string(read(t, node.config)), "listen = []\nlisten_tls = []", fmt.Sprintf("listen = []\nlisten_tls = [%q]", door), 1)
	names := dnstest.New(t, "mail.demo.test. A 127.0.0.1\n")
	node.write(t, "sealpost.toml", []byte(text+fmt.Sprintf("[import]\nallow = [%q]\n[dns]\nservers = [%q]\n", source, names.Addr)))
	p = startWith(t, "SSL_CERT_FILE="+filepath.Join(from.dir, "ca.pem"), "serve", "--config", node.config)
	until(t, "the node's door", func() bool {
		conn, err := net.Dial("tcp", door)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
	return p, door
}

// TestImportOverNodes: a node is killed while it fetches somebody's mail. The other one tells how
// far that was, takes it away from whoever may still be at work, and brings the rest, each mail once.
func TestImportOverNodes(t *testing.T) {
	t.Parallel()
	const mails = 500
	old, source, word := elsewhere(t, mails)
	x := newShared(t)
	east := x.newNode(t, nil)
	_, public := east.keys(t, "ann@demo.test")
	must(t, "account", "add", "ann@demo.test", "--key", public, "--config="+east.config)
	up := x.newNode(t, east).serve(t)
	ann := newProgram(t, up, "ann@demo.test")
	here := func() api.Import { return answered[api.Import](t, ann.ask("GET", "/import", "", nil).Body.Bytes()) }

	first, door := doomed(t, east, old, source)
	_, port, _ := net.SplitHostPort(source)
	n, _ := strconv.Atoi(port)
	wish, err := json.Marshal(api.NewImport{Host: "mail.demo.test", Port: n, User: "ann@demo.test", Password: word})
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), "POST", "https://"+door+"/api/v1/import", bytes.NewReader(wish))
	if err != nil {
		t.Fatal(err)
	}
	r.Host = "mail.demo.test"
	r.Header.Set("Content-Type", "application/json")
	r.SetBasicAuth(ann.user, ann.password)
	client := http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	answer, err := client.Do(r)
	if err != nil || answer.StatusCode != http.StatusAccepted {
		t.Fatalf("the first node says %v, %v", answer, err)
	}
	answer.Body.Close()
	until(t, "some mail", func() bool { return here().Done > 0 })
	first.cmd.Process.Kill()
	first.end(t)
	was := here()
	t.Logf("killed at %d of %d mails", was.Done, was.Total)
	if was.State != "running" || was.Done >= mails || was.Total != mails {
		t.Errorf("of a node that was killed: %+v", was)
	}
	if rec := ann.ask("POST", "/import", "application/json", bytes.NewReader(wish)); rec.Code != http.StatusConflict {
		t.Errorf("while it may be at work: %d %s", rec.Code, rec.Body)
	}
	if rec := ann.ask("DELETE", "/import", "", nil); rec.Code != http.StatusNoContent {
		t.Errorf("stop: %d %s", rec.Code, rec.Body)
	}
	if got := here(); got.State != "ended" || got.Trouble != "stopped" || got.Done != was.Done {
		t.Errorf("stopped: %+v", got)
	}

	who, err := up.find(t.Context(), "ann@demo.test")
	if err != nil {
		t.Fatal(err)
	}
	again := move.Remote{Address: net.JoinHostPort("mail.demo.test", port), User: "ann@demo.test", Password: word, TLS: trust(t, filepath.Join(old.dir, "ca.pem"))}
	again.Dial = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, source)
	}
	if err := up.imports.Start(t.Context(), owner(who), again); err != nil {
		t.Fatal(err)
	}
	up.imports.Wait()
	if got := here(); got.State != "done" || got.Done != mails-was.Done {
		t.Errorf("at the other node: %+v, want %d", got, mails-was.Done)
	}
	times := map[int64]int{}
	boxes, err := up.store.Index.Mailboxes(t.Context(), owner(who))
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range boxes {
		for e, err := range up.store.Index.Entries(t.Context(), owner(who), b.ID, mailstore.Modseq(0)) {
			if err != nil {
				t.Fatal(err)
			}
			times[e.Received.Unix()]++
		}
	}
	for i := range int64(mails) {
		if got := times[1_000_000_000+i]; got != 1 {
			t.Errorf("mail %d is there %d times", i, got)
		}
	}
	if len(times) != mails {
		t.Errorf("%d mails, want %d", len(times), mails)
	}
}

// answered reads an answer of the API.
func answered[T any](t testing.TB, text []byte) (v T) {
	t.Helper()
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return v
}
