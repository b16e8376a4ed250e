package mail

import (
	"bytes"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	netmail "net/mail"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// look looks at a mail written with bare LF.
func look(t testing.TB, s string) *Gist {
	t.Helper()
	data := strings.ReplaceAll(s, "\n", "\r\n")
	return Look(t.Context(), strings.NewReader(data), patient())
}

const forwarded = `From: carol@example.com
Subject: forwarded thing
Content-Type: multipart/mixed; boundary=fwd

--fwd

forwarded words
--fwd
Content-Type: image/png; name=inside.png

xx
--fwd--`

const typical = `Return-Path: <alice@example.org>
Received: from a.example.org by mx.example.net with ESMTPS; Thu, 01 Jan 2026 10:00:00 +0100
From: =?utf-8?q?Alice_M=C3=BCller?= <alice@example.org>
To: Bob <bob@example.net>
Subject: Re: =?utf-8?b?R3LDvMOfZQ==?= from afar
Date: Thu, 01 Jan 2026 10:00:00 +0100
Message-ID: <3@example.org>
In-Reply-To: <2@example.net>
References: <1@example.org> <2@example.net>
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=outer

preamble
--outer
Content-Type: multipart/alternative; boundary="outer-inner"

--outer-inner
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: quoted-printable

> quoted away
Hello   Bob,=20
the caf=C3=A9 is o=
pen.
--outer-inner
Content-Type: text/html; charset=iso-8859-1
Content-Transfer-Encoding: 8bit

<html><head><title>no title</title><style>p{color:red}</style></head><body>
<p>Hello <b>Bo</b>b</p><script>var secret = 1</script><div>caf&eacute;</div></body></html>
--outer-inner--

--outer
Content-Type: application/pdf; name="=?utf-8?q?caf=C3=A9=2Epdf?="
Content-Disposition: attachment;
 filename*0*=utf-8''tarif%20;
 filename*1*=caf%C3%A9;
 filename*2=.pdf
Content-Transfer-Encoding: base64

c2VjcmV0
--outer
Content-Type: message/rfc822

` + forwarded + `
--outer--
epilogue
`

func TestLook(t *testing.T) {
	t.Parallel()
	g := look(t, typical)
	if !g.Complete || g.Subject != "Re: Grüße from afar" || g.FromName != "Alice Müller" || g.From != "alice@example.org" {
		t.Errorf("head: %+v", g)
	}
	if g.MessageID != "<3@example.org>" || !slices.Equal(g.InReplyTo, []string{"<2@example.net>"}) || len(g.References) != 2 || g.Date.Unix() != 1767258000 {
		t.Errorf("threading: %v %v %v %v", g.MessageID, g.InReplyTo, g.References, g.Date)
	}
	if g.Snippet != "Hello Bob, the café is open." {
		t.Errorf("snippet %q", g.Snippet)
	}
	want := []Attachment{{"tarif café.pdf", "application/pdf", 8}, {"", "message/rfc822", int64(len(strings.ReplaceAll(forwarded, "\n", "\r\n")))}}
	if !reflect.DeepEqual(g.Attachments, want) {
		t.Errorf("attachments %+v, want %+v", g.Attachments, want)
	}
	for _, term := range strings.Fields("alice muller alice@example.org example.org example org bob bob@example.net re grusse from afar hello the cafe is open tarif pdf forwarded thing words carol inside png quoted away") {
		if !slices.Contains(g.Terms, term) {
			t.Errorf("%q is missing from the terms", term)
		}
	}
	for _, term := range strings.Fields("secret color red title preamble epilogue 20 c3 c2vjcmv0 bo var") {
		if slices.Contains(g.Terms, term) {
			t.Errorf("%q should not be a term", term)
		}
	}
}

func TestWriteBody(t *testing.T) {
	t.Parallel()
	data := strings.ReplaceAll(typical, "\n", "\r\n")
	g := Look(t.Context(), strings.NewReader(data), patient())
	var body bytes.Buffer
	if err := g.WriteBody(&body, strings.NewReader(data)); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(strings.ReplaceAll(body.String(), "\r\n", ""), "\n") {
		t.Error("the body has a bare LF")
	}
	// Read it back with another parser.
	m, err := netmail.ReadMessage(&body)
	if err != nil {
		t.Fatal(err)
	}
	kind, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/alternative" {
		t.Fatalf("%q, %v", kind, err)
	}
	parts := multipart.NewReader(m.Body, params["boundary"])
	for _, want := range []string{"> quoted away\r\nHello   Bob, \r\nthe café is open.", "<html><head>"} {
		part, err := parts.NextRawPart()
		if err != nil {
			t.Fatal(err)
		}
		var r io.Reader = part
		if part.Header.Get("Content-Transfer-Encoding") == "quoted-printable" {
			r = quotedprintable.NewReader(part)
		}
		got, err := io.ReadAll(r)
		if err != nil || !strings.HasPrefix(string(got), want) {
			t.Errorf("part %q, %v, want %q", got, err, want)
		}
	}
	if _, err := parts.NextRawPart(); err != io.EOF {
		t.Errorf("after the last part: %v", err)
	}
}

// A body's shape follows the mail's: alternatives stay, wrappers go.
func TestBodyShape(t *testing.T) {
	t.Parallel()
	part := func(kind, text string) string { return "Content-Type: " + kind + "\n\n" + text }
	multi := func(subtype, boundary string, parts ...string) string {
		s := fmt.Sprintf("Content-Type: multipart/%s; boundary=%s\n\n", subtype, boundary)
		for _, p := range parts {
			s += "--" + boundary + "\n" + p + "\n"
		}
		return s + "--" + boundary + "--\n"
	}
	text, html, image := part("text/plain", "words"), part("text/html", "<p>words</p>"), part("image/png", "xx")
	attached := "Content-Type: text/plain\nContent-Disposition: attachment\n\nhidden"
	for _, c := range []struct{ name, in, want string }{
		{"plain", text, "text/plain"},
		{"nothing", image, "none"},
		{"empty", "", "none"},
		{"attached text", multi("mixed", "b", text, attached), "text/plain"},
		{"related", multi("related", "b", html, image), "text/html"},
		{"alternative", multi("alternative", "b", text, multi("related", "c", html, image)), "alternative(text/plain text/html)"},
		{"alternative with one", multi("alternative", "b", text, image), "text/plain"},
		{"mixed", multi("mixed", "b", text, image, text), "mixed(text/plain text/plain)"},
		{"mixed around alternative", multi("mixed", "b", multi("alternative", "c", text, html), text), "mixed(alternative(text/plain text/html) text/plain)"},
		{"signed", multi("signed", "b", text, part("application/pgp-signature", "sig")), "text/plain"},
		{"never parted", "Content-Type: multipart/mixed; boundary=b\n\nsome words\n", "text/plain"},
		{"no boundary", "Content-Type: multipart/mixed\n\nsome words\n", "text/plain"},
		{"forwarded", multi("mixed", "b", "Content-Type: message/rfc822\n\n"+text, html), "text/html"},
	} {
		if got := shape(look(t, c.in).body); got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
}

func shape(e *entity) string {
	switch {
	case e == nil:
		return "none"
	case e.subtype == "":
		kind, _, _ := strings.Cut(strings.TrimPrefix(string(e.header), "Content-Type: "), "\r\n")
		return kind
	}
	var parts []string
	for _, p := range e.parts {
		parts = append(parts, shape(p))
	}
	return e.subtype + "(" + strings.Join(parts, " ") + ")"
}

// Whatever is wrong with a mail, the words a reader would see are found.
func TestLookLenient(t *testing.T) {
	t.Parallel()
	for name, in := range map[string]string{
		"no header":            "\nneedle",
		"bad base64":           "Content-Transfer-Encoding: base64\n\n!!bmV\n lZ*Gxl",
		"joined base64":        "Content-Transfer-Encoding: base64\n\nbmVl\nZA==\nbGU=",
		"bad qp":               "Content-Transfer-Encoding: quoted-printable\n\n=ZZ =n=65edle= \n =",
		"soft break":           "Content-Transfer-Encoding: quoted-printable\n\nnee= \t\ndle",
		"unknown charset":      "Content-Type: text/plain; charset=x-klingon\n\nneedle",
		"unknown encoding":     "Content-Transfer-Encoding: x-nonsense\n\nneedle",
		"utf-16":               "Content-Type: text/plain; charset=utf-16le\nContent-Transfer-Encoding: base64\n\nbgBlAGUAZABsAGUA",
		"doubled type":         "Content-Type: text/plain\nContent-Type: image/png\n\nneedle",
		"broken type":          "Content-Type: text\n\nneedle",
		"prefix boundary":      "Content-Type: multipart/mixed; boundary=ab\n\n--a\n--abc\n--ab\n\nneedle\n--abc\n--ab--",
		"boundary with space":  "Content-Type: multipart/mixed; boundary=\"a b\"\n\n--a b  \n\nneedle\n--a b--",
		"never closed":         "Content-Type: multipart/mixed; boundary=ab\n\n--ab\n\nneedle",
		"outer closes inner":   "Content-Type: multipart/mixed; boundary=o\n\n--o\nContent-Type: multipart/mixed; boundary=i\n\n--i\nContent-Type: image/png\n\nx\n--o\n\nneedle\n--o--",
		"header meets part":    "Content-Type: multipart/mixed; boundary=o\n\n--o\nContent-Type: image/png\n--o\n\nneedle\n--o--",
		"digest":               "Content-Type: multipart/digest; boundary=o\n\n--o\n\nSubject: x\n\nneedle\n--o--",
		"html unclosed head":   "Content-Type: text/html\n\n<head><meta><p>needle",
		"html in a comment":    "Content-Type: text/html\n\n<!-- x --><p>nee<!-- y -->dle",
		"html entity":          "Content-Type: text/html\n\n&#110;eedle",
		"html long attribute":  "Content-Type: text/html\n\n<img src=\"data:" + strings.Repeat("hay ", 50_000) + "\">needle",
		"html long comment":    "Content-Type: text/html\n\n<!-- " + strings.Repeat("<p>hay ", 50_000) + "-->needle",
		"html long script":     "Content-Type: text/html\n\n<script>" + strings.Repeat("hay</p> ", 50_000) + "</script>needle",
		"html long style type": "Content-Type: text/html\n\n<a><img " + strings.Repeat("hay='>' ", 1000) + ">needle",
	} {
		g := look(t, in)
		if !slices.Contains(g.Terms, "needle") || !g.Complete {
			t.Errorf("%s: complete %v, terms %q", name, g.Complete, g.Terms[:min(20, len(g.Terms))])
		}
		if slices.Contains(g.Terms, "hay") {
			t.Errorf("%s: found hay", name)
		}
	}
}

func TestTextThatIsNone(t *testing.T) {
	t.Parallel()
	g := look(t, "Content-Type: text/plain\n\nneedle\x00\x01\x02")
	if len(g.Terms) != 0 || g.Snippet != "" {
		t.Errorf("terms %q, snippet %q", g.Terms, g.Snippet)
	}
}

func TestSnippet(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ in, want string }{
		{"\n a  b\t\n\n c \n", "a b c"},
		{"\n> old\n>> older\nnew > text\n", "new > text"},
		{"Content-Type: text/html\n\n<blockquote>old</blockquote><td>a<td>b<p>c &amp; d", "a b c & d"},
		{"Content-Type: text/html; charset=utf-8\n\n\u00ad\u200b&zwnj;&nbsp; a\u034f\u034f b", "a b"},
		{"Content-Type: text/calendar\n\nBEGIN:VCALENDAR", ""},
		{"\n" + strings.Repeat("ä", 300), strings.Repeat("ä", 100)},
		{"Content-Type: text/plain; charset=utf-8\n\nx" + strings.Repeat("ä", 300), "x" + strings.Repeat("ä", 99)},
	} {
		if got := look(t, c.in).Snippet; got != c.want {
			t.Errorf("%q: got %q, want %q", c.in, got, c.want)
		}
	}
}

func TestFold(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ in, want string }{
		{"HeLLo", "hello"}, {"Straße", "strasse"}, {"Ångström", "angstrom"}, {"ﬁne", "fine"}, {"Ｆｕｌｌ", "full"},
		{"ΣΊΣΥΦΟΣ", "σισυφοσ"}, {"İstanbul", "istanbul"}, {"שָׁלוֹם", "שלום"}, {"مُحَمَّد", "محمد"},
		{"हिन्दी", "हिन्दी"}, {"が", "が"}, {"ｶﾞ", "ガ"}, {"co\u00adop", "coop"}, {"ёлка", "елка"},
	} {
		if got := Fold(c.in); got != c.want || Fold(got) != got {
			t.Errorf("%q: got %q, again %q, want %q", c.in, got, Fold(got), c.want)
		}
	}
}

// The short way must fold as the long one does.
func FuzzFold(f *testing.F) {
	for _, s := range []string{"Ångström", "Straße", "йё", "ŉͺ", "شُكْرًاآ", "שָׁלוֹם", "日本語コーヒー한국", "e\u0301\u0345\u0338", "ǅ", "\u0587"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		want := foldAny(s)
		if got := Fold(s); utf8.ValidString(s) && got != want {
			t.Errorf("%+q: got %+q, want %+q", s, got, want)
		}
		if again := foldAny(want); utf8.ValidString(s) && again != want {
			t.Errorf("%+q: folds to %+q, then to %+q", s, want, again)
		}
	})
}

func TestWords(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ in, want string }{
		{"a bb ccc", "bb ccc"},
		{"don't e-mail snake_case 3.14", "14 case don mail snake"},
		{strings.Repeat("x", 40) + " " + strings.Repeat("y", 41), strings.Repeat("x", 40)},
		{strings.Repeat("é", 40) + " " + strings.Repeat("è", 500), strings.Repeat("e", 40)},
		{"日本語 mail", "mail 日本 本語"},
		{"mail日本", "mail 日本"},
		{"コーヒー", "コー ヒー ーヒ"},
		{"한국어", "국어 한국"},
		{"bad\xffutf \xc3", "bad utf"},
		{"ab² ½ ① \ufdfa", "ab الله صلى عليه وسلم"},
	} {
		w := wordSplitter{set: newTermSet(100)}
		w.text(c.in)
		if got := strings.Join(w.set.sorted(), " "); got != c.want {
			t.Errorf("%q: got %q, want %q", c.in, got, c.want)
		}
	}
}

func TestTermSet(t *testing.T) {
	t.Parallel()
	s := newTermSet(3000)
	for range 2 {
		for i := range 3000 {
			s.add(fmt.Appendf(nil, "%d", i))
		}
	}
	if len(s.sorted()) != 3000 || s.full {
		t.Errorf("%d words, full %v", len(s.sorted()), s.full)
	}
	if s.add([]byte("new")); !s.full || len(s.sorted()) != 3000 {
		t.Errorf("%d words, full %v", len(s.sorted()), s.full)
	}
}

func FuzzLook(f *testing.F) {
	f.Add([]byte(strings.ReplaceAll(typical, "\n", "\r\n")))
	f.Add([]byte("Content-Type: text/html\r\n\r\n<script><p>&amp;"))
	f.Add([]byte("Content-Type: multipart/x; boundary=\"\"\r\n\r\n--\r\n\r\n--"))
	f.Add([]byte("Content-Type: text/plain; charset=iso-2022-jp\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n=1B$B"))
	f.Add([]byte("Content-Type: multipart/html\r\n\r\n&Aacute"))
	f.Add([]byte("Content-Type: te\x8et/pdf; name=a.pdf\r\nContent-Disposition: x; filename=b\r\n\r\nx"))
	f.Fuzz(func(t *testing.T, data []byte) {
		checkGist(t, "fuzzed", data, Look(t.Context(), bytes.NewReader(data), patient()))
	})
}
