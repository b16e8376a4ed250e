package main

import (
	"context"
	"crypto/tls"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/acme"
)

var (
	errNotOurs = errors.New("not a name of this server")
	errResting = errors.New("the ACME authority failed a short time ago and is not asked yet")
)

// ours says whether the authority may be asked for a name.
func (i *identity) ours(host string) bool { return host == i.hostname || i.serves(host) }

// fromAuthority gives the certificate that there is for a name, or asks for one
// while the client waits.
func (i *identity) fromAuthority(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	if slices.Contains(hello.SupportedProtos, acme.ALPNProto) {
		return i.acme.GetCertificate(hello) // the authority itself, with a challenge
	}
	name := strings.ToLower(strings.TrimSuffix(hello.ServerName, "."))
	if !i.ours(name) {
		return nil, errNotOurs
	}
	if i.resting.at(name, time.Now()) {
		return nil, errResting
	}
	cert, err := i.ask(question(hello, name), name)
	if err != nil {
		if !errors.Is(err, errCertsAway) && !errors.Is(err, errResting) { // it was asked
			i.resting.failed(name, time.Now())
		}
		i.complain(err)
		return nil, err
	}
	i.resting.over(name)
	if name == i.hostname {
		i.now.Store(cert) // for expires
	}
	return cert, nil
}

// question asks autocert for a name's certificate. From TLS 1.3 on the suites say
// nothing of keys; autocert, which looks at them alone, would order a second
// certificate with an RSA key, and two orders at once spoil each other's challenge.
func question(hello *tls.ClientHelloInfo, name string) *tls.ClientHelloInfo {
	asked := withName(hello, name)
	if slices.Contains(hello.SupportedVersions, tls.VersionTLS13) {
		asked.CipherSuites = append(slices.Clip(hello.CipherSuites), tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256)
	}
	return asked
}

// quiet is the time between two complaints about the ACME authority.
const quiet = 10 * time.Minute

// complain logs why there is no certificate for a name of this server.
func (i *identity) complain(err error) {
	now, last := time.Now().Unix(), i.said.Load()
	if now-last >= int64(quiet.Seconds()) && i.said.CompareAndSwap(last, now) {
		i.log.Warn("the ACME authority gave no certificate", "error", err)
	}
}

// warm has the certificate before somebody waits for it, and asks until it has:
// the authority may be down, or the DNS not yet lead here. It may return minutes
// after ctx has ended.
func (i *identity) warm(ctx context.Context) {
	for i.acme != nil {
		_, err := i.certificate(&tls.ClientHelloInfo{
			ServerName:        i.hostname,
			SupportedVersions: []uint16{tls.VersionTLS13},
			SignatureSchemes:  []tls.SignatureScheme{tls.ECDSAWithP256AndSHA256},
			SupportedCurves:   []tls.CurveID{tls.CurveP256},
		})
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Minute):
		}
	}
}

// rests are the pauses after one failure, two and so on: Let's Encrypt answers
// nobody who has failed five times within an hour for a name, a try fails twice (by
// TLS and by HTTP), and whoever connects would have it asked again.
var rests = []time.Duration{10 * time.Minute, 50 * time.Minute, time.Hour}

// resting are the names of this server that the authority is not to be asked for.
type resting struct {
	mu    sync.Mutex
	names map[string]rest
}

type rest struct {
	Failures int
	Until    time.Time
}

func (r *resting) at(name string, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return now.Before(r.names[name].Until)
}

// failed counts one failure of all that waited for the same question.
func (r *resting) failed(name string, now time.Time) rest {
	r.mu.Lock()
	defer r.mu.Unlock()
	last := r.names[name]
	if now.Before(last.Until) {
		return last
	}
	if r.names == nil {
		r.names = map[string]rest{}
	}
	r.names[name] = rest{last.Failures + 1, now.Add(rests[min(last.Failures, len(rests)-1)])}
	return r.names[name]
}

// adopt takes over what another node counted, if it knows of more.
func (r *resting) adopt(name string, as rest) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.names == nil {
		r.names = map[string]rest{}
	}
	if as.Failures > r.names[name].Failures {
		r.names[name] = as
	}
}

func (r *resting) over(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.names, name)
}
