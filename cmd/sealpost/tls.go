package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
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
	log      *slog.Logger
	said     atomic.Int64 // when the authority was complained of last, in seconds
}

// newIdentity has an authority asked only for names that serves allows.
func newIdentity(settings config.Config, serves func(host string) bool, log *slog.Logger) *identity {
	i := &identity{hostname: settings.Hostname, log: log}
	i.from(settings.TLS)
	if settings.ACME.On {
		i.acme = &autocert.Manager{
			Prompt: autocert.AcceptTOS,
			Cache:  autocert.DirCache(settings.ACME.Folder),
			Email:  settings.ACME.Email,
			Client: &acme.Client{DirectoryURL: settings.ACME.Directory, UserAgent: "sealpost"},
			HostPolicy: func(_ context.Context, host string) error {
				if host != settings.Hostname && !serves(host) {
					return errors.New("not a name of this server")
				}
				return nil
			},
		}
	}
	return i
}

// quiet is the time between two complaints about the ACME authority.
const quiet = 10 * time.Minute

// complain logs why there is no certificate for a name of this server. Names that
// strangers make up, and their play with challenges, are no reason to.
func (i *identity) complain(hello *tls.ClientHelloInfo, err error) {
	if slices.Contains(hello.SupportedProtos, acme.ALPNProto) || i.acme.HostPolicy(hello.Context(), hello.ServerName) != nil {
		return
	}
	now, last := time.Now().Unix(), i.said.Load()
	if now-last < int64(quiet.Seconds()) || !i.said.CompareAndSwap(last, now) {
		return
	}
	i.log.Warn("the ACME authority gave no certificate", "error", err)
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

// warm gets the certificate before somebody waits for it.
func (i *identity) warm() error {
	_, err := i.certificate(&tls.ClientHelloInfo{
		ServerName:        i.hostname,
		SupportedVersions: []uint16{tls.VersionTLS13},
		CipherSuites:      []uint16{tls.TLS_AES_128_GCM_SHA256},
		SignatureSchemes:  []tls.SignatureScheme{tls.ECDSAWithP256AndSHA256},
		SupportedCurves:   []tls.CurveID{tls.CurveP256},
	})
	return err
}

// expires is when the certificate of the host name ends; false: none was had yet.
func (i *identity) expires() (time.Time, bool) {
	cert := i.now.Load()
	if cert == nil || cert.Leaf == nil {
		return time.Time{}, false
	}
	return cert.Leaf.NotAfter, true
}

// certificate answers a client; who names nobody, as many mail servers do, means
// this machine.
func (i *identity) certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	if i.acme == nil {
		return i.now.Load(), nil
	}
	if hello.ServerName == "" {
		named := *hello
		named.ServerName = i.hostname
		hello = &named
	}
	cert, err := i.acme.GetCertificate(hello)
	switch {
	case err != nil:
		i.complain(hello, err)
	case hello.ServerName == i.hostname:
		i.now.Store(cert) // for expires
	}
	return cert, err
}

// config offers what RFC 9325 recommends; Go chooses the suites, and a hybrid
// post-quantum key exchange where the other end can.
func (i *identity) config() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: i.certificate}
}

// web is config with what browsers and the ACME authority speak.
func (i *identity) web() *tls.Config {
	c := i.config()
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
