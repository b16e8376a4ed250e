package main

import (
	"crypto/tls"
	"fmt"
	"sync/atomic"

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

// identity is the server's certificate, exchanged while it runs.
type identity struct {
	files config.TLS
	now   atomic.Pointer[tls.Certificate]
}

func (i *identity) reload() error {
	cert, err := loadCertificate(i.files)
	if err != nil {
		return err
	}
	i.now.Store(cert)
	return nil
}

// config offers what RFC 9325 recommends; Go chooses the suites, and a hybrid
// post-quantum key exchange where the other end can.
func (i *identity) config() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			return i.now.Load(), nil
		},
	}
}
