package imap_test

import (
	"strings"
	"testing"
	"time"

	"sealpost/imap"
	"sealpost/mailstore"
)

// Dates of the server are told, and their days compared, in its zone: of FETCH and
// SEARCH alike, in summer and in winter (RFC 9051, sections 2.3.3 and 6.4.4).
func TestDaysBeginInTheServersZone(t *testing.T) {
	t.Parallel()
	helsinki, err := time.LoadLocation("Europe/Helsinki")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		zone                 *time.Location
		first, second, found string
	}{
		{nil, "24-Mar-2007 21:59:59 +0000", "25-Mar-2007 21:30:00 +0000", "* SEARCH 2\r\n"},
		{helsinki, "24-Mar-2007 23:59:59 +0200", "26-Mar-2007 00:30:00 +0300", "* SEARCH\r\n"},
	} {
		h := build(t, func(s *imap.Server) { s.Zone = c.zone })
		h.row(mailstore.Append{Received: time.Date(2007, 3, 24, 21, 59, 59, 0, time.UTC)})
		h.row(mailstore.Append{Received: time.Date(2007, 3, 25, 21, 30, 0, 0, time.UTC)})
		l := h.line(t, true)
		l.signIn(h.alice)
		l.say("a SELECT INBOX\r\n")
		l.until("a OK")
		l.say("b FETCH 1:2 INTERNALDATE\r\nc SEARCH ON 25-Mar-2007\r\nd FETCH 1 SAVEDATE\r\n")
		for _, want := range []string{
			`* 1 FETCH (INTERNALDATE "` + c.first + "\")\r\n", `* 2 FETCH (INTERNALDATE "` + c.second + "\")\r\n", "b OK FETCH completed\r\n", c.found,
		} {
			if got := l.next(); got != want {
				t.Errorf("%v: %q, expected %q", c.zone, got, want)
			}
		}
		now := time.Now().UTC()
		if c.zone != nil {
			now = now.In(c.zone)
		}
		if got, want := l.until("* 1 FETCH (SAVEDATE"), now.Format(" -0700")+"\")\r\n"; !strings.HasSuffix(got, want) {
			t.Errorf("%q does not end in %q", got, want)
		}
	}
}

// A mail that names no date was sent when it came (RFC 5256, section 2.2), not when it
// was sealed.
func TestMailWithoutDateWasSentWhenItCame(t *testing.T) {
	t.Parallel()
	h := build(t)
	l := h.line(t, true)
	l.signIn(h.alice)
	l.say("a APPEND INBOX \" 2-Jan-2006 15:04:05 +0100\" {22+}\r\nFrom: c@x.example\r\n\r\nx\r\n")
	l.until("a OK")
	l.say("b SELECT INBOX\r\nc FETCH 1 ENVELOPE\r\n")
	if got := l.until("* 1 FETCH"); !strings.Contains(got, `ENVELOPE ("Mon, 02 Jan 2006 15:04:05 +0100" `) {
		t.Errorf("it shows %q", got)
	}
}
