package pgp

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestOthersEncrypt recognises, as end-to-end, what other programs encrypt to
// an owner: their packet headers, partial lengths, compression and armor.
func TestOthersEncrypt(t *testing.T) {
	t.Parallel()
	o := testOwners()[Compat]
	dir, err := os.MkdirTemp("", "sp")
	must(err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	public := filepath.Join(dir, "public.pgp")
	must(os.WriteFile(public, o.Cert.Bytes(), 0o600))
	text := bytes.Repeat([]byte("Content-Type: text/plain\r\n\r\nkumquat\r\n"), 5000)
	for name, args := range map[string][]string{
		"gpg":  {"--homedir", dir, "--batch", "--quiet", "--armor", "--trust-model", "always", "--encrypt", "--recipient-file", public},
		"rnp":  {"--keyfile", public, "--recipient", "alice@demo.test", "--armor", "--encrypt", "--output", "-", "-"},
		"sqop": {"encrypt", public},
	} {
		path, err := exec.LookPath(name)
		if err != nil {
			t.Logf("%s is not installed: skipped", name)
			continue
		}
		armor, err := run(text, path, args...)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		m := crlf(inMIME(strings.ReplaceAll(string(armor), "\r\n", "\n")))
		s := mustSeal(t, arrived(m), o.Recipient)
		if s.Class() != EndToEnd {
			t.Errorf("%s: class %q", name, s.Class())
			continue
		}
		header, message := raw(t, s, KindHeader), raw(t, s, KindMessage)
		if restored, _, err := o.open(true, header, message); err != nil || restored != string(m) {
			t.Errorf("%s: restored %d bytes of %d, %v", name, len(restored), len(m), err)
		}
		if shown, found, err := o.open(false, message); err != nil || shown != string(text) || found.Class != EndToEnd {
			t.Errorf("%s: opened %d bytes, %+v, %v", name, len(shown), found, err)
		}
	}
}

// TestSealToKeysOfGnuPG seals to the kinds of keys that people bring.
func TestSealToKeysOfGnuPG(t *testing.T) {
	t.Parallel()
	gpg, err := exec.LookPath("gpg")
	if err != nil {
		t.Skip("gpg is not installed")
	}
	for name, params := range map[string]string{
		"RSA":                   "Key-Type: RSA\nKey-Length: 2048\nKey-Usage: sign\nSubkey-Type: RSA\nSubkey-Length: 2048\nSubkey-Usage: encrypt\n",
		"RSA, primary encrypts": "Key-Type: RSA\nKey-Length: 2048\nKey-Usage: sign,encrypt\n",
		"NIST P-384":            "Key-Type: ECDSA\nKey-Curve: nistp384\nKey-Usage: sign\nSubkey-Type: ECDH\nSubkey-Curve: nistp384\nSubkey-Usage: encrypt\n",
		"Curve25519":            "Key-Type: EDDSA\nKey-Curve: ed25519\nKey-Usage: sign\nSubkey-Type: ECDH\nSubkey-Curve: cv25519\nSubkey-Usage: encrypt\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, err := os.MkdirTemp("", "sp")
			must(err)
			t.Cleanup(func() {
				exec.Command("gpgconf", "--homedir", dir, "--kill", "all").Run()
				os.RemoveAll(dir)
			})
			params += "Name-Email: x@demo.test\nExpire-Date: 1y\n%no-protection\n%commit\n"
			if _, err := run([]byte(params), gpg, "--homedir", dir, "--batch", "--quiet", "--generate-key"); err != nil {
				t.Fatal(err)
			}
			public, err := run(nil, gpg, "--homedir", dir, "--armor", "--export")
			must(err)
			cert, err := ParseCert(public)
			if err != nil {
				t.Fatal(err)
			}
			s := mustSeal(t, arrived(plainMail), Recipient{Cert: cert, Profile: Compat, Level: Baseline})
			got, err := run(render(s.Outer(), s.Form(), raw(t, s, KindMessage)), gpg, "--homedir", dir, "--batch", "--quiet", "--decrypt")
			var restored bytes.Buffer
			if err != nil || restorePayload(got, &restored) != nil || restored.String() != string(plainMail) {
				t.Errorf("restored %q, %v", restored.String(), err)
			}
			if cert.Expires().IsZero() {
				t.Error("the key's expiry was not seen")
			}
		})
	}
}
