package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// renewBefore is how long before its end the server's certificate is made anew.
const renewBefore = 30 * 24 * time.Hour

// certify makes a certificate authority for the clients to trust, and the
// server's certificate under it, where they are missing or about to expire.
func (d *demo) certify() error {
	ca, err := loadPair(filepath.Join(d.clients, "ca.pem"), filepath.Join(d.clients, "ca.key"))
	if errors.Is(err, os.ErrNotExist) || (err == nil && expiring(ca)) {
		ca, err = d.newAuthority()
	}
	if err != nil {
		return err
	}
	chain, key := filepath.Join(d.server, "tls.pem"), filepath.Join(d.server, "tls.key")
	own, err := loadPair(chain, key)
	if err == nil && !expiring(own) && own.Leaf.CheckSignatureFrom(ca.Leaf) == nil {
		return nil
	}
	return issue(template("mail."+demoDomain, 365*24*time.Hour), ca, chain, key)
}

func loadPair(chain, key string) (*tls.Certificate, error) {
	pair, err := tls.LoadX509KeyPair(chain, key)
	return &pair, err
}

func expiring(c *tls.Certificate) bool { return time.Until(c.Leaf.NotAfter) < renewBefore }

func (d *demo) newAuthority() (*tls.Certificate, error) {
	t := template("sealpost demo CA", 10*365*24*time.Hour)
	t.IsCA, t.KeyUsage, t.ExtKeyUsage = true, x509.KeyUsageCertSign|x509.KeyUsageCRLSign, nil
	t.DNSNames, t.IPAddresses, t.MaxPathLenZero = nil, nil, true
	chain, key := filepath.Join(d.clients, "ca.pem"), filepath.Join(d.clients, "ca.key")
	if err := issue(t, nil, chain, key); err != nil {
		return nil, err
	}
	return loadPair(chain, key)
}

func template(name string, valid time.Duration) *x509.Certificate {
	serial, _ := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 126))
	return &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: name},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(valid),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
		DNSNames:              []string{name, demoDomain, "localhost"},
		IPAddresses:           []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}
}

// issue makes a key and a certificate for it, signed by ca or, without one, by itself.
func issue(t *x509.Certificate, ca *tls.Certificate, chainFile, keyFile string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	parent, signer := t, crypto.PrivateKey(key)
	if ca != nil {
		parent, signer = ca.Leaf, ca.PrivateKey
	}
	cert, err := x509.CreateCertificate(rand.Reader, t, parent, key.Public(), signer)
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	return errors.Join(
		writeAside(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600),
		writeAside(chainFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}), 0o600),
	)
}
