package main

import (
	"context"
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// A machine is what the figures were got on.
type machine struct {
	cores               int
	cpu, memory, kernel string
	system              string
	syncHalf, syncMost  time.Duration // append 4 KB and fsync: median and 99th percentile
	load                string        // load average before the run
	agreeFast, agree    time.Duration // one X25519 agreement of Go's: the fastest and the median
	rsa, ed             time.Duration // one signature of Go's, RSA-2048 and Ed25519: the median
}

// look describes the machine; what it cannot tell stays empty.
func look(dir string) (machine, error) {
	m := machine{
		cores:  runtime.NumCPU(),
		cpu:    firstValue("/proc/cpuinfo", "model name"),
		memory: firstValue("/proc/meminfo", "MemTotal"),
		kernel: oneLine("/proc/sys/kernel/osrelease"),
		load:   oneLine("/proc/loadavg"),
		system: strings.Trim(firstOf("/etc/os-release", "PRETTY_NAME="), `"`),
	}
	var err error
	if m.agreeFast, m.agree, err = timeAgreement(2000); err != nil {
		return m, err
	}
	if m.rsa, m.ed, err = timeSignatures(100); err != nil {
		return m, err
	}
	m.syncHalf, m.syncMost, err = timeSync(dir, 300)
	return m, err
}

// timeSync appends 4 KB and syncs, n times.
func timeSync(dir string, n int) (half, most time.Duration, err error) {
	f, err := os.CreateTemp(dir, "sync")
	if err != nil {
		return 0, 0, err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	block := make([]byte, 4<<10)
	var taken []time.Duration
	for range n {
		if _, err := f.Write(block); err != nil {
			return 0, 0, err
		}
		start := time.Now()
		if err := f.Sync(); err != nil {
			return 0, 0, err
		}
		taken = append(taken, time.Since(start))
	}
	return median(taken), percentile(taken, 0.99), nil
}

// timeAgreement measures a fixed piece of arithmetic, so that CPU figures of
// different machines, or of one machine whose neighbours are busy, can be
// compared. A sealed mail with a card needs four of them or their like.
func timeAgreement(n int) (fastest, half time.Duration, err error) {
	key, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		return 0, 0, err
	}
	var taken []time.Duration
	for range n {
		start := time.Now()
		if _, err := key.ECDH(key.PublicKey()); err != nil {
			return 0, 0, err
		}
		taken = append(taken, time.Since(start))
	}
	return percentile(taken, 0), median(taken), nil
}

// timeSignatures measures what a server that signs does for each mail.
func timeSignatures(n int) (long, short time.Duration, err error) {
	big, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return 0, 0, err
	}
	_, small, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return 0, 0, err
	}
	sum := sha256.Sum256(nil)
	if long, err = timeSigner(n, big, sum[:], crypto.SHA256); err != nil {
		return 0, 0, err
	}
	short, err = timeSigner(n, small, sum[:], crypto.Hash(0))
	return long, short, err
}

func timeSigner(n int, key crypto.Signer, sum []byte, hash crypto.Hash) (time.Duration, error) {
	var taken []time.Duration
	for range n {
		start := time.Now()
		if _, err := key.Sign(nil, sum, hash); err != nil {
			return 0, err
		}
		taken = append(taken, time.Since(start))
	}
	return median(taken), nil
}

func oneLine(file string) string {
	text, _ := os.ReadFile(file)
	return strings.TrimSpace(string(text))
}

// firstValue reads "key : value" files such as /proc/cpuinfo.
func firstValue(file, key string) string {
	return strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(firstOf(file, key)), ":"))
}

// firstOf is the rest of the first line that begins with prefix.
func firstOf(file, prefix string) string {
	text, _ := os.ReadFile(file)
	for line := range strings.Lines(string(text)) {
		if rest, found := strings.CutPrefix(line, prefix); found {
			return strings.TrimSpace(rest)
		}
	}
	return ""
}

// versions asks the installed peers who they are.
func versions(ctx context.Context) (postfix, dovecot string) {
	if text, err := output(ctx, "postconf", "-d", "-h", "mail_version"); err == nil {
		postfix = lastLine(text)
	}
	if text, err := output(ctx, "dovecot", "--version"); err == nil {
		dovecot, _, _ = strings.Cut(lastLine(text), " ")
	}
	return postfix, dovecot
}

// newSite makes the temporary folder and the certificate of the IMAP doors.
func newSite(parent string) (*site, error) {
	if inMemory(parent) {
		return nil, fmt.Errorf("%s is in memory, where a sync costs nothing; name a folder on a disk with -dir", parent)
	}
	dir, err := os.MkdirTemp(parent, "sealpost-bench-")
	if err != nil {
		return nil, err
	}
	// The servers' own users must reach their folders below it.
	if err := os.Chmod(dir, 0o755); err != nil {
		return nil, err
	}
	s := &site{dir: dir, cert: filepath.Join(dir, "imap.pem"), key: filepath.Join(dir, "imap.key")}
	if s.zone, err = newZone(); err != nil {
		return nil, err
	}
	return s, s.makeCertificate()
}

func (s *site) makeCertificate() error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"mx.bench.test"}, IsCA: true, BasicConstraintsValid: true,
	}
	cert, err := x509.CreateCertificate(rand.Reader, &template, &template, key.Public(), key)
	if err != nil {
		return err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert})
	if err := os.WriteFile(s.cert, certPEM, 0o644); err != nil {
		return err
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(certPEM)
	s.trust = &tls.Config{RootCAs: pool, ServerName: "127.0.0.1"}
	s.own = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{cert}, PrivateKey: key}}}
	return os.WriteFile(s.key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600)
}
