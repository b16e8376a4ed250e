package pgp

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// other is an OpenPGP program that others wrote, with o's secret key in it.
type other struct {
	name    string
	decrypt func(armored []byte) ([]byte, error)
}

func others(t *testing.T, o *owner) []other {
	t.Helper()
	dir, err := os.MkdirTemp("", "sp") // agents want a short path
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	secret := filepath.Join(dir, "secret.asc")
	if err := os.WriteFile(secret, o.secret, 0o600); err != nil {
		t.Fatal(err)
	}
	found := []other{}
	add := func(name string, prepare func(string) error, args ...string) {
		path, err := exec.LookPath(name)
		if err != nil {
			t.Logf("%s is not installed: skipped", name)
			return
		}
		if prepare != nil {
			if err := prepare(path); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		found = append(found, other{name, func(armored []byte) ([]byte, error) {
			return run(armored, path, args...)
		}})
	}
	add("gpg", func(path string) error {
		t.Cleanup(func() { exec.Command("gpgconf", "--homedir", dir, "--kill", "all").Run() })
		_, err := run(nil, path, "--homedir", dir, "--batch", "--import", secret)
		return err
	}, "--homedir", dir, "--batch", "--quiet", "--decrypt")
	add("rnp", nil, "--keyfile", secret, "--password", "", "--output", "-", "--decrypt", "-")
	add("sqop", nil, "decrypt", secret)
	return found
}

func run(in []byte, name string, args ...string) ([]byte, error) {
	c := exec.Command(name, args...)
	c.Stdin = bytes.NewReader(in)
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	if err := c.Run(); err != nil {
		return nil, &exec.Error{Name: name, Err: errorText(err.Error() + ": " + errs.String())}
	}
	return out.Bytes(), nil
}

type errorText string

func (e errorText) Error() string { return string(e) }

// TestOthersOpenCompat feeds each program what IMAP serves of small and large
// mails: our CFB, definite lengths, and armor without a checksum.
func TestOthersOpenCompat(t *testing.T) {
	t.Parallel()
	o := testOwners()[Compat]
	programs := others(t, o)
	for _, size := range []int{0, 4 << 10, 300 << 10, 2 << 20} {
		m := benchMail(size)
		s := mustSeal(t, arrived(m), o.Recipient)
		message := raw(t, s, KindMessage)
		served := render(s.Outer(), s.Form(), message)
		armor := served[bytes.Index(served, []byte(armorMessage)):]
		for _, p := range programs {
			got, err := p.decrypt(armor)
			if err != nil {
				t.Errorf("%s, %d bytes: %v", p.name, size, err)
				continue
			}
			var restored bytes.Buffer
			if err := restorePayload(got, &restored); err != nil || !bytes.Equal(restored.Bytes(), m) {
				t.Errorf("%s, %d bytes: restored %d, %v", p.name, size, restored.Len(), err)
			}
		}
		if size != 4<<10 {
			continue
		}
		keys, err := SessionKeys(bytes.NewReader(message))
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range programs {
			terms := append(bytes.Clone(keys), raw(t, s, KindTerms)...)
			var text bytes.Buffer
			must(Armor(&text, KindTerms, bytes.NewReader(terms)))
			if got, err := p.decrypt(text.Bytes()); err != nil || !strings.Contains(string(got), "kumquat\n") {
				t.Errorf("%s: terms: %v", p.name, err)
			}
		}
	}
}

// TestOthersReadCerts imports canonical certificates into GnuPG.
func TestOthersReadCerts(t *testing.T) {
	t.Parallel()
	gpg, err := exec.LookPath("gpg")
	if err != nil {
		t.Skip("gpg is not installed")
	}
	dir, err := os.MkdirTemp("", "sp")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	o := testOwners()[Compat]
	if _, err := run(o.Cert.Bytes(), gpg, "--homedir", dir, "--batch", "--import"); err != nil {
		t.Fatal(err)
	}
	list, err := run(nil, gpg, "--homedir", dir, "--batch", "--with-colons", "--list-keys")
	if err != nil || !strings.Contains(string(list), o.Cert.Fingerprint()) || !strings.Contains(string(list), "alice@demo.test") {
		t.Errorf("gpg lists %s, %v", list, err)
	}
}
