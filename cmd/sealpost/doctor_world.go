package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"time"

	"sealpost/config"
	"sealpost/smtp/dns"
)

// A world is what lies beyond this machine, and how it is asked.
type world struct {
	dns   *dns.Resolver
	dial  func(ctx context.Context, network, address string) (net.Conn, error)
	own   func() []netip.Addr   // public addresses that this machine sends from; none: it is behind another
	has   func(netip.Addr) bool // an address is this machine's
	roots *x509.CertPool        // nil: those of the machine
	now   func() time.Time
}

// theWorld is the real one, asked as the settings say.
func theWorld(c config.DNS) world {
	r := newResolver(c)
	r.Timeout = 5 * time.Second
	return world{dns: r, dial: (&net.Dialer{Timeout: 10 * time.Second}).DialContext, own: publicAddresses, has: hasAddress, now: time.Now}
}

// publicAddresses are those that this machine has and the internet knows. Of IPv6
// there may be many: the one that is used to send is enough.
func publicAddresses() (all []netip.Addr) {
	for _, far := range []string{"198.41.0.4:53", "[2001:503:ba3e::2:30]:53"} { // a root server; nothing is sent to it
		conn, err := net.Dial("udp", far)
		if err != nil {
			continue
		}
		if at, err := netip.ParseAddrPort(conn.LocalAddr().String()); err == nil && public(at.Addr().Unmap()) {
			all = append(all, at.Addr().Unmap())
		}
		conn.Close()
	}
	return all
}

func hasAddress(ip netip.Addr) bool {
	all, err := net.InterfaceAddrs()
	return err == nil && slices.ContainsFunc(all, func(a net.Addr) bool {
		n, ok := a.(*net.IPNet)
		return ok && n.IP.Equal(ip.AsSlice())
	})
}

// public says whether the internet knows an address.
func public(ip netip.Addr) bool {
	if !ip.IsGlobalUnicast() || ip.IsPrivate() {
		return false
	}
	for _, p := range []string{"100.64.0.0/10", "192.0.0.0/24", "198.18.0.0/15", "240.0.0.0/4", "64:ff9b::/96", "fec0::/10"} {
		if netip.MustParsePrefix(p).Contains(ip) {
			return false
		}
	}
	return true
}

const maxFetch = 64 << 10 // bytes, as RFC 8461, section 3.2 suggests

// fetch gets a small text by HTTPS, from the server that its name leads to, and
// follows no redirect (RFC 8461, section 3.3).
func (w world) fetch(ctx context.Context, url string) (string, error) {
	client := http.Client{
		Timeout:       15 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return errors.New("it redirects") },
		Transport: &http.Transport{
			DisableKeepAlives: true,
			DialContext:       w.dialName,
			TLSClientConfig:   &tls.Config{RootCAs: w.roots, Time: w.now},
		},
	}
	ask, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	got, err := client.Do(ask)
	if err != nil {
		return "", errors.Unwrap(err) // without the address
	}
	defer got.Body.Close()
	if got.StatusCode != http.StatusOK {
		return "", fmt.Errorf("it answers %s", got.Status)
	}
	text, err := io.ReadAll(io.LimitReader(got.Body, maxFetch))
	return string(text), err
}

// dialName connects to the first address of a name that answers.
func (w world) dialName(ctx context.Context, network, address string) (conn net.Conn, err error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	found, err := w.dns.IP(ctx, host)
	if err != nil {
		return nil, err
	}
	err = errors.New("the name has no address")
	for _, ip := range found.Records {
		if conn, err = w.dial(ctx, network, net.JoinHostPort(ip.String(), port)); err == nil {
			return conn, nil
		}
	}
	return nil, err
}
