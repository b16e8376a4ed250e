package pgp

import (
	"bytes"
	"encoding/pem"
	"os"
	"slices"
	"strings"
	"testing"

	"sealpost/mail"
)

func TestCardIsBoundToItsKeyAndMail(t *testing.T) {
	t.Parallel()
	o, other := testOwners()[Compat], testOwners()[Modern]
	s := mustSeal(t, arrived(plainMail), o.Recipient)
	sealed := raw(t, s, KindCard)
	keys, err := SessionKeys(bytes.NewReader(raw(t, s, KindMessage)))
	if err != nil {
		t.Fatal(err)
	}
	c, err := OpenCard(sealed, o.listKey)
	if err != nil || !c.Belongs(keys) || c.From != "bob@example.org" || c.FromName != "Bob Example" || c.MessageID != "<1@example.org>" ||
		c.InReplyTo != "<0@example.org>" || len(c.References) != 2 || c.Recipients != 1 || c.Arrived != testTime.Unix() || c.Class != SealedOnArrival ||
		c.Incomplete || !strings.Contains(c.Snippet, "kumquat") || c.Date != testTime.Unix()-30 {
		t.Errorf("card %+v, %v", c, err)
	}
	swapped, err := OpenCard(raw(t, mustSeal(t, arrived(plainMail), o.Recipient), KindCard), o.listKey)
	if err != nil || swapped.Belongs(keys) {
		t.Errorf("a swapped card goes unnoticed (%v)", err)
	}
	if _, err := OpenCard(sealed, other.listKey); err == nil {
		t.Error("another list key opens it")
	}
	for i := range sealed {
		bad := bytes.Clone(sealed)
		bad[i] ^= 1
		if _, err := OpenCard(bad, o.listKey); err == nil {
			t.Fatalf("bit flipped at %d goes unnoticed", i)
		}
	}
	for _, b := range [][]byte{nil, sealed[:20], sealed[:len(sealed)-1], append(bytes.Clone(sealed), 0), make([]byte, maxCard+1)} {
		if _, err := OpenCard(b, o.listKey); err == nil {
			t.Errorf("%d bytes were taken for a card", len(b))
		}
	}
	if shown, found, err := o.open(false, sealed); err != nil || found.Kind != KindCard || !strings.Contains(shown, "the secret canary") {
		t.Errorf("opened %q, %v", shown, err)
	}
	var text bytes.Buffer
	must(Armor(&text, KindCard, bytes.NewReader(sealed)))
	if shown, _, err := o.open(false, text.Bytes()); err != nil || !strings.Contains(shown, "the secret canary") {
		t.Errorf("opened %q, %v", shown, err)
	}
}

// TestCardIsBounded fills every field with the worst.
func TestCardIsBounded(t *testing.T) {
	t.Parallel()
	o := testOwners()[Compat]
	for _, filler := range []string{"\x01", "\"", "\\", "\u2028", "ü", "\xff", "<"} {
		text := strings.Repeat(filler, 1000)
		g := &mail.Gist{Subject: text, FromName: text, From: text, Snippet: text, MessageID: "<" + text[:150] + ">"}
		for range 100 {
			g.Attachments = append(g.Attachments, mail.Attachment{Name: text, Type: text, Size: 1 << 40})
			g.References = append(g.References, "<"+text[:190]+">")
		}
		for range 3 {
			g.To = append(g.To, mail.Mailbox{Name: text, Local: text, Domain: text})
		}
		sealed, err := sealCard(newCard(Mail{Time: testTime, Junk: text, Verdict: Verdict{text, text, text, true}}, g, Both, make([]byte, 16)), o.listKey.Public())
		if err != nil || len(sealed) > maxCard || len(sealed)%cardStep != 0 {
			t.Fatalf("%q: %d bytes, %v", filler, len(sealed), err)
		}
		if c, err := OpenCard(sealed, o.listKey); err != nil || len(c.Attachments) != 8 || c.More != 92 || len(c.To) != 3 {
			t.Errorf("%q: card %+v, %v", filler, c, err)
		}
	}
}

// TestCardTellsTheVerdict: a list shows who a mail is really from, and why it is junk.
func TestCardTellsTheVerdict(t *testing.T) {
	t.Parallel()
	o := testOwners()[Modern]
	m := arrived(plainMail)
	m.Junk, m.Verdict = "it looks like it", Verdict{DMARC: "pass", SPF: "softfail", DKIM: "pass", Verified: true}
	c, err := OpenCard(raw(t, mustSeal(t, m, o.Recipient), KindCard), o.listKey)
	if err != nil || c.Junk != m.Junk || !c.Verified || c.DMARC != "pass" || c.SPF != "softfail" || c.DKIM != "pass" {
		t.Errorf("card %+v, %v", c, err)
	}
	plain, err := OpenCard(raw(t, mustSeal(t, arrived(plainMail), o.Recipient), KindCard), o.listKey)
	if err != nil || plain.Junk+plain.DMARC+plain.SPF+plain.DKIM != "" || plain.Verified {
		t.Errorf("a mail that nobody judged has a verdict: %+v, %v", plain, err)
	}
}

var (
	mailToFive = crlf("From: alice@example.org\nTo: Bob =?utf-8?q?Gr=C3=BC?= <bob@example.net>, carol@example.com\nCc: Dan <dan@example.com>,\n" +
		" e@example.com, f@example.com\nSubject: s\nMessage-ID: <1@example.org>\n\nx\n")
	toThree = []CardAddress{{"Bob Grü", "bob@example.net"}, {"", "carol@example.com"}, {"Dan", "dan@example.com"}}
)

// TestCardNamesRecipients: of mail that its owner sent or put there, a list shows whom it
// went to; the card of what came in at the door has no room for that.
func TestCardNamesRecipients(t *testing.T) {
	t.Parallel()
	o := testOwners()[Compat]
	m := arrived(mailToFive)
	m.Trace = nil
	c, err := OpenCard(raw(t, mustSeal(t, m, o.Recipient), KindCard), o.listKey)
	if err != nil || !slices.Equal(c.To, toThree) || c.Recipients != 5 {
		t.Errorf("recipients %+v of %d, %v", c.To, c.Recipients, err)
	}
	m.Trace = []byte("Received: from x by y; Mon, 1 Jan 2024 00:00:00 +0000\r\n")
	c, err = OpenCard(raw(t, mustSeal(t, m, o.Recipient), KindCard), o.listKey)
	if err != nil || c.To != nil || c.Recipients != 5 {
		t.Errorf("what arrived names %+v of %d, %v", c.To, c.Recipients, err)
	}
}

// TestSentCardStaysReadable: docs/formats.md refers to this file, as the browser's tests do.
func TestSentCardStaysReadable(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("testdata/v1/list.pem")
	must(err)
	list, err := ParseListKey(text)
	must(err)
	sealed, err := os.ReadFile("testdata/v1/sent.card")
	must(err)
	if c, err := OpenCard(sealed, list); err != nil || !slices.Equal(c.To, toThree) || c.Recipients != 5 || c.From != "alice@example.org" {
		t.Errorf("card %+v, %v", c, err)
	}
}

func TestNoCardWithoutListKey(t *testing.T) {
	t.Parallel()
	r := testOwners()[Compat].Recipient
	r.ListKey = nil
	if raw(t, mustSeal(t, arrived(plainMail), r), KindCard) != nil {
		t.Error("a card to nobody")
	}
}

func TestListKeys(t *testing.T) {
	t.Parallel()
	k, err := GenerateListKey()
	if err != nil {
		t.Fatal(err)
	}
	text, err := k.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	again, err := ParseListKey(text)
	if err != nil || !bytes.Equal(again.Public(), k.Public()) {
		t.Errorf("read again: %v", err)
	}
	public, err := ParseListPublic(FormatListPublic(k.Public()) + "\n")
	if err != nil || !bytes.Equal(public, k.Public()) {
		t.Errorf("public half: %v", err)
	}
	block, _ := pem.Decode(text)
	for name, bad := range map[string]string{
		"nothing": "", "zero point": FormatListPublic(make([]byte, 32)), "short": FormatListPublic(k.Public()[:31]),
		"the private half": string(text), "noise": "@@@",
		"another key": string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: block.Bytes})),
	} {
		if _, err := ParseListPublic(bad); err == nil {
			t.Errorf("%s was taken for a public list key", name)
		}
	}
	for _, bad := range []string{"", "hello", FormatListPublic(k.Public())} {
		if _, err := ParseListKey([]byte(bad)); err == nil {
			t.Errorf("%q was taken for a list key", bad)
		}
	}
	if strings.Contains(k.String()+k.LogValue().String(), "=") {
		t.Error("a list key shows itself")
	}
}

func FuzzOpenCard(f *testing.F) {
	o := testOwners()[Compat]
	sealed, err := sealCard(Card{Version: 1, Subject: "s"}, o.listKey.Public())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sealed)
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := OpenCard(b, o.listKey); err == nil && !bytes.Equal(b, sealed) {
			t.Fatal("a card that was never sealed")
		}
	})
}
