package files

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"sealpost/filestore/sealed"
	"sealpost/pgp/keyring"
	"sealpost/webmail/api/client"
)

// Profile is what a device keeps of a sign-in: it opens the drive, and nothing else.
type Profile struct {
	Server   string `json:"server"` // https://host[:port]
	Address  string `json:"address"`
	Account  string `json:"account"`
	Name     string `json:"name"`            // of the app password
	Password string `json:"password"`        // with scope api
	Key      []byte `json:"key"`             // of the drawer of folders
	Drops    []byte `json:"drops,omitempty"` // to which strangers seal what they bring; none: the profile is from before
	CA       string `json:"ca,omitempty"`    // PEM: who alone is trusted to name the server
}

// ReadProfile reads one that Write wrote.
func ReadProfile(file string) (p Profile, err error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return p, fmt.Errorf("read profile (sealpost file login writes one): %w", err)
	}
	if err := json.Unmarshal(text, &p); err != nil || p.Server == "" || p.Password == "" {
		return p, fmt.Errorf("read profile %s: expected what sealpost file login writes", file)
	}
	return p, nil
}

// Write keeps a profile for its owner's eyes only.
func (p Profile) Write(file string) error {
	text, err := json.MarshalIndent(p, "", "\t")
	if err != nil {
		return fmt.Errorf("write profile: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return fmt.Errorf("write profile: %w", err)
	}
	return writePrivate(file, append(text, '\n'))
}

// Drive is the one that a profile opens.
func (p Profile) Drive(seen *Seen, now func() time.Time) (*Drive, error) {
	c, err := p.Client()
	if err != nil {
		return nil, err
	}
	key, err := keyring.NewDrawer(p.Account, sealed.Drawer, p.Key)
	if err != nil {
		return nil, fmt.Errorf("read profile: %w", err)
	}
	d := &Drive{Server: c, Boxes: key, Seen: seen, Now: now}
	if len(p.Drops) > 0 {
		if d.Drops, err = keyring.NewReceiver(p.Drops); err != nil {
			return nil, fmt.Errorf("read profile: %w", err)
		}
	}
	return d, nil
}

// Client asks the profile's server.
func (p Profile) Client() (*client.Client, error) {
	c, err := Dial(p.Server, p.CA)
	if err != nil {
		return nil, err
	}
	c.Address, c.Password = p.Address, p.Password
	return c, nil
}

// longestQueue is how long a request waits in all that is told to come later.
const longestQueue = 2 * time.Minute

// Dial makes a client of a server that TLS names, by one of the system's authorities or,
// where ca is given, by that one alone. It follows no redirect: what it sends is for
// this server.
func Dial(server, ca string) (*client.Client, error) {
	at, err := url.Parse(server)
	if err != nil || at.Scheme != "https" || at.Host == "" || at.User != nil || strings.Trim(at.Path, "/") != "" || at.RawQuery != "" || at.Fragment != "" {
		return nil, errors.New("expected a server such as https://mail.example.org")
	}
	trust := &tls.Config{MinVersion: tls.VersionTLS12}
	if ca != "" {
		trust.RootCAs = x509.NewCertPool()
		if !trust.RootCAs.AppendCertsFromPEM([]byte(ca)) {
			return nil, errors.New("expected certificates in PEM")
		}
	}
	return &client.Client{URL: "https://" + at.Host, Queue: longestQueue, HTTP: &http.Client{
		Transport: &http.Transport{
			TLSClientConfig: trust, Proxy: http.ProxyFromEnvironment, MaxIdleConnsPerHost: 2 * lanes, IdleConnTimeout: time.Minute,
			DialContext: (&net.Dialer{Timeout: 30 * time.Second}).DialContext, TLSHandshakeTimeout: 30 * time.Second, ResponseHeaderTimeout: 2 * time.Minute,
			WriteBufferSize: 256 << 10, ReadBufferSize: 256 << 10,
			TLSNextProto: map[string]func(string, *tls.Conn) http.RoundTripper{}, // HTTP/1.1: each lane has a connection of its own
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}
