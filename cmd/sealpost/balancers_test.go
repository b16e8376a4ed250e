package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// balanced is a site whose balancers are at 127.0.0.9 and which has all doors, each for one
// connection of an address at a time.
func balanced(t *testing.T) *site {
	t.Helper()
	s := newSite(t)
	s.settings.Listen.Balancers = []string{"127.0.0.9/32"}
	s.settings.SMTP.PerAddress, s.settings.IMAP.PerAddress, s.settings.Submission.PerAddress = 1, 1, 1
	s.settings.HTTP.Listen, s.settings.HTTP.ListenTLS = []string{"127.0.0.1:0"}, []string{"127.0.0.1:0"}
	return s
}

// from connects from a loopback address.
func from(t *testing.T, ip, to string) net.Conn {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(ip)}}
	c, err := d.DialContext(t.Context(), "tcp", to)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(20 * time.Second))
	return c
}

// Behind a balancer every door counts the addresses that it tells, and lets nobody in of whom it
// tells nothing. TLS comes after the header.
func TestDoorsBehindBalancers(t *testing.T) {
	t.Parallel()
	s := balanced(t)
	up := s.serve(t)
	trusted := trust(t, filepath.Join(s.dir, "ca.pem"))
	for name, door := range map[string]struct {
		l      net.Listener
		tls    bool
		greets string
		net    int // of those who come: doors of one server count together
	}{
		"smtp":        {up.smtpDoors[0], false, "220", 1},
		"submission":  {up.submitDoors[0], false, "220", 2},
		"submissions": {up.submitsDoors[0], true, "220", 3},
		"imap":        {up.imapDoors[0], false, "* OK", 4},
		"imaps":       {up.imapsDoors[0], true, "* OK", 5},
	} {
		greeted := func(ip, header string) error {
			c := from(t, ip, door.l.Addr().String())
			io.WriteString(c, header)
			if door.tls {
				secure := tls.Client(c, trusted)
				if err := secure.Handshake(); err != nil {
					return err
				}
				c = secure
			}
			_, err := heard(c, door.greets)
			return err
		}
		tell := func(client string) string { return fmt.Sprintf("PROXY TCP4 %s 203.0.113.9 1234 25\r\n", client) }
		one, other, stranger := fmt.Sprintf("192.0.2.%d", door.net), fmt.Sprintf("198.51.100.%d", door.net), fmt.Sprintf("127.0.1.%d", door.net)
		for _, client := range []string{one, other} {
			if err := greeted("127.0.0.9", tell(client)); err != nil {
				t.Errorf("%s: %s is not greeted: %v", name, client, err)
			}
		}
		if err := greeted("127.0.0.9", tell(one)); err == nil {
			t.Errorf("%s: one address has two connections", name)
		}
		if err := greeted("127.0.0.9", "EHLO sender.example\r\n"); err == nil {
			t.Errorf("%s: a balancer came in without a header", name)
		}
		if err := greeted(stranger, ""); err != nil {
			t.Errorf("%s: who is no balancer is not greeted: %v", name, err)
		}
		// Its connections are counted as one address, whatever it claims: there is one already.
		if err := greeted(stranger, tell("203.0.113.77")); err == nil {
			t.Errorf("%s: a stranger's claim is believed", name)
		}
	}
	client := &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{TLSClientConfig: trusted, DialContext: func(context.Context, string, string) (net.Conn, error) {
		c := from(t, "127.0.0.9", up.httpsDoors[0].Addr().String())
		_, err := io.WriteString(c, "PROXY TCP4 192.0.2.7 203.0.113.9 1234 443\r\n")
		return c, err
	}}}
	r, err := client.Get("https://localhost/healthz")
	if err != nil {
		t.Fatal(err)
	}
	r.Body.Close()
}

// The doctor is at home, and knocks as a balancer's probe does where its own address is a balancer's.
func TestDoctorBehindBalancers(t *testing.T) {
	t.Parallel()
	s, f, _ := patient(t, false)
	s.settings.Listen.Balancers = []string{"127.0.0.1/32"}
	s.running(t)
	by, _, err := examined(t, s, f.world, false)
	for _, name := range []string{"SMTP", "submission", "submissions", "IMAPS", "IMAP"} {
		if got := by[name]; got.State != well {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if got := by["balancers"]; err != nil || got.State != well || !strings.Contains(got.Text, "127.0.0.1/32") {
		t.Errorf("balancers: %+v, %v", got, err)
	}
	for networks, want := range map[string]state{"198.51.100.0/24": well, "10.0.0.0/8": well, "fd00::/64": well, "2001:db8::/120": well, "10.0.0.0/8 198.51.100.0/23": warn, "2001:db8::/64": warn} {
		s.settings.Listen.Balancers = strings.Fields(networks)
		if got, on := balancersFinding(s.settings); !on || got.State != want {
			t.Errorf("%s: %+v", networks, got)
		}
	}
	s.settings.Listen.Balancers = nil
	if _, on := balancersFinding(s.settings); on {
		t.Error("something is said of no balancers")
	}
}

// check says when too many are believed.
func TestCheckBalancers(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	text, err := os.ReadFile(s.config)
	if err != nil {
		t.Fatal(err)
	}
	s.write(t, "sealpost.toml", append(bytes.TrimSpace(text), "\n[listen]\nproxy_protocol_from = [\"198.51.0.0/16\"]\n"...))
	if r := do(t, "", "check", "--config", s.config); r.code != exitDone || !strings.Contains(r.err, "198.51.0.0/16 may say that he is anybody") {
		t.Errorf("%+v", r)
	}
}
