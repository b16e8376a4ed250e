package inbound

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"sealpost/pgp"
)

// hostile are mails made to exhaust whoever parses them (ATTACKS D09).
func hostile() map[string][]byte {
	part := "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"
	long := strings.Repeat("b", 60_000)
	return map[string][]byte{
		"10,000 levels":          []byte("Subject: canary\r\n" + strings.Repeat(part, 10_000)),
		"a million parts":        []byte("Subject: canary\r\n" + part + strings.Repeat("\r\n\r\n--b\r\n", 1_000_000)),
		"a header line of 20 MB": []byte("Subject: canary " + strings.Repeat("x", 20<<20) + "\r\n\r\nx\r\n"),
		"a million fields":       []byte(strings.Repeat("X: canary\r\n", 1_000_000) + "\r\nx\r\n"),
		"a header without end":   []byte(strings.Repeat("Subject: canary\r\n ", 500_000)),
		"boundaries alike":       []byte("Content-Type: multipart/mixed; boundary=" + long + "\r\n\r\n" + strings.Repeat("--"+long[:59_999]+"\r\n", 100)),
		"parameters in pieces":   []byte("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain" + pieces(100_000) + "\r\n\r\nx\r\n--b--\r\n"),
		"mails in mails":         []byte("Subject: canary\r\n" + strings.Repeat("Content-Type: message/rfc822\r\n\r\n", 100_000)),
		"brackets":               []byte("To: " + strings.Repeat("(", 200_000) + strings.Repeat("<canary@x>,", 100_000) + "\r\nSubject: " + strings.Repeat("=?utf-8?q?canary?=", 50_000) + "\r\n\r\n" + strings.Repeat("<div>", 300_000)),
		"not MIME at all":        bytes.Repeat([]byte{0xff, 0xfe, 'c', 0x80, '=', '?'}, 1_000_000),
	}
}

func pieces(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, ";\r\n name*%d*=%%41", i)
	}
	return b.String()
}

// TestHostileMails: each is sealed and stored whole, in bounded memory and
// time. It is not parallel, so nothing else is measured.
func TestHostileMails(t *testing.T) {
	w := newWorld(t)
	alice := w.account("alice@demo.test", pgp.Modern, 0)
	for name, data := range hostile() {
		conn, err := net.Dial("tcp", w.addr)
		w.must(err)
		in := bufio.NewReader(conn)
		peak, began := watchHeap(t), time.Now()
		fmt.Fprintf(conn, "HELO c\r\nMAIL FROM:<>\r\nRCPT TO:<alice@demo.test>\r\nBDAT %d LAST\r\n", len(data))
		_, err = conn.Write(data)
		w.must(err)
		for range 4 {
			w.reply(in)
		}
		if final := w.reply(in); !strings.HasPrefix(final, "250") {
			t.Errorf("%s: %s", name, final)
		}
		took, grew := time.Since(began), peak()>>20
		t.Logf("%s: %d octets, %v, %d MiB", name, len(data), took.Round(time.Millisecond), grew)
		if grew >= 64 && !underRace {
			t.Errorf("%s: memory grew by %d MiB", name, grew)
		}
		if took > 15*time.Second {
			t.Errorf("%s took %v", name, took)
		}
		conn.Close()
		all := w.inbox(alice, true)
		if len(all) == 0 || all[len(all)-1] != string(data) {
			t.Errorf("%s: another mail came out", name)
		}
		w.forget(alice)
	}
}
