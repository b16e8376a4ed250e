package pgp

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"sealpost/mail"
)

var namedMail = crlf(`From: =?utf-8?Q?J=C3=BCrgen?= <juergen@example.org>
Sender: secretary@example.org
Reply-To: elsewhere@example.org
To: "Doe, John" <john@example.org>, team: a@x.example, "B" <b@x.example>;,
 alice@demo.test
Cc: Carl <carl@example.org>
Bcc: hidden@example.org
Subject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=
Date: Sat, 22 Nov 2025 23:59:58 +0530
Message-ID: <two@example.org>
In-Reply-To: <one@example.org>
References: <zero@example.org> <one@example.org>
X-Secret: kumquat
List-Id: <list.example.org>

body
`)

func TestLevels(t *testing.T) {
	t.Parallel()
	o := testOwners()[Compat]
	ids := "Message-ID: <two@example.org>\nIn-Reply-To: <one@example.org>\nReferences: <zero@example.org> <one@example.org>\n"
	named := "From: =?utf-8?B?SsO8cmdlbg==?= <juergen@example.org>\n" +
		"To: \"Doe, John\" <john@example.org>, team: a@x.example, B <b@x.example>;,\n alice@demo.test\nCc: Carl <carl@example.org>\n"
	for level, want := range map[Level]string{
		Open:     named + "Date: Sat, 22 Nov 2025 23:59:58 +0530\nSubject: =?utf-8?B?R3LDvMOfZQ==?=\n" + ids,
		Baseline: named + "Date: Sat, 22 Nov 2025 23:59:58 +0530\nSubject: [...]\n" + ids,
		Shy: "From: juergen@example.org\nTo: john@example.org, a@x.example, b@x.example, alice@demo.test\nCc: carl@example.org\n" +
			"Date: Sat, 22 Nov 2025 18:29:58 +0000\nSubject: [...]\n" + ids,
	} {
		s := mustSeal(t, arrived(namedMail), o.at(level))
		checkOuter(t, string(level), s.Outer())
		got, _, _ := strings.Cut(strings.ReplaceAll(string(s.Outer()), "\r\n", "\n"), "MIME-Version")
		if got != want {
			t.Errorf("%s:\n%s\nwant\n%s", level, got, want)
		}
		var e mail.Envelope
		if err := e.UnmarshalBinary(s.Envelope()); err != nil || e.MessageID != "<two@example.org>" || len(e.Bcc) > 0 {
			t.Errorf("%s: envelope %+v, %v", level, e, err)
		}
	}
}

// TestMinimal shows that pseudonyms hide, stay the same for one account, differ
// between accounts, and keep threads together.
func TestMinimal(t *testing.T) {
	t.Parallel()
	o := testOwners()[Compat]
	header := func(m string, key byte) mail.Header {
		r := o.at(Minimal)
		r.Pseudonym = bytes.Repeat([]byte{key}, 32)
		s := mustSeal(t, arrived(crlf(m)), r)
		checkOuter(t, "minimal", s.Outer())
		if bytes.Contains(s.Outer(), []byte("example.org")) || bytes.Contains(s.Envelope(), []byte("example.org")) {
			t.Errorf("minimal shows an address:\n%s", s.Outer())
		}
		h, err := mail.ReadHeader(bytes.NewReader(s.Outer()), 0, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	get := func(h mail.Header, name string) string { f, _ := h.Get(name); return f.Value() }
	first := header("From: B <bob@example.org>\nTo: alice@demo.example.org\nCc: x@example.org\nMessage-ID: <1@example.org>\nDate: Sat, 22 Nov 2025 23:59:58 +0530\n\n", 1)
	reply := header("From: BOB@example.org\nMessage-ID: <2@example.org>\nIn-Reply-To: <1@example.org>\nReferences: <0@example.org> <1@example.org>\n\n", 1)
	other := header("From: bob@example.org\nMessage-ID: <1@example.org>\n\n", 2)
	switch {
	case get(first, "From") != get(reply, "From"), get(first, "Message-ID") != get(reply, "In-Reply-To"):
		t.Error("a thread falls apart")
	case !strings.HasSuffix(get(reply, "References"), " "+get(first, "Message-ID")):
		t.Errorf("references %q", get(reply, "References"))
	case get(first, "From") == get(other, "From"), get(first, "Message-ID") == get(other, "Message-ID"):
		t.Error("two accounts share pseudonyms")
	case get(first, "To") != "undisclosed-recipients:;", get(first, "Cc") != "":
		t.Errorf("to %q, cc %q", get(first, "To"), get(first, "Cc"))
	case get(first, "Date") != "Sat, 22 Nov 2025 18:00:00 +0000":
		t.Errorf("date %q", get(first, "Date"))
	}
}

// TestOuterIsBounded throws hostile structures at every level: the header stays
// small, its lines short, and no field comes in that is not ours.
func TestOuterIsBounded(t *testing.T) {
	t.Parallel()
	key := make([]byte, 32)
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.OneOf(rapid.StringN(0, 80, 400), rapid.SampledFrom([]string{"a\r\nBcc: x@y", "=?utf-8?Q?a=0D=0AX:_y?=", "\x00", "Ünï", "<>", ":;", "\",\""}))
		list := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) string {
			return fmt.Sprintf("%q <%s@%s>", word.Draw(t, "name"), word.Draw(t, "local"), word.Draw(t, "domain"))
		}), 0, 40)
		ids := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) string { return "<" + word.Draw(t, "id") + ">" }), 0, 40)
		m := arrived([]byte("From: " + strings.Join(list.Draw(t, "from"), ",") + "\r\nTo: " + strings.Join(list.Draw(t, "to"), ",") +
			"\r\nCc: " + strings.Join(list.Draw(t, "cc"), ",") + "\r\nSubject: " + word.Draw(t, "subject") + "\r\nDate: " + word.Draw(t, "date") +
			"\r\nReferences: " + strings.Join(ids.Draw(t, "refs"), " ") + "\r\nMessage-ID: <" + word.Draw(t, "id") + ">\r\n\r\n"))
		m.Gist.Subject = word.Draw(t, "decoded subject")
		level := rapid.SampledFrom([]Level{Open, Baseline, Shy, Minimal}).Draw(t, "level")
		checkOuter(t, "hostile", outerHeader(visibleFields(m, level, key), FormMIME, ""))
	})
	many := strings.Repeat("Somebody With A Name <somebody@a-long-domain.example.org>, ", 500)
	m := arrived([]byte("From: " + many + "\r\nTo: " + many + "\r\nCc: " + many + "\r\nSubject: " + strings.Repeat("ü", 2000) +
		"\r\nReferences: " + strings.Repeat("<"+strings.Repeat("x", 200)+"@y>\r\n ", 60) + "\r\n\r\n"))
	outer := outerHeader(visibleFields(m, Open, nil), FormMIME, "")
	checkOuter(t, "many", outer)
	if !bytes.Contains(outer, []byte("more:;")) {
		t.Errorf("nothing says that addresses were left out:\n%s", outer)
	}
}

func TestNothingReadableOutside(t *testing.T) {
	t.Parallel()
	for p, o := range testOwners() {
		s := mustSeal(t, arrived(append(bytes.Clone(plainMail), bytes.Repeat([]byte("kumquat canary\r\n"), 30_000)...)), o.Recipient)
		all := append(bytes.Clone(s.Outer()), s.Envelope()...)
		for _, l := range s.Letters() {
			all = append(all, raw(t, s, l.Kind)...)
		}
		for _, word := range []string{"kumquat", "canary", "Return-Path", "secret"} {
			if bytes.Contains(all, []byte(word)) {
				t.Errorf("%s: %q can be read", p, word)
			}
		}
	}
}
