package mail

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"
)

// header reads a header section written with bare LF.
func header(t testing.TB, s string) Header {
	t.Helper()
	s = strings.ReplaceAll(s, "\n", "\r\n")
	h, err := ReadHeader(strings.NewReader(s), 0, int64(len(s))+1)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestParseMailboxes(t *testing.T) {
	t.Parallel()
	box := func(name, local, domain string) Mailbox { return Mailbox{Name: name, Local: local, Domain: domain} }
	for _, c := range []struct {
		in   string
		want []Mailbox
	}{
		{"", nil},
		{" , ,, ", nil},
		{"a@b.c", []Mailbox{box("", "a", "b.c")}},
		{"Bob <a@b.c>, =?utf-8?q?J=C3=B6rg?= Meier <j@d>", []Mailbox{box("Bob", "a", "b.c"), box("Jörg Meier", "j", "d")}},
		{`"Meier, Jörg" <j@d>`, []Mailbox{box("Meier, Jörg", "j", "d")}},
		{`"a \"b\" \\c" <j@d>`, []Mailbox{box(`a "b" \c`, "j", "d")}},
		{`"foo@bar"@b.c`, []Mailbox{box("", "foo@bar", "b.c")}},
		{`"foo@bar" <x@b.c>`, []Mailbox{box("foo@bar", "x", "b.c")}},
		{`<"a>b,c"@b.c>`, []Mailbox{box("", "a>b,c", "b.c")}},
		{"a@b.c (Bob (the) Builder)", []Mailbox{box("Bob (the) Builder", "a", "b.c")}},
		{"(x, y) a (z) @ (q) b.c", []Mailbox{box("q", "a", "b.c")}},
		{"<@one,@two:u@h>", []Mailbox{{Local: "u", Domain: "h", Route: "@one,@two"}}},
		{"Bob < @one , (x) @[IPv6:::1] : u@h>, a@b", []Mailbox{{Name: "Bob", Local: "u", Domain: "h", Route: "@one,@[IPv6:::1]"}, box("", "a", "b")}},
		{"<@one:>, Bob <@one:>", []Mailbox{{Local: "Bob", Domain: MissingDomain, Route: "@one"}}},
		{"<@one>", []Mailbox{{Domain: "one"}}},
		{"Team: a@b, Bob <c@d>;, e@f", []Mailbox{box("", "Team", ""), box("", "a", "b"), box("Bob", "c", "d"), {}, box("", "e", "f")}},
		{"undisclosed-recipients:;", []Mailbox{box("", "undisclosed-recipients", ""), {}}},
		{"open: a@b", []Mailbox{box("", "open", ""), box("", "a", "b"), {}}},
		{"bob", []Mailbox{box("", "bob", MissingDomain)}},
		{"Bob <>", []Mailbox{box("", "Bob", MissingDomain)}},
		{"<>", nil},
		{"a@[IPv6:2001:db8::1], b@c", []Mailbox{box("", "a", "[IPv6:2001:db8::1]"), box("", "b", "c")}},
		{`"unclosed <a@b>`, []Mailbox{box(`"unclosed`, "a", "b")}},
		{"(unclosed <a@b>", []Mailbox{box("(unclosed", "a", "b")}},
		{"Bob <a@b", []Mailbox{box("", "Bob<a", "b")}},
		{"=?utf-8?q?Meier,_J?= <a@b>", []Mailbox{box("Meier, J", "a", "b")}},
		// What an encoded word hides is a name, whatever it looks like.
		{"=?utf-8?q?a=40b=2C_=3Cx=40y=3E?= <e@f>", []Mailbox{box("a@b, <x@y>", "e", "f")}},
		{"a@b;c@d", []Mailbox{box("", "a", "b"), box("", "c", "d")}},
		{"b\xe4r <a@b>", []Mailbox{box("bär", "a", "b")}},
	} {
		if got := parseMailboxes(c.in); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%q:\n got %q\nwant %q", c.in, got, c.want)
		}
	}
}

func TestMailboxesAreCapped(t *testing.T) {
	t.Parallel()
	for _, unit := range []string{"a@b,", "g:", "g:a@b;", ";", ":", "(", "<", `"`, `"",`, "<>,", `<"`, "[", "a@[", "=?a?q?", "\\", "@"} {
		start := time.Now()
		got := parseMailboxes(strings.Repeat(unit, 200_000/len(unit)))
		if len(got) > MaxMailboxes {
			t.Errorf("%q repeated: %d entries", unit, len(got))
		}
		if took := time.Since(start); took > 2*time.Second {
			t.Errorf("%q repeated: took %v", unit, took)
		}
	}
}

func TestReadEnvelope(t *testing.T) {
	t.Parallel()
	h := header(t, `Subject: =?iso-8859-1?Q?a=E4?=
 =?iso-8859-1?Q?b?=
From : Bob <b@x>
From: Eve <e@x>
To: a@b
to: c@d
Date: Thu, 22 Aug 2002 18:26:25 +0700
In-Reply-To: Your mail <1@x> of (<2@x>)
Message-Id:  <3@x>

`)
	got := ReadEnvelope(h)
	want := Envelope{
		Date: got.Date, Subject: "aäb", MessageID: "<3@x>", InReplyTo: []string{"<1@x>", "<2@x>"},
		From: []Mailbox{{Name: "Bob", Local: "b", Domain: "x"}}, To: []Mailbox{{Local: "a", Domain: "b"}, {Local: "c", Domain: "d"}},
	}
	want.Sender, want.ReplyTo = want.From, want.From
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
	if got.Date.Unix() != 1030015585 {
		t.Errorf("date %v", got.Date)
	}
}

// What was kept before there were routes is read as it was.
func TestEnvelopeWithoutRoutes(t *testing.T) {
	t.Parallel()
	const kept = "\x01\x00\x01s\x01\x01n\x01l\x01d\x00\x00\x00\x01\x03<i>\x03<m>"
	box := []Mailbox{{Name: "n", Local: "l", Domain: "d"}}
	want := Envelope{Subject: "s", From: box, Sender: box, ReplyTo: box, InReplyTo: []string{"<i>"}, MessageID: "<m>"}
	var e Envelope
	if err := e.UnmarshalBinary([]byte(kept)); err != nil || !reflect.DeepEqual(e, want) {
		t.Errorf("%v: %+v", err, e)
	}
	if b, err := want.MarshalBinary(); err != nil || string(b) != kept {
		t.Errorf("%v: %q", err, b)
	}
}

func TestEnvelopeRoundTrip(t *testing.T) {
	t.Parallel()
	zone := time.FixedZone("", -330*60)
	for _, e := range []Envelope{
		{},
		{From: []Mailbox{{Local: "a", Domain: "b"}}, Sender: []Mailbox{{Local: "s", Domain: "x"}}, Cc: []Mailbox{{Name: "C", Local: "c", Domain: "d", Route: "@one,@two"}, {}}},
		{Subject: "héllo", MessageID: "<1@x>", InReplyTo: []string{"<2@x>", "<3@x>"}},
		{Date: time.Date(2026, 1, 2, 3, 4, 5, 0, zone), From: []Mailbox{{Name: "B", Local: "b", Domain: "x"}}, Sender: []Mailbox{{Name: "S", Local: "s", Domain: "x"}}, ReplyTo: []Mailbox{{Local: "g"}, {}}},
		{Date: time.Date(1, 1, 1, 0, 0, 1, 0, time.UTC), To: make([]Mailbox, 1000), Cc: []Mailbox{{Name: "a", Local: "b", Domain: "c"}}, Bcc: []Mailbox{{Name: "d", Local: "e", Domain: "f"}}},
	} {
		checkRoundTrip(t, e)
	}
}

func checkRoundTrip(t *testing.T, e Envelope) {
	t.Helper()
	b, err := e.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	var got Envelope
	if err := got.UnmarshalBinary(b); err != nil {
		t.Fatalf("%+v: %v", e, err)
	}
	if !got.Date.Equal(e.Date) || got.Date.Format(time.RFC1123Z) != e.Date.Format(time.RFC1123Z) {
		t.Errorf("date %v became %v", e.Date, got.Date)
	}
	got.Date = e.Date
	if !reflect.DeepEqual(got, e) {
		t.Errorf("got %+v\nwant %+v", got, e)
	}
}

func TestUnmarshalHostile(t *testing.T) {
	t.Parallel()
	whole, err := Envelope{Date: time.Unix(1, 0), Subject: "s", From: []Mailbox{{Name: "n", Local: "l", Domain: "d"}}, MessageID: "<x>"}.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	bad := [][]byte{nil, {envelopeVersion}, append(bytes.Clone(whole), 0), append([]byte{2}, whole[1:]...), append([]byte{1, 16}, whole[2:]...)}
	for n := range whole {
		bad = append(bad, whole[:n])
	}
	huge := []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f}
	bad = append(bad, append([]byte{envelopeVersion, 0}, huge...), append([]byte{envelopeVersion, 0, 0}, huge...))
	for _, b := range bad {
		var e Envelope
		if err := e.UnmarshalBinary(b); !errors.Is(err, ErrEnvelope) {
			t.Errorf("%x: err %v", b, err)
		}
	}
}

func FuzzEnvelope(f *testing.F) {
	b, _ := Envelope{Date: time.Unix(1, 0), Subject: "s", From: []Mailbox{{Name: "n", Local: "l", Domain: "d"}}}.MarshalBinary()
	f.Add(b, "Subject: x\r\nFrom: a@b, g:;\r\n\r\n")
	f.Add([]byte{}, "To: \"a\" <@r:b@[1.2.3.4]> (c)\r\nDate: Thu, 22 Aug 2002 18:26:25 +0700\r\n")
	f.Fuzz(func(t *testing.T, b []byte, s string) {
		var e Envelope
		if err := e.UnmarshalBinary(b); err == nil {
			checkRoundTrip(t, e)
		}
		h, err := ReadHeader(strings.NewReader(s), 0, 1<<16)
		if err != nil {
			t.Fatal(err)
		}
		checkRoundTrip(t, ReadEnvelope(h))
	})
}
