package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"sealpost/pgp"
)

// A post is what senders know: which mails were acknowledged, and which were sent at all.
type post struct {
	mu          sync.Mutex
	sent, acked map[string]bool
	refused     []string // replies that no server should give: 5xx
}

func newPost() *post { return &post{sent: map[string]bool{}, acked: map[string]bool{}} }

func (p *post) size() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.acked)
}

// send sends one mail in a connection of its own, and gives the last reply's code; 0: none came.
func (p *post) send(at, to, id string) (code int) {
	p.mu.Lock()
	p.sent[id] = true
	p.mu.Unlock()
	code, text := talk(at, to, fmt.Sprintf("From: eve@example.org\r\nTo: %s\r\nSubject: cluster\r\nMessage-ID: <%s@cluster.test>\r\n\r\nFor your eyes only: %s.\r\n", to, id, id))
	p.mu.Lock()
	defer p.mu.Unlock()
	if code == 250 {
		p.acked[id] = true
	}
	if code >= 500 {
		p.refused = append(p.refused, text)
	}
	return code
}

// stream sends one mail after another through a node until ctx ends.
func (p *post) stream(ctx context.Context, n *node, to, name string) {
	for i := 0; ctx.Err() == nil; i++ {
		if p.send(n.at(25), to, fmt.Sprintf("%s-%s-%d", name, n.name, i)) == 0 {
			time.Sleep(50 * time.Millisecond) // nobody is there
		}
	}
}

func talk(at, to, mail string) (code int, text string) {
	conn, err := net.DialTimeout("tcp", at, 5*time.Second)
	if err != nil {
		return 0, err.Error()
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(time.Minute))
	r := bufio.NewReader(conn)
	for _, line := range []string{"", "EHLO sender.test\r\n", "MAIL FROM:<eve@example.org>\r\n", "RCPT TO:<" + to + ">\r\n", "DATA\r\n", mail + ".\r\n"} {
		if _, err := conn.Write([]byte(line)); err != nil {
			return 0, err.Error()
		}
		if code, text, err = reply(r); err != nil {
			return 0, err.Error()
		}
		if code >= 400 {
			return code, text
		}
	}
	return code, text
}

func reply(r *bufio.Reader) (code int, text string, err error) {
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return 0, "", err
		}
		if len(line) > 3 && line[3] == ' ' {
			_, err := fmt.Sscanf(line, "%3d", &code)
			return code, line, err
		}
	}
}

// signIn opens IMAPS at a node as a person. What the node tells unasked comes to events, if there are any.
func (c *cluster) signIn(t *testing.T, n *node, p person, events *imapclient.UnilateralDataHandler) *imapclient.Client {
	t.Helper()
	pem, err := os.ReadFile(filepath.Join(c.dir, "clients", "ca.pem"))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	in, err := imapclient.DialTLS(n.at(993), &imapclient.Options{TLSConfig: &tls.Config{RootCAs: roots, ServerName: "localhost"}, UnilateralDataHandler: events})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close() })
	if err := in.Login(p.Address, p.Password).Wait(); err != nil {
		t.Fatal(err)
	}
	return in
}

// inbox gives how often each mail lies in a person's INBOX, as a node tells it, opened with their key.
func (c *cluster) inbox(t *testing.T, n *node, p person) map[string]int {
	t.Helper()
	secret, err := os.ReadFile(p.SecretKey)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := pgp.ParseSecretKeys(secret, nil)
	if err != nil {
		t.Fatal(err)
	}
	in := c.signIn(t, n, p, nil)
	box, err := in.Select("INBOX", &imap.SelectOptions{ReadOnly: true}).Wait()
	if err != nil {
		t.Fatal(err)
	}
	there := map[string]int{}
	if box.NumMessages == 0 {
		return there
	}
	whole := &imap.FetchItemBodySection{Peek: true}
	mails, err := in.Fetch(imap.SeqSet{{Start: 1, Stop: box.NumMessages}}, &imap.FetchOptions{UID: true, BodySection: []*imap.FetchItemBodySection{whole}}).Collect()
	if err != nil {
		t.Fatal(err)
	}
	last := imap.UID(0)
	for _, m := range mails {
		if m.UID <= last {
			t.Errorf("UID %d comes after %d", m.UID, last)
		}
		last = m.UID
		var original bytes.Buffer
		if _, err := (pgp.Opener{Keys: keys, Restore: true}).Open(t.Context(), bytes.NewReader(m.FindBodySection(whole)), &original); err != nil {
			t.Fatalf("UID %d: %v", m.UID, err)
		}
		_, rest, _ := strings.Cut(original.String(), "Message-ID: <")
		id, _, _ := strings.Cut(rest, "@cluster.test>")
		if !strings.HasSuffix(original.String(), "For your eyes only: "+id+".\r\n") {
			t.Errorf("UID %d is not what was sent: %q", m.UID, original.String())
		}
		there[id]++
	}
	return there
}

// kept holds what a node serves against what was acknowledged.
func (p *post) kept(t *testing.T, there map[string]int) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	for id := range p.acked {
		if there[id] == 0 {
			t.Errorf("%s was acknowledged, and is not there", id)
		}
	}
	for id, n := range there {
		if n > 1 {
			t.Errorf("%s is there %d times", id, n)
		}
		if !p.sent[id] {
			t.Errorf("%s was never sent", id)
		}
	}
	for _, text := range p.refused {
		t.Errorf("a fault of ours was told as the sender's: %s", text)
	}
	t.Logf("%d mails acknowledged of %d, %d there", len(p.acked), len(p.sent), len(there))
}
