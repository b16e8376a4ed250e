package pgp

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"
)

// keyed is a configuration for a fresh key at a time.
func keyed(at time.Time, change func(*packet.Config)) *packet.Config {
	c := &packet.Config{Time: func() time.Time { return at }, Algorithm: packet.PubKeyAlgoEdDSA, Curve: packet.Curve25519, DefaultCipher: packet.CipherAES256}
	if change != nil {
		change(c)
	}
	return c
}

func entity(t testing.TB, change func(*packet.Config)) *openpgp.Entity {
	t.Helper()
	e, err := openpgp.NewEntity("Eve", "", "eve@demo.test", keyed(testTime.Add(-100*24*time.Hour), change))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func serialized(t testing.TB, e *openpgp.Entity) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := e.Serialize(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// addSubkey adds an encryption subkey made at a time, and returns it.
func addSubkey(t testing.TB, e *openpgp.Entity, at time.Time, change func(*packet.Config)) *openpgp.Subkey {
	t.Helper()
	if err := e.AddEncryptionSubkey(keyed(at, change)); err != nil {
		t.Fatal(err)
	}
	return &e.Subkeys[len(e.Subkeys)-1]
}

func algorithm(a packet.PublicKeyAlgorithm) func(*packet.Config) {
	return func(c *packet.Config) { c.Algorithm = a }
}

// withFlags signs the first subkey's binding anew without the encrypt flags.
func withoutFlags(t testing.TB, e *openpgp.Entity) {
	t.Helper()
	sig := e.Subkeys[0].Bindings[0].Packet
	sig.FlagEncryptCommunications, sig.FlagEncryptStorage = false, false
	if err := sig.SignKey(e.Subkeys[0].PublicKey, e.PrivateKey, nil); err != nil {
		t.Fatal(err)
	}
}

// policyCase is a certificate and what is to become of it.
type policyCase struct {
	name    string
	make    func(t *testing.T) (*openpgp.Entity, *packet.PublicKey) // the key that must be chosen
	compat  error
	modern  error
	warning string // under compat
}

func ago(days int) time.Time { return testTime.Add(-time.Duration(days) * 24 * time.Hour) }

var policyCases = []policyCase{
	{"curve25519", func(t *testing.T) (*openpgp.Entity, *packet.PublicKey) {
		e := entity(t, nil)
		return e, e.Subkeys[0].PublicKey
	}, nil, nil, ""},
	{"newest of two", func(t *testing.T) (*openpgp.Entity, *packet.PublicKey) {
		e := entity(t, nil)
		return e, addSubkey(t, e, ago(10), nil).PublicKey
	}, nil, nil, ""},
	{"newer but expired", func(t *testing.T) (*openpgp.Entity, *packet.PublicKey) {
		e := entity(t, nil)
		addSubkey(t, e, ago(10), func(c *packet.Config) { c.KeyLifetimeSecs = 60 })
		return e, e.Subkeys[0].PublicKey
	}, nil, nil, ""},
	{"newer but revoked", func(t *testing.T) (*openpgp.Entity, *packet.PublicKey) {
		e := entity(t, nil)
		if err := addSubkey(t, e, ago(50), nil).Revoke(packet.KeySuperseded, "", keyed(ago(10), nil)); err != nil {
			t.Fatal(err)
		}
		return e, e.Subkeys[0].PublicKey
	}, nil, nil, ""},
	{"newer but post-quantum", func(t *testing.T) (*openpgp.Entity, *packet.PublicKey) {
		e := entity(t, nil)
		addSubkey(t, e, ago(10), algorithm(packet.PubKeyAlgoMlkem768X25519))
		if k, ok := e.EncryptionKey(testTime, nil); !ok || k.PublicKey.PubKeyAlgo != packet.PubKeyAlgoMlkem768X25519 {
			t.Error("the library does not choose it, so this case shows nothing")
		}
		return e, e.Subkeys[0].PublicKey
	}, nil, nil, ""},
	{"post-quantum alone", func(t *testing.T) (*openpgp.Entity, *packet.PublicKey) {
		e := entity(t, nil)
		e.Subkeys = nil
		return e, addSubkey(t, e, ago(10), algorithm(packet.PubKeyAlgoMlkem768X25519)).PublicKey
	}, ErrNoKey, nil, "modern profile"},
	{"new X25519 beside the old form", func(t *testing.T) (*openpgp.Entity, *packet.PublicKey) {
		e := entity(t, nil)
		k := addSubkey(t, e, ago(10), algorithm(packet.PubKeyAlgoX25519)).PublicKey
		return e, k
	}, nil, nil, ""},
	{"version 6", func(t *testing.T) (*openpgp.Entity, *packet.PublicKey) {
		e := entity(t, func(c *packet.Config) { c.V6Keys, c.Algorithm = true, packet.PubKeyAlgoEd25519 })
		return e, e.Subkeys[0].PublicKey
	}, ErrNoKey, nil, "modern profile"},
	{"RSA-2048", func(t *testing.T) (*openpgp.Entity, *packet.PublicKey) {
		e := entity(t, func(c *packet.Config) { c.Algorithm, c.RSABits = packet.PubKeyAlgoRSA, 2048 })
		return e, e.Subkeys[0].PublicKey
	}, nil, nil, ""},
	{"RSA-1024", func(t *testing.T) (*openpgp.Entity, *packet.PublicKey) {
		e := entity(t, nil)
		e.Subkeys = nil
		return e, addSubkey(t, e, ago(10), func(c *packet.Config) { c.Algorithm, c.RSABits = packet.PubKeyAlgoRSA, 1024 }).PublicKey
	}, ErrNoKey, ErrNoKey, "no encryption subkey"},
	{"secp256k1", func(t *testing.T) (*openpgp.Entity, *packet.PublicKey) {
		e := entity(t, nil)
		e.Subkeys = nil
		return e, addSubkey(t, e, ago(10), func(c *packet.Config) { c.Algorithm, c.Curve = packet.PubKeyAlgoECDH, packet.CurveSecP256k1 }).PublicKey
	}, ErrNoKey, ErrNoKey, "no encryption subkey"},
	{"no encrypt flag", func(t *testing.T) (*openpgp.Entity, *packet.PublicKey) {
		e := entity(t, nil)
		withoutFlags(t, e)
		return e, nil
	}, ErrNoKey, ErrNoKey, "no encryption subkey"},
	{"no subkey", func(t *testing.T) (*openpgp.Entity, *packet.PublicKey) {
		e := entity(t, nil)
		e.Subkeys = nil
		return e, nil
	}, ErrNoKey, ErrNoKey, "no encryption subkey"},
	{"revoked", func(t *testing.T) (*openpgp.Entity, *packet.PublicKey) {
		e := entity(t, nil)
		if err := e.Revoke(packet.KeyRetired, "", keyed(ago(10), nil)); err != nil {
			t.Fatal(err)
		}
		return e, nil
	}, ErrRevoked, ErrRevoked, "revoked"},
	{"only subkey revoked", func(t *testing.T) (*openpgp.Entity, *packet.PublicKey) {
		e := entity(t, nil)
		if err := e.Subkeys[0].Revoke(packet.KeyCompromised, "", keyed(ago(10), nil)); err != nil {
			t.Fatal(err)
		}
		return e, nil
	}, ErrRevoked, ErrRevoked, "revoked"},
	{"expired", func(t *testing.T) (*openpgp.Entity, *packet.PublicKey) {
		e := entity(t, func(c *packet.Config) { c.KeyLifetimeSecs = 3600 })
		return e, e.Subkeys[0].PublicKey
	}, nil, nil, "has expired"},
	{"advertises SEIPDv2", func(t *testing.T) (*openpgp.Entity, *packet.PublicKey) {
		e := entity(t, func(c *packet.Config) { c.AEADConfig = &packet.AEADConfig{} })
		return e, e.Subkeys[0].PublicKey
	}, nil, nil, "SEIPDv2"},
}

// TestPolicy is ATTACKS A13 and the keys of A14: which subkey is sealed to, or
// why none is.
func TestPolicy(t *testing.T) {
	t.Parallel()
	for _, c := range policyCases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			e, want := c.make(t)
			cert, err := ParseCert(serialized(t, e))
			if err != nil {
				t.Fatal(err)
			}
			for p, fails := range map[Profile]error{Compat: c.compat, Modern: c.modern} {
				if err := cert.Usable(p, testTime); !errors.Is(err, fails) {
					t.Errorf("%s: usable says %v, want %v", p, err, fails)
				}
				checkFailsClosed(t, cert, p, fails)
				if fails != nil || p == Compat && c.name == "new X25519 beside the old form" {
					continue
				}
				if k, _ := cert.choose(p, testTime); k.pub.KeyId != want.KeyId {
					t.Errorf("%s: chose %X of algorithm %d, want %X", p, k.pub.KeyId, k.pub.PubKeyAlgo, want.KeyId)
				}
			}
			if w := strings.Join(cert.Warnings(Compat, testTime), " "); !strings.Contains(w, c.warning) || c.warning == "" && w != "" {
				t.Errorf("warnings %q", w)
			}
			again, err := ParseCert(cert.Bytes())
			if err != nil || again.Fingerprint() != cert.Fingerprint() || !bytes.Equal(again.Bytes(), cert.Bytes()) || len(again.keys) != len(cert.keys) || again.revoked != cert.revoked {
				t.Errorf("read again: %v", err)
			}
		})
	}
}

// checkFailsClosed is DESIGN 1, rule 2: with no usable key there is an error
// and not one byte of a letter.
func checkFailsClosed(t *testing.T, c *Cert, p Profile, want error) {
	t.Helper()
	s, err := Seal(t.Context(), arrived(plainMail), Recipient{Cert: c, Profile: p, Level: Baseline})
	if !errors.Is(err, want) {
		t.Errorf("%s: seal says %v, want %v", p, err, want)
	}
	if (err != nil) != (len(s.Letters()) == 0) {
		t.Errorf("%s: %d letters with error %v", p, len(s.Letters()), err)
	}
}

func TestParseCertRefuses(t *testing.T) {
	t.Parallel()
	o := testOwners()[Compat]
	public := o.Cert.Bytes()
	secret, _, err := GenerateKey("", "eve@demo.test", Compat, testTime)
	if err != nil {
		t.Fatal(err)
	}
	block, err := armored("PGP MESSAGE", func(w io.Writer) error { _, err := w.Write(public); return err })
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		data []byte
		says string
	}{
		"nothing":         {nil, "empty"},
		"text":            {[]byte("hello"), "not an OpenPGP certificate"},
		"noise":           {[]byte{0xff, 1, 2}, "expected one"},
		"a secret key":    {secret, "secret key"},
		"two keys":        {append(bytes.Clone(public), public...), "expected one"},
		"another block":   {block, "no public key"},
		"cut short":       {public[:len(public)-5], "cut short"},
		"cut at a packet": {public[:53], "certificate"},
		"too large":       {append(bytes.Clone(public), make([]byte, maxCert)...), "larger"},
	} {
		if _, err := ParseCert(c.data); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestDamagedCert flips bits: whatever is still taken for a certificate must
// not offer a key that its owner did not bind.
func TestDamagedCert(t *testing.T) {
	t.Parallel()
	o := testOwners()[Compat]
	public, good := o.Cert.Bytes(), o.Cert.keys[0].pub.Fingerprint
	for i := range public {
		bad := bytes.Clone(public)
		bad[i] ^= 0x40
		c, err := ParseCert(bad)
		if err != nil {
			continue
		}
		if k, err := c.choose(Compat, testTime); err == nil && !bytes.Equal(k.pub.Fingerprint, good) {
			t.Fatalf("bit flipped at %d: another key was chosen", i)
		}
	}
}

func TestExpiryWarnings(t *testing.T) {
	t.Parallel()
	e := entity(t, func(c *packet.Config) { c.KeyLifetimeSecs = 200 * 24 * 3600 })
	c, err := ParseCert(serialized(t, e))
	if err != nil {
		t.Fatal(err)
	}
	end := c.Expires()
	if want := testTime.Add(100 * 24 * time.Hour); !end.Equal(want) {
		t.Fatalf("expires %v, want %v", end, want)
	}
	for before, says := range map[time.Duration]string{31: "", 30: "30 days", 8: "30 days", 7: "7 days", 2: "7 days", 1: "1 day.", 0: "has expired", -9: "has expired"} {
		w := strings.Join(c.Warnings(Compat, end.Add(-before*24*time.Hour)), " ")
		if !strings.Contains(w, says) || says == "" && w != "" {
			t.Errorf("%d days before: %q", before, w)
		}
	}
}

// TestMinimalCert shows that what others signed and what is not bound stays out.
func TestMinimalCert(t *testing.T) {
	t.Parallel()
	e, friend := entity(t, nil), entity(t, nil)
	plain, err := ParseCert(serialized(t, e))
	if err != nil {
		t.Fatal(err)
	}
	for name := range e.Identities {
		if err := e.SignIdentity(name, friend, nil); err != nil {
			t.Fatal(err)
		}
	}
	signed := serialized(t, e)
	c, err := ParseCert(signed)
	if err != nil || !bytes.Equal(c.Bytes(), plain.Bytes()) || len(signed) <= len(c.Bytes()) {
		t.Errorf("%d bytes became %d, without the signature %d: %v", len(signed), len(c.Bytes()), len(plain.Bytes()), err)
	}
	if ids := c.Identities(); len(ids) != 1 || ids[0] != "Eve <eve@demo.test>" {
		t.Errorf("identities %q", ids)
	}
}
