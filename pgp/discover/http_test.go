package discover

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"testing"
)

// TestPublic is ATTACKS B08: addresses that no lookup may reach.
func TestPublic(t *testing.T) {
	t.Parallel()
	for ip, want := range map[string]bool{
		"8.8.8.8": true, "1.1.1.1": true, "172.15.0.1": true, "172.32.0.1": true, "100.63.0.1": true, "100.128.0.1": true,
		"2606:4700::1111": true, "2a00:1450::1": true, "::ffff:8.8.8.8": true, "64:ff9b::808:808": true,
		"127.0.0.1": false, "127.9.9.9": false, "0.0.0.0": false, "0.1.2.3": false, "10.0.0.1": false, "172.16.0.1": false, "172.31.255.255": false,
		"192.168.0.1": false, "169.254.169.254": false, "169.254.0.1": false, "100.64.0.1": false, "100.127.255.255": false,
		"192.0.0.8": false, "192.0.2.1": false, "198.18.0.1": false, "198.51.100.1": false, "203.0.113.1": false, "192.88.99.1": false,
		"224.0.0.1": false, "239.1.1.1": false, "240.0.0.1": false, "255.255.255.255": false,
		"::": false, "::1": false, "::ffff:127.0.0.1": false, "::ffff:10.0.0.1": false, "::ffff:169.254.169.254": false, "::7f00:1": false,
		"64:ff9b::7f00:1": false, "64:ff9b::a00:1": false, "64:ff9b:1::1": false, "fe80::1": false, "fe80::1%eth0": false, "2606:4700::1%1": false,
		"fc00::1": false, "fd00:ec2::254": false, "fec0::1": false, "ff02::1": false, "2001:db8::1": false, "2001::1": false, "2002:7f00:1::1": false, "100::1": false, "3fff::1": false,
	} {
		if got := public(netip.MustParseAddr(ip)); got != want {
			t.Errorf("%s: public %v, want %v", ip, got, want)
		}
	}
}

// TestGuardDials only what it looked at, and skips what is private among what is not.
func TestGuardDials(t *testing.T) {
	t.Parallel()
	var dialled []string
	g := guard{
		lookup: func(context.Context, string) ([]netip.Addr, error) {
			return []netip.Addr{netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("::ffff:8.8.8.8"), netip.MustParseAddr("::1")}, nil
		},
		dial: func(_ context.Context, _, address string) (net.Conn, error) {
			dialled = append(dialled, address)
			return nil, errors.New("refused")
		},
	}
	if _, err := g.client().Get("https://example.org/"); err == nil {
		t.Error("connected")
	}
	if len(dialled) != 1 || dialled[0] != "8.8.8.8:443" {
		t.Errorf("dialled %q", dialled)
	}
	if _, err := g.client().Get("http://example.org/"); !errors.Is(err, errScheme) || len(dialled) != 1 {
		t.Errorf("plain http: %v, dialled %q", err, dialled)
	}
}

// TestNewHTTP looks at the real client: nothing between it and the guard.
func TestNewHTTP(t *testing.T) {
	t.Parallel()
	c := NewHTTP(nil, nil)
	tr := c.Transport.(httpsOnly).Transport
	if tr.Proxy != nil || tr.TLSClientConfig.MinVersion < 0x0303 || tr.TLSClientConfig.InsecureSkipVerify || c.Jar != nil || tr.DialTLSContext != nil || !tr.DisableCompression {
		t.Error("the client may take a proxy, old TLS, cookies or compression")
	}
	for _, url := range []string{"https://127.0.0.1:1/", "https://localhost:1/", "https://[::1]:1/", "https://0.0.0.0:1/"} {
		if _, err := c.Get(url); !errors.Is(err, errPrivate) {
			t.Errorf("%s: %v", url, err)
		}
	}
	allowed := NewHTTP(nil, func(ip string) bool { return ip == "127.0.0.1" })
	if _, err := allowed.Get("https://127.0.0.1:1/"); errors.Is(err, errPrivate) || err == nil {
		t.Errorf("what a test allows: %v", err)
	}
	if err := checkRedirect(&http.Request{URL: must(http.NewRequest("GET", "https://a.example/", nil)).URL}, []*http.Request{must(http.NewRequest("GET", "https://b.example/", nil))}); !errors.Is(err, errRedirect) {
		t.Errorf("to another host: %v", err)
	}
}
