package pgp

import (
	"bytes"
	"strings"
	"testing"
)

// pretend builds mails around armored packets in the ways that a sender may try.
type pretend struct {
	name   string
	mail   func(armor string) string
	packet func(t *testing.T, o *owner, good []byte) []byte
	class  Class
	form   Form
}

func same(_ *testing.T, _ *owner, good []byte) []byte { return good }

const pgpMIME = "From: a@b.example\nSubject: s\nMIME-Version: 1.0\nContent-Type: multipart/encrypted; protocol=\"application/pgp-encrypted\"; boundary=x\n\n" +
	"--x\nContent-Type: application/pgp-encrypted\n\nVersion: 1\n\n--x\nContent-Type: application/octet-stream\n\n"

func inMIME(armor string) string { return pgpMIME + armor + "\n--x--\n" }

func inline(armor string) string {
	return "From: a@b.example\nContent-Type: text/plain; charset=iso-8859-1\n\n" + armor
}

// replaced changes the framing by one replacement.
func replaced(old, with string) func(string) string {
	return func(armor string) string {
		m := inMIME(armor)
		if !strings.Contains(m, old) {
			panic(old + " is not there")
		}
		return strings.Replace(m, old, with, 1)
	}
}

// pretends is ATTACKS B10: what is left as the sender encrypted it, and what
// only looks like it and is sealed.
var pretends = []pretend{
	{"PGP/MIME", inMIME, same, EndToEnd, FormMIME},
	{"preamble and epilogue", func(a string) string {
		return strings.Replace(inMIME(a), "\n\n--x", "\n\nkumquat\n--x", 1) + "kumquat\n"
	}, same, EndToEnd, FormMIME},
	{"inline", inline, same, EndToEnd, FormInline},
	{"inline without a type", func(a string) string { return "From: a@b.example\n\n" + a }, same, EndToEnd, FormInline},
	{"two recipients", inMIME, func(t *testing.T, o *owner, good []byte) []byte {
		return append(pkeskFor(t, testOwners()[Modern]), good...)
	}, EndToEnd, FormMIME},

	{"uneven lines", func(a string) string {
		i := strings.Index(a, "\n\n") + 2
		return inMIME(a[:i+10] + "\n" + a[i+10:])
	}, same, Both, FormMIME},
	{"space behind a line", func(a string) string { i := strings.Index(a, "\n\n") + 66; return inMIME(a[:i] + " " + a[i:]) }, same, Both, FormMIME},
	{"long epilogue", func(a string) string { return inMIME(a) + strings.Repeat("kumquat\n", 10_000) }, same, Both, FormMIME},

	{"text in packets' place", inMIME, func(*testing.T, *owner, []byte) []byte {
		return []byte("kumquat kumquat kumquat kumquat kumquat kumquat")
	}, SealedOnArrival, FormMIME},
	{"a literal packet", inMIME, func(*testing.T, *owner, []byte) []byte {
		return append(appendPacketHeader(nil, 11, 13), "b\x00\x00\x00\x00\x00kumquat"...)
	}, SealedOnArrival, FormMIME},
	{"only PKESK", inMIME, func(t *testing.T, o *owner, good []byte) []byte { return pkeskFor(t, o) }, SealedOnArrival, FormMIME},
	{"only SEIPD", inMIME, func(t *testing.T, o *owner, good []byte) []byte { return good[len(pkeskFor(t, o)):] }, SealedOnArrival, FormMIME},
	{"literal behind", inMIME, func(_ *testing.T, _ *owner, good []byte) []byte {
		return append(bytes.Clone(good), append(appendPacketHeader(nil, 11, 13), "b\x00\x00\x00\x00\x00kumquat"...)...)
	}, SealedOnArrival, FormMIME},
	{"literal in front", inMIME, func(_ *testing.T, _ *owner, good []byte) []byte {
		return append(append(appendPacketHeader(nil, 11, 13), "b\x00\x00\x00\x00\x00kumquat"...), good...)
	}, SealedOnArrival, FormMIME},
	{"octets behind", inMIME, func(_ *testing.T, _ *owner, good []byte) []byte {
		return append(bytes.Clone(good), "kumquat"...)
	}, SealedOnArrival, FormMIME},
	{"marker", inMIME, func(_ *testing.T, _ *owner, good []byte) []byte {
		return append([]byte{0xca, 3, 'P', 'G', 'P'}, good...)
	}, SealedOnArrival, FormMIME},
	{"padding packet", inMIME, func(_ *testing.T, _ *owner, good []byte) []byte {
		return append(append(appendPacketHeader(nil, 21, 7), "kumquat"...), good...)
	}, SealedOnArrival, FormMIME},
	{"SKESK", inMIME, func(_ *testing.T, _ *owner, good []byte) []byte {
		return append(append(appendPacketHeader(nil, 3, 4), 4, 9, 0, 8), good...)
	}, SealedOnArrival, FormMIME},
	{"two messages", inMIME, func(_ *testing.T, _ *owner, good []byte) []byte {
		return append(bytes.Clone(good), good...)
	}, SealedOnArrival, FormMIME},
	{"packet without integrity", inMIME, func(t *testing.T, o *owner, good []byte) []byte {
		keys := pkeskFor(t, o)
		return append(keys, append(appendPacketHeader(nil, 9, 100), bytes.Repeat([]byte("kumquat "), 13)[:100]...)...)
	}, SealedOnArrival, FormMIME},
	{"SEIPD of text", inMIME, func(t *testing.T, o *owner, good []byte) []byte {
		return append(pkeskFor(t, o), append(appendPacketHeader(nil, tagSEIPD, 8), "\x07kumquat"...)...)
	}, SealedOnArrival, FormMIME},
	{"tiny SEIPD", inMIME, func(t *testing.T, o *owner, good []byte) []byte {
		return append(pkeskFor(t, o), append(appendPacketHeader(nil, tagSEIPD, 8), "\x01kumquat"...)...)
	}, SealedOnArrival, FormMIME},
	{"cut short", inMIME, func(_ *testing.T, _ *owner, good []byte) []byte { return good[:len(good)-30] }, SealedOnArrival, FormMIME},
	{"to somebody else", inMIME, func(t *testing.T, o *owner, good []byte) []byte {
		return append(pkeskFor(t, testOwners()[Modern]), good[len(pkeskFor(t, o)):]...)
	}, SealedOnArrival, FormMIME},
	{"to nobody by name", inMIME, func(t *testing.T, o *owner, good []byte) []byte {
		b := bytes.Clone(good)
		clear(b[3:11])
		return b
	}, EndToEnd, FormMIME},
	{"to nobody by name, another algorithm", inMIME, func(t *testing.T, o *owner, good []byte) []byte {
		b := bytes.Clone(good)
		clear(b[3:11])
		b[11] = 1
		return b
	}, SealedOnArrival, FormMIME},
	{"to nobody by name, version 6", inMIME, func(t *testing.T, o *owner, good []byte) []byte {
		keys := pkeskFor(t, o)
		b := append(appendPacketHeader(nil, tagPKESK, int64(len(keys)-9)), 6, 0)
		return append(append(b, keys[11:]...), good[len(keys):]...)
	}, EndToEnd, FormMIME},
	{"to no octets of a name, version 6", inMIME, func(t *testing.T, o *owner, good []byte) []byte {
		keys := pkeskFor(t, o)
		b := append(appendPacketHeader(nil, tagPKESK, int64(len(keys)-8)), 6, 1, 4)
		return append(append(b, keys[11:]...), good[len(keys):]...)
	}, SealedOnArrival, FormMIME},
	{"our key id, another algorithm", inMIME, func(t *testing.T, o *owner, good []byte) []byte {
		b := bytes.Clone(good)
		b[11] = 1
		return b
	}, SealedOnArrival, FormMIME},

	{"only the type says so", func(string) string { return pgpMIME + "kumquat\n\n--x--\n" }, same, SealedOnArrival, FormMIME},
	{"only the armor says so", func(string) string {
		return inline("-----BEGIN PGP MESSAGE-----\n\nkumquat\n-----END PGP MESSAGE-----\n")
	}, same, SealedOnArrival, FormMIME},
	{"text in front of inline", func(a string) string { return inline("kumquat\n" + a) }, same, SealedOnArrival, FormMIME},
	{"text behind inline", func(a string) string { return inline(a + "kumquat\n") }, same, SealedOnArrival, FormMIME},
	{"a word for a charset", func(a string) string { return strings.Replace(inline(a), "iso-8859-1", "kumquat", 1) }, same, EndToEnd, FormInline},
	{"HTML", func(a string) string { return strings.Replace(inline(a), "plain", "html", 1) }, same, SealedOnArrival, FormMIME},
	{"third part", replaced("\n--x--\n", "\n--x\n\nkumquat\n--x--\n"), same, SealedOnArrival, FormMIME},
	{"text in version part", replaced("\nVersion: 1", "\nVersion: 1\nkumquat"), same, SealedOnArrival, FormMIME},
	{"text in front of armor", replaced("-----BEGIN", "kumquat\n-----BEGIN"), same, SealedOnArrival, FormMIME},
	{"text behind armor", replaced("-----END PGP MESSAGE-----\n", "-----END PGP MESSAGE-----\nkumquat\n"), same, SealedOnArrival, FormMIME},
	{"no end", replaced("--x--\n", ""), same, SealedOnArrival, FormMIME},
	{"mixed", replaced("multipart/encrypted", "multipart/mixed"), same, SealedOnArrival, FormMIME},
	{"another protocol", replaced("application/pgp-encrypted\";", "application/pkcs7-mime\";"), same, SealedOnArrival, FormMIME},
	{"two types", replaced("MIME-Version", "Content-Type: text/plain\nMIME-Version"), same, SealedOnArrival, FormMIME},
	{"broken header", replaced("MIME-Version", "kumquat\nMIME-Version"), same, SealedOnArrival, FormMIME},
	{"base64 on top", replaced("MIME-Version", "Content-Transfer-Encoding: base64\nMIME-Version"), same, SealedOnArrival, FormMIME},
	{"base64 in the part", replaced("octet-stream\n", "octet-stream\nContent-Transfer-Encoding: base64\n"), same, SealedOnArrival, FormMIME},
	{"S/MIME", func(a string) string {
		return "From: a@b.example\nContent-Type: application/pkcs7-mime; smime-type=enveloped-data\n\n" + a
	}, same, SealedOnArrival, FormMIME},
}

// pkeskFor is a PKESK packet for an owner's key.
func pkeskFor(t *testing.T, o *owner) []byte {
	t.Helper()
	letter := message(t, o, []byte("x"))
	keys, err := SessionKeys(bytes.NewReader(letter))
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func armorText64(packets []byte) string {
	var b bytes.Buffer
	a := newArmorWriter(&b, 64)
	_, err := a.Write(packets)
	must(err)
	must(a.Close())
	return armorMessage + "\nVersion: Other 1.0\n\n" + strings.ReplaceAll(b.String(), "\r\n", "\n") + "=AAAA\n" + armorEnd + "\n"
}

func TestPretendEncrypted(t *testing.T) {
	t.Parallel()
	o := testOwners()[Compat]
	good := message(t, o, append(append(appendPacketHeader(nil, 11, 206), 'b', 0, 0, 0, 0, 0), bytes.Repeat([]byte{'.'}, 200)...))
	for _, c := range pretends {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m := crlf(c.mail(armorText64(c.packet(t, o, good))))
			s := mustSeal(t, arrived(m), o.Recipient)
			if s.Class() != c.class || s.Form() != c.form {
				t.Fatalf("class %q form %d, want %q %d", s.Class(), s.Form(), c.class, c.form)
			}
			checkOuter(t, c.name, s.Outer())
			for _, l := range s.Letters() {
				if b := raw(t, s, l.Kind); bytes.Contains(b, []byte("kumquat")) {
					t.Errorf("letter %d is readable", l.Kind)
				}
			}
			letters := [][]byte{raw(t, s, KindMessage)}
			if c.class == EndToEnd {
				letters = [][]byte{raw(t, s, KindHeader), raw(t, s, KindMessage)}
				checkTermsOfHeader(t, o, s)
			}
			if restored, _, err := o.open(true, letters...); err != nil || restored != string(m) {
				t.Errorf("restored %d bytes of %d, %v", len(restored), len(m), err)
			}
		})
	}
}

// checkTermsOfHeader opens the terms of an end-to-end mail with its header
// letter's key and its card, which must know nothing of the armor.
func checkTermsOfHeader(t *testing.T, o *owner, s Sealed) {
	t.Helper()
	keys, err := SessionKeys(bytes.NewReader(raw(t, s, KindHeader)))
	if err != nil {
		t.Fatal(err)
	}
	terms, _, err := o.open(false, keys, raw(t, s, KindTerms))
	if err != nil || !strings.Contains(terms, "a@b.example\n") || strings.Contains(terms, "begin") {
		t.Errorf("terms %q, %v", terms, err)
	}
	messageKeys, err := SessionKeys(bytes.NewReader(raw(t, s, KindMessage)))
	if err != nil {
		t.Fatal(err)
	}
	c, err := OpenCard(raw(t, s, KindCard), o.listKey)
	if err != nil || c.Class != EndToEnd || !c.Incomplete || c.Snippet != "" || len(c.Attachments) > 0 || !c.Belongs(messageKeys) {
		t.Errorf("card %+v, %v", c, err)
	}
	if s.Form() == FormInline {
		if sec := (Served{Outer: s.Outer(), Form: s.Form()}).Sections(); len(sec) != 1 || sec[0].Type != "text" {
			t.Errorf("sections %+v", sec)
		}
	}
}

// TestRestoreNeedsHeader shows what a served end-to-end mail alone can give.
func TestRestoreNeedsHeader(t *testing.T) {
	t.Parallel()
	o := testOwners()[Compat]
	s := mustSeal(t, arrived(endToEndMail(t, o, plainMail)), o.Recipient)
	served := render(s.Outer(), s.Form(), raw(t, s, KindMessage))
	if shown, _, err := o.open(false, served); err != nil || !strings.Contains(shown, "kumquat") {
		t.Errorf("served: %q, %v", shown, err)
	}
	header := raw(t, s, KindHeader)
	if shown, found, err := o.open(false, header); err != nil || found.Kind != KindHeader || !strings.Contains(shown, "Subject: visible on the wire") {
		t.Errorf("header: %q, %v", shown, err)
	}
	if _, _, err := o.open(true, header); err == nil {
		t.Error("a header letter alone cannot be restored")
	}
	other := raw(t, mustSeal(t, arrived(plainMail), o.Recipient), KindMessage)
	if _, _, err := o.open(true, header, other); err == nil {
		t.Error("a header letter was joined with another mail")
	}
	var text bytes.Buffer
	must(Armor(&text, KindHeader, bytes.NewReader(header)))
	must(Armor(&text, KindMessage, bytes.NewReader(raw(t, s, KindMessage))))
	if restored, _, err := o.open(true, text.Bytes()); err != nil || !strings.Contains(restored, "An epilogue.") {
		t.Errorf("armored letters: %d bytes, %v", len(restored), err)
	}
}
