package pgp

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"strings"
	"sync"
	"testing"
	"time"

	"sealpost/mail"
)

var testTime = time.Date(2025, 11, 22, 10, 20, 30, 0, time.FixedZone("", 3600))

// owner is one side that seals and opens.
type owner struct {
	Recipient
	secret  []byte
	keys    *SecretKeys
	listKey ListKey
}

// testOwners are made once: keys do not change in a test.
var testOwners = sync.OnceValue(func() map[Profile]*owner {
	return map[Profile]*owner{Compat: makeOwner(Compat), Modern: makeOwner(Modern)}
})

func makeOwner(p Profile) *owner {
	secret, public, err := GenerateKey("Alice", "alice@demo.test", p, testTime.Add(-time.Hour))
	must(err)
	o := &owner{secret: secret}
	o.keys, err = ParseSecretKeys(secret, nil)
	must(err)
	o.listKey, err = GenerateListKey()
	must(err)
	cert, err := ParseCert(public)
	must(err)
	pseudonym := sha256.Sum256([]byte("pseudonym"))
	o.Recipient = Recipient{Cert: cert, Profile: p, Level: Baseline, ListKey: o.listKey.Public(), Pseudonym: pseudonym[:]}
	return o
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// at is the owner at another header level.
func (o *owner) at(l Level) Recipient {
	r := o.Recipient
	r.Level = l
	return r
}

const testTrace = "Return-Path: <bob@example.org>\r\nReceived: from example.org by demo.test;\r\n\tSat, 22 Nov 2025 10:20:30 +0100\r\n"

func arrived(raw []byte) Mail {
	b := bytes.NewReader(raw)
	return Mail{Bytes: b, Gist: mail.Look(context.Background(), b, mail.DefaultLimits), Trace: []byte(testTrace), Time: testTime}
}

func crlf(s string) []byte { return []byte(strings.ReplaceAll(s, "\n", "\r\n")) }

var plainMail = crlf(`From: Bob Example <bob@example.org>
To: alice@demo.test
Subject: the secret canary
Date: Sat, 22 Nov 2025 10:20:00 +0100
Message-ID: <1@example.org>
In-Reply-To: <0@example.org>
References: <00@example.org> <0@example.org>
MIME-Version: 1.0
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: 8bit

Hello Alice, here is the canary: kumquat.
`)

func mustSeal(t testing.TB, m Mail, to Recipient) Sealed {
	t.Helper()
	s, err := Seal(context.Background(), m, to)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// raw gives a letter's bytes and checks that they are as long as announced.
func raw(t testing.TB, s Sealed, k Kind) []byte {
	t.Helper()
	for _, l := range s.Letters() {
		if l.Kind != k {
			continue
		}
		var b bytes.Buffer
		if _, err := l.WriteTo(&b); err != nil {
			t.Fatal(err)
		}
		if int64(b.Len()) != l.Size() {
			t.Fatalf("letter %d has %d bytes, announced were %d", k, b.Len(), l.Size())
		}
		return b.Bytes()
	}
	return nil
}

func (o *owner) open(restore bool, letters ...[]byte) (string, Opened, error) {
	var out bytes.Buffer
	found, err := Opener{Keys: o.keys, ListKey: o.listKey, Restore: restore}.
		Open(context.Background(), bytes.NewReader(bytes.Join(letters, nil)), &out)
	return out.String(), found, err
}

func TestSealAndOpen(t *testing.T) {
	t.Parallel()
	for p, o := range testOwners() {
		s := mustSeal(t, arrived(plainMail), o.Recipient)
		message := raw(t, s, KindMessage)
		shown, found, err := o.open(false, message)
		if err != nil {
			t.Fatalf("%s: %v", p, err)
		}
		if found.Class != SealedOnArrival || !found.Arrived.Equal(testTime) {
			t.Errorf("%s: found %+v", p, found)
		}
		for _, want := range []string{testTrace, "HP-Outer: Subject: [...]\r\n", "hp=\"cipher\"", "Subject: the secret canary", "kumquat"} {
			if !strings.Contains(shown, want) {
				t.Errorf("%s: %q is missing in %q", p, want, shown)
			}
		}
		if restored, _, err := o.open(true, message); err != nil || restored != string(plainMail) {
			t.Errorf("%s: restored %q, %v", p, restored, err)
		}
		keys, err := SessionKeys(bytes.NewReader(message))
		if err != nil {
			t.Fatal(err)
		}
		terms, _, err := o.open(false, keys, raw(t, s, KindTerms))
		if err != nil || !strings.Contains(terms, "kumquat\n") {
			t.Errorf("%s: terms %q, %v", p, terms, err)
		}
		card, err := OpenCard(raw(t, s, KindCard), o.listKey)
		if err != nil || card.Subject != "the secret canary" || !card.Belongs(keys) {
			t.Errorf("%s: card %+v, %v", p, card, err)
		}
		t.Logf("%s: message %d, terms %d, card %d bytes\n%s", p, len(message), len(raw(t, s, KindTerms)), len(raw(t, s, KindCard)), s.Outer())
	}
}

// restorePayload undoes the protection of a decrypted message letter.
func restorePayload(decrypted []byte, w *bytes.Buffer) error {
	r := bufio.NewReader(bytes.NewReader(decrypted))
	p, err := readPayload(r)
	if err != nil {
		return err
	}
	return p.write(r, w, true)
}

func bufioReader(b []byte) *bufio.Reader { return bufio.NewReader(bytes.NewReader(b)) }
