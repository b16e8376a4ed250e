package main

import (
	"context"
	"net"
	"net/netip"
	"testing"
)

// An import reaches a private address only where the operator named it with this port
// (ATTACKS B08).
func TestImportsReachWhatTheOperatorNamed(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	at := l.Addr().String()
	_, port, _ := net.SplitHostPort(at)
	find := func(context.Context, string) ([]netip.Addr, error) {
		return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
	}
	for what, c := range map[string]struct {
		named   []string
		reaches bool
	}{
		"nothing is named":  {nil, false},
		"this":              {[]string{at}, true},
		"another port":      {[]string{"127.0.0.1:1"}, false},
		"another address":   {[]string{"127.0.0.2:" + port}, false},
		"its beginning":     {[]string{"127.0.0.1:" + port[:len(port)-1]}, false},
		"among several":     {[]string{"10.0.0.5:993", at}, true},
		"without any port":  {[]string{"127.0.0.1"}, false},
		"with another name": {[]string{"imap.example.net:" + port}, false},
	} {
		conn, err := importDialer(find, c.named, port)(t.Context(), "tcp", net.JoinHostPort("imap.example.net", port))
		if err == nil {
			conn.Close()
		}
		if (err == nil) != c.reaches {
			t.Errorf("%s: %v, want reached: %v", what, err, c.reaches)
		}
	}
}

// What a demo is told beside its own settings is in its configuration, once.
func TestDemoSettings(t *testing.T) {
	t.Parallel()
	d, err := newDemo(t.TempDir(), 0)
	if err != nil {
		t.Fatal(err)
	}
	d.set = map[string]string{"screen.on": "true", "dns.servers": `["127.0.0.1:5353"]`, "http.names": `["localhost", "webmail.demo.test"]`, "postmaster": `"alice@demo.test"`}
	c, err := d.settings()
	if err != nil {
		t.Fatal(err)
	}
	if !c.Screen.On || len(c.DNS.Servers) != 1 || len(c.HTTP.Names) != 2 || c.Postmaster != "alice@demo.test" || len(c.HTTP.Listen) != 0 || len(c.IMAP.Listen) != 1 {
		t.Errorf("%+v", c)
	}
	d.set = map[string]string{"screen.onn": "true"}
	if _, err := d.settings(); err == nil {
		t.Error("a setting that nobody knows was taken")
	}
}
