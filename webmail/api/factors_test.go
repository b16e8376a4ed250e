package api

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"sealpost/filestore/nodekey"
	"sealpost/mail"
)

func addr(s string) (mail.Address, error) { return mail.ParseAddress(s) }

func encodeToken(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// codeOf is RFC 6238, written once more.
func codeOf(t testing.TB, secret string, at time.Time) string {
	key, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(secret)
	if err != nil {
		t.Fatal(err)
	}
	h := hmac.New(sha1.New, key)
	_ = binary.Write(h, binary.BigEndian, at.Unix()/30)
	s := h.Sum(nil)
	o := s[19] & 15
	n := (int(s[o]&0x7f)<<24 | int(s[o+1])<<16 | int(s[o+2])<<8 | int(s[o+3])) % 1000000
	return fmt.Sprintf("%06d", n)
}

func TestCodes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.attach(w.alice).prove()
	n := read[NewTotp](t, p.ask("POST", "/second-factors/totp", nil), 200)
	if !strings.HasPrefix(n.URI, "otpauth://totp/mail.demo.test:alice@demo.test?") || !strings.Contains(n.URI, n.Secret) {
		t.Errorf("%s", n.URI)
	}
	p.another() // nothing is asked before a code was typed
	expect(t, p.ask("PUT", "/second-factors/totp", map[string]string{"code": "000000"}), 401, "wrong-sign-in")
	first := codeOf(t, n.Secret, w.now())
	if rec := p.ask("PUT", "/second-factors/totp", map[string]string{"code": first}); rec.Code != 204 {
		t.Fatalf("%d %s", rec.Code, rec.Body)
	}
	with := func(code string) func(*SignIn) { return func(s *SignIn) { s.Code = code } }
	if need := expect(t, p.signIn(), 401, "second-factor"); len(need.Methods) != 1 || need.Methods[0] != "totp" {
		t.Errorf("%+v", need)
	}
	expect(t, p.signIn(func(s *SignIn) { s.Proof = bytesOf(32, 1); s.Code = codeOf(t, n.Secret, w.now()) }), 401, "wrong-sign-in")
	expect(t, p.signIn(with(first)), 401, "second-factor") // it was used
	for _, drift := range []time.Duration{-61 * time.Second, 61 * time.Second} {
		expect(t, p.signIn(with(codeOf(t, n.Secret, w.now().Add(drift)))), 401, "second-factor")
	}
	w.pass(10 * time.Minute)
	ahead := codeOf(t, n.Secret, w.now().Add(30*time.Second))
	(&person{w: w}).enter(p.signIn(with(ahead)))
	expect(t, p.signIn(with(ahead)), 401, "second-factor")
	expect(t, p.signIn(with(codeOf(t, n.Secret, w.now()))), 401, "second-factor")         // older than what was used
	(&person{w: w}).enter(p.signIn(func(s *SignIn) { s.Method, s.Proof = "kit", p.kit })) // the way back

	w.pass(time.Hour)
	slowed := false
	for range 10 {
		slowed = slowed || p.signIn(with("123456")).Code == 429
	}
	if !slowed {
		t.Error("six digits can be guessed at ease")
	}
	expect(t, p.ask("DELETE", "/second-factors/totp", map[string]any{"proof": bytesOf(32, 1)}), 401, "wrong-sign-in")
	if rec := p.ask("DELETE", "/second-factors/totp", map[string]any{"proof": p.kit}); rec.Code != 204 {
		t.Errorf("%d %s", rec.Code, rec.Body)
	}
	p.another()
}

// softKey is an authenticator of this test: one ES256 key, attestation none.
type softKey struct {
	key    *ecdsa.PrivateKey
	raw    []byte
	host   string
	origin string
	user   []byte
	count  uint32
	flags  byte
}

func newSoftKey(account string) *softKey {
	user, _ := hex.DecodeString(account)
	raw := make([]byte, 16)
	rand.Read(raw)
	return &softKey{must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)), raw, "mail.demo.test", "https://mail.demo.test", user, 1, 0x05}
}

func (k *softKey) id() string { return encodeToken(k.raw) }

func cborBytes(b []byte) []byte {
	switch {
	case len(b) < 24:
		return append([]byte{0x40 | byte(len(b))}, b...)
	case len(b) < 256:
		return append([]byte{0x58, byte(len(b))}, b...)
	}
	return append([]byte{0x59, byte(len(b) >> 8), byte(len(b))}, b...)
}

func cborText(s string) []byte { return append([]byte{0x60 | byte(len(s))}, s...) }

func (k *softKey) authData(flags byte, rest []byte) []byte {
	sum := sha256.Sum256([]byte(k.host))
	return append(binary.BigEndian.AppendUint32(append(sum[:], flags), k.count), rest...)
}

func (k *softKey) clientData(kind, challenge string) []byte {
	return must(json.Marshal(map[string]any{"type": kind, "challenge": challenge, "origin": k.origin, "crossOrigin": false}))
}

// register is RegistrationResponseJSON for creation options.
func (k *softKey) register(options map[string]any) map[string]any {
	point := must(k.key.PublicKey.Bytes())
	cose := append([]byte{0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21}, cborBytes(point[1:33])...)
	cose = append(append(cose, 0x22), cborBytes(point[33:])...)
	att := append(make([]byte, 16), byte(len(k.raw)>>8), byte(len(k.raw)))
	att = append(append(att, k.raw...), cose...)
	object := append([]byte{0xa3}, cborText("fmt")...)
	object = append(object, cborText("none")...)
	object = append(append(object, cborText("attStmt")...), 0xa0)
	object = append(append(object, cborText("authData")...), cborBytes(k.authData(k.flags|0x40, att))...)
	return map[string]any{
		"id": k.id(), "rawId": k.id(), "type": "public-key", "authenticatorAttachment": "platform",
		"clientExtensionResults": map[string]any{"prf": map[string]any{"enabled": true}, "credProps": map[string]any{"rk": true}},
		"response": map[string]any{
			"clientDataJSON": encodeToken(k.clientData("webauthn.create", options["challenge"].(string))), "attestationObject": encodeToken(object),
			"transports": []string{"internal"},
		},
	}
}

// sign is AuthenticationResponseJSON for request options.
func (k *softKey) sign(options map[string]any) map[string]any {
	k.count++
	data, client := k.authData(k.flags, nil), k.clientData("webauthn.get", options["challenge"].(string))
	sum := sha256.Sum256(client)
	digest := sha256.Sum256(append(bytes.Clone(data), sum[:]...))
	return map[string]any{
		"id": k.id(), "rawId": k.id(), "type": "public-key", "clientExtensionResults": map[string]any{"prf": map[string]any{}},
		"response": map[string]any{
			"clientDataJSON": encodeToken(client), "authenticatorData": encodeToken(data),
			"signature": encodeToken(must(ecdsa.SignASN1(rand.Reader, k.key, digest[:]))), "userHandle": encodeToken(k.user),
		},
	}
}

func (p *person) withPasskey(name string, edit func(map[string]any)) *softKey {
	p.w.t.Helper()
	k := newSoftKey(p.session.Account.ID)
	options := read[map[string]any](p.w.t, p.ask("POST", "/passkeys/begin", nil), 200)
	b := map[string]any{"name": name, "credential": k.register(options)}
	if edit != nil {
		edit(b)
	}
	if line := read[PasskeyLine](p.w.t, p.ask("POST", "/passkeys", b), 201); line.ID != k.id() || line.Name != name {
		p.w.t.Errorf("%+v", line)
	}
	return k
}

func (w *world) requestOptions() map[string]any {
	w.t.Helper()
	return read[map[string]any](w.t, w.ask("POST", "/sign-in/passkey/begin", map[string]any{}), 200)
}

func TestPasskeySignsIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.attach(w.alice).prove()
	k := p.withPasskey("laptop", func(b map[string]any) { b["container"], b["version"] = container(2), 2 })
	f := read[SecondFactors](t, p.ask("GET", "/second-factors", nil), 200)
	if len(f.Passkeys) != 1 || !f.Passkeys[0].Unlocks || f.Passkeys[0].SecondFactor || f.Passkeys[0].Used != nil {
		t.Errorf("%+v", f)
	}
	p.another() // it unlocks; the passphrase is still enough
	signIn := func(credential any) *person {
		return (&person{w: w, address: p.address, proof: p.proof}).enter(w.ask("POST", "/sign-in/passkey", map[string]any{"credential": credential, "device": "Laptop"}))
	}
	options := w.requestOptions()
	if options["rpId"] != "mail.demo.test" || options["userVerification"] != "required" || options["extensions"].(map[string]any)["prf"] == nil {
		t.Errorf("%v", options)
	}
	good := k.sign(options)
	q := signIn(good)
	if q.session.Account.ID != p.id || !bytes.Equal(q.session.Keyring.Containers["master.passkey."+k.id()], container(2)) {
		t.Errorf("%+v", q.session)
	}
	refused := func(name string, credential any, edit ...func(*http.Request)) {
		t.Helper()
		rec := w.ask("POST", "/sign-in/passkey", map[string]any{"credential": credential, "device": "x"}, edit...)
		if expect(t, rec, 401, "wrong-sign-in"); t.Failed() {
			t.Fatal(name)
		}
	}
	refused("the same signature again", good)
	with := func(edit func(*softKey)) map[string]any {
		c := *k
		edit(&c)
		return c.sign(w.requestOptions())
	}
	refused("a page of another origin", with(func(k *softKey) { k.origin = "https://evil.example" }))
	refused("another port", with(func(k *softKey) { k.origin = "https://mail.demo.test:8443" }))
	refused("a key of another host", with(func(k *softKey) { k.host = "evil.example" }))
	refused("nobody was asked", with(func(k *softKey) { k.flags = 0x00 }))
	refused("the owner was not known", with(func(k *softKey) { k.flags = 0x01 }))
	refused("a copy of the key", with(func(k *softKey) { k.count = 0 }))
	refused("another key", with(func(k *softKey) { k.key = must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)) }))
	refused("another's name", with(func(k *softKey) { k.user = must(hex.DecodeString(string(w.bob.ID))) }))
	refused("a stranger's name", with(func(k *softKey) { k.user = bytesOf(8, 0xee) }))
	refused("no name", with(func(k *softKey) { k.user = nil }))
	refused("no credential", map[string]any{"x": 1})
	refused("a challenge of its own", k.sign(map[string]any{"challenge": encodeToken(bytesOf(40, 1))}))
	refused("a challenge for another thing", k.sign(read[map[string]any](t, p.ask("POST", "/passkeys/begin", nil), 200)))
	old := w.requestOptions()
	w.pass(6 * time.Minute)
	refused("an old challenge", k.sign(old))
	refused("under another host's name", k.sign(w.requestOptions()), func(r *http.Request) { r.Host = "localhost" })
	secret := k.sign(w.requestOptions())
	secret["clientExtensionResults"] = map[string]any{"prf": map[string]any{"results": map[string]any{"first": "AAAA"}}}
	refused("what opens the master key", secret)

	k.count = 100
	p.prove()
	signIn(k.sign(w.requestOptions()))
	if rec := p.ask("DELETE", "/passkeys/"+k.id()+"?version=3", nil); rec.Code != 204 {
		t.Errorf("%d %s", rec.Code, rec.Body)
	}
	refused("a passkey that was removed", k.sign(w.requestOptions()))
	expect(t, q.ask("GET", "/session", nil), 401, "signed-out")
	ring := read[Keyring](t, p.ask("GET", "/keyring", nil), 200)
	if _, there := ring.Containers["master.passkey."+k.id()]; there || ring.Version != 3 {
		t.Errorf("%+v", ring)
	}
}

// A synced passkey counts nothing: only that the challenge was spent tells a replay.
func TestPasskeySignatureServesOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.attach(w.alice).prove()
	k := newSoftKey(p.id)
	k.count = 0
	made := k.register(read[map[string]any](t, p.ask("POST", "/passkeys/begin", nil), 200))
	read[PasskeyLine](t, p.ask("POST", "/passkeys", map[string]any{"name": "synced", "credential": made, "container": container(2), "version": 2}), 201)
	for range 2 {
		k.count = math.MaxUint32 // sign makes it 0
		once := map[string]any{"credential": k.sign(w.requestOptions()), "device": "x"}
		read[Session](t, w.ask("POST", "/sign-in/passkey", once), 200)
		expect(t, w.ask("POST", "/sign-in/passkey", once), 401, "wrong-sign-in")
	}
}

func TestPasskeyIsSecondFactor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.attach(w.alice).prove()
	k := p.withPasskey("token", nil)
	need := expect(t, p.signIn(), 401, "second-factor")
	options, _ := need.Passkey.(map[string]any)
	if len(need.Methods) != 1 || need.Methods[0] != "passkey" || options == nil || options["allowCredentials"].([]any)[0].(map[string]any)["id"] != k.id() {
		t.Fatalf("%+v", need)
	}
	expect(t, p.signIn(func(s *SignIn) { s.Proof = bytesOf(32, 1); s.Assertion = k.sign(options) }), 401, "wrong-sign-in")
	other := newSoftKey(p.id)
	expect(t, p.signIn(func(s *SignIn) { s.Assertion = other.sign(options) }), 401, "second-factor")
	k.flags = 0x01 // the passphrase is the other factor
	q := (&person{w: w}).enter(p.signIn(func(s *SignIn) { s.Assertion = k.sign(options) }))
	expect(t, q.ask("DELETE", "/passkeys/"+k.id(), nil), 403, "proof")
	expect(t, q.ask("DELETE", "/passkeys/"+k.id(), map[string]any{"proof": bytesOf(32, 1)}), 401, "wrong-sign-in")
	if rec := q.ask("DELETE", "/passkeys/"+k.id(), map[string]any{"proof": p.proof}); rec.Code != 204 {
		t.Errorf("%d %s", rec.Code, rec.Body)
	}
	p.another()
}

func TestNewPasskeyIsChecked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p, bob := w.attach(w.alice).prove(), w.attach(w.bob).prove()
	begin := func() map[string]any {
		return read[map[string]any](t, p.ask("POST", "/passkeys/begin", nil), 200)
	}
	add := func(by *person, credential map[string]any, more ...any) int {
		b := map[string]any{"name": "x", "credential": credential}
		for i := 0; i < len(more); i += 2 {
			b[more[i].(string)] = more[i+1]
		}
		return by.ask("POST", "/passkeys", b).Code
	}
	k := newSoftKey(p.id)
	for name, edit := range map[string]func(*softKey){
		"another origin": func(k *softKey) { k.origin = "https://evil.example" }, "another host": func(k *softKey) { k.host = "evil.example" }, "nobody there": func(k *softKey) { k.flags = 0 },
	} {
		c := *k
		edit(&c)
		if status := add(p, c.register(begin())); status != 401 {
			t.Errorf("%s: %d", name, status)
		}
	}
	if status := add(bob, k.register(begin())); status != 401 {
		t.Errorf("a challenge of alice's by bob: %d", status)
	}
	secret := k.register(begin())
	secret["clientExtensionResults"] = map[string]any{"prf": map[string]any{"enabled": true, "results": map[string]any{"first": "AAAA"}}}
	if status := add(p, secret); status != 422 {
		t.Errorf("with what opens the master key: %d", status)
	}
	if status := add(p, k.register(begin()), "container", container(3), "version", 3); status != 409 {
		t.Errorf("another version: %d", status)
	}
	good := k.register(begin())
	if status := add(p, good); status != 201 {
		t.Errorf("%d", status)
	}
	if status := add(p, good); status != 401 {
		t.Errorf("the same once more: %d", status)
	}
	if status := add(p, k.register(begin())); status != 409 {
		t.Errorf("the same key once more: %d", status)
	}
	if f := read[SecondFactors](t, p.ask("GET", "/second-factors", nil), 200); len(f.Passkeys) != 1 || !f.Passkeys[0].SecondFactor {
		t.Errorf("%+v", f)
	}
}

// TestFactorsForgotten: an operator takes factors away, and whoever was signed in is
// out; the keyring stays, also where the node key is another one.
func TestFactorsForgotten(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.attach(w.alice).prove()
	k := p.withPasskey("token", func(b map[string]any) { b["container"], b["version"], b["second_factor"] = container(2), 2, true })
	expect(t, p.signIn(), 401, "second-factor")
	must(0, w.SignIns.ForgetFactors(t.Context(), w.alice.ID))
	expect(t, p.ask("GET", "/session", nil), 401, "signed-out")
	q := p.another()
	if _, there := q.session.Keyring.Containers["master.passkey."+k.id()]; there || q.session.Keyring.Version != 3 || len(q.session.Keyring.Containers) != 4 {
		t.Errorf("%+v", q.session.Keyring)
	}
	w.SignIns.Key = nodekey.Random()
	expect(t, p.signIn(), 503, "try-again")
	must(0, w.SignIns.ForgetFactors(t.Context(), w.alice.ID))
	p.another()
}
