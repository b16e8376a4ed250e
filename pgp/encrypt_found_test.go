package pgp

import (
	"bytes"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

func TestParseCerts(t *testing.T) {
	t.Parallel()
	a, b := testOwners()[Compat].Cert, testOwners()[Modern].Cert
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	for name, c := range map[string]struct {
		data []byte
		want []*Cert
	}{
		"one":                {a.Bytes(), []*Cert{a}},
		"two":                {join(a.Bytes(), b.Bytes()), []*Cert{a, b}},
		"the most":           {join(a.Bytes(), b.Bytes(), a.Bytes(), b.Bytes(), b.Bytes()), []*Cert{a, b, a}},
		"one is broken":      {join(a.Bytes()[:53], b.Bytes()), []*Cert{b}},
		"cut short":          {join(a.Bytes(), b.Bytes()[:300]), []*Cert{a}},
		"something in front": {join([]byte{0xca, 3, 'P', 'G', 'P'}, a.Bytes()), []*Cert{a}},
		"text":               {[]byte("<!doctype html>"), nil},
		"nothing":            {nil, nil},
		"a message":          {raw(t, mustSeal(t, arrived(plainMail), testOwners()[Compat].Recipient), KindMessage), nil},
		"secret keys":        {must2(dearmored(testOwners()[Compat].secret)), nil},
	} {
		got := ParseCerts(c.data, 3)
		if len(got) != len(c.want) {
			t.Errorf("%s: %d certificates, want %d", name, len(got), len(c.want))
			continue
		}
		for i := range got {
			if got[i].Fingerprint() != c.want[i].Fingerprint() {
				t.Errorf("%s: another certificate in place %d", name, i)
			}
		}
	}
}

func TestCertFor(t *testing.T) {
	t.Parallel()
	e := entity(t, nil)
	for _, address := range []string{"other@demo.test", "third@demo.test"} {
		if err := e.AddUserId("Eve", "", address, keyed(ago(50), nil)); err != nil {
			t.Fatal(err)
		}
	}
	c := must2(ParseCert(serialized(t, e)))
	has := func(what string) func(string) bool { return func(id string) bool { return strings.Contains(id, what) } }
	one, err := c.For(has("other@"))
	if err != nil || len(one.Identities()) != 1 || one.Identities()[0] != "Eve <other@demo.test>" || bytes.Contains(one.Bytes(), []byte("third@")) {
		t.Errorf("for one address: %v", err)
	}
	if one.Usable(Compat, testTime) != nil || one.Fingerprint() != c.Fingerprint() {
		t.Error("what is left is not the same key")
	}
	if _, err := c.For(has("nobody@")); !errors.Is(err, ErrNoKey) {
		t.Errorf("for an address it has not: %v", err)
	}
}

func TestMinimalForAHeader(t *testing.T) {
	t.Parallel()
	e := entity(t, nil)
	if err := e.AddUserId("Eve", "", "other@demo.test", keyed(ago(50), nil)); err != nil {
		t.Fatal(err)
	}
	newest := addSubkey(t, e, ago(20), nil)
	c := must2(ParseCert(serialized(t, e)))
	for _, match := range []string{"other@", "eve@", "nobody@"} {
		raw, err := c.Minimal(func(id string) bool { return strings.Contains(id, match) }, testTime)
		if err != nil {
			t.Fatal(err)
		}
		got := must2(ParseCert(raw))
		if ids := got.Identities(); len(ids) != 1 || match != "nobody@" && !strings.Contains(ids[0], match) {
			t.Errorf("%s: user ids %q", match, ids)
		}
		if k, err := got.choose(Compat, testTime); err != nil || k.pub.KeyId != newest.PublicKey.KeyId || len(got.keys) != 1 {
			t.Errorf("%s: %d keys, %v", match, len(got.keys), err)
		}
	}
	modern := testOwners()[Modern].Cert
	raw, err := modern.Minimal(func(string) bool { return true }, testTime)
	if err != nil || must2(ParseCert(raw)).Usable(Modern, testTime) != nil || !must2(ParseCert(raw)).readsGCM() {
		t.Errorf("version 6: %v", err)
	}
	if gpg, err := exec.LookPath("gpg"); err == nil {
		raw := must2(c.Minimal(func(string) bool { return true }, testTime))
		if list, err := run(raw, gpg, "--batch", "--with-colons", "--show-keys"); err != nil || strings.Count(string(list), "\nsub:") != 1 || strings.Count(string(list), "\nuid:") != 1 {
			t.Errorf("gpg shows %s, %v", list, err)
		}
	}
}

// TestMerge: what is newer is taken over, and an old copy takes nothing back.
func TestMerge(t *testing.T) {
	t.Parallel()
	e := entity(t, nil)
	old := must2(ParseCert(serialized(t, e)))
	newest := addSubkey(t, e, ago(20), nil)
	extended := must2(ParseCert(serialized(t, e)))
	if err := e.Subkeys[0].Revoke(packet.KeySuperseded, "", keyed(ago(10), nil)); err != nil {
		t.Fatal(err)
	}
	partly := must2(ParseCert(serialized(t, e)))
	if err := e.Revoke(packet.KeyCompromised, "", keyed(ago(5), nil)); err != nil {
		t.Fatal(err)
	}
	dead := must2(ParseCert(serialized(t, e)))
	for name, c := range map[string]struct {
		a, b *Cert
		err  error
		keys int
	}{
		"a new subkey":      {old, extended, nil, 2},
		"an old copy":       {extended, old, nil, 2},
		"a revoked subkey":  {extended, partly, nil, 2},
		"not taken back":    {partly, extended, nil, 2},
		"revoked":           {old, dead, ErrRevoked, 2},
		"revoked, not back": {dead, extended, ErrRevoked, 2},
		"with itself":       {dead, dead, ErrRevoked, 2},
	} {
		m, err := c.a.Merge(c.b)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if err := m.Usable(Compat, testTime); !errors.Is(err, c.err) || len(m.keys) != c.keys {
			t.Errorf("%s: %v, %d keys", name, err, len(m.keys))
		}
		if k, err := m.choose(Compat, testTime); err == nil && k.pub.KeyId != newest.PublicKey.KeyId {
			t.Errorf("%s: another subkey is chosen", name)
		}
		if n := len(m.Bytes()); n > len(dead.Bytes()) {
			t.Errorf("%s: grew to %d bytes", name, n)
		}
		if name == "not taken back" && !m.keys[0].revoked {
			t.Error("a revocation of a subkey was taken back")
		}
	}
	if _, err := old.Merge(testOwners()[Compat].Cert); err == nil {
		t.Error("two people were merged into one")
	}
}

// FuzzParseCerts: what a stranger's web server answers.
func FuzzParseCerts(f *testing.F) {
	public := testOwners()[Compat].Cert.Bytes()
	f.Add(append(bytes.Clone(public), public...))
	f.Add(testOwners()[Modern].Cert.Bytes())
	f.Add([]byte{0x98, 0xff, 0x99, 0, 1, 4})
	f.Fuzz(func(t *testing.T, data []byte) {
		certs := ParseCerts(data, 3)
		if len(certs) > 3 {
			t.Fatalf("%d certificates", len(certs))
		}
		for _, c := range certs {
			if _, err := c.Merge(c); err != nil && len(c.Bytes()) < maxMerged {
				t.Fatalf("merge: %v", err)
			}
			raw, err := c.Minimal(func(string) bool { return false }, time.Unix(1, 0))
			if err != nil {
				continue
			}
			if _, err := ParseCert(raw); err != nil {
				t.Fatalf("minimal: %v", err)
			}
		}
	})
}

func dearmored(text []byte) ([]byte, error) {
	block, err := armor.Decode(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(block.Body)
}
