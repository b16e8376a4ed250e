package pgp

import (
	"bytes"
	"crypto/rand"
	"errors"
	"strings"
	"testing"

	"sealpost/mail"
)

// asClient is what a client would send of a mail that it sealed.
func asClient(t *testing.T, s Sealed, header string) ClientMail {
	t.Helper()
	m := ClientMail{Header: []byte(header), Class: s.Class(), Time: testTime}
	for _, l := range s.Letters() {
		m.Letters = append(m.Letters, ClientLetter{l.Kind, bytes.NewReader(raw(t, s, l.Kind))})
	}
	return m
}

const shownHeader = "From: Bob <bob@example.net>\r\nDate: Sun, 22 Nov 2026 09:00:00 +0100\r\nMessage-ID: <1@example.net>\r\n\r\n"

func TestMailThatAClientSealed(t *testing.T) {
	t.Parallel()
	for profile, o := range testOwners() {
		for name, text := range map[string][]byte{"small": plainMail, "large": append(bytes.Clone(plainMail), bytes.Repeat([]byte("words and more\r\n"), 30_000)...)} {
			sealed := mustSeal(t, arrived(text), o.Recipient)
			got, err := ParseSealed(t.Context(), asClient(t, sealed, shownHeader), o.Recipient)
			if err != nil {
				t.Fatalf("%s %s: %v", profile, name, err)
			}
			if len(got.Letters()) != len(sealed.Letters()) || got.Class() != sealed.Class() || !strings.Contains(string(got.Outer()), "Subject: [...]\r\n") {
				t.Errorf("%s %s: %d letters, %s:\n%s", profile, name, len(got.Letters()), got.Class(), got.Outer())
			}
			if again, _, err := o.open(true, raw(t, got, KindMessage)); err != nil || again != string(text) {
				t.Errorf("%s %s: %v", profile, name, err)
			}
		}
	}
}

// What a client says beyond the account's level is refused, not taken off: it must not
// have come at all.
func TestAClientSaysNoMoreThanTheLevel(t *testing.T) {
	t.Parallel()
	o := testOwners()[Compat]
	sealed := mustSeal(t, arrived(plainMail), o.Recipient)
	for _, header := range []string{
		"Subject: the secret canary\r\n" + shownHeader, "X-Anything: canary\r\n" + shownHeader, "From: a@b.c\r\n" + shownHeader,
		shownHeader + "canary", strings.TrimSuffix(shownHeader, "\r\n"), "canary\r\n" + shownHeader, strings.Repeat("From: a@b.c\r\n", 6000) + "\r\n", "",
	} {
		if _, err := ParseSealed(t.Context(), asClient(t, sealed, header), o.Recipient); !errors.Is(err, ErrLetter) {
			t.Errorf("%.40q: %v", header, err)
		}
	}
	open := o.Recipient
	open.Level = Open
	if s, err := ParseSealed(t.Context(), asClient(t, sealed, "Subject: for all to see\r\n"+shownHeader), open); err != nil || !strings.Contains(string(s.Outer()), "Subject: for all to see\r\n") {
		t.Errorf("level open: %v", err)
	}
}

func TestSealedMailOfAnotherShape(t *testing.T) {
	t.Parallel()
	o, other := testOwners()[Compat], testOwners()[Modern]
	sealed := mustSeal(t, arrived(plainMail), o.Recipient)
	message := raw(t, sealed, KindMessage)
	with := func(k Kind, b []byte) func(*ClientMail) {
		return func(m *ClientMail) {
			for i := range m.Letters {
				if m.Letters[i].Kind == k {
					m.Letters[i].Bytes = bytes.NewReader(b)
				}
			}
		}
	}
	for name, change := range map[string]func(*ClientMail){
		"readable":              with(KindMessage, plainMail),
		"literal packet":        with(KindMessage, append([]byte{0xcb, 8, 'b', 0, 0, 0, 0, 0, 'h', 'i'}, message...)),
		"something behind":      with(KindMessage, append(bytes.Clone(message), 'x')),
		"cut":                   with(KindMessage, message[:len(message)-1]),
		"of somebody else":      with(KindMessage, raw(t, mustSeal(t, arrived(plainMail), other.Recipient), KindMessage)),
		"readable terms":        with(KindTerms, []byte("canary\n")),
		"terms with a key":      with(KindTerms, message),
		"readable card":         with(KindCard, []byte(`{"v":1,"s":"canary"}`)),
		"no message":            func(m *ClientMail) { m.Letters = m.Letters[1:] },
		"twice":                 func(m *ClientMail) { m.Letters = append(m.Letters, m.Letters[0]) },
		"class without header":  func(m *ClientMail) { m.Class = EndToEnd },
		"unknown class":         func(m *ClientMail) { m.Class = "open" },
		"inline without header": func(m *ClientMail) { m.Charset = "utf-8" },
		"unknown letter":        func(m *ClientMail) { m.Letters = append(m.Letters, ClientLetter{9, bytes.NewReader(message)}) },
		"header of no end-to-end mail": func(m *ClientMail) {
			m.Letters = append(m.Letters, ClientLetter{KindHeader, bytes.NewReader(message)})
		},
		"not padded": func(m *ClientMail) {
			key, err := o.Cert.choose(Compat, testTime)
			if err != nil {
				t.Fatal(err)
			}
			s, err := newSession(Compat, key, rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			l, err := s.letter(KindMessage, 1000, true, writeBytes(make([]byte, 1000)))
			if err != nil || bucket(l.Size()) == l.Size() {
				t.Fatalf("%d bytes are padded: %v", l.Size(), err)
			}
			var b bytes.Buffer
			if _, err := l.WriteTo(&b); err != nil {
				t.Fatal(err)
			}
			with(KindMessage, b.Bytes())(m)
		},
	} {
		m := asClient(t, sealed, shownHeader)
		change(&m)
		if _, err := ParseSealed(t.Context(), m, o.Recipient); !errors.Is(err, ErrLetter) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := ParseSealed(t.Context(), asClient(t, sealed, shownHeader), Recipient{}); err == nil {
		t.Error("taken for nobody")
	}
}

// End-to-end mail comes with its header letter, and its packets as they were.
func TestEndToEndMailFromAClient(t *testing.T) {
	t.Parallel()
	o := testOwners()[Compat]
	e2e := frameMail(message(t, o, append(append(appendPacketHeader(nil, 11, 8), 'b', 0, 0, 0, 0, 0), 'h', 'i')), 64)
	sealed := mustSeal(t, arrived(e2e), o.Recipient)
	got, err := ParseSealed(t.Context(), asClient(t, sealed, shownHeader), o.Recipient)
	if err != nil || got.Class() != EndToEnd {
		t.Fatalf("%s, %v", got.Class(), err)
	}
	h, err := mail.ReadHeader(bytes.NewReader(got.Outer()), 0, 1<<20)
	if err != nil || len(h.Fields) != 6 {
		t.Errorf("%v: %+v", err, h)
	}
	whole, _, err := o.open(true, raw(t, got, KindHeader), raw(t, got, KindMessage))
	if err != nil || whole != string(e2e) {
		t.Errorf("restored %d bytes of %d: %v", len(whole), len(e2e), err)
	}
}
