package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"sealpost/cmd/sealpost/proxyproto"
	"sealpost/config"
)

// doorPatience is how long a door may take to answer on this machine.
const doorPatience = 10 * time.Second

// A doorway is a place where the server should answer.
type doorway struct {
	name, key string
	at        []string
	tls       bool
	greets    string        // what it says first; empty: nothing
	waits     time.Duration // before it says that
	proxied   proxyproto.Balancers
}

func doorways(c config.Config) []doorway {
	from := balancers(c)
	return []doorway{
		{"SMTP", "smtp.listen", c.SMTP.Listen, false, "220", c.Screen.Patience, from},
		{"submissions", "submission.listen_tls", c.Submission.ListenTLS, true, "220", 0, from},
		{"submission", "submission.listen", c.Submission.Listen, false, "220", 0, from},
		{"IMAPS", "imap.listen_tls", c.IMAP.ListenTLS, true, "* OK", 0, from},
		{"IMAP", "imap.listen", c.IMAP.Listen, false, "* OK", 0, from},
		{"HTTPS", "http.listen_tls", c.HTTP.ListenTLS, true, "", 0, from},
		{"HTTP", "http.listen", c.HTTP.Listen, false, "", 0, from},
	}
}

// doors knocks at every door of this machine, and brings back the certificates that
// were shown.
func (w world) doors(ctx context.Context, c config.Config) (all []finding, chain []*x509.Certificate) {
	for _, d := range doorways(c) {
		if len(d.at) == 0 {
			continue
		}
		f := finding{Name: d.name, State: well, Text: strings.Join(d.at, ", ") + " answers"}
		for _, at := range d.at {
			shown, err := w.knock(ctx, reachable(at), c.Hostname, d)
			if err != nil {
				f.State, f.Text, f.Fix = bad, fmt.Sprintf("%s: %v", at, err), "see the server's log, and "+d.key+" in the configuration"
			}
			if chain == nil {
				chain = shown
			}
		}
		all = append(all, f)
	}
	return all, chain
}

// reachable is where to dial for a door that listens at an address.
func reachable(listen string) string {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return listen
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
		if ip != nil && ip.To4() == nil {
			host = "::1"
		}
	}
	return net.JoinHostPort(host, port)
}

func (w world) knock(ctx context.Context, at, name string, d doorway) (chain []*x509.Certificate, err error) {
	ctx, stop := context.WithTimeout(ctx, doorPatience+d.waits)
	defer stop()
	conn, err := w.dial(ctx, "tcp", at)
	if err != nil {
		return nil, shortly(err)
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	if err := d.proxied.Greet(conn); err != nil {
		return nil, shortly(err)
	}
	if d.tls {
		// Whether to believe it is told apart, from what it shows.
		secure := tls.Client(conn, &tls.Config{ServerName: name, InsecureSkipVerify: true})
		if err := secure.HandshakeContext(ctx); err != nil {
			return nil, fmt.Errorf("TLS: %w", err)
		}
		conn, chain = secure, secure.ConnectionState().PeerCertificates
	}
	_, err = heard(conn, d.greets)
	return chain, err
}

// greeting connects to a mail server, hears its greeting and leaves. At port 465 TLS
// comes first (RFC 8314), as it does when a relay is sent to.
func (w world) greeting(ctx context.Context, at string) (string, error) {
	ctx, stop := context.WithTimeout(ctx, doorPatience)
	defer stop()
	dial := w.dial
	host, port, err := net.SplitHostPort(at)
	if err == nil && net.ParseIP(host) == nil {
		dial = w.dialName
	}
	conn, err := dial(ctx, "tcp", at)
	if err != nil {
		return "", shortly(err)
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	if port == "465" {
		secure := tls.Client(conn, &tls.Config{ServerName: host, RootCAs: w.roots, Time: w.now})
		if err := secure.HandshakeContext(ctx); err != nil {
			return "", fmt.Errorf("TLS: %w", err)
		}
		conn = secure
	}
	line, err := heard(conn, "220")
	if err == nil {
		_, err = io.WriteString(conn, "QUIT\r\n")
	}
	return line, err
}

// heard reads the line that a server greets with.
func heard(conn net.Conn, start string) (string, error) {
	if start == "" {
		return "", nil
	}
	line, err := bufio.NewReader(io.LimitReader(conn, 1000)).ReadString('\n')
	if err != nil {
		return "", errors.New("it says nothing")
	}
	if !strings.HasPrefix(line, start) {
		return "", fmt.Errorf("it says %q", strings.TrimSpace(line))
	}
	return line, nil
}

// shortly is what a connection failed of, without the address that is told beside it.
func shortly(err error) error {
	var op *net.OpError
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return errors.New("no answer within " + doorPatience.String())
	case errors.As(err, &op) && op.Timeout():
		return errors.New("no answer")
	case errors.As(err, &op):
		return op.Err
	}
	return err
}

// renewalMissed is how long before its end a certificate should have been renewed.
const renewalMissed = 14 * 24 * time.Hour

// certificate says whether others believe what the doors show.
func (w world) certificate(chain []*x509.Certificate, c config.Config) finding {
	f := finding{Name: "certificate", State: well}
	if len(chain) == 0 {
		f.State, f.Text = bad, "none was shown"
		f.Fix = choose(c.ACME.On, "the authority must reach port 80 or 443 of "+c.Hostname+"; the server's log says what it answered", "see tls.certificate in the configuration")
		return f
	}
	leaf, now := chain[0], w.now()
	ends := day(leaf.NotAfter)
	f.Text = fmt.Sprintf("for %s by %s, until %s", c.Hostname, orElse(leaf.Issuer.CommonName, "an authority without a name"), ends)
	byAuthority := "set acme.on = true in " + c.File + " and start the server again, or put files of an authority into [tls]"
	renew := choose(c.ACME.On, "the authority must reach port 80 or 443 of "+c.Hostname+"; the server's log says what it answered", "renew it and send the server SIGHUP")
	switch {
	case leaf.VerifyHostname(c.Hostname) != nil:
		f.State, f.Text, f.Fix = bad, fmt.Sprintf("is for %s, not for %s", orElse(strings.Join(leaf.DNSNames, ", "), "no name"), c.Hostname), byAuthority
	case now.After(leaf.NotAfter):
		f.State, f.Text, f.Fix = bad, "ended on "+ends, renew
	case now.Before(leaf.NotBefore):
		f.State, f.Text, f.Fix = bad, "begins on "+day(leaf.NotBefore), "see that the clock is right"
	case selfMade(leaf):
		f.State, f.Text, f.Fix = warn, "self-signed: mail comes in encrypted, and mail programs complain", byAuthority
	case !w.trusted(chain):
		f.State, f.Fix = warn, "this machine knows no such authority: is the chain in the file whole?"
	case leaf.NotAfter.Sub(now) < renewalMissed:
		f.State, f.Fix = warn, renew
	}
	return f
}

func (w world) trusted(chain []*x509.Certificate) bool {
	between := x509.NewCertPool()
	for _, c := range chain[1:] {
		between.AddCert(c)
	}
	_, err := chain[0].Verify(x509.VerifyOptions{Roots: w.roots, Intermediates: between, CurrentTime: w.now()})
	return err == nil
}
