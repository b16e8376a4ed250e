package test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// A reader is another OpenPGP program that must open what we sealed.
type reader struct {
	name string
	open func(t *testing.T, keyFile string, armor []byte) []byte
}

var (
	gnupg = reader{"GnuPG", func(t *testing.T, keyFile string, armor []byte) []byte {
		need(t, "gpg")
		return doEnv(t, []string{"GNUPGHOME=" + gnupgHome(t, keyFile)}, armor, "gpg", "--batch", "--quiet", "--decrypt")
	}}
	rnp = reader{"RNP", func(t *testing.T, keyFile string, armor []byte) []byte {
		need(t, "rnp", "rnpkeys")
		home := t.TempDir()
		do(t, nil, "rnpkeys", "--homedir", home, "--import-keys", keyFile)
		sealed, out := filepath.Join(home, "sealed.asc"), filepath.Join(home, "opened")
		if err := os.WriteFile(sealed, armor, 0o600); err != nil {
			t.Fatal(err)
		}
		do(t, nil, "rnp", "--homedir", home, "--decrypt", "--output", out, sealed)
		opened, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		return opened
	}}
	sequoia = reader{"Sequoia", func(t *testing.T, keyFile string, armor []byte) []byte {
		need(t, "sqop")
		return do(t, armor, "sqop", "decrypt", keyFile)
	}}
	openpgpJS = reader{"OpenPGP.js", func(t *testing.T, keyFile string, armor []byte) []byte {
		need(t, "node")
		if _, err := os.Stat("openpgpjs/node_modules/openpgp"); err != nil {
			skip(t, "OpenPGP.js is not installed (npm ci in test/openpgpjs)")
		}
		return do(t, armor, "node", "openpgpjs/open.mjs", keyFile)
	}}
)

// A maker makes a key as its users do, and says who can read mail sealed to it
// under each profile (the table of docs/formats.md).
type maker struct {
	name           string
	make           func(t *testing.T, address, dir string) (public, secret string)
	compat, modern []reader
}

func makers() []maker {
	all := []reader{gnupg, rnp, sequoia, openpgpJS}
	return []maker{
		{"GnuPG RSA", gpgKey("rsa3072"), all, []reader{openpgpJS}},
		{"GnuPG Curve25519", gpgKey("future-default"), all, []reader{openpgpJS}},
		{"RNP", rnpKey, all, []reader{openpgpJS}},
		{"Sequoia", sqopKey, all, []reader{openpgpJS}},
		{"OpenPGP.js v4", jsKey("4"), all, []reader{openpgpJS}},
		{"OpenPGP.js v4 with AEAD", jsKey("4-aead"), all, []reader{openpgpJS}},
		{"OpenPGP.js v6", jsKey("6"), nil, []reader{openpgpJS}},
	}
}

// Keys from four programs, mail sealed to them under both profiles, opened by
// every program that can.
func TestOpenedByOthers(t *testing.T) {
	t.Parallel()
	need(t, "gpg", "rnp", "sqop", "node")
	d := startDemo(t)
	for i, m := range makers() {
		for _, profile := range []string{"compat", "modern"} {
			t.Run(m.name+"/"+profile, func(t *testing.T) {
				readers := m.compat
				if profile == "modern" {
					readers = m.modern
				}
				address := fmt.Sprintf("key%d-%s@demo.test", i, profile)
				public, secret := m.make(t, address, t.TempDir())
				if len(readers) == 0 {
					if _, err := d.try(nil, "account", "add", address, "--config", d.Config, "--key", public, "--profile", profile); err == nil {
						t.Error("a key that no compat client reads was taken for the compat profile")
					}
					return
				}
				d.run(t, nil, "account", "add", address, "--config", d.Config, "--key", public, "--profile", profile)
				seen := sealedTo(t, d, address)
				for _, r := range readers {
					t.Run(r.name, func(t *testing.T) {
						if opened := r.open(t, secret, seen); !bytes.Contains(opened, []byte("tell nobody: \xc3\xa9t\xc3\xa9")) {
							t.Errorf("%s shows\n%s", r.name, opened)
						}
					})
				}
			})
		}
	}
}

// sealedTo sends a mail there and returns the stored message, armored.
func sealedTo(t *testing.T, d *demo, address string) []byte {
	t.Helper()
	mail := "From: eve@example.org\r\nTo: " + address + "\r\nSubject: a secret\r\nContent-Type: text/plain; charset=utf-8\r\n\r\ntell nobody: \xc3\xa9t\xc3\xa9\r\n"
	if err := newSender(t, d.SMTP).send("eve@example.org", address, []byte(mail)); err != nil {
		t.Fatal(err)
	}
	stored := d.run(t, nil, "message", "get", address, "1", "--part", "message", "--config", d.Config)
	if bytes.Contains(stored, []byte("secret")) {
		t.Fatal("the stored mail is readable")
	}
	begin := bytes.Index(stored, []byte("-----BEGIN PGP MESSAGE-----"))
	end := bytes.Index(stored, []byte("-----END PGP MESSAGE-----"))
	if begin < 0 || end < 0 {
		t.Fatalf("no armor in\n%s", stored)
	}
	return append(bytes.Clone(stored[begin:end]), "-----END PGP MESSAGE-----\r\n"...)
}

func gpgKey(kind string) func(*testing.T, string, string) (string, string) {
	return func(t *testing.T, address, dir string) (string, string) {
		home, err := os.MkdirTemp("/tmp", "sp-gpg-")
		if err != nil {
			t.Fatal(err)
		}
		env := []string{"GNUPGHOME=" + home}
		t.Cleanup(func() {
			doEnv(t, env, nil, "gpgconf", "--kill", "all")
			os.RemoveAll(home)
		})
		sign, encrypt := kind, kind
		if kind == "future-default" {
			sign, encrypt = "ed25519", "cv25519"
		}
		gpg := func(args ...string) []byte {
			return doEnv(t, env, nil, "gpg", append([]string{"--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", ""}, args...)...)
		}
		gpg("--quick-generate-key", address, sign, "sign", "never")
		fingerprint := firstFingerprint(gpg("--with-colons", "--list-keys", address))
		gpg("--quick-add-key", fingerprint, encrypt, "encr", "never")
		return write(t, dir, "public.asc", gpg("--armor", "--export", address)), write(t, dir, "secret.asc", gpg("--armor", "--export-secret-keys", address))
	}
}

func firstFingerprint(colons []byte) string {
	for line := range bytes.Lines(colons) {
		if fields := bytes.Split(line, []byte(":")); string(fields[0]) == "fpr" {
			return string(fields[9])
		}
	}
	return ""
}

func rnpKey(t *testing.T, address, dir string) (string, string) {
	do(t, nil, "rnpkeys", "--homedir", dir, "--generate-key", "--userid", address, "--password", "")
	return write(t, dir, "public.asc", do(t, nil, "rnpkeys", "--homedir", dir, "--export-key", address)),
		write(t, dir, "secret.asc", do(t, nil, "rnpkeys", "--homedir", dir, "--export-key", "--secret", address))
}

func sqopKey(t *testing.T, address, dir string) (string, string) {
	secret := do(t, nil, "sqop", "generate-key", address)
	return write(t, dir, "public.asc", do(t, secret, "sqop", "extract-cert")), write(t, dir, "secret.asc", secret)
}

func jsKey(kind string) func(*testing.T, string, string) (string, string) {
	return func(t *testing.T, address, dir string) (string, string) {
		public, secret := filepath.Join(dir, "public.asc"), filepath.Join(dir, "secret.asc")
		do(t, nil, "node", "openpgpjs/key.mjs", kind, address, public, secret)
		return public, secret
	}
}

func write(t *testing.T, dir, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// Without the key nothing opens: the check of the checks above.
func TestOthersNeedTheKey(t *testing.T) {
	t.Parallel()
	need(t, "gpg")
	d := startDemo(t)
	sealed := sealedTo(t, d, d.alice().Address)
	cmd := exec.Command("gpg", "--batch", "--quiet", "--decrypt")
	cmd.Env = append(os.Environ(), "GNUPGHOME="+gnupgHome(t, d.bob().SecretKey))
	cmd.Stdin = bytes.NewReader(sealed)
	if out, err := cmd.Output(); err == nil {
		t.Errorf("bob's key opens alice's mail:\n%s", out)
	}
}
