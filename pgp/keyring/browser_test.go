package keyring

import (
	"bytes"
	"crypto/ecdh"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sealpost/mail"
	"sealpost/pgp"
)

// browserSample is what the browser client made (webmail/ui/src/vault/sample.test.ts).
type browserSample struct {
	Join       Join   `json:"join"`
	Words      string `json:"words"`
	Passphrase string `json:"passphrase"`
	Grant      []byte `json:"grant"`
	Card       []byte `json:"card"`
	Page       struct {
		Name    string `json:"name"`
		Version uint64 `json:"version"`
		Box     []byte `json:"box"`
	} `json:"page"`
	Mail   []byte `json:"mail"`
	Sent   []byte `json:"sent"`
	Parcel struct {
		Link     string `json:"link"`
		Password string `json:"password"`
		Box      []byte `json:"box"`
		Answer   []byte `json:"answer"`
	} `json:"parcel"`
}

func openBrowserSample(t *testing.T) (browserSample, *Owner) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "browser.json"))
	check(t, err)
	var s browserSample
	check(t, json.Unmarshal(b, &s))
	cert, err := pgp.ParseCert(s.Join.Certificate)
	check(t, err)
	kit, err := ParseKit(s.Words)
	check(t, err)
	if !bytes.Equal(kit.Proof(), s.Join.KitProof) {
		t.Error("the kit's proof is another")
	}
	o, err := OpenByKit(kit, Identity{s.Join.Account, s.Join.Address, cert.Fingerprint()}, s.Join.Ring())
	check(t, err)
	return s, o
}

func TestBrowserMadeKeyringOpens(t *testing.T) {
	t.Parallel()
	s, o := openBrowserSample(t)
	h, err := Derive(Passphrase(s.Passphrase), o.Secret(), s.Join.Salt, s.Join.KDF)
	check(t, err)
	if !bytes.Equal(h.Proof(), s.Join.Proof) {
		t.Error("the passphrase's proof is another")
	}
	again, err := OpenByPassphrase(h, o.Identity, s.Join.Ring())
	check(t, err)
	if again.master != o.master || !bytes.Equal(o.ListKey().Public(), s.Join.ListKey) {
		t.Error("passphrase and kit open different things")
	}
	key, err := ecdh.X25519().NewPrivateKey(bytes.Repeat([]byte{7}, 32))
	check(t, err)
	if _, err := (Asking{key, foldAddress(o.Address)}).Accept(s.Grant, o.Identity, s.Join.Ring()); err != nil {
		t.Errorf("grant: %v", err)
	}
}

func TestBrowserMadeCardsOpen(t *testing.T) {
	t.Parallel()
	s, o := openBrowserSample(t)
	card, err := pgp.OpenCard(s.Card, o.ListKey())
	check(t, err)
	if len(s.Card)%128 != 0 || card.Subject != "Größe & <canary>" || card.Recipients != 3 || !card.Verified || card.Class != pgp.Both || len(card.References) != 2 || card.Attachments[0].Size != 12 {
		t.Errorf("%d bytes: %+v", len(s.Card), card)
	}
	page, err := o.OpenItem("pages", s.Page.Name, s.Page.Version, s.Page.Box)
	check(t, err)
	var p struct {
		Version int `json:"v"`
		Cards   []struct {
			pgp.Card
			Mail string `json:"mid"`
		} `json:"cards"`
	}
	check(t, json.Unmarshal(page, &p))
	if len(page) != padme(len(page)) || p.Version != 1 || len(p.Cards) != 1 || p.Cards[0].Mail != "00112233445566778899aabbccddeeff" || !slices.Equal(p.Cards[0].References, card.References) {
		t.Errorf("%+v", p)
	}
}

// What a browser composed opens here, and the server knows it for what it is: mail
// that its sender encrypted, which is kept as it came.
func TestBrowserMadeMailOpens(t *testing.T) {
	t.Parallel()
	s, o := openBrowserSample(t)
	cert, err := pgp.ParseCert(s.Join.Certificate)
	check(t, err)
	for name, sent := range map[string][]byte{"mail": s.Mail, "sent": s.Sent} {
		var out bytes.Buffer
		_, err := pgp.Opener{Keys: o.Keys()}.Open(t.Context(), bytes.NewReader(sent), &out)
		check(t, err)
		g := mail.Look(t.Context(), bytes.NewReader(out.Bytes()), mail.DefaultLimits)
		if g.Subject != "Grüße from a browser" || g.FromName != "Alice Exämple" || len(g.Attachments) != 1 || g.Attachments[0].Name != "größe.txt" || !slices.Contains(g.Terms, "kumquat") || !g.Complete {
			t.Errorf("%s: %+v", name, g)
		}
		if !strings.Contains(out.String(), "HP-Outer: Subject: [...]\r\n") || bytes.Contains(sent, []byte("kumquat")) {
			t.Errorf("%s: the header is not protected:\n%s", name, out.String())
		}
		look := mail.Look(t.Context(), bytes.NewReader(sent), mail.DefaultLimits)
		sealed, err := pgp.Seal(t.Context(), pgp.Mail{Bytes: bytes.NewReader(sent), Gist: look, Time: testTime}, pgp.Recipient{Cert: cert, Profile: pgp.Compat, Level: pgp.Baseline})
		check(t, err)
		if sealed.Class() != pgp.EndToEnd {
			t.Errorf("%s: the server takes it for %q", name, sealed.Class())
		}
	}
}
