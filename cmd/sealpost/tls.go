package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/acme/autocert"

	"sealpost/config"
)

// loadCertificate reads the chain and key a server shows.
func loadCertificate(files config.TLS) (*tls.Certificate, error) {
	cert, err := tls.LoadX509KeyPair(files.Certificate, files.Key)
	if err != nil {
		return nil, fmt.Errorf("read TLS certificate and key (tls.certificate, tls.key): %w", err)
	}
	return &cert, nil
}

// identity is the server's certificate: from files, exchanged while it runs, or
// from an ACME authority, which renews it by itself.
type identity struct {
	hostname string
	files    atomic.Pointer[config.TLS]
	now      atomic.Pointer[tls.Certificate]
	acme     *autocert.Manager // nil: files
	serves   func(host string) bool
	turn     turns // nil: this machine is all there is
	flights  flights
	resting  resting
	log      *slog.Logger
	said     atomic.Int64 // when the authority was complained of last, in seconds
}

// newIdentity has an authority asked only for names that serves allows. What it gives
// is kept in certs.
func newIdentity(settings config.Config, certs autocert.Cache, serves func(host string) bool, log *slog.Logger) *identity {
	i := &identity{hostname: settings.Hostname, serves: serves, log: log}
	i.from(settings.TLS)
	if settings.ACME.On {
		i.acme = &autocert.Manager{
			Prompt: autocert.AcceptTOS,
			Cache:  certs,
			Email:  settings.ACME.Email,
			Client: &acme.Client{DirectoryURL: settings.ACME.Directory, UserAgent: "sealpost"},
			HostPolicy: func(_ context.Context, host string) error {
				if !i.ours(host) {
					return errNotOurs
				}
				return nil
			},
		}
	}
	return i
}

// from says where the certificate is read from next time.
func (i *identity) from(files config.TLS) { i.files.Store(&files) }

func (i *identity) reload() error {
	if i.acme != nil {
		return nil
	}
	cert, err := loadCertificate(*i.files.Load())
	if err != nil {
		return err
	}
	i.now.Store(cert)
	return nil
}

// expires is when the certificate of the host name ends; false: none was had yet.
func (i *identity) expires() (time.Time, bool) {
	cert := i.now.Load()
	if cert == nil || cert.Leaf == nil {
		return time.Time{}, false
	}
	return cert.Leaf.NotAfter, true
}

// certificate answers a client; who names nobody means this machine.
func (i *identity) certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	if i.acme == nil {
		return i.now.Load(), nil
	}
	if hello.ServerName == "" {
		hello = withName(hello, i.hostname)
	}
	return i.fromAuthority(hello)
}

// mailCertificate answers a mail client or server. They name this machine as they
// know it, or not at all, and are better off with its one certificate than without
// TLS (RFC 7672, section 8.1).
func (i *identity) mailCertificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	if i.acme != nil && !i.ours(hello.ServerName) {
		hello = withName(hello, i.hostname)
	}
	return i.certificate(hello)
}

func withName(hello *tls.ClientHelloInfo, name string) *tls.ClientHelloInfo {
	other := *hello
	other.ServerName = name
	return &other
}

// config offers what RFC 9325 recommends; Go chooses the suites, and a hybrid
// post-quantum key exchange where the other end can.
func (i *identity) config() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: i.mailCertificate}
}

// web is config with what browsers and the ACME authority speak.
func (i *identity) web() *tls.Config {
	c := i.config()
	c.GetCertificate = i.certificate
	c.NextProtos = []string{"h2", "http/1.1"}
	if i.acme != nil {
		c.NextProtos = append(c.NextProtos, acme.ALPNProto)
	}
	return c
}

// challenges answers the authority's HTTP-01 questions; nil: there is none.
func (i *identity) challenges() http.Handler {
	if i.acme == nil {
		return nil
	}
	return i.acme.HTTPHandler(http.NotFoundHandler())
}
