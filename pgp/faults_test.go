package pgp

import (
	"bytes"
	"compress/zlib"
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"github.com/ProtonMail/go-crypto/openpgp/s2k"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"

	"sealpost/mail"
)

var long = flag.Bool("long", false, "run the counts that take minutes")

// dryRand gives out n bytes and then fails.
type dryRand struct{ n int }

var errDry = errors.New("no entropy")

func (r *dryRand) Read(p []byte) (int, error) {
	if len(p) > r.n {
		return 0, errDry
	}
	r.n -= len(p)
	return rand.Read(p)
}

// TestNoEntropy is the last case of ATTACKS A14: whenever randomness ends,
// there is an error and no letter.
func TestNoEntropy(t *testing.T) {
	t.Parallel()
	for p, o := range testOwners() {
		sealed := false
		for n := 0; n < 400 && !sealed; n++ {
			s, err := sealer{&dryRand{n}}.seal(t.Context(), arrived(plainMail), o.Recipient)
			if (err == nil) != (len(s.Letters()) > 0) || len(s.Outer()) > 0 && err != nil {
				t.Fatalf("%s: %d bytes of entropy: %d letters, %v", p, n, len(s.Letters()), err)
			}
			sealed = err == nil
		}
		if !sealed {
			t.Errorf("%s: 400 bytes were never enough: the test shows nothing", p)
		}
	}
}

// brokenMail fails to be read from an offset on.
type brokenMail struct {
	mail.Bytes
	from int64
}

func (b brokenMail) ReadAt(p []byte, off int64) (int, error) {
	if off+int64(len(p)) > b.from {
		return 0, errors.New("disk is gone")
	}
	return b.Bytes.ReadAt(p, off)
}

// TestUnreadableMail shows that a mail that cannot be read to its end is an
// error, of Seal for a small one and of WriteTo for a large one.
func TestUnreadableMail(t *testing.T) {
	t.Parallel()
	o := testOwners()[Modern]
	for _, size := range []int{10_000, 2 << 20} {
		m := arrived(benchMail(size))
		m.Bytes = brokenMail{m.Bytes, int64(size - 100)}
		s, err := Seal(t.Context(), m, o.Recipient)
		for _, l := range s.Letters() {
			if l.Kind == KindMessage {
				_, err = l.WriteTo(io.Discard)
			}
		}
		if err == nil {
			t.Errorf("%d bytes: no error", size)
		}
	}
}

func TestSealRefuses(t *testing.T) {
	t.Parallel()
	o := testOwners()[Compat]
	stopped, stop := context.WithCancel(context.Background())
	stop()
	for name, change := range map[string]func(*Mail, *Recipient){
		"no certificate":      func(_ *Mail, r *Recipient) { r.Cert = nil },
		"no profile":          func(_ *Mail, r *Recipient) { r.Profile = "" },
		"no level":            func(_ *Mail, r *Recipient) { r.Level = "none" },
		"no pseudonym":        func(_ *Mail, r *Recipient) { r.Level, r.Pseudonym = Minimal, nil },
		"bad list key":        func(_ *Mail, r *Recipient) { r.ListKey = []byte("short") },
		"empty line in trace": func(m *Mail, _ *Recipient) { m.Trace = []byte("A: b\r\n\r\nC: d\r\n") },
		"bare line feed":      func(m *Mail, _ *Recipient) { m.Trace = []byte("A: b\nC: d\r\n") },
		"fold first":          func(m *Mail, _ *Recipient) { m.Trace = []byte(" A: b\r\n") },
		"no field":            func(m *Mail, _ *Recipient) { m.Trace = []byte("hello\r\n") },
		"no line end":         func(m *Mail, _ *Recipient) { m.Trace = []byte("A: b") },
		"no gist":             func(m *Mail, _ *Recipient) { m.Gist = nil },
	} {
		m, r := arrived(plainMail), o.Recipient
		change(&m, &r)
		if s, err := Seal(context.Background(), m, r); err == nil || len(s.Letters()) > 0 {
			t.Errorf("%s: %d letters, %v", name, len(s.Letters()), err)
		}
	}
	if _, err := Seal(stopped, arrived(plainMail), o.Recipient); !errors.Is(err, context.Canceled) {
		t.Errorf("stopped: %v", err)
	}
}

// uses finds what must never come twice.
type uses map[string]int

func (u uses) add(parts ...[]byte) error {
	for _, p := range parts {
		if u[string(p)]++; u[string(p)] > 1 {
			return fmt.Errorf("%x was used twice", p)
		}
	}
	return nil
}

// fresh takes from one sealed mail its session key and every salt, or first
// encrypted block, and the key agreement.
func fresh(t testing.TB, o *owner, s Sealed) [][]byte {
	t.Helper()
	message := raw(t, s, KindMessage)
	p, err := packet.Read(bytes.NewReader(message))
	if err != nil {
		t.Fatal(err)
	}
	ek := p.(*packet.EncryptedKey)
	if err := ek.Decrypt(o.keys.entities[0].Subkeys[0].PrivateKey, nil); err != nil {
		t.Fatal(err)
	}
	keys, err := SessionKeys(bytes.NewReader(message))
	if err != nil {
		t.Fatal(err)
	}
	card := raw(t, s, KindCard)
	return [][]byte{ek.Key, keys, seipdStart(message[len(keys):]), seipdStart(raw(t, s, KindTerms)), card[cardHead : cardHead+cardEnc]}
}

// seipdStart is what must be unique of a SEIPD packet.
func seipdStart(b []byte) []byte {
	body := packetBody(b)
	return body[1:18]
}

// TestNothingIsUsedTwice is ATTACKS A15.
func TestNothingIsUsedTwice(t *testing.T) {
	t.Parallel()
	count := 10_000
	switch {
	case *long:
		count = 1_000_000
	case raceDetector:
		count = 500
	}
	m := arrived(plainMail)
	for p, o := range testOwners() {
		seen := uses{}
		for range count / 2 {
			if err := seen.add(fresh(t, o, mustSeal(t, m, o.Recipient))...); err != nil {
				t.Fatalf("%s: %v", p, err)
			}
		}
	}
	// A source that repeats itself must be noticed.
	seen := uses{}
	var err error
	for range 2 {
		s, serr := sealer{bytes.NewReader(bytes.Repeat([]byte{7, 1, 9}, 1000))}.seal(t.Context(), m, testOwners()[Modern].Recipient)
		if serr != nil {
			t.Fatal(serr)
		}
		err = errors.Join(err, seen.add(fresh(t, testOwners()[Modern], s)...))
	}
	if err == nil {
		t.Error("a repeating source went unnoticed")
	}
}

// message encrypts packets of content to o, the way a sender could.
func message(t testing.TB, o *owner, content []byte) []byte {
	t.Helper()
	k, err := o.Cert.choose(o.Profile, testTime)
	if err != nil {
		t.Fatal(err)
	}
	s, err := newSession(o.Profile, k, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	b.Write(s.pkesk)
	cfg := &packet.Config{AEADConfig: &packet.AEADConfig{DefaultMode: packet.AEADModeGCM}}
	suite := packet.CipherSuite{Cipher: packet.CipherAES256, Mode: packet.AEADModeGCM}
	w, err := packet.SerializeSymmetricallyEncrypted(&b, packet.CipherAES256, o.Profile == Modern, suite, s.key[:], cfg)
	must(err)
	_, err = w.Write(content)
	must(err)
	must(w.Close())
	return b.Bytes()
}

// compressed is a compressed-data packet around a literal of n zeros.
func compressed(n int) []byte {
	var z bytes.Buffer
	zw := zlib.NewWriter(&z)
	zw.Write(append(appendPacketHeader(nil, 11, int64(n)+6), 'b', 0, 0, 0, 0, 0))
	zeros := make([]byte, 1<<20)
	for left := n; left > 0; left -= len(zeros) {
		zw.Write(zeros[:min(left, len(zeros))])
	}
	zw.Close()
	return append(append(appendPacketHeader(nil, 8, int64(z.Len())+1), 2), z.Bytes()...)
}

// TestBomb is ATTACKS B06: a small message that opens to more than 64 MiB is
// refused, and a library without our cap opens it.
func TestBomb(t *testing.T) {
	t.Parallel()
	if raceDetector {
		t.Skip("280 MiB through the race detector take minutes; runs without it")
	}
	const size = 70 << 20
	for p, o := range testOwners() {
		bomb := message(t, o, compressed(size))
		var out countingWriter
		out.w = io.Discard
		_, err := Opener{Keys: o.keys}.Open(t.Context(), bytes.NewReader(bomb), &out)
		if err == nil || out.n > maxDecompressed {
			t.Errorf("%s: %d bytes opened to %d, %v", p, len(bomb), out.n, err)
		}
		md, err := openpgp.ReadMessage(bytes.NewReader(bomb), o.keys.entities, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		if n, err := io.Copy(io.Discard, md.UnverifiedBody); err != nil || n != size {
			t.Errorf("%s: without a cap it opened to %d, %v: the test shows nothing", p, n, err)
		}
		// What is under the cap still opens: GnuPG compresses.
		var text bytes.Buffer
		if _, err := (Opener{Keys: o.keys}).Open(t.Context(), bytes.NewReader(message(t, o, compressed(5000))), &text); err != nil || text.Len() != 5000 {
			t.Errorf("%s: compressed message: %d bytes, %v", p, text.Len(), err)
		}
	}
}

func TestOpenerMax(t *testing.T) {
	t.Parallel()
	o := testOwners()[Modern]
	m := raw(t, mustSeal(t, arrived(benchMail(200_000)), o.Recipient), KindMessage)
	for limit, want := range map[int64]error{100_000: ErrTooLarge, 300_000: nil} {
		if _, err := (Opener{Keys: o.keys, Max: limit}).Open(t.Context(), bytes.NewReader(m), io.Discard); !errors.Is(err, want) {
			t.Errorf("limit %d: %v", limit, err)
		}
	}
}

// TestArgon2Cap is ATTACKS A12 for secret keys: memory is refused before it is
// taken, and the same key with less opens.
func TestArgon2Cap(t *testing.T) {
	t.Parallel()
	e := entity(t, nil)
	cfg := &packet.Config{AEADConfig: &packet.AEADConfig{}, S2KConfig: &s2k.Config{S2KMode: s2k.Argon2S2K,
		Argon2Config: &s2k.Argon2Config{NumberOfPasses: 1, DegreeOfParallelism: 1, Memory: 64}}}
	if err := e.EncryptPrivateKeys([]byte("phrase"), cfg); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	must(e.SerializePrivateWithoutSigning(&b, nil))
	phrase := func() ([]byte, error) { return []byte("phrase"), nil }
	if _, err := ParseSecretKeys(b.Bytes(), phrase); err != nil {
		t.Fatalf("modest parameters: %v", err)
	}
	if _, err := ParseSecretKeys(b.Bytes(), func() ([]byte, error) { return []byte("wrong"), nil }); err == nil {
		t.Error("a wrong passphrase was taken")
	}
	if _, err := ParseSecretKeys(b.Bytes(), nil); err == nil {
		t.Error("a locked key needs a passphrase")
	}
	greedy := bytes.ReplaceAll(b.Bytes(), []byte{1, 1, 6}, []byte{1, 1, 30}) // passes, lanes, memory
	if bytes.Equal(greedy, b.Bytes()) {
		t.Fatal("found no Argon2 parameters")
	}
	start := time.Now()
	_, err := ParseSecretKeys(greedy, phrase)
	if err == nil || !strings.Contains(err.Error(), "MiB") || time.Since(start) > 5*time.Second {
		t.Errorf("a key that asks for 1 TiB: %v after %v", err, time.Since(start))
	}
}

// TestNoCompression is ATTACKS E01: no tag-8 packet, also for a key that
// prefers ZLIB.
func TestNoCompression(t *testing.T) {
	t.Parallel()
	e := entity(t, func(c *packet.Config) { c.DefaultCompressionAlgo = packet.CompressionZLIB })
	c, err := ParseCert(serialized(t, e))
	if err != nil {
		t.Fatal(err)
	}
	o := &owner{Recipient: Recipient{Cert: c, Profile: Compat, Level: Baseline, ListKey: testOwners()[Compat].ListKey}}
	o.keys = newSecretKeys(openpgp.EntityList{e})
	m := append(bytes.Clone(plainMail), bytes.Repeat([]byte("A"), 300<<10)...)
	s := mustSeal(t, arrived(m), o.Recipient)
	letter := raw(t, s, KindMessage)
	keys, err := SessionKeys(bytes.NewReader(letter))
	if err != nil {
		t.Fatal(err)
	}
	if n := len(letter); n < len(m) {
		t.Errorf("%d bytes became %d", len(m), n)
	}
	for name, b := range map[string][]byte{
		"message": letter,
		"terms":   append(bytes.Clone(keys), raw(t, s, KindTerms)...),
		"body":    append(bytes.Clone(keys), raw(t, s, KindBody)...),
	} {
		if tag := innerTag(t, o, b); tag != 11 {
			t.Errorf("%s holds a packet of type %d, not a literal", name, tag)
		}
	}
	if tag := innerTag(t, o, message(t, o, compressed(100))); tag != 8 {
		t.Errorf("a compressed message shows type %d: the test shows nothing", tag)
	}
}

// innerTag decrypts a message down to its first packet.
func innerTag(t *testing.T, o *owner, b []byte) byte {
	t.Helper()
	packets := packet.NewReader(bytes.NewReader(b))
	p, err := packets.Next()
	must(err)
	ek := p.(*packet.EncryptedKey)
	must(ek.Decrypt(o.keys.entities[0].Subkeys[0].PrivateKey, nil))
	p, err = packets.Next()
	must(err)
	r, err := p.(*packet.SymmetricallyEncrypted).Decrypt(ek.CipherFunc, ek.Key)
	must(err)
	first := make([]byte, 1)
	_, err = io.ReadFull(r, first)
	must(err)
	return first[0] & 0x3f
}

// TestDamageIsNoticed flips bits and cuts off ends (ATTACKS B02): Open must
// not return nil for what is not exactly what was sealed.
func TestDamageIsNoticed(t *testing.T) {
	t.Parallel()
	for p, o := range testOwners() {
		letter := raw(t, mustSeal(t, arrived(plainMail), o.Recipient), KindMessage)
		if _, _, err := o.open(true, letter); err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(letter); i += 7 {
			bad := bytes.Clone(letter)
			bad[i] ^= 1
			if restored, _, err := o.open(true, bad); err == nil && restored != string(plainMail) {
				t.Fatalf("%s: bit flipped at %d went unnoticed", p, i)
			}
			if _, _, err := o.open(true, letter[:i]); err == nil {
				t.Fatalf("%s: cut to %d bytes went unnoticed", p, i)
			}
		}
	}
}

// TestOnlyProtectedMessages shows that nothing but PKESK and SEIPD is opened.
func TestOnlyProtectedMessages(t *testing.T) {
	t.Parallel()
	o := testOwners()[Compat]
	letter := raw(t, mustSeal(t, arrived(plainMail), o.Recipient), KindMessage)
	keys, err := SessionKeys(bytes.NewReader(letter))
	must(err)
	body := packetBody(letter[len(keys):])
	literal := append(appendPacketHeader(nil, 11, 8), 'b', 0, 0, 0, 0, 0, 'h', 'i')
	for name, b := range map[string][]byte{
		"readable literal":           literal,
		"packet 9 without integrity": append(bytes.Clone(keys), append(appendPacketHeader(nil, 9, int64(len(body)-1)), body[1:]...)...),
		"SKESK in front":             append(append(appendPacketHeader(nil, 3, 4), 4, 9, 0, 8), letter...),
		"marker in front":            append([]byte{0xca, 3, 'P', 'G', 'P'}, letter...),
	} {
		if out, _, err := o.open(false, b); err == nil || out != "" {
			t.Errorf("%s: opened to %q, %v", name, out, err)
		}
	}
}
