package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"sealpost/webmail/ui"
)

type webManifestCommand struct{}

func (webManifestCommand) Help() string {
	return "SHA-256 of every file, the policy each must come with, and one name for all of it (build). " +
		"The same sources give the same manifest, wherever they are built. Its form is that of WEBCAT."
}

func (webManifestCommand) Run(c console) error {
	app, err := ui.Built()
	if err != nil {
		return err
	}
	text, err := json.MarshalIndent(app.Manifest(version()), "", "  ")
	if err != nil {
		return fmt.Errorf("write manifest: %w", err)
	}
	_, err = fmt.Fprintf(c.Out, "%s\n", text)
	return err
}

type verifyWebCommand struct {
	Host       string `arg:"" help:"Host of the webmail, with a port if it is not 443."`
	Manifest   string `type:"existingfile" placeholder:"FILE" help:"What must be there, as \"sealpost web-manifest\" printed it (default: what this program was built with)."`
	CookieFile string `type:"existingfile" placeholder:"FILE" help:"Ask as a browser that is signed in: FILE holds its Cookie line."`
	UserAgent  string `default:"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0" placeholder:"TEXT" help:"Whom to pose as (default: a browser)."`
	Connect    string `placeholder:"ADDRESS" help:"Connect to ADDRESS instead of what the host's name leads to."`
	CA         string `name:"ca" type:"existingfile" placeholder:"FILE" help:"Believe certificates of this authority only."`
}

func (verifyWebCommand) Help() string {
	return "Fetches every file of the webmail from a live host and compares it with its build: bytes, types, policies, and what the page refers to. " +
		"It sees what the host shows to whoever asks: run it from more than one place, and with --cookie-file as yourself. It ends with 1 if anything differs."
}

func (cmd verifyWebCommand) Run(ctx context.Context, c console) error {
	m, err := cmd.expected()
	if err != nil {
		return err
	}
	ask, err := cmd.asker()
	if err != nil {
		return err
	}
	client, err := cmd.client()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	faults, err := m.Verify(ctx, client, ask)
	if err != nil {
		return err
	}
	for _, f := range faults {
		fmt.Fprintf(c.Out, "%-40s %s\n", f.Place, f.Text)
	}
	if len(faults) > 0 {
		return fmt.Errorf("%s does not serve build %.12s: do not sign in there before you know why", cmd.Host, m.Build)
	}
	_, err = fmt.Fprintf(c.Out, "%s serves build %.12s, byte for byte: %d files.\n", cmd.Host, m.Build, len(m.Files))
	return err
}

// expected is the manifest to compare with.
func (cmd verifyWebCommand) expected() (m ui.Manifest, err error) {
	if cmd.Manifest == "" {
		app, err := ui.Built()
		if err != nil {
			return m, err
		}
		return app.Manifest(version()), nil
	}
	text, err := os.ReadFile(cmd.Manifest)
	if err != nil {
		return m, fmt.Errorf("read manifest: %w", err)
	}
	if err := json.Unmarshal(text, &m); err != nil {
		return m, fmt.Errorf("read manifest: %w", err)
	}
	return m, m.Whole()
}

// asker makes requests as a browser would.
func (cmd verifyWebCommand) asker() (func(context.Context, string) (*http.Request, error), error) {
	base, err := url.Parse("https://" + cmd.Host + "/")
	if err != nil || base.Host != cmd.Host || base.Hostname() == "" {
		return nil, fmt.Errorf("%q: expected a host, such as mail.example.org", cmd.Host)
	}
	cookie := ""
	if cmd.CookieFile != "" {
		f, err := os.Open(cmd.CookieFile)
		if err != nil {
			return nil, fmt.Errorf("read cookie: %w", err)
		}
		defer f.Close()
		text, err := io.ReadAll(io.LimitReader(f, 16<<10))
		if err != nil {
			return nil, fmt.Errorf("read cookie: %w", err)
		}
		cookie = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(string(text)), "Cookie:"))
	}
	return func(ctx context.Context, place string) (*http.Request, error) {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, base.JoinPath(place).String(), nil)
		if err != nil {
			return nil, err
		}
		r.Header.Set("User-Agent", cmd.UserAgent)
		if cookie != "" {
			r.Header.Set("Cookie", cookie)
		}
		return r, nil
	}, nil
}

func (cmd verifyWebCommand) client() (*http.Client, error) {
	transport := &http.Transport{TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12}, TLSHandshakeTimeout: 20 * time.Second, ForceAttemptHTTP2: true}
	if cmd.CA != "" {
		pem, err := os.ReadFile(cmd.CA)
		if err != nil {
			return nil, fmt.Errorf("read authority: %w", err)
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(pem) {
			return nil, errors.New("--ca: expected a PEM certificate")
		}
		transport.TLSClientConfig.RootCAs = pool
	}
	if cmd.Connect != "" {
		var dialer net.Dialer
		transport.DialContext = func(ctx context.Context, network, at string) (net.Conn, error) {
			if _, port, err := net.SplitHostPort(at); err == nil && !strings.Contains(cmd.Connect, ":") {
				return dialer.DialContext(ctx, network, net.JoinHostPort(cmd.Connect, port))
			}
			return dialer.DialContext(ctx, network, cmd.Connect)
		}
	}
	return &http.Client{Transport: transport, Timeout: time.Minute, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}, nil
}
