package submission

import (
	"bytes"
	"io"
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"sealpost/mail"
	"sealpost/smtp"
)

// smuggled are mails with line ends that are none (ATTACKS D02).
var smuggled = map[string]string{
	"bare LF":            "a\nb\r\n",
	"bare LF first":      "\na\r\n",
	"bare CR":            "a\rb\r\n",
	"bare CR at the end": "a\r\nb\r",
	"LF dot LF":          "a\n.\nMAIL FROM:<x@y>\r\n",
	"LF dot CRLF":        "a\n.\r\nMAIL FROM:<x@y>\r\n",
	"CRLF dot LF":        "a\r\n.\nMAIL FROM:<x@y>\r\n",
	"CRLF dot CR":        "a\r\n.\rMAIL FROM:<x@y>\r\n",
	"CR dot CR":          "a\r.\rMAIL FROM:<x@y>\r\n",
	"CR CRLF":            "a\r\r\nb\r\n",
	"NUL":                "a\x00b\r\n",
}

// TestNoBareLineEnds: whatever door a mail comes by, no bare CR or LF and no NUL gets
// out of it again, in its header or its body.
func TestNoBareLineEnds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	alice := w.account("alice@demo.test")
	for name, text := range smuggled {
		for _, data := range []string{
			"From: alice@demo.test\r\n\r\n" + text,
			"From: alice@demo.test\r\nX-Note: " + text + "\r\n\r\nx\r\n",
		} {
			a := w.send(sending{as: alice, to: []string{"carol@example.org"}, data: data})
			if !strings.HasPrefix(a.data, "554 5.6.0") {
				t.Errorf("%s: %+v", name, a)
			}
		}
	}
	for _, data := range []string{
		"From: alice@demo.test\r\n\r\n..\r\n.\r\n\r\nno end",
		"From: alice@demo.test\r\n\r\n",
		"From: alice@demo.test\r\n",
		"From: alice@demo.test\r\nSubject: no end",
	} {
		if a := w.send(sending{as: alice, to: []string{"carol@example.org"}, data: data}); !strings.HasPrefix(a.data, "250") {
			t.Errorf("%q: %+v", data, a)
		}
	}
	bare := regexp.MustCompile(`[^\r]\n|\r[^\n]|\r$|\x00|[^\n]$`)
	for _, q := range w.queued() {
		if i := bare.FindStringIndex(q.text); i != nil {
			t.Errorf("what leaves has a line without its end: %q", q.text)
		}
		if !strings.Contains(q.text, "\r\n\r\n") {
			t.Errorf("what leaves has no end of its header: %q", q.text)
		}
	}
}

// TestForeignDoors: other doors than SMTP cannot smuggle either (ATTACKS D06).
func TestForeignDoors(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	alice := w.account("alice@demo.test")
	own, there := w.address("alice@demo.test"), w.address("carol@example.org")
	peer := smtp.Peer{User: &smtp.Identity{Account: string(alice.ID)}}
	text := letterOf("From: alice@demo.test")
	evil := own
	evil.Local = "alice+\r\nBcc: x"
	to := there
	to.Local = "carol>\r\nRCPT TO:<x"
	for name, e := range map[string]smtp.Envelope{
		"sender":         {From: &evil, To: []smtp.Recipient{{Address: there}}},
		"recipient":      {From: &own, To: []smtp.Recipient{{Address: to}}},
		"ORCPT":          {From: &own, To: []smtp.Recipient{{Address: there, ORcpt: "a\r\nb"}}},
		"NOTIFY":         {From: &own, To: []smtp.Recipient{{Address: there, Notify: []string{"NEVER\r\nDATA"}}}},
		"ENVID":          {From: &own, To: []smtp.Recipient{{Address: there}}, EnvID: "a\r\nb"},
		"RET":            {From: &own, To: []smtp.Recipient{{Address: there}}, Ret: "FULL\r\n"},
		"domain with CR": {From: &own, To: []smtp.Recipient{{Address: withDomain(there, "example.org\r")}}},
	} {
		if _, err := w.handler.Submit(t.Context(), peer, e, strings.NewReader(text)); err == nil {
			t.Errorf("%s: taken", name)
		}
		if err := w.handler.System(t.Context(), e, strings.NewReader(text)); err == nil {
			t.Errorf("%s: taken of the server", name)
		}
	}
	for name, bad := range smuggled {
		e := smtp.Envelope{From: &own, To: []smtp.Recipient{{Address: there}}}
		if err := w.handler.System(t.Context(), e, strings.NewReader(text+bad)); err == nil {
			t.Errorf("%s: taken of the server", name)
		}
	}
	if n := len(w.queued()); n > 0 {
		t.Errorf("%d mails are queued", n)
	}
}

// slowLines is what lines must say, found in the simplest way.
func slowLines(b []byte) (broken bool, eight int64) {
	for i, c := range b {
		if c >= 0x80 {
			eight = int64(i) + 1
		}
	}
	for i, c := range b {
		broken = broken || c == 0 ||
			c == '\r' && (i+1 == len(b) || b[i+1] != '\n') || c == '\n' && (i == 0 || b[i-1] != '\r')
	}
	return broken, eight
}

func TestLinesInPieces(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		b := rapid.SliceOfN(rapid.SampledFrom([]byte("\r\n\r\na\x00\xe4.")), 0, 40).Draw(t, "text")
		var l lines
		for rest := b; len(rest) > 0; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "n")
			l.Write(rest[:n])
			rest = rest[n:]
		}
		broken, eight := slowLines(b)
		if l.broken() != broken || !broken && l.eight != eight || l.size != int64(len(b)) {
			t.Fatalf("%q: broken %v, eight %d", b, l.broken(), l.eight)
		}
	})
}

func TestJoined(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var all []byte
		var j mail.Joined
		for _, p := range rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), 0, 9), 0, 6).Draw(t, "parts") {
			all = append(all, p...)
			j = join(j, p)
		}
		if j.Size() != int64(len(all)) {
			t.Fatalf("size %d of %d", j.Size(), len(all))
		}
		off := rapid.IntRange(0, len(all)+2).Draw(t, "off")
		p := make([]byte, rapid.IntRange(0, len(all)+3).Draw(t, "len"))
		q := bytes.Clone(p)
		n, err := j.ReadAt(p, int64(off))
		m, want := bytes.NewReader(all).ReadAt(q, int64(off))
		if n != m || !bytes.Equal(p, q) || len(p) > 0 && (err == io.EOF) != (want == io.EOF) {
			t.Fatalf("read %d %v at %d, want %d %v", n, err, off, m, want)
		}
	})
}

func withDomain(a mail.Address, domain string) mail.Address {
	a.Domain = domain
	return a
}
