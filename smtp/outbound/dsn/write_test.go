package dsn

import (
	"bytes"
	"fmt"
	"io"
	"mime/multipart"
	"mime/quotedprintable"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"sealpost/mail"
	"sealpost/smtp"
)

func address(t testing.TB, s string) mail.Address {
	t.Helper()
	a, err := mail.ParseAddress(s)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// example is a notice that speaks of one recipient of each kind.
func example() Notice {
	at := func(local string) mail.Address { return mail.Address{Local: local, Domain: "far.example"} }
	return Notice{
		Hostname: "mx.near.example", From: mail.Address{Local: "MAILER-DAEMON", Domain: "near.example"},
		To: mail.Address{Local: "alice", Domain: "near.example"}, EnvID: "Q=1", MessageID: "<1@near.example>",
		Arrived: time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC), Until: time.Date(2026, 11, 25, 8, 0, 0, 0, time.UTC), Now: time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC),
		Recipients: []Recipient{
			{Address: at("gone"), ORcpt: "gone+tag@far.example", Action: Failed, Server: "mx.far.example", Reply: smtp.Reply{Code: 550, Enhanced: "5.1.1", Text: "no such user"}},
			{Address: at("old"), Action: Failed, Status: "4.4.7", Server: "mx.far.example", Reply: smtp.Reply{Code: 451, Enhanced: "4.7.1", Text: "greylisted"}},
			{Address: at("ours"), Action: Failed, Reply: smtp.Reply{Code: 554, Enhanced: "5.6.3", Text: "the other server takes no 8-bit mail"}},
			{Address: at("late"), Action: Delayed, Reply: smtp.Reply{Text: "no server answered"}},
			{Address: at("there"), Action: Delivered, Server: "mx.far.example", Reply: smtp.Reply{Code: 250, Enhanced: "2.0.0", Text: "ok"}},
			{Address: at("on"), Action: Relayed, Server: "mx.far.example", Reply: smtp.Reply{Code: 250, Text: "ok"}},
		},
	}
}

// parts takes a notice apart with the parser of the standard library.
func parts(t testing.TB, b []byte) (mail.Header, []string, []string) {
	t.Helper()
	h, err := mail.ReadHeader(bytes.NewReader(b), 0, 64<<10)
	if err != nil || !h.Clean || !h.Blank {
		t.Fatalf("header %+v, %v", h, err)
	}
	f, _ := h.Get("Content-Type")
	r := multipart.NewReader(bytes.NewReader(b[h.End:]), mail.ParseContentType(f.Value()).Params["boundary"])
	var kinds, bodies []string
	for {
		p, err := r.NextRawPart()
		if err == io.EOF {
			return h, kinds, bodies
		}
		if err != nil {
			t.Fatal(err)
		}
		var in io.Reader = p
		if encoding(p.Header) == "quoted-printable" {
			in = quotedprintable.NewReader(p)
		}
		body, err := io.ReadAll(in)
		if err != nil {
			t.Fatal(err)
		}
		kinds, bodies = append(kinds, p.Header.Get("Content-Type")), append(bodies, string(body))
	}
}

func TestWrite(t *testing.T) {
	t.Parallel()
	b, err := example().Write()
	if err != nil {
		t.Fatal(err)
	}
	h, kinds, bodies := parts(t, b)
	for name, want := range map[string]string{"Auto-Submitted": "auto-replied", "From": "Mail delivery <MAILER-DAEMON@near.example>", "To": "<alice@near.example>",
		"References": "<1@near.example>", "In-Reply-To": "<1@near.example>", "Subject": "Your mail did not reach everybody", "Date": "Fri, 20 Nov 2026 12:00:00 +0000"} {
		if got := h.Values(name); len(got) != 1 || got[0] != want {
			t.Errorf("%s: %q", name, got)
		}
	}
	if f, _ := h.Get("Content-Type"); mail.ParseContentType(f.Value()).Params["report-type"] != "delivery-status" {
		t.Error("no report-type")
	}
	if got := strings.Join(kinds, " "); got != "text/plain; charset=us-ascii message/delivery-status text/rfc822-headers" {
		t.Fatal(got)
	}
	wantFields := "Original-Envelope-Id: Q=1\r\nReporting-MTA: dns; mx.near.example\r\nArrival-Date: Fri, 20 Nov 2026 08:00:00 +0000\r\n" +
		"\r\nOriginal-Recipient: rfc822; gone+tag@far.example\r\nFinal-Recipient: rfc822; gone@far.example\r\nAction: failed\r\nStatus: 5.1.1\r\nRemote-MTA: dns; mx.far.example\r\nDiagnostic-Code: smtp; 550 5.1.1 no such user\r\n" +
		"\r\nFinal-Recipient: rfc822; old@far.example\r\nAction: failed\r\nStatus: 4.4.7\r\nRemote-MTA: dns; mx.far.example\r\nDiagnostic-Code: smtp; 451 4.7.1 greylisted\r\n" +
		"\r\nFinal-Recipient: rfc822; ours@far.example\r\nAction: failed\r\nStatus: 5.6.3\r\nDiagnostic-Code: x-sealpost; the other server takes no 8-bit mail\r\n" +
		"\r\nFinal-Recipient: rfc822; late@far.example\r\nAction: delayed\r\nStatus: 4.0.0\r\nDiagnostic-Code: x-sealpost; no server answered\r\nWill-Retry-Until: Wed, 25 Nov 2026 08:00:00 +0000\r\n" +
		"\r\nFinal-Recipient: rfc822; there@far.example\r\nAction: delivered\r\nStatus: 2.0.0\r\nRemote-MTA: dns; mx.far.example\r\nDiagnostic-Code: smtp; 250 2.0.0 ok\r\n" +
		"\r\nFinal-Recipient: rfc822; on@far.example\r\nAction: relayed\r\nStatus: 2.0.0\r\nRemote-MTA: dns; mx.far.example\r\nDiagnostic-Code: smtp; 250 ok\r\n"
	if bodies[1] != wantFields {
		t.Errorf("fields:\n%s", bodies[1])
	}
	if bodies[2] != "Message-ID: <1@near.example>\r\n" {
		t.Errorf("original: %q", bodies[2])
	}
}

// TestText: a person learns what happened, to whom, what was said and what is next.
func TestText(t *testing.T) {
	t.Parallel()
	b, err := example().Write()
	if err != nil {
		t.Fatal(err)
	}
	_, _, bodies := parts(t, b)
	for _, want := range []string{"mail server mx.near.example", "Your mail of 20 November 2026, 08:00 +0000 could not be delivered to:\r\n\r\n  gone@far.example\r\n    There is no mailbox with this address.",
		"The server mx.far.example said: 550 5.1.1 no such user", "It was tried for as long as mail is kept", "The reason: the other server takes no 8-bit mail", "It will not be tried again",
		"has not been delivered yet to:\r\n\r\n  late@far.example\r\n    The reason: no server answered", "until 25 November 2026, 08:00 +0000", "was delivered to:\r\n\r\n  there@far.example\r\n", "handed to another server", "<1@near.example>"} {
		if !strings.Contains(bodies[0], want) {
			t.Errorf("no %q in\n%s", want, bodies[0])
		}
	}
	for line := range strings.SplitSeq(bodies[0], "\r\n") {
		if len(line) > 78 {
			t.Errorf("long line %q", line)
		}
	}
}

func TestSubjects(t *testing.T) {
	t.Parallel()
	for want, actions := range map[string][]Action{
		"Your mail could not be delivered":           {Failed, Failed},
		"Your mail did not reach everybody":          {Delivered, Failed},
		"Your mail is late, and will be tried again": {Delivered, Delayed},
		"Your mail has arrived":                      {Relayed, Delivered, Expanded},
	} {
		n := example()
		n.Recipients = nil
		for _, a := range actions {
			n.Recipients = append(n.Recipients, Recipient{Address: address(t, "a@b.example"), Action: a})
		}
		if got := n.subject(); got != want {
			t.Errorf("%v: %s", actions, got)
		}
	}
}

// TestInternational: what is not ASCII goes in the forms of RFC 6533 when its
// reader can take them, and in ASCII otherwise.
func TestInternational(t *testing.T) {
	t.Parallel()
	n := example()
	n.Recipients = []Recipient{{Address: address(t, "jürgen+x@bücher.example"), ORcpt: "jürgen@x.example", Action: Failed}, {Address: address(t, "a@bücher.example"), Action: Failed}}
	b, err := n.Write()
	if err != nil {
		t.Fatal(err)
	}
	_, kinds, bodies := parts(t, b)
	if !ascii(string(b)) || n.UTF8() || kinds[1] != "message/delivery-status" ||
		!strings.Contains(bodies[1], `Final-Recipient: utf-8; j\x{FC}rgen\x{2B}x@b\x{FC}cher.example`) ||
		!strings.Contains(bodies[1], `Final-Recipient: rfc822; a@xn--bcher-kva.example`) ||
		!strings.Contains(bodies[1], `Original-Recipient: utf-8; j\x{FC}rgen@x.example`) || !strings.Contains(bodies[0], "jürgen+x@bücher.example") {
		t.Errorf("to an ASCII sender:\n%s", b)
	}
	n.To = address(t, "zoë@bücher.example")
	if b, err = n.Write(); err != nil {
		t.Fatal(err)
	}
	h, kinds, bodies := parts(t, b)
	to, _ := h.Get("To")
	f, _ := h.Get("Content-Type")
	if !n.UTF8() || strings.Join(kinds, " ") != "text/plain; charset=utf-8 message/global-delivery-status message/global-headers" || to.Value() != "<zoë@bücher.example>" ||
		!strings.Contains(f.Value(), "report-type=global-delivery-status") || !strings.Contains(bodies[1], "Final-Recipient: utf-8; jürgen+x@bücher.example\r\n") {
		t.Errorf("to a UTF-8 sender:\n%s", b)
	}
}

func TestStatusFitsAction(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		action      Action
		given, want string
	}{{Failed, "5.1.1", "5.1.1"}, {Failed, "4.4.7", "4.4.7"}, {Failed, "2.0.0", "5.0.0"}, {Failed, "", "5.0.0"}, {Delayed, "5.1.1", "4.0.0"}, {Delayed, "4.2.2", "4.2.2"}, {Delivered, "5.1.1", "2.0.0"}, {Relayed, "", "2.0.0"}, {Failed, "5.1.1\r\nX: y", "5.0.0"}} {
		if got := (Recipient{Action: c.action, Reply: smtp.Reply{Enhanced: c.given}}).status(); got != c.want {
			t.Errorf("%s %q: %s", c.action, c.given, got)
		}
	}
}

func TestNobody(t *testing.T) {
	t.Parallel()
	n := example()
	n.To = mail.Address{}
	if _, err := n.Write(); err == nil {
		t.Error("a notice to nobody")
	}
	n = example()
	n.Recipients = nil
	if _, err := n.Write(); err == nil {
		t.Error("a notice of nobody")
	}
}

// TestHostileWords: whatever another server said and a sender wrote into an
// envelope, the notice is CRLF lines of bounded length with the fields it would
// have had, and our own parser reads all recipients back.
func TestHostileWords(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		words := func(label string) string {
			return rapid.OneOf(rapid.String(), rapid.StringOfN(rapid.SampledFrom([]rune("\r\n-:x <>@;é\x00 ")), 0, 40, -1), rapid.Just("\r\n--=_"), rapid.SampledFrom([]string{strings.Repeat("x", 1500), strings.Repeat("é", 900), strings.Repeat("long ", 300)})).Draw(r, label)
		}
		n := example()
		n.Recipients = n.Recipients[1:4]
		n.EnvID, n.MessageID, n.Hostname = words("envid"), words("msgid"), words("host")
		for i := range n.Recipients {
			n.Recipients[i].Address.Local, n.Recipients[i].ORcpt = words("local"), words("orcpt")
			n.Recipients[i].Server, n.Recipients[i].Reply.Text, n.Recipients[i].Reply.Enhanced = words("server"), words("text"), words("enhanced")
		}
		b, err := n.Write()
		if err != nil {
			r.Fatal(err)
		}
		if rest := strings.ReplaceAll(string(b), "\r\n", ""); strings.ContainsAny(rest, "\r\n\x00") {
			r.Fatalf("line ends in %q", b)
		}
		for line := range strings.SplitSeq(string(b), "\r\n") {
			if len(line) > 998 {
				r.Fatalf("a line of %d", len(line))
			}
		}
		if got, err := Parse(bytes.NewReader(b)); err != nil || len(got.Recipients) != len(n.Recipients) {
			r.Fatalf("%d recipients, %v in\n%s", len(got.Recipients), err, b)
		}
		if h, kinds, _ := parts(t, b); len(h.Fields) != 10 && len(h.Fields) != 8 || len(kinds) > 3 {
			r.Fatalf("%d fields, parts %q", len(h.Fields), kinds)
		}
	})
}

// TestMessageIDHoldsNoWords (D17): what should be a Message-ID and is the words
// of a mail names nothing.
func TestMessageIDHoldsNoWords(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"the canary sings", "<the canary sings@x>", "<canary>", "<canary@x> <canary@y>", "<canary@x", "canary@x", "<canary@x>\r\nSubject: canary", "<canäry@x>"} {
		n := example()
		n.MessageID = id
		b, err := n.Write()
		if err != nil || bytes.Contains(b, []byte("canary")) {
			t.Errorf("%q: %v in %s", id, err, b)
		}
		if _, kinds, _ := parts(t, b); len(kinds) != 2 {
			t.Errorf("%q: %v", id, kinds)
		}
	}
}

// TestWhatWeWriteWeRead brings a notice back.
func TestWhatWeWriteWeRead(t *testing.T) {
	t.Parallel()
	b, err := example().Write()
	if err != nil {
		t.Fatal(err)
	}
	r, err := Parse(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	if r.Reporter != "mx.near.example" || r.EnvID != "Q=1" || r.MessageID != "<1@near.example>" || !r.Arrived.Equal(example().Arrived) || len(r.Recipients) != 6 {
		t.Errorf("%+v", r)
	}
	if got := fmt.Sprint(r.Recipients[0]); got != fmt.Sprint(Status{Address: "gone@far.example", Original: "gone+tag@far.example", Action: Failed, Status: "5.1.1", Server: "mx.far.example", Diagnostic: "550 5.1.1 no such user"}) {
		t.Error(got)
	}
	if r.Recipients[3].Action != Delayed || !r.Recipients[3].Until.Equal(example().Until) {
		t.Errorf("%+v", r.Recipients[3])
	}
}
