package mail

import (
	netmail "net/mail"
	"strings"
	"testing"
	"time"
)

func TestParseDate(t *testing.T) {
	t.Parallel()
	want := time.Date(2002, 8, 22, 18, 26, 25, 0, time.FixedZone("", 7*3600))
	for _, s := range []string{
		"Thu, 22 Aug 2002 18:26:25 +0700",
		"Thu, 22 Aug 2002 18:26:25 +0700 (ICT)",
		"22 Aug 2002 18:26:25 +0700",
		"22 Aug 02 18:26:25 +0700",
		"Thu 22 Aug 2002 18:26:25 +0700",
		"Do, 22 Aug 2002 18:26:25 +0700",
		"Thu,  22  Aug  2002  18:26:25  +0700",
		"Thu, 22-Aug-2002 18:26:25 +0700",
		"Thu Aug 22 18:26:25 +0700 2002",
		"Thu, 22 Aug 2002 18:26:25 GMT+0700",
		"Thu, 22 Aug 2002 18:26:25 +07:00",
		"2002-08-22T18:26:25+07:00",
		"2002-08-22 18:26:25 +0700",
		"Thu, 22 August 2002 18:26:25 +0700",
	} {
		if got := parseDate(s); !got.Equal(want) || got.Format(time.RFC1123Z) != want.Format(time.RFC1123Z) {
			t.Errorf("%q: got %v", s, got)
		}
	}
	for _, s := range []string{"", "yesterday", "Thu, 99 Aug 2002 18:26:25 +0700", strings.Repeat("9", 1<<20)} {
		if got := parseDate(s); !got.IsZero() {
			t.Errorf("%.30q: got %v", s, got)
		}
	}
}

// The short way must say what net/mail says.
func FuzzUsualDate(f *testing.F) {
	for _, s := range []string{
		"Thu, 22 Aug 2002 18:26:25 +0700", "2 Feb 2026 00:00:00 -0000", "29 Feb 2023 00:00:00 +0000",
		"01 Jan 2026 24:00:00 +0000", "01 Jan 2026 23:59:60 +0000", "01 anF 2026 00:00:00 -1234", "00 Jan 2026 00:00:00 +2399",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, ok := usualDate(s)
		if !ok {
			return
		}
		want, err := netmail.ParseDate(s)
		if err != nil {
			want, err = netmail.ParseDate(s[5:]) // net/mail wants an English day
		}
		if err != nil || !got.Equal(want) || got.Format("-0700") != want.Format("-0700") {
			t.Errorf("%q: got %v, net/mail %v, %v", s, got, want, err)
		}
	})
}
