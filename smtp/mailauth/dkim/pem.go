package dkim

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
)

// ParsePEM reads a private key: PKCS #8, or PKCS #1 for RSA.
func ParsePEM(text []byte) (crypto.Signer, error) {
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("read a DKIM key: no PEM block")
	}
	var key any
	var err error
	if block.Type == "RSA PRIVATE KEY" {
		key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	} else {
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	}
	if err != nil {
		return nil, fmt.Errorf("read a DKIM key: %w", err)
	}
	signer, _ := key.(crypto.Signer)
	if _, err := Algorithm(signer); err != nil {
		return nil, fmt.Errorf("read a DKIM key: %w", err)
	}
	return signer, nil
}

// GeneratePEM makes an RSA-2048 and an Ed25519 key, each PKCS #8 in PEM.
func GeneratePEM() (rsaPEM, edPEM []byte, err error) {
	r, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, nil, fmt.Errorf("make an RSA key: %w", err)
	}
	_, e, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("make an Ed25519 key: %w", err)
	}
	if rsaPEM, err = marshal(r); err != nil {
		return nil, nil, err
	}
	edPEM, err = marshal(e)
	return rsaPEM, edPEM, err
}

func marshal(key any) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("write a DKIM key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

// Record is the TXT record that publishes the public half of a key (RFC 6376,
// section 3.6.1; RFC 8463, section 4), as one string.
func Record(private crypto.Signer) (string, error) {
	switch public := public(private).(type) {
	case *rsa.PublicKey:
		der, err := x509.MarshalPKIXPublicKey(public)
		if err != nil {
			return "", fmt.Errorf("write a DKIM record: %w", err)
		}
		return "v=DKIM1; k=rsa; p=" + base64.StdEncoding.EncodeToString(der), nil
	case ed25519.PublicKey:
		return "v=DKIM1; k=ed25519; p=" + base64.StdEncoding.EncodeToString(public), nil
	}
	return "", fmt.Errorf("write a DKIM record: %w", ErrKey)
}

func public(private crypto.Signer) any {
	if private == nil {
		return nil
	}
	return private.Public()
}
