package test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/cookiejar"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"sealpost/pgp/keyring"
)

// Words of what goes in by other doors than mail.
const (
	inSearch   = "Woylie2Quenda7x"
	inPassword = "Planigale7Mulgara"
	inFile     = "Kaluta3Chuditch"
	inFileName = "Ningbing6Warabi"
	inFolder   = "Dasyure5Kowarri"
	inLink     = "Dunnarts4Quolls"
	inRequest  = "Tammar8Bandicoot"
	inRule     = "Pseudantechin4us"
	inPush     = "Antechino9mysAA"
	inNote     = "Parantechin8us"
	inParcel   = "Sminthopsis1xx"
	inDraft    = "Phascolarct7os"

	inAddress   = "annabandicoot1" // of this server, which its database has to know
	inPlacement = "numbats-rule-9"
)

var otherSecrets = []string{canary, inSearch, inPassword, inFile, inFileName, inFolder, inLink, inRequest, inRule, inPush, inNote, inParcel, inDraft}

// everyDoor sends the words in by every door of the nodes, to good ends and bad ones.
func (x *watchedCluster) everyDoor(t *testing.T) {
	t.Helper()
	a, b := x.nodes[0], x.nodes[1]
	x.byMail(t, a)
	x.byIMAP(t, b)
	x.bySubmission(t, b)
	x.byBrowser(t, a, b)
}

// byMail is what the world brings: 250, 5xx, cut off.
func (x *watchedCluster) byMail(t *testing.T, h *house) {
	t.Helper()
	me := h.person.Address
	for i, mail := range canaryMails() {
		if code, reply := deliver(t, newSender(t, h.smtp()), me, mail, i%2 == 0); code != 250 && i < 7 { // the last one has no From
			t.Fatalf("canary mail %d: %s", i, reply)
		}
	}
	s := newSender(t, h.smtp())
	s.say(500, canary+" "+canary)
	s.say(501, "MAIL FROM:<"+canary)
	if err := s.envelope("eve@example.org", me); err != nil {
		t.Fatal(err)
	}
	if code, reply, err := s.data([]byte("Subject: " + canary + "\r\n\r\nbare\rreturn " + canary + "\r\n")); err != nil || code < 500 {
		t.Fatalf("a bare CR was answered %s, %v", reply, err)
	}
	cut := newSender(t, h.smtp())
	cut.envelope("eve@example.org", me)
	cut.say(354, "DATA")
	cut.conn.Write(canaryMails()[6][:1_500_000])
	cut.conn.Close()
}

// byIMAP appends, searches, notes, and signs in with a wrong password.
func (x *watchedCluster) byIMAP(t *testing.T, h *house) {
	t.Helper()
	dial := func() *imapclient.Client {
		c, err := imapclient.DialTLS(h.imaps, &imapclient.Options{TLSConfig: h.trust(t)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c
	}
	if err := dial().Login(h.person.Address, inPassword).Wait(); err == nil {
		t.Fatal("a wrong password signs in")
	}
	c := dial()
	if err := c.Login(h.person.Address, h.person.Password).Wait(); err != nil {
		t.Fatal(err)
	}
	for _, mail := range canaryMails()[:4] {
		a := c.Append("Drafts", int64(len(mail)), nil)
		a.Write(mail)
		a.Close()
		if _, err := a.Wait(); err != nil {
			t.Fatal(err)
		}
	}
	note := []byte("a note: " + inNote)
	if err := c.SetMetadata("INBOX", map[string]*[]byte{"/private/comment": &note}).Wait(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Select("INBOX", nil).Wait(); err != nil {
		t.Fatal(err)
	}
	for _, criteria := range []*imap.SearchCriteria{{Text: []string{inSearch}}, {Header: []imap.SearchCriteriaHeaderField{{Key: "Subject", Value: inSearch}}}} {
		c.UIDSearch(criteria, nil).Wait() // answered, or refused
	}
	c.Select(inSearch, nil).Wait()
}

// bySubmission leaves one mail waiting in the queue, and has others taken and refused.
func (x *watchedCluster) bySubmission(t *testing.T, h *house) {
	t.Helper()
	to := func(order, name string) string { return order + "-" + name + "@" + inDomain + ".test" }
	c, me := h.client(t), h.person.Address
	for lines, all := range map[int][]string{1: {to("take", inRcpt), to("later", inRcpt), to("never", inRcpt), to("later", inBcc)}, 30_000: {to("later", inBcc)}} {
		if _, err := c.post(me, "ENVID="+inSubject, secretMail(me, lines), all...); err != nil {
			t.Fatal(err)
		}
	}
	await(t, "the mail that is taken", func() bool { return len(x.far.with(inSubject)) > 0 })
	h.tried(t, 2)
}

// browser is somebody who signed in to a node's webmail.
type browser struct {
	t      *testing.T
	url    string
	client *http.Client
}

func (b *browser) ask(method, path, kind string, body []byte) (int, string) {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), method, b.url+"/api/v1"+path, bytes.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	r.Header.Set("Origin", b.url)
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	if strings.HasPrefix(path, "/cabinet/") {
		r.Header.Set("If-None-Match", "*")
	}
	resp, err := b.client.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

func (b *browser) must(status int, method, path, kind string, body []byte) string {
	b.t.Helper()
	got, text := b.ask(method, path, kind, body)
	if got != status {
		b.t.Fatalf("%s %s: %d %s", method, path, got, text)
	}
	return text
}

// join opens an account as a browser does, and gives its recovery kit.
func (x *watchedCluster) join(t *testing.T, h *house, address string) (*browser, string) {
	t.Helper()
	_, j, kit, err := keyring.New(address, "Bea", keyring.Passphrase(inPassword+" correct horse battery"), "0707070707070707")
	if err != nil {
		t.Fatal(err)
	}
	link := strings.TrimSpace(h.sealpost(t, "invite", address))
	token := link[strings.LastIndex(strings.Fields(link[strings.Index(link, "https:"):])[0], "/")+strings.Index(link, "https:")+1:]
	token = strings.Fields(token)[0]
	raw, err := json.Marshal(j)
	if err != nil {
		t.Fatal(err)
	}
	wish := map[string]any{}
	if err := json.Unmarshal(raw, &wish); err != nil {
		t.Fatal(err)
	}
	wish["token"], wish["device"] = token, "browser"
	if raw, err = json.Marshal(wish); err != nil {
		t.Fatal(err)
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	b := &browser{t: t, url: "https://localhost" + h.https[strings.LastIndex(h.https, ":"):], client: &http.Client{Jar: jar, Timeout: time.Minute, Transport: &http.Transport{
		TLSClientConfig: h.trust(t),
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, h.https)
		},
	}}}
	b.client.Transport.(*http.Transport).TLSClientConfig = &tls.Config{RootCAs: h.trust(t).RootCAs}
	b.must(200, "POST", "/join", "application/json", raw)
	return b, strings.Join(kit.Words(), " ")
}

// byBrowser uses the API, drive, links, requests, rules, push and the outbox.
func (x *watchedCluster) byBrowser(t *testing.T, a, b *house) {
	t.Helper()
	me := "bea@" + a.domain
	bea, kit := x.join(t, a, me)
	a.sealpost(t, "account", "set", me, "--headers=minimal")
	var boxes struct {
		Mailboxes []struct {
			ID   int64  `json:"id"`
			Name string `json:"name"`
		} `json:"mailboxes"`
	}
	if err := json.Unmarshal([]byte(bea.must(200, "GET", "/mailboxes", "", nil)), &boxes); err != nil {
		t.Fatal(err)
	}
	draft := []byte("From: " + me + "\r\nSubject: " + inDraft + "\r\nBcc: " + inDraft + "@example.org\r\n\r\n" + inDraft + "\r\n")
	for _, box := range boxes.Mailboxes {
		if box.Name == "Drafts" {
			bea.must(201, "POST", fmt.Sprintf("/mailboxes/%d/messages", box.ID), "message/rfc822", draft)
			bea.must(422, "POST", fmt.Sprintf("/mailboxes/%d/messages", box.ID), "message/rfc822", append(draft, 0))
		}
	}
	readable := []byte(strings.Repeat(inParcel+" ", 128))
	bea.must(422, "PUT", "/cabinet/drafts/one", "application/octet-stream", readable)
	bea.must(422, "PUT", "/cabinet/parcels/AAAAAAAAAAAAAAAAAAAAAA", "application/octet-stream", readable)
	bea.ask("POST", "/changes", "application/json", []byte(`{"changes":[{"op":"`+inDraft+`"}]}`))
	bea.must(200, "PUT", "/rules", "application/json", fmt.Appendf(nil, `{"version":0,"rules":[{"name":%[1]q,"on":true,"all":true,"conditions":[{"field":"subject","op":"contains","value":%[1]q}],`+
		`"actions":[{"do":"forward","address":"%[1]s@example.org"}],"stop":false}],"vacation":{"on":true,"subject":%[1]q,"text":%[1]q}}`, inRule))
	bea.must(204, "POST", "/push", "application/json", fmt.Appendf(nil, `{"endpoint":"https://push.nobody.test/%s"}`, inPush))
	var form bytes.Buffer
	parts := multipart.NewWriter(&form)
	e, _ := parts.CreateFormField("envelope")
	fmt.Fprintf(e, `{"from":%q,"to":["later-%s@%s.test"],"at":%q,"encrypted":false}`, me, inBcc, inDomain, time.Now().Add(24*time.Hour).Format(time.RFC3339))
	m, _ := parts.CreateFormField("mail")
	m.Write(bytes.Replace(secretMail(me, 1), []byte("Bcc: "), []byte("X-Bcc: "), 1))
	parts.Close()
	bea.must(200, "POST", "/outbox", parts.FormDataContentType(), form.Bytes())
	if code, reply := deliver(t, newSender(t, b.smtp()), me, []byte("From: eve@example.org\r\nSubject: "+inRule+"\r\n\r\n"+canary+"\r\n"), false); code != 250 {
		t.Fatal(reply)
	}
	x.byDrive(t, a, me, kit)
}

// byDrive brings files by the program of a device.
func (x *watchedCluster) byDrive(t *testing.T, h *house, me, kit string) {
	t.Helper()
	bin, err := plainBinary()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file := func(name, text string) string { return write(t, dir, name, []byte(text)) }
	run := func(args ...string) string {
		t.Helper()
		return string(doEnv(t, []string{"XDG_CACHE_HOME=" + dir, "HOME=" + dir}, nil, bin, append([]string{"file"}, args...)...))
	}
	profile := filepath.Join(dir, "profile.json")
	run("login", me, "--server", "https://localhost"+h.https[strings.LastIndex(h.https, ":"):], "--ca", h.file("tls.pem"), "--kit-file", file("kit", kit+"\n"), "--profile", profile, "--device", "laptop")
	run("mkdir", inFolder, "--profile", profile)
	small, large := file(inFileName+".txt", strings.Repeat("in it "+inFile+"\n", 40)), file(inFileName+".dat", strings.Repeat("in it "+inFile+"\n", 400_000))
	run("put", small, large, "--to", "/"+inFolder, "--profile", profile)
	run("link", "make", "/"+inFolder+"/"+inFileName+".txt", "--password-file", file("password", inLink), "--profile", profile)
	asked := run("request", "make", "files of "+inRequest, "--note", inRequest, "--profile", profile)
	at := asked[strings.Index(asked, "https://"):]
	run("drop", strings.Fields(at)[0], small, "--ca", h.file("tls.pem"))
	if got := run("ls", "/"+inFolder, "--profile", profile); !strings.Contains(got, inFileName) {
		t.Fatalf("the drive has %s", got)
	}
	os.RemoveAll(dir)
}

// ATTACKS F01 over database, objects, logs and backups of a cluster: whoever has all that
// PostgreSQL writes and is told, all that S3 providers have and are asked, and the folders, logs
// and numbers of all nodes, finds no word of a mail, a file, a rule, a search, a password.
func TestF01OverCluster(t *testing.T) {
	t.Parallel()
	x := newWatchedCluster(t)
	x.everyDoor(t)
	words := append(otherSecrets, secrets...)
	x.look(t, "while mail waits", words)
	a := x.nodes[0]
	cut := newSender(t, a.smtp())
	cut.envelope("eve@example.org", a.person.Address)
	cut.say(354, "DATA")
	cut.conn.Write(canaryMails()[6][:1_500_000])
	time.Sleep(200 * time.Millisecond)
	a.kill()
	a.serve(t)
	x.far.mend()
	a.sealpost(t, "queue", "retry", "all")
	await(t, "an empty queue", func() bool { return len(a.queue(t)) == 0 })
	x.look(t, "after a kill, when the queue is empty", words)
}
