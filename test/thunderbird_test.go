package test

import (
	"bytes"
	"crypto/ecdh"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"sealpost/pgp/keyring"
)

// chooseLinks says, as the owner's browser does on its page of settings, that large
// attachments of what programs send become links, and to which key they are sealed.
func (d *demo) chooseLinks(t *testing.T, p person, over int) {
	t.Helper()
	words, err := os.ReadFile(filepath.Join(d.dir, "clients", strings.Split(p.Address, "@")[0]+".kit"))
	if err != nil {
		t.Fatal(err)
	}
	kit, err := keyring.ParseKit(string(words))
	if err != nil {
		t.Fatal(err)
	}
	key, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	web := &http.Client{Transport: &http.Transport{TLSClientConfig: d.tls(t)}}
	origin := "https://localhost:" + port(t, strings.TrimPrefix(d.HTTPS, "https://"))
	ask := func(method, path string, content any, cookies []*http.Cookie) []*http.Cookie {
		text, err := json.Marshal(content)
		if err != nil {
			t.Fatal(err)
		}
		req, err := http.NewRequest(method, origin+"/api/v1"+path, bytes.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Origin", origin)
		req.Header.Set("Sec-Fetch-Site", "same-origin")
		for _, c := range cookies {
			req.AddCookie(c)
		}
		resp, err := web.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		said, _ := io.ReadAll(resp.Body)
		if resp.StatusCode >= 300 {
			t.Fatalf("%s %s: %s %s", method, path, resp.Status, said)
		}
		return resp.Cookies()
	}
	session := ask("POST", "/sign-in", map[string]any{"address": p.Address, "method": "kit", "proof": kit.Proof(), "device": "test"}, nil)
	ask("PUT", "/attachments", map[string]any{"over": over, "outgoing": "link", "incoming": "off", "key": key.PublicKey().Bytes()}, session)
}

// linkIn is the address of a file in a mail, as a reader copies it.
var linkIn = regexp.MustCompile(`https://[^\s"<>]+/f/[A-Za-z0-9_-]+#[A-Za-z0-9_-]+`)

// Thunderbird, as Debian has it and without a screen: it fetches a mailbox, opens a mail
// that was sealed on arrival, and sends one with a large file that leaves as a link,
// which somebody without an account fetches whole. It takes a minute and a package of 80
// MB, so with -long only.
func TestThunderbird(t *testing.T) {
	if !*long {
		t.Skip("with -long only")
	}
	t.Parallel()
	need(t, "thunderbird")
	bin, err := plainBinary()
	if err != nil {
		t.Fatal(err)
	}
	d := startDemo(t, withBinary(bin))
	d.chooseLinks(t, d.alice(), 1_000_000)
	mail := "From: Eve Example <eve@example.org>\r\nTo: alice@demo.test\r\nSubject: the okapi matter\r\nDate: Sun, 22 Nov 2026 10:00:00 +0000\r\nMessage-ID: <okapi@example.org>\r\n\r\nOkapis are shy.\r\n"
	if err := newSender(t, d.SMTP).send("eve@example.org", d.alice().Address, []byte(mail)); err != nil {
		t.Fatal(err)
	}
	b := startThunderbird(t)
	b.open(t, d, d.alice(), "Alice")
	seen := b.read(t, 1, "Okapis are shy.")
	if !strings.Contains(seen.Subject, "the okapi matter") || seen.Row != "the okapi matter" || len(seen.Folders) < 6 {
		t.Errorf("Thunderbird shows %+v", seen)
	}

	// Far from the 36 MiB that a mail of 50 MiB (smtp.message_size) carries in base64.
	content := make([]byte, 12<<20)
	rand.Read(content)
	file := filepath.Join(t.TempDir(), "orangery inventory.pdf")
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
	b.run(t, "send.js", map[string]any{"to": d.bob().Address, "subject": "Oranges", "text": "as promised", "file": file}, nil)
	got := d.mail(t, d.bob(), 1)
	if len(got) > 200<<10 {
		t.Errorf("bob's mail has %d bytes, with a link in place of the file", len(got))
	}
	text := d.run(t, got, "open", "--key", d.bob().SecretKey)
	link := linkIn.Find(text)
	if link == nil {
		t.Fatalf("bob reads no link:\n%s", tail(string(text), 2000))
	}
	to := filepath.Join(t.TempDir(), "got.pdf")
	here := strings.Replace(string(link), "mail.demo.test", "localhost:"+port(t, strings.TrimPrefix(d.HTTPS, "https://")), 1)
	d.run(t, nil, "file", "get", "--ca", d.CA, here, to)
	if have, err := os.ReadFile(to); err != nil || sha256.Sum256(have) != sha256.Sum256(content) {
		t.Errorf("%d bytes came by the link, %d were sent: %v", len(have), len(content), err)
	}
}

// readInThunderbird is what its window shows of a mail.
type readInThunderbird struct {
	Text    string   `json:"text"`
	Subject string   `json:"subject"`
	Row     string   `json:"row"`
	Folders []string `json:"folders"`
}

func (b *thunderbird) read(t *testing.T, mails int, text string) (seen readInThunderbird) {
	t.Helper()
	b.run(t, "read.js", map[string]any{"mails": mails, "text": text}, &seen)
	return seen
}

func (b *thunderbird) open(t *testing.T, d *demo, p person, name string) {
	t.Helper()
	authority, err := os.ReadFile(d.CA)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(authority)
	secret, err := os.ReadFile(p.SecretKey)
	if err != nil {
		t.Fatal(err)
	}
	number := func(addr string) int {
		n, err := strconv.Atoi(port(t, addr))
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	b.run(t, "account.js", map[string]any{
		"address": p.Address, "password": p.Password, "name": name, "fingerprint": p.Fingerprint,
		"authority": block.Bytes, "secret": string(secret), "imaps": number(d.IMAPS), "submissions": number(d.Submissions),
	}, nil)
}

// mail is a mail of a person's inbox as IMAP serves it.
func (d *demo) mail(t *testing.T, p person, n int) []byte {
	t.Helper()
	return do(t, nil, "curl", "-sS", "--cacert", d.CA, "--user", p.Address+":"+p.Password, "imaps://localhost:"+port(t, d.IMAPS)+"/INBOX;MAILINDEX="+strconv.Itoa(n))
}
