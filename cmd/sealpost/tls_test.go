package main

import (
	"crypto/tls"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/acme/autocert"

	"sealpost/config"
)

// TestAuthorityThatRefuses: the log says so, once in a while, of names of this server
// only: strangers can neither fill it nor keep it from saying so.
func TestAuthorityThatRefuses(t *testing.T) {
	t.Parallel()
	authority := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "go away", http.StatusForbidden)
	}))
	defer authority.Close()
	log := new(words)
	c := config.Default()
	c.Hostname, c.ACME = "mail.demo.test", config.ACME{On: true, Directory: authority.URL, Folder: t.TempDir()}
	i := newIdentity(c, autocert.DirCache(c.ACME.Folder), func(string) bool { return false }, slog.New(slog.NewTextHandler(log, nil)))
	try := func(name string, protos ...string) {
		t.Helper()
		if _, err := i.certificate(&tls.ClientHelloInfo{ServerName: name, SupportedProtos: protos, SupportedVersions: []uint16{tls.VersionTLS13},
			CipherSuites: []uint16{tls.TLS_AES_128_GCM_SHA256}, SignatureSchemes: []tls.SignatureScheme{tls.ECDSAWithP256AndSHA256}}); err == nil {
			t.Errorf("%q got a certificate", name)
		}
	}
	for _, name := range []string{"canary.example", "x", "a/b.example", ""} {
		try(name+"\x00", "h2")
		try(name, acme.ALPNProto)
	}
	if log.String() != "" {
		t.Errorf("strangers have the log say %s", log)
	}
	for range 3 {
		try("mail.demo.test")
	}
	if got := log.String(); strings.Count(got, "the ACME authority gave no certificate") != 1 || !strings.Contains(got, "403") {
		t.Errorf("the log says %s", got)
	}
	if _, known := i.expires(); known {
		t.Error("there is a certificate")
	}
}
