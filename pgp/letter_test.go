package pgp

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"
)

func sample(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "v1", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// letterOwner is whom the samples of one profile are sealed to.
func letterOwner(t testing.TB, profile string) Recipient {
	t.Helper()
	entities, err := openpgp.ReadArmoredKeyRing(bytes.NewReader(sample(t, profile+".secret.asc")))
	if err != nil {
		t.Fatal(err)
	}
	public, err := newCert(entities[0])
	if err != nil {
		t.Fatal(err)
	}
	key, err := ParseListKey(sample(t, "list.pem"))
	if err != nil {
		t.Fatal(err)
	}
	return Recipient{Cert: public, Profile: Profile(profile), Level: Baseline, ListKey: key.Public()}
}

func TestParseLetter(t *testing.T) {
	t.Parallel()
	for _, profile := range []string{"compat", "modern"} {
		to := letterOwner(t, profile)
		card, terms := sample(t, profile+".card"), sample(t, profile+".terms.pgp")
		message := sample(t, profile+".message.pgp")
		keys, err := SessionKeys(bytes.NewReader(message))
		if err != nil {
			t.Fatal(err)
		}
		if BringsSessionKey(bytes.NewReader(terms)) {
			terms = terms[len(keys):]
		}
		whole := append(bytes.Clone(keys), terms...)
		for what, good := range map[string]struct {
			kind   Kind
			octets []byte
		}{"card": {KindCard, card}, "terms": {KindTerms, terms}, "terms with their key": {KindTerms, whole}} {
			l, err := ParseLetter(good.kind, good.octets, to)
			if err != nil {
				t.Errorf("%s: %s: %v", profile, what, err)
				continue
			}
			var b bytes.Buffer
			if n, err := l.WriteTo(&b); err != nil || n != l.Size() || !bytes.Equal(b.Bytes(), good.octets) || l.Kind != good.kind {
				t.Errorf("%s: %s came back changed", profile, what)
			}
		}
		text := []byte("Subject: hello\r\n\r\nthis is readable\r\n")
		other := letterOwner(t, map[string]string{"compat": "modern", "modern": "compat"}[profile])
		stranger := to
		key, err := GenerateListKey()
		if err != nil {
			t.Fatal(err)
		}
		stranger.ListKey = key.Public()
		for what, bad := range map[string]struct {
			kind   Kind
			octets []byte
			to     Recipient
		}{
			"no kind":                     {0, card, to},
			"a message":                   {KindMessage, message, to},
			"a header":                    {KindHeader, message, to},
			"a body":                      {KindBody, terms, to},
			"no card":                     {KindCard, nil, to},
			"a readable card":             {KindCard, []byte(strings.Repeat(`{"v":1,"s":"hello"}     `, 32)), to},
			"a card of another list key":  {KindCard, card, stranger},
			"a card without list key":     {KindCard, card, Recipient{Cert: to.Cert}},
			"a card not padded":           {KindCard, card[:len(card)-1], to},
			"a card too large":            {KindCard, append(bytes.Clone(card), make([]byte, maxCard)...), to},
			"a card for terms":            {KindTerms, card, to},
			"terms for a card":            {KindCard, terms, to},
			"no terms":                    {KindTerms, nil, to},
			"readable terms":              {KindTerms, text, to},
			"terms cut short":             {KindTerms, terms[:len(terms)-1], to},
			"terms and more":              {KindTerms, append(bytes.Clone(terms), 0), to},
			"terms twice":                 {KindTerms, append(bytes.Clone(terms), terms...), to},
			"terms and a literal":         {KindTerms, append(bytes.Clone(terms), 0xcb, 2, 'b', 0), to},
			"a literal":                   {KindTerms, append([]byte{0xcb, byte(len(text))}, text...), to},
			"a marker in front":           {KindTerms, append([]byte{0xca, 3, 'P', 'G', 'P'}, terms...), to},
			"padding in front":            {KindTerms, append([]byte{0xd5, 1, 'x'}, terms...), to},
			"two session keys":            {KindTerms, append(bytes.Clone(keys), whole...), to},
			"a session key alone":         {KindTerms, keys, to},
			"terms of another account":    {KindTerms, whole, other},
			"terms too large":             {KindTerms, append([]byte{0xd2, 0xff, 0, 0x20, 0, 0, 1}, make([]byte, 2<<20-1)...), to},
			"terms without a certificate": {KindTerms, terms, Recipient{}},
		} {
			if _, err := ParseLetter(bad.kind, bad.octets, bad.to); err != ErrLetter {
				t.Errorf("%s: %s: %v", profile, what, err)
			}
		}
	}
}

// FuzzParseLetter: what is taken is a card of this list key or one SEIPD packet, and
// comes back as it was.
func FuzzParseLetter(f *testing.F) {
	to := letterOwner(f, "compat")
	for _, name := range []string{"compat.card", "compat.terms.pgp", "compat.message.pgp", "compat.e2e.message.pgp", "modern.terms.pgp"} {
		b := sample(f, name)
		f.Add(byte(KindTerms), b)
		f.Add(byte(KindCard), b)
	}
	f.Fuzz(func(t *testing.T, kind byte, b []byte) {
		BringsSessionKey(bytes.NewReader(b))
		l, err := ParseLetter(Kind(kind), b, to)
		if err != nil {
			return
		}
		var out bytes.Buffer
		if _, err := l.WriteTo(&out); err != nil || !bytes.Equal(out.Bytes(), b) {
			t.Fatalf("came back changed: %v", err)
		}
		switch l.Kind {
		case KindCard:
			if len(b)%128 != 0 || len(b) > 8<<10 || b[0] != 1 {
				t.Fatal("no card")
			}
		case KindTerms:
			if tag := b[0] & 0x3f; b[0]&0xc0 == 0xc0 && tag != 1 && tag != 18 {
				t.Fatalf("begins with packet %d", tag)
			}
		default:
			t.Fatalf("kind %d was taken", l.Kind)
		}
	})
}
