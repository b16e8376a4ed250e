package test

import (
	"bufio"
	"fmt"
	"net"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2/imapclient"
)

const (
	balancerAt   = "127.0.0.77" // from where the balancer connects to a house
	knownSender  = "127.0.0.7"  // sends for far.test
	otherSender  = "127.0.0.8"  // does not
	balancerZone = `
7.0.0.127.in-addr.arpa. PTR mx.far.test.
8.0.0.127.in-addr.arpa. PTR other.test.
other.test. A 127.0.0.8
mx.far.test. A 127.0.0.7
far.test. MX 10 mx.far.test.
far.test. TXT "v=spf1 ip4:127.0.0.7 -all"
_dmarc.far.test. TXT "v=DMARC1; p=reject"
`
)

// TestBalancer: HAProxy stands before a house, and whoever comes by it is judged by an
// address of his own, in each version of the PROXY protocol.
func TestBalancer(t *testing.T) {
	t.Parallel()
	need(t, "haproxy")
	c := newCountry(t, "one.test")
	h := c.houses[0]
	h.more += balancerZone
	h.settings = "[listen]\nproxy_protocol_from = [\"" + balancerAt + "/32\"]\n"
	h.edits = []string{"[smtp]\n", "[smtp]\nconnections_per_address = 1\n"}
	c.dns.Set(c.zone())
	h.open(t, "ann")
	for _, way := range []struct{ name, options string }{
		{"version 1", "send-proxy"},
		{"version 2", "send-proxy-v2"},
		{"version 2 with a sum", "send-proxy-v2 proxy-v2-options crc32c,unique-id"},
	} {
		t.Run(way.name, func(t *testing.T) {
			mail, imaps := startBalancer(t, h, way.options)
			word := strings.ReplaceAll(way.name, " ", "-")
			text := "From: far@far.test\r\nTo: ann@one.test\r\nSubject: " + word + "\r\n\r\nHello.\r\n"

			s := dialFrom(t, knownSender, mail)
			if err := s.send("far@far.test", h.person.Address, []byte(text)); err != nil {
				t.Fatal(err)
			}
			got := h.arrival(t, "INBOX", word)
			if !strings.Contains(got, "spf=pass") || !strings.Contains(got, "["+knownSender+"]") || strings.Contains(got, balancerAt) {
				t.Errorf("it came as\n%s", got)
			}

			// The other one comes in beside it, though each address may have one connection; what
			// it sends in the name of far.test is refused.
			other := dialFrom(t, otherSender, mail)
			if err := other.envelope("far@far.test", h.person.Address); err == nil {
				if code, said, err := other.data([]byte(text)); err != nil || code != 550 {
					t.Errorf("who may not send for far.test hears %s, %v", said, err)
				}
			}

			client, err := imapclient.DialTLS(imaps, &imapclient.Options{TLSConfig: h.trust(t)})
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			if err := client.Login(h.person.Address, h.person.Password).Wait(); err != nil {
				t.Error(err)
			}
		})
	}
	t.Run("without", func(t *testing.T) { // a balancer that was not told to say who comes
		mail, _ := startBalancer(t, h, "")
		conn, err := net.Dial("tcp", mail)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fmt.Fprint(conn, "EHLO sender.test\r\n")
		conn.SetReadDeadline(time.Now().Add(20 * time.Second))
		if line, err := bufio.NewReader(conn).ReadString('\n'); err == nil {
			t.Errorf("it hears %q", line)
		}
		await(t, "the operator to be told", func() bool { return strings.Contains(h.log.String(), "listen.proxy_protocol_from were closed") })
	})
	t.Run("a stranger", func(t *testing.T) { // who says that he is somebody else
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(otherSender)}}
		conn, err := d.Dial("tcp", h.smtp())
		if err != nil {
			t.Fatal(err)
		}
		s := &sender{conn: conn, r: bufio.NewReader(conn)}
		defer conn.Close()
		fmt.Fprintf(conn, "PROXY TCP4 %s 127.0.0.2 1234 25\r\n", knownSender)
		if code, said, err := s.reply(); err == nil && code == 220 {
			code, said, err = s.reply() // to the header
			if err == nil && code/100 != 5 {
				t.Errorf("hears %s", said)
			}
		}
	})
}

// startBalancer runs HAProxy before a house's doors for mail and for mail programs.
func startBalancer(t *testing.T, h *house, options string) (mail, imaps string) {
	t.Helper()
	mail, imaps = fmt.Sprintf("127.0.0.1:%d", freeOn(t, "127.0.0.1")), fmt.Sprintf("127.0.0.1:%d", freeOn(t, "127.0.0.1"))
	config := fmt.Sprintf(`global
    maxconn 100
defaults
    mode tcp
    timeout connect 5s
    timeout client 1m
    timeout server 1m
    source %[5]s
    unique-id-format %%{+X}o\ %%ci:%%cp
listen smtp
    bind %[1]s
    server one %[3]s %[6]s
listen imaps
    bind %[2]s
    server one %[4]s %[6]s
`, mail, imaps, h.smtp(), h.imaps, balancerAt, options)
	cmd := exec.Command("haproxy", "-db", "-f", write(t, t.TempDir(), "haproxy.cfg", []byte(config)))
	var said safeBuffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		cmd.Wait()
		if t.Failed() {
			t.Logf("haproxy said:\n%s", said.String())
		}
	})
	await(t, "HAProxy", func() bool {
		conn, err := net.Dial("tcp", imaps)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
	return mail, imaps
}

// dialFrom is a mail server that connects from an address of its own.
func dialFrom(t *testing.T, ip, to string) *sender {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(ip)}, Timeout: 10 * time.Second}
	var s *sender
	await(t, "a place for "+ip, func() bool { // an earlier connection may still be on its way out
		conn, err := d.Dial("tcp", to)
		if err != nil {
			t.Fatal(err)
		}
		s = &sender{conn: conn, r: bufio.NewReader(conn)}
		if _, err := s.expect(220); err != nil {
			conn.Close()
			return false
		}
		t.Cleanup(func() { conn.Close() })
		return true
	})
	if _, err := s.say(250, "EHLO mx.far.test"); err != nil {
		t.Fatal(err)
	}
	return s
}
