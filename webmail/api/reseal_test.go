package api

import (
	"bytes"
	"fmt"
	"net/http"
	"testing"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"

	"sealpost/mailstore"
	"sealpost/pgp"
)

// turned is carol at her browser, with a certificate that has another encryption subkey.
type turned struct {
	*mailWorld
	person *person
	entity *openpgp.Entity
	cert   []byte
}

func newTurned(t *testing.T) *turned {
	t.Helper()
	w := &turned{mailWorld: newMailWorld(t)}
	w.entity = must(openpgp.ReadArmoredKeyRing(bytes.NewReader(carolsKeys().secret)))[0]
	config := &packet.Config{Time: w.now}
	if err := w.entity.AddEncryptionSubkey(config); err != nil {
		t.Fatal(err)
	}
	if err := w.entity.Subkeys[0].Revoke(packet.KeySuperseded, "", config); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := w.entity.Serialize(&b); err != nil {
		t.Fatal(err)
	}
	w.cert = b.Bytes()
	w.person = w.attach(w.carol)
	w.carol = must(w.Book.Account(t.Context(), w.carol.ID)) // with the list key of the browser
	w.to = must(w.Book.Recipient(t.Context(), w.carol))
	return w
}

// publish puts the certificate as carol's browser does.
func (w *turned) publish() {
	w.t.Helper()
	k := read[Keyring](w.t, w.person.ask("PUT", "/keyring/key", NewKey{Version: 2, Proof: w.person.proof, Certificate: w.cert, Container: container(2)}), 200)
	if k.Version != 2 || !bytes.Equal(k.Containers["openpgp."+w.person.session.Account.Fingerprint], container(2)) {
		w.t.Errorf("%+v", k)
	}
	w.carol = must(w.Book.Account(w.t.Context(), w.carol.ID))
	w.to = must(w.Book.Recipient(w.t.Context(), w.carol))
}

// wish is what carol's browser asks for one message: every PKESK of hers to the new subkey.
func (w *turned) wish(keys []byte, uid uint32) ResealMail {
	w.t.Helper()
	k := must(packet.Read(bytes.NewReader(keys))).(*packet.EncryptedKey)
	if err := k.Decrypt(w.entity.Subkeys[0].PrivateKey, nil); err != nil {
		w.t.Fatal(err)
	}
	var b bytes.Buffer
	if err := packet.SerializeEncryptedKeyAEAD(&b, w.entity.Subkeys[1].PublicKey, k.CipherFunc, false, k.Key, nil); err != nil {
		w.t.Fatal(err)
	}
	return ResealMail{UID: uid, Message: b.Bytes()}
}

func TestNewKey(t *testing.T) {
	t.Parallel()
	w := newTurned(t)
	p, other := w.person, w.person.another()
	good := NewKey{Version: 2, Proof: p.proof, Certificate: w.cert, Container: container(2)}
	for what, c := range map[string]struct {
		edit   func(*NewKey)
		status int
		word   string
	}{
		"no proof":                {func(k *NewKey) { k.Proof = bytesOf(32, 1) }, 401, "wrong-sign-in"},
		"the kit's proof":         {func(k *NewKey) { k.Proof = p.kit }, 401, "wrong-sign-in"},
		"another primary key":     {func(k *NewKey) { k.Certificate = w.bob2() }, 422, "bad-input"},
		"a secret key":            {func(k *NewKey) { k.Certificate = carolsKeys().secret }, 422, "bad-input"},
		"no key that can be used": {func(k *NewKey) { k.Certificate = w.revoked() }, 422, "no-key"},
		"an old version":          {func(k *NewKey) { k.Version, k.Container = 1, container(1) }, 409, "conflict"},
		"a container of another":  {func(k *NewKey) { k.Container = container(1) }, 422, "bad-input"},
	} {
		k := good
		c.edit(&k)
		expect(t, p.ask("PUT", "/keyring/key", k), c.status, c.word)
		if now := must(w.Book.Account(t.Context(), w.carol.ID)); !bytes.Equal(now.Cert, w.carol.Cert) {
			t.Fatalf("%s changed the certificate", what)
		}
	}
	woken, end := w.Store.Bus.Subscribe(AccountTopic(string(w.carol.ID)))
	defer end()
	w.publish()
	<-woken
	s := read[Session](t, other.ask("GET", "/session", nil), 200) // nobody is signed out
	if !bytes.Equal(s.Account.Certificate, w.carol.Cert) || s.Keyring.Version != 2 {
		t.Error("the other device sees the old key")
	}
	k := good
	k.Container, k.Version = nil, 9
	if now := read[Keyring](t, p.ask("PUT", "/keyring/key", k), 200); now.Version != 2 {
		t.Errorf("a key that is kept elsewhere made version %d", now.Version)
	}
}

func (w *turned) bob2() []byte { return must(pgp.ParseCert(testKeys()[1])).Bytes() }

func (w *turned) revoked() []byte {
	e := must(openpgp.ReadArmoredKeyRing(bytes.NewReader(carolsKeys().secret)))[0]
	if err := e.Subkeys[0].Revoke(packet.KeyRetired, "", &packet.Config{Time: w.now}); err != nil {
		w.t.Fatal(err)
	}
	var b bytes.Buffer
	if err := e.Serialize(&b); err != nil {
		w.t.Fatal(err)
	}
	return b.Bytes()
}

// Old mail is sealed to the new key: another UID, the same mail, and the old key opens it no more.
func TestReseal(t *testing.T) {
	t.Parallel()
	w := newTurned(t)
	for range 2 {
		must(w.Store.Deliver(t.Context(), w.owner(), mailstore.Delivery{Box: "INBOX", Sealed: w.seal(plain), Flags: []string{`\Flagged`, "$label-1"}, Received: testTime.AddDate(-1, 0, 0)}))
	}
	w.publish()
	at := fmt.Sprintf("/mailboxes/%d", w.mailbox("INBOX").ID)
	heads := framesOf(t, w.person.ask("GET", at+"/keys?uids=1:9", nil).Body.Bytes())
	if len(heads) != 2 || len(heads[0].content) > 200 {
		t.Fatalf("%d frames of keys", len(heads))
	}
	before := read[Message](t, w.person.ask("GET", at+"/messages/1", nil), 200)
	wish := w.wish(heads[0].content, 1)
	wish.Card = w.person.ask("GET", at+"/messages/1/card", nil).Body.Bytes()
	got := read[Resealed](t, w.person.ask("POST", at+"/reseal", Reseal{[]ResealMail{wish, {UID: 77, Message: wish.Message}}}), 200)
	if len(got.UIDs) != 1 || got.UIDs[0] != 3 || got.Sources[0] != 1 || got.Modseq == 0 {
		t.Fatalf("%+v", got)
	}
	expect(t, w.person.ask("GET", at+"/messages/1", nil), 404, "not-found")
	after := read[Message](t, w.person.ask("GET", at+"/messages/3", nil), 200)
	if after.ID != before.ID || !after.Received.Equal(before.Received) || fmt.Sprint(after.Flags) != fmt.Sprint(before.Flags) || after.Header != before.Header || after.Letters["terms"] != before.Letters["terms"] {
		t.Errorf("%+v was, %+v is", before, after)
	}
	message := w.person.ask("GET", at+"/messages/3/message", nil).Body.Bytes()
	if _, err := (pgp.Opener{Keys: w.keys}).Open(t.Context(), bytes.NewReader(message), new(bytes.Buffer)); err == nil {
		t.Error("the old subkey opens it")
	}
	w.keys = must(pgp.ParseSecretKeys(w.secret(), nil))
	if w.open(message) != plain {
		t.Error("it is another mail")
	}
	terms := framesOf(t, w.person.ask("GET", at+"/terms?uids=3", nil).Body.Bytes())[0].content
	var words bytes.Buffer
	if _, err := (pgp.Opener{Keys: w.keys}).Open(t.Context(), bytes.NewReader(terms), &words); err != nil || !bytes.Contains(words.Bytes(), []byte("quokka")) {
		t.Errorf("terms: %v", err)
	}
	// Twice, by a device that is late: nothing. Not a new key: refused, and nothing changes.
	if late := read[Resealed](t, w.person.ask("POST", at+"/reseal", Reseal{[]ResealMail{wish}}), 200); len(late.UIDs) != 0 {
		t.Errorf("resealed twice: %+v", late)
	}
	for what, bad := range map[string]ResealMail{
		"the old packets":      {UID: 2, Message: heads[1].content},
		"a header nobody has":  {UID: 2, Message: w.wish(heads[1].content, 2).Message, Header: message},
		"terms with no packet": {UID: 2, Message: w.wish(heads[1].content, 2).Message, Terms: wish.Message},
		"a card for another":   {UID: 2, Message: w.wish(heads[1].content, 2).Message, Card: make([]byte, 256)},
	} {
		rec := w.person.ask("POST", at+"/reseal", Reseal{[]ResealMail{bad}})
		if rec.Code != 422 {
			t.Errorf("%s: %d %s", what, rec.Code, rec.Body)
		}
	}
	read[Message](t, w.person.ask("GET", at+"/messages/2", nil), 200)
	w.mustNotLog("wombat", "quokka", "carol@")
}

func (w *turned) secret() []byte {
	var b bytes.Buffer
	if err := w.entity.SerializePrivateWithoutSigning(&b, nil); err != nil {
		w.t.Fatal(err)
	}
	return b.Bytes()
}

// D12: keys and mail of another account, by their numbers.
func TestResealOfOthers(t *testing.T) {
	t.Parallel()
	w := newTurned(t)
	w.deliver("INBOX", plain)
	w.publish()
	must(w.Store.Apply(t.Context(), w.owner(), mailstore.Create{Name: "Secret"}))
	bob := w.attach(w.world.bob)
	none, hers := "/mailboxes/4242", fmt.Sprintf("/mailboxes/%d", w.mailbox("Secret").ID)
	ask := Reseal{[]ResealMail{{UID: 1, Message: []byte{0xc1, 0}}}}
	for _, c := range []struct {
		method, path string
		body         any
	}{{"GET", "/keys?uids=1:9", nil}, {"POST", "/reseal", ask}} {
		a, b := bob.ask(c.method, hers+c.path, c.body), bob.ask(c.method, none+c.path, c.body)
		if a.Code != http.StatusNotFound || !equalAnswers(a, b) {
			t.Errorf("%s %s: %d %s, of none %d %s", c.method, c.path, a.Code, a.Body, b.Code, b.Body)
		}
	}
	// An app password reseals nothing, and replaces no key.
	expect(t, w.ask("POST", hers+"/reseal", ask, w.as), 403, "forbidden")
	expect(t, w.ask("PUT", "/keyring/key", NewKey{Version: 2, Certificate: w.cert}, w.as), 403, "forbidden")
}
