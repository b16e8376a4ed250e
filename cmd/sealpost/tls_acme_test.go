package main

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/acme/autocert"

	"sealpost/config"
)

func TestResting(t *testing.T) {
	t.Parallel()
	var r resting
	at := time.Unix(1e9, 0)
	tries := 0
	for now := at; now.Before(at.Add(time.Hour)); now = now.Add(time.Minute) {
		if !r.at("a.test", now) {
			tries++
			r.failed("a.test", now)
			r.failed("a.test", now) // another who waited
		}
	}
	if tries > 2 {
		t.Errorf("the authority is asked %d times in an hour, each fails twice, and five failures are too many", tries)
	}
	if r.over("a.test"); r.at("a.test", at) || len(r.names) != 0 {
		t.Error("a name that has its certificate still rests")
	}
}

// Whoever connects, and however often: an authority that fails is asked once for a
// name of ours, and never for another.
func TestAuthorityIsSpared(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	authority := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		w.WriteHeader(http.StatusNotFound)
	}))
	t.Cleanup(authority.Close)
	c := config.Default()
	c.Hostname, c.ACME = "mx.a.test", config.ACME{On: true, Directory: authority.URL, Folder: t.TempDir()}
	i := newIdentity(c, autocert.DirCache(c.ACME.Folder), func(host string) bool { return host == "a.test" }, slog.New(slog.DiscardHandler))
	hello := func(name string, protos ...string) *tls.ClientHelloInfo {
		return &tls.ClientHelloInfo{ServerName: name, SupportedProtos: protos, SupportedVersions: []uint16{tls.VersionTLS13}}
	}
	for range 3 {
		for _, name := range []string{"", "mx.a.test", "MX.A.test.", "stranger.test", "x.a.test"} {
			if _, err := i.certificate(hello(name)); err == nil {
				t.Errorf("%q has a certificate", name)
			}
			if _, err := i.mailCertificate(hello(name)); err == nil {
				t.Errorf("%q has a certificate", name)
			}
		}
		if _, err := i.certificate(hello("mx.a.test", acme.ALPNProto)); errors.Is(err, errResting) {
			t.Error("a challenge finds the name at rest")
		}
	}
	if _, err := i.certificate(hello("stranger.test")); !errors.Is(err, errNotOurs) {
		t.Errorf("a stranger's name: %v", err)
	}
	if _, err := i.mailCertificate(hello("stranger.test")); !errors.Is(err, errResting) {
		t.Errorf("a stranger's name in mail stands for ours: %v", err)
	}
	if n := asked.Load(); n != 1 {
		t.Errorf("the authority was asked %d times", n)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	i.warm(ctx)
}
