package keyring

import (
	"bytes"
	"crypto/ecdh"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"flag"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sealpost/mail"
	"sealpost/pgp"
)

var testTime = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)

var newVectors = flag.Bool("new-vectors", false, "write testdata/vectors.json anew; only for a new version of a format")

// vectors is what Go makes and the browser's tests open, and the other way round.
// Bytes are base64, as in the API.
type vectors struct {
	Purposes map[string][]byte   `json:"purposes"` // keys that master gives
	Master   []byte              `json:"master"`
	Boxes    []boxVector         `json:"boxes"`
	Phrases  []phraseVector      `json:"passphrases"`
	Kit      kitVector           `json:"kit"`
	Passkey  map[string][]byte   `json:"passkey"` // prf, key, input
	Access   accessVector        `json:"access"`
	Join     joinVector          `json:"join"`
	Page     itemVector          `json:"page"`
	Padded   map[int]int         `json:"padded"`
	Parcel   parcelVector        `json:"parcel"`
	Folded   map[string]string   `json:"folded"`
	Words    map[string][]string `json:"words"`
}

type boxVector struct {
	Key     []byte `json:"key"`
	Context string `json:"context"`
	Plain   []byte `json:"plain"`
	Box     []byte `json:"box"`
}

type phraseVector struct {
	Passphrase string `json:"passphrase"`
	Secret     []byte `json:"secret"`
	Salt       []byte `json:"salt"`
	KDF        KDF    `json:"kdf"`
	Proof      []byte `json:"proof"`
	Wrap       []byte `json:"wrap"`
}

type kitVector struct {
	Entropy []byte   `json:"entropy"`
	Words   []string `json:"words"`
	Proof   []byte   `json:"proof"`
	Wrap    []byte   `json:"wrap"`
}

type accessVector struct {
	Address string   `json:"address"`
	Private []byte   `json:"private"` // PKCS #8
	Public  []byte   `json:"public"`
	Words   []string `json:"words"`
	Grant   []byte   `json:"grant"`
}

type joinVector struct {
	Address     string   `json:"address"`
	Account     string   `json:"account"`
	Fingerprint string   `json:"fingerprint"`
	Passphrase  string   `json:"passphrase"`
	Secret      []byte   `json:"secret"`
	Words       []string `json:"words"`
	Join        Join     `json:"join"`
}

type itemVector struct {
	Drawer  string `json:"drawer"`
	Name    string `json:"name"`
	Version uint64 `json:"version"`
	Content string `json:"content"`
	Box     []byte `json:"box"`
}

type parcelVector struct {
	Link     string `json:"link"`
	Password string `json:"password"`
	Hint     string `json:"hint"`
	Box      []byte `json:"box"`
	Weak     []byte `json:"weak"` // the same, under a key derivation below the floor
	Letter   Letter `json:"letter"`
	Check    string `json:"check"`
}

// TestVectors makes everything again from the same randomness. What was sealed is
// kept for years: this test must never change, a new version gets new vectors.
func TestVectors(t *testing.T) {
	t.Parallel()
	path := filepath.Join("testdata", "vectors.json")
	var old vectors
	if b, err := os.ReadFile(path); err == nil {
		if err := json.Unmarshal(b, &old); err != nil {
			t.Fatal(err)
		}
	}
	v := makeVectors(t, old.Access)
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	b = append(b, '\n')
	if *newVectors {
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	kept, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(kept, b) {
		t.Error("what the code makes is not what stands in testdata/vectors.json")
	}
}

func makeVectors(t *testing.T, access accessVector) vectors {
	t.Helper()
	random := rand.NewChaCha8([32]byte([]byte("sealpost keyring vectors, seed 1")))
	m := maker{random: random, address: testAddress, account: testAccount, passphrase: testPhrase}
	keys, public, list := sampleKeys(t)
	m.list = &list
	o, j, kit, err := m.join(keys, public, true)
	check(t, err)
	v := vectors{
		Master:   o.master.b[:],
		Purposes: map[string][]byte{},
		Kit:      kitVector{kit.b[:], kit.Words(), kit.Proof(), keyBytes(kit.wrap())},
		Join:     joinVector{m.address, m.account, o.Fingerprint, string(testPhrase), o.secret.b[:], kit.Words(), j},
		Padded:   map[int]int{},
		Folded:   map[string]string{},
		Words:    map[string][]string{},
	}
	for _, purpose := range []string{"keys", "settings", "pages", "segments"} {
		v.Purposes[purpose] = keyBytes(o.master.forPurpose(purpose))
	}
	for _, plain := range []string{"", "x", strings.Repeat("The quick brown fox. ", 50)} {
		c := Context{Account: testAccount, Purpose: "drafts", Name: "größe", Version: 1 << 40, Extra: "extra"}
		box, err := seal(random, o.master, c, []byte(plain))
		check(t, err)
		v.Boxes = append(v.Boxes, boxVector{o.master.b[:], string(c.bytes()), []byte(plain), box})
	}
	for _, p := range []string{"correct horse battery staple", "ﬁancé Ⅷ ｶﾞ", "パスワード🔑"} {
		for _, k := range []KDF{DefaultKDF(), {"argon2id", 65536 + 8, 3, 2}} {
			h, err := Derive(Passphrase(p), o.secret, j.Salt, k)
			check(t, err)
			v.Phrases = append(v.Phrases, phraseVector{p, o.secret.b[:], j.Salt, k, h.Proof(), keyBytes(h.wrap)})
		}
	}
	prf := Key{[32]byte{1, 2, 3}}
	input := PRFInput()
	v.Passkey = map[string][]byte{"prf": prf.b[:], "key": keyBytes(PasskeyKey(prf)), "input": input[:]}
	v.Access = accessVectorOf(t, o, j, access)
	v.Page = pageOf(t, m, o)
	v.Parcel = parcelOf(t, o, public)
	for _, n := range []int{0, 1, 2, 9, 100, 1000, 1025, 65537, 1 << 20, 1<<20 + 1, 15_000_001} {
		v.Padded[n] = padme(n)
	}
	for _, s := range foldSamples {
		v.Folded[s] = mail.Fold(s)
		v.Words[s] = wordsOf(t, s)
	}
	return v
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func keyBytes(k Key) []byte { return k.b[:] }

// sampleKeys are those of the samples of pgp, so that one owner opens all vectors.
func sampleKeys(t *testing.T) (*pgp.SecretKeys, []byte, pgp.ListKey) {
	t.Helper()
	dir := filepath.Join("..", "testdata", "v1")
	secret, err := os.ReadFile(filepath.Join(dir, "compat.secret.asc"))
	check(t, err)
	keys, err := pgp.ParseSecretKeys(secret, nil)
	check(t, err)
	public, err := keys.Certificate()
	check(t, err)
	text, err := os.ReadFile(filepath.Join(dir, "list.pem"))
	check(t, err)
	list, err := pgp.ParseListKey(text)
	check(t, err)
	return keys, public, list
}

// accessVectorOf keeps a grant that opens, since HPKE draws its own randomness.
func accessVectorOf(t *testing.T, o *Owner, j Join, old accessVector) accessVector {
	t.Helper()
	key, err := ecdh.X25519().NewPrivateKey(bytes.Repeat([]byte{7}, 32))
	check(t, err)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	check(t, err)
	asking := Asking{key, foldAddress(testAddress)}
	if _, err := asking.Accept(old.Grant, o.Identity, j.Ring()); err != nil {
		if !*newVectors {
			t.Errorf("the grant of testdata/vectors.json: %v", err)
		}
		old.Grant, err = o.Grant(asking.PublicKey(), strings.Join(asking.Words(), " "))
		check(t, err)
	}
	return accessVector{testAddress, der, asking.PublicKey(), asking.Words(), old.Grant}
}

func pageOf(t *testing.T, m maker, o *Owner) itemVector {
	t.Helper()
	name := hex.EncodeToString([]byte("page no."))
	content := `{"v":1,"cards":[{"v":1,"m":"AAECAwQFBgcICQoLDA0ODw==","s":"Größe","fn":"Bob","f":"bob@example.net","to":2,"d":1795338000,"a":1795338060,"p":"Hello","at":[{"n":"a.pdf","t":"application/pdf","s":1234}],"c":"sealed on arrival","ok":true,"dm":"pass","sp":"pass","dk":"pass","mid":"000102030405060708090a0b0c0d0e0f"}]}`
	c := Context{Account: o.Account, Purpose: "pages", Name: name, Version: 1}
	box, err := seal(m.random, o.master.forPurpose("pages"), c, Pad("pages", []byte(content)))
	check(t, err)
	return itemVector{"pages", name, 1, content, box}
}

func parcelOf(t *testing.T, o *Owner, certificate []byte) (v parcelVector) {
	t.Helper()
	random := rand.NewChaCha8([32]byte([]byte("sealpost keyring vectors, seed 2")))
	p := Parcel{Password: "ﬁve wörds", Hint: "où étions-nous ?", Ends: testTime.AddDate(0, 0, 14), Answers: 5}
	p.Letter.From.Name, p.Letter.From.Address, p.Letter.To = "Alice", testAddress, "Outsider@elsewhere.example"
	p.Letter.Subject, p.Letter.Text, p.Letter.HTML, p.Letter.Date, p.Letter.MessageID = "Größe", "hello", "<p>hello</p>", testTime.Unix(), "<1@example.org>"
	p.Letter.Files = []LetterFile{{Name: "a.txt", Type: "text/plain", Data: []byte("kiwi")}, {Name: "b", Type: "image/png", ContentID: "c@d", Data: []byte{0, 1, 2}}}
	link, box, err := o.sealParcel(random, p, certificate)
	check(t, err)
	letter, hint, err := OpenParcel(link, p.Password, box)
	check(t, err)
	weak := parcelHead{1, hint, KDF{"argon2id", 8 << 10, 1, 1}, bytes.Repeat([]byte{1}, saltSize)}
	inner, err := seal(random, link.letterKey(p.Password, weak), link.letterContext(weak), p.Letter.encode())
	check(t, err)
	head, err := json.Marshal(weak)
	check(t, err)
	content := append(sized(head), sized(inner)...)
	weakBox, err := seal(random, link.key(), link.context(), content)
	check(t, err)
	return parcelVector{link.Fragment(), string(p.Password), hint, box, weakBox, letter, link.Name[parcelStem:]}
}

// wordsOf are the terms of a mail that says s and nothing else.
func wordsOf(t *testing.T, s string) []string {
	t.Helper()
	text := bytes.NewReader([]byte("Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" + s))
	return mail.Look(t.Context(), text, mail.DefaultLimits).Terms
}

var foldSamples = []string{
	"Hello", "GRÖSSE größe Straße", "ﬁnal ﬂag", "ΣΊΣΥΦΟΣ σίσυφος", "Ёлка Йод", "İstanbul ISTANBUL ılık", "naïve co\u00adop", "Ａｂｃ１２３",
	"ガギ ｶﾞｷﾞ がぎ", "日本語のテスト", "한국어 시험", "การทดสอบ", "नमस्ते", "שָׁלוֹם", "مُحَمَّد", "Å ñ Đ ø ł", "x² ½ №5", "a_b-c.d", "ǰ ŉ ΐ ẞ",
	"e\u0301te\u0301", "🔑 key", "ﬀ ﷺ", "zero\u200bwidth zero\u200djoin", "I.B.M. o'clock", "ӐԱև Ꭰ ꭰ",
}
