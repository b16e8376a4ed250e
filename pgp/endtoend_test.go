package pgp

import (
	"bytes"
	"strings"
	"testing"
)

// endToEndMail is a mail that a sender encrypted to o: its packets come from
// Seal, its framing and its 64 columns are those of other software.
func endToEndMail(t testing.TB, o *owner, inner []byte) []byte {
	t.Helper()
	packets := raw(t, mustSeal(t, arrived(inner), o.Recipient), KindMessage)
	return frameMail(packets, 64)
}

const (
	foreignHeader = `From: Carol <carol@example.org>
To: alice@demo.test
Subject: visible on the wire
Message-ID: <e2e@example.org>
Date: Sat, 21 Nov 2026 09:00:00 -0500
MIME-Version: 1.0
Content-Type: multipart/encrypted; boundary="b1";
 protocol="application/pgp-encrypted"

This is a preamble.
--b1
Content-Type: application/pgp-encrypted

Version: 1

--b1
Content-Type: application/octet-stream; name="msg.asc"
X-Hidden: part header kumquat

-----BEGIN PGP MESSAGE-----
Comment: armor header kumquat

`
	foreignEnd = `=aB3d
-----END PGP MESSAGE-----

--b1--
An epilogue.
`
)

func frameMail(packets []byte, width int) []byte {
	var b bytes.Buffer
	b.Write(crlf(foreignHeader))
	a := newArmorWriter(&b, width)
	_, err := a.Write(packets)
	must(err)
	must(a.Close())
	b.Write(crlf(foreignEnd))
	return b.Bytes()
}

// Delta Chat finds the file of a message by one field, which stays visible of
// end-to-end mail if it is the one word that it may be.
func TestTheMarkOfAChatsFileStaysVisible(t *testing.T) {
	t.Parallel()
	o := testOwners()[Compat]
	const mark = "Chat-Is-Post-Message: 1\r\n"
	sent := string(endToEndMail(t, o, []byte("Subject: x\r\n\r\nhi\r\n")))
	minimal := o.Recipient
	minimal.Level, minimal.Pseudonym = Minimal, make([]byte, 32)
	for _, c := range []struct {
		what, mail string
		to         Recipient
		want       int
	}{
		{"as it is", mark + sent, o.Recipient, 1},
		{"another word", "Chat-Is-Post-Message: kumquat\r\n" + sent, o.Recipient, 0},
		{"twice", mark + mark + sent, o.Recipient, 0},
		{"level minimal", mark + sent, minimal, 0},
		{"sealed on arrival", mark + string(plainMail), o.Recipient, 0},
	} {
		s := mustSeal(t, arrived([]byte(c.mail)), c.to)
		if n := strings.Count(string(s.Outer()), "Chat-"); n != c.want || strings.Count(string(s.Outer()), mark) != c.want {
			t.Errorf("%s: it is visible %d times, want %d", c.what, n, c.want)
		}
	}
}

func TestEndToEndKeepsThePackets(t *testing.T) {
	t.Parallel()
	for p, o := range testOwners() {
		packets := message(t, o, append(append(appendPacketHeader(nil, 11, 6+100), 'b', 0, 0, 0, 0, 0), strings.Repeat("canary: kumquat\r\n.", 6)[:100]...))
		for _, width := range []int{64, 76, 60, 61, 500} {
			m := frameMail(packets, width)
			s := mustSeal(t, arrived(m), o.Recipient)
			if s.Class() != EndToEnd || s.Form() != FormMIME {
				t.Fatalf("%s %d: class %q", p, width, s.Class())
			}
			message, header := raw(t, s, KindMessage), raw(t, s, KindHeader)
			if !bytes.Equal(message, packets) {
				t.Errorf("%s: packets changed", p)
			}
			restored, _, err := o.open(true, header, message)
			if err != nil || restored != string(m) {
				t.Errorf("%s %d: restored %d bytes of %d, %v", p, width, len(restored), len(m), err)
			}
			shown, found, err := o.open(false, header, message)
			if err != nil || found.Class != EndToEnd || !strings.Contains(shown, "Subject: visible on the wire") || !strings.Contains(shown, "canary: kumquat") {
				t.Fatalf("%s: class %q, shown %q, %v", p, found.Class, shown, err)
			}
		}
	}
}

// TestSealedMailPutBack is what IMAP APPEND does with a sealed mail of the
// owner's: its packets stay, and the client still learns how it once arrived.
func TestSealedMailPutBack(t *testing.T) {
	t.Parallel()
	o := testOwners()[Compat]
	first := mustSeal(t, arrived(plainMail), o.Recipient)
	packets := raw(t, first, KindMessage)
	served := render(first.Outer(), first.Form(), packets)
	again := mustSeal(t, arrived(served), o.Recipient)
	message, header := raw(t, again, KindMessage), raw(t, again, KindHeader)
	if again.Class() != EndToEnd || !bytes.Equal(message, packets) {
		t.Fatalf("class %q", again.Class())
	}
	if _, found, err := o.open(false, header, message); err != nil || found.Class != SealedOnArrival {
		t.Errorf("opened: %+v, %v", found, err)
	}
	if restored, _, err := o.open(true, header, message); err != nil || restored != string(served) {
		t.Errorf("restored %d bytes of %d, %v", len(restored), len(served), err)
	}
}

// TestArmorOfOneLine: lines longer than a header letter can describe are no
// reason to lose a mail, only to seal it whole.
func TestArmorOfOneLine(t *testing.T) {
	t.Parallel()
	o := testOwners()[Compat]
	packets := raw(t, mustSeal(t, arrived(append(bytes.Clone(plainMail), bytes.Repeat([]byte("word "), 4000)...)), o.Recipient), KindMessage)
	for width, want := range map[int]Class{maxColumns: EndToEnd, maxColumns + 1: Both, 20_000: Both} {
		m := frameMail(packets, width)
		s := mustSeal(t, arrived(m), o.Recipient)
		letters := [][]byte{raw(t, s, KindMessage)}
		if s.Class() == EndToEnd {
			letters = [][]byte{raw(t, s, KindHeader), raw(t, s, KindMessage)}
		}
		if restored, _, err := o.open(true, letters...); s.Class() != want || err != nil || restored != string(m) {
			t.Errorf("%d columns: class %q, want %q; restored %d bytes of %d, %v", width, s.Class(), want, len(restored), len(m), err)
		}
	}
}
