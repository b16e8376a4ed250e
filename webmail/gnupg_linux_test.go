package webmail

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sealpost/pgp"
)

// TestGnuPGFindsKeys has gpg fetch keys from the real door over TLS on port 443 under
// their real names. It runs itself again in name spaces of its own (unshare), where
// another /etc/hosts, other CA certificates and an empty loopback stand: nothing
// outside is touched, and nothing outside is reached.
func TestGnuPGFindsKeys(t *testing.T) {
	t.Parallel()
	for _, program := range []string{"unshare", "gpg", "dirmngr"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skip(program + " is not installed")
		}
	}
	if exec.Command("unshare", "-rmn", "true").Run() != nil {
		t.Skip("no name spaces of our own are allowed here")
	}
	cmd := exec.Command("unshare", "-rmn", os.Args[0], "-test.run=^TestInNamespace$", "-test.v")
	cmd.Env = append(os.Environ(), inside+"=1")
	out, err := cmd.CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("--- PASS: TestInNamespace")) {
		t.Errorf("%v\n%s", err, out)
	}
}

const inside = "SEALPOST_IN_NAMESPACE"

func TestInNamespace(t *testing.T) {
	if os.Getenv(inside) == "" {
		t.Skip("runs inside of TestGnuPGFindsKeys")
	}
	w := newWorld()
	addDirect(w)
	dir := must(os.MkdirTemp("", "sp")) // agents want a short path
	t.Cleanup(func() {
		_ = exec.Command("gpgconf", "--homedir", dir, "--kill", "all").Run()
		os.RemoveAll(dir)
	})
	furnish(t, dir, serveTLS(t, w))
	noNames(t)
	for _, c := range []struct {
		address string
		want    *pgp.Cert
	}{
		{"bob@example.org", w.certs["bob@example.org"]}, // advanced
		{"dave@other.test", w.certs["dave@other.test"]}, // direct: openpgpkey.other.test does not exist
		{"eve@example.org", nil},                        // not listed
		{"nobody@other.test", nil},
	} {
		out, err := exec.Command("gpg", "--homedir", dir, "--batch", "--with-colons", "--auto-key-locate", "clear,nodefault,wkd", "--locate-external-keys", c.address).CombinedOutput()
		if c.want == nil {
			if err == nil {
				t.Errorf("%s was found: %s", c.address, out)
			}
			continue
		}
		if err != nil || !strings.Contains(string(out), c.want.Fingerprint()) || !strings.Contains(string(out), c.address) {
			t.Errorf("%s: %v\n%s", c.address, err, out)
		}
	}
	const client = "/usr/lib/gnupg/gpg-wks-client"
	if _, err := exec.LookPath(client); err != nil {
		return
	}
	check := exec.Command(client, "--check", "bob@example.org")
	check.Env = append(os.Environ(), "GNUPGHOME="+dir)
	if out, err := check.CombinedOutput(); err != nil {
		t.Errorf("gpg-wks-client: %v\n%s", err, out)
	}
}

func addDirect(w *world) {
	_, public, err := pgp.GenerateKey("Dave", "dave@other.test", pgp.Compat, testTime.AddDate(-1, 0, 0))
	w.certs["dave@other.test"] = must(pgp.ParseCert(must(public, err)))
	w.list = append(w.list, "dave@other.test")
}

// serveTLS has the door on 127.0.0.1:443 and gives the authority's certificate.
func serveTLS(t *testing.T, w *world) []byte {
	t.Helper()
	lo := must(unix.NewIfreq("lo"))
	lo.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	fd := must(unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0))
	must(0, unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, lo))
	must(0, unix.Close(fd))

	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		DNSNames: []string{"example.org", "openpgpkey.example.org", "other.test"},
	}
	der := must(x509.CreateCertificate(rand.Reader, template, template, key.Public(), key))
	l := must(net.Listen("tcp", "127.0.0.1:443"))
	s := NewServer(w, w.Log)
	go func() {
		_ = s.Serve(tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}))
	}()
	t.Cleanup(func() { s.Close() })
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// noNames is a DNS in which nothing exists: dirmngr asks for SRV records too, and
// takes no answer for a failure.
func noNames(t *testing.T) {
	t.Helper()
	conn := must(net.ListenPacket("udp", "127.0.0.1:53"))
	t.Cleanup(func() { conn.Close() })
	go func() {
		buf := make([]byte, 512)
		for {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			end := 12 + bytes.IndexByte(buf[12:n], 0) + 5 // behind the question
			copy(buf[2:12], []byte{0x81, 0x83, 0, 1, 0, 0, 0, 0, 0, 0})
			_, _ = conn.WriteTo(buf[:end], from)
		}
	}()
}

// furnish puts files of our own over those of the system, in this name space.
func furnish(t *testing.T, dir string, authority []byte) {
	t.Helper()
	for place, text := range map[string]string{
		"/etc/hosts":                         "127.0.0.1 localhost example.org openpgpkey.example.org other.test\n",
		"/etc/resolv.conf":                   "nameserver 127.0.0.1\n",
		"/etc/nsswitch.conf":                 "hosts: files dns\npasswd: files\ngroup: files\n",
		"/etc/ssl/certs/ca-certificates.crt": string(authority),
	} {
		file := filepath.Join(dir, filepath.Base(place))
		must(0, os.WriteFile(file, []byte(text), 0o600))
		if err := unix.Mount(file, place, "", unix.MS_BIND, ""); err != nil {
			t.Skipf("%s cannot be replaced: %v", place, err)
		}
	}
	must(0, os.WriteFile(filepath.Join(dir, "dirmngr.conf"), []byte("standard-resolver\n"), 0o600))
}
